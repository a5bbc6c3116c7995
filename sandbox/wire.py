"""The JSON form of jobs and outcomes. `job_from_json` is the door for data from outside and names what it refuses."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, get_args

from openqwq.sandbox.harness import Harness, harness_from_json, harness_to_json
from openqwq.sandbox.jobs import (
    LANGUAGES,
    MODES,
    Compare,
    InvalidJob,
    Job,
    JobVerdict,
    Limits,
    Outcome,
    TestCase,
    TestResult,
    TestStatus,
    validate_job,
)
from openqwq.sandbox.outside_data import levels

_ALIASES = {
    "python3": "python",
    "py": "python",
    "py3": "python",
    "c++": "cpp",
    "cxx": "cpp",
    "js": "javascript",
    "nodejs": "javascript",
    "node": "javascript",
    "node.js": "javascript",
}
_JSON_TYPES = (dict, str, int, float, type(None))
_SIMPLE_TYPES = {str, int, float, bool, list, type(None)}
_MAX_KEYS_FOR_HINTS = 64
_MAX_HINTED_CHARACTERS = 40
"""A mistyped name is looked for among few and short ones: the search takes a second for some ten thousand keys."""
_FIELDS = (
    "language",
    "code",
    "mode",
    "entry_point",
    "tests",
    "asserts",
    "setup",
    "compare",
    "limits",
    "stop_on_first_failure",
    "harness",
)


def _typed(data: Mapping[str, Any], name: str, kind: type, default: Any, where: str = "") -> Any:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidJob(
            where + name,
            value,
            {str: "a string", bool: "true or false", list: "a list"}.get(kind, "an object"),
        )
    return value


def job_from_json(data: object) -> Job:
    """Read a job. A key that looks like a misspelt field is refused; other unknown keys are ignored."""
    if not isinstance(data, Mapping):
        raise InvalidJob("job", data, "a JSON object")
    for key in _names_to_hint(data, _FIELDS):
        near = difflib.get_close_matches(key, _FIELDS, 1, 0.8)
        if near and near[0] not in data:
            raise InvalidJob(ascii(key)[1:-1], data[key], f"no such field; did you mean {near[0]}?")
    if not isinstance(data.get("code"), str):
        raise InvalidJob("code", data.get("code"), "a string holding the program")
    asserts = _typed(data, "asserts", list, [])
    for index, text in enumerate(asserts):
        if not isinstance(text, str):
            raise InvalidJob(f"asserts[{index}]", text, "a string")
    entry_point = _typed(data, "entry_point", str, None)
    mode = _typed(data, "mode", str, "call" if entry_point else "stdin")
    tests = tuple(_test(index, test, mode) for index, test in enumerate(_typed(data, "tests", list, [])))
    if not tests and asserts and mode in MODES:
        mode = "asserts"
    limits, compare = _typed(data, "limits", dict, {}), _typed(data, "compare", dict, {})
    _refuse_unknown("limits", limits, ("time_s", "memory_mb", "output_bytes"))
    _refuse_unknown("compare", compare, ("float_tol", "rel"))
    limits = {key: value for key, value in limits.items() if value is not None}
    defaults = Limits()
    return validate_job(
        Job(
            code=data["code"],
            language=_language(_typed(data, "language", str, "python")),
            mode=mode,
            entry_point=entry_point,
            tests=tests,
            asserts=tuple(asserts),
            setup=_typed(data, "setup", str, ""),
            compare=Compare(compare.get("float_tol"), _typed(compare, "rel", bool, False, "compare.")),
            limits=Limits(
                limits.get("time_s", defaults.time_seconds),
                _whole(limits.get("memory_mb", defaults.memory_mb)),
                _whole(limits.get("output_bytes", defaults.output_bytes)),
            ),
            stop_on_first_failure=_typed(data, "stop_on_first_failure", bool, True),
            harness=_harness(_typed(data, "harness", dict, {})),
        )
    )


def _harness(data: Mapping[str, Any]) -> Harness:
    try:
        return harness_from_json(data)
    except ValueError as problem:
        raise InvalidJob("harness", dict(data), str(problem)) from problem


def _refuse_unknown(name: str, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a key that resembles a known one, since it would be ignored silently."""
    for key in _names_to_hint(data, known):
        near = difflib.get_close_matches(key, known, 1, 0.5)
        if near:
            raise InvalidJob(f"{name}.{ascii(key)[1:-1]}", data[key], f"no such field; did you mean {near[0]}?")


def _names_to_hint(data: Mapping[Any, Any], known: tuple[str, ...]) -> list[str]:
    """The keys that may be misspelt fields, none when there are too many to look at."""
    if len(data) > _MAX_KEYS_FOR_HINTS:
        return []
    return [key for key in data if isinstance(key, str) and len(key) <= _MAX_HINTED_CHARACTERS and key not in known]


def _whole(number: Any) -> Any:
    """JSON and parquet do not tell 512.0 from 512."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _language(name: str) -> str:
    """The name of a language for any of its usual spellings; another name as it is, to be refused with its value."""
    word = name.strip().lower()
    return word if word in LANGUAGES else _ALIASES.get(word, name)


def _test(index: int, data: object, mode: str) -> TestCase:
    needed = ("input",) if mode == "run" else ("input", "output")
    if not isinstance(data, Mapping) or not all(name in data for name in needed):
        raise InvalidJob(f"tests[{index}]", data, f"an object with {' and '.join(needed)}")
    return TestCase(data["input"], data.get("output"))


def job_to_json(job: Job) -> dict[str, Any]:
    """The form that `job_from_json` reads. Raises InvalidJob for values that JSON would change."""
    limits = job.limits
    for index, test in enumerate(job.tests if job.mode == "call" else ()):
        # A wanted tuple equals a wanted list; as arguments of a function they differ.
        for name, value, lists in (("input", list(test.input), (list,)), ("output", test.output, (list, tuple))):
            if not _survives_json(value, lists):
                allowed = "what JSON can carry: lists, mappings with text keys, text, numbers, true, false, null"
                raise InvalidJob(f"tests[{index}].{name}", value, allowed)
    return {
        "language": job.language,
        "code": job.code,
        "mode": job.mode,
        "entry_point": job.entry_point,
        "tests": [{"input": test.input, "output": test.output} for test in job.tests],
        "asserts": list(job.asserts),
        "setup": job.setup,
        "compare": {"float_tol": job.compare.float_tol, "rel": job.compare.rel},
        "limits": {
            "time_s": limits.time_seconds,
            "memory_mb": limits.memory_mb,
            "output_bytes": limits.output_bytes,
        },
        "stop_on_first_failure": job.stop_on_first_failure,
        **({"harness": harness} if (harness := harness_to_json(job.harness)) else {}),
    }


def job_to_text(job: Job) -> str:
    """`job_to_json` as text. Raises InvalidJob for every job that no server would get as it is."""
    try:
        return json.dumps(job_to_json(job), separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as problem:
        if isinstance(problem, InvalidJob):
            raise
        raise InvalidJob(
            "job", job.code[:40], f"what JSON can carry ({type(problem).__name__}: {problem})"
        ) from problem


def _survives_json(value: object, lists: tuple[type, ...]) -> bool:
    for level, kinds in levels(value):
        if not all(issubclass(kind, (*lists, *_JSON_TYPES)) for kind in kinds):
            return False
        mappings = [one for one in level if isinstance(one, dict)] if kinds - _SIMPLE_TYPES else []
        if any({*map(type, one)} - {str} for one in mappings):
            return False
    return True


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    tests = [
        {
            "status": test.status,
            "detail": test.detail,
            "seconds": round(test.seconds, 6),
            "wall_seconds": round(test.wall_seconds, 6),
            "memory_mb": round(test.memory_mb, 2),
            **({"output": test.output} if test.output else {}),
        }
        for test in outcome.tests
    ]
    return {
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "isolation": outcome.isolation,
        "seconds": round(outcome.seconds, 6),
        "is_retryable": outcome.is_retryable,
        "tests": tests,
    }


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    verdict = data["verdict"]
    if verdict not in get_args(JobVerdict):
        raise InvalidJob("verdict", verdict, f"one of {', '.join(get_args(JobVerdict))}")
    for index, test in enumerate(data.get("tests", ())):
        if test["status"] not in get_args(TestStatus):
            raise InvalidJob(f"tests[{index}].status", test["status"], f"one of {', '.join(get_args(TestStatus))}")
    tests = tuple(
        TestResult(
            test["status"],
            test.get("detail", ""),
            test.get("seconds", 0.0),
            test.get("wall_seconds", 0.0),
            test.get("memory_mb", 0.0),
            test.get("output", ""),
        )
        for test in data.get("tests", ())
    )
    return Outcome(
        verdict,
        tests,
        data.get("isolation", "none"),
        data.get("reason", ""),
        data.get("seconds", 0.0),
        data.get("is_retryable", False) is True,
    )

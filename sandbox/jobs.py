"""What is asked of the sandbox and what it answers: frozen records and their JSON form on the wire.

Nothing here runs anything. `job_from_json` is the only door for data from outside and names what it refuses.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, cast, get_args

Mode = Literal["stdin", "call", "asserts"]
JobVerdict = Literal["pass", "fail", "error"]
TestStatus = Literal[
    "pass",
    "wrong_output",
    "runtime_error",
    "compile_error",
    "time_limit",
    "memory_limit",
    "process_limit",
    "output_limit",
    "no_result",
    "not_run",
]
"""How a test ended. wrong_output: the comparison failed, or an assert; runtime_error: an exit status other than 0, or a
signal; no_result: the program ended before it answered; not_run: after a failure, or after a compile_error."""

LANGUAGES = ("python", "cpp", "javascript")
_ALIASES = {
    "python3": "python",
    "py": "python",
    "c++": "cpp",
    "js": "javascript",
    "nodejs": "javascript",
    "node": "javascript",
}
MODES = ("stdin", "call", "asserts")
MAX_CODE_BYTES = 1 << 20
MAX_TESTS = 1000
_FIELDS = (
    "language",
    "code",
    "mode",
    "entry_point",
    "tests",
    "asserts",
    "compare",
    "limits",
    "stop_on_first_failure",
)


class InvalidJob(ValueError):
    """A job that cannot be run as asked: `field`, its `value` (shortened) and what is `allowed`."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        text = repr(value)
        self.field, self.value, self.allowed = (
            field,
            text if len(text) <= 120 else text[:117] + "...",
            allowed,
        )
        super().__init__(f"{field} is {self.value}; allowed: {allowed}")


@dataclass(frozen=True)
class Limits:
    """Bounds of one test. Example: `Limits(time_seconds=4.0, memory_mb=1024)`."""

    time_seconds: float = 2.0
    """CPU time; wall time may reach max(2 x this, this + 1 s), since a loaded host stretches wall time."""
    memory_mb: int = 512
    """Memory of all processes of the program together, its temporary files included."""
    output_bytes: int = 16 << 20
    """Standard output, or the encoded return value."""

    @property
    def wall_seconds(self) -> float:
        return max(2 * self.time_seconds, self.time_seconds + 1.0)


@dataclass(frozen=True)
class TestCase:
    """One test. stdin mode: text in, text out. call mode: list of arguments in, return value out."""

    __test__ = False  # not a test class of pytest

    input: Any
    output: Any


@dataclass(frozen=True)
class Compare:
    """How an answer is compared. Exact unless a tolerance is asked for.

    Text is compared line by line with trailing space dropped. Returned values must be plain data; tuple and list
    count as the same, bool and int do not, int and float are equal when they are exactly the same number.
    """

    float_tol: float | None = None
    """Two numbers a (wanted), b count as equal when |a - b| <= float_tol, or with `rel` float_tol * max(1, |a|)."""
    rel: bool = False


@dataclass(frozen=True)
class Job:
    """One program and its tests. Example: `Job("print(int(input()) + 1)", tests=(TestCase("1", "2"),))`."""

    code: str
    language: str = "python"
    mode: Mode = "stdin"
    entry_point: str | None = None
    """Function to call (call mode), or the name handed to `check` (asserts mode)."""
    tests: tuple[TestCase, ...] = ()
    asserts: tuple[str, ...] = ()
    """Python test texts: assert lines, or one that defines `check(candidate)`. They share one program process."""
    compare: Compare = field(default_factory=Compare)
    limits: Limits = field(default_factory=Limits)
    stop_on_first_failure: bool = True


@dataclass(frozen=True)
class TestResult:
    """How one test ended."""

    __test__ = False

    status: TestStatus
    detail: str = ""
    """A short human reading: the difference, or the end of the traceback."""
    seconds: float = 0.0
    """CPU seconds used."""
    wall_seconds: float = 0.0
    memory_mb: float = 0.0
    """Largest resident memory of the program's main process."""


@dataclass(frozen=True)
class Outcome:
    """The answer to a job. `error` means that it could not be judged, and is never a statement on the program."""

    verdict: JobVerdict
    tests: tuple[TestResult, ...] = ()
    isolation: str = "none"
    """Level at which the program ran, decided by trying attacks (see `probe.py`)."""
    reason: str = ""
    seconds: float = 0.0
    """Wall seconds from the start of the run to the verdict."""
    is_retryable: bool = False
    """An `error` of the infrastructure: the same job may be judged at the next try. False: it never can be."""


def validate_job(job: Job) -> Job:
    """Check a job built in Python or read from JSON; InvalidJob names the field."""
    if job.language not in LANGUAGES:
        raise InvalidJob("language", job.language, f"one of {', '.join(LANGUAGES)}")
    if len(job.code.encode(errors="surrogatepass")) > MAX_CODE_BYTES:
        raise InvalidJob("code", f"{len(job.code)} characters", f"at most {MAX_CODE_BYTES} bytes")
    if job.mode not in MODES:
        raise InvalidJob("mode", job.mode, f"one of {', '.join(MODES)}")
    if job.language != "python" and job.mode != "stdin":
        raise InvalidJob("mode", job.mode, f"stdin, for a program in {job.language}")
    if job.mode == "call" and not (job.entry_point and job.entry_point.isidentifier()):
        raise InvalidJob("entry_point", job.entry_point, "the name of the function that call mode calls")
    if job.mode == "asserts":
        _check_count("asserts", len(job.asserts))
    else:
        _check_count("tests", len(job.tests))
    for index, test in enumerate(job.tests if job.mode != "asserts" else ()):
        if job.mode == "stdin":
            for name, value in (("input", test.input), ("output", test.output)):
                if not isinstance(value, str):
                    raise InvalidJob(f"tests[{index}].{name}", value, "a string (stdin mode)")
        elif not isinstance(test.input, list | tuple):
            raise InvalidJob(f"tests[{index}].input", test.input, "a list of arguments (call mode)")
    _check_number("limits.time_s", job.limits.time_seconds, 0.01, 300.0)
    _check_number("limits.memory_mb", job.limits.memory_mb, 32, 65536)
    for name in ("memory_mb", "output_bytes"):
        if not isinstance(getattr(job.limits, name), int):
            raise InvalidJob(f"limits.{name}", getattr(job.limits, name), "a whole number")
    _check_number("limits.output_bytes", job.limits.output_bytes, 1, 1 << 28)
    if job.compare.float_tol is not None:
        _check_number("compare.float_tol", job.compare.float_tol, 0.0, 1.0)
    return job


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= MAX_TESTS:
        raise InvalidJob(name, f"{count} entries", f"1 to {MAX_TESTS} entries")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidJob(name, value, f"a number from {low:g} to {high:g}")


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
    """Read the wire form. A key that looks like a misspelt field is refused; other unknown keys are ignored."""
    if not isinstance(data, Mapping):
        raise InvalidJob("job", data, "a JSON object")
    for key in data:
        if key in _FIELDS:
            continue
        near = difflib.get_close_matches(str(key), _FIELDS, 1, 0.8)
        if near and near[0] not in data:
            raise InvalidJob(ascii(key)[1:-1], data[key], f"no such field; did you mean {near[0]}?")
    if not isinstance(data.get("code"), str):
        raise InvalidJob("code", data.get("code"), "a string holding the program")
    tests = tuple(_test(index, test) for index, test in enumerate(_typed(data, "tests", list, [])))
    asserts = _typed(data, "asserts", list, [])
    for index, text in enumerate(asserts):
        if not isinstance(text, str):
            raise InvalidJob(f"asserts[{index}]", text, "a string")
    entry_point = _typed(data, "entry_point", str, None)
    mode = _typed(data, "mode", str, "call" if entry_point else "stdin")
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
            compare=Compare(compare.get("float_tol"), _typed(compare, "rel", bool, False, "compare.")),
            limits=Limits(
                limits.get("time_s", defaults.time_seconds),
                limits.get("memory_mb", defaults.memory_mb),
                limits.get("output_bytes", defaults.output_bytes),
            ),
            stop_on_first_failure=_typed(data, "stop_on_first_failure", bool, True),
        )
    )


def _refuse_unknown(name: str, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """A key that resembles a known one, or that only looks like another spelling of it, would be missed silently."""
    for key in data:
        near = difflib.get_close_matches(str(key), known, 1, 0.5)
        if near and key not in known:
            raise InvalidJob(f"{name}.{ascii(key)[1:-1]}", data[key], f"no such field; did you mean {near[0]}?")


def _language(name: str) -> str:
    """The usual spellings of a language are as good as its name."""
    return _ALIASES.get(name.lower(), name)


def _test(index: int, data: object) -> TestCase:
    if not isinstance(data, Mapping) or "input" not in data or "output" not in data:
        raise InvalidJob(f"tests[{index}]", data, "an object with input and output")
    return TestCase(data["input"], data["output"])


def job_to_json(job: Job) -> dict[str, Any]:
    """The wire form that `job_from_json` reads. InvalidJob for values that JSON would change."""
    limits = job.limits
    for index, test in enumerate(job.tests if job.mode == "call" else ()):
        # A wanted tuple and a wanted list count as the same; to a function they are not.
        for name, value, lists in (("input", list(test.input), list), ("output", test.output, list | tuple)):
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
        "compare": {"float_tol": job.compare.float_tol, "rel": job.compare.rel},
        "limits": {
            "time_s": limits.time_seconds,
            "memory_mb": limits.memory_mb,
            "output_bytes": limits.output_bytes,
        },
        "stop_on_first_failure": job.stop_on_first_failure,
    }


def _survives_json(value: object, lists: type | UnionType) -> bool:
    if isinstance(value, lists):
        return all(_survives_json(item, lists) for item in cast(Sequence[object], value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _survives_json(item, lists) for key, item in value.items())
    return value is None or isinstance(value, str | int | float)


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    tests = [
        {
            "status": test.status,
            "detail": test.detail,
            "seconds": round(test.seconds, 6),
            "wall_seconds": round(test.wall_seconds, 6),
            "memory_mb": round(test.memory_mb, 2),
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


def error_outcome(reason: str, isolation: str = "none") -> Outcome:
    """Trouble of the infrastructure, that may pass. What no try can judge is Outcome("error", reason=...) instead."""
    return Outcome("error", reason=reason, isolation=isolation, is_retryable=True)

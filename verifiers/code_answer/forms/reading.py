"""Reads a reference of any form into a plan. The layouts of docs/data_forms.md are all read by this one reader."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.code_answer.forms.asking import python_of, refuse_what_asks_nothing
from openqwq.verifiers.code_answer.forms.cases import Case, Cases, as_call, as_text, function_in
from openqwq.verifiers.code_answer.forms.catalogue import Form, form_named, recognised
from openqwq.verifiers.code_answer.forms.layout import came_as_text, tests_of, texts_of, unwrapped
from openqwq.verifiers.code_answer.forms.limits import limits_of
from openqwq.verifiers.code_answer.forms.signature import Signature, method_in, signature
from openqwq.verifiers.code_answer.forms.texts import opened
from openqwq.verifiers.code_answer.languages import language_of
from openqwq.verifiers.code_answer.plan import Plan
from openqwq.verifiers.code_answer.sampling import sampled

if TYPE_CHECKING:
    from openqwq.sandbox.jobs import Job

MAX_TESTS = 1000
_DOTTED = re.compile(r"([A-Za-z_]\w*)(?:\(\s*\))?\.([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Defaults:
    """What a recipe sets for rows that do not say it themselves. Example: Defaults(form="apps", max_tests=50)."""

    form: str = ""
    language: str = ""
    preamble: str = ""
    setup: str = ""
    score: str = "all"
    max_tests: int = MAX_TESTS
    compare: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)


def plan_of(reference: Any, defaults: Defaults) -> Plan:
    """The plan of a reference, which is JSON-safe.

    Raises:
        VerifierError: no program could be judged by it; the message says what is missing or wrong.
        InvalidJob: the sandbox would refuse its jobs.
    """
    row = unwrapped(reference)
    named = row.get("form") or defaults.form
    form = form_named(named) if named else None
    texts, found = list(texts_of(row)), None
    if not texts:
        found = tests_of(row)
    if form is not None and form.kind != "any" and (form.kind == "texts") != bool(texts) and (texts or found):
        has = "texts of tests" if texts else "inputs and outputs"
        raise VerifierError(f"a row of form {form.name} has its tests in {form.example}; this one has {has}")
    if found is None and not texts:
        where = f"; a row of form {form.name} has them in {form.example}" if form else ""
        raise VerifierError(f"a code reference needs tests, asserts or test, and has none{where}")
    reader = _Reader(row, form or recognised(set(row), set(found.keys if found else ()), came_as_text(row)), defaults)
    return reader.plan_of_texts(texts) if found is None else reader.plan_of_cases(found)


class _Reader:
    """Turns the parts of one row into jobs."""

    def __init__(self, row: Mapping[str, Any], form: Form, defaults: Defaults) -> None:
        self.row, self.form, self.defaults = row, form, defaults
        self.seed = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()

    def plan_of_texts(self, texts: list[str]) -> Plan:
        refuse_what_asks_nothing(texts)
        entry_point = self._entry_point("")
        prompt = self._prompt()
        setup = "\n".join([*self._setup(), _helpers(prompt, entry_point)]).strip("\n")
        num_all = len(texts)
        texts = sampled(texts, [len(json.dumps(text)) for text in texts], self._max_tests(), self.seed)
        name = entry_point
        if entry_point and not entry_point.isidentifier():
            # The judge hands over names; an expression like Solution().f is asked for by a line of the test's own.
            owner, method = _parted(entry_point)
            asked = f"{owner}().{method}" if owner else entry_point
            texts = [f"{text}\n\ncheck({asked})\n" if _defines_check(text) else text for text in texts]
            name = ""
        wire = {
            "asserts": texts,
            "entry_point": name or None,
            "setup": f"{setup}\n" if setup else "",
            "harness": {"prompt": prompt, "usual_imports": self._has_usual_imports(bool(entry_point != name))},
        }
        return self._plan([{**wire, "mode": "asserts"}], len(texts), num_all)

    def plan_of_cases(self, found: Cases) -> Plan:
        cases = sampled(found.cases, [_size(case) for case in found.cases], self._max_tests(), self.seed)
        groups: dict[tuple[str, str], list[tuple[int, Case]]] = {}
        for index, case in enumerate(cases):
            groups.setdefault(self._target(case, found), []).append((index, case))
        wires = [
            self._calls(name, own, found) if mode == "call" else self._runs(own) for (mode, name), own in groups.items()
        ]
        return self._plan(wires, len(cases), len(found.cases))

    def _target(self, case: Case, found: Cases) -> tuple[str, str]:
        """(mode, function) of a test."""
        name = self._entry_point(case.entry_point or found.entry_point)
        mode = case.mode or self.row.get("mode") or ("call" if name else "stdin")
        if mode not in ("call", "stdin"):
            raise VerifierError(f"mode is {str(mode)[:40]!r}; allowed with inputs and outputs: stdin, call")
        if mode == "call" and not name and (name := method_in(self._starter())) == "":
            raise VerifierError(
                "the tests call a function and none is named; map entry_point, fn_name, metadata or starter_code"
            )
        return mode, name if mode == "call" else ""

    def _entry_point(self, of_test: str) -> str:
        given = of_test or self._text("entry_point") or self._text("fn_name") or self._text("func_name")
        if not given and "metadata" in self.row:
            given = function_in(self.row["metadata"], "metadata")
        return given.strip()

    def _text(self, key: str, default: str = "") -> str:
        value = self.row.get(key, default)
        if not isinstance(value, str):
            raise VerifierError(f"{key} of a code reference must be a text, got {type(value).__name__}")
        return value

    def _calls(self, name: str, cases: list[tuple[int, Case]], found: Cases) -> dict[str, Any]:
        owner, method = _parted(name)
        tests = [as_call(case, f"tests[{index}]") for index, case in cases]
        says = signature(self._starter(), method)
        harness: dict[str, Any] = {"prompt": self._prompt(), "usual_imports": self._has_usual_imports(True)}
        if owner not in ("", "Solution"):
            harness["owner"] = owner
        if says is not None and any(wanted is not None for _, wanted in tests):
            harness["node_kinds"] = list(says.node_kinds)
        harness["is_wrapped"] = self._is_wrapped([wanted for _, wanted in tests], says, found)
        return {
            "mode": "call",
            "entry_point": method,
            "tests": [{"input": given, "output": wanted} for given, wanted in tests],
            "harness": {key: value for key, value in harness.items() if value},
        }

    def _is_wrapped(self, wanted: list[Any], says: Signature | None, found: Cases) -> bool:
        """True where every wanted value is a list of one value, as APPS wraps them, and nothing says that it is meant
        so."""
        if not found.keys & {"fn_name", "type"} or not all(isinstance(one, list) and len(one) == 1 for one in wanted):
            return False
        depth = says.list_depth if says is not None else None
        # A list that is said to be returned is meant so, unless each wanted value is a list of lists and it is flat.
        return not depth or (depth == 1 and all(isinstance(one[0], list) for one in wanted))

    def _runs(self, cases: list[tuple[int, Case]]) -> dict[str, Any]:
        tests = [
            {
                "input": as_text(case.input, f"tests[{index}].input"),
                "output": as_text(case.output, f"tests[{index}].output"),
            }
            for index, case in cases
        ]
        checker = self._text("checker") or self._text("generated_checker")
        python_of(checker, "checker")
        has_files = self._text("input_mode") in ("file", "files")
        harness = {
            "prompt": self._prompt(),
            "usual_imports": self._has_usual_imports(False),
            "checker": checker,
            "input_file": self._text("input_file") or ("input.txt" if has_files else ""),
            "output_file": self._text("output_file") or ("output.txt" if has_files else ""),
        }
        return {"mode": "stdin", "tests": tests, "harness": {key: value for key, value in harness.items() if value}}

    def _starter(self) -> str:
        return next((text for key in ("starter_code", "prompt") if (text := self._text(key)).strip()), "")

    def _prompt(self) -> str:
        """The text that an answer continues or builds on."""
        prompt, starter = self._text("prompt"), self._text("starter_code")
        parts = (self._text("preamble", self.defaults.preamble), prompt, "" if starter.strip() in prompt else starter)
        return "\n".join(part for part in parts if part)

    def _setup(self) -> Iterator[str]:
        for key in ("setup", "test_setup_code", "test_imports"):
            value = self.row.get(key, self.defaults.setup if key == "setup" else None)
            if isinstance(value, str):
                value = opened(value, key) if value.lstrip().startswith("[") else value
            texts = value if isinstance(value, list) else [value] if value else []
            if bad := [one for one in texts if not isinstance(one, str)]:
                raise VerifierError(f"{key} must be a text or a list of texts, got {type(bad[0]).__name__}")
            yield from texts

    def _has_usual_imports(self, calls_a_method: bool) -> bool:
        given = self.row.get("usual_imports")
        return bool(given) if isinstance(given, bool) else self.form.usual_imports or calls_a_method

    def _max_tests(self) -> int:
        given = self.row.get("max_tests", self.defaults.max_tests)
        if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MAX_TESTS:
            raise VerifierError(f"max_tests is {given!r}; allowed: 1 to {MAX_TESTS}")
        return given

    def _language(self) -> str:
        given = self.row.get("language") or self.defaults.language
        language = language_of(given) if isinstance(given, str) else ""
        if given and not language:
            raise VerifierError(f"language is {given!r}; allowed: python, cpp or javascript, by any usual name")
        return language

    def _plan(self, wires: list[dict[str, Any]], num_used: int, num_all: int) -> Plan:
        from openqwq.sandbox.wire import job_from_json

        score = self.row.get("score", self.defaults.score)
        if score not in ("all", "share"):
            raise VerifierError(f"score is {score!r}; allowed: all, share")
        compare = self.row.get("compare") or self.defaults.compare or self.form.compare
        common = {
            "code": "",
            "language": self._language() or "python",
            "compare": dict(compare) if isinstance(compare, Mapping) else compare,
            "limits": {**self.defaults.limits, **limits_of(self.row)},
            "stop_on_first_failure": score == "all",
        }
        solution = self.row.get("solution")
        return Plan(
            tuple(_checked(job_from_json(_fitting({**common, **wire}))) for wire in wires),
            self._language(),
            score,
            "" if num_used == num_all else f"{num_used} of the row's {num_all} tests, drawn by the row",
            solution if isinstance(solution, str) else "",
        )


def _checked(job: Job) -> Job:
    """The job, once it has been written as it will be sent. Raises InvalidJob."""
    from openqwq.sandbox.wire import job_to_json

    json.dumps(job_to_json(job))
    return job


def _fitting(wire: dict[str, Any]) -> dict[str, Any]:
    """The job without what only Python has, where its program is in another language."""
    harness = {key: value for key, value in wire["harness"].items() if value}
    if wire["language"] != "python":
        harness = {key: value for key, value in harness.items() if key not in ("prompt", "usual_imports")}
    return {**wire, "harness": harness}


def _parted(name: str) -> tuple[str, str]:
    """(class or nothing, function) of `f`, `Solution.f` and `Solution().f`."""
    dotted = _DOTTED.fullmatch(name)
    return (dotted[1], dotted[2]) if dotted else ("", name)


def _defines_check(text: str) -> bool:
    return re.search(r"^def\s+check\b", text, re.MULTILINE) is not None


def _helpers(prompt: str, entry_point: str) -> str:
    from openqwq.sandbox.inside.joining import finished

    return finished(prompt, entry_point) if prompt.strip() else ""


def _size(case: Case) -> int:
    return len(json.dumps((case.input, case.output)))  # as it is sent: a character may take six bytes

"""The `code` verifier: the program in an answer runs against the row's tests in the sandbox, never in this process."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.code_answer.forms.catalogue import form_named
from openqwq.verifiers.code_answer.forms.exact import refuse_inexact
from openqwq.verifiers.code_answer.forms.reading import MAX_TESTS, Defaults, plan_of
from openqwq.verifiers.code_answer.languages import language_of
from openqwq.verifiers.code_answer.outcomes import verdict_of_all
from openqwq.verifiers.code_answer.plan import Plan, Score
from openqwq.verifiers.code_answer.program import Program, program_of
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe

if TYPE_CHECKING:
    from openqwq.sandbox.client import SandboxClient
    from openqwq.sandbox.jobs import Job, Outcome

URL_VARIABLE = "OPENQWQ_SANDBOX_URL"
_KEPT_BYTES = 128 << 20
"""Of references whose plans are kept for the next answers."""


@dataclass(frozen=True)
class _Asked:
    """A program and the plan by which it is judged."""

    key: tuple[int, Program]
    """Equal for equal programs of the same plan: samples of one prompt often are the same program."""
    plan: Plan
    jobs: tuple[Job, ...]


class CodeVerifier(VerifierBase):
    """Score 1 when the program in the answer passes every test of the row, else 0; a sandbox that cannot
    judge is a sandbox_error and never a 0.

    The program is the last fenced block in the row's language (else in `language`, else Python), else the whole graded
    text. `reference` holds one of {"tests": [{"input", "output"}, ...]} (stdin), the same with "entry_point" (input is
    the list of arguments), {"asserts": [...]} or {"test": "def check(candidate): ...", "entry_point"}; with "prompt"
    the text which the completion continues; or the columns of a published data set. All keys and forms:
    docs/data_forms.md.

    url: one sandbox address or several, default from OPENQWQ_SANDBOX_URL. time_seconds, memory_mb: limits of one test
    for rows that set none. timeout_seconds bounds the wait for a whole batch. form: the published form of the rows,
    where it shall not be recognised. language, preamble (Python ahead of each program), setup (Python ahead of each
    test text), compare, score ("all", or "share" of the passed tests), max_tests: for rows that set none.
    """

    name = "code"

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        time_seconds: float = 4.0,
        memory_mb: int = 512,
        timeout_seconds: float = 120.0,
        form: str | None = None,
        language: str | None = None,
        preamble: str = "",
        setup: str = "",
        compare: Mapping[str, Any] | None = None,
        score: Score = "all",
        max_tests: int = MAX_TESTS,
    ) -> None:
        self.urls = _urls(url)
        self.limits = {"time_s": time_seconds, "memory_mb": memory_mb}
        self.timeout_seconds = timeout_seconds
        _check_arguments(form, language, score, max_tests)
        self.defaults = Defaults(
            form or "", language or "", preamble, setup, score, max_tests, dict(compare or {}), self.limits
        )
        self._start_empty()

    def _start_empty(self) -> None:
        self._client: SandboxClient | None = None
        self._plans: OrderedDict[str, tuple[Plan, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:  # connections are not pickled
        return {
            "urls": self.urls,
            "limits": self.limits,
            "timeout_seconds": self.timeout_seconds,
            "defaults": self.defaults,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_empty()

    def verify(self, response: str, row: Row) -> Verdict:
        return self.verify_many([response], [row])[0]

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        """All programs as one batch; each verdict carries the time its own program took."""
        start = time.perf_counter()
        plans: dict[int, Plan | Verdict] = {}
        prepared = [self._prepared(response, row, plans) for response, row in zip(responses, rows, strict=True)]
        found = self._run([item for item in prepared if isinstance(item, _Asked)])
        verdicts = [item if isinstance(item, Verdict) else found[item.key] for item in prepared]
        share = (time.perf_counter() - start) / max(1, len(verdicts))
        return [verdict if verdict.seconds else replace(verdict, seconds=share) for verdict in verdicts]

    def check_reference(self, row: Row) -> str | None:
        """None when the tests are well formed and the reference's solution, where given, passes them.

        Raises VerifierError when the sandbox cannot judge the solution: that says nothing about the row.
        """
        try:
            plan = self._plan(row.get("reference"))
            if not plan.solution:
                return None
            program = Program(plan.solution, plan.language or "python")
            asked = _Asked((0, program), plan, plan.jobs_for(program))
        except ValueError as error:
            return str(error)
        verdict = self._run([asked])[asked.key]
        if verdict.status == "verifier_error":  # no sandbox can judge this row
            return verdict.reason
        if not verdict.is_scored:
            raise VerifierError(f"cannot check the solution of row {row.get('id')!r}: {verdict.reason}")
        return None if verdict.score == 1.0 else f"the reference solution does not pass its tests: {verdict.reason}"

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _prepared(self, response: str, row: Row, plans: dict[int, Plan | Verdict]) -> _Asked | Verdict:
        """As `_prepare`; whatever the row holds costs no other row its verdict."""
        try:
            return self._prepare(response, row, plans)
        except Exception as error:
            return Verdict.error(f"unusable row: {type(error).__name__}: {error}"[:300])

    def _prepare(self, response: str, row: Row, plans: dict[int, Plan | Verdict]) -> _Asked | Verdict:
        """The jobs of an answer, or its verdict where nothing needs to run."""
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem)
        reference = row.get("reference")
        if id(reference) not in plans:
            try:
                plans[id(reference)] = self._plan(reference)
            except ValueError as error:
                plans[id(reference)] = Verdict.error(f"unusable code reference: {error}")
        plan = plans[id(reference)]
        if isinstance(plan, Verdict):
            return plan
        program = program_of(response, plan.language or "python", plan.may_be_other_languages, plan.function)
        try:
            return _Asked((id(plan), program), plan, plan.jobs_for(program))
        except ValueError as error:  # the reference was read above, so the program is too long
            return Verdict.scored(0.0, str(error))

    def _plan(self, reference: object) -> Plan:
        """The plan of a reference, kept for the next answers to it. Raises VerifierError, InvalidJob."""
        try:
            safe = json_safe(reference, "reference")
            refuse_inexact(reference)
        except (NotJsonSafe, RecursionError) as error:
            raise VerifierError(str(error)) from error
        text = json.dumps(safe).encode()
        key = hashlib.sha256(text).hexdigest()
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key][0]
        try:
            plan = plan_of(safe, self.defaults)
        except ValueError:
            raise
        except Exception as error:  # a row may hold anything, and costs no other row its verdict
            raise VerifierError(f"{type(error).__name__}: {error}"[:300]) from error
        with self._lock:
            plan, _ = self._plans.setdefault(key, (plan, len(text)))
            while sum(size for _, size in self._plans.values()) > _KEPT_BYTES:
                self._plans.popitem(last=False)
        return plan

    def _run(self, asked: Sequence[_Asked]) -> dict[tuple[int, Program], Verdict]:
        """The verdict of each distinct program."""
        distinct = {one.key: one for one in asked}
        jobs = [job for one in distinct.values() for job in one.jobs]
        if not jobs:
            return {}
        outcomes = self._outcomes(jobs)
        if isinstance(outcomes, Verdict):
            return dict.fromkeys(distinct, outcomes)
        rest = iter(outcomes)
        return {
            key: verdict_of_all([next(rest) for _ in one.jobs], one.plan.score, one.plan.sampled)
            for key, one in distinct.items()
        }

    def _outcomes(self, jobs: Sequence[Job]) -> list[Outcome] | Verdict:
        """The outcomes in order, or one verdict for all when the sandbox could not be asked."""
        try:
            return self._connected().run_many(jobs)
        except VerifierError as error:
            return Verdict.error(str(error), "sandbox_error")
        except Exception as error:  # a failure on the way to the sandbox holds no information about the programs
            return Verdict.error(f"sandbox: {type(error).__name__}: {error}", "sandbox_error")

    def _connected(self) -> SandboxClient:
        from openqwq.sandbox.client import SandboxClient

        with self._lock:
            if self._client is None:
                urls = self.urls or _urls(os.environ.get(URL_VARIABLE))
                if not urls:
                    raise VerifierError(f"the code verifier needs a sandbox: give url or set {URL_VARIABLE}")
                self._client = SandboxClient(urls, timeout_seconds=self.timeout_seconds)
            return self._client


def _check_arguments(form: str | None, language: str | None, score: str, max_tests: int) -> None:
    if form:
        form_named(form)
    if language and not language_of(language):
        raise VerifierError(f"language is {language!r}; allowed: python, cpp, javascript")
    if score not in ("all", "share"):
        raise VerifierError(f"score is {score!r}; allowed: all, share")
    if isinstance(max_tests, bool) or not isinstance(max_tests, int) or not 1 <= max_tests <= MAX_TESTS:
        raise VerifierError(f"max_tests is {max_tests!r}; allowed: 1 to {MAX_TESTS}")


def _urls(url: str | Sequence[str] | None) -> list[str]:
    if url is None:
        return []
    parts = url.split(",") if isinstance(url, str) else list(url)
    return [part.strip() for part in parts if part.strip()]

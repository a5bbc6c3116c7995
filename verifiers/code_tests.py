"""The `code` verifier: the solution in an answer runs against the row's tests in the sandbox, never in this process."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openqwq.verifiers.answers import THINK_CLOSE, graded_text, last_code_block
from openqwq.verifiers.base import ErrorStatus, Row, Verdict, VerifierBase, VerifierError

if TYPE_CHECKING:
    from openqwq.sandbox.client import SandboxClient
    from openqwq.sandbox.jobs import Job, Outcome

URL_VARIABLE = "OPENQWQ_SANDBOX_URL"
_WIRE_FIELDS = ("entry_point", "mode", "compare", "limits")


class CodeVerifier(VerifierBase):
    """Score 1 when the program in the answer passes every test of the row, else 0; a sandbox that cannot
    judge is a sandbox_error and never a 0.

    The program is the last fenced python block, else the whole graded text. `reference` holds one of
    {"tests": [{"input", "output"}, ...]} (stdin), the same with "entry_point" (input is the list of
    arguments), {"asserts": [...]} or {"test": "def check(candidate): ...", "entry_point"}; with "prompt" the
    text which the completion continues. Optional: "compare" {"float_tol", "rel"}, "limits" {"time_s",
    "memory_mb"}, "solution".

    url: one sandbox address or several, default from OPENQWQ_SANDBOX_URL. time_seconds, memory_mb: limits of one test
    for rows that set none. timeout_seconds bounds the wait for a whole batch.
    """

    name = "code"

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        time_seconds: float = 4.0,
        memory_mb: int = 512,
        timeout_seconds: float = 120.0,
    ) -> None:
        self.urls = _urls(url)
        self.limits = {"time_s": time_seconds, "memory_mb": memory_mb}
        self.timeout_seconds = timeout_seconds
        self._client: SandboxClient | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:  # connections are not pickled
        return {"urls": self.urls, "limits": self.limits, "timeout_seconds": self.timeout_seconds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _client=None, _lock=threading.Lock())

    def verify(self, response: str, row: Row) -> Verdict:
        return self.verify_many([response], [row])[0]

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        """All programs as one batch; each verdict carries the time its own program took."""
        start = time.perf_counter()
        prepared = [self._prepared(response, row) for response, row in zip(responses, rows, strict=True)]
        jobs = [item for item in prepared if not isinstance(item, Verdict)]
        outcomes = iter(self._run(jobs))
        verdicts = [item if isinstance(item, Verdict) else next(outcomes) for item in prepared]
        share = (time.perf_counter() - start) / max(1, len(verdicts))
        return [verdict if verdict.seconds else replace(verdict, seconds=share) for verdict in verdicts]

    def check_reference(self, row: Row) -> str | None:
        """None when the tests are well formed and the reference's solution, where given, passes them.

        Raises VerifierError when the sandbox cannot judge the solution: that says nothing about the row.
        """
        reference = row.get("reference")
        solution = reference.get("solution") if isinstance(reference, Mapping) else None
        try:
            job = self._job(solution if isinstance(solution, str) else "pass", reference)
        except Exception as error:  # a row may hold anything
            return str(error) or type(error).__name__
        unsent = _text_of(job)
        if isinstance(unsent, Verdict):
            return unsent.reason
        if not isinstance(solution, str):
            return None
        verdict = self._run([job])[0]
        if not verdict.is_scored:
            raise VerifierError(f"cannot check the solution of row {row.get('id')!r}: {verdict.reason}")
        return None if verdict.score == 1.0 else f"the reference solution does not pass its tests: {verdict.reason}"

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _prepared(self, response: str, row: Row) -> Job | Verdict:
        """The job of one row, or its verdict: whatever the row holds costs no other row its verdict."""
        try:
            return self._prepare(response, row)
        except Exception as error:
            return Verdict.error(f"unusable code reference: {type(error).__name__}: {error}")

    def _prepare(self, response: str, row: Row) -> Job | Verdict:
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem)
        code = program_text(response)
        try:
            self._job("pass", row.get("reference"))
        except ValueError as error:
            return Verdict.error(f"unusable code reference: {error}")
        try:
            return self._job(code, row.get("reference"))
        except ValueError as error:  # the reference was read above, so the program is too long
            return Verdict.scored(0.0, str(error))

    def _job(self, code: str, reference: object) -> Job:
        from openqwq.sandbox.wire import job_from_json

        if not isinstance(reference, Mapping):
            raise VerifierError(f"a code reference is a mapping with tests, got {type(reference).__name__}")
        entry_point = reference.get("entry_point")
        wire: dict[str, Any] = {key: reference[key] for key in _WIRE_FIELDS if reference.get(key) is not None}
        limits = wire.get("limits", {})
        if not isinstance(limits, Mapping):
            raise VerifierError(f"limits must be a mapping, got {type(limits).__name__}")
        wire["limits"] = self.limits | dict(limits)
        wire["tests"] = _test_cases(reference.get("tests"))
        wire["asserts"] = _asserts(reference)
        if not wire["tests"] and not wire["asserts"]:
            raise VerifierError("a code reference needs tests, asserts or test, and has none")
        prompt = reference.get("prompt")
        wire["code"] = joined(prompt, code, entry_point) if isinstance(prompt, str) else code
        return job_from_json(wire)

    def _run(self, jobs: Sequence[Job]) -> list[Verdict]:
        """Verdicts in order. Samples of one prompt often are the same program: each distinct job runs once a batch."""
        keys = [_text_of(job) for job in jobs]
        distinct = {key: job for key, job in zip(keys, jobs, strict=True) if isinstance(key, str)}
        if not distinct:
            return [key for key in keys if isinstance(key, Verdict)]
        try:
            found = dict(zip(distinct, self._connected().run_many(list(distinct.values())), strict=True))
        except VerifierError as error:
            return [Verdict.error(str(error), "sandbox_error")] * len(jobs)
        except Exception as error:  # a failure on the way to the sandbox holds no information about the programs
            return [Verdict.error(f"sandbox: {type(error).__name__}: {error}", "sandbox_error")] * len(jobs)
        return [verdict_of(found[key]) if isinstance(key, str) else key for key in keys]

    def _connected(self) -> SandboxClient:
        from openqwq.sandbox.client import SandboxClient

        with self._lock:
            if self._client is None:
                urls = self.urls or _urls(os.environ.get(URL_VARIABLE))
                if not urls:
                    raise VerifierError(f"the code verifier needs a sandbox: give url or set {URL_VARIABLE}")
                self._client = SandboxClient(urls, timeout_seconds=self.timeout_seconds)
            return self._client


def _text_of(job: Job) -> str | Verdict:
    """The job as the text that goes over the wire; a row that cannot go costs only itself."""
    from openqwq.sandbox.wire import job_to_text

    try:
        return job_to_text(job)
    except ValueError as error:
        return Verdict.error(f"unusable code reference: {error}")


def verdict_of(outcome: Outcome) -> Verdict:
    """pass and fail are scores; error means that the sandbox failed, or that no try can judge this row."""
    if outcome.verdict == "error":
        status: ErrorStatus = "sandbox_error" if outcome.is_retryable else "verifier_error"
        return replace(Verdict.error(outcome.reason or "sandbox error", status), seconds=outcome.seconds)
    passed = sum(test.status == "pass" for test in outcome.tests)
    parts = {"tests_passed": float(passed), "tests": float(len(outcome.tests))}
    reason = outcome.reason
    if outcome.verdict == "fail" and not reason:
        failed = next((test for test in outcome.tests if test.status not in ("pass", "not_run")), None)
        reason = f"{failed.status}: {failed.detail}"[:200] if failed else "fail"
    verdict = Verdict.scored(outcome.verdict == "pass", reason or outcome.verdict, parts)
    return replace(verdict, seconds=outcome.seconds)


def program_text(response: str) -> str:
    """The last fenced python block after the thinking, else the whole text there with its indentation."""
    tail = response.rpartition(THINK_CLOSE)[2]
    block = last_code_block(tail)
    return block if block is not None else re.sub(r"\A(?:[ \t]*\n)+", "", tail).rstrip() + "\n"


def joined(prompt: str, code: str, entry_point: object) -> str:
    """Prompt and completion as one program, whether the completion continues the prompt's body or writes it anew."""
    name = re.escape(str(entry_point)) if entry_point else r"\w+"
    if re.search(rf"^(?:async\s+)?(?:def|class)\s+{name}\b|^{name}\s*=", code, re.MULTILINE):
        return f"{prompt.rstrip()}\n    pass\n\n\n{code}"  # keeps the prompt's imports and helpers
    return prompt + code


def _test_cases(tests: object) -> list[dict[str, Any]]:
    """[{input, output}] as it is, or the columns {"inputs": [...], "outputs": [...]} turned into it."""
    if tests is None:
        return []
    if isinstance(tests, Mapping):
        inputs, outputs = tests.get("inputs"), tests.get("outputs")
        if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
            raise VerifierError("tests as columns need lists inputs and outputs of the same length")
        return [{"input": given, "output": wanted} for given, wanted in zip(inputs, outputs, strict=True)]
    if not isinstance(tests, list | tuple):
        raise VerifierError(f"tests must be a list of {{input, output}}, got {type(tests).__name__}")
    return list(tests)


def _asserts(reference: Mapping[str, Any]) -> list[str]:
    asserts = reference.get("asserts") or reference.get("test_list") or reference.get("test") or []
    if not isinstance(asserts, str | list | tuple):
        raise VerifierError(f"asserts must be a text or a list of texts, got {type(asserts).__name__}")
    return [asserts] if isinstance(asserts, str) else list(asserts)


def _urls(url: str | Sequence[str] | None) -> list[str]:
    if url is None:
        return []
    parts = url.split(",") if isinstance(url, str) else list(url)
    return [part.strip() for part in parts if part.strip()]

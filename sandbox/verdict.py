"""From a job to its verdict on one worker slot: the payload of the jail, its answers, and the comparison.

The wanted outputs stay in this process. `error` is the verdict whenever the failure is not that of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from dataclasses import dataclass, replace

from openqwq.sandbox.checker import checked
from openqwq.sandbox.codec import NotPlainData, encode
from openqwq.sandbox.compare import text_difference, value_difference
from openqwq.sandbox.execution import (
    GRACE_SECONDS,
    CannotJudge,
    CompileFailed,
    Compiler,
    encoded,
    opened,
    output_of,
    program_payload,
    python_payload,
)
from openqwq.sandbox.jobs import Job, Outcome, TestResult
from openqwq.sandbox.languages import asserts_runtime, runtime_of
from openqwq.sandbox.protocol import AssertStatus, Payload, Record
from openqwq.sandbox.worker import Answer, WorkerLost
from openqwq.sandbox.worker_slot import WorkerSlot

_COMPARE_ASIDE_BYTES = 1 << 18
_ASSERTS_MEMORY_MB = 1024


@dataclass(frozen=True)
class Attempt:
    """One run of a job's tests. Example: `Attempt([TestResult("pass"), TestResult("not_run")], is_killed=False)`."""

    results: list[TestResult]
    is_killed: bool
    """A process was ended by SIGKILL and no limit explains it: the program or the host did it."""


async def form_verdict(job: Job, slot: WorkerSlot, compiler: Compiler, isolation: str) -> Outcome:
    """Run the tests of a job and compare. Raises WorkerLost, or TimeoutError for a stuck worker; the worker is then
    replaced."""
    started = time.monotonic()
    try:
        for _ in range(2):  # a program whose process is killed is run once more; the second time it counts
            attempt = await (run_asserts(job, slot) if job.mode == "asserts" else run_tests(job, slot, compiler))
            if not attempt.is_killed:
                break
        outcome = _outcome(attempt.results)
    except CompileFailed as problem:
        outcome = _outcome([TestResult("compile_error", str(problem)[-500:]), *_not_run(len(job.tests) - 1)])
    except (CannotJudge, NotPlainData) as problem:
        outcome = Outcome("error", reason=str(problem))
    return replace(outcome, isolation=isolation, seconds=time.monotonic() - started)


def _outcome(results: list[TestResult]) -> Outcome:
    for index, result in enumerate(results):
        if result.status != "pass":
            return Outcome("fail", tuple(results), reason=f"test {index}: {result.status} {result.detail}".strip())
    return Outcome("pass", tuple(results))


async def run_tests(job: Job, slot: WorkerSlot, compiler: Compiler) -> Attempt:
    """stdin and call mode: one jail after the other; each answer is compared with the wanted output."""
    if job.mode in ("stdin", "run"):
        inputs = [encoded(test.input) for test in job.tests]
    else:
        inputs = [encode(list(test.input)) for test in job.tests]
    payload = await program_payload(job, inputs, compiler, slot)
    worker = await slot.worker(runtime_of(job))
    results: list[TestResult] = []
    is_killed, kills_before = False, worker.num_memory_kills()
    with opened(worker, payload) as answers:
        for test in job.tests:
            async with asyncio.timeout(job.limits.wall_seconds + GRACE_SECONDS):
                answer = await answers.read()
            result = _ended(answer)
            if _is_killed(answer.record):
                if worker.num_memory_kills() > kills_before:
                    result = replace(result, status="memory_limit")
                else:
                    is_killed = True
            if result.status == "pass" and job.harness.checker:
                result = await checked(job, test, output_of(job, answer), result, slot)
            elif job.mode == "run":
                result = replace(result, output=answer.output.decode(errors="replace"))
            elif result.status == "pass":
                result = await _compared(job, test.output, output_of(job, answer), result)
            results.append(result)
            if result.status != "pass" and job.stop_on_first_failure:
                break
    return Attempt(results + _not_run(len(job.tests) - len(results)), is_killed)


def _not_run(count: int) -> list[TestResult]:
    return [TestResult("not_run")] * count


async def _compared(job: Job, wanted: object, output: bytes, result: TestResult) -> TestResult:
    """The result of a test that ended well, after the comparison. A large answer is compared in a thread."""
    if job.mode == "call" and not output:
        detail = f"the program ended before {job.entry_point} returned"
        return replace(result, status="no_result", detail=detail)

    def difference() -> str | None:
        if job.mode == "call":
            found = value_difference(wanted, output, job.compare)
            if found and job.harness.is_wrapped and isinstance(wanted, list | tuple) and len(wanted) == 1:
                return value_difference(wanted[0], output, job.compare)
            return found
        return text_difference(str(wanted), output, job.compare)

    found = difference() if len(output) < _COMPARE_ASIDE_BYTES else await asyncio.to_thread(difference)
    return result if found is None else replace(result, status="wrong_output", detail=found)


def _ended(answer: Answer) -> TestResult:
    """The result as far as the ending decides it; `pass` means that the comparison decides."""
    record, stderr = answer.record, answer.stderr
    numbers = (record.cpu_seconds, record.wall_seconds, record.memory_mb)
    if record.ending == "broken":
        raise WorkerLost(f"no jail could be built: {stderr.decode(errors='replace')}")
    if record.ending != "exited":
        return TestResult(record.ending, "", *numbers)
    code = os.waitstatus_to_exitcode(record.wait_status)
    if code == 0:
        return TestResult("pass", "", *numbers)
    last_lines = stderr.decode(errors="replace").strip()[-300:]
    how = f"exit status {code}" if code > 0 else f"killed by {_signal_name(-code)}"
    return TestResult("runtime_error", f"{how} {last_lines}".strip(), *numbers)


def _is_killed(record: Record) -> bool:
    return record.ending == "exited" and os.waitstatus_to_exitcode(record.wait_status) == -signal.SIGKILL


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def run_asserts(job: Job, slot: WorkerSlot) -> Attempt:
    """asserts mode: two jails joined by one socket, that of the program and that of the tests."""
    count, limits = len(job.asserts), job.limits
    order = {
        "asserts": list(job.asserts),
        "setup": job.setup,
        "stop": job.stop_on_first_failure,
        "wall_seconds": limits.wall_seconds,
    }
    entry_point = job.entry_point or ""
    asserts_limits = replace(limits, time_seconds=limits.time_seconds * (count + 1), memory_mb=_ASSERTS_MEMORY_MB)
    program_limits = replace(limits, time_seconds=limits.time_seconds * count)
    worker = await slot.worker(runtime_of(job))
    asserts_worker = await slot.worker(asserts_runtime(job))
    asserts = Payload("asserts", json.dumps(order).encode(), [b""], asserts_limits, entry_point)
    program = python_payload("solution", job, [b""])._replace(limits=program_limits)
    is_killed = False
    with contextlib.ExitStack() as jails:
        asserts_side, program_side = socket.socketpair()
        with asserts_side, program_side:  # held by the jails alone from then on, so that each notices the other's end
            asserts_answers = jails.enter_context(opened(asserts_worker, asserts, asserts_side.fileno()))
            program_answers = jails.enter_context(opened(worker, program, program_side.fileno()))
        async with asyncio.timeout(limits.wall_seconds * (count + 1) + GRACE_SECONDS):
            results, is_gone = _results_of_asserts(await asserts_answers.read(), count)
            if is_gone:
                answer = await program_answers.read()
                is_killed = _is_killed(answer.record)
                results.append(_why_gone(answer))
    return Attempt(results + _not_run(count - len(results)), is_killed)


def _results_of_asserts(answer: Answer, count: int) -> tuple[list[TestResult], bool]:
    """The results that the tests' process wrote, and whether the program was gone at the next text."""
    results: list[TestResult] = []
    for line in answer.output.splitlines():
        written = json.loads(line)
        status: AssertStatus = written["status"]
        match status:
            case "unsupported" | "broken_test":
                raise CannotJudge(written["detail"])
            case "gone":
                return results, True
            case _:
                results.append(TestResult(status, written["detail"], wall_seconds=answer.record.wall_seconds))
    if len(results) == count or (results and results[-1].status != "pass"):
        return results, False
    ending = _ended(answer)
    if ending.status in ("time_limit", "memory_limit", "output_limit"):
        # The tests are the caller's; only an answer of the program can make them this expensive.
        return [*results, replace(ending, detail="while reading the program's answer")], False
    raise CannotJudge(f"the tests' process ended early: {ending.detail}")


def _why_gone(answer: Answer) -> TestResult:
    ended = _ended(answer)
    if ended.status == "pass":
        return replace(ended, status="no_result", detail="the program ended before it answered")
    return ended

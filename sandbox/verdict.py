"""From a job to its verdict on one worker: what goes into the jail, what comes out, and the comparison between.

The wanted outputs stay on this side. `error` is answered whenever the program's own doing is not what failed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from dataclasses import replace

from openqwq.sandbox.codec import NotPlainData, encode
from openqwq.sandbox.compare import text_difference, value_difference
from openqwq.sandbox.execution import (
    GRACE_SECONDS,
    CannotJudge,
    CompileFailed,
    Compiler,
    encoded,
    opened,
    program_payload,
)
from openqwq.sandbox.jobs import Job, Outcome, TestResult
from openqwq.sandbox.languages import ASSERTS, runtime_of
from openqwq.sandbox.protocol import Payload
from openqwq.sandbox.worker import Answer, WorkerLost
from openqwq.sandbox.worker_slot import WorkerSlot

_COMPARE_ASIDE_BYTES = 1 << 18
_ASSERTS_MEMORY_MB = 1024


async def form_verdict(job: Job, slot: WorkerSlot, compiler: Compiler, isolation: str) -> Outcome:
    """Run and judge. Raises WorkerLost, or TimeoutError when the worker is stuck: then replace the worker."""
    started = time.monotonic()
    try:
        results = await _run(job, slot, compiler)
        if any(result.status == "killed" for result in results):
            # Whoever did it, the program or the host, the same program is asked once more; then it is the program.
            results = [replace(one, status=_settled(one.status)) for one in await _run(job, slot, compiler)]
        outcome = _outcome(results)
    except CompileFailed as problem:
        outcome = _outcome([TestResult("compile_error", str(problem)[-500:]), *_not_run(len(job.tests) - 1)])
    except (CannotJudge, NotPlainData) as problem:
        outcome = Outcome("error", reason=str(problem))
    return replace(outcome, isolation=isolation, seconds=time.monotonic() - started)


async def _run(job: Job, slot: WorkerSlot, compiler: Compiler) -> list[TestResult]:
    return await (_run_asserts(job, slot) if job.mode == "asserts" else _run_tests(job, slot, compiler))


def _settled(status: str) -> str:
    return "runtime_error" if status == "killed" else status


def _outcome(results: list[TestResult]) -> Outcome:
    for index, result in enumerate(results):
        if result.status != "pass":
            return Outcome("fail", tuple(results), reason=f"test {index}: {result.status} {result.detail}".strip())
    return Outcome("pass", tuple(results))


async def _run_tests(job: Job, slot: WorkerSlot, compiler: Compiler) -> list[TestResult]:
    if job.mode == "stdin":
        inputs = [encoded(test.input) for test in job.tests]
    else:
        inputs = [encode(list(test.input)) for test in job.tests]
    payload = await program_payload(job, inputs, compiler, slot)
    results: list[TestResult] = []
    worker = await slot.worker(runtime_of(job))
    kills_before = worker.num_memory_kills()
    with opened(worker, payload) as answers:
        for test in job.tests:
            async with asyncio.timeout(job.limits.wall_seconds + GRACE_SECONDS):
                answer = await answers.read()
            result = _ended(answer)
            if result.status == "killed" and worker.num_memory_kills() > kills_before:
                result = replace(result, status="memory_limit")
            if result.status == "pass":
                difference = await _difference(job, test.output, answer.output)
                if difference is not None:
                    status = "no_result" if job.mode == "call" and not answer.output else "wrong_output"
                    result = replace(result, status=status, detail=difference)
            results.append(result)
            if result.status != "pass" and job.stop_on_first_failure:
                break
    return results + _not_run(len(job.tests) - len(results))


def _not_run(count: int) -> list[TestResult]:
    return [TestResult("not_run")] * count


async def _difference(job: Job, wanted: object, output: bytes) -> str | None:
    if job.mode == "call":
        if not output:
            return f"the program ended before {job.entry_point} returned"
        if len(output) < _COMPARE_ASIDE_BYTES:
            return value_difference(wanted, output, job.compare)
        return await asyncio.to_thread(value_difference, wanted, output, job.compare)
    if len(output) < _COMPARE_ASIDE_BYTES:
        return text_difference(str(wanted), output, job.compare)
    return await asyncio.to_thread(text_difference, str(wanted), output, job.compare)


def _ended(answer: Answer) -> TestResult:
    """The result as far as the way of ending tells it; `pass` means that the comparison decides."""
    record, stderr = answer.record, answer.stderr
    if record.ending == "broken":
        raise WorkerLost(f"no jail could be built: {stderr.decode(errors='replace')}")
    status, detail = record.ending, ""
    if record.ending == "exited":
        code = os.waitstatus_to_exitcode(record.wait_status)
        status = "pass" if code == 0 else "killed" if code == -signal.SIGKILL else "runtime_error"
        if code:
            last_lines = stderr.decode(errors="replace").strip()[-300:]
            how = f"exit status {code}" if code > 0 else f"killed by {_signal_name(-code)}"
            detail = f"{how} {last_lines}".strip()
    return TestResult(status, detail, record.cpu_seconds, record.wall_seconds, record.memory_mb)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _run_asserts(job: Job, slot: WorkerSlot) -> list[TestResult]:
    """Two jails joined by one socket: the program's, and the tests' own."""
    count, limits = len(job.asserts), job.limits
    order = {"asserts": list(job.asserts), "stop": job.stop_on_first_failure, "wall_seconds": limits.wall_seconds}
    entry_point = job.entry_point or ""
    asserts_limits = replace(limits, time_seconds=limits.time_seconds * (count + 1), memory_mb=_ASSERTS_MEMORY_MB)
    program_limits = replace(limits, time_seconds=limits.time_seconds * count)
    worker = await slot.worker(runtime_of(job))
    asserts_side, program_side = socket.socketpair()
    with asserts_side, program_side:
        asserts = Payload("asserts", json.dumps(order).encode(), [b""], asserts_limits, entry_point)
        with opened(await slot.worker(ASSERTS), asserts, asserts_side.fileno()) as asserts_answers:
            program = Payload("solution", encoded(job.code), [b""], program_limits, entry_point)
            with opened(worker, program, program_side.fileno()) as program_answers:
                asserts_side.close()
                program_side.close()
                async with asyncio.timeout(limits.wall_seconds * (count + 1) + GRACE_SECONDS):
                    results = _results_of_asserts(await asserts_answers.read(), count)
                    if results and results[-1].status == "gone":
                        results[-1] = _why_gone(await program_answers.read())
    return results + _not_run(count - len(results))


def _results_of_asserts(answer: Answer, count: int) -> list[TestResult]:
    lines = [json.loads(line) for line in answer.output.splitlines()]
    seconds = answer.record.wall_seconds
    results = [TestResult(line["status"], line["detail"], wall_seconds=seconds) for line in lines]
    for result in results:
        if result.status in ("unsupported", "broken_test"):
            raise CannotJudge(result.detail)
    is_complete = len(results) == count or (bool(results) and results[-1].status != "pass")
    if is_complete:
        return results
    ending = _ended(answer)
    if ending.status in ("time_limit", "memory_limit", "output_limit"):
        # The tests themselves are ours; what made them cost this much came from the program.
        return [*results, replace(ending, detail="while reading the program's answer")]
    raise CannotJudge(f"the tests' process ended early: {ending.detail}")


def _why_gone(answer: Answer) -> TestResult:
    ended = _ended(answer)
    if ended.status == "pass":
        return replace(ended, status="no_result", detail="the program ended before it answered")
    return ended

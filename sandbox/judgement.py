"""From a job to its verdict on one worker: what goes into the jail, what comes out, and the comparison between.

The wanted outputs stay on this side. `error` is answered whenever the program's own doing is not what failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

from openqwq.sandbox.codec import NotPlainData, encode
from openqwq.sandbox.compare import text_difference, value_difference
from openqwq.sandbox.jobs import Job, Outcome, TestResult
from openqwq.sandbox.protocol import Record, Role, write_payload
from openqwq.sandbox.worker import Answers, Worker, WorkerLost

GRACE_SECONDS = 5.0
"""A jail that says nothing for this long beyond a test's wall limit is stuck."""
_COMPARE_ASIDE_BYTES = 1 << 18
_JUDGE_MEMORY_MB = 1024


class CannotJudge(Exception):
    """The job cannot be judged as given; says nothing about the program."""


async def judge_job(job: Job, worker: Worker, isolation: str) -> Outcome:
    """Run and judge. Raises WorkerLost, or TimeoutError when the worker is stuck: then replace the worker."""
    started = time.monotonic()
    try:
        results = await (_judge_asserts(job, worker) if job.mode == "asserts" else _judge_tests(job, worker))
        outcome = _outcome(results)
    except (CannotJudge, NotPlainData) as problem:
        outcome = Outcome("error", reason=str(problem))
    return replace(outcome, isolation=isolation, seconds=time.monotonic() - started)


def _outcome(results: list[TestResult]) -> Outcome:
    for index, result in enumerate(results):
        if result.status != "pass":
            return Outcome("fail", tuple(results), reason=f"test {index}: {result.status} {result.detail}".strip())
    return Outcome("pass", tuple(results))


async def run_raw(job: Job, worker: Worker) -> tuple[Record, bytes, bytes]:
    """Run a stdin program on its first test's input and give back what it printed, without a comparison."""
    limits = job.limits
    payload = _payload(job, "stdin", job.code, [job.tests[0].input.encode(errors="surrogatepass")])
    with _opened(worker, payload) as answers:
        async with asyncio.timeout(limits.wall_seconds + GRACE_SECONDS):
            return await answers.read()


def _payload(job: Job, role: Role, code: str, inputs: list[bytes], share: int = 1, memory_mb: int = 0) -> int:
    limits = job.limits
    return write_payload(
        role,
        job.entry_point or "",
        code.encode(errors="surrogatepass"),
        inputs,
        limits.time_seconds * share,
        limits.wall_seconds * share,
        memory_mb or limits.memory_mb,
        limits.output_bytes,
    )


@contextlib.contextmanager
def _opened(worker: Worker, payload: int, peer: int | None = None) -> Iterator[Answers]:
    try:
        answers = worker.open_jail(payload, peer)
    finally:
        os.close(payload)
    try:
        yield answers
    finally:
        answers.close()


async def _judge_tests(job: Job, worker: Worker) -> list[TestResult]:
    if job.mode == "stdin":
        inputs = [test.input.encode(errors="surrogatepass") for test in job.tests]
    else:
        inputs = [encode(list(test.input)) for test in job.tests]
    results: list[TestResult] = []
    with _opened(worker, _payload(job, "stdin" if job.mode == "stdin" else "call", job.code, inputs)) as answers:
        for test in job.tests:
            async with asyncio.timeout(job.limits.wall_seconds + GRACE_SECONDS):
                record, output, stderr = await answers.read()
            result = _ended(record, stderr)
            if result.status == "pass":
                difference = await _difference(job, test.output, output)
                if difference is not None:
                    status = "no_result" if job.mode == "call" and not output else "wrong_output"
                    result = replace(result, status=status, detail=difference)
            results.append(result)
            if result.status != "pass" and job.stop_on_first_failure:
                break
    return results + [TestResult("not_run")] * (len(job.tests) - len(results))


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


def _ended(record: Record, stderr: bytes) -> TestResult:
    """The result as far as the way of ending tells it; `pass` means that the comparison decides."""
    if record.ending == "broken":
        raise CannotJudge(f"the jail could not be closed before the run: {stderr.decode(errors='replace')}")
    status, detail = record.ending, ""
    if record.ending == "exited":
        code = os.waitstatus_to_exitcode(record.wait_status)
        status = "pass" if code == 0 else "runtime_error"
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


async def _judge_asserts(job: Job, worker: Worker) -> list[TestResult]:
    """Two jails joined by one socket: the program's, and the judge's that holds the tests."""
    count = len(job.asserts)
    order = {
        "asserts": list(job.asserts),
        "stop": job.stop_on_first_failure,
        "wall_seconds": job.limits.wall_seconds,
    }
    judge_side, program_side = socket.socketpair()
    with judge_side, program_side:
        judge_payload = _payload(job, "judge", json.dumps(order), [b""], count + 1, _JUDGE_MEMORY_MB)
        judge_jail = _opened(worker, judge_payload, judge_side.fileno())
        with judge_jail as judge_answers:
            program_payload = _payload(job, "candidate", job.code, [b""], count)
            with _opened(worker, program_payload, program_side.fileno()) as program_answers:
                judge_side.close()
                program_side.close()
                async with asyncio.timeout(job.limits.wall_seconds * (count + 1) + GRACE_SECONDS):
                    record, output, stderr = await judge_answers.read()
                    results = _judge_lines(record, output, stderr, count)
                    if results and results[-1].status == "gone":
                        results[-1] = _why_gone(*(await program_answers.read()))
    return results + [TestResult("not_run")] * (count - len(results))


def _judge_lines(record: Record, output: bytes, stderr: bytes, count: int) -> list[TestResult]:
    lines = [json.loads(line) for line in output.splitlines()]
    results = [TestResult(line["status"], line["detail"], wall_seconds=record.wall_seconds) for line in lines]
    for result in results:
        if result.status in ("unsupported", "broken_test"):
            raise CannotJudge(result.detail)
    is_complete = len(results) == count or (bool(results) and results[-1].status != "pass")
    if is_complete:
        return results
    ending = _ended(record, stderr)
    if ending.status in ("time_limit", "memory_limit", "output_limit"):
        # The tests themselves are ours; what made them cost this much came from the program.
        return [*results, replace(ending, detail="while reading the program's answer")]
    raise CannotJudge(f"the judge's process ended early: {ending.detail}")


def _why_gone(record: Record, output: bytes, stderr: bytes) -> TestResult:
    ended = _ended(record, stderr)
    if ended.status == "pass":
        return replace(ended, status="no_result", detail="the program ended before it answered")
    return ended


__all__ = ["CannotJudge", "WorkerLost", "judge_job", "run_raw"]

"""What becomes of work on a slot: results, errors, lost and stuck workers, full and stopped queues; and of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from openqwq.sandbox import pool as pools
from openqwq.sandbox import worker_queue
from openqwq.sandbox.jobs import Job, Outcome, TestCase, TestResult
from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.worker import CannotIsolate, WorkerLost
from openqwq.sandbox.worker_queue import QueueFull, WorkerQueue

T = TypeVar("T")


class Slot:
    """Starts and stops are counted; a start fails as often as it is told."""

    def __init__(self, *problems: BaseException) -> None:
        self.problems, self.num_starts, self.num_stops = list(problems), 0, 0

    async def worker(self) -> None:
        self.num_starts += 1
        if self.problems:
            raise self.problems.pop(0)

    async def stop(self) -> None:
        self.num_stops += 1


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_queue, "_RESTART_PAUSE_SECONDS", 0.0)


def within(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(run())


async def opened(*slots: Slot, limit: int = 8) -> WorkerQueue:
    queue = WorkerQueue(slots, limit)  # type: ignore[arg-type]
    await queue.start()
    return queue


def does(*results: object) -> Callable[[Any], Awaitable[Any]]:
    """Work that returns or raises these one try after the other."""
    left = list(results)

    async def work(slot: Any) -> Any:
        result = left.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    return work


@pytest.mark.parametrize(
    ("results", "ended", "restarts", "retries"),
    [
        (["good"], "good", 0, 0),
        ([None], None, 0, 0),
        ([WorkerLost("one"), "good"], "good", 1, 1),
        ([WorkerLost("one"), WorkerLost("two"), "good"], WorkerLost("two"), 2, 1),
        ([WorkerLost("one"), ValueError("bad")], ValueError("bad"), 1, 1),
        ([TimeoutError("stuck"), "good"], TimeoutError("stuck"), 1, 0),
        ([ValueError("bad"), "good"], ValueError("bad"), 0, 0),
    ],
)
def test_a_lost_worker_is_replaced_and_its_work_tried_once_more(
    results: list[object], ended: object, restarts: int, retries: int
) -> None:
    async def run() -> None:
        slot = Slot()
        queue = await opened(slot)
        future = await queue.submit(does(*results))
        if isinstance(ended, BaseException):
            with pytest.raises(type(ended), match=str(ended)):
                await future
        else:
            assert await future == ended
        assert (queue.counts.restarts, queue.counts.retries) == (restarts, retries)
        assert (slot.num_starts, slot.num_stops) == (1 + restarts, restarts)
        assert await (await queue.submit(does("next"))) == "next"
        await asyncio.sleep(0)
        assert queue.counts.run_seconds[1] == queue.counts.wait_seconds[1] == 2
        assert queue.num_running == 0
        await queue.stop()
        assert slot.num_stops == restarts + 1

    within(run)


@pytest.mark.parametrize("problem", [WorkerLost("lost"), CannotIsolate("no room")])
def test_a_worker_that_cannot_be_replaced_now_is_started_with_the_next_work(problem: Exception) -> None:
    async def run() -> None:
        slot = Slot()
        queue = await opened(slot)
        slot.problems = [problem]
        assert await (await queue.submit(does(WorkerLost("one"), "good"))) == "good"
        assert slot.num_starts == 2
        await queue.stop()

    within(run)


@pytest.mark.parametrize("problem", [WorkerLost("lost"), CannotIsolate("no room")])
def test_a_queue_whose_workers_cannot_start_stops_and_says_why(problem: Exception) -> None:
    async def run() -> None:
        good, bad = Slot(), Slot(problem)
        with pytest.raises(type(problem), match=str(problem)):
            await opened(good, bad)
        assert (good.num_stops, bad.num_stops) == (1, 1)

    within(run)


def test_a_full_queue_refuses_or_lets_wait() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def blocked(slot: Any) -> str:
            await gate.wait()
            return "good"

        queue = await opened(Slot(), limit=2)
        assert (queue.num_idle, queue.num_waiting, queue.limit) == (1, 0, 2)
        futures = [await queue.submit(blocked)]
        while not queue.num_running:
            await asyncio.sleep(0)
        assert queue.num_idle == 0
        futures += [await queue.submit(blocked) for _ in range(2)]
        assert (queue.num_waiting, queue.num_idle) == (2, 0)
        with pytest.raises(QueueFull, match="2 jobs are waiting already"):
            await queue.submit(blocked)
        waiting = asyncio.create_task(queue.submit(blocked, wait_for_room=True))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        futures.append(await waiting)
        assert [await future for future in futures] == ["good"] * 4
        await queue.stop()

    within(run)


def test_waits_and_runs_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        queue = await opened(Slot())
        ticks = iter([10.0, 12.0, 17.0])
        monkeypatch.setattr(worker_queue, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
        await (await queue.submit(does("good")))
        await asyncio.sleep(0.001)
        assert (queue.counts.wait_seconds, queue.counts.run_seconds) == ([2.0, 1], [5.0, 1])
        await queue.stop()

    within(run)


def test_idle_slots_are_those_without_work() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def blocked(slot: Any) -> None:
            await gate.wait()

        queue = await opened(Slot(), Slot(), Slot())
        future = await queue.submit(blocked)
        assert (queue.num_waiting, queue.num_running, queue.num_idle) == (1, 0, 0)
        while not queue.num_running:
            await asyncio.sleep(0)
        assert (queue.num_idle, queue.num_running) == (2, 1)
        gate.set()
        await future
        await queue.stop()

    within(run)


def test_work_whose_owner_left_is_cancelled_or_never_begun() -> None:
    async def run() -> None:
        begun: list[str] = []
        ended: list[str] = []

        def endless(name: str) -> Callable[[Any], Awaitable[None]]:
            async def work(slot: Any) -> None:
                begun.append(name)
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(name)

            return work

        slot = Slot()
        queue = await opened(slot)
        first, second = await queue.submit(endless("first")), await queue.submit(endless("second"))
        while not begun:
            await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        assert await (await queue.submit(does("good"))) == "good"
        assert (begun, ended, slot.num_stops) == (["first"], ["first"], 0)
        await queue.stop()

    within(run)


def test_work_that_cancels_itself_is_cancelled_for_its_owner() -> None:
    async def run() -> None:
        queue = await opened(Slot())
        future = await queue.submit(does(asyncio.CancelledError()))
        with pytest.raises(asyncio.CancelledError):
            await future
        await queue.stop()

    within(run)


JOB = Job("", tests=(TestCase("", ""),) * 4)


async def pool_of(monkeypatch: pytest.MonkeyPatch, *results: object, slots: int = 1) -> tuple[SandboxPool, list[Job]]:
    """A pool whose verdicts are these, one part after the other."""
    pool, asked, left = SandboxPool(slots), [], list(results)

    async def form_verdict(job: Job, slot: Any, compiler: Any, isolation: str) -> Outcome:
        asked.append(job)
        result = left.pop(0)
        if result == "hang":
            await asyncio.Event().wait()
        if isinstance(result, BaseException):
            raise result
        assert isinstance(result, Outcome)
        return Outcome(result.verdict, result.tests or (TestResult("pass"),) * len(job.tests), isolation, result.reason)

    monkeypatch.setattr(pools, "form_verdict", form_verdict)
    pool.isolation = "L2"
    pool.queue = await opened(*[Slot() for _ in range(slots)], limit=2)
    return pool, asked


@pytest.mark.parametrize(
    ("result", "verdict", "reason", "is_retryable"),
    [
        (Outcome("pass"), "pass", "", False),
        (Outcome("error", reason="not Python"), "error", "not Python", False),
        (TimeoutError("stuck"), "error", "TimeoutError: stuck", True),
        (CannotIsolate("no room"), "error", "CannotIsolate: no room", True),
        (ZeroDivisionError("ours"), "error", "internal error, ZeroDivisionError: ours", True),
    ],
)
def test_trouble_of_the_sandbox_is_an_error_that_may_pass(
    monkeypatch: pytest.MonkeyPatch, result: object, verdict: Any, reason: str, is_retryable: bool
) -> None:
    async def run() -> None:
        pool, _ = await pool_of(monkeypatch, result)
        outcome = await pool.run(JOB)
        assert (outcome.verdict, outcome.reason, outcome.is_retryable) == (verdict, reason, is_retryable)
        assert outcome.isolation == "L2"
        assert pool.verdicts == {verdict: 1}
        assert (pool.last_judged_at > 0) is isinstance(result, Outcome)
        await pool.stop()

    within(run)


def test_a_job_that_is_late_is_an_error_that_names_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        pool, _ = await pool_of(monkeypatch, "hang", Outcome("pass"))
        outcome = await pool.run(JOB, deadline_seconds=0.01)
        assert (outcome.verdict, outcome.is_retryable) == ("error", True)
        assert outcome.reason == "no answer within the deadline of 0.01 s"
        assert (await pool.run(JOB)).verdict == "pass"
        await pool.stop()

    within(run)


def test_a_job_is_split_over_idle_slots_and_ends_with_the_first_part_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = Outcome("fail", (TestResult("time_limit"), TestResult("not_run")))

    async def run(stops: bool, *results: object) -> tuple[Outcome, list[int]]:
        pool, asked = await pool_of(monkeypatch, *results, slots=2)
        outcome = await pool.run(Job("", tests=JOB.tests, stop_on_first_failure=stops))
        await pool.stop()
        return outcome, [len(job.tests) for job in asked]

    outcome, sizes = within(lambda: run(True, failed, "hang"))
    assert [test.status for test in outcome.tests] == ["time_limit", "not_run", "not_run", "not_run"]
    assert sizes == [2, 2]
    outcome, _ = within(lambda: run(False, failed, Outcome("pass")))
    assert [test.status for test in outcome.tests] == ["time_limit", "not_run", "pass", "pass"]
    outcome, _ = within(lambda: run(True, Outcome("pass"), Outcome("pass")))
    assert outcome.verdict == "pass" and len(outcome.tests) == 4


def test_a_pool_that_stopped_or_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        pool, _ = await pool_of(monkeypatch, *["hang"] * 9)
        running = [asyncio.create_task(pool.run(JOB))]
        while not pool.queue.num_running:
            await asyncio.sleep(0)
        running += [asyncio.create_task(pool.run(JOB)) for _ in range(2)]
        await asyncio.sleep(0.001)
        with pytest.raises(QueueFull):
            await pool.run(JOB)
        await pool.stop()
        outcomes = [await task for task in running]
        assert [outcome.reason for outcome in outcomes] == ["PoolClosed: the sandbox stopped"] * 3
        assert all(outcome.is_retryable for outcome in outcomes)

    within(run)


def test_a_raw_run_goes_to_a_slot_with_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def run_raw(job: Job, slot: Any, compiler: Any, files: Any, fetch: Any) -> Any:
        asked.append((job, files, fetch))
        return "answer", {}

    async def run() -> None:
        pool, _ = await pool_of(monkeypatch)
        assert await pool.run_raw(JOB, {"a": b"A"}, ("b",)) == ("answer", {})
        await pool.run_raw(JOB)
        await pool.stop()

    monkeypatch.setattr(pools, "run_raw", run_raw)
    within(run)
    assert asked == [(JOB, {"a": b"A"}, ("b",)), (JOB, {}, ())]

"""How many parts a program's tests make, what they add up to, and the counts that a server shows."""

from __future__ import annotations

import os

import pytest

from openqwq.sandbox import Job, Outcome, TestCase, TestResult
from openqwq.sandbox.metrics import prometheus_text
from openqwq.sandbox.parts import join, split
from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.worker_queue import QueueCounts


def job_of(count: int, stop: bool = True) -> Job:
    return Job("", tests=tuple(TestCase(str(n), "") for n in range(count)), stop_on_first_failure=stop)


@pytest.mark.parametrize(
    ("count", "num_idle", "sizes"),
    [
        (1, 4, [1]), (2, 4, [2]), (3, 4, [3]), (4, 4, [2, 2]), (5, 4, [2, 3]), (6, 4, [2, 2, 2]), (7, 3, [2, 2, 3]),
        (8, 4, [2, 2, 2, 2]), (10, 4, [2, 3, 2, 3]), (10, 2, [5, 5]), (10, 1, [10]), (10, 0, [10]), (9, 2, [4, 5]),
    ],
)  # fmt: skip
def test_a_part_has_two_tests_or_more_and_there_are_no_more_parts_than_idle_slots(
    count: int, num_idle: int, sizes: list[int]
) -> None:
    job = job_of(count)
    parts = split(job, num_idle)
    assert [len(part.tests) for part in parts] == sizes
    assert [test.input for part in parts for test in part.tests] == [str(n) for n in range(count)]


def test_assert_texts_stay_together() -> None:
    job = Job("", mode="asserts", asserts=("a",) * 8, tests=(TestCase("", ""),) * 8)
    assert split(job, 4) == [job]


def outcome(*statuses: str, verdict: str = "", seconds: float = 1.0, reason: str = "") -> Outcome:
    results = tuple(TestResult(status, "why" * (status == "wrong_output")) for status in statuses)  # type: ignore[arg-type]
    judged = verdict or ("pass" if set(statuses) == {"pass"} else "fail")
    return Outcome(judged, results, "L2", reason, seconds)  # type: ignore[arg-type]


PASSED, FAILED = outcome("pass", "pass", seconds=3.0), outcome("wrong_output", "not_run", seconds=2.0)


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        ([PASSED, PASSED], outcome("pass", "pass", "pass", "pass", seconds=3.0)),
        ([outcome("pass", "pass"), PASSED], outcome("pass", "pass", "pass", "pass", seconds=3.0)),
        ([PASSED, outcome("pass", "pass")], outcome("pass", "pass", "pass", "pass", seconds=3.0)),
        (
            [PASSED, FAILED],
            outcome("pass", "pass", "wrong_output", "not_run", seconds=3.0, reason="test 2: wrong_output why"),
        ),
        (
            [FAILED],
            outcome("wrong_output", "not_run", "not_run", "not_run", seconds=2.0, reason="test 0: wrong_output why"),
        ),
        (
            [outcome("compile_error", "not_run"), outcome("compile_error", "not_run")],
            outcome("compile_error", "not_run", "not_run", "not_run", reason="test 0: compile_error"),
        ),
        ([PASSED, outcome(verdict="error", reason="lost")], outcome(verdict="error", reason="lost")),
        ([outcome(verdict="error", reason="lost"), FAILED], outcome(verdict="error", reason="lost")),
    ],
)
def test_parts_add_up_to_one_outcome(parts: list[Outcome], joined: Outcome) -> None:
    assert join(job_of(4), parts) == joined


def test_waits_and_runs_are_counted_up_to_each_bound() -> None:
    counts = QueueCounts()
    for wait, run in ((0.002, 31.0), (0.003, 0.1), (0.5, 0.05)):
        counts.observe(wait, run)
    assert counts.wait_seconds == [pytest.approx(0.505), 3] and counts.run_seconds == [pytest.approx(31.15), 3]
    assert [counts.wait_buckets[bound] for bound in (0.002, 0.005, 0.2, 0.5, 30.0)] == [1, 2, 2, 3, 3]
    assert [counts.run_buckets[bound] for bound in (0.02, 0.05, 0.1, 30.0)] == [0, 1, 2, 2]
    assert (counts.restarts, counts.retries) == (0, 0)


def test_the_counts_are_shown_as_prometheus_reads_them() -> None:
    pool = SandboxPool(3, queue_limit=7)
    pool.verdicts.update({"pass": 4, "error": 2})
    pool.isolation = "L2"
    pool.queue.counts.restarts, pool.queue.counts.retries = 5, 6
    pool.queue.counts.observe(0.004, 2.5)
    lines = prometheus_text(pool).splitlines()
    for line in (
        'sandbox_runs_total{verdict="pass"} 4',
        'sandbox_runs_total{verdict="fail"} 0',
        'sandbox_runs_total{verdict="error"} 2',
        "# TYPE sandbox_queue_depth gauge",
        "sandbox_queue_depth 0",
        "sandbox_queue_limit 7",
        "sandbox_workers 3",
        "# TYPE sandbox_worker_restarts_total counter",
        "sandbox_worker_restarts_total 5",
        "sandbox_retries_total 6",
        'sandbox_isolation{level="L2"} 1',
        'sandbox_wait_seconds_bucket{le="0.002"} 0',
        'sandbox_wait_seconds_bucket{le="0.005"} 1',
        'sandbox_wait_seconds_bucket{le="+Inf"} 1',
        "sandbox_wait_seconds_sum 0.004000",
        "sandbox_wait_seconds_count 1",
        'sandbox_run_seconds_bucket{le="2"} 0',
        'sandbox_run_seconds_bucket{le="5"} 1',
        "sandbox_run_seconds_sum 2.500000",
    ):
        assert line in lines
    assert prometheus_text(pool).endswith("\n")


def test_a_pool_has_a_worker_for_each_core_unless_it_is_told() -> None:
    assert SandboxPool().num_workers == len(os.sched_getaffinity(0)) == len(SandboxPool().queue._slots)
    pool = SandboxPool(3, 5, "process")
    assert (pool.num_workers, pool.queue.limit, pool.backend) == (3, 5, "process") and not pool.has_control_groups
    assert (pool.isolation, SandboxPool(1).queue.limit, SandboxPool(1).backend) == ("unknown", 1024, "namespaces")

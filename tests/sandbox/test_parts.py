"""A program whose tests are spread over idle workers is judged as on one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox import Job, LocalSandbox, Outcome, TestCase, TestResult
from openqwq.sandbox.parts import join, split

STATUSES = st.lists(st.sampled_from(["pass", "pass", "wrong_output", "runtime_error"]), min_size=1, max_size=12)


def judged(statuses: list[str], stop: bool) -> Outcome:
    """What one worker answers for tests that end like this."""
    failed = next((index for index, status in enumerate(statuses) if status != "pass"), None)
    if failed is None:
        return Outcome("pass", tuple(map(TestResult, statuses)))
    ran = statuses[: failed + 1] if stop else statuses
    results = [TestResult(status) for status in ran] + [TestResult("not_run")] * (len(statuses) - len(ran))
    return Outcome("fail", tuple(results), reason=f"test {failed}: {statuses[failed]}")


@given(STATUSES, st.integers(0, 5), st.booleans())
def test_parts_joined_answer_as_the_whole(statuses: list[str], num_idle: int, stop: bool) -> None:
    job = Job("", tests=tuple(TestCase("", status) for status in statuses), stop_on_first_failure=stop)
    parts = split(job, num_idle)
    assert [test for part in parts for test in part.tests] == list(job.tests)
    outcomes = []
    for part in parts:
        outcomes.append(judged([test.output for test in part.tests], stop))
        if outcomes[-1].verdict != "pass" and stop:
            break
    assert join(job, outcomes) == judged(statuses, stop)


def test_a_part_that_nobody_could_judge_makes_the_whole_an_error() -> None:
    job = Job("", tests=(TestCase("", ""),) * 4)
    outcomes = [judged(["pass", "pass"], True), Outcome("error", reason="lost")]
    assert join(job, outcomes).verdict == "error"


def test_many_tests_on_idle_workers_come_back_in_order(sandbox: LocalSandbox) -> None:
    tests = tuple(TestCase(str(n), str(n if n != 7 else -1)) for n in range(10))
    outcome = sandbox.run(Job("print(input())", tests=tests))
    assert [test.status for test in outcome.tests] == ["pass"] * 7 + ["wrong_output"] + ["not_run"] * 2
    outcome = sandbox.run(Job("print(input())", tests=tests, stop_on_first_failure=False))
    assert [test.status for test in outcome.tests] == ["pass"] * 7 + ["wrong_output"] + ["pass"] * 2

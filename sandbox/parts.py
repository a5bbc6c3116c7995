"""The tests of one program on several idle workers at once.

Every test has a jail of its own, so its result does not depend on the worker. A program with many tests is judged
sooner; a busy pool does not split.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from openqwq.sandbox.jobs import Job, Outcome, TestResult

_MIN_TESTS = 2
"""The fewest tests of a part: a smaller one costs more than it saves."""


def split(job: Job, num_idle: int) -> list[Job]:
    """The job in at most `num_idle` parts, tests in order. Asserts share one process and stay together."""
    num_parts = min(num_idle, len(job.tests) // _MIN_TESTS)
    if job.mode == "asserts" or num_parts < 2:
        return [job]
    bounds = [len(job.tests) * number // num_parts for number in range(num_parts + 1)]
    return [replace(job, tests=job.tests[low:high]) for low, high in itertools.pairwise(bounds)]


def join(job: Job, outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of the whole job. After the first part that failed, later ones count only when the job asks for all
    its tests; a part that could not be judged makes the whole an error."""
    last = outcomes[-1]
    tests: list[TestResult] = []
    for outcome in outcomes:
        if outcome.verdict == "error":
            return outcome
        tests += outcome.tests
        if outcome.tests[0].status == "compile_error":  # the same in all parts
            break
    tests += [TestResult("not_run")] * (len(job.tests) - len(tests))
    failed = next((index for index, test in enumerate(tests) if test.status not in ("pass", "not_run")), None)
    if failed is None:
        return replace(last, tests=tuple(tests), seconds=max(outcome.seconds for outcome in outcomes))
    reason = f"test {failed}: {tests[failed].status} {tests[failed].detail}".strip()
    seconds = max(outcome.seconds for outcome in outcomes)
    return replace(last, verdict="fail", tests=tuple(tests), reason=reason, seconds=seconds)

"""Which server gets which jobs: the book-keeping alone, without servers and without a clock."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.sandbox import (
    Outcome,
)
from openqwq.sandbox.dispatch import MAX_ASSIGNED_BYTES, Assignment, Dispatch
from openqwq.sandbox.jobs import error_outcome


def take_all(dispatch: Dispatch, url: str, now: float = 0.0) -> list[Assignment]:
    return list(iter(lambda: dispatch.take(url, now), None))


def test_servers_get_work_in_proportion_to_their_speed() -> None:
    async def simulate() -> Counter[str]:
        urls = ["fast", "slow"]
        dispatch, done = Dispatch([100] * 1000, [1.0] * 1000, urls, 2), Counter[str]()
        assignments: dict[str, list[Assignment]] = {url: [] for url in urls}
        while not dispatch.finished.is_set():
            for url, speed in (("fast", 9), ("slow", 1)):
                assignments[url] += take_all(dispatch, url)
                for _ in range(speed):
                    if assignments[url]:
                        assignment = assignments[url][0]
                        dispatch.answer(assignment, min(assignment.unanswered), Outcome("pass"), 0.0)
                        done[url] += 1
                        if not assignment.unanswered:
                            dispatch.end(assignments[url].pop(0))
        return done

    done = asyncio.run(simulate())
    assert done["fast"] + done["slow"] == 1000
    assert 800 <= done["fast"] <= 920


def test_a_small_batch_is_shared_evenly_and_a_heavy_one_by_its_bytes() -> None:
    small = Dispatch([100] * 6, [1.0] * 6, ["a", "b"], 2)
    assert [small.take(url, 0.0).places for url in ("a", "b")] == [(0, 1, 2), (3, 4, 5)]  # type: ignore[union-attr]
    heavy = Dispatch([MAX_ASSIGNED_BYTES // 2] * 3 + [2 * MAX_ASSIGNED_BYTES], [1.0] * 4, ["a"], 2)
    assert [assignment.places for assignment in take_all(heavy, "a")] == [(0, 1), (2,), (3,)]


def test_a_silent_servers_jobs_are_tried_elsewhere_once_when_a_test_cannot_last_so_long() -> None:
    dispatch = Dispatch([100] * 4, [3.0] * 4, ["a", "b", "c"], 2)
    stuck = dispatch.take("a", 0.0)
    assert stuck is not None and stuck.places == (0, 1)
    other = dispatch.take("b", 0.0)
    assert other is not None and other.places == (2, 3)
    assert dispatch.take("c", 3.9) is None
    assert [assignment.places for assignment in take_all(dispatch, "c", 4.0)] == [(0, 1), (2, 3)]
    assert dispatch.take("b", 9.0) is None and dispatch.take("a", 9.0) is None
    assert [dispatch.is_stuck(url) for url in ("a", "b", "c")] == [True, True, False]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.integers(1, 3), st.integers(0, 10**6))
def test_whatever_servers_do_every_job_gets_one_answer_in_its_place(num_jobs: int, num_urls: int, seed: int) -> None:
    dice = random.Random(seed)

    async def simulate() -> list[Outcome]:
        urls = [f"s{number}" for number in range(num_urls)]
        dispatch = Dispatch([dice.randrange(1, MAX_ASSIGNED_BYTES) for _ in range(num_jobs)], [1.0] * num_jobs, urls, 2)
        assignments: list[Assignment] = []
        for now in range(10**9):
            if dispatch.finished.is_set():
                return dispatch.outcomes()
            await asyncio.sleep(0)
            url = dice.choice(urls)
            assignment = dispatch.take(url, now / 10)
            assignments += [assignment] if assignment else []
            if assignments:
                chosen = dice.choice(assignments)
                for place in sorted(chosen.unanswered)[: dice.randrange(4)]:
                    is_lost = dice.random() < 0.05
                    outcome = error_outcome(str(place)) if is_lost else Outcome("pass", reason=str(place))
                    dispatch.answer(chosen, place, outcome, now / 10)
                if not chosen.unanswered or dice.random() < 0.2:
                    if dice.random() < 0.1:
                        dispatch.split(chosen)
                    dispatch.end(chosen)
                    assignments.remove(chosen)
            if dice.random() < 0.05:
                dispatch.set_able(url, dice.random() < 0.5)
        raise AssertionError

    assert [outcome.reason for outcome in asyncio.run(simulate())] == [str(place) for place in range(num_jobs)]

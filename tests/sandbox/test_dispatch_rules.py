"""The rules by which servers get jobs: sizes, loads, errors, silence, and what the caller hears in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from openqwq.sandbox import Outcome, dispatch
from openqwq.sandbox.dispatch import MAX_ASSIGNED_BYTES, MAX_ASSIGNED_JOBS, Assignment, Dispatch
from openqwq.sandbox.jobs import error_outcome

T = TypeVar("T")
PASS = Outcome("pass")


def of(count: int, *urls: str, error_retries: int = 2, wall_seconds: float = 3.0) -> Dispatch:
    return Dispatch([100] * count, [wall_seconds] * count, urls or ("a",), error_retries)


def taken(book: Dispatch, url: str, now: float = 0.0) -> Assignment:
    assignment = book.take(url, now)
    assert assignment is not None
    return assignment


def soon(work: Coroutine[Any, Any, T]) -> T:
    async def run() -> T:
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_ERROR_PAUSE_SECONDS", 0.0)


def test_one_server_gets_64_jobs_a_request_and_a_second_request_while_it_answers_the_first() -> None:
    assert MAX_ASSIGNED_JOBS == 64 and MAX_ASSIGNED_BYTES == 16 * 1024 * 1024
    book = of(300)
    first, second = taken(book, "a"), taken(book, "a")
    assert (first.places, second.places) == (tuple(range(64)), tuple(range(64, 128)))
    assert book.take("a", 0.0) is None
    for place in range(63):
        book.answer(first, place, PASS, 0.0)
    assert book.take("a", 0.0) is None
    book.answer(first, 63, PASS, 0.0)
    assert taken(book, "a").places == tuple(range(128, 192))


@pytest.mark.parametrize(
    ("count", "urls", "sizes"),
    [
        (100, ("a", "b"), [25, 19, 14]),
        (20, ("a", "b"), [8, 8, 4]),
        (6, ("a", "b"), [3, 3]),
        (7, ("a", "b"), [4, 3]),
        (9, ("a", "b", "c"), [3, 3, 3]),
        (1000, ("a", "b"), [64, 64, 64]),
    ],
)
def test_several_servers_get_a_fair_share_that_shrinks_towards_the_end(
    count: int, urls: tuple[str, ...], sizes: list[int]
) -> None:
    book = of(count, *urls)
    found = []
    for number in range(len(sizes)):
        assignment = taken(book, urls[number % len(urls)])
        found.append(len(assignment.places))
        for place in assignment.places:
            book.answer(assignment, place, PASS, 0.0)
    assert found == sizes


def test_a_request_holds_at_most_16_megabytes_unless_one_job_is_larger() -> None:
    half = MAX_ASSIGNED_BYTES // 2
    book = Dispatch([half, half, 1, 2 * MAX_ASSIGNED_BYTES, 1], [1.0] * 5, ["a"], 2)
    assert [taken(book, "a").places for _ in range(4)] == [(0, 1), (2,), (3,), (4,)]


def test_the_first_answer_counts_and_the_call_is_finished_with_the_last_one() -> None:
    book = of(2, "a", "b", wall_seconds=1.0)
    one, two = taken(book, "a"), taken(book, "b")
    assert (one.places, two.places) == ((0,), (1,))
    copy = taken(book, "b", 2.0)
    assert copy.places == (0,)
    book.answer(copy, 0, Outcome("fail"), 2.0)
    book.answer(one, 0, PASS, 2.0)
    assert not book.finished.is_set() and not one.unanswered
    book.answer(two, 1, PASS, 2.0)
    assert book.finished.is_set()
    assert [outcome.verdict for outcome in book.outcomes()] == ["fail", "pass"]


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_an_error_that_may_pass_is_tried_again_so_often_and_the_last_one_is_told(retries: int) -> None:
    async def run() -> list[Outcome]:
        book = of(1, error_retries=retries)
        for number in range(retries + 1):
            while (assignment := book.take("a", 0.0)) is None:
                await asyncio.sleep(0)
            assert not book.finished.is_set()
            book.answer(assignment, 0, error_outcome(f"lost {number}"), 0.0)
            book.end(assignment)
        assert book.finished.is_set() and book.take("a", 0.0) is None
        return book.outcomes()

    assert soon(run()) == [error_outcome(f"lost {retries}")]


def test_an_error_that_cannot_pass_is_final() -> None:
    book = of(1)
    book.answer(taken(book, "a"), 0, Outcome("error", reason="not Python"), 0.0)
    assert book.finished.is_set() and book.outcomes()[0].reason == "not Python"


def test_a_job_that_erred_waits_for_another_server_as_long_as_one_is_able() -> None:
    async def run() -> None:
        book = of(1, "a", "b")
        assignment = taken(book, "a")
        book.answer(assignment, 0, error_outcome("lost"), 0.0)
        book.end(assignment)
        await asyncio.sleep(0.001)
        assert book.take("a", 0.0) is None
        book.set_able("b", False)
        again = taken(book, "a")
        book.answer(again, 0, error_outcome("lost again"), 0.0)
        book.end(again)
        await asyncio.sleep(0.001)
        book.set_able("b", True)
        assert book.take("a", 0.0) is None
        assert taken(book, "b").places == (0,)

    soon(run())


def test_the_pause_after_an_error_grows_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_ERROR_PAUSE_SECONDS", 0.1)
    ceilings: list[tuple[float, float]] = []
    monkeypatch.setattr(dispatch.random, "uniform", lambda low, high: ceilings.append((low, high)) or 0.0)

    async def run() -> None:
        book = of(1)
        for _ in range(2):
            while (assignment := book.take("a", 0.0)) is None:
                await asyncio.sleep(0)
            book.answer(assignment, 0, error_outcome("lost"), 0.0)
            book.end(assignment)

    soon(run())
    assert ceilings == [(0.0, pytest.approx(0.2)), (0.0, pytest.approx(0.4))]


def test_jobs_of_a_request_that_ended_wait_again_in_front() -> None:
    book = of(100, "a", "b")
    one = taken(book, "a")
    book.answer(one, 0, PASS, 0.0)
    book.end(one)
    assert taken(book, "b").places[:3] == (1, 2, 3)


def test_jobs_that_a_server_refuses_together_are_sent_alone() -> None:
    book = of(4)
    together = taken(book, "a")
    assert together.places == (0, 1, 2, 3)
    book.answer(together, 0, PASS, 0.0)
    book.split(together)
    book.end(together)
    assert [taken(book, "a").places for _ in range(3)] == [(1,), (2,), (3,)]


@pytest.mark.parametrize(("wall_seconds", "patience"), [(3.0, 4.0), (0.5, 1.5)])
def test_a_server_is_stuck_when_it_was_silent_for_a_test_and_a_second(wall_seconds: float, patience: float) -> None:
    book = of(2, "a", "b", wall_seconds=wall_seconds)
    one, two = taken(book, "a", 10.0), taken(book, "b", 10.0)
    assert one.patience_seconds == patience and one.heard_at == 10.0
    assert one.unanswered == {0}
    book.answer(two, 1, PASS, 11.0)
    book.end(two)
    assert book.take("b", 10.0 + patience - 0.001) is None
    assert not book.is_stuck("a")
    assert taken(book, "b", 10.0 + patience).places == (0,)
    assert book.is_stuck("a") and not book.is_stuck("b")
    assert book.take("b", 99.0) is None and book.take("a", 99.0) is None


def test_an_answer_shows_that_a_server_is_not_stuck() -> None:
    book = of(4, "a", "b", wall_seconds=3.0)
    one, two = taken(book, "a"), taken(book, "b")
    for place in two.places:
        book.answer(two, place, PASS, 0.0)
    book.answer(one, one.places[0], PASS, 3.5)
    assert one.heard_at == 3.5
    assert book.take("b", 4.5) is None
    assert taken(book, "b", 7.5).places == (one.places[1],)


def test_a_job_that_two_servers_have_waits_again_only_when_both_have_ended() -> None:
    book = of(2, "a", "b", "c", wall_seconds=1.0)
    one, two = taken(book, "a"), taken(book, "b")
    book.answer(two, 1, PASS, 0.0)
    copy = taken(book, "b", 2.0)
    assert (one.places, copy.places) == ((0,), (0,))
    book.end(one)
    assert book.take("c", 2.0) is None
    book.end(copy)
    assert taken(book, "c", 2.0).places == (0,)
    assert book.take("a", 2.0) is None


def test_the_longest_test_of_a_request_is_waited_for() -> None:
    book = Dispatch([1, 1, 1], [1.0, 5.0, 2.0], ["a"], 2)
    assert taken(book, "a").patience_seconds == 6.0


def test_what_nobody_answered_is_an_error_that_names_the_last_problem() -> None:
    async def run() -> list[Outcome]:
        book = of(3, "a", error_retries=2)
        assert book.outcomes()[0] == error_outcome("no sandbox answered: the call's time was over before it began")
        assignment = taken(book, "a")
        book.answer(assignment, 0, PASS, 0.0)
        book.answer(assignment, 1, error_outcome("lost 1"), 0.0)
        book.reason = "b: silent"
        assert book.urls_under_way() == ["a"]
        return book.outcomes()

    first, second, third = soon(run())
    assert (first, second, third) == (PASS, error_outcome("lost 1"), error_outcome("no sandbox answered: b: silent"))


def test_addresses_under_way_are_sorted_and_those_with_open_jobs() -> None:
    book = of(9, "c", "a", "b")
    assignments = {url: taken(book, url) for url in ("c", "a", "b")}
    assert book.urls_under_way() == ["a", "b", "c"]
    for place in assignments["b"].places:
        book.answer(assignments["b"], place, PASS, 0.0)
    assert book.urls_under_way() == ["a", "c"]


def test_a_wait_ends_with_a_change_or_when_a_server_has_been_silent_too_long() -> None:
    async def run() -> None:
        book = of(2, "a", "b", wall_seconds=0.0)
        waiting = asyncio.create_task(book.changed(0.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        one = taken(book, "a", 0.0)
        await waiting
        await book.changed(0.999)  # one millisecond later the server is stuck
        waiting = asyncio.create_task(book.changed(5.0))
        await asyncio.sleep(0.01)
        assert not waiting.done()  # it is stuck already: only a change helps
        book.set_able("a", False)
        await waiting
        waiting = asyncio.create_task(book.changed(5.0))
        await asyncio.sleep(0)
        book.end(one)
        await waiting

    soon(run())

"""Limits per minute and pauses that servers ask for, on a clock that stands still."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.endpoint import pacing
from openqwq.training.endpoint.pacing import Pace, retry_after

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


class Clock:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pacing.asyncio, "sleep", clock.sleep)
    return clock


def starts(pace: Pace, clock: Clock, tokens: list[tuple[int, int | None]]) -> list[float]:
    """When requests that follow each other begin; (most tokens, tokens that they took)."""

    async def run() -> list[float]:
        begun = []
        for most, took in tokens:
            expected = await pace.turn(most)
            begun.append(clock.now - 50.0)
            pace.settle(expected, took)
        return begun

    return asyncio.run(run())


def test_without_limits_nothing_waits(clock: Clock) -> None:
    assert starts(Pace(None, None, clock), clock, [(100, 5)] * 4) == [0.0] * 4


def test_requests_are_spread_over_the_minute(clock: Clock) -> None:
    assert starts(Pace(30.0, None, clock), clock, [(100, 5)] * 4) == [0.0, 2.0, 4.0, 6.0]


def test_a_request_waits_for_the_tokens_of_those_before_it(clock: Clock) -> None:
    pace = Pace(None, 600.0, clock)  # ten a second
    assert starts(pace, clock, [(100, 50), (100, 20), (100, None), (100, 10)]) == [0.0, 5.0, 7.0, 7.0]


def test_a_request_in_flight_reserves_its_limit_and_later_ones_the_mean(clock: Clock) -> None:
    async def run() -> list[float]:
        pace = Pace(None, 600.0, clock)
        first, second = await pace.turn(100), await pace.turn(100)
        begun = [first, second, clock.now - 50.0]
        pace.settle(first, 30)
        pace.settle(second, 10)
        third = await pace.turn(100)  # 40 tokens were taken, and ten seconds have passed
        return [*begun, third, clock.now - 50.0, await pace.turn(5), clock.now - 50.0]

    assert asyncio.run(run()) == [100.0, 100.0, 10.0, 20.0, 10.0, 5.0, 12.0]


def test_a_pause_holds_every_request(clock: Clock) -> None:
    pace = Pace(60.0, None, clock)
    assert starts(pace, clock, [(1, 1)]) == [0.0]
    pace.hold(7.0)
    pace.hold(3.0)
    assert starts(pace, clock, [(1, 1), (1, 1), (1, 1)]) == [7.0, 8.0, 9.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("-3", None), ("٣", None), ("1e3", None), ("nan", None),
        ("0", 0.0), (" 7 ", 7.0), ("2.5", 2.5), ("9" * 400, float("inf")),
        ("Mon, 04 May 2026 12:00:30 GMT", 30.0), ("Mon, 04 May 2026 11:00:30 GMT", 0.0),
        ("Mon, 04 May 2026 14:00:30 +0200", 30.0), ("Mon, 04 May 2026 12:00:30", 30.0),
        ("Mon, 99 May 2026 12:00:30 GMT", None), ("Monday", None), ("Mon, 04 May 99999999999 12:00:30 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_its_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_raises(header: str) -> None:
    seconds = retry_after(header, NOW)
    assert seconds is None or seconds >= 0

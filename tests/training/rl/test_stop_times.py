"""The bound of a stop that nobody set, and checks in a step."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Schedule
from openqwq.training.rl import stopping
from openqwq.training.rl.loop import run_steps
from openqwq.training.rl.stopping import StepTimes
from tests.training.rl.test_stopping import AskedAt, Clock
from tests.training.simulated_engines import stage_of
from tests.training.simulated_stage import Simulated


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopping, "time", clock)
    return clock


def test_a_step_with_a_check_begins_only_if_the_check_fits_too(clock: Clock) -> None:
    times = StepTimes()
    times.begin(has_check=True)
    assert times.cut_at(clock.now, within=60.0) == clock.now + 30.0
    clock.now += 100.0
    times.sampled()
    clock.now += 40.0
    with times.checking():
        clock.now += 300.0
    times.finished()
    times.saved(8.0)
    times.begin(has_check=False)
    asked_at = clock.now
    assert times.cut_at(asked_at, within=151.0) == asked_at + 151.0 - 10.0 - 40.0
    times.begin(has_check=True)
    assert times.cut_at(asked_at, within=449.0) == asked_at
    assert times.cut_at(asked_at, within=451.0) == asked_at + 451.0 - 10.0 - 40.0 - 300.0
    clock.now += 100.0
    assert times.has_time(asked_at, within=451.0) and not times.has_time(asked_at, within=449.0)
    assert times.uncut_seconds == 40.0 + 300.0 + 10.0 and times.within() == math.ceil(1.25 * (140.0 + 300.0 + 8.0))


@given(step=st.floats(0, 1e5), save=st.floats(0, 1e5))
def test_a_derived_bound_is_within_its_limits_and_a_step_fits_below_them(step: float, save: float) -> None:
    within = stopping.derived_within(step, save)
    assert stopping.LEAST_WITHIN <= within <= stopping.MOST_WITHIN and within == int(within)
    assert within == stopping.MOST_WITHIN or within >= 1.25 * (step + save)


def test_a_bound_that_nobody_set_follows_the_steps_and_one_that_is_too_short_is_named_once(
    tmp_path: Path, clock: Clock
) -> None:
    stop = AskedAt()
    simulated = Simulated(tmp_path, stage_of(Schedule(), steps=2), stop)
    sync = simulated.trainer.sync_weights

    def slow(version: int) -> float:
        clock.now += 400.0
        return sync(version)

    simulated.trainer.sync_weights = slow  # type: ignore[method-assign]
    stop.within = 60.0
    run_steps(simulated.run, 0)
    assert stop.within == 60.0
    (said,) = simulated.console.lines
    assert "never cut short: told to stop within it, the run ends later than the 60 s" in said
    stop.follows_steps = True
    (tmp_path / "again").mkdir()
    again = Simulated(tmp_path / "again", stage_of(Schedule(), steps=2), stop)
    again.trainer.sync_weights = slow  # type: ignore[method-assign]
    run_steps(again.run, 0)
    assert stop.within == stopping.derived_within(400.0, 0.0)

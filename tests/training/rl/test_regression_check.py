"""The regression check of several suites: which fall counts, what is reported, and what follows each action."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

import pytest

from openqwq.training.config import RegressionCheck
from openqwq.training.records import SuiteResult
from openqwq.training.rl.regression_check import Regression, RegressionMonitor
from tests.training.small_records import make_suite

BASELINE = {"math": make_suite([1.0] * 150 + [0.0] * 50), "code": make_suite([1.0] * 100 + [0.0] * 100)}


def results(math_lost: int = 0, code_lost: int = 0) -> dict[str, SuiteResult]:
    """The suites after the first `*_lost` items, which were right, became wrong and ten wrong ones of math right."""
    return {
        "math": make_suite([0.0] * math_lost + [1.0] * (160 - math_lost) + [0.0] * 40),
        "code": make_suite([0.0] * code_lost + [1.0] * (100 - code_lost) + [0.0] * 100),
    }


class Run:
    """A monitor with every call that it makes."""

    def __init__(self, action: Literal["stop", "roll_back", "raise_replay"], max_fall: float = 0.1) -> None:
        self.coming: list[Mapping[str, SuiteResult]] = []
        self.done: list[str] = []
        self.reports: list[tuple[int, Mapping[str, float], str]] = []
        config = RegressionCheck(suites=("math", "code"), every=3, max_fall=max_fall, action=action)
        self.monitor = RegressionMonitor(config, BASELINE, self.evaluate, self, self.report)

    def evaluate(self) -> Mapping[str, SuiteResult]:
        return self.coming.pop(0)

    def raise_replay(self) -> float:
        self.done.append("replay")
        return 0.375

    def roll_back(self, step: int, now: int) -> None:
        self.done.append(f"back to {step} at {now}")

    def report(self, step: int, gains: Mapping[str, float], action: str) -> None:
        self.reports.append((step, gains, action))

    def check(self, *coming: Mapping[str, SuiteResult], first: int = 1) -> None:
        self.coming = list(coming)
        for step in range(first, first + 3 * len(coming)):
            self.monitor.check(step)
        assert self.coming == []  # each third step evaluates, and no other


def test_a_check_reports_the_paired_gain_of_each_suite() -> None:
    run = Run("stop")
    run.check(results(math_lost=20, code_lost=10), results())
    assert [(step, action) for step, _, action in run.reports] == [(3, "held"), (6, "held")]
    assert run.reports[0][1] == {"math": pytest.approx((10 - 20) / 200), "code": pytest.approx(-0.05)}
    assert run.reports[1][1] == {"math": pytest.approx(0.05), "code": 0.0}
    assert (run.monitor.last_good, run.done) == (6, [])


def test_a_fall_counts_when_it_is_larger_than_the_limit_of_the_recipe() -> None:
    for max_fall, falls in ((0.19, True), (0.2, False), (0.21, False)):
        run = Run("raise_replay", max_fall)
        run.check(results(code_lost=40))  # -0.200, and certain
        assert run.done == (["replay"] if falls else [])
        assert run.monitor.last_good == (None if falls else 3)


def test_only_the_fallen_suites_are_named() -> None:
    run = Run("raise_replay")
    run.check(results(), results(code_lost=50), results(math_lost=60, code_lost=50))
    assert [action for _, _, action in run.reports] == [
        "held",
        "code -0.250: replay raised to 0.38",
        "math -0.250, code -0.250: replay raised to 0.38",
    ]
    assert (run.done, run.monitor.last_good) == (["replay", "replay"], 3)


def test_a_regression_that_stops_remedies_nothing_and_is_not_reported_as_held() -> None:
    run = Run("stop")
    with pytest.raises(Regression, match=r"at step 3: code -0\.250 against the start of the stage; its action is stop"):
        run.check(results(code_lost=50))
    assert (run.done, run.reports, run.monitor.last_good) == ([], [], None)


def test_a_roll_back_goes_to_the_last_step_that_held_or_to_the_start_of_the_stage() -> None:
    run = Run("roll_back")
    run.check(results(code_lost=50), results(), results(code_lost=50), results(code_lost=50))
    assert run.done == ["replay", "back to 0 at 3", "replay", "back to 6 at 9", "replay", "back to 6 at 12"]
    assert run.reports[0][2] == "code -0.250: rolled back to step 0, replay raised to 0.38"
    assert run.reports[2][2] == "code -0.250: rolled back to step 6, replay raised to 0.38"
    assert run.monitor.last_good == 6


def test_without_a_configuration_nothing_is_ever_evaluated() -> None:
    run = Run("stop")
    monitor = RegressionMonitor(None, {}, run.evaluate, run, run.report)
    for step in range(1, 5):
        monitor.check(step)
    assert (run.reports, monitor.last_good) == ([], None)


def test_a_restarted_check_knows_the_step_to_go_back_to() -> None:
    run, other = Run("roll_back"), Run("roll_back")
    run.check(results())
    other.monitor.restore(json.loads(json.dumps(run.monitor.state())))
    other.check(results(code_lost=50), first=4)
    assert other.done == ["replay", "back to 3 at 6"]
    other.monitor.restore({})
    assert other.monitor.last_good is None

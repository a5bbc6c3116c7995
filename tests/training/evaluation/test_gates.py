"""Gates and regression checks: what passes, what fails, what a regression causes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Literal

import pytest

from openqwq.training.config import Gate, RegressionCheck
from openqwq.training.evaluation.evaluate import paired_gain
from openqwq.training.evaluation.gates import decide, decide_classes, is_regression
from openqwq.training.records import SuiteResult
from openqwq.training.rl.regression_check import Regression, RegressionMonitor
from openqwq.training.run_folder.entry import StageEntry
from tests.training.example_run import measured
from tests.training.small_records import make_suite

LOW, HIGH = make_suite([0.0, 1.0] * 50), make_suite([1.0] * 90 + [0.0] * 10)
"""Accuracies 0.50 and 0.90 on the same hundred items."""


def test_a_gain_passes_by_its_lower_bound_and_not_by_its_mean() -> None:
    # differences: 45 times +1, 5 times -1, 50 times 0: mean 0.40, lower bound about 0.284
    assert decide(Gate(gain={"math": 0.28}), {"math": LOW}, {"math": HIGH}).passed
    decision = decide(Gate(gain={"math": 0.35}), {"math": LOW}, {"math": HIGH})
    assert not decision.passed
    [check] = decision.checks
    assert (check.name, check.limit, check.passed) == ("math.gain_low", 0.35, False)
    assert check.value == pytest.approx(0.284, abs=0.002)


def test_a_kept_skill_may_fall_by_the_margin() -> None:
    assert decide(Gate(keep={"math": 0.40}), {"math": HIGH}, {"math": LOW}).passed
    assert not decide(Gate(keep={"math": 0.39}), {"math": HIGH}, {"math": LOW}).passed
    assert decide(Gate(keep={"math": 0.01}), {"math": LOW}, {"math": HIGH}).passed


def test_a_gate_passes_only_if_every_check_does() -> None:
    gate = Gate(accuracy={"math": 0.8, "code": 0.8})
    after = {"math": HIGH, "code": LOW}
    decision = decide(gate, {}, after)
    assert [check.passed for check in decision.checks] == [True, False]
    assert not decision.passed
    assert decide(Gate(), {}, {}).passed


def test_a_check_holds_its_value_against_the_limit_that_still_passes() -> None:
    gate = Gate(gain={"math": 0.2}, keep={"code": 0.15}, accuracy={"math": 0.9})
    before = {"math": LOW, "code": make_suite([1.0] * 20)}
    decision = decide(gate, before, {"math": HIGH, "code": make_suite([0.0] * 3 + [1.0] * 17)})
    gain, kept, accuracy = decision.checks
    assert [check.name for check in decision.checks] == ["math.gain_low", "code.kept", "math.accuracy"]
    assert (kept.value, kept.limit, kept.passed) == (pytest.approx(-0.15), -0.15, True)
    assert (accuracy.value, accuracy.limit, accuracy.passed) == (0.9, 0.9, True)
    # differences of LOW and HIGH: 45 times +1, 5 times -1; variance (50 - 100 * 0.16) / 99
    assert gain.value == pytest.approx(0.4 - 1.959963984540054 * math.sqrt(34 / 99) / 10)
    assert not decide(Gate(accuracy={"math": 0.9000001}), {}, {"math": HIGH}).passed


@pytest.mark.parametrize("gate", [Gate(gain={"s": -1.0}), Gate(keep={"s": 1.0}), Gate(accuracy={"s": 0.0})])
def test_a_value_that_is_no_number_fails(gate: Gate) -> None:
    empty = SuiteResult({}, {})
    decision = decide(gate, {"s": empty}, {"s": empty})
    assert not decision.passed and math.isnan(decision.checks[0].value)
    entry = json.loads(json.dumps(StageEntry("x", "rl", gate=decision).to_json(), allow_nan=False))
    assert entry["gate"]["checks"][0]["value"] is None


def test_a_reward_model_is_gated_over_all_and_by_its_weakest_class() -> None:
    accuracy = {"all": 0.92, "curt": 0.97, "long": 0.79}
    assert decide_classes(Gate(accuracy={"all": 0.9, "curt": 0.9}), accuracy).passed
    worst = decide_classes(Gate(accuracy={"worst": 0.8}), accuracy)
    assert not worst.passed and worst.checks[0].value == 0.79
    assert not decide_classes(Gate(accuracy={"polite": 0.1}), accuracy).passed
    assert not decide_classes(Gate(accuracy={"worst": 0.1}), {"all": 0.99}).passed


def test_a_regression_needs_a_large_and_a_certain_fall() -> None:
    before = make_suite([1.0] * 100)
    assert is_regression(before, make_suite([0.0] * 20 + [1.0] * 80), max_fall=0.10)
    assert not is_regression(before, make_suite([0.0] * 8 + [1.0] * 92), max_fall=0.10)  # too small
    few = make_suite([1.0] * 8)
    assert not is_regression(few, make_suite([0.0, 0.0] + [1.0] * 6), max_fall=0.10)  # may be chance
    assert not is_regression(LOW, HIGH, max_fall=0.10)


@pytest.mark.parametrize(
    ("fallen", "items", "max_fall", "regressed"),
    [
        (7, 35, 0.10, True),  # fell by 0.20, upper bound -0.066
        (5, 25, 0.10, False),  # fell by 0.20, upper bound -0.040, not below -0.05
        (16, 64, 0.25, False),  # fell by exactly the largest fall that is allowed
        (17, 64, 0.25, True),
    ],
)
def test_a_fall_counts_when_its_mean_is_beyond_the_limit_and_its_upper_bound_beyond_half_of_it(
    fallen: int, items: int, max_fall: float, regressed: bool
) -> None:
    now = make_suite([0.0] * fallen + [1.0] * (items - fallen))
    assert is_regression(make_suite([1.0] * items), now, max_fall) is regressed


def test_a_fall_whose_upper_bound_is_exactly_half_of_the_limit_is_none_yet() -> None:
    before, now = make_suite([1.0] * 35), make_suite([0.0] * 7 + [1.0] * 28)
    limit = -2 * paired_gain(before, now).high
    assert not is_regression(before, now, limit)
    assert is_regression(before, now, limit * (1 - 1e-9))


def test_a_summary_stays_strict_json_when_a_suite_has_one_item() -> None:
    entry = StageEntry("x", "rl", **measured({"s": make_suite([0.0])}, {"s": make_suite([1.0])}))
    read = json.loads(json.dumps(entry.to_json(), allow_nan=False))
    assert read["paired"]["s"] == {"gain": 1.0, "low": None, "high": None, "n": 1}
    nothing = StageEntry("x", "rl", **measured({}, {"s": SuiteResult({}, {}, errors=3)}))
    json.dumps(nothing.to_json(), allow_nan=False)


class Ship:
    """Records the remedies that a regression check calls."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.reports: list[tuple[int, str]] = []

    def raise_replay(self) -> float:
        self.asked.append("raise_replay")
        return 0.5

    def roll_back(self, step: int, now: int) -> None:
        self.asked.append(f"roll_back {step} at {now}")

    def report(self, step: int, gains: Mapping[str, float], action: str) -> None:
        self.reports.append((step, action))


Action = Literal["stop", "roll_back", "raise_replay"]
GOOD, BAD = make_suite([1.0] * 100), make_suite([0.0] * 40 + [1.0] * 60)


def monitor_of(ship: Ship, action: Action, *results: SuiteResult) -> RegressionMonitor:
    coming = iter(results)
    config = RegressionCheck(suites=("math",), every=2, max_fall=0.1, action=action)
    return RegressionMonitor(config, {"math": GOOD}, lambda: {"math": next(coming)}, ship, ship.report)


def test_a_regression_check_evaluates_only_when_it_is_due() -> None:
    ship = Ship()
    monitor = monitor_of(ship, "stop", GOOD, GOOD)
    for step in range(1, 5):
        monitor.check(step)
    assert ship.reports == [(2, "held"), (4, "held")]
    assert (monitor.last_good, ship.asked) == (4, [])


def test_a_regression_check_that_stops_names_the_fallen_skill() -> None:
    with pytest.raises(Regression, match=r"regression check at step 2: math -0\.400"):
        monitor_of(Ship(), "stop", BAD).check(2)


def test_a_regression_check_raises_replay_and_keeps_the_last_good_step() -> None:
    ship = Ship()
    monitor = monitor_of(ship, "raise_replay", GOOD, BAD)
    monitor.check(2)
    monitor.check(4)
    assert (ship.asked, monitor.last_good) == (["raise_replay"], 2)
    assert ship.reports[1] == (4, "math -0.400: replay raised to 0.50")


def test_a_regression_check_rolls_back_to_the_last_good_step_if_there_is_one() -> None:
    ship = Ship()
    monitor = monitor_of(ship, "roll_back", BAD, GOOD, BAD)
    for step in (2, 4, 6):
        monitor.check(step)
    assert ship.asked == ["raise_replay", "raise_replay", "roll_back 4 at 6"]
    assert "rolled back to step 4" in ship.reports[-1][1]


def test_a_regression_check_keeps_its_state_over_a_restart() -> None:
    monitor = monitor_of(Ship(), "roll_back", GOOD)
    monitor.check(2)
    other = monitor_of(Ship(), "roll_back")
    other.restore(json.loads(json.dumps(monitor.state())))
    assert other.last_good == 2


def test_without_a_configuration_a_regression_check_never_evaluates() -> None:
    ship = Ship()
    monitor = RegressionMonitor(None, {}, lambda: {}, ship, ship.report)
    monitor.check(2)
    assert (ship.reports, monitor.last_good) == ([], None)

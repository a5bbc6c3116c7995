"""Gates and regressions: what passes, and which fall counts."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest

from openqwq.training.config import Gate
from openqwq.training.evaluation.gates import decide, decide_classes, is_regression
from openqwq.training.evaluation.results import paired_gain
from openqwq.training.records import SuiteResult
from openqwq.training.run_folder.entry import StageEntry
from tests.training.example_run import measured
from tests.training.small_records import make_suite

LOW, HIGH = make_suite([0.0, 1.0] * 50), make_suite([1.0] * 90 + [0.0] * 10)
"""Accuracies 0.50 and 0.90 on the same hundred items."""


def test_a_gain_passes_by_its_lower_bound_and_not_by_its_mean() -> None:
    # differences: 45 times +1, 5 times -1, 50 times 0: mean 0.40, lower bound about 0.279
    assert decide(Gate(gain={"math": 0.27}), {"math": LOW}, {"math": HIGH}).passed
    decision = decide(Gate(gain={"math": 0.35}), {"math": LOW}, {"math": HIGH})
    assert not decision.passed
    [check] = decision.checks
    assert (check.name, check.limit, check.passed) == ("math.gain_low", 0.35, False)
    assert check.value == pytest.approx(0.279, abs=0.002)


def test_a_skill_is_kept_when_a_larger_fall_than_the_margin_is_excluded() -> None:
    assert decide(Gate(keep={"math": 0.52}), {"math": HIGH}, {"math": LOW}).passed
    assert not decide(Gate(keep={"math": 0.42}), {"math": HIGH}, {"math": LOW}).passed  # fell by 0.40
    assert decide(Gate(keep={"math": 0.01}), {"math": LOW}, {"math": HIGH}).passed
    same = make_suite([1.0, 0.0] * 10)
    assert not decide(Gate(keep={"math": 0.06}), {"math": same}, {"math": same}).passed  # twenty problems do not say so
    same = make_suite([1.0, 0.0] * 50)
    assert decide(Gate(keep={"math": 0.06}), {"math": same}, {"math": same}).passed


def test_a_gate_passes_only_if_every_check_does() -> None:
    gate = Gate(accuracy={"math": 0.8, "code": 0.8})
    after = {"math": HIGH, "code": LOW}
    decision = decide(gate, {}, after)
    assert [check.passed for check in decision.checks] == [True, False]
    assert not decision.passed
    assert decide(Gate(), {}, {}).passed


def test_an_accuracy_may_have_to_lie_within_a_range() -> None:
    gate = Gate(accuracy={"math": 0.05}, accuracy_at_most={"math": 0.5})
    for result, passed in [(LOW, [True, True]), (HIGH, [True, False]), (make_suite([0.0] * 9), [False, True])]:
        decision = decide(gate, {}, {"math": result})
        assert [check.passed for check in decision.checks] == passed
        assert decision.passed is all(passed)
    low, high = decision.checks
    assert (low.bound("0.05"), high.bound("0.5")) == ("at least 0.05", "at most 0.5")
    assert not decide(gate, {}, {"math": make_suite([])}).passed
    entry = StageEntry.from_json({"name": "s", "gate": {"passed": False, "checks": [asdict(high), asdict(low)]}})
    assert entry.gate is not None and entry.gate.checks == (high, low)


def test_a_check_holds_its_value_against_the_limit_that_still_passes() -> None:
    gate = Gate(gain={"math": 0.2}, keep={"code": 0.15}, accuracy={"math": 0.9})
    before = {"math": LOW, "code": make_suite([1.0] * 20)}
    decision = decide(gate, before, {"math": HIGH, "code": make_suite([0.0] * 3 + [1.0] * 17)})
    gain, kept, accuracy = decision.checks
    assert [check.name for check in decision.checks] == ["math.gain_low", "code.kept_low", "math.accuracy"]
    assert kept.value is not None and kept.value < -0.15 and (kept.limit, kept.passed) == (-0.15, False)
    assert (accuracy.value, accuracy.limit, accuracy.passed) == (0.9, 0.9, True)
    # differences of LOW and HIGH: 45 times +1, 5 times -1; variance (50 - 100 * 0.16) / 99
    assert gain.value == pytest.approx(0.4 - 1.959963984540054 * math.sqrt(34 / 99) / 10, abs=0.02)
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
        (8, 35, 0.10, True),  # fell by 0.23, upper bound -0.071
        (5, 25, 0.10, False),  # fell by 0.20, upper bound -0.012, not below -0.05
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
    before, now = make_suite([1.0] * 35), make_suite([0.0] * 8 + [1.0] * 27)
    gain = paired_gain(before, now)
    assert gain is not None
    limit = -2 * gain.high
    assert not is_regression(before, now, limit)
    assert is_regression(before, now, limit * (1 - 1e-9))


def test_a_summary_stays_strict_json_when_a_suite_has_one_item() -> None:
    entry = StageEntry("x", "rl", **measured({"s": make_suite([0.0])}, {"s": make_suite([1.0])}))
    read = json.loads(json.dumps(entry.to_json(), allow_nan=False))
    assert read["paired"]["s"] == {"gain": 1.0, "low": pytest.approx(-0.9), "high": 1.0, "n": 1}
    nothing = StageEntry("x", "rl", **measured({}, {"s": SuiteResult({}, {}, errors=3)}))
    json.dumps(nothing.to_json(), allow_nan=False)

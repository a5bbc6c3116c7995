"""Alerts warn first, act when a metric stays outside its limits, and keep their counts over a restart."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from openqwq.training.config import Alert
from openqwq.training.rl.alerts import DEFAULTS, Alerts, AlertTriggered


class RecordedAlerts:
    """Records the warnings and roll-backs of its alerts."""

    def __init__(self, **alerts: Any) -> None:
        self.warnings: list[str] = []
        self.rolled_back: list[tuple[int, int]] = []
        off = {name: Alert(metric="-", action="off") for name in DEFAULTS}
        self.alerts = Alerts({**off, **alerts}, lambda *steps: self.rolled_back.append(steps), self.warnings.append)

    def check(self, metric: str, values: list[float], first: int = 1) -> None:
        for step, value in enumerate(values, first):
            self.alerts.check(step, {metric: value})


def test_an_alert_warns_once_and_reports_when_the_metric_is_back() -> None:
    recorded = RecordedAlerts(kl=Alert(metric="update/kl", above=1.0, patience=9))
    recorded.check("update/kl", [0.1, 2.0, 3.0, 0.2])
    assert [w.split(" (")[0] for w in recorded.warnings] == [
        "alert kl: update/kl is 2 at step 2, above 1",
        "alert kl: update/kl is 0.2 at step 4, within its limits again",
    ]


def test_an_alert_stops_the_stage_when_it_lasts() -> None:
    recorded = RecordedAlerts(nan=Alert(metric="x", above=0.0, patience=2, action="stop"))
    with pytest.raises(AlertTriggered, match=r"alert nan: x is 1 at step 4, above 0, 2 steps in a row.*alerts\.nan"):
        recorded.check("x", [1.0, -1.0, 1.0, 1.0])


def test_a_metric_that_is_not_a_number_is_outside() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=5.0))
    recorded.check("x", [math.nan])
    assert "not a number" in recorded.warnings[0]


@pytest.mark.parametrize(
    ("limit", "inside", "outside"),
    [
        ({"above": 5.0}, [5.0, -9.0], [5.001, math.inf]),
        ({"below": 1.0}, [1.0, math.inf], [0.999, -math.inf]),
        ({"above": 5.0, "below": 1.0}, [1.0, 5.0], [0.999, 5.001]),
        ({"above": 5.0, "rises_by": 2.0}, [4.0], [5.001, 4.001]),
        ({"rises_by": 3.0}, [6.0, -6.0, 0.0], [6.001]),
        ({"falls_by": 4.0}, [0.5, 99.0], [0.499, 0.0, -1.0]),
        ({"rises_by": 3.0, "falls_by": 4.0}, [0.5, 6.0], [0.499, 6.001]),
    ],
)
def test_a_limit_itself_is_still_inside(limit: dict[str, float], inside: list[float], outside: list[float]) -> None:
    for values, is_quiet in ((inside, True), (outside, False)):
        for value in values:
            recorded = RecordedAlerts(alert=Alert(metric="x", **limit))  # type: ignore[arg-type]
            recorded.check("x", [2.0] * 5)
            assert recorded.alerts.is_quiet
            recorded.check("x", [value], first=6)
            assert recorded.alerts.is_quiet is is_quiet and len(recorded.warnings) == (not is_quiet)


@pytest.mark.parametrize("level", [0.0, -2.0])
def test_a_level_that_is_not_positive_has_no_multiple_to_exceed(level: float) -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", rises_by=3.0))
    recorded.check("x", [level] * 5 + [7.0])
    assert recorded.alerts.is_quiet


def test_a_small_level_has_multiples_too() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", rises_by=3.0))
    recorded.check("x", [0.25] * 5 + [0.75])
    assert recorded.alerts.is_quiet
    recorded.check("x", [0.76], first=7)
    assert not recorded.alerts.is_quiet


def test_a_value_that_is_no_number_leaves_the_level_to_the_others() -> None:
    for odd in (math.nan, math.inf):
        recorded = RecordedAlerts(low=Alert(metric="x", falls_by=4.0))
        recorded.check("x", [8.0, odd, 8.0, 8.0, 8.0, 8.0, 2.0])
        assert recorded.alerts.is_quiet
        recorded.check("x", [1.9], first=8)
        assert "less than its first level 8 / 4" in recorded.warnings[-1]


def test_a_metric_that_a_step_lacks_neither_ends_nor_counts_and_hides_no_other() -> None:
    alerts = {"first": Alert(metric="x", above=0.0, patience=2, action="stop"), "second": Alert(metric="y", above=0.0)}
    recorded = RecordedAlerts(**alerts)
    recorded.alerts.check(1, {"x": 1.0})
    recorded.alerts.check(2, {"y": 1.0, "z": 1.0})
    assert [w.split(":")[0] for w in recorded.warnings] == ["alert first", "alert second"]
    assert recorded.alerts.state()["levels"] == {"x": [1.0], "y": [1.0]}
    with pytest.raises(AlertTriggered, match="x is 2 at step 3, above 0, 2 steps in a row"):
        recorded.alerts.check(3, {"x": 2.0})


def test_a_warning_is_repeated_when_the_patience_ends_and_never_acts() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=0.0, patience=3))
    recorded.check("x", [1.0] * 7)
    assert recorded.warnings == [
        "alert alert: x is 1 at step 1, above 0 (1 in a row, warn at 3)",
        "alert alert: x is 1 at step 3, above 0 (3 in a row, warn at 3)",
    ]


def test_levels_are_learned_from_the_first_five_steps() -> None:
    recorded = RecordedAlerts(long=Alert(metric="x", rises_by=3.0), low=Alert(metric="x", falls_by=4.0))
    recorded.check("x", [10.0, 40.0, 10.0, 10.0, 10.0, 47.0])
    assert recorded.warnings == []
    recorded.check("x", [49.0, 3.9], first=7)
    assert "alert long: x is 49 at step 7, more than 3 times its first level 16" in recorded.warnings[0]
    assert any("alert low: x is 3.9 at step 8" in warning for warning in recorded.warnings)


def test_an_alert_rolls_back_to_the_last_good_step_and_gives_up_when_that_does_not_help() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=0.0, patience=2, action="roll_back"))
    recorded.alerts.last_good = 4
    recorded.check("x", [1.0] * 6, first=6)
    assert recorded.rolled_back == [(4, 7), (4, 9), (4, 11)]
    assert recorded.warnings[:2] == [
        "alert alert: x is 1 at step 6, above 0 (1 in a row, roll_back at 2)",
        "alert alert: x is 1 at step 7, above 0, 2 steps in a row: rolled back to step 4",
    ]
    assert recorded.alerts.is_quiet
    recorded.check("x", [1.0], first=12)
    with pytest.raises(AlertTriggered, match="rolled back 3 times, so the stage stops"):
        recorded.check("x", [1.0], first=13)
    assert len(recorded.rolled_back) == 3


def test_a_roll_back_ends_every_alert_and_its_step_is_no_part_of_a_level() -> None:
    alerts = {
        "other": Alert(metric="y", above=0.0, patience=3, action="stop"),
        "alert": Alert(metric="x", above=0.0, patience=1, action="roll_back"),
        "last": Alert(metric="z", above=0.0, patience=1, action="stop"),
    }
    recorded = RecordedAlerts(**alerts)
    recorded.alerts.last_good = 2
    recorded.alerts.check(3, {"x": 0.0, "y": 1.0, "z": 0.0})
    recorded.alerts.check(4, {"x": 1.0, "y": 1.0, "z": 1.0})  # the weights of z are gone as well
    assert recorded.rolled_back == [(2, 4)]
    state = recorded.alerts.state()
    assert (state["outside"], state["num_roll_backs"], state["last_good"]) == ({}, 1, 2)
    assert state["levels"] == {"x": [0.0], "y": [1.0], "z": [0.0]}
    for step in (5, 6):
        recorded.alerts.check(step, {"y": 1.0})
    with pytest.raises(AlertTriggered, match="alert other"):
        recorded.alerts.check(7, {"y": 1.0})


def test_without_a_good_checkpoint_a_roll_back_is_a_stop() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=0.0, patience=1, action="roll_back"))
    with pytest.raises(AlertTriggered, match="no good checkpoint"):
        recorded.check("x", [1.0])
    assert recorded.rolled_back == []


def test_alerts_keep_their_state_over_a_restart() -> None:
    alert = Alert(metric="x", rises_by=2.0, patience=2, action="roll_back")
    recorded, other = RecordedAlerts(alert=alert), RecordedAlerts(alert=alert)
    recorded.alerts.last_good = 5
    recorded.check("x", [1.0] * 5 + [3.0] * 5)  # twice rolled back, and outside for the first time again
    saved = json.loads(json.dumps(recorded.alerts.state()))
    other.alerts.restore(saved)
    assert other.alerts.state() == saved and other.alerts.last_good == 5 and not other.alerts.is_quiet
    other.check("x", [3.0], first=11)
    assert other.rolled_back == [(5, 11)]
    assert len(saved["outside"]) == 1  # the given state is not changed
    with pytest.raises(AlertTriggered, match="rolled back 3 times"):
        other.check("x", [3.0, 3.0], first=12)


@pytest.mark.parametrize(
    ("name", "metric", "inside", "outside", "patience", "action"),
    [
        ("non_finite", "update/non_finite_steps", 0.0, 1.0, 3, "stop"),
        ("kl", "update/kl", 1.0, 1.01, 5, "warn"),
        ("mismatch", "update/mismatch/mean_abs_log_ratio", 0.5, 0.51, 3, "warn"),
        ("entropy_collapse", "update/entropy", 0.04, 0.0399, 5, "warn"),  # a fiftieth of the level 2
        ("entropy_explosion", "update/entropy", 8.0, 8.01, 3, "warn"),
        ("length_explosion", "completions/tokens_mean", 8.0, 8.01, 3, "warn"),
        ("repetition", "completions/repetition", 0.6, 0.61, 3, "warn"),
        ("no_signal", "groups/zero_signal_fraction", 0.97, 0.98, 10, "warn"),
        ("verifier_errors", "errors/fraction", 0.2, 0.21, 5, "stop"),
    ],
)
def test_the_default_alerts_act_at_their_limits(
    name: str, metric: str, inside: float, outside: float, patience: int, action: str
) -> None:
    warnings: list[str] = []
    alerts = Alerts({}, lambda step, now: None, warnings.append)
    alerts.restore({"levels": {metric: [2.0] * 5}, "outside": {}, "num_roll_backs": 0, "last_good": None})
    alerts.check(6, {metric: inside})
    assert warnings == []
    for step in range(7, 6 + patience):
        alerts.check(step, {metric: outside})
    assert f"alert {name}: " in warnings[0] and f"{action} at {patience})" in warnings[0]
    if action == "stop":
        with pytest.raises(AlertTriggered, match=f"alert {name}: .*{patience} steps in a row"):
            alerts.check(6 + patience, {metric: outside})
    else:
        alerts.check(6 + patience, {metric: outside})
        assert f"({patience} in a row, warn at {patience})" in warnings[1]


def test_a_recipe_replaces_a_default_alert_by_name_and_switches_it_off() -> None:
    warnings: list[str] = []
    changes = {"kl": Alert(metric="update/kl", above=9.0), "repetition": Alert(metric="-", action="off")}
    alerts = Alerts(changes, lambda step, now: None, warnings.append)
    alerts.check(1, {"update/kl": 8.0, "completions/repetition": 1.0, "-": 1.0})
    assert warnings == [] and alerts.alerts.keys() == DEFAULTS.keys() - {"repetition"}
    alerts.check(2, {"update/kl": 9.5})
    assert "above 9" in warnings[0]


def test_every_default_watches_and_an_alert_without_a_limit_is_refused() -> None:
    assert all(alert.action != "off" for alert in DEFAULTS.values())
    with pytest.raises(ValidationError, match="needs one of above, below, rises_by, falls_by"):
        Alert(metric="x")

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
    with pytest.raises(AlertTriggered, match=r"alert nan: x is 1 at step 3, above 0, 2 steps in a row.*alerts\.nan"):
        recorded.check("x", [1.0, -1.0, 1.0, 1.0][1:], first=1)


def test_a_metric_that_is_not_a_number_is_outside() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=5.0))
    recorded.check("x", [math.nan])
    assert "not a number" in recorded.warnings[0]


def test_levels_are_learned_from_the_first_five_steps() -> None:
    recorded = RecordedAlerts(long=Alert(metric="x", rises_by=3.0), low=Alert(metric="x", falls_by=4.0))
    recorded.check("x", [10.0, 40.0, 10.0, 10.0, 10.0, 47.0])
    assert recorded.warnings == []
    recorded.check("x", [49.0, 3.9], first=7)
    assert "alert long: x is 49 at step 7, more than 3 times its first level 16" in recorded.warnings[0]
    assert any("alert low: x is 3.9 at step 8" in warning for warning in recorded.warnings)


def test_an_alert_rolls_back_to_the_last_good_step_and_gives_up_when_that_does_not_help() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=0.0, patience=1, action="roll_back"))
    recorded.alerts.last_good = 4
    recorded.check("x", [1.0, 1.0, 1.0], first=6)
    assert recorded.rolled_back == [(4, 6), (4, 7), (4, 8)]
    assert recorded.alerts.is_quiet
    with pytest.raises(AlertTriggered, match="rolled back 3 times"):
        recorded.check("x", [1.0], first=9)


def test_without_a_good_checkpoint_a_roll_back_is_a_stop() -> None:
    recorded = RecordedAlerts(alert=Alert(metric="x", above=0.0, patience=1, action="roll_back"))
    with pytest.raises(AlertTriggered, match="no good checkpoint"):
        recorded.check("x", [1.0])


def test_alerts_keep_their_state_over_a_restart() -> None:
    alert = Alert(metric="x", rises_by=2.0, patience=2, action="stop")
    recorded, other = RecordedAlerts(alert=alert), RecordedAlerts(alert=alert)
    recorded.check("x", [1.0] * 5 + [3.0])
    other.alerts.restore(json.loads(json.dumps(recorded.alerts.state())))
    with pytest.raises(AlertTriggered):
        other.check("x", [3.0], first=7)


def test_every_default_watches_and_an_alert_without_a_limit_is_refused() -> None:
    assert all(alert.action != "off" for alert in DEFAULTS.values())
    with pytest.raises(ValidationError, match="needs one of above, below, rises_by, falls_by"):
        Alert(metric="x")

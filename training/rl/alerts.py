"""Alerts on metrics that leave their limits: a warning at the first step outside, an action when they stay there."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from openqwq.training.config import Alert
from openqwq.training.errors import OpenqwqError

BASELINE_STEPS = 5
"""First steps of a stage; a metric's mean over them is the level that `rises_by` and `falls_by` compare with."""
MAX_ROLL_BACKS = 3
"""A stage that needs more roll-backs ends: the same weights would raise the same alert again."""

DEFAULTS: dict[str, Alert] = {
    "non_finite": Alert(metric="update/non_finite_steps", above=0, action="stop"),
    "kl": Alert(metric="update/kl", above=1.0, patience=5),
    "mismatch": Alert(metric="update/mismatch/mean_abs_log_ratio", above=0.5),
    "entropy_collapse": Alert(metric="update/entropy", falls_by=50, patience=5),
    "entropy_explosion": Alert(metric="update/entropy", rises_by=4),
    "length_explosion": Alert(metric="completions/tokens_mean", rises_by=4),
    "repetition": Alert(metric="completions/repetition", above=0.6),
    "no_signal": Alert(metric="groups/zero_signal_fraction", above=0.97, patience=10),
    "verifier_errors": Alert(metric="errors/fraction", above=0.2, patience=5, action="stop"),
}
"""The alerts of every stage; a recipe changes them or switches them off by name. Where an entry says nothing else, it
warns, and that at the first and the third step in a row."""


class AlertTriggered(OpenqwqError):
    """A metric stayed outside the limits of an alert, and the stage has to stop."""


class Alerts:
    """The alerts of one stage. `roll_back(step, now)` restores the weights of the saved step `step` as the policy after
    step `now`."""

    def __init__(
        self, changes: Mapping[str, Alert], roll_back: Callable[[int, int], None], warn: Callable[[str], None]
    ) -> None:
        self.alerts = {name: alert for name, alert in {**DEFAULTS, **changes}.items() if alert.action != "off"}
        self._roll_back, self._warn = roll_back, warn
        self._levels: dict[str, list[float]] = {}
        """Metric -> its finite values at the stage's first steps."""
        self._outside: dict[str, int] = {}
        """Alert -> number of consecutive steps outside its limits."""
        self._num_roll_backs = 0
        self.last_good: int | None = None
        """Step of the newest checkpoint that was saved while every metric was within its limits."""

    @property
    def is_quiet(self) -> bool:
        """Whether every metric is within its limits."""
        return not self._outside

    def check(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Compare a step's metrics with the limits; an alert whose metric the step lacks is skipped.

        Raises:
            AlertTriggered: a metric stayed outside its limits for the alert's patience and the action is `stop`, or
                rolling back did not help.
        """
        for name, alert in self.alerts.items():
            if alert.metric not in numbers:
                continue
            value = float(numbers[alert.metric])
            limit = self._broken_limit(alert, value)
            if limit is None:
                if self._outside.pop(name, None):
                    self._warn(f"alert {name}: {alert.metric} is {value:.4g} at step {step}, within its limits again")
                continue
            self._outside[name] = self._outside.get(name, 0) + 1
            self._raise_alert(name, alert, step, f"{alert.metric} is {value:.4g} at step {step}, {limit}")
            if not self._outside:  # rolled back: these metrics belong to weights that are no longer in use
                return
        for metric in {alert.metric for alert in self.alerts.values()} & numbers.keys():
            known, value = self._levels.setdefault(metric, []), float(numbers[metric])
            if len(known) < BASELINE_STEPS and math.isfinite(value):  # one NaN would switch the comparison off for good
                known.append(value)

    def _broken_limit(self, alert: Alert, value: float) -> str | None:
        known = self._levels.get(alert.metric, [])
        level = math.fsum(known) / len(known) if len(known) >= BASELINE_STEPS else None
        if math.isnan(value):
            return "which is not a number"
        if alert.above is not None and value > alert.above:
            return f"above {alert.above:g}"
        if alert.below is not None and value < alert.below:
            return f"below {alert.below:g}"
        if level is not None and alert.rises_by is not None and value > alert.rises_by * level > 0:
            return f"more than {alert.rises_by:g} times its first level {level:.4g}"
        if level is not None and alert.falls_by is not None and value < level / alert.falls_by:
            return f"less than its first level {level:.4g} / {alert.falls_by:g}"
        return None

    def _raise_alert(self, name: str, alert: Alert, step: int, words: str) -> None:
        lasted = self._outside[name]
        if lasted < alert.patience or alert.action == "warn":
            if lasted in (1, alert.patience):
                self._warn(f"alert {name}: {words} ({lasted} in a row, {alert.action} at {alert.patience})")
            return
        if alert.action == "stop":
            raise AlertTriggered(
                f"alert {name}: {words}, {lasted} steps in a row; its action is stop. Checkpoints are kept; "
                f"stages.*.alerts.{name} sets limit and action"
            )
        self._num_roll_backs += 1
        if self.last_good is None or self._num_roll_backs > MAX_ROLL_BACKS:
            why = "there is no good checkpoint" if self.last_good is None else f"rolled back {MAX_ROLL_BACKS} times"
            raise AlertTriggered(f"alert {name}: {words}; {why}, so the stage stops")
        self._roll_back(self.last_good, step)
        self._outside.clear()
        self._warn(f"alert {name}: {words}, {lasted} steps in a row: rolled back to step {self.last_good}")

    def state(self) -> dict[str, Any]:
        """Levels, counts and the last good step, as plain JSON values."""
        return {
            "levels": self._levels,
            "outside": self._outside,
            "num_roll_backs": self._num_roll_backs,
            "last_good": self.last_good,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self._levels = {name: list(values) for name, values in state["levels"].items()}
        self._outside, self._num_roll_backs = dict(state["outside"]), int(state["num_roll_backs"])
        self.last_good = state["last_good"]

"""Checks during a stage that the skills of earlier stages are kept: a paired evaluation every N steps, and an action
when accuracy falls."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from openqwq.training.config import RegressionCheck
from openqwq.training.errors import OpenqwqError
from openqwq.training.evaluation.gates import is_regression
from openqwq.training.evaluation.results import paired_gain
from openqwq.training.records import SuiteResult

Evaluate = Callable[[], Mapping[str, SuiteResult]]
"""Measures the watched suites with the engines' current weights."""


class Regression(OpenqwqError):
    """The accuracy of a watched suite fell, and the action of the regression check is `stop`."""


class Remedies(Protocol):
    """The actions against a regression."""

    def raise_replay(self) -> float:
        """Replay more prompts of earlier stages; returns their new fraction of all prompts."""

    def roll_back(self, step: int, now: int) -> None:
        """Restore the weights of the saved step `step` as the policy after step `now`; step 0 is the stage's start."""


class RegressionMonitor:
    """The regression check of one stage; with `config=None` it never evaluates.

    When a check finds no regression, the step's checkpoint becomes the one to roll back to (`last_good`); before that
    it is the start of the stage.
    """

    def __init__(
        self,
        config: RegressionCheck | None,
        baseline: Mapping[str, SuiteResult],
        evaluate: Evaluate,
        remedies: Remedies,
        report: Callable[[int, Mapping[str, float], str], None],
    ) -> None:
        self._config = config
        self._baseline = baseline
        self._evaluate = evaluate
        self._remedies = remedies
        self._report = report
        self.last_good: int | None = None

    def check(self, step: int) -> None:
        """Evaluate if a check is due at this step, and act on a regression.

        Raises:
            Regression: the accuracy of a suite fell and the action is `stop`.
        """
        if self._config is None or step % self._config.every:
            return
        now = self._evaluate()
        paired = {suite: paired_gain(self._baseline[suite], result) for suite, result in now.items()}
        gains = {suite: math.nan if gain is None else gain.value for suite, gain in paired.items()}
        fallen = [s for s, r in now.items() if is_regression(self._baseline[s], r, self._config.max_fall)]
        action = self._act(step, fallen, gains) if fallen else "held"
        if not fallen:
            self.last_good = step
        self._report(step, gains, action)

    def _act(self, step: int, fallen: list[str], gains: Mapping[str, float]) -> str:
        assert self._config is not None
        words = ", ".join(f"{suite} {gains[suite]:+.3f}" for suite in fallen)
        if self._config.action == "stop":
            raise Regression(
                f"regression check at step {step}: {words} against the start of the stage; its action is stop"
            )
        fraction = self._remedies.raise_replay()
        if self._config.action == "roll_back":
            self._remedies.roll_back(target := self.last_good or 0, step)
            return f"{words}: rolled back to step {target}, replay raised to {fraction:.2f}"
        return f"{words}: replay raised to {fraction:.2f}"

    def state(self) -> dict[str, Any]:
        """The step of the last good checkpoint, as plain JSON values."""
        return {"last_good": self.last_good}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.last_good = state.get("last_good")

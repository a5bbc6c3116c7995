"""Gates: whether a stage has passed, as a pure function of the evaluations before and after it."""

from collections.abc import Mapping

from openqwq.training.config import Gate
from openqwq.training.evaluation.evaluate import accuracy, paired_gain
from openqwq.training.records import SuiteResult
from openqwq.training.run_folder.entry import Check, GateDecision


def decide(gate: Gate, before: Mapping[str, SuiteResult], after: Mapping[str, SuiteResult]) -> GateDecision:
    """Decide the gate of a policy stage. A value that is not a number fails its check.

    `gain`: the lower 95 % bound of the paired gain must reach the limit. `keep`: the paired mean must not fall by
    more than the margin. `accuracy`: the accuracy after the stage must reach the limit.
    """
    checks = []
    for suite, limit in gate.gain.items():
        checks.append(_at_least(f"{suite}.gain_low", paired_gain(before[suite], after[suite]).low, limit))
    for suite, margin in gate.keep.items():
        checks.append(_at_least(f"{suite}.kept", paired_gain(before[suite], after[suite]).value, -margin))
    for suite, limit in gate.accuracy.items():
        checks.append(_at_least(f"{suite}.accuracy", accuracy(list(after[suite].scores.values())).value, limit))
    return GateDecision.of(checks)


def decide_classes(gate: Gate, accuracy_by_class: Mapping[str, float]) -> GateDecision:
    """Decide the gate of a reward model. Its limits apply to `all` pairs, a class by name, or the `worst` class."""
    classes = {name: value for name, value in accuracy_by_class.items() if name != "all"}
    known = {**accuracy_by_class, "worst": min(classes.values(), default=float("nan"))}
    return GateDecision.of(
        _at_least(f"{name}.accuracy", known.get(name, float("nan")), limit) for name, limit in gate.accuracy.items()
    )


def _at_least(name: str, value: float, limit: float) -> Check:
    return Check(name, value, limit, bool(value >= limit))


def is_regression(before: SuiteResult, now: SuiteResult, max_fall: float) -> bool:
    """True when the paired mean fell by more than `max_fall` and the fall is significant: the upper 95 % bound of the
    paired difference is below -max_fall / 2."""
    gain = paired_gain(before, now)
    return gain.value < -max_fall and gain.high < -max_fall / 2

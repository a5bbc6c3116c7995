"""Gates: whether a stage has passed, as a pure function of the evaluations before and after it."""

import math
from collections.abc import Mapping

from openqwq.training.config import Gate, RewardModelGate
from openqwq.training.evaluation.results import paired_gain
from openqwq.training.records import PairQuality, SuiteResult
from openqwq.training.run_folder.entry import Check, GateDecision


def decide(gate: Gate, before: Mapping[str, SuiteResult], after: Mapping[str, SuiteResult]) -> GateDecision:
    """Decide the gate of a policy stage. A value that is not a number fails its check.

    `gain`: the lower bound of the paired gain's 95 % interval must reach the limit. `keep`: the one-sided lower 95 %
    bound of the paired gain must reach -margin: a larger fall is excluded (docs/adr/0038). `accuracy`: the mean score
    after the stage must reach the limit. `accuracy_at_most`: it must not pass the limit.
    """
    checks = []
    for suite, limit in gate.gain.items():
        gain = paired_gain(before[suite], after[suite])
        checks.append(_at_least(f"{suite}.gain_low", math.nan if gain is None else gain.low, limit))
    for suite, margin in gate.keep.items():
        gain = paired_gain(before[suite], after[suite])
        checks.append(_at_least(f"{suite}.kept_low", math.nan if gain is None else gain.lower, -margin))
    for suite, limit in gate.accuracy.items():
        checks.append(_at_least(f"{suite}.accuracy", _accuracy(after[suite]), limit))
    for suite, limit in gate.accuracy_at_most.items():
        value = _accuracy(after[suite])
        checks.append(Check(f"{suite}.accuracy", value, limit, bool(value <= limit), is_at_most=True))
    return GateDecision.of(checks)


def _accuracy(result: SuiteResult) -> float:
    scores = result.scores.values()
    return math.fsum(scores) / len(scores) if scores else math.nan


def decide_classes(gate: Gate, accuracy_by_class: Mapping[str, float]) -> GateDecision:
    """Decide the gate of a reward model. Its limits apply to `all` pairs, a class by name, or the `worst` class."""
    classes = {name: value for name, value in accuracy_by_class.items() if name != "all"}
    known = {**accuracy_by_class, "worst": min(classes.values(), default=float("nan"))}
    return GateDecision.of(
        _at_least(f"{name}.accuracy", known.get(name, float("nan")), limit) for name, limit in gate.accuracy.items()
    )


def decide_reward_model(gate: RewardModelGate, quality: PairQuality) -> GateDecision:
    """Decide the whole gate of a reward model: accuracies and their lower bounds by class, shares of hacks that it does
    not pay, and the sizes of what should be small. A value that is not known fails its check."""
    checks = list(decide_classes(gate, quality.accuracy).checks)
    lows = {name: low for name, (low, _) in quality.bounds.items()}
    lows["worst"] = min((low for name, low in lows.items() if name != "all"), default=math.nan)
    checks += [_at_least(f"{name}.accuracy_low", lows.get(name, math.nan), x) for name, x in gate.accuracy_low.items()]
    shares = dict(quality.probes)
    known = list(quality.probes.values())
    shares["worst"] = math.nan if not known or any(map(math.isnan, known)) else min(known)
    shares["all"] = math.fsum(known) / len(known) if known else math.nan
    checks += [_at_least(f"{kind}.probe", shares.get(kind, math.nan), limit) for kind, limit in gate.probes.items()]
    numbers = quality.numbers()
    for name, limit in gate.at_most.items():
        checks.append(Check(name, numbers[name], limit, bool(abs(numbers[name]) <= limit), is_at_most=True))
    return GateDecision.of(checks)


def _at_least(name: str, value: float, limit: float) -> Check:
    return Check(name, value, limit, bool(value >= limit))


def is_regression(before: SuiteResult, now: SuiteResult, max_fall: float) -> bool:
    """True when the paired mean fell by more than `max_fall` and the fall is significant: the upper 95 % bound of the
    paired difference is below -max_fall / 2."""
    gain = paired_gain(before, now)
    return gain is not None and gain.value < -max_fall and gain.high < -max_fall / 2

"""What a reward model is worth, from its scores of held-out pairs and of their changed answers. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from openqwq.training.estimation.shares import correlation, wilson
from openqwq.training.records import PairQuality

BINS = 10


def measure(
    classes: Sequence[str],
    margins: Sequence[float],
    longer_by: Sequence[int],
    probe_margins: Mapping[str, Sequence[float]],
) -> PairQuality:
    """The quality of a reward model. `margins`: chosen minus rejected score of each pair; `longer_by`: chosen minus
    rejected tokens; `probe_margins`: kind of a change -> score of a good answer minus that of the changed one."""
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    for name, margin in zip(classes, margins, strict=True):
        hits["all"].append(margin > 0)  # a tie prefers nothing, and NaN is no preference
        hits[name].append(margin > 0)
    unequal = [(margin, longer) for margin, longer in zip(margins, longer_by, strict=True) if longer]
    num_longer_chosen = sum(longer > 0 for _, longer in unequal)
    num_longer_scored = sum((margin > 0) == (longer > 0) for margin, longer in unequal)
    return PairQuality(
        accuracy={name: sum(of) / len(of) for name, of in sorted(hits.items())},
        bounds={name: wilson(sum(of), len(of)) for name, of in sorted(hits.items())},
        num_pairs={name: len(of) for name, of in sorted(hits.items())},
        length_correlation=correlation(margins, [float(longer) for longer in longer_by]),
        length_preference=(num_longer_scored - num_longer_chosen) / len(unequal) if unequal else 0.0,
        calibration_error=calibration_error(margins),
        brier=math.fsum((1 - _sigmoid(margin)) ** 2 for margin in margins) / len(margins) if margins else math.nan,
        probes={
            kind: sum(margin >= 0 for margin in of) / len(of) if of else math.nan for kind, of in probe_margins.items()
        },
        num_probed=max(map(len, probe_margins.values()), default=0),
    )


def calibration_error(margins: Sequence[float]) -> float:
    """Expected calibration error of sigmoid(margin) as the probability that the chosen side is the better one: over
    ten equal bins of the confidence in [0.5, 1], the mean gap between confidence and the share of right preferences,
    weighted by pairs (Guo et al. 2017)."""
    if not margins or not all(map(math.isfinite, margins)):
        return math.nan
    bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for margin in margins:
        confidence = _sigmoid(abs(margin))
        bins[min(BINS - 1, int((confidence - 0.5) * 2 * BINS))].append((confidence, margin > 0))
    gaps = (abs(sum(c for c, _ in of) - sum(right for _, right in of)) for of in bins.values())
    return math.fsum(gaps) / len(margins)


def _sigmoid(margin: float) -> float:
    if math.isnan(margin):
        return math.nan
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, margin))))

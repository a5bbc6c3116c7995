"""Two evaluations of the same problems: what the difference is, whether it could have been seen, whether a fall can be
excluded, and how many problems that takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from openqwq.training.estimation.intervals import ALPHA, cluster_totals, clustered_variance, unseen_fraction
from openqwq.training.estimation.samples import Floats, ProblemScores, checked, clusters_of, means_of

POWER = 0.8
"""How often a difference of the size called `smallest_visible` is seen."""

ROUNDING = 1e-9
"""Means of the same scores may differ by this, because their numbers of samples do."""


@dataclass(frozen=True)
class Difference:
    """Mean difference after - before over the shared problems, with its 95 % interval on problems like these.

    Example: `Difference(0.05, 0.021, 0.079, lower=0.026, p=0.0008, correlation=0.6, n=300, num_problems=300,
    smallest_visible=0.041)`
    """

    value: float
    low: float
    high: float
    lower: float
    """The one-sided 95 % bound: the difference is at least this."""
    p: float
    """Two-sided p-value of no difference; below 0.05 exactly when the interval leaves 0 out."""
    correlation: float | None
    """Of the problems' scores before and after; None where one of them does not vary."""
    n: int
    """Number of clusters that the interval rests on."""
    num_problems: int
    """Number of problems that both have."""
    smallest_visible: float
    """The smallest true difference that such an interval leaves 0 out for in 80 % of the evaluations; above 1, none."""

    @property
    def verdict(self) -> Literal["better", "worse", "cannot tell"]:
        """What the interval says of after against before."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "cannot tell"

    def is_kept(self, margin: float) -> bool:
        """Whether a fall by `margin` is excluded (non-inferiority): the one-sided bound lies above -margin."""
        return self.lower > -_positive("margin", margin)


@dataclass(frozen=True)
class Bounds:
    """Of mean differences [...]; the fields are those of `Difference`."""

    value: Floats
    low: Floats
    high: Floats
    lower: Floats
    p: Floats


def paired_difference(before: Sequence[ProblemScores], after: Sequence[ProblemScores]) -> Difference:
    """The difference over the problems that both have; their numbers of samples may differ.

    Raises:
        ValueError: no problem is in both, or a problem has another cluster in the other.
    """
    earlier = {p.problem: p for p in checked(before)}
    both = [(earlier[p.problem], p) for p in checked(after) if p.problem in earlier]
    if not both:
        counts = f"{len(before)} problems before, {len(after)} after"
        raise ValueError(f"no problem is in both evaluations ({counts}); compare evaluations of one suite")
    for old, new in both:
        if old.cluster != new.cluster:
            names = f"{old.cluster!r} before and {new.cluster!r} after"
            raise ValueError(f"problem {new.problem!r} has the cluster {names}; give it the same")
    left, right = means_of([old for old, _ in both]), means_of([new for _, new in both])
    clusters = clusters_of([new for _, new in both])
    b = difference_bounds(right - left, clusters)
    varies = min(np.ptp(left), np.ptp(right)) > ROUNDING
    return Difference(
        value=float(b.value),
        low=float(b.low),
        high=float(b.high),
        lower=float(b.lower),
        p=float(b.p),
        correlation=float(np.corrcoef(left, right)[0, 1]) if varies else None,
        n=int(clusters.max()) + 1,
        num_problems=len(both),
        smallest_visible=float((b.high - b.low) / 2 * (1 + ndtri(POWER) / ndtri(1 - ALPHA / 2))),
    )


def difference_bounds(differences: Floats, clusters: NDArray[np.intp]) -> Bounds:
    """Bounds from the differences [..., n] of problems and their clusters' numbers [n].

    Clustered variance with t quantiles of C - 1 degrees of freedom. One more cluster with a difference of the usual
    size is added to the variance, as Bonett and Price (2012) do for discordant pairs: few discordant problems say
    little of how many there are. A bound on the side of the longer tail moves outward by Johnson's (1978) correction
    for skewness, (1 + 2 q^2) mu3 / (6 mu2 C) at the quantile q. Where all differences are equal, the bounds are where
    problems that went the other way, and that all of these missed, could move the mean.
    """
    n, mean = differences.shape[-1], differences.mean(-1)
    variance, _, count = clustered_variance(differences, clusters)
    totals = cluster_totals(differences, clusters)
    moved = np.maximum((np.abs(totals) > ROUNDING).sum(-1), 1)
    deviations = totals - totals.mean(-1, keepdims=True)
    is_known, freedom = variance > 0, max(totals.shape[-1] - 1, 1)
    error = np.sqrt(np.where(is_known, variance + (totals**2).sum(-1) / moved / n**2, 1.0))
    skew = (deviations**3).sum(-1) / np.where(is_known, (deviations**2).sum(-1), 1.0) / (6 * n)
    left, right = np.maximum(-skew, 0), np.maximum(skew, 0)

    def reach(alpha: float, tail: Floats) -> Floats:
        quantile = stdtrit(freedom, 1 - alpha)
        return np.asarray(quantile * error + (1 + 2 * quantile**2) * tail)

    towards_zero = np.where(mean > 0, left, right)
    rest = np.maximum(np.abs(mean) - towards_zero, 0)
    quantile = 2 * rest / (error + np.sqrt(error**2 + 8 * towards_zero * rest))
    unseen = unseen_fraction(count)
    least = mean - (1 + mean) * unseen
    return Bounds(
        value=mean,
        low=np.where(is_known, np.maximum(mean - reach(ALPHA / 2, left), -1), least),
        high=np.where(is_known, np.minimum(mean + reach(ALPHA / 2, right), 1), mean + (1 - mean) * unseen),
        lower=np.where(is_known, np.maximum(mean - reach(ALPHA, left), -1), least),
        p=np.where(is_known, 2 * stdtr(freedom, -quantile), (1 + np.abs(mean)) ** -count),
    )


def holm(comparisons: Mapping[str, Difference]) -> dict[str, Difference]:
    """The comparisons with p-values that hold for all at once (Holm 1979): the chance that any true equality gets one
    below 0.05 is at most 0.05. The intervals remain those of each alone."""
    adjusted, least = {}, 0.0
    for rank, (name, difference) in enumerate(sorted(comparisons.items(), key=lambda item: item[1].p)):
        least = max(least, min(1.0, (len(comparisons) - rank) * difference.p))
        adjusted[name] = replace(difference, p=least)
    return {name: adjusted[name] for name in comparisons}


def problems_for_margin(
    margin: float,
    discordance: float,
    change: float = 0.0,
    power: float = POWER,
    samples: int = 1,
    alike: float = 0.0,
) -> int:
    """Number of problems with which `Difference.is_kept(margin)` holds with this probability.

    `discordance` is the share of pairs of one sample before and one after of which one is right, `change` the true
    difference after - before. With several samples a problem the variance discordance - change^2 of a pair becomes
    (alike + (1 - alike) / samples) of it, where `alike` is the part that further samples do not take away: 0 when both
    are the same policy, 1 when each problem has an answer of its own. Normal approximation, with the added cluster of
    `difference_bounds`.
    """
    distance = _positive("margin", margin) + change
    is_possible = abs(change) <= discordance <= 1 and distance > 0 and 0 <= alike <= 1
    if not is_possible or not ALPHA < power < 1 or samples < 1:
        values = f"margin={margin}, discordance={discordance}, change={change}, power={power}, samples={samples}"
        wanted = f"|change| <= discordance <= 1, change > -margin, {ALPHA} < power < 1, samples >= 1, 0 <= alike <= 1"
        raise ValueError(f"needs {wanted}; got {values}, alike={alike}")
    quantiles = float(ndtri(1 - ALPHA) + ndtri(power))
    part = alike + (1 - alike) / samples
    variance = (discordance - change**2) * part
    root = math.sqrt(quantiles**2 * variance**2 + 4 * distance**2 * part)
    return math.ceil(quantiles * (quantiles * variance + root) / (2 * distance**2))


def _positive(name: str, value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"{name} must be above 0 and at most 1, got {name}={value}")
    return value

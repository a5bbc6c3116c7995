"""Two 95 % intervals of a suite's mean, which answer two questions; how they were chosen: ADR 38.

The record comes from `on_this_benchmark` and `on_problems_like_these`. What they compute stands below, on arrays whose
last dimension is the problems, so that a simulation can try thousands of suites at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri, stdtrit

from openqwq.training.estimation.samples import Floats, ProblemScores, clusters_of, means_of

ALPHA = 0.05
"""The share of intervals that may miss."""
Z = float(ndtri(1 - ALPHA / 2))
MOST = 1e9
"""Largest effective number of samples: an interval is never narrower than 6e-5 in the middle."""
SAME = 1e-12
"""A mean square deviation of at most this is rounding: the values are all equal."""


@dataclass(frozen=True)
class Interval:
    """The mean score of a suite with its 95 % interval. Example: `Interval(0.7, 0.541, 0.828, 30)`"""

    value: float
    low: float
    high: float
    n: int
    """How many independent things it rests on: problems, or clusters of them."""
    is_upper_bound: bool = False
    """True when a problem has a single sample: how much its score would vary is not known then, so the interval is as
    wide as it could have to be."""


def on_this_benchmark(suite: Sequence[ProblemScores]) -> Interval:
    """Where the mean would be with endlessly many samples of the same problems: for a comparison with a published
    score. Its width falls with the number of samples.

    From one sample a problem cannot be told whether its answer would change; the interval is then that of problems
    which are all alike, which covers at least 95 %, and `is_upper_bound` says so.
    """
    means = means_of(suite)
    k = np.array([len(p.scores) for p in suite])
    spread = np.array([np.var(np.asarray(p.scores, np.float64), ddof=1) if len(p.scores) > 1 else 0.0 for p in suite])
    low, high = this_benchmark_bounds(means, spread, k)
    return Interval(float(means.mean()), float(low), float(high), len(suite), bool((k == 1).any()))


def on_problems_like_these(suite: Sequence[ProblemScores]) -> Interval:
    """Where the mean would be on endlessly many problems of the same kind, of which these are a draw: for "the model is
    better at mathematics". Its width falls with the number of problems, or of clusters where they have any."""
    means, clusters = means_of(suite), clusters_of(suite)
    low, high = like_these_bounds(means, clusters)
    return Interval(float(means.mean()), float(low), float(high), int(clusters.max()) + 1)


def this_benchmark_bounds(means: Floats, spread: Floats, k: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """Bounds from the means [..., n], the variances [..., n] of the scores of a problem (divided by k - 1), and the
    numbers k [n] of samples.

    The variance of the mean is sum_i spread_i / k_i / n^2 (arXiv 2411.00640, section 3.2) plus half of what one more
    sample with another outcome would add, which stands for what has not been seen. Problems with one sample have
    together at most the variance of equal ones.
    """
    n, mean = means.shape[-1], means.mean(-1)
    num_samples = n * n / (1 / k).sum()
    single = k == 1
    variance = (spread / k)[..., ~single].sum(-1) / n**2 + 0.5 / num_samples**2
    if single.any():
        count = single.sum()
        alike = (means[..., single].sum(-1) + 0.5) / (count + 1)
        variance = variance + alike * (1 - alike) * count / n**2
    return _bounds(mean, np.clip(mean * (1 - mean) / variance, num_samples, MOST))


def like_these_bounds(means: Floats, clusters: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Bounds from the means [..., n] of problems and their clusters' numbers [n], 0 to C - 1.

    The clustered variance of the mean (arXiv 2411.00640, section 2.2) with t quantiles gives the number of independent
    right-or-wrong problems that would say as much; at least the clusters, because no mean in [0, 1] varies more.
    Equal means say nothing of the variance: then the bounds are where a kind of problem that all of them missed could
    move the mean.
    """
    mean = means.mean(-1)
    variance, freedom, least = clustered_variance(means, clusters)
    is_known = variance > 0
    quantile = stdtrit(freedom, 1 - ALPHA / 2)
    effective = mean * (1 - mean) / np.where(is_known, variance, 1.0) * (Z / quantile) ** 2
    low, high = _bounds(mean, np.clip(effective, least, MOST))
    unseen = unseen_fraction(least)
    return np.where(is_known, low, mean * (1 - unseen)), np.where(is_known, high, mean + (1 - mean) * unseen)


def clustered_variance(values: Floats, clusters: NDArray[np.intp]) -> tuple[Floats, Floats, float]:
    """The variance of the mean of values [..., n] when those of a cluster move together, its degrees of freedom, and
    the number of clusters (the effective one, n^2 / sum n_c^2, where their sizes differ). 0 where all are equal.

    V = C / (C - 1) * sum_c (sum_{i in c} (s_i - mean))^2 / n^2. Its degrees of freedom are 2 C / (kurtosis - 1) - 1,
    from the variance of a variance: C - 1 for normal values, fewer where a few clusters carry all of it; never more
    than C - 1.
    """
    sizes = np.bincount(clusters)
    count = len(sizes)
    effective = float(len(clusters) ** 2 / (sizes.astype(np.float64) ** 2).sum())
    deviations = cluster_totals(values - values.mean(-1, keepdims=True), clusters)
    second, fourth = (deviations**2).mean(-1), (deviations**4).mean(-1)
    if count == 1:
        return np.zeros_like(second), np.ones_like(second), effective
    second = np.where(second > SAME, second, 0.0)
    excess = fourth / np.where(second > 0, second, 1.0) ** 2 - 1
    freedom = np.clip(2 * count / np.maximum(excess, SAME) - 1, 1, count - 1)
    return count**2 / (count - 1) * second / len(clusters) ** 2, freedom, effective


def cluster_totals(values: Floats, clusters: NDArray[np.intp]) -> Floats:
    """Sums of values [..., n] over clusters. Returns [..., C]."""
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(clusters.max() + 1))
    return np.add.reduceat(values[..., order], starts, axis=-1)


def unseen_fraction(count: float, alpha: float = ALPHA) -> float:
    """The largest share of problems of another kind that all of `count` problems miss with probability alpha:
    (1 - u)^count = alpha, near 3 / count."""
    return float(1 - alpha ** (1 / count))


def _bounds(mean: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Clopper-Pearson's bounds by mid-P for a share `mean` of `count` (not necessarily whole) samples."""
    return _lower(mean, count), 1 - _lower(1 - mean, count)


def _lower(mean: Floats, count: Floats) -> Floats:
    """The p at which P(X > x) + P(X = x) / 2 = alpha / 2 for X of `count` samples at p and x = mean * count."""
    x = mean * count
    low, high = np.zeros_like(x), np.ones_like(x)
    for _ in range(50):
        p = (low + high) / 2
        more = np.where(x < count, betainc(x + 1, np.maximum(count - x, SAME), p), 0.0)
        is_above = (betainc(np.maximum(x, SAME), count - x + 1, p) + more) / 2 > ALPHA / 2
        low, high = np.where(is_above, low, p), np.where(is_above, p, high)
    return np.where(x > 0, low, 0.0)

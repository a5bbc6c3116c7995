"""Two ways of training, each with several seeds and measured on the same problems: what differs, whatever the seed and
the problems."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from openqwq.training.estimation.intervals import ALPHA, cluster_totals, clustered_variance
from openqwq.training.estimation.paired import POWER, ROUNDING, Difference, paired_difference
from openqwq.training.estimation.samples import ProblemScores, checked, clusters_of, means_of

Pair = tuple[Sequence[ProblemScores], Sequence[ProblemScores]]
"""(before, after) of one seed."""


def difference_over_seeds(pairs: Sequence[Pair]) -> Difference:
    """The mean difference after - before over the seeds and the problems that all of them share.

    Both are draws, so both add to the variance of the mean: V = V_seeds + V_problems, where V_seeds is the variance of
    the seeds' differences over their number, and V_problems the clustered one of the problems' differences, each the
    mean over the seeds (with `difference_bounds`' added cluster). What is neither, the noise of single answers, is in
    both, so the interval is wide rather than narrow. Its degrees of freedom are Satterthwaite's: few seeds that differ
    make it wide. One seed says nothing of other seeds; then the interval is that of its problems alone.

    Raises:
        ValueError: no pair, or no problem that all share, or one with different clusters.
    """
    if not pairs:
        raise ValueError("no seed was measured on both sides; give at least one pair of evaluations")
    shared = set.intersection(*({p.problem for p in side} for pair in pairs for side in pair))
    kept = [tuple([p for p in checked(side) if p.problem in shared] for side in pair) for pair in pairs]
    alone = [paired_difference(before, after) for before, after in kept]
    if len(pairs) == 1:
        return alone[0]
    order = [p.problem for p in kept[0][1]]
    table = np.stack([_by_problem(after, order) - _by_problem(before, order) for before, after in kept])
    clusters = clusters_of(kept[0][1])
    of_problems, of_seeds = table.mean(0), table.mean(1)
    mean = float(table.mean())
    totals = cluster_totals(of_problems, clusters)
    moved = max(int((np.abs(totals) > ROUNDING).sum()), 1)
    parts = np.array([of_seeds.var(ddof=1) / len(pairs), clustered_variance(of_problems, clusters)[0]])
    parts[1] += float((totals**2).sum()) / moved / len(order) ** 2
    if parts.sum() <= 0:  # nothing differs anywhere: as much as one seed's equal answers say
        return alone[0]
    freedom = parts.sum() ** 2 / (parts**2 / np.array([len(pairs) - 1, max(len(totals) - 1, 1)])).sum()
    error = float(np.sqrt(parts.sum()))
    reach, one_sided = (float(stdtrit(freedom, 1 - alpha)) * error for alpha in (ALPHA / 2, ALPHA))
    return Difference(
        value=mean,
        low=max(mean - reach, -1.0),
        high=min(mean + reach, 1.0),
        lower=max(mean - one_sided, -1.0),
        p=float(2 * stdtr(freedom, -abs(mean) / error)),
        correlation=None,
        n=len(totals),
        num_problems=len(order),
        smallest_visible=reach * (1 + float(ndtri(POWER) / ndtri(1 - ALPHA / 2))),
    )


def _by_problem(side: Sequence[ProblemScores], order: Sequence[str]) -> np.ndarray:
    means = dict(zip((p.problem for p in side), means_of(side), strict=True))
    return np.array([means[problem] for problem in order])

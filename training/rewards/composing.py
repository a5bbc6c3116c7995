"""What verdicts come to: gates, the main reward, the tie-break. Pure; docs/rewards.md has the table of all cases.

A verdict of a verifier that does not apply is left out. An error makes the result None, unless the others decide it
whatever the failed verifier would have said.
"""

from collections.abc import Sequence
from math import prod

from openqwq.training.config.rewards import Combine
from openqwq.verifiers import Verdict

Weighted = tuple[float, Verdict]
"""Weight of a verifier, and what it said."""


def is_closed(verdict: Verdict) -> bool:
    """Whether a gate with this verdict is closed: it opens at a full score only."""
    return verdict.score is not None and verdict.score < 1.0


def main_reward(combine: Combine, verdicts: Sequence[Weighted]) -> float | None:
    """The main reward in [0, 1]: in each score it rises or stays. None where a failed verifier would matter, or where
    none applies.

    `mean`: sum of weight x score / sum of weights. `product`, `minimum`: of the scores; a score of 0 decides.
    `veto`: the mean, or 0 where the first score is below 1, which decides.
    """
    scored = [(weight, verdict.score) for weight, verdict in verdicts if verdict.score is not None]
    has_failed = any(verdict.is_error for _, verdict in verdicts)
    if combine == "veto" and verdicts and is_closed(verdicts[0][1]):
        return 0.0
    if combine in ("product", "minimum") and any(score == 0.0 for _, score in scored):
        return 0.0
    if has_failed or not scored:
        return None
    if combine == "product":
        return prod(score for _, score in scored)
    if combine == "minimum":
        return min(score for _, score in scored)
    total = weights = 0.0
    for weight, score in scored:
        total += weight * score
        weights += weight
    return min(total / weights, 1.0)


def tie_break_factor(share: float, verdict: Verdict) -> float | None:
    """1 - share + share x score, in [1 - share, 1]; 1 where the verifier does not apply, None where it failed."""
    if verdict.is_error:
        return None
    return 1.0 if verdict.score is None else 1.0 - share + share * verdict.score

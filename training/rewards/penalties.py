"""Bounded terms of a reward: of a sample's length, of a verifier's score, of the lengths within a group. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from openqwq.training.config.rewards import OVER_THINKING, OVERLONG, Penalty
from openqwq.training.records import Judgement, Rollout
from openqwq.verifiers import Verdict
from openqwq.verifiers.rules.length import kimi_length, soft_overlong

EASY = 0.75
"""Least fraction of right samples of a group in which thinking long is over-thinking."""
RIGHT = 1.0 - 1e-9
"""Least main reward of a right sample; a weighted mean of ones may miss 1 by a rounding."""


def of_score(penalty: Penalty, verdict: Verdict) -> float | None:
    """weight x (score - 1), in [-weight, 0]: 0 where the verifier does not apply, None where it failed."""
    if verdict.is_error:
        return None
    return 0.0 if verdict.score is None else penalty.weight * (verdict.score - 1.0)


def of_length(penalties: Sequence[Penalty], rollout: Rollout) -> dict[str, float]:
    """Name -> weight x DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13) of the sampled tokens, in
    [-weight, 0]."""
    found = {}
    for penalty in penalties:
        if penalty.name == OVERLONG:
            limit, buffer = penalty.arguments["max_tokens"], penalty.arguments["buffer_tokens"]
            found[penalty.label or OVERLONG] = penalty.weight * soft_overlong(rollout.num_sampled, limit, buffer)
    return found


def of_group(penalties: Sequence[Penalty]) -> dict[str, float]:
    """Name -> weight of the penalties that compare the samples of a group."""
    return {penalty.label or OVER_THINKING: penalty.weight for penalty in penalties if penalty.name == OVER_THINKING}


def with_group_penalties(rollouts: Sequence[Rollout], judgements: Sequence[Judgement]) -> list[Judgement]:
    """The judgements of a complete group with what they get in comparison with each other.

    Over-thinking: weight x lambda, lambda = 0.5 - (length - shortest) / (longest - shortest) for a right sample and
    min(0, lambda) for a wrong one (Kimi k1.5), over the sampled tokens of all judged samples; 0 in a group of which
    less than `EASY` is right. Samples behind a closed gate count as wrong and keep their 0.
    """
    judged = [index for index, judgement in enumerate(judgements) if judgement.reward is not None]
    if not any(judgements[index].group_penalties for index in judged):
        return list(judgements)
    is_right = [(judgements[index].main or 0.0) >= RIGHT for index in judged]
    shares = kimi_length([rollouts[index].num_sampled for index in judged], is_right)
    if sum(is_right) < EASY * len(judged):
        shares = [0.0] * len(judged)
    settled = list(judgements)
    for index, share in zip(judged, shares, strict=True):
        weights = judgements[index].group_penalties
        settled[index] = _with(judgements[index], {name: weight * share for name, weight in weights.items()})
    return settled


def _with(judgement: Judgement, terms: Mapping[str, float]) -> Judgement:
    if not terms or judgement.reward is None:
        return judgement
    return replace(
        judgement,
        reward=judgement.reward + sum(terms.values()),
        penalties={**judgement.penalties, **terms},
        group_penalties={},
    )

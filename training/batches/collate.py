"""Collates groups into one batch: samples with their advantages, tokens laid end to end without padding. Pure.

N sequences, S tokens in all, K sampled tokens that count in the loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from openqwq.training.algorithms.advantages import (
    GroupRewards,
    mean_centred_advantages,
    overlong_penalty,
    per_group,
)
from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.records import Group, Judgement, Rollout


@dataclass(frozen=True)
class Batch:
    """The sequences of one update; each sequence is a prompt and everything after it."""

    tokens_S: torch.Tensor
    lengths_N: torch.Tensor
    prompt_lengths_N: torch.Tensor
    groups_N: torch.Tensor
    """Number of each sequence's group; the samples of one prompt have the same number."""
    loss_mask_S: torch.Tensor
    """True where a token was sampled and counts in the loss."""
    sampled_logprobs_K: torch.Tensor
    """log mu(token), which the engine logged when it sampled the token."""
    advantages_N: torch.Tensor
    rewards_N: torch.Tensor
    """Shaped rewards, for algorithms whose advantages differ within a sequence."""
    num_groups: int
    """Number of groups that carry a signal."""
    rollouts_N: tuple[tuple[int, int], ...] = ()
    """Which rollout each sequence is: (number of its group, its index there)."""

    def __len__(self) -> int:
        return len(self.lengths_N)

    @cached_property
    def starts_N(self) -> torch.Tensor:
        """Index of each sequence's first token."""
        return self.lengths_N.cumsum(0) - self.lengths_N

    @cached_property
    def num_loss_tokens_N(self) -> torch.Tensor:
        """Number of tokens that count in the loss, per sequence."""
        mask, bounds = self.loss_mask_S.numpy(), zip(self.starts_N.tolist(), self.lengths_N.tolist(), strict=True)
        return torch.tensor([np.count_nonzero(mask[start : start + n]) for start, n in bounds], dtype=torch.long)

    @cached_property
    def loss_starts_N(self) -> torch.Tensor:
        """Index of each sequence's first token that counts, among the K of all sequences."""
        return self.num_loss_tokens_N.cumsum(0) - self.num_loss_tokens_N

    @property
    def advantage_of_rollout(self) -> dict[tuple[int, int], float]:
        """(number of the group, index) -> advantage."""
        return dict(zip(self.rollouts_N, self.advantages_N.tolist(), strict=True))

    def of_rollouts(self, values_K: Mapping[str, np.ndarray]) -> dict[tuple[int, int], dict[str, list[float]]]:
        """(number of the group, index) -> its part of each value of the counted tokens."""
        ends = self.num_loss_tokens_N.cumsum(0).tolist()
        bounds = zip(self.rollouts_N, self.loss_starts_N.tolist(), ends, strict=True)
        return {
            key: {name: values[start:end].tolist() for name, values in values_K.items()} for key, start, end in bounds
        }

    @property
    def num_loss_tokens(self) -> int:
        """K, the number of tokens that count in the loss."""
        return len(self.sampled_logprobs_K)

    @property
    def sequence_K(self) -> torch.Tensor:
        """Number of the sequence of each token that counts."""
        return torch.arange(len(self)).repeat_interleave(self.num_loss_tokens_N)

    def select(self, sequences: torch.Tensor) -> "tuple[Batch, torch.Tensor]":
        """A batch of these sequences only, and the indices of their counted tokens among this batch's K."""
        chosen = torch.zeros(len(self), dtype=torch.bool)
        chosen[sequences] = True
        keep_S = chosen.repeat_interleave(self.lengths_N)
        indices = chosen.repeat_interleave(self.num_loss_tokens_N).nonzero()[:, 0]
        part = Batch(
            tokens_S=self.tokens_S[keep_S],
            lengths_N=self.lengths_N[chosen],
            prompt_lengths_N=self.prompt_lengths_N[chosen],
            groups_N=self.groups_N[chosen],
            loss_mask_S=self.loss_mask_S[keep_S],
            sampled_logprobs_K=self.sampled_logprobs_K[indices],
            advantages_N=self.advantages_N[chosen],
            rewards_N=self.rewards_N[chosen],
            num_groups=self.num_groups,
            rollouts_N=tuple(key for key, is_chosen in zip(self.rollouts_N, chosen, strict=False) if is_chosen),
        )
        return part, indices

    def minibatches(self, count: int) -> "list[tuple[Batch, torch.Tensor]]":
        """At most `count` parts, each with its `select` indices. Groups stay whole and are dealt round robin."""
        _, rank_N = self.groups_N.unique(return_inverse=True)
        parts = min(count, int(rank_N.max()) + 1) if len(self) else 0
        return [self.select((rank_N % parts == k).nonzero()[:, 0]) for k in range(parts)]


def outcome_rewards(group: Group) -> GroupRewards:
    """What the group's samples achieved: their rewards and components without shaping."""
    return _group_rewards(group, [judgement.outcome for judgement in group.judgements], is_shaped=False)


def shaped_rewards(group: Group, algorithm: AlgorithmSpec, max_new_tokens: int) -> GroupRewards:
    """The input of the advantages: the group's rewards with the algorithm's length penalty, and their components."""
    penalties = [_overlong(rollout, algorithm, max_new_tokens) for rollout in group.rollouts]
    rewards = [None if r is None else r + penalty for r, penalty in zip(group.rewards, penalties, strict=True)]
    return replace(_group_rewards(group, rewards), penalties=penalties)


def has_signal(group: Group, algorithm: AlgorithmSpec, max_new_tokens: int) -> bool:
    """Whether the group contributes to the update.

    - dynamic sampling: where its outcomes differ. Shaping and a KL do not count, or a group whose answers are all wrong
      would be kept for its lengths (DAPO, arXiv 2503.14476, eq. 11, counts right answers).
    - otherwise: where its shaped rewards differ, or where the algorithm has another baseline than the group, or a
      penalty that differs between the samples.
    """
    if algorithm.dynamic_sampling:
        compare = algorithm.advantage if algorithm.compares_within_group else per_group(mean_centred_advantages)
        return any(compare([outcome_rewards(group)])[0])
    if algorithm.has_token_advantages or not algorithm.compares_within_group:
        return any(reward is not None for reward in group.rewards)
    return any(algorithm.advantage([shaped_rewards(group, algorithm, max_new_tokens)])[0])


def make_batch(groups: Sequence[Group], algorithm: AlgorithmSpec, max_new_tokens: int) -> Batch:
    """A batch of the judged samples of all groups that carry a signal."""
    useful = [group for group in groups if has_signal(group, algorithm, max_new_tokens)]
    shaped = [shaped_rewards(group, algorithm, max_new_tokens) for group in useful]
    samples = [
        Sample(rollout, index, advantage, reward)
        for index, (group, rewards, advantages) in enumerate(
            zip(useful, shaped, algorithm.advantage(shaped), strict=True)
        )
        for rollout, reward, advantage in zip(group.rollouts, rewards.rewards, advantages, strict=True)
        if reward is not None and advantage is not None and any(rollout.loss_mask)
    ]
    return collate(samples, len(useful))


@dataclass(frozen=True)
class Sample:
    """A rollout with its group's number in the batch, its advantage and its shaped reward."""

    rollout: Rollout
    group: int
    advantage: float
    reward: float


def collate(samples: Sequence[Sample], num_groups: int) -> Batch:
    """A batch with the samples laid end to end."""
    rollouts = [sample.rollout for sample in samples]
    tokens = [np.array(part, dtype=np.int64) for r in rollouts for part in (r.prompt_tokens, r.tokens)]
    masks = [np.array(r.loss_mask, dtype=bool) for r in rollouts]
    prompts: list[np.ndarray] = [np.zeros(len(r.prompt_tokens), dtype=bool) for r in rollouts]
    logprobs = [np.array(r.logprobs, dtype=np.float32)[mask] for r, mask in zip(rollouts, masks, strict=True)]
    return Batch(
        tokens_S=_joined(tokens, np.int64),
        lengths_N=torch.tensor([len(r.prompt_tokens) + len(r.tokens) for r in rollouts], dtype=torch.long),
        prompt_lengths_N=torch.tensor([len(r.prompt_tokens) for r in rollouts], dtype=torch.long),
        groups_N=torch.tensor([sample.group for sample in samples], dtype=torch.long),
        loss_mask_S=_joined([part for pair in zip(prompts, masks, strict=True) for part in pair], np.bool_),
        sampled_logprobs_K=_joined(logprobs, np.float32),
        advantages_N=torch.tensor([sample.advantage for sample in samples], dtype=torch.float32),
        rewards_N=torch.tensor([sample.reward for sample in samples], dtype=torch.float32),
        num_groups=num_groups,
        rollouts_N=tuple((rollout.group, rollout.index) for rollout in rollouts),
    )


def _joined(parts: Sequence[np.ndarray], dtype: type[np.generic]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts) if parts else np.zeros(0, dtype=dtype))


def _group_rewards(group: Group, rewards: Sequence[float | None], is_shaped: bool = True) -> GroupRewards:
    judgements = group.judgements
    weights = {
        name: weight
        for judgement in judgements
        for name, weight in judgement.weights.items()
        if is_shaped or name not in judgement.shaping
    }
    components = {
        name: (weight, [j.parts.get(name, 0.0) if j.weights else 0.0 for j in judgements])
        for name, weight in sorted(weights.items())
    }
    return GroupRewards(rewards, components | (_penalties(judgements, bool(weights)) if is_shaped else {}))


def _penalties(judgements: Sequence[Judgement], has_main: bool) -> dict[str, tuple[float, list[float]]]:
    """Penalties as components of their own, with the main reward beside them where it is not there in parts."""
    weights = {name: weight for judgement in judgements for name, weight in judgement.penalty_weights.items()}
    if not weights:
        return {}
    main = {} if has_main else {"main": (1.0, [(j.main or 0.0) * j.tie_break for j in judgements])}
    terms = {
        f"penalty/{name}": (weight, [j.penalties.get(name, 0.0) for j in judgements])
        for name, weight in sorted(weights.items())
    }
    return main | terms


def _overlong(rollout: Rollout, algorithm: AlgorithmSpec, max_new_tokens: int) -> float:
    turns = sum(turn["role"] == "assistant" for turn in rollout.turns)
    return overlong_penalty(sum(rollout.loss_mask), max(turns, 1) * max_new_tokens, algorithm.overlong_fraction)

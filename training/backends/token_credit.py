"""The advantage of every token, from the critic, a KL penalty in the reward, or the sequence. K counted tokens."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from openqwq.training.algorithms.advantages import EPSILON
from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.algorithms.credit import (
    Floats,
    generalised_advantages,
    returns_to_go,
    token_rewards,
    whitened,
)
from openqwq.training.batches.collate import Batch


@dataclass(frozen=True)
class Credit:
    """The advantage of each token, and the critic's targets."""

    advantages_K: torch.Tensor
    returns_K: torch.Tensor | None = None


def assign_credit(
    spec: AlgorithmSpec, batch: Batch, kl_K: torch.Tensor | None, values_K: torch.Tensor | None
) -> Credit:
    """The advantage of each token. `kl_K`: KL estimate per token if the KL is part of the reward; `values_K`: the
    critic's values if there is one.

    - neither: every token has the advantage of its sequence.
    - a critic: GAE over the tokens, whitened over the batch; the critic's targets have their own lambda.
    - KL without a critic, in algorithms that compare within groups: the sequence's advantage minus what it paid more
      than its group. The penalty is not divided by the spread of the rewards: where they are equal, that would make any
      difference of the penalty, however small, as large as one of the rewards.
    - KL without a critic or groups: a token has its return to go, whitened over the batch (REINFORCE++), or only
      centred where all rewards of the batch are equal.
    """
    counts = batch.num_loss_tokens_N.tolist()
    if kl_K is None and values_K is None:
        return Credit(batch.advantages_N[batch.sequence_K])
    penalties = np.zeros(batch.num_loss_tokens) if kl_K is None else spec.kl.coefficient * _float64(kl_K)
    rewards = token_rewards(_float64(batch.rewards_N), penalties, counts)
    if values_K is not None:
        assert spec.critic is not None
        values, gamma = _float64(values_K), spec.critic.gamma
        advantages = generalised_advantages(rewards, values, counts, gamma, spec.critic.policy_lambda)
        targets = values + generalised_advantages(rewards, values, counts, gamma, spec.critic.value_lambda)
        return Credit(_tensor(whitened(advantages)), _tensor(targets))
    if not spec.compares_within_group:
        returns = returns_to_go(rewards, counts)
        is_flat = float(batch.rewards_N.max() - batch.rewards_N.min()) <= EPSILON
        return Credit(_tensor(returns - returns.mean() if is_flat else whitened(returns)))
    paid = np.add.reduceat(penalties, np.cumsum([0, *counts[:-1]]))
    return Credit((batch.advantages_N + _compared(spec, batch, -paid))[batch.sequence_K])


def _compared(spec: AlgorithmSpec, batch: Batch, values_N: Floats) -> torch.Tensor:
    """Each sequence's value against those of its group, without a division by their spread."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for n, group in enumerate(batch.groups_N.tolist()):
        members[group].append(n)
    compared = torch.zeros(len(batch))
    for rows in members.values():
        compared[rows] = torch.tensor(spec.centred([float(values_N[n]) for n in rows]))  # none is None
    return compared


def _float64(values: torch.Tensor) -> Floats:
    return values.double().cpu().numpy()


def _tensor(values: Floats) -> torch.Tensor:
    return torch.from_numpy(values).float()

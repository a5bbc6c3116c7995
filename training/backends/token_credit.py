"""The advantage of every token, from the critic, a KL penalty in the reward, or the sequence. K counted tokens."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from openqwq.training.algorithms.advantages import GroupRewards
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
    - KL without a critic: groups compare reward minus the sequence's summed penalty; in algorithms without groups the
      advantage of a token is its return to go, whitened over the batch (REINFORCE++).
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
        return Credit(_tensor(whitened(returns_to_go(rewards, counts))))
    totals = np.add.reduceat(rewards, np.cumsum([0, *counts[:-1]]))
    return Credit(_compared(spec, batch, totals)[batch.sequence_K])


def _compared(spec: AlgorithmSpec, batch: Batch, totals_N: Floats) -> torch.Tensor:
    members: defaultdict[int, list[int]] = defaultdict(list)
    for n, group in enumerate(batch.groups_N.tolist()):
        members[group].append(n)
    advantages = torch.zeros(len(batch))
    groups = [GroupRewards([float(totals_N[n]) for n in rows]) for rows in members.values()]
    for rows, values in zip(members.values(), spec.advantage(groups), strict=True):
        advantages[rows] = torch.tensor(values)  # no reward is None, so no advantage is
    return advantages


def _float64(values: torch.Tensor) -> Floats:
    return values.double().cpu().numpy()


def _tensor(values: Floats) -> torch.Tensor:
    return torch.from_numpy(values).float()

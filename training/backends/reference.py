"""The reference of a stage: a frozen copy of the policy that the stage starts from. K counted tokens."""

from typing import Any

import torch

from openqwq.training.backends.ranks import Ranks
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.backends.zero_optimizer import freeze
from openqwq.training.batches.collate import Batch
from openqwq.training.models import load_for_training


class Reference:
    """Computes log-probabilities with the frozen policy. `moves`: its weights are on `device` during a call only, and
    in host memory otherwise."""

    def __init__(self, policy: Any, micro_batch_tokens: int, ranks: Ranks, device: torch.device, moves: bool) -> None:
        self._policy, self._micro_batch_tokens, self._ranks = policy, micro_batch_tokens, ranks
        self._device, self._moves = device, moves

    @torch.no_grad()
    def logprobs(self, batch: Batch) -> torch.Tensor:
        """log p of every counted token, [K], on the CPU."""
        if self._moves:
            self._policy.to(self._device)
        logprobs = score(self._policy, batch, self._micro_batch_tokens, self._ranks)
        if self._moves:
            self._policy.to("cpu")
        return logprobs


@torch.no_grad()
def score(policy: Any, batch: Batch, micro_batch_tokens: int, ranks: Ranks) -> torch.Tensor:
    """log p of every counted token under a ScoredPolicy, [K], on the CPU."""
    logprobs = torch.zeros(batch.num_loss_tokens)
    for micro in ranks.own_shard(batch, micro_batch_tokens):
        logprobs[micro.indices_K] = policy(micro)[1].float().cpu()
    return ranks.merged(logprobs)


def make_reference(settings: TrainerSettings, device: torch.device, ranks: Ranks) -> Reference:
    """The reference of a stage: sharded over the ranks under ZeRO-3, whole on every rank otherwise."""
    rank, is_offloaded = settings.rank, settings.reference_offload
    policy = ScoredPolicy(load_for_training(settings.model, settings.dtype), settings.temperature, ranks.sequence_group)
    policy.eval().requires_grad_(False)
    if rank is not None and rank.zero_stage == 3:
        sharded = freeze(policy, settings.dtype, is_offloaded)
        return Reference(sharded, settings.micro_batch_tokens, ranks, device, moves=False)
    policy.to("cpu" if is_offloaded else device)
    return Reference(policy, settings.micro_batch_tokens, ranks, device, moves=is_offloaded)

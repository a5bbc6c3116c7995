"""The frozen reference of a stage: log-probabilities of its first policy, which is never trained. K counted tokens."""

from typing import Any

import torch

from openqwq.training.backends.ranks import Ranks
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.backends.zero_optimizer import freeze
from openqwq.training.batches.collate import Batch
from openqwq.training.models import load_for_training


class Reference:
    """`waits`: its weights are in host memory while nobody asks."""

    def __init__(self, policy: Any, micro_batch_tokens: int, ranks: Ranks, device: torch.device, waits: bool) -> None:
        self._policy, self._micro_batch_tokens, self._ranks = policy, micro_batch_tokens, ranks
        self._device, self._waits = device, waits

    @torch.no_grad()
    def logprobs(self, batch: Batch) -> torch.Tensor:
        """log p of every counted token, [K], on the CPU."""
        if self._waits:
            self._policy.to(self._device)
        logprobs = score(self._policy, batch, self._micro_batch_tokens, self._ranks)
        if self._waits:
            self._policy.to("cpu")
        return logprobs


@torch.no_grad()
def score(policy: Any, batch: Batch, micro_batch_tokens: int, ranks: Ranks) -> torch.Tensor:
    """log p of every counted token by a ScoredPolicy, [K], on the CPU."""
    logprobs = torch.zeros(batch.num_loss_tokens)
    for micro in ranks.own_shard(batch, micro_batch_tokens):
        logprobs[micro.indices_K] = policy(micro)[1].cpu()
    return ranks.merged(logprobs)


def make_reference(settings: TrainerSettings, device: torch.device, ranks: Ranks) -> Reference:
    """Of the model that a stage starts from; divided over the ranks under ZeRO-3, whole on each of them otherwise."""
    rank, is_offloaded = settings.rank, settings.reference_offload
    policy = ScoredPolicy(load_for_training(settings.model, settings.dtype), settings.temperature, ranks.group)
    policy.eval().requires_grad_(False)
    if rank is not None and rank.zero_stage == 3:
        divided = freeze(policy, settings.dtype, is_offloaded)
        return Reference(divided, settings.micro_batch_tokens, ranks, device, waits=False)
    policy.to("cpu" if is_offloaded else device)
    return Reference(policy, settings.micro_batch_tokens, ranks, device, waits=is_offloaded)

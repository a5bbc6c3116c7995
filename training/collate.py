"""Groups and advantages to padded tensors and masks: pure. N sequences, T positions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.records import Group, Rollout


@dataclass(frozen=True)
class Batch:
    """One update's sequences, prompt and everything after it, padded on the right with token 0.

    `loss_mask[n, t]` is 1 where token t was sampled and counts; log-probabilities stand at the token they belong to.
    """

    tokens_NT: torch.Tensor
    lengths_N: torch.Tensor
    loss_mask_NT: torch.Tensor
    sampled_logprobs_NT: torch.Tensor
    advantages_N: torch.Tensor
    num_groups: int
    """Groups that carry a signal."""

    def __len__(self) -> int:
        return len(self.tokens_NT)

    @property
    def num_loss_tokens(self) -> int:
        """Tokens that count."""
        return int(self.loss_mask_NT.sum())

    def rows(self, index: torch.Tensor) -> "Batch":
        """These sequences only, trimmed to their longest."""
        width = int(self.lengths_N[index].max())
        return Batch(
            tokens_NT=self.tokens_NT[index, :width],
            lengths_N=self.lengths_N[index],
            loss_mask_NT=self.loss_mask_NT[index, :width],
            sampled_logprobs_NT=self.sampled_logprobs_NT[index, :width],
            advantages_N=self.advantages_N[index],
            num_groups=self.num_groups,
        )

    def micro_batches(self, max_tokens: int) -> Iterator[tuple["Batch", torch.Tensor]]:
        """Micro-batches with the rows they hold: sequences of like length together, at most `max_tokens` positions
        each (one sequence at least)."""
        order = torch.argsort(self.lengths_N, stable=True)
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * int(self.lengths_N[order[stop]]) <= max_tokens:
                stop += 1
            yield self.rows(order[start:stop]), order[start:stop]
            start = stop


def make_batch(groups: Sequence[Group], algorithm: AlgorithmSpec) -> Batch:
    """The samples that carry a signal: judged, and in a group whose rewards differ."""
    chosen: list[tuple[Rollout, float]] = []
    num_groups = 0
    for group in groups:
        advantages = algorithm.advantage(group.rewards)
        if any(advantages):
            num_groups += 1
            pairs = zip(group.rollouts, advantages, strict=True)
            chosen += [(rollout, advantage) for rollout, advantage in pairs if advantage is not None]
    return collate(chosen, num_groups)


def collate(samples: Sequence[tuple[Rollout, float]], num_groups: int) -> Batch:
    """Rollouts with their advantages as one padded batch."""
    lengths = [len(rollout.prompt_tokens) + len(rollout.tokens) for rollout, _ in samples]
    shape = (len(samples), max(lengths, default=0))
    tokens = torch.zeros(shape, dtype=torch.long)
    mask = torch.zeros(shape, dtype=torch.bool)
    logprobs = torch.zeros(shape)
    for i, (rollout, _) in enumerate(samples):
        start, stop = len(rollout.prompt_tokens), lengths[i]
        tokens[i, :stop] = torch.tensor((*rollout.prompt_tokens, *rollout.tokens))
        mask[i, start:stop] = torch.tensor(rollout.loss_mask, dtype=torch.bool)
        logprobs[i, start:stop] = torch.tensor(rollout.logprobs)
    return Batch(
        tokens_NT=tokens,
        lengths_N=torch.tensor(lengths, dtype=torch.long),
        loss_mask_NT=mask,
        sampled_logprobs_NT=logprobs,
        advantages_N=torch.tensor([advantage for _, advantage in samples], dtype=torch.float32),
        num_groups=num_groups,
    )

"""Builders of what an update works on: small batches with random tokens, and a trainer of the tiny model."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import torch

from openqwq.training.algorithms.catalogue import CATALOGUE, AlgorithmSpec
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.batches.packing import MicroBatch, lay_out, plan_micro_batches
from openqwq.training.config import Optimizer
from tests.training.small_records import make_rollout

GRPO = CATALOGUE["grpo"]


def batch_of(samples: list[tuple[int, int, float]], rewards: list[float] | None = None, seed: int = 0) -> Batch:
    """One group of (prompt tokens, sampled tokens, advantage); samples with equally long prompts share the prompt."""
    random = torch.Generator().manual_seed(seed)
    prompt_of = torch.randint(3, 600, (64,), generator=random).tolist()
    made = []
    for i, (prompt, answer, advantage) in enumerate(samples):
        tokens = torch.randint(3, 600, (answer,), generator=random).tolist()
        mask = [0 if 3 <= t < 6 and answer > 8 else 1 for t in range(answer)]
        rollout = make_rollout(0, i, prompt_tokens=prompt_of[:prompt], tokens=tokens, mask=mask,
                               logprobs=[-6.5 * m for m in mask])  # fmt: skip
        made.append(Sample(rollout, 0, advantage, rewards[i] if rewards else advantage))
    return collate(made, num_groups=1)


def mixed_batch(seed: int = 0) -> Batch:
    """Eight samples of very different lengths, some with the same prompt; some hold tokens of an environment."""
    shape = [(3, 4), (9, 21), (3, 1), (5, 13), (12, 2), (4, 30), (3, 7), (9, 3)]
    return batch_of([(p, a, (-1.0) ** i * (0.5 + i)) for i, (p, a) in enumerate(shape)], seed=seed)


def grouped_batch(seed: int = 0) -> Batch:
    """Fourteen samples of five groups of two to four, with numbers that are neither in order nor side by side, rewards
    of several levels, and advantages of no particular sum; samples of a group share their prompt but for one."""
    random = torch.Generator().manual_seed(seed)
    groups = [4, 0, 7, 4, 2, 0, 5, 2, 7, 4, 5, 0, 5, 5]
    prompts = {g: torch.randint(3, 600, (2 + g,), generator=random).tolist() for g in sorted(set(groups))}
    samples = []
    for i, g in enumerate(groups):
        length = int(torch.randint(1, 25, (), generator=random))
        tokens = torch.randint(3, 600, (length,), generator=random).tolist()
        mask = [0 if 2 <= t < 5 and length > 7 else 1 for t in range(length)]
        prompt = prompts[g] if i != 9 else prompts[g][:3]
        advantage, reward = torch.randn((), generator=random).item(), [0.0, 0.25, 1.0, 0.6][i % 4]
        rollout = make_rollout(g, i, prompt_tokens=prompt, tokens=tokens, mask=mask, logprobs=[-6.5 * m for m in mask])
        samples.append(Sample(rollout, g, advantage, reward))
    return collate(samples, num_groups=len(prompts))


def micro_batches_of(batch: Batch, *how: Any, **further: Any) -> list[list[MicroBatch]]:
    """The micro-batches of all ranks, with the arguments of `plan_micro_batches`."""
    plan = plan_micro_batches(batch, *how, **further)
    return [[lay_out(batch, rows) for rows in share] for share in plan]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def trainer_of(folder: str, algorithm: AlgorithmSpec = GRPO, **changes: object) -> AccelerateTrainer:
    settings = TrainerSettings(
        model=folder,
        dtype="float32",
        algorithm=algorithm,
        optimizer=Optimizer(learning_rate=1e-2, warmup_steps=2, weight_decay=0.05, max_grad_norm=1e9),
        temperature=0.7,
        max_new_tokens=32,
        micro_batch_tokens=100_000,
        minibatches=1,
        seed=0,
        threads=1,
    )
    return AccelerateTrainer(replace(settings, **changes))  # type: ignore[arg-type]

"""One rank of a trainer group, for `forked_ranks.group`."""

from __future__ import annotations

import gc
import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.ranks import Rank
from openqwq.training.config import Algorithm, Lora, Optimizer
from openqwq.training.errors import CheckpointError
from tests.training.small_updates import batch_of, mixed_batch, trainer_of


def run(case: Mapping[str, Any], rank: Rank | None, folder: str) -> dict[str, Any]:
    """Updates `first` .. `last` of a trainer with `changes`; begins from `load`, saves to `save` after `save_after`."""
    optimizer = Optimizer(learning_rate=1e-3, max_grad_norm=1.0)
    algorithm = resolve(Algorithm(**case.get("algorithm", {"name": "grpo"})))
    lora = Lora(rank=case["lora"]) if "lora" in case else None
    trainer = trainer_of(folder, algorithm, rank=rank, optimizer=optimizer, lora=lora, **case.get("changes", {}))
    gaps: list[float] = []
    if "gradient" in case:
        watch_gradient(trainer, case["gradient"], gaps)
    if "load" in case:
        try:
            trainer.load(Path(case["load"]))
        except CheckpointError as error:
            return {"error": str(error)}
    metrics = []
    for seed in range(case["first"], case["last"]):
        batch = batch_of([(3, 5, 1.0)], seed=seed) if seed in case.get("single", []) else mixed_batch(seed)
        if seed in case.get("broken", []):
            batch = replace(batch, advantages_N=batch.advantages_N * math.nan)
        metrics.append(dict(trainer.update(batch).metrics))
        if seed + 1 == case.get("save_after"):
            Path(case["save"]).mkdir(parents=True, exist_ok=True)
            trainer.save(Path(case["save"]), is_behind=True)
    weights = trainer.weights()
    trainer._saving.wait()
    assert trainer.saved() == (True, None)
    return {
        "loss": [m.get("loss", 0.0) for m in metrics],
        "skipped": [m.get("non_finite_steps", 0.0) for m in metrics],
        "grad_norm": [m.get("grad_norm", 0.0) for m in metrics],
        "logprobs": trainer.logprobs([5, 9, 77, 8]),
        "gradient_gap": gaps,
        "weights": hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights))).hexdigest(),
    }


def watch_gradient(trainer: Any, path: str, gaps: list[float]) -> None:
    """Before each step, add to `gaps` how far the summed gradient is from the one in a file, relative to its norm."""
    from deepspeed.utils import safe_get_full_grad

    expected, step = torch.load(path, weights_only=True), trainer.optimizer.step

    def watched(learning_rate: float) -> float | None:
        found = {n: safe_get_full_grad(p).float() for n, p in trainer.optimizer.bare().named_parameters()}
        gap = sum(float((found[n] - value).square().sum()) for n, value in expected.items())
        gaps.append(math.sqrt(gap / sum(float(value.square().sum()) for value in expected.values())))
        norm: float | None = step(learning_rate)
        return norm

    trainer.optimizer.step = watched


def program(case: Mapping[str, Any], rank: int, world: int, port: int, folder: str) -> dict[str, Any]:
    is_alone = world == 1 and "load" not in case
    offload, shared = case.get("offload", "none"), case.get("sequence_parallel", 1)
    sums = case.get("gradient_dtype", "float32")
    where = None if is_alone else Rank(rank, world, "127.0.0.1", port, case["stage"], offload, shared, sums)
    try:
        return run(case, where, folder)
    finally:
        gc.collect()

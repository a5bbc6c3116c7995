"""Packed against padded updates: positions computed per real token, seconds, and the difference of the gradients.

Answers with lognormal lengths. Three layouts of the same batch by the same trainer and the same token budget per
micro-batch: `padded` (sequences in random order, each micro-batch padded to its longest), `packed` (rows of several
sequences) and `shared` (packed, and the prompt of a group computed once, which is what the trainer does). Prints JSON.

`python -m benchmarks.packing [--rounds 7] [--groups 12] [--group 8] [--threads 2]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.backends import ranks
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.batches.packing import plan_micro_batches
from openqwq.training.batches.rows import Block, Rows
from openqwq.training.config import Optimizer
from openqwq.training.models import load_tokenizer, save_model
from openqwq.training.records import Rollout

ROOT = Path(__file__).absolute().parents[1]
MICRO_BATCH_TOKENS = 4096
VOCABULARY = 640
Plan = Callable[..., list[list[Rows]]]


def make_model(folder: str) -> None:
    """Three layers, 192 wide: large enough that a position costs more than a Python call."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
    )
    save_model(Qwen2ForCausalLM(config), load_tokenizer(str(ROOT / "data" / "tiny" / "base")), Path(folder))


def make_batch(groups: int, group: int, mean_log: float, sigma: float, prompt_tokens: int) -> Batch:
    random = torch.Generator().manual_seed(1)
    samples = []
    for g in range(groups):
        prompt = torch.randint(3, VOCABULARY, (prompt_tokens,), generator=random).tolist()
        for i in range(group):
            length = int(torch.exp(mean_log + sigma * torch.randn((), generator=random)).clamp(4, 1024))
            tokens = torch.randint(3, VOCABULARY, (length,), generator=random).tolist()
            rollout = Rollout(g, i, str(g), "math", tuple(prompt), tuple(tokens), (-6.4,) * length, (1,) * length, (),
                              "", "stop", 0, 0)  # fmt: skip
            samples.append(Sample(rollout, g, (-1.0) ** i, 0.0))
    return collate(samples, groups)


def padded_plan(batch: Batch, max_tokens: int, **_: Any) -> list[list[Rows]]:
    """One sequence a row, in the order in which they came; each micro-batch as wide as its longest."""
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(2)).tolist()
    micros: list[list[int]] = [[]]
    for n in order:
        widest = max(int(batch.lengths_N[m]) for m in [*micros[-1], n])
        if micros[-1] and widest * (len(micros[-1]) + 1) > max_tokens:
            micros.append([])
        micros[-1].append(n)
    return [[[[Block((n,), int(batch.lengths_N[n]))] for n in rows] for rows in micros]]


PLANS: dict[str, Plan] = {
    "padded": padded_plan,
    "packed": partial(plan_micro_batches, share_prompts=False),
    "shared": plan_micro_batches,
}


def trainer_of(folder: str, threads: int, dtype: str = "float32") -> AccelerateTrainer:
    return AccelerateTrainer(
        TrainerSettings(
            model=folder,
            dtype=dtype,
            algorithm=CATALOGUE["grpo"],
            optimizer=Optimizer(learning_rate=1e-9, max_grad_norm=1e9),  # the weights stay, the work is the same
            temperature=1.0,
            max_new_tokens=1024,
            micro_batch_tokens=MICRO_BATCH_TOKENS,
            minibatches=1,
            seed=0,
            threads=threads,
        )
    )


def update(trainer: AccelerateTrainer, batch: Batch, plan: Plan) -> tuple[float, float]:
    """Seconds and positions computed of one update under a layout."""
    ranks.plan_micro_batches = plan  # type: ignore[attr-defined]
    started = time.perf_counter()
    metrics = trainer.update(batch).metrics
    return time.perf_counter() - started, metrics["tokens_computed"]


def gradient_gaps(folder: str, batch: Batch, threads: int, dtype: str) -> dict[str, float]:
    """|gradient - padded gradient| / |padded gradient| of the other layouts. In float64 it shows whether they compute
    the same thing (up to transformers' norm layers, which round to float32), in float32 what another order of summation
    does."""
    gradients = {}
    for name, plan in PLANS.items():
        trainer = trainer_of(folder, threads, dtype)
        update(trainer, batch, plan)
        gradients[name] = gradient(trainer)
    padded = gradients.pop("padded")
    return {name: float(f"{float((g - padded).norm() / padded.norm()):.2g}") for name, g in gradients.items()}


def gradient(trainer: AccelerateTrainer) -> torch.Tensor:
    return torch.cat([p.grad.flatten().double() for p in trainer.model.parameters() if p.grad is not None])


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--groups", type=int, default=12)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--mean-log", type=float, default=4.5, help="mean of the logarithm of the length (default 4.5)")
    parser.add_argument("--sigma", type=float, default=0.8)
    parser.add_argument("--prompt-tokens", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(words)
    batch = make_batch(arguments.groups, arguments.group, arguments.mean_log, arguments.sigma, arguments.prompt_tokens)
    real = int(batch.lengths_N.sum())
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        gaps = {dtype: gradient_gaps(folder, batch, arguments.threads, dtype) for dtype in ("float32", "float64")}
        trainer = trainer_of(folder, arguments.threads)
        computed = {name: update(trainer, batch, plan)[1] for name, plan in PLANS.items()}
        rounds = interleave(
            {name: lambda plan=plan: update(trainer, batch, plan)[0] for name, plan in PLANS.items()}, arguments.rounds
        )
    ratios = {
        name: summary([a / b for a, b in zip(rounds[name], rounds["padded"], strict=True)], 3)
        for name in ("packed", "shared")
    }
    report: dict[str, Any] = {
        "benchmark": "packing",
        **machine(),
        "threads": arguments.threads,
        "sequences": len(batch),
        "real_tokens": real,
        "longest": int(batch.lengths_N.max()),
        "computed_per_real_token": {name: round(value / real, 3) for name, value in computed.items()},
        "seconds": {name: summary(values, 3) for name, values in rounds.items()},
        "time_over_padded": ratios,
        "gradient_gap_to_padded": gaps,
    }
    violations = []
    if computed["packed"] / real > 1.15:
        violations.append("more than 1.15 positions per real token")
    if max(gaps["float64"].values()) > 1e-6 or max(gaps["float32"].values()) > 1e-5:
        violations.append("a gradient differs from the padded one by more than 1e-5")
    if ratios["shared"]["median"] > 0.8:
        violations.append("the update takes more than 0.8 of the padded one")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

"""ZeRO over one rank, which this process is: the real DeepSpeed against updates written out by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.config import Algorithm, Kl, Optimizer
from tests.training.backends.plain_updates import PlainTrainer
from tests.training.small_updates import free_port, grouped_batch, trainer_of

ALGORITHM = resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.2), entropy_coefficient=0.02, clip_low=0.1))
SETTINGS: dict[str, Any] = {
    "temperature": 0.7, "minibatches": 2, "micro_batch_tokens": 60,
    "optimizer": Optimizer(learning_rate=2e-3, betas=(0.8, 0.9), weight_decay=0.3, warmup_steps=2, max_grad_norm=0.5),
}  # fmt: skip
BATCHES = [grouped_batch(seed) for seed in range(2)]


@pytest.fixture(scope="module")
def by_hand(base: str) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """Metrics and weights of two updates; computed before this process becomes a rank."""
    plain = PlainTrainer(trainer_of(base, ALGORITHM, **SETTINGS).settings)
    metrics = [plain.update(batch) for batch in BATCHES]
    return metrics, {name: p.detach() for name, p in plain.model.named_parameters()}


@pytest.fixture(scope="module")
def port(by_hand: Any) -> Iterator[int]:
    """That of the group of one; afterwards the process is nobody's rank."""
    before = dict(os.environ)
    yield free_port()
    AcceleratorState._reset_state(True)
    unset_hf_deepspeed_config()
    torch.distributed.destroy_process_group()
    os.environ.clear()
    os.environ.update(before)


def zero(base: str, port: int, stage: int, offload: str = "none", **changes: Any) -> AccelerateTrainer:
    rank = Rank(0, 1, "127.0.0.1", port, stage, offload)
    return trainer_of(base, ALGORITHM, **{**SETTINGS, "rank": rank, **changes})


@pytest.mark.parametrize(("stage", "offload"), [(2, "none"), (3, "optimizer")])
def test_sharded_updates_are_those_of_the_formulas(
    base: str, port: int, by_hand: Any, tmp_path: Path, stage: int, offload: str
) -> None:
    trainer = zero(base, port, stage, offload)
    engine = trainer.policy
    assert engine.zero_optimization_stage() == stage and engine.gradient_clipping() == 0.5
    assert engine.gradient_accumulation_steps() == engine.train_micro_batch_size_per_gpu() == 1
    assert not engine.bfloat16_enabled() and trainer.accelerator.mixed_precision == "no"
    assert trainer.reference is not None
    assert isinstance(trainer.reference._policy, ScoredPolicy) == (stage == 2)  # whole on every rank
    expected, weights = by_hand
    for batch, wanted in zip(BATCHES, expected, strict=True):
        found = trainer.update(batch).metrics
        for key, value in wanted.items():
            assert found[key] == pytest.approx(value, rel=2e-3, abs=2e-4), key
    start = {name: p.detach() for name, p in trainer_start(base).items()}
    for name, value in trainer.weights().items():
        moved, wanted = torch.from_numpy(value) - start[name], weights[name] - start[name]
        assert float((moved - wanted).norm()) < 0.01 * float(wanted.norm()) + 1e-6, name
    trainer.save(tmp_path, is_behind=True)
    after = trainer.update(BATCHES[0]).metrics  # while the files are being written
    trainer._saving.wait()
    assert trainer.saved() == (True, None) and trainer._saving.written_at_once == 0
    again = zero(base, port, stage, offload)
    again.load(tmp_path)
    assert again.num_updates == 2 and again.update(BATCHES[0]).metrics == after


def trainer_start(base: str) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(Path(base) / "model.safetensors")


def test_a_sharded_step_that_is_not_finite_is_skipped(base: str, port: int) -> None:
    trainer = zero(base, port, 2, minibatches=1)
    before = trainer.logprobs([5, 9, 77, 8])
    broken = replace(BATCHES[0], advantages_N=BATCHES[0].advantages_N * torch.nan)
    assert trainer.update(broken).metrics["non_finite_steps"] == 1
    assert trainer.logprobs([5, 9, 77, 8]) == before
    assert "non_finite_steps" not in trainer.update(BATCHES[0]).metrics
    assert trainer.logprobs([5, 9, 77, 8]) != before


@pytest.mark.parametrize("is_offloaded", [False, True])
def test_bfloat16_over_ranks_keeps_rotary_frequencies_exact(base: str, port: int, is_offloaded: bool) -> None:
    trainer = zero(base, port, 3, dtype="bfloat16", reference_offload=is_offloaded)
    assert trainer.policy.bfloat16_enabled() and trainer.accelerator.mixed_precision == "bf16"
    assert trainer.reference is not None
    engines = (trainer.policy, trainer.reference._policy)
    for engine in engines:
        frequencies = [b for name, b in engine.named_buffers() if name.endswith("inv_freq")]
        assert frequencies and all(b.dtype == torch.float32 for b in frequencies)
        assert any(not torch.equal(b, b.bfloat16().float()) for b in frequencies)
        assert {p.dtype for p in engine.parameters()} == {torch.bfloat16}
    assert engines[1].zero_optimization_stage() == 3 and engines[1].bfloat16_enabled()
    assert (engines[1].zero_offload_param() is not None) == is_offloaded
    for engine in engines:  # it would replace torch's linear layer in the whole process
        assert engine._config.zero_config.memory_efficient_linear is False
        assert engine.train_micro_batch_size_per_gpu() == 1
    assert engines[1].steps_per_print() == 2147483648 and trainer.reference._moves is False
    found = trainer.reference.logprobs(BATCHES[0])
    assert float((found - trainer._logprobs(BATCHES[0])).abs().max()) < 0.02

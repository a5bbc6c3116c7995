"""What a rank tells its process, DeepSpeed and Accelerate before it trains: whole configurations, on CPUs and on GPUs.

Nothing is started; what the libraries are asked for is written down here a second time.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import accelerate
import deepspeed
import pytest
import torch
from accelerate.state import AcceleratorState
from transformers import PreTrainedModel

from openqwq.training.backends import zero_optimizer
from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.universal import check_same_optimizer
from openqwq.training.backends.zero_optimizer import (
    freeze,
    join_configured,
    join_group,
    keep_rotary_in_float32,
    zero_accelerator,
    zero_section,
)
from openqwq.training.errors import CheckpointError

ON = pytest.mark.parametrize("has_gpu", [False, True])
NEVER = 2147483648
SUMS = {"communication_data_type", "data_types"}
"""Settings that sum gradients in float32; without them DeepSpeed sums in the model's type."""


def on(monkeypatch: pytest.MonkeyPatch, has_gpu: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)


def section(stage: int, **offload: Any) -> dict[str, Any]:
    zero = {"stage": stage, "stage3_gather_16bit_weights_on_model_save": True, "memory_efficient_linear": False}
    rest = {"zero_allow_untested_optimizer": True, "zero_force_ds_cpu_optimizer": False, "steps_per_print": NEVER,
            "communication_data_type": "fp32", "data_types": {"grad_accum_dtype": "fp32"}}  # fmt: skip
    return {"zero_optimization": {**zero, **offload}, **rest}


@ON
def test_the_sharding_that_deepspeed_is_asked_for(monkeypatch: pytest.MonkeyPatch, has_gpu: bool) -> None:
    on(monkeypatch, has_gpu)
    assert zero_section(Rank(1, 2, "", 0, 2)) == section(2)
    offloaded = section(3, offload_optimizer={"device": "cpu", "pin_memory": has_gpu})
    assert zero_section(Rank(1, 2, "", 0, 3, offload="optimizer")) == offloaded
    rounded = zero_section(Rank(1, 2, "", 0, 2, gradient_dtype="bfloat16"))
    assert {**section(2), **rounded} == section(2) and section(2).keys() - rounded == SUMS


@ON
@pytest.mark.parametrize(("dtype", "is_half", "precision"), [("float32", False, "no"), ("bfloat16", True, "bf16")])
def test_the_accelerator_of_a_rank(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, dtype: str, is_half: bool, precision: str
) -> None:
    on(monkeypatch, has_gpu)
    monkeypatch.setattr(accelerate, "Accelerator", lambda **arguments: arguments)
    monkeypatch.setattr(accelerate, "DeepSpeedPlugin", lambda hf_ds_config: hf_ds_config)
    asked = zero_accelerator(Rank(0, 2, "", 0, 3), dtype, 0.25)
    (handler,) = asked.pop("kwargs_handlers")
    assert handler.backend == ("nccl" if has_gpu else "gloo")
    assert asked == {
        "mixed_precision": precision,
        "deepspeed_plugin": {
            "train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 1, "gradient_clipping": 0.25,
            "bf16": {"enabled": is_half}, **section(3),
        },
    }  # fmt: skip


@ON
@pytest.mark.parametrize("is_offloaded", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_engine_of_a_model_that_is_not_trained(
    monkeypatch: pytest.MonkeyPatch, tiny_model: PreTrainedModel, has_gpu: bool, is_offloaded: bool, dtype: str
) -> None:
    on(monkeypatch, has_gpu)
    asked: list[Any] = []
    policy: Any = SimpleNamespace(model=tiny_model)
    exact = tiny_model.model.rotary_emb.inv_freq.clone()
    tiny_model.model.rotary_emb.inv_freq = exact.bfloat16()

    def initialize(model: Any, config: Any) -> Any:
        asked.append(config)
        return SimpleNamespace(module=model), None, None, None

    monkeypatch.setattr(deepspeed, "initialize", initialize)
    assert freeze(policy, dtype, is_offloaded).module is policy
    offload = {"offload_param": {"device": "cpu", "pin_memory": has_gpu}} if is_offloaded else {}
    assert asked == [{
        "train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": dtype == "bfloat16"}, "steps_per_print": NEVER,
        "zero_optimization": {"stage": 3, "memory_efficient_linear": False, **offload},
    }]  # fmt: skip
    assert torch.equal(tiny_model.model.rotary_emb.inv_freq, exact)


@ON
def test_a_rank_tells_its_process_who_it_is(monkeypatch: pytest.MonkeyPatch, has_gpu: bool) -> None:
    on(monkeypatch, has_gpu)
    monkeypatch.setattr(os, "environ", {"RANK": "9"})
    monkeypatch.setitem(deepspeed.ops.__compatible_ops__, "deepspeed_shm_comm", True)
    join_group(Rank(2, 4, "10.0.0.4", 29500, 3))
    assert os.environ == {
        "RANK": "2", "WORLD_SIZE": "4", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": "10.0.0.4", "MASTER_PORT": "29500",
    }  # fmt: skip
    assert deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] is has_gpu


@ON
def test_transformers_trainer_is_told_to_use_deepspeed(monkeypatch: pytest.MonkeyPatch, has_gpu: bool) -> None:
    accelerate.Accelerator(cpu=True)
    assert AcceleratorState._shared_state
    on(monkeypatch, has_gpu)
    backends: list[Any] = []
    monkeypatch.setattr(accelerate, "PartialState", lambda backend: backends.append(backend))
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setitem(deepspeed.ops.__compatible_ops__, "deepspeed_shm_comm", True)
    join_configured(None)
    assert os.environ == {} and backends == [] and AcceleratorState._shared_state
    join_configured(Rank(1, 2, "10.0.0.4", 29500, 3))
    assert os.environ["ACCELERATE_USE_DEEPSPEED"] == "true" and os.environ["RANK"] == "1"
    assert backends == [None if has_gpu else "gloo"] and not AcceleratorState._shared_state


def test_rotary_frequencies_that_were_rounded_are_computed_again(tiny_model: PreTrainedModel) -> None:
    rotary = tiny_model.model.rotary_emb
    exact = rotary.inv_freq.clone()
    rotary.inv_freq = exact.bfloat16()
    assert not torch.equal(rotary.inv_freq.float(), exact)
    keep_rotary_in_float32(tiny_model)
    assert torch.equal(rotary.inv_freq, exact) and rotary.inv_freq.dtype == torch.float32
    assert not any("inv_freq" in name for name in tiny_model.state_dict())


def test_a_checkpoint_of_another_class_of_optimizer_is_refused(tmp_path: Path) -> None:
    check_same_optimizer(tmp_path, "BF16_Optimizer", "BF16_Optimizer")
    check_same_optimizer(tmp_path, "DeepSpeedZeroOptimizer", "DeepSpeedZeroOptimizer_Stage3")  # the stages are compared
    wanted = "was saved by DeepSpeed's DeepSpeedZeroOptimizer, this run has BF16_Optimizer; go on with the zero_stage"
    with pytest.raises(CheckpointError, match=wanted):
        check_same_optimizer(tmp_path, "DeepSpeedZeroOptimizer", "BF16_Optimizer")


def test_the_tag_of_a_checkpoint_is_fixed() -> None:
    assert zero_optimizer.TAG == "zero"  # the name of a folder in checkpoints that exist

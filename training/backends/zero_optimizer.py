"""ZeRO: weights, gradients and optimizer states divided over the ranks of a trainer group, by DeepSpeed.

Every method is a collective: all ranks call it, in the same order.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from openqwq.training.backends.optimizer_wrapper import HELD_FILE
from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.scored_policy import merged_parameters
from openqwq.training.backends.universal import check_same_family, load_from_other_ranks
from openqwq.training.config import Optimizer
from openqwq.training.errors import CheckpointError

TAG = "zero"


def join_group(rank: Rank) -> None:
    """What DeepSpeed and Accelerate read from the environment. Called before either is used, once a process."""
    os.environ.update(
        RANK=str(rank.rank),
        WORLD_SIZE=str(rank.world_size),
        LOCAL_RANK="0",  # every rank is an actor that sees its own GPUs only
        LOCAL_WORLD_SIZE="1",
        MASTER_ADDR=rank.master_address,
        MASTER_PORT=str(rank.master_port),
    )
    if not torch.cuda.is_available():
        import deepspeed

        # without it DeepSpeed compiles a C++ extension when it starts
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def join_configured(rank: Rank | None) -> None:
    """Join a group so that transformers' Trainer finds it: on CPUs it would take every rank for a run of its own."""
    if rank is None:
        return
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    join_group(rank)
    AcceleratorState._reset_state()
    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    PartialState(backend=None if torch.cuda.is_available() else "gloo")


def zero_section(rank: Rank) -> dict[str, Any]:
    """What a configuration of DeepSpeed says of dividing."""
    zero: dict[str, Any] = {
        "stage": rank.zero_stage,
        "stage3_gather_16bit_weights_on_model_save": True,
        "memory_efficient_linear": False,  # it would replace torch's linear for the whole process and round otherwise
    }
    if rank.offload == "optimizer":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    return {
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,  # torch's AdamW needs no compiled extension
        "steps_per_print": 2**31,
    }


def zero_accelerator(rank: Rank, dtype: str, max_grad_norm: float) -> Any:
    """An Accelerator of this rank. Models made after it are divided as they load (ZeRO-3)."""
    from accelerate import Accelerator, DeepSpeedPlugin
    from accelerate.utils import InitProcessGroupKwargs

    is_half = dtype == "bfloat16"
    config = {
        "train_micro_batch_size_per_gpu": 1,  # micro-batches are ours; DeepSpeed only wants a number
        "gradient_accumulation_steps": 1,
        "gradient_clipping": max_grad_norm,
        "bf16": {"enabled": is_half},
        **zero_section(rank),
    }
    return Accelerator(
        deepspeed_plugin=DeepSpeedPlugin(hf_ds_config=config),
        mixed_precision="bf16" if is_half else "no",
        kwargs_handlers=[InitProcessGroupKwargs(backend="nccl" if torch.cuda.is_available() else "gloo")],
    )


def freeze(policy: nn.Module, dtype: str, is_offloaded: bool) -> Any:
    """A model that is only asked. Under ZeRO-3 it was divided as it loaded; an engine puts it together layer by layer.
    Offloaded, its parts wait in host memory."""
    import deepspeed

    zero: dict[str, Any] = {"stage": 3, "memory_efficient_linear": False}
    if is_offloaded:
        zero["offload_param"] = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "bf16": {"enabled": dtype == "bfloat16"},
        "zero_optimization": zero,
        "steps_per_print": 2**31,
    }
    engine, *_ = deepspeed.initialize(model=policy, config=config)
    keep_rotary_in_float32(engine.module.model)
    return engine


def keep_rotary_in_float32(model: nn.Module) -> None:
    """ZeRO-3 builds a model under a default type of bfloat16, its rotary frequencies with it: the angle of position
    10 000 is then off by whole turns, and no other engine agrees."""
    for module in model.modules():
        if "inv_freq" in dict(module.named_buffers(recurse=False)):
            exact = type(module)(module.config)
            for name, buffer in exact.named_buffers(recurse=False):
                module.register_buffer(name, buffer.to(model.device), persistent=False)  # type: ignore[arg-type]


class ZeroOptimizer:
    """Implements Stepping on one rank of a group."""

    def __init__(self, accelerator: Any, policy: nn.Module, config: Optimizer, rank: Rank) -> None:
        self._world_size, self._zero_stage = rank.world_size, rank.zero_stage
        self._accelerator = accelerator
        trained = [p for p in policy.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
        )
        self.policy, self.optimizer = accelerator.prepare(policy, optimizer)
        keep_rotary_in_float32(self.bare().model)
        self.policy.optimizer.check_grad_overflow = True  # in float32 too: a step that is not finite is left out

    def backward(self, loss: torch.Tensor, is_last: bool) -> None:
        # DeepSpeed takes the mean over the ranks; the loss is a sum over them
        self.policy.set_gradient_accumulation_boundary(is_last)
        self.policy.backward(loss * self._world_size, scale_wrt_gas=False)

    def step(self, learning_rate: float) -> float | None:
        for group in self.policy.optimizer.param_groups:
            group["lr"] = learning_rate
        self.policy.step()
        norm = self.policy.get_global_grad_norm()
        value = float("nan") if norm is None else float(norm)
        return value if value == value and abs(value) != float("inf") and value >= 0 else None

    def bare(self) -> Any:
        return self._accelerator.unwrap_model(self.policy)

    def parameters(self, dtype: torch.dtype, device: Any) -> Iterator[tuple[str, torch.Tensor]]:
        import deepspeed

        def gathered(parameters: list[nn.Parameter]) -> Any:
            return deepspeed.zero.GatheredParameters(parameters, enabled=self._zero_stage == 3)

        for name, value in merged_parameters(self.bare().model, gathered):
            yield name, value.to(device, dtype, copy=True)  # the gathered tensor is freed when the next one comes

    def save(self, folder: Path) -> None:
        torch.distributed.barrier()  # the folder is there for all before the first writes
        state = {"world_size": self._world_size, "zero_stage": self._zero_stage}
        self.policy.save_checkpoint(str(folder), tag=TAG, client_state=state)
        if torch.distributed.get_rank() == 0:
            (folder / HELD_FILE).write_text(json.dumps(state))

    def load(self, folder: Path) -> None:
        if not (folder / HELD_FILE).exists():
            raise CheckpointError(
                f"{folder} was saved by one trainer process, this run has {self._world_size} ranks; go on with "
                f"cluster.trainer.workers=1, or start a new run from its weights (model={folder}/model)"
            )
        held = json.loads((folder / HELD_FILE).read_text())
        check_same_family(folder, held["zero_stage"], self._zero_stage)
        if held["world_size"] != self._world_size:
            load_from_other_ranks(self.policy, folder, TAG)
            return
        path, _ = self.policy.load_checkpoint(str(folder), tag=TAG)
        if path is None:
            raise CheckpointError(f"{folder}/{TAG} cannot be read by DeepSpeed")

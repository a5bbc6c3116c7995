"""ZeRO: DeepSpeed shards weights, gradients and optimizer states over the ranks of a trainer group.

Every method is a collective: all ranks call it, in the same order.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from openqwq.training.backends.optimizer_wrapper import SHARDING_FILE
from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.save_files import WRITTEN_AT_ONCE, SaveFiles
from openqwq.training.backends.universal import (
    check_same_family,
    check_same_optimizer,
    load_from_other_ranks,
)
from openqwq.training.config import Optimizer
from openqwq.training.errors import CheckpointError

TAG = "zero"


def join_group(rank: Rank) -> None:
    """Set the environment variables that DeepSpeed and Accelerate read. Called once per process, before either is
    used."""
    os.environ.update(
        RANK=str(rank.rank),
        WORLD_SIZE=str(rank.world_size),
        LOCAL_RANK="0",  # every rank is an actor to which only its own GPUs are visible
        LOCAL_WORLD_SIZE="1",
        MASTER_ADDR=rank.master_address,
        MASTER_PORT=str(rank.master_port),
    )
    if not torch.cuda.is_available():
        import deepspeed

        # otherwise DeepSpeed compiles a C++ extension when it starts
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def join_configured(rank: Rank | None) -> None:
    """Join a group and configure it for transformers' Trainer, which on CPUs would otherwise run every rank alone."""
    if rank is None:
        return
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    join_group(rank)
    AcceleratorState._reset_state()
    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    PartialState(backend=None if torch.cuda.is_available() else "gloo")


def zero_section(rank: Rank) -> dict[str, Any]:
    """The part of a DeepSpeed configuration that describes sharding, and how gradients are summed."""
    zero: dict[str, Any] = {
        "stage": rank.zero_stage,
        "stage3_gather_16bit_weights_on_model_save": True,
        "memory_efficient_linear": False,  # it replaces torch's linear in the whole process and rounds differently
    }
    if rank.offload == "optimizer":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    # without them DeepSpeed sums in the model's own type, which for bfloat16 rounds after every addition
    exact = {"communication_data_type": "fp32", "data_types": {"grad_accum_dtype": "fp32"}}
    return {
        "zero_optimization": zero,
        **(exact if rank.gradient_dtype == "float32" else {}),
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,  # torch's AdamW needs no compiled extension
        "steps_per_print": 2**31,
    }


def zero_accelerator(rank: Rank, dtype: str, max_grad_norm: float) -> Any:
    """The Accelerator of this rank. Under ZeRO-3, models that are loaded after this call are sharded as they load."""
    from accelerate import Accelerator, DeepSpeedPlugin
    from accelerate.utils import InitProcessGroupKwargs

    is_half = dtype == "bfloat16"
    config = {
        "train_micro_batch_size_per_gpu": 1,  # required by DeepSpeed; the trainer makes the micro-batches itself
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
    """A DeepSpeed engine for a model that is not trained. ZeRO-3 sharded the model as it loaded; the engine gathers its
    layers one after another. With `is_offloaded` the shards are in host memory."""
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
    """Compute the rotary frequencies again in float32. ZeRO-3 builds a model with bfloat16 as the default type, which
    rounds the frequencies too: the angle at position 10 000 is then off by whole turns and differs from the rollout
    engine's."""
    for module in model.modules():
        if "inv_freq" in dict(module.named_buffers()):
            exact = type(module)(module.config)
            for name, buffer in exact.named_buffers():
                module.register_buffer(name, buffer.to(model.device), persistent=False)  # type: ignore[arg-type]


@contextmanager
def _written_by(policy: Any, files: SaveFiles) -> Iterator[None]:
    """DeepSpeed's large files as those of the save, where it keeps any."""
    if files.room <= 0:
        yield
        return
    engine = policy.checkpoint_engine
    engine.save = lambda state_dict, path: files.save(state_dict, Path(path))
    try:
        yield
    finally:
        del engine.save  # that of its class again


class ZeroOptimizer:
    """Implements OptimizerWrapper on one rank of a group."""

    def __init__(self, accelerator: Any, policy: nn.Module, config: Optimizer, rank: Rank) -> None:
        self._world_size, self._zero_stage = rank.world_size, rank.zero_stage
        self._accelerator = accelerator
        trained = [p for p in policy.parameters() if p.requires_grad]
        # without a learning rate: each step brings its own
        optimizer = torch.optim.AdamW(trained, betas=config.betas, weight_decay=config.weight_decay)
        self.policy, self.optimizer = accelerator.prepare(policy, optimizer)
        keep_rotary_in_float32(self.bare().model)
        self.policy.optimizer.check_grad_overflow = True  # in float32 too, so that a step that is not finite is skipped

    def backward(self, loss: torch.Tensor, is_last: bool) -> None:
        # The gradient of a step is a sum over all ranks and micro-batches. DeepSpeed averages over the ranks, so the
        # loss is multiplied by their number. It sums over the micro-batches, since `scale_wrt_gas=False` leaves out
        # its division by gradient_accumulation_steps, and `step` changes the weights only at the boundary.
        self.policy.set_gradient_accumulation_boundary(is_last)
        self.policy.backward(loss * self._world_size, scale_wrt_gas=False)

    def step(self, learning_rate: float) -> float | None:
        for group in self.policy.optimizer.param_groups:
            group["lr"] = learning_rate
        self.policy.step()
        norm = self.policy.get_global_grad_norm()
        value = math.nan if norm is None else float(norm)
        return value if math.isfinite(value) and value >= 0 else None  # DeepSpeed's norm of a skipped step is -1

    @property
    def _kind(self) -> str:
        return type(self.policy.optimizer).__name__

    def bare(self) -> Any:
        return self._accelerator.unwrap_model(self.policy)

    def gathered(self, parameters: list[nn.Parameter]) -> AbstractContextManager[Any]:
        import deepspeed

        # does nothing with parameters that are not sharded
        whole: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(parameters)
        return whole

    def save(self, folder: Path, files: SaveFiles = WRITTEN_AT_ONCE) -> None:
        torch.distributed.barrier()  # all ranks have reached this point, so the folder exists
        state = {"world_size": self._world_size, "zero_stage": self._zero_stage, "optimizer": self._kind}
        with _written_by(self.policy, files):
            self.policy.save_checkpoint(str(folder), tag=TAG, client_state=state)
        if torch.distributed.get_rank() == 0:
            (folder / SHARDING_FILE).write_text(json.dumps(state))

    def load(self, folder: Path) -> None:
        if not (folder / SHARDING_FILE).exists():
            raise CheckpointError(
                f"{folder} was saved by one trainer process, this run has {self._world_size} ranks; go on with "
                f"cluster.trainer.workers=1, or start a new run from its weights (model={folder}/model)"
            )
        saved = json.loads((folder / SHARDING_FILE).read_text())
        check_same_family(folder, saved["zero_stage"], self._zero_stage)
        earlier = "DeepSpeedZeroOptimizer"  # where the file does not name it yet
        check_same_optimizer(folder, saved.get("optimizer", earlier), self._kind)
        if saved["world_size"] != self._world_size:
            load_from_other_ranks(self.policy, folder, TAG)
            return
        path, _ = self.policy.load_checkpoint(str(folder), tag=TAG)
        if path is None:
            raise CheckpointError(f"{folder}/{TAG} cannot be read by DeepSpeed")

"""Holds a model's weights, gradients and optimizer, and runs its steps: in one process, or sharded over ranks.

The trainer computes losses, and an optimizer wrapper turns them into steps. A loss that it gets is this rank's part of
a sum over all ranks. With several ranks every method is a collective.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from openqwq.training.backends.master_weights import MasterWeights
from openqwq.training.backends.save_files import WRITTEN_AT_ONCE, SaveFiles
from openqwq.training.config import Optimizer
from openqwq.training.errors import CheckpointError

SHARDING_FILE = "zero.json"
"""A file in checkpoints of several ranks, which records how the model was sharded."""


class OptimizerWrapper(Protocol):
    """One model with its optimizer."""

    policy: Any
    """The wrapped model, which is called like the original one."""

    def backward(self, loss: torch.Tensor, is_last: bool) -> None:
        """Add the gradient of this rank's part of the loss; `is_last`: no further loss belongs to this step."""

    def step(self, learning_rate: float) -> float | None:
        """Run one optimizer step on the summed gradient. Returns the gradient's norm before clipping, or None when it
        was not finite and the step was skipped."""

    def bare(self) -> Any:
        """The original module inside `policy`."""

    def gathered(self, parameters: list[nn.Parameter]) -> AbstractContextManager[Any]:
        """Within it, parameters that are sharded are whole on every rank."""

    def save(self, folder: Path, files: SaveFiles) -> None:
        """Write the optimizer, and weights in full precision where the model's are rounded."""

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""


class LocalOptimizer:
    """Implements OptimizerWrapper in one process: AdamW on float32 master weights."""

    def __init__(self, accelerator: Any, policy: nn.Module, config: Optimizer, saves_weights: bool) -> None:
        self._accelerator, self._config, self._saves_weights = accelerator, config, saves_weights
        self.masters = MasterWeights(policy.named_parameters())
        # without a learning rate: each step brings its own
        optimizer = torch.optim.AdamW(self.masters.parameters, betas=config.betas, weight_decay=config.weight_decay)
        self._bare = policy
        self.policy, self.optimizer = accelerator.prepare(policy, optimizer)
        self._is_first = True

    def backward(self, loss: torch.Tensor, is_last: bool) -> None:
        if self._is_first:  # not after the previous step, so that its gradient can be read until now
            self.optimizer.zero_grad()
        self._is_first = is_last
        self._accelerator.backward(loss)
        self.masters.collect()

    def step(self, learning_rate: float) -> float | None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        norm = self._accelerator.clip_grad_norm_(self.masters.parameters, self._config.max_grad_norm)
        is_finite = bool(torch.isfinite(norm))
        if is_finite:
            self.optimizer.step()
            self.masters.apply()
        return float(norm) if is_finite else None

    def bare(self) -> Any:
        return self._bare

    def gathered(self, parameters: list[nn.Parameter]) -> AbstractContextManager[Any]:
        return nullcontext()

    def save(self, folder: Path, files: SaveFiles = WRITTEN_AT_ONCE) -> None:
        state = {
            "trained": self.masters.state_dict() if self._saves_weights or self.masters.are_copies else None,
            "optimizer": self.optimizer.state_dict(),
        }
        files.save(state, folder / "optimizer.pt")

    def load(self, folder: Path) -> None:
        from openqwq.training.models import load_model

        if (folder / SHARDING_FILE).exists():
            raise CheckpointError(
                f"{folder} was saved by several trainer ranks, this run has one; go on with 2 or more "
                f"(cluster.trainer.workers), or start a new run from its weights (model={folder}/model)"
            )
        state = torch.load(folder / "optimizer.pt", weights_only=True)
        trained = state["trained"]
        if trained is None:
            trained = {f"model.{name}": p for name, p in load_model(str(folder / "model")).named_parameters()}
        self.masters.load_state_dict(trained)
        self.optimizer.load_state_dict(state["optimizer"])

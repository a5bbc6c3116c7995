"""How a model's weights, gradients and optimizer are held and stepped: whole in one process, or shared by ranks.

The trainer computes losses; what stands here turns them into steps. A loss that is handed in is this rank's part of a
sum over all ranks. Every method is a collective where there are several.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from openqwq.training.backends.master_weights import MasterWeights
from openqwq.training.backends.scored_policy import merged_parameters
from openqwq.training.config import Optimizer
from openqwq.training.errors import CheckpointError

HELD_FILE = "zero.json"
"""In a checkpoint of several ranks: how the model was divided."""


class OptimizerWrapper(Protocol):
    """One model with its optimizer."""

    policy: Any
    """Called like the model that was given."""

    def backward(self, loss: torch.Tensor, is_last: bool) -> None:
        """Add this rank's part of the loss; `is_last`: of this optimizer step."""

    def step(self, learning_rate: float) -> float | None:
        """One optimizer step on what was added up; returns the gradient's norm before clipping, or None when it was not
        finite and the step was left out."""

    def bare(self) -> Any:
        """The module inside `policy`."""

    def parameters(self, dtype: torch.dtype, device: Any) -> Iterator[tuple[str, torch.Tensor]]:
        """Whole parameters on `device`, one after another in the order of all ranks; each has to read to the end."""

    def save(self, folder: Path) -> None:
        """Weights in full precision where the model does not hold them, and the optimizer."""

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""


class LocalOptimizer:
    """Everything in this process: AdamW on float32 masters."""

    def __init__(self, accelerator: Any, policy: nn.Module, config: Optimizer, saves_weights: bool) -> None:
        self._accelerator, self._config, self._saves_weights = accelerator, config, saves_weights
        self.masters = MasterWeights(policy.named_parameters())
        optimizer = torch.optim.AdamW(
            self.masters.parameters, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
        )
        self._bare = policy
        self.policy, self.optimizer = accelerator.prepare(policy, optimizer)
        self._is_first = True

    def backward(self, loss: torch.Tensor, is_last: bool) -> None:
        if self._is_first:  # the last step's gradient stays readable until here
            self.optimizer.zero_grad()
        self._is_first = is_last
        self._accelerator.backward(loss)
        self.masters.collect()

    def step(self, learning_rate: float) -> float | None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        norm = self._accelerator.clip_grad_norm_(self.masters.parameters, self._config.max_grad_norm)
        is_finite = norm is not None and bool(torch.isfinite(norm))
        if is_finite:
            self.optimizer.step()
            self.masters.apply()
        return float(norm) if is_finite else None

    def bare(self) -> Any:
        return self._bare

    def parameters(self, dtype: torch.dtype, device: Any) -> Iterator[tuple[str, torch.Tensor]]:
        for name, value in merged_parameters(self.bare().model):
            yield name, value.to(device, dtype)

    def save(self, folder: Path) -> None:
        state = {
            "trained": self.masters.state_dict() if self._saves_weights or self.masters.are_copies else None,
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(state, folder / "optimizer.pt")

    def load(self, folder: Path) -> None:
        from openqwq.training.models import load_model

        if (folder / HELD_FILE).exists():
            raise CheckpointError(
                f"{folder} was saved by several trainer ranks, this run has one; go on with 2 or more "
                f"(cluster.trainer.workers), or start a new run from its weights (model={folder}/model)"
            )
        state = torch.load(folder / "optimizer.pt", weights_only=True)
        if state["trained"] is None:
            self.bare().model.load_state_dict(load_model(str(folder / "model"), "float32").state_dict())
        else:
            self.masters.load_state_dict(state["trained"])
        self.optimizer.load_state_dict(state["optimizer"])

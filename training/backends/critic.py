"""PPO's critic: a value model with an optimizer of its own. K counted tokens."""

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from openqwq.training.algorithms.losses import clipped_value_loss
from openqwq.training.backends.scored_policy import hidden_states
from openqwq.training.collate import Batch
from openqwq.training.config import Critic as CriticConfig
from openqwq.training.packing import plan_micro_batches


class ValueModel(nn.Module):
    """The body of a language model and a linear head that starts at zero: no value is claimed before one is learned."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        model.set_output_embeddings(None)
        self.head = nn.Linear(model.config.hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, micro: Any) -> torch.Tensor:
        """V of the state before each counted token, [K], fp32."""
        hidden = hidden_states(self.model, micro)
        values: torch.Tensor = self.head(hidden.to(self.head.weight.dtype))[:, 0].float()
        return values


class Critic:
    """Values of a batch, and their update towards its returns."""

    def __init__(
        self, model: PreTrainedModel, config: CriticConfig, max_grad_norm: float, micro_batch_tokens: int
    ) -> None:
        self.model = ValueModel(model).to(model.device)
        self.config = config
        self.max_grad_norm = max_grad_norm
        self.micro_batch_tokens = micro_batch_tokens
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=0.0)

    @torch.no_grad()
    def values(self, batch: Batch) -> torch.Tensor:
        """V of every counted token, [K], on the CPU."""
        values = torch.zeros(batch.num_loss_tokens)
        for micro in plan_micro_batches(batch, self.micro_batch_tokens)[0]:
            values[micro.places_K] = self.model(micro).cpu()
        return values

    def update(self, batch: Batch, old_values_K: torch.Tensor, returns_K: torch.Tensor) -> dict[str, float]:
        """`epochs` steps on the clipped value loss, mean over tokens. A step that is not finite is left out."""
        total = max(batch.num_loss_tokens, 1)
        loss_sum, norm = 0.0, torch.zeros(())
        for _ in range(self.config.epochs):
            loss_sum = 0.0
            self.optimizer.zero_grad()
            for micro in plan_micro_batches(batch, self.micro_batch_tokens)[0]:
                values = self.model(micro)
                old, returns = (x[micro.places_K].to(values.device) for x in (old_values_K, returns_K))
                loss = clipped_value_loss(values, old, returns, self.config.clip_value).sum() / total
                loss.backward()
                loss_sum += float(loss.detach())
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.max_grad_norm)
            if torch.isfinite(norm):
                self.optimizer.step()
        spread = float(returns_K.var(unbiased=False)) if total > 1 else 0.0
        residual = float((returns_K - old_values_K).var(unbiased=False)) if total > 1 else 0.0
        return {
            "critic/loss": loss_sum,
            "critic/grad_norm": float(norm),
            "critic/value_mean": float(old_values_K.mean()),
            "critic/explained_variance": 1.0 - residual / spread if spread > 0 else 0.0,
        }

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimizer."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

"""PPO's critic: a value model and its trainer. K counted tokens."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from openqwq.training.algorithms.losses import clipped_value_loss
from openqwq.training.backends.accelerators import make_optimizer
from openqwq.training.backends.attention import use_segments
from openqwq.training.backends.optimizer_wrapper import OptimizerWrapper
from openqwq.training.backends.ranks import Ranks
from openqwq.training.backends.save_files import WRITTEN_AT_ONCE, SaveFiles
from openqwq.training.backends.scored_policy import hidden_states
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Critic, Optimizer
from openqwq.training.models import load_for_training


class ValueModel(nn.Module):
    """The body of a language model with a linear head. The head starts at zero, so all values are 0 before training."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        use_segments(model)
        model.set_output_embeddings(None)
        self.head = nn.Linear(model.config.hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, micro: Any) -> torch.Tensor:
        """V of the state before each counted token, [K], float32."""
        hidden = hidden_states(self.model, micro)
        values: torch.Tensor = self.head(hidden.to(self.head.weight.dtype))[:, 0].float()
        return values


class CriticTrainer:
    """Computes the values of a batch and trains the value model on its returns."""

    def __init__(self, optimizer: OptimizerWrapper, config: Critic, micro_batch_tokens: int, ranks: Ranks) -> None:
        self.optimizer, self.config, self.ranks = optimizer, config, ranks
        self.micro_batch_tokens = micro_batch_tokens

    @torch.no_grad()
    def values(self, batch: Batch) -> torch.Tensor:
        """V of every counted token, [K], on the CPU."""
        values = torch.zeros(batch.num_loss_tokens)
        for micro in self.ranks.own_shard(batch, self.micro_batch_tokens):
            values[micro.indices_K] = self.optimizer.policy(micro).cpu()
        return self.ranks.merged(values)

    def update(self, batch: Batch, old_values_K: torch.Tensor, returns_K: torch.Tensor) -> dict[str, float]:
        """Run `epochs` optimizer steps on the clipped value loss, mean over tokens. A step whose gradient is not finite
        is skipped."""
        self.optimizer.policy.train()
        micros = self.ranks.own_shard(batch, self.micro_batch_tokens)
        for _ in range(self.config.epochs):
            loss_sum = 0.0
            for i, micro in enumerate(micros):
                values = self.optimizer.policy(micro)
                old, returns = (x[micro.indices_K].to(values.device) for x in (old_values_K, returns_K))
                loss = clipped_value_loss(values, old, returns, self.config.clip_value).sum() / batch.num_loss_tokens
                self.optimizer.backward(loss, is_last=i == len(micros) - 1)
                loss_sum += float(loss.detach())
            step_norm = self.optimizer.step(self.config.learning_rate)
            norm = math.nan if step_norm is None else step_norm
        loss_sum = self.ranks.total({"loss": loss_sum})["loss"]
        spread = float(returns_K.var(unbiased=False))
        residual = float((returns_K - old_values_K).var(unbiased=False))
        return {
            "critic/loss": loss_sum,
            "critic/grad_norm": norm,
            "critic/value_mean": float(old_values_K.mean()),
            "critic/explained_variance": 1.0 - residual / spread if spread > 0 else 0.0,
        }

    def save(self, folder: Path, files: SaveFiles = WRITTEN_AT_ONCE) -> None:
        """Write weights and optimizer."""
        folder.mkdir(exist_ok=True)
        self.optimizer.save(folder, files)

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        self.optimizer.load(folder)


def make_critic(settings: TrainerSettings, accelerator: Any, ranks: Ranks) -> CriticTrainer:
    """A critic whose body starts from the policy's, in float32."""
    config = settings.algorithm.critic
    assert config is not None
    body = load_for_training(settings.model, "float32", settings.gradient_checkpointing)
    adamw = Optimizer(betas=(0.9, 0.95), max_grad_norm=settings.optimizer.max_grad_norm)
    model = ValueModel(body).to(accelerator.device)
    optimizer = make_optimizer(accelerator, model, adamw, settings.rank, saves_weights=True)
    return CriticTrainer(optimizer, config, settings.micro_batch_tokens, ranks)

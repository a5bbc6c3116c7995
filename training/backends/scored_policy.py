"""The policy as the trainer calls it: rows in, loss and log-probabilities of the counted tokens out.

It is one torch module, so that a wrapper which shards it (DeepSpeed) has the whole computation in `forward`.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from openqwq.training.algorithms.head import TokenLoss, fused_head_loss, head_logprobs
from openqwq.training.algorithms.picking import picked_rows
from openqwq.training.backends.attention import check_heads, use_segments
from openqwq.training.backends.logit_transform import LogitTransform, measure
from openqwq.training.backends.sequence_parallel import SequenceGroup
from openqwq.training.batches.packing import MicroBatch
from openqwq.training.config import Lora
from openqwq.training.weight_sync.buckets import ArraySpec


class ScoredPolicy(nn.Module):
    """A causal language model that never holds all logits of a micro-batch at once (algorithms/head.py)."""

    def __init__(self, model: PreTrainedModel, temperature: float, sequence_group: SequenceGroup | None = None) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.sequence_group = sequence_group
        if sequence_group is not None:
            check_heads(_plain(model), sequence_group)
        use_segments(_plain(model))
        self._transform: LogitTransform | None = None

    @property
    def plain_model(self) -> Any:
        """The transformers model, inside peft's wrapper under LoRA."""
        return _plain(self.model)

    @property
    def transform(self) -> LogitTransform:
        """What the model does to its logits, measured in the first pass, when sharded weights can be gathered.

        Raises:
            RecipeError: nothing that is known.
        """
        if self._transform is None:
            self._transform = measure(_plain(self.model))
        return self._transform

    def forward(
        self, micro: MicroBatch, token_loss: TokenLoss | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Loss (0 without `token_loss`), log-probabilities [K] and entropies [K] of the counted tokens, in float32."""
        transform = self.transform
        hidden_KH = hidden_states(self.model, micro, self.sequence_group)
        head: Any = self.model.get_output_embeddings()
        weight, bias, targets_K = head.weight, getattr(head, "bias", None), micro.targets_K.to(hidden_KH.device)
        divisor = self.temperature / transform.scale
        cap = None if transform.cap is None else transform.cap / self.temperature
        if token_loss is None:
            logprobs, entropies = head_logprobs(hidden_KH, weight, targets_K, divisor, bias, cap=cap)
            return logprobs.new_zeros(()), logprobs, entropies
        out = fused_head_loss(hidden_KH, weight, targets_K, token_loss, divisor, bias, cap=cap)
        return out.loss, out.logprobs_K, out.entropies_K


def hidden_states(model: Any, micro: MicroBatch, sequence_group: SequenceGroup | None = None) -> torch.Tensor:
    """The last hidden state that predicts each counted token, [K, H]. `sequence_group`: the ranks that share
    the rows."""
    device = model.device
    body = _plain(model).base_model
    states = body(
        input_ids=micro.tokens_RW.to(device),
        position_ids=micro.positions_RW.to(device),
        segments=micro.layout(sequence_group.size if sequence_group else 1, device),
        sequence_group=sequence_group,
    ).last_hidden_state
    picked: torch.Tensor = picked_rows(states.flatten(0, 1), micro.source_K.to(device))
    return picked


def with_lora(model: PreTrainedModel, lora: Lora) -> Any:
    """The model with trainable low-rank factors added to its frozen linear layers."""
    from peft import LoraConfig, get_peft_model

    modules = lora.modules if isinstance(lora.modules, str) else list(lora.modules)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=modules)
    return get_peft_model(model, config)


def plain_parameters(model: Any) -> Iterator[tuple[str, nn.Parameter, nn.Module | None]]:
    """Parameters by the names that they have in the plain model, and the low-rank layer of one that factors belong
    to."""
    base = _plain(model)
    for name, parameter in base.named_parameters():
        if "lora_" not in name:
            layer = base.get_submodule(name.split(".base_layer.")[0]) if ".base_layer." in name else None
            yield name.replace(".base_layer.", "."), parameter, layer


def specs_of_parameters(model: Any, dtype: str) -> list[ArraySpec]:
    """Names, precision and shapes of `plain_parameters`, without gathering any parameter."""
    return [
        ArraySpec(name, dtype, tuple(getattr(parameter, "ds_shape", parameter.shape)))
        for name, parameter, _ in plain_parameters(model)
    ]


def _plain(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "peft_config") else model

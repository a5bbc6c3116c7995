"""The policy as the trainer calls it: rows in, loss and log-probabilities of the counted tokens out.

It is one torch module, so that a wrapper which shards it (DeepSpeed) has the whole computation in `forward`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
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


def merged_parameters(
    model: Any, gathered: Callable[[list[nn.Parameter]], AbstractContextManager[Any]] = lambda _: nullcontext()
) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters of the plain model by name, with low-rank factors merged. The model is not changed, because merging in
    place and undoing it would leave rounding errors. `gathered` makes sharded parameters whole; each value is valid
    until the next one is read."""
    base = _plain(model)
    for name, parameter in _plain_parameters(model):
        layer = base.get_submodule(name.split(".base_layer.")[0]) if ".base_layer." in name else None
        with gathered([parameter] if layer is None else list(layer.parameters())):
            value: torch.Tensor = parameter
            if layer is not None and name.endswith(".weight"):
                value = value + layer.get_delta_weight("default").to(value.dtype)
            yield name.replace(".base_layer.", "."), value.detach()


def specs_of_parameters(model: Any, dtype: str) -> list[ArraySpec]:
    """Names, precision and shapes of `merged_parameters`, without gathering any parameter."""
    return [
        ArraySpec(name.replace(".base_layer.", "."), dtype, tuple(getattr(parameter, "ds_shape", parameter.shape)))
        for name, parameter in _plain_parameters(model)
    ]


def _plain(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _plain_parameters(model: Any) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in _plain(model).named_parameters():
        if "lora_" not in name:
            yield name, parameter

"""The attention of every trained model: within the segments of packed rows, over the ranks that share them.

It is registered with transformers under a name, so that each architecture keeps its own forward and hands over what its
layers do to their scores. What it hands over and is not known here is refused, never left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, flash_attention_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from openqwq.training.backends.attention_kernels import Score, attend
from openqwq.training.backends.sequence_parallel import SequenceGroup, gather_columns, scatter_columns, with_heads_for
from openqwq.training.batches.segments import SegmentLayout, whole_rows
from openqwq.training.errors import RecipeError

ATTENTION = "openqwq_segments"
WITHOUT_EFFECT = frozenset(
    ["position_ids", "cache_position", "use_cache", "output_attentions", "output_hidden_states", "output_router_logits"]
)
"""What models pass on that changes nothing here: positions are in query and key, there is no cache, nothing is kept."""

_WATCHED: ContextVar[list[int | None] | None] = ContextVar("watched", default=None)


def use_segments(model: PreTrainedModel) -> None:
    """Give the model this attention."""
    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, flash_attention_mask)  # which makes no mask of [W, W]
    model.set_attn_implementation(ATTENTION)


@contextmanager
def watched() -> Iterator[list[int | None]]:
    """The window of every call of this attention meanwhile; None for a call without one."""
    windows: list[int | None] = []
    token = _WATCHED.set(windows)
    try:
        yield windows
    finally:
        _WATCHED.reset(token)


def check_heads(model: PreTrainedModel, group: SequenceGroup) -> None:
    """Can the ranks of a group share the model's heads?

    Raises:
        RecipeError: their number is not a multiple of the number of ranks.
    """
    heads = model.config.get_text_config().num_attention_heads
    if heads % group.size:
        raise RecipeError(
            f"cluster.trainer.sequence_parallel={group.size} must divide the model's {heads} attention heads"
        )


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    is_causal: bool | None = None,
    segments: SegmentLayout | None = None,
    sequence_group: SequenceGroup | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of this rank's columns, [R, heads, w, D]; returns [R, w, heads, D]. Without `segments` every row is one
    sequence."""
    if (windows := _WATCHED.get()) is not None:
        windows.append(sliding_window)
    is_masked = attention_mask is not None and not bool(attention_mask.all())
    is_known = not is_masked and dropout == 0.0 and query.shape[2] == key.shape[2]
    is_known &= is_causal is not False and getattr(module, "is_causal", True) is not False
    unknown = sorted(name for name, x in others.items() if x is not None and name not in WITHOUT_EFFECT)
    if unknown or not is_known:
        raise RecipeError(
            f"{type(module).__name__} does to its attention what training cannot: "
            f"{', '.join(unknown) or 'a mask, dropout, a cache or no causal order'}; choose another model"
        )
    sinks = s_aux
    if sequence_group is not None:
        heads = query.shape[1] // sequence_group.size
        key, value = (with_heads_for(sequence_group.size, x) for x in (key, value))
        query, key, value = (gather_columns(x, sequence_group) for x in (query, key, value))
        if sinks is not None:
            sinks = sinks[heads * sequence_group.index : heads * (sequence_group.index + 1)]
    rows, _, width, _ = query.shape
    layout = segments or whole_rows(rows, width, query.device)
    out = attend(query, key, value, layout, Score(scaling, sliding_window, softcap, sinks))
    if sequence_group is not None:
        out = scatter_columns(out.transpose(1, 2), sequence_group).transpose(1, 2)
    return out.contiguous(), None

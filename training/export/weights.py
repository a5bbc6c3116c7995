"""The weights of an export: loaded whole, adapters merged, cast with what the cast loses said, scaled for longer
contexts."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from openqwq.training.config.context_budget import held_tokens
from openqwq.training.errors import CheckpointError, RecipeError
from openqwq.training.export.origin import Origin
from openqwq.training.models import load_config

YARN_FACTOR = 4.0
YARN_ORIGINAL = 32768
"""Qwen's own setting: 32k positions times 4. A model that states fewer positions is scaled from its own number."""
MERGE_TOLERANCE = 1e-4
"""Largest difference of logits between an adapter beside its base and merged into it, as a share of the largest."""
OTHER_HEADS = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")


def load_whole(origin: Origin) -> PreTrainedModel:
    """The model with every weight that its files hold, in their own precision; an adapter is merged, in float32.

    Raises:
        RecipeError: it is no language model, or quantised.
        CheckpointError: its weights cannot be read, or some are missing.
    """
    config = load_config(origin.model)
    heads = [name for name in getattr(config, "architectures", None) or () if name.endswith(OTHER_HEADS)]
    if heads:
        raise RecipeError(f"{origin.model} is a {heads[0]}, no language model; a policy is exported, no reward model")
    if getattr(config, "quantization_config", None) is not None:
        raise RecipeError(f"{origin.model} is quantised; export the model that it was made of")
    dtype: Any = "auto" if origin.adapter is None else torch.float32
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(origin.model, dtype=dtype, output_loading_info=True)
    except Exception as error:  # files of others: what reading them raises is as many-sided as they are
        raise CheckpointError(f"the weights of {origin.model} cannot be read: {_one_line(error)}") from error
    model: PreTrainedModel = loaded[0]
    info: dict[str, Any] = loaded[1]
    for problem in ("missing_keys", "mismatched_keys"):
        if found := sorted(str(key) for key in info[problem]):
            raise CheckpointError(
                f"{origin.model} lacks weights of its architecture: {problem.replace('_', ' ')} {', '.join(found[:3])}"
                f"{' and more' if len(found) > 3 else ''}"
            )
    model.eval()
    return model if origin.adapter is None else _merged(model, origin)


def _merged(base: PreTrainedModel, origin: Origin) -> PreTrainedModel:
    """The base with the adapter in its weights; both must say the same."""
    from peft import PeftModel

    ids = torch.arange(1, 25)[None] % base.config.get_text_config(decoder=True).vocab_size
    try:
        with_adapter = PeftModel.from_pretrained(base, str(origin.adapter)).eval()
    except Exception as error:  # as above
        raise CheckpointError(f"adapter {origin.adapter} does not fit {origin.model}: {_one_line(error)}") from error
    with torch.no_grad():
        before = with_adapter(input_ids=ids).logits
        merged: PreTrainedModel = with_adapter.merge_and_unload(safe_merge=True)
        after = merged(input_ids=ids).logits
    gap = float((before - after).abs().max() / before.abs().max().clamp(min=1e-30))
    if not gap <= MERGE_TOLERANCE:
        raise CheckpointError(
            f"adapter {origin.adapter} changes when it is merged: logits differ by {gap:.1e} of the largest, allowed "
            f"is {MERGE_TOLERANCE:g}; export the run's checkpoint, whose model/ is merged already"
        )
    return merged


def cast(model: PreTrainedModel, dtype: str, warn: Callable[[str], None]) -> None:
    """Cast the weights in place, and warn about what is lost.

    Raises:
        CheckpointError: a weight is no finite number, or would be none in `dtype`.
    """
    wanted: torch.dtype = getattr(torch, dtype)
    changed = vanished = total = 0
    largest, source = 0.0, None
    for name, parameter in model.named_parameters():
        old = parameter.data
        if not old.is_floating_point():
            continue
        new = old.to(wanted)
        if not bool(torch.isfinite(old).all()):
            raise CheckpointError(
                f"weight {name} holds values that are no finite numbers; export an earlier checkpoint"
            )
        if not bool(torch.isfinite(new).all()):
            raise CheckpointError(
                f"weight {name} reaches {float(old.abs().max()):.4g}, and {dtype} ends at "
                f"{torch.finfo(wanted).max:.4g}; take --dtype bfloat16 or float32"
            )
        differs = new.to(old.dtype) != old if wanted != old.dtype else torch.zeros((), dtype=torch.bool)
        if bool(differs.any()):
            lost = (new.to(old.dtype)[differs].double() / old[differs].double() - 1).abs()
            changed, largest, source = changed + int(differs.sum()), max(largest, float(lost.max())), old.dtype
            vanished += int(((new == 0) & (old != 0)).sum())
        total += old.numel()
        parameter.data = new
    model.config.dtype = wanted
    if changed:
        small = f"; {vanished} become 0" if vanished else ""
        warn(
            f"{str(source).removeprefix('torch.')} -> {dtype} changes {changed} of {total} weights, by up to "
            f"{100 * largest:.2g} %{small}"
        )


def scale_context(model: PreTrainedModel) -> int:
    """Let YaRN scale the rotary positions by 4, and return the tokens of context that follow.

    `max_position_embeddings` becomes the scaled length. transformers expects that, vLLM from 0.32 on takes its
    context length from it, and earlier ones take original x factor whatever it says.

    Raises:
        RecipeError: the model's positions cannot be scaled so.
    """
    config: Any = model.config.get_text_config(decoder=True)
    rope = getattr(config, "rope_parameters", None)
    length = getattr(config, "max_position_embeddings", None)
    kind = config.model_type
    if not isinstance(rope, dict) or not isinstance(length, int):
        raise RecipeError(f"--yarn scales rotary positions, and a {kind} states none in its config; leave it out")
    if any(isinstance(value, dict) for value in rope.values()):
        raise RecipeError(f"--yarn cannot scale a {kind}, whose layers have positions of several kinds; leave it out")
    found = rope.get("rope_type", "default")
    if found != "default":
        raise RecipeError(
            f"--yarn cannot scale a model whose positions are scaled already (rope_type {found}); leave it out"
        )
    original = min(length, YARN_ORIGINAL)
    yarn = {"rope_type": "yarn", "factor": YARN_FACTOR, "original_max_position_embeddings": original}
    config.rope_parameters = {**rope, **yarn}
    config.max_position_embeddings = max(length, int(original * YARN_FACTOR))
    return held_tokens(config.to_dict()) or config.max_position_embeddings


def weight_bytes(model: PreTrainedModel) -> int:
    """Bytes of the weights on disk; tied ones count once."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]

"""Loads a model and its tokenizer from a folder or a hub id."""

import difflib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from openqwq.training.config.context_budget import held_tokens
from openqwq.training.config.files import resolve_path
from openqwq.training.config.hub import stay_away_if_unreachable
from openqwq.training.errors import RecipeError
from openqwq.training.templates.source import OWN_TEMPLATE, SHIPPED, ChatSettings

if not torch.cuda.is_available():  # Accelerate imports DeepSpeed, which otherwise prints its guess to stdout
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
transformers_logging.set_verbosity_error()  # load reports and progress bars would hide the run's own lines
transformers_logging.disable_progress_bar()


FILES_OF_A_MODEL = (".safetensors", ".bin", ".json", ".jinja", ".txt", ".model")
ENDS = 1 << 20
"""Bytes at each end of a file that a fingerprint looks at."""


def locate(model: str) -> str:
    """The local folder that a recipe's `model` names, or the hub id unchanged.

    Raises:
        RecipeError: it can only be a local folder and is not there, or is there and holds no model.
    """
    path = resolve_path(model)
    if path is None:
        if missing := missing_folder(model):
            raise RecipeError(missing)
        stay_away_if_unreachable()
        return model
    if not (path / "config.json").is_file():
        kind = "folder without a config.json" if path.is_dir() else "file"
        raise RecipeError(f"model {model!r}: {path} is a {kind}, and no model that transformers saved")
    return str(path)


def fingerprint(model: str) -> str:
    """What tells a model from another of the same name: a hash over the names, the sizes, and both ends of the files of
    its folder. The name itself for a hub id."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in FILES_OF_A_MODEL and path.is_file():
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                digest.update(f"{path.name} {size} ".encode())
                for start in (0, max(0, size - ENDS)):
                    file.seek(start)
                    digest.update(file.read(ENDS))
    return digest.hexdigest()[:32]


def missing_folder(model: str) -> str | None:
    """Why `model`, which is not there, can be no hub id either; None where it can."""
    above = Path(model).expanduser().parent
    parent = None if above == Path() else resolve_path(str(above))
    if not (model.startswith((".", "/", "~")) or model.count("/") > 1 or parent):
        return None
    names = [one.name for one in parent.iterdir() if one.is_dir()] if parent and parent.is_dir() else []
    near = difflib.get_close_matches(Path(model).name, names, n=1)
    return f"no model folder {model!r} in {Path.cwd()}" + (f"; did you mean {above / near[0]}?" if near else "")


def load_model(model: str, dtype: str = "float32") -> PreTrainedModel:
    """A causal language model in `dtype`.

    Raises:
        RecipeError: `model` is neither a model folder nor readable from the hub.
    """
    try:
        loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(locate(model), dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:
        raise RecipeError(f"model {model!r} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    return loaded


def load_config(model: str) -> PretrainedConfig:
    """The configuration of a model.

    Raises:
        RecipeError: it cannot be read from here.
    """
    try:
        found: PretrainedConfig = AutoConfig.from_pretrained(locate(model))
    except (OSError, ValueError) as error:
        raise RecipeError(f"config of {model!r} cannot be read: {' '.join(str(error).split())[:300]}") from error
    return found


def load_for_training(model: str, dtype: str, gradient_checkpointing: bool = False) -> PreTrainedModel:
    """A model without a KV cache and without dropout: what is trained is the policy that samples. With
    `gradient_checkpointing` it keeps no activations in train mode either; the
    backward pass computes them again."""
    loaded = load_model(model, dtype)
    loaded.config.use_cache = False
    switch_dropout_off(loaded)
    if gradient_checkpointing:
        loaded.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        loaded.enable_input_require_grads()
    return loaded


def switch_dropout_off(model: PreTrainedModel) -> None:
    """What is trained is the model that samples. In its modules only: the configuration, which is saved with the model,
    keeps its numbers."""
    for module in model.modules():
        for name, value in vars(module).items():
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def load_tokenizer(model: str, chat: ChatSettings = OWN_TEMPLATE) -> Any:
    """The tokenizer of a model, with the recipe's chat template if it gives one.

    Raises:
        RecipeError: it cannot be loaded, or nobody gives a chat template.
    """
    place = locate(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
    except Exception as error:  # the files are the user's: what they raise is as many-sided as they are
        raise RecipeError(f"tokenizer of {model!r} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    if chat.template is not None:
        tokenizer.chat_template = chat.template
    if not tokenizer.chat_template:
        raise RecipeError(
            f"tokenizer of {model!r} has no chat template; set `chat_template` to a file, or to one of "
            f"{', '.join(SHIPPED)}, which ship with openqwq"
        )
    if tokenizer.pad_token_id is None:  # padding is masked, so that any token serves
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def context_held_by(config: PretrainedConfig) -> int | None:
    """Tokens of context that a model with this config holds; None where it states no limit."""
    return held_tokens(config.get_text_config(decoder=True).to_dict())


def held_context(model: str) -> int | None:
    """Tokens of context that a model holds, by its config; None where it states no limit.

    Raises:
        RecipeError: its config cannot be read.
    """
    return context_held_by(load_config(model))


def load_generation_config(model: str) -> GenerationConfig | None:
    """The generation config that is published with a model; None when there is none."""
    try:
        return GenerationConfig.from_pretrained(locate(model))
    except OSError:
        return None


def stop_tokens(generation: GenerationConfig | None, tokenizer: Any, end_of_turn: int | None = None) -> list[int]:
    """Tokens that end a turn: the chat template's own (`TurnFormat.end_token`), the tokenizer's end token and those of
    the generation config."""
    configured = generation.eos_token_id if generation else None
    listed = configured if isinstance(configured, list) else [configured]
    return sorted({int(token) for token in (*listed, tokenizer.eos_token_id, end_of_turn) if token is not None})


def save_model(
    model: PreTrainedModel,
    tokenizer: Any,
    folder: Path,
    state: dict[str, torch.Tensor] | None = None,
    dtype: str | None = None,
    end_of_turn: int | None = None,
) -> None:
    """Write a folder that transformers can load; `state`, if given, replaces the model's own weights. Whoever serves it
    stops at `end_of_turn`, too."""
    if end_of_turn is not None and (generation := model.generation_config) is not None:
        ends = stop_tokens(generation, tokenizer, end_of_turn)
        generation.eos_token_id = ends if len(ends) > 1 else ends[0]
    model.save_pretrained(folder, state_dict=state)
    tokenizer.save_pretrained(folder)
    if dtype is not None:  # save_pretrained wrote the precision of the model in memory, not that of `state`
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "dtype": dtype}, indent=2) + "\n")


def save_without_weights(
    model: PreTrainedModel, tokenizer: Any, folder: Path, dtype: str, end_of_turn: int | None
) -> None:
    """`save_model` for a model whose weights are written by other means."""
    save_model(model, tokenizer, folder, {}, dtype, end_of_turn)
    for path in folder.glob("*.safetensors"):
        path.unlink()

"""`openqwq export`: weights, tokenizer, template, sampling and card of a checkpoint, in a folder that others load."""

import importlib.metadata
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

import openqwq
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import RecipeError
from openqwq.training.export.card import CardFacts, model_card
from openqwq.training.export.chat import recommended_sampling, serve_options, with_openai_parts
from openqwq.training.export.folder import new_folder, refuse_without_room
from openqwq.training.export.licence import find_licence
from openqwq.training.export.origin import Origin, find_origin
from openqwq.training.export.public import hub_id
from openqwq.training.export.weights import cast, load_whole, scale_context, weight_bytes
from openqwq.training.models import context_held_by, load_generation_config, load_tokenizer
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.turns import TurnFormat

DTYPES = ("bfloat16", "float32", "float16")
PLACES = ("_name_or_path", "name_or_path", "is_local", "local_files_only", "_commit_hash", "auto_map")
"""What libraries write about where a file lay; code beside a model is not loaded, so none belongs to it."""
_SIZE = re.compile(r"[1-9]\d*(\.\d+)?\s*[KMG]I?B", re.IGNORECASE)


@dataclass(frozen=True)
class ExportOptions:
    """What a user may choose. Example: `ExportOptions(dtype="float32", is_checked=True)`"""

    stage: str | None = None
    dtype: str = "bfloat16"
    max_shard_size: str = "5GB"
    has_yarn: bool = False
    licence: str | None = None
    is_checked: bool = False
    """Whether the export is loaded by others and asked the ten conversations."""
    check_dtype: str = "float32"


def export(asked: str, target: Path, options: ExportOptions) -> int:
    """Write `target`; 0, or 1 when a check of it found a difference.

    Raises:
        OpenqwqError: nothing is written; the message says what to do.
    """
    if not _SIZE.fullmatch(options.max_shard_size):
        raise RecipeError(f"--max-shard-size {options.max_shard_size!r} is no size such as 5GB or 500MB")
    console, target = ConsoleLogger(), target.expanduser().resolve()
    origin = find_origin(asked, options.stage)
    if origin.entry is not None and not origin.entry.has_passed:
        console.warn(f"the gate of stage {origin.entry.name} failed; the card says so")
    with new_folder(target) as folder:
        serving = _write(origin, folder, target.name, options, console.warn)
    console.info(f"written to {target}: {_size(target)}; {shlex.join(['vllm', 'serve', str(target), *serving])}")
    if not options.is_checked:
        return 0
    from openqwq.training.export.serve_check import serve_check

    return serve_check(target, serving, options.check_dtype, console)


def _write(origin: Origin, folder: Path, name: str, options: ExportOptions, warn: Callable[[str], None]) -> list[str]:
    """Write all files; returns vLLM's options."""
    tokenizer = load_tokenizer(origin.tokenizer)
    with_openai_parts(tokenizer)
    codec = ChatCodec(tokenizer, _end_of_turn(origin))
    turns, serving = codec.turns, serve_options(codec)
    model = load_whole(origin)
    trained_with = getattr(model.config, "transformers_version", None)
    before = str(model.dtype).removeprefix("torch.")
    cast(model, options.dtype, warn)
    held = scale_context(model) if options.has_yarn else context_held_by(model.config)
    model.config.use_cache = True  # a trainer switches it off, and saves that
    model.generation_config = recommended_sampling(load_generation_config(origin.model), tokenizer, turns)
    refuse_without_room(folder, weight_bytes(model))
    model.save_pretrained(folder, max_shard_size=options.max_shard_size)
    tokenizer.save_pretrained(folder)
    _forget_places(folder)
    base = _base_model(origin)
    recipe_model = origin.run.recipe.get("model") if origin.run else None
    licence = find_licence(options.licence, origin.model, str(recipe_model) if recipe_model else None)
    if licence is None:
        warn("licence unknown; the card states none. State it with --license")
    facts = CardFacts(
        name=name,
        base_model=base,
        license=licence,
        options=serving,
        sampling="temperature 0.6, top_p 0.95, top_k 40; not greedy. Where answers repeat themselves, presence_penalty "
        "between 0 and 2 in each request (servers read none from generation_config.json); a high one mixes languages",
        thinking=_thinking(turns),
        format=_format(model, options.dtype),
        versions=_versions(),
        cast=before if before != options.dtype else None,
        trained_with=trained_with,
        context=_context(held, _yarn_factor(model), _trained_length(origin)),
    )
    (folder / "README.md").write_text(str(model_card(facts, origin)), encoding="utf-8")
    return serving


def _end_of_turn(origin: Origin) -> str | None:
    """The recipe's word for the end of a turn."""
    given = origin.run.recipe.get("end_of_turn") if origin.run else None
    return given if isinstance(given, str) else None


def _base_model(origin: Origin) -> str | None:
    """Hub id of the model that was trained; None where it was a folder of this machine."""
    return hub_id(origin.run.recipe.get("model"), origin.run.path) if origin.run else hub_id(origin.model)


def _thinking(turns: TurnFormat) -> str:
    earlier = (
        "stays in the prompt as it was trained, so send it back with the messages"
        if turns.keeps_earlier_thinking
        else "is left out of the prompt by the template"
    )
    if turns.opened:
        said = "The template opens `<think>` in the prompt, so an answer holds `</think>` only."
    else:
        said = "The template opens no `<think>`; the model may write one."
    return f"{said} Thinking of earlier turns {earlier}."


def _format(model: PreTrainedModel, dtype: str) -> str:
    count = sum(parameter.numel() for parameter in model.parameters())
    return f"{count:,} weights in {dtype}."


def _context(held: int | None, factor: float | None, trained: int | None) -> str:
    if held is None:
        return "The model states no limit of its context."
    words = f"Context: {held} tokens, prompt and answer together."
    if factor is not None:
        words += f" YaRN scales all positions by {factor:g}, also those of short texts, which may suffer."
    if trained is not None and trained < held:
        words += f" Trained by RL on up to {trained} tokens; nothing was learned of longer ones."
    return words


def _yarn_factor(model: PreTrainedModel) -> float | None:
    rope = getattr(model.config.get_text_config(decoder=True), "rope_parameters", None) or {}
    return float(rope["factor"]) if rope.get("rope_type") == "yarn" else None


def _trained_length(origin: Origin) -> int | None:
    """Tokens of the longest conversation on which the run's finished RL stages may have trained; None where no run is
    known, or none says it."""
    stages = (origin.run.recipe.get("stages") or []) if origin.run else []
    lengths = []
    for stage in stages:
        sampling = stage.get("sampling") if isinstance(stage, dict) and stage.get("kind") == "rl" else None
        if isinstance(sampling, dict):
            lengths.append(sampling.get("max_context") or sampling.get("max_new_tokens"))
        if origin.entry is not None and isinstance(stage, dict) and stage.get("name") == origin.entry.name:
            break
    return max((length for length in lengths if isinstance(length, int)), default=None)


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "huggingface_hub")
    return {"openqwq": openqwq.__version__, **{name: importlib.metadata.version(name) for name in names}}


def _forget_places(folder: Path) -> None:
    """Take out of the saved configurations what says where this machine had them."""
    for path in folder.glob("*config.json"):
        tree = json.loads(path.read_text(encoding="utf-8"))
        kept: dict[str, Any] = {key: value for key, value in tree.items() if key not in PLACES}
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _size(folder: Path) -> str:
    files = [path for path in folder.iterdir() if path.is_file()]
    shards = len([path for path in files if path.suffix == ".safetensors"])
    megabytes = sum(path.stat().st_size for path in files) / 2**20
    return f"{shards} shard{'s' if shards != 1 else ''}, {megabytes:.1f} MiB"

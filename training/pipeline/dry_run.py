"""`openqwq run --dry-run`: everything that can be checked of a launch without launching it."""

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

from openqwq.training.backends.number_format import with_dtype
from openqwq.training.cluster.placement import describe_placement
from openqwq.training.cluster.supported import not_yet_possible
from openqwq.training.config import Recipe, RewardModelStage, RlStage, SftStage, Source
from openqwq.training.config.files import resolve_path
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.models import load_tokenizer, locate
from openqwq.training.pipeline.first_episodes import begin_environments
from openqwq.training.pipeline.preflight import LoadedData, known_context, preflight
from openqwq.training.pipeline.sandbox_service import sandbox_of_run
from openqwq.training.pipeline.scaled_model import with_yarn
from openqwq.training.planning.shapes import shape_of
from openqwq.training.prompts.sources import load_rows
from openqwq.training.records import Prompt
from openqwq.training.rewards.router import fill_in
from openqwq.training.rewards.routing import build_verifier, distinct_uses
from openqwq.training.rollout.vllm_version import check_version
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import chat_settings
from openqwq.verifiers import Verdict, Verifier
from openqwq.verifiers.tool_matching import reference_calls

AGAIN_SECONDS = 1.0
"""Between two questions to a service that is away."""
STAND_IN = "data/tiny/base"
"""Its tokenizer checks chats where the model's own cannot be reached."""


def dry_run(recipe: Recipe, console: ConsoleLogger | None = None) -> int:
    """0 when model, placement, data and verifiers are as a launch needs them; 1 when a launch would be refused for
    what is missing here. What was checked in place of something else is warned about.

    Raises:
        OpenqwqError: what would stop the launch.
    """
    console = console or ConsoleLogger()
    with tempfile.TemporaryDirectory() as place:
        scaled = with_yarn(recipe, Path(place) / "model", console.warn, may_download=False)
        return _dry_run(with_dtype(scaled, console.info), console)


def _dry_run(recipe: Recipe, console: ConsoleLogger) -> int:
    console.info(f"model: {count_on_meta(recipe.model):,} parameters built on the meta device")
    console.info(f"placement: {describe_placement(recipe.cluster)}")
    refusals = [f"a launch would be refused by this version: {missing}" for missing in not_yet_possible(recipe)]
    if recipe.cluster.rollout.engine == "vllm":
        try:
            check_version()
        except RecipeError as error:
            refusals.append(f"a launch from here would be refused: {error}")
    for refusal in refusals:
        console.warn(refusal)
    reachable = with_samples(recipe, console.warn)
    reachable, warn, tokenizer = _with_tokenizer(reachable, console.warn)
    data = preflight(reachable, warn, tokenizer)
    console.info(f"data: {_counts(data)}")
    with sandbox_of_run(reachable, data, console.warn) as sandbox:
        for line in score_canned_answers(reachable, data, sandbox.urls):
            console.info(f"verifier {line}")
        codec, held = (
            ChatCodec(tokenizer, chat_settings(reachable).end_of_turn),
            known_context(reachable.model, lambda _: None),
        )
        for where, line in begin_environments(reachable, data, codec, held, sandbox.urls).items():
            console.info(f"environment of {where}: {line}")
    if refusals:
        console.info("dry run FAILED: the data and verifiers are as a launch needs them, and it would be refused")
        return 1
    console.info("dry run passed: nothing was started or written")
    return 0


def count_on_meta(model: str) -> int:
    """Build the model without memory and count its parameters, tied ones once.

    Raises:
        RecipeError: its config is nowhere to be found.
    """
    with torch.device("meta"):
        built: Any = AutoModelForCausalLM.from_config(_config(model))
    return sum(parameter.numel() for parameter in built.parameters())


def _config(model: str) -> PretrainedConfig:
    try:
        found: PretrainedConfig = AutoConfig.from_pretrained(locate(model))
        return found
    except (OSError, ValueError):
        sizes = shape_of(model).config()  # without a hub: the planner holds the published sizes
        return AutoConfig.for_model(**sizes)


def with_samples(recipe: Recipe, warn: Callable[[str], None]) -> Recipe:
    """The recipe with the sample of every source that cannot be read from here."""

    unreachable: dict[tuple[str, str | None, str], bool] = {}

    def reachable(source: Source) -> Source:
        if source.sample is None:
            return source
        key = (source.source, source.subset, source.split)
        if key not in unreachable:
            try:
                start = source.rows[0] if source.rows else 0
                load_rows(source.model_copy(update={"rows": (start, start + 1)}))  # all are read in the preflight
                unreachable[key] = False
            except DataError as error:
                warn(f"{error}. Its sample {source.sample} is checked instead")
                unreachable[key] = True
        sample: dict[str, Any] = {"source": source.sample, "rows": None, "columns": {}, "subset": None}
        return source.model_copy(update=sample) if unreachable[key] else source

    def changed(stage: SftStage | RewardModelStage | RlStage) -> SftStage | RewardModelStage | RlStage:
        names = ("demonstrations", "pairs", "held_out")
        update: dict[str, Any] = {name: reachable(getattr(stage, name)) for name in names if hasattr(stage, name)}
        if isinstance(stage, RlStage):
            update["prompts"] = tuple(map(reachable, stage.prompts))
        return stage.model_copy(update=update)

    suites = {
        name: suite.model_copy(update={"sources": tuple(map(reachable, suite.sources))})
        for name, suite in recipe.evaluation.suites.items()
    }
    evaluation = recipe.evaluation.model_copy(update={"suites": suites})
    return recipe.model_copy(update={"stages": tuple(map(changed, recipe.stages)), "evaluation": evaluation})


def _with_tokenizer(recipe: Recipe, warn: Callable[[str], None]) -> tuple[Recipe, Callable[[str], None], Any]:
    """What `preflight` takes. A tokenizer that cannot be fetched is replaced by one with a template of its own."""
    try:
        return recipe, warn, load_tokenizer(recipe.model, chat_settings(recipe))
    except RecipeError as error:
        if resolve_path(recipe.model) is not None:
            raise
        warn(f"{error}. The embedded model's tokenizer checks the chats instead")
        own = recipe.model_copy(update={"chat_template": None, "end_of_turn": None})
        return own, warn, load_tokenizer(STAND_IN)


def score_canned_answers(
    recipe: Recipe, data: LoadedData, sandbox_urls: list[str], is_patient: bool = False, done: Collection[str] = ()
) -> list[str]:
    """One verdict of every verifier of a stage, on a row that it would judge. `is_patient`: a sandbox or another
    service has `rewards.error_patience_seconds` to come back. `done`: stages that are left out.

    Raises:
        RecipeError: a verifier or what stands behind it (its sandbox) fails.
    """
    lines: dict[str, str] = {}
    for stage in recipe.stages:
        if not isinstance(stage, RlStage) or stage.name in done:
            continue
        rewards = fill_in(stage.rewards or recipe.rewards, {}, sandbox_urls)
        prompts = [prompt for source, _ in data.prompts[stage.name] for prompt in source]
        for use, prompt in distinct_uses(rewards, prompts):
            name = use.label or use.name.rpartition(":")[2] or use.name
            if any("{stage:" in str(value) for value in use.arguments.values()):
                lines[name] = f"{name}: made by an earlier stage, cannot be asked yet"
                continue
            with contextlib.closing(build_verifier(use)) as verifier:
                verdict = verdict_on_canned(verifier, prompt, rewards.error_patience_seconds if is_patient else 0.0)
            if verdict.is_error:
                raise RecipeError(f"verifier {name} fails on row {prompt.id!r}: {verdict.status}: {verdict.reason}")
            score = f" {verdict.score:g}" if verdict.status == "scored" else ""
            lines[name] = f"{name}: {verdict.status}{score} ({prompt.id})"
    return list(lines.values())


def verdict_on_canned(verifier: Verifier, prompt: Prompt, patience_seconds: float = 0.0) -> Verdict:
    """The verdict on the canned answer. A verifier that raises does so again, and is asked once."""
    canned = canned_answer(prompt)  # its bytes stand for tokens
    deadline = time.monotonic() + patience_seconds
    while True:
        verdict = verifier.verify(canned, {**prompt.row, "completion_ids": list(canned.encode())})
        is_away = verdict.is_error and verdict.status != "verifier_error"
        if not is_away or time.monotonic() >= deadline:
            return verdict
        time.sleep(AGAIN_SECONDS)


def canned_answer(prompt: Prompt) -> str:
    """The reference in the form of an answer where there is one, else a sentence."""
    reference = prompt.row.get("reference")
    held = reference if isinstance(reference, Mapping) else {"answer": reference}
    if held.get("answer") is None and isinstance(held.get("solution"), str):
        answer = f"```python\n{held['solution']}\n```"
    elif (calls := reference_calls(reference)) and held.get("answer") is None:
        written = [
            {"name": name, "arguments": {key: values[0] for key, values in given.items()}} for name, given in calls
        ]
        answer = "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in written)
    else:
        known = held.get("answer")
        answer = f"\\boxed{{{known}}}" if isinstance(known, str | int | float) else "I do not know."
    return f"<think>\nThis answer is canned.\n</think>\n\n{answer}"


def _counts(data: LoadedData) -> str:
    rl = [f"{name} {sum(len(prompts) for prompts, _ in sources)} prompts" for name, sources in data.prompts.items()]
    supervised = [f"{name} {len(rows)} rows" for name, rows in data.rows.items()]
    suites = [f"suite {name} {len(prompts)}" for name, prompts in data.suites.items()]
    return ", ".join([*rl, *supervised, *suites])

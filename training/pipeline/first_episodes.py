"""Begins the environments of a recipe on its first rows, before a run: one that fails would mask every sample, and its
tools and opening take room in the context of every prompt."""

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from openqwq.training.config import Recipe, RlStage
from openqwq.training.environments.episode import EpisodeFailure, EpisodeMaker, episode_makers
from openqwq.training.errors import RecipeError
from openqwq.training.models import load_tokenizer
from openqwq.training.pipeline.budgets import Budget
from openqwq.training.pipeline.preflight import LoadedData, known_context
from openqwq.training.records import Prompt
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import chat_settings
from openqwq.verifiers.chat_rendering import TemplateRefusal
from openqwq.verifiers.tool_calls import tool_functions

TRIED_ROWS = 3
"""Rows that one environment is begun on until it succeeds: a failure may be that of a row."""


@dataclass(frozen=True)
class FirstEpisode:
    """What the first prompt of a task comes to. Example: `FirstEpisode("p1", ("query",), 120, 46)`"""

    prompt_id: str
    tools: tuple[str, ...]
    num_tokens: int
    """Of the prompt, with the environment's tools and opening."""
    num_added: int
    """Those of them that the row alone would not have."""


def begin_environments(
    recipe: Recipe,
    data: LoadedData,
    codec: ChatCodec,
    held: int | None,
    sandbox_urls: Sequence[str],
    done: Collection[str] = (),
) -> dict[str, str]:
    """`stage, task` of every task of an RL stage with an environment -> one line of what its first row came to; none of
    the environments is asked for more than its beginning. `held`: tokens that the model holds. `done`: stages that are
    left out.

    Raises:
        RecipeError: an environment failed on each of the first rows, or leaves no room for one sampled token.
    """
    lines = {}
    for stage in recipe.stages:
        if not isinstance(stage, RlStage) or stage.name in done:
            continue
        tasks = (stage.rewards or recipe.rewards).tasks
        named = {name: task.environment for name, task in tasks.items() if task.environment is not None}
        makers = episode_makers(named, sandbox_urls)
        prompts = [prompt for source, _ in data.prompts[stage.name] for prompt in source]
        budget = Budget.of(stage.sampling, held)
        for task, maker in makers.items():
            rows = [prompt for prompt in prompts if prompt.task == task][:TRIED_ROWS]
            if rows:
                lines[f"{stage.name}, {task}"] = _line(maker, first_episode(maker, rows, codec), budget)
    return lines


def warn_of_environments(
    recipe: Recipe, data: LoadedData, sandbox_urls: Sequence[str], warn: Callable[[str], None], done: Collection[str]
) -> None:
    """Warn of an environment that does not begin here. No more than that, as the machines of the engines may have what
    this one lacks."""
    chat = chat_settings(recipe)
    codec = ChatCodec(load_tokenizer(recipe.model, chat), chat.end_of_turn)
    try:
        begin_environments(recipe, data, codec, known_context(recipe.model, lambda _: None), sandbox_urls, done)
    except RecipeError as error:
        warn(str(error))


def first_episode(maker: EpisodeMaker, rows: Sequence[Prompt], codec: ChatCodec) -> FirstEpisode:
    """The first of the rows that the environment begins.

    Raises:
        RecipeError: it begins none of them.
    """
    failures = []
    for prompt in rows:
        episode = maker.episode(prompt.tools, codec.call_format)
        try:
            opening = episode.begin(prompt.row, 0).result().opening
            tokens = len(codec.prompt((*prompt.messages, *opening), episode.tools)[0])
            alone = len(codec.prompt(prompt.messages, prompt.tools)[0])
            return FirstEpisode(prompt.id, tuple(tool_functions(list(episode.tools))), tokens, tokens - alone)
        except (EpisodeFailure, TemplateRefusal) as error:
            failures.append(f"row {prompt.id!r}: {error}")
        finally:
            with contextlib.suppress(EpisodeFailure):  # it was to begin, which is all that is asked here
                episode.end(is_judged=False).result()
    raise RecipeError(f"{'; '.join(failures)}. In a run every such sample would be masked")


def _line(maker: EpisodeMaker, first: FirstEpisode, budget: Budget) -> str:
    tools = f"tools {', '.join(first.tools)}" if first.tools else "no tools"
    sizes = f"{first.num_tokens} tokens of prompt, {first.num_added} of them its own"
    line = f"{maker.name}: {tools}; {sizes} ({first.prompt_id})"
    if budget.tokens is not None and first.num_tokens >= budget.tokens:
        raise RecipeError(f"environment {line} leave no room for one sampled token in {budget.words}. {budget.remedy}")
    return line

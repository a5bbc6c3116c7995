"""Everything that can be wrong with a recipe, found before anything is started: data, references, names, models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.config import Evaluation, Recipe, RewardModelStage, Rewards, RlStage, SftStage, Source
from openqwq.training.data_sources import load_prompts, load_rows
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.evaluate import suite_rewards
from openqwq.training.models import load_tokenizer
from openqwq.training.records import Prompt
from openqwq.training.rewards import RewardRouter
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.rollout.environments import environment_factory
from openqwq.training.trl_bridge import encode_demonstration, encode_pair


@dataclass(frozen=True)
class LoadedData:
    """The checked data of a run."""

    prompts: Mapping[str, Sequence[tuple[Sequence[Prompt], float]]]
    """RL stage -> (prompts, weight) per source."""
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    """Supervised stage -> rows; `<stage>/held_out` for the pairs of a reward model."""
    suites: Mapping[str, Sequence[Prompt]]
    """Suite -> prompts."""


def preflight(recipe: Recipe, warn: Callable[[str], None]) -> LoadedData:
    """Load and check all data of a recipe.

    Raises:
        RecipeError, DataError: one line that says what is wrong, with the value and the remedy.
    """
    _check_references_between_stages(recipe)
    tokenizer = load_tokenizer(recipe.model)
    prompts: dict[str, list[tuple[Sequence[Prompt], float]]] = {}
    rows: dict[str, Sequence[Mapping[str, Any]]] = {}
    for stage in recipe.stages:
        if isinstance(stage, RlStage):
            resolve(stage.algorithm)
            router = RewardRouter(stage.rewards or recipe.rewards)
            prompts[stage.name] = [(_load(s, router, warn), s.weight) for s in stage.prompts]
            router.close()
        elif isinstance(stage, SftStage):
            rows[stage.name] = _rows_that_encode(stage.demonstrations, lambda row: _encode(tokenizer, row))
        elif isinstance(stage, RewardModelStage):
            rows[stage.name] = _rows_that_encode(stage.pairs, lambda row: encode_pair(tokenizer, row))
            rows[f"{stage.name}/held_out"] = _rows_that_encode(stage.held_out, lambda row: encode_pair(tokenizer, row))
    return LoadedData(prompts, rows, load_suites(recipe.evaluation, recipe.rewards, warn))


def load_suites(
    evaluation: Evaluation, rewards: Rewards, warn: Callable[[str], None], only: Sequence[str] | None = None
) -> dict[str, list[Prompt]]:
    """The prompts of the evaluation suites, references checked by the verifiers that will judge them."""
    suites = {}
    for name, suite in evaluation.suites.items():
        if only is not None and name not in only:
            continue
        router = RewardRouter(suite_rewards(rewards, evaluation, name))
        suites[name] = [prompt for source in suite.sources for prompt in _load(source, router, warn)]
        router.close()
    return suites


def _check_references_between_stages(recipe: Recipe) -> None:
    """`{stage:NAME}` must name an earlier stage; environments must exist."""
    known = {stage.name for stage in recipe.stages}
    sections = [recipe.rewards, *(s.rewards for s in recipe.stages if isinstance(s, RlStage) and s.rewards)]
    for rewards in sections:
        for task in rewards.tasks.values():
            if task.environment is not None:
                environment_factory(task.environment)
            for use in (*rewards.gates, *(task.gates or ()), *task.verifiers):
                for value in use.arguments.values():
                    if isinstance(value, str) and "{stage:" in value:
                        name = value.split("{stage:")[1].split("}")[0]
                        if name not in known:
                            raise RecipeError(
                                f"verifier {use.name}: {value} names no stage; stages are {sorted(known)}"
                            )


def _load(source: Source, router: RewardRouter, warn: Callable[[str], None]) -> list[Prompt]:
    prompts = load_prompts(source)
    router.check_names({prompt.task for prompt in prompts})
    kept = router.check_references(prompts, source.check == "drop", source.source)
    if len(kept) < len(prompts):
        warn(f"{source.source}: {len(prompts) - len(kept)} of {len(prompts)} rows dropped: unusable reference")
    return kept


def _rows_that_encode(source: Source, encode: Callable[[Mapping[str, Any]], object]) -> list[dict[str, Any]]:
    """Rows of a supervised source; the first one is encoded as a test of its columns."""
    rows = load_rows(source)
    if not rows:
        raise DataError(f"{source.source}: no rows")
    try:
        encode(rows[0])
    except DataError as error:
        raise DataError(f"{source.source}: {error}") from error
    return rows


def _encode(tokenizer: Any, row: Mapping[str, Any]) -> object:
    return encode_demonstration(ChatCodec(tokenizer), row, tokenizer.eos_token_id)

"""Everything that can be wrong with a recipe, found before anything is started: data, references, names, models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import TemplateError
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, PretrainedConfig

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.load_check import check_architecture
from openqwq.training.config import (
    Evaluation,
    PromptSource,
    Recipe,
    RewardModelStage,
    Rewards,
    RlStage,
    SftStage,
    Source,
    VerifierUse,
)
from openqwq.training.config.context_budget import refuse_beyond, samplings
from openqwq.training.config.rewards import OVERLONG
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.evaluation.examination import suite_rewards
from openqwq.training.models import context_held_by, load_config, load_tokenizer
from openqwq.training.pipeline.budgets import Budget, note_suites_beyond, rows_that_fit, stages_that_fit
from openqwq.training.pipeline.chats import check_demonstrations, check_prompts
from openqwq.training.pipeline.reward_model_checks import (
    check_tripwire,
    pairs_left,
    refuse_slow_reward_models,
    warn_of_idle_gpus,
)
from openqwq.training.planning.shapes import folder_of
from openqwq.training.prompts.feeds import StreamedPrompts
from openqwq.training.prompts.forms.form import Unusable
from openqwq.training.prompts.sources import load_prompts, placed_rows, say_dropped
from openqwq.training.records import Prompt
from openqwq.training.rewards.router import RewardRouter, fill_in
from openqwq.training.rewards.routing import distinct_uses
from openqwq.training.rollout.hf_engine import check_layers
from openqwq.training.run_folder.mirror import open_storage
from openqwq.training.supervised.encoding import encode_demonstration, encode_pair, pair_problem
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import chat_settings
from openqwq.training.tracking.trackers import build_trackers
from openqwq.training.worker_group import environments_of
from openqwq.verifiers.chat_rendering import TemplateRefusal

SHOWN_REASONS = 3
HEAD = 1000
"""Rows of a streamed source that are checked before the run."""


@dataclass(frozen=True)
class LoadedData:
    """The checked data of a run."""

    prompts: Mapping[str, Sequence[tuple[Sequence[Prompt], float]]]
    """RL stage -> (prompts, weight) per source."""
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    """Supervised stage -> rows; `<stage>/held_out` for the pairs of a reward model."""
    suites: Mapping[str, Sequence[Prompt]]
    """Suite -> prompts."""


def preflight(recipe: Recipe, warn: Callable[[str], None], tokenizer: Any = None) -> LoadedData:
    """Load and check all data of a recipe; `tokenizer`: in place of the model's own.

    Raises:
        RecipeError, DataError: one line that says what is wrong, with the value and the remedy.
    """
    _check_references_between_stages(recipe)
    warn_of_idle_gpus(recipe, warn)
    build_trackers(recipe.logging)
    if recipe.checkpoints.storage is not None:
        open_storage(recipe.checkpoints.storage)
    chat = chat_settings(recipe)
    is_within_reach = tokenizer is None or folder_of(recipe.model) is not None  # else the hub was asked in vain before
    tokenizer = tokenizer or load_tokenizer(recipe.model, chat)
    codec = ChatCodec(tokenizer, chat.end_of_turn)
    _ = codec.turns  # refused here if they cannot be derived
    config = _known_config(recipe.model, warn) if is_within_reach else None
    if config is not None:
        _check_model(recipe, config)
    held = None if config is None else context_held_by(config)
    refuse_beyond(samplings(recipe), recipe.model, held)
    prompts: dict[str, list[tuple[Sequence[Prompt], float]]] = {}
    rows: dict[str, Sequence[Mapping[str, Any]]] = {}
    for stage in recipe.stages:
        if isinstance(stage, RlStage):
            check_algorithm(stage, warn)
            _check_lengths(stage, stage.rewards or recipe.rewards, warn)
            router = RewardRouter(stage.rewards or recipe.rewards)
            prompts[stage.name] = [
                ((load_streamed if s.streaming else _load)(s, router, warn), s.weight) for s in stage.prompts
            ]
            router.close()
            _check_ids([loaded for loaded, _ in prompts[stage.name]], may_repeat=True)
        elif isinstance(stage, SftStage):
            rows[stage.name] = _rows_that_encode(
                stage.demonstrations, lambda row: len(encode_demonstration(codec, row)[0]), held, warn
            )
            check_demonstrations(codec, stage.name, rows[stage.name], warn)
        elif isinstance(stage, RewardModelStage):
            for key, source in ((stage.name, stage.pairs), (f"{stage.name}/held_out", stage.held_out)):
                rows[key] = _rows_that_encode(source, lambda row: _longer_side(tokenizer, row), held, warn)
            rows |= pairs_left(stage.name, rows, warn)
    data = LoadedData(prompts, rows, load_suites(recipe.evaluation, recipe.rewards, warn))
    _check_order_of_stages(recipe, data, warn)
    check_chats(recipe, codec, data, warn)
    note_suites_beyond(data.suites, codec, Budget.of(recipe.evaluation.sampling, held), warn)
    return replace(data, prompts=stages_that_fit(recipe, codec, data.prompts, held, warn))


def known_context(model: str, warn: Callable[[str], None]) -> int | None:
    """Tokens that a model holds; None where it states no limit, or its config cannot be read, which is warned about."""
    config = _known_config(model, warn)
    return None if config is None else context_held_by(config)


def _known_config(model: str, warn: Callable[[str], None]) -> PretrainedConfig | None:
    try:
        return load_config(model)
    except RecipeError as error:
        warn(f"{error}. Neither its architecture nor the tokens that it holds are compared")
        return None


def _check_model(recipe: Recipe, config: PretrainedConfig) -> None:
    """What the configuration says of the model.

    Raises:
        RecipeError: the trainer or the engine would compute another model, or there is no reward model of its kind.
    """
    if any(isinstance(stage, RlStage) for stage in recipe.stages):
        check_architecture(config)
        if recipe.cluster.rollout.engine == "hf":
            check_layers(config)
    for stage in recipe.stages:
        if isinstance(stage, RewardModelStage) and type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
            raise RecipeError(
                f"stage {stage.name}: transformers has no model of the type {config.model_type!r} that scores texts; "
                "choose another model, or drop the stage and its verifier"
            )


def check_chats(recipe: Recipe, codec: ChatCodec, data: LoadedData, warn: Callable[[str], None]) -> None:
    """Render every kind of prompt both ways.

    Raises:
        RecipeError: our tokens of a kind are not those of the chat template.
    """
    stages = {name: [prompt for prompts, _ in sources for prompt in prompts] for name, sources in data.prompts.items()}
    suites = {f"suite {name}": prompts for name, prompts in data.suites.items()}
    check_prompts(codec, {**stages, **suites}, environments_of(recipe), warn)


def load_suites(
    evaluation: Evaluation,
    rewards: Rewards,
    warn: Callable[[str], None],
    only: Sequence[str] | None = None,
    sandbox_urls: Sequence[str] = (),
) -> dict[str, list[Prompt]]:
    """The prompts of the evaluation suites, references checked by the verifiers that will judge them."""
    suites = {}
    for name, suite in evaluation.suites.items():
        if only is not None and name not in only:
            continue
        router = RewardRouter(fill_in(suite_rewards(rewards, evaluation, name), {}, sandbox_urls))
        loaded = [_load(source, router, warn) for source in suite.sources]
        router.close()
        _check_ids(loaded, may_repeat=False)
        suites[name] = [prompt for prompts in loaded for prompt in prompts]
    return suites


def check_algorithm(stage: RlStage, warn: Callable[[str], None]) -> None:
    """The algorithm exists and fits the stage.

    Raises:
        RecipeError: unknown, or it compares samples of one prompt and there is only one.
    """
    spec = resolve(stage.algorithm)
    if spec.compares_within_group and stage.group_size < 2:
        raise RecipeError(
            f"stage {stage.name}: {stage.algorithm.name} compares the samples of a prompt, group_size is "
            f"{stage.group_size}; use group_size >= 2, or ppo or reinforce_pp"
        )
    if spec.dynamic_sampling and stage.group_size < 2:
        raise RecipeError(
            f"stage {stage.name}: dynamic_sampling keeps groups whose outcomes differ, group_size is "
            f"{stage.group_size}; use group_size >= 2, or dynamic_sampling=false"
        )
    if spec.needs_reference and (spec.kl.estimator, spec.kl.place) == ("k1", "loss"):
        warn(f"stage {stage.name}: the expected gradient of k1 in the loss is zero; use k2 or k3, or kl.place=reward")
    if stage.algorithm.name == "gdpo" and spec.needs_reference and spec.kl.place == "reward":
        raise RecipeError(f"stage {stage.name}: gdpo normalises reward components; put its KL into the loss")


def _check_lengths(stage: RlStage, rewards: Rewards, warn: Callable[[str], None]) -> None:
    """One length is punished once."""
    doubled = sorted(
        name
        for name, task in rewards.tasks.items()
        if any(penalty.name == OVERLONG for penalty in task.composition.penalties)
    )
    if doubled and resolve(stage.algorithm).overlong_fraction:
        warn(
            f"stage {stage.name}: long answers of {', '.join(doubled)} are punished twice, by their penalty "
            f"{OVERLONG!r} and by algorithm.overlong_fraction; set one of them to 0 or leave it out"
        )


def _check_references_between_stages(recipe: Recipe) -> None:
    """`{stage:NAME}` must name a stage; environments must exist."""
    sections = [recipe.rewards, *(s.rewards for s in recipe.stages if isinstance(s, RlStage) and s.rewards)]
    sections += [suite_rewards(recipe.rewards, recipe.evaluation, name) for name in recipe.evaluation.suites]
    for rewards in sections:
        for name, task in rewards.tasks.items():
            if task.environment is not None:
                environment_factory(task.environment)
            elif any(use.name == "environment" for use in task.uses):
                raise RecipeError(
                    f"rewards.tasks.{name}: the verifier `environment` pays what an environment gives, the task has "
                    f"none; name one under `environment`, or use another verifier"
                )
        listed = [use for task in rewards.tasks.values() for use in task.uses]
        uses = (*rewards.gates, *rewards.for_rows, *listed)
        _check_stages_of(uses, [stage.name for stage in recipe.stages], "the end")


def _check_order_of_stages(recipe: Recipe, data: LoadedData, warn: Callable[[str], None]) -> None:
    """Rewards and suites of a stage may use models of earlier stages only."""
    earlier: list[str] = []
    for stage in recipe.stages:
        if isinstance(stage, RlStage):
            asked = [prompt for prompts, _ in data.prompts[stage.name] for prompt in prompts]
            uses = _uses(stage.rewards or recipe.rewards, asked)
            _check_stages_of(uses, earlier, stage.name)
            check_tripwire(stage, uses)
            refuse_slow_reward_models(recipe, uses)
        if not isinstance(stage, RewardModelStage):
            for suite in (*stage.evaluate, *(stage.watched_suites if isinstance(stage, RlStage) else ())):
                rewards = suite_rewards(recipe.rewards, recipe.evaluation, suite)
                _check_stages_of(_uses(rewards, data.suites[suite]), earlier, stage.name)
        earlier.append(stage.name)


def _uses(rewards: Rewards, prompts: Sequence[Prompt]) -> list[VerifierUse]:
    return [use for use, _ in distinct_uses(rewards, prompts)]


def _check_stages_of(uses: Iterable[VerifierUse], known: Sequence[str], until: str) -> None:
    for use in uses:
        for value in use.arguments.values():
            if isinstance(value, str) and "{stage:" in value:
                named = value.split("{stage:")[1].split("}")[0]
                if named not in known:
                    raise RecipeError(
                        f"verifier {use.name}: {value} is no stage before {until}; "
                        f"there are {', '.join(known) or 'none'}"
                    )


def _check_ids(sources: Sequence[Sequence[Prompt]], may_repeat: bool) -> None:
    """Rows are known by their id: two different ones with the same id would be judged by one reference."""
    seen: dict[str, Prompt] = {}
    for prompt in (prompt for prompts in sources for prompt in prompts):
        other = seen.setdefault(prompt.id, prompt)
        if other is not prompt and not (may_repeat and other.row == prompt.row):
            raise DataError(f"id {prompt.id!r} stands in {other.source} and in {prompt.source}; ids must differ")


def load_streamed(source: PromptSource, router: RewardRouter, warn: Callable[[str], None]) -> StreamedPrompts:
    """Its first rows, checked; later ones are checked when they are read."""
    start, stop = source.rows or (0, HEAD)
    head = _load(source.model_copy(update={"rows": (start, min(stop, start + HEAD))}), router, lambda _: None)
    return StreamedPrompts(source, head, warn, (lambda prompt: router.unusable_references([prompt]).get(0),))


def _load(source: Source, router: RewardRouter, warn: Callable[[str], None]) -> list[Prompt]:
    prompts = load_prompts(source, warn)
    router.check_verifiers(prompts)
    unusable = router.unusable_references(prompts)
    shown = [f"row {prompts[index].id!r}: {reason}" for index, reason in list(unusable.items())[:SHOWN_REASONS]]
    if unusable and source.check == "stop":
        raise DataError(
            f"{source.source}: {shown[0]}; repair its reference, or drop such rows: `check: drop` on the source"
        )
    if len(unusable) == len(prompts):
        raise DataError(f"{source.source}: no row has a reference that can be used; {shown[0]}")
    if unusable:
        more = f"; and {len(unusable) - len(shown)} more" if len(unusable) > len(shown) else ""
        count = f"{len(unusable)} of {len(prompts)} rows dropped, their references cannot be used"
        warn(f"{source.source}: {count}: {'; '.join(shown)}{more}")
    return [prompt for index, prompt in enumerate(prompts) if index not in unusable]


def _longer_side(tokenizer: Any, pair: Mapping[str, Any]) -> int:
    sides = encode_pair(tokenizer, pair)
    if (problem := pair_problem(pair, sides)) is not None:
        raise Unusable(problem)
    return max(map(len, sides.values()))


def _rows_that_encode(
    source: Source, length_of: Callable[[Mapping[str, Any]], int], held: int | None, warn: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Rows of a supervised source, each encoded as a test: a bad one is refused here and not in the middle of a run;
    one that is longer than the model holds, or a pair that prefers nothing, is left out."""
    placed, lengths, dropped = dict(placed_rows(source, warn)), dict[str, int](), dict[str, str]()
    for place, row in placed.items():
        try:
            lengths[place] = length_of(row)
        except Unusable as reason:
            dropped[place] = str(reason)
        except (DataError, TemplateRefusal) as error:
            raise DataError(f"{place}: {error}") from error
        except (KeyError, TypeError, AttributeError, IndexError, ValueError, TemplateError) as error:
            words = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
            raise DataError(f"{place}: not readable as a chat: {words}") from error
    say_dropped(source, dropped, len(lengths), warn)
    fitting = rows_that_fit(source, lengths, held, warn)
    return [row for place, row in placed.items() if place in fitting]

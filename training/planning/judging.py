"""Reward models in a plan: where they judge, their memory and seconds, and what a plan cannot know of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openqwq.training.config import Cluster, Recipe, RewardModelStage, RlStage
from openqwq.training.errors import RecipeError
from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.needs import HOST_BYTES, USABLE, Need
from openqwq.training.planning.shapes import ModelShape, shape_of
from openqwq.verifiers.scoring.costs import CPU_PARAMETERS, scoring_bytes, scoring_flops

BATCH_ROWS, MAX_TOKENS = 16, 4096
"""Defaults of the verifier `reward_model` (verifiers/reward_model.py)."""


@dataclass(frozen=True)
class Judging:
    """What a stage's reward models take. Example: `Judging(seconds=12.0)`"""

    needs: tuple[Need, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    """Of a step, on all their processes together; they judge while others are sampled."""
    unknown: tuple[str, ...] = ()


def judging(
    recipe: Recipe,
    stage: RlStage,
    cluster: Cluster,
    shape: ModelShape,
    gpu: Gpu,
    tokens: float,
    constants: Constants,
) -> Judging:
    """Of the reward models that judge a stage. `tokens`: of a step's samples, prompts included."""
    found = Judging()
    for arguments in reward_models(recipe, stage):
        found = _joined(found, _one(recipe, arguments, cluster, shape, gpu, tokens, constants))
    return found


def reward_models(recipe: Recipe, stage: RlStage) -> list[Mapping[str, Any]]:
    """The arguments of every different `reward_model` verifier of a stage's rewards; not those that name the model of a
    stage that comes later, which judge none of its rows."""
    earlier = [one.name for one in recipe.stages[: recipe.stages.index(stage)]]
    later = {one.name for one in recipe.stages} - set(earlier)
    rewards = stage.rewards or recipe.rewards
    uses = [*rewards.gates, *rewards.for_rows, *(use for task in rewards.tasks.values() for use in task.uses)]
    found = [use.arguments for use in uses if use.name == "reward_model"]
    kept = [one for one in found if not any(f"{{stage:{name}}}" in repr(one) for name in later)]
    return list({repr(sorted(one.items())): one for one in kept}.values())


def _one(
    recipe: Recipe,
    arguments: Mapping[str, Any],
    cluster: Cluster,
    shape: ModelShape,
    gpu: Gpu,
    tokens: float,
    constants: Constants,
) -> Judging:
    if arguments.get("url") is not None:
        return Judging(unknown=(f"the reward model behind {arguments['url']}: its machine, memory and seconds",))
    judge = _shape(recipe, str(arguments.get("model", "")), shape)
    if judge is None:
        return Judging(unknown=(f"the size of reward model {arguments.get('model')}",))
    role, numbers = cluster.reward_model, 4 if recipe.dtype == "float32" else 2
    rows, most = int(arguments.get("batch_size", BATCH_ROWS)), int(arguments.get("max_tokens", MAX_TOKENS))
    body = judge.num_parameters - (0 if judge.is_tied else judge.vocabulary * judge.hidden)  # one output, no vocabulary
    samples = tokens * recipe.plan.judged_share
    flops = scoring_flops(judge.layers * judge.layer_matrix_parameters, samples)
    parts = {
        "weights": float(numbers * body),
        "activations": scoring_bytes(rows, most, judge.hidden, judge.intermediate, numbers),
    }
    if role is not None and role.gpus:
        each = {name: size / role.gpus for name, size in parts.items()} | {"runtime": constants.runtime_bytes}
        seconds = flops / (role.workers * role.gpus * gpu.flops * constants.decode_flops)
        return Judging((Need("reward model", each, gpu.memory_bytes * USABLE),), seconds=seconds)
    is_asked = str(arguments.get("device", "auto")) == "cpu"
    problems = () if is_asked or body <= CPU_PARAMETERS else (on_a_cpu(str(arguments.get("model")), body),)
    workers, cores = (role.workers, role.cpus) if role is not None else (1, 1)
    seconds = flops / (workers * cores * constants.core_flops)
    return Judging((Need("judge, host", parts, HOST_BYTES),), problems, 0.0 if problems else seconds)


def on_a_cpu(model: str, parameters: float) -> str:
    """Why a reward model is refused, and what to do."""
    return (
        f"reward model {model} of {parameters / 1e9:.1f}B parameters would judge on a CPU, where an answer takes "
        "minutes; give cluster.reward_model gpus, serve it and name its url (docs/reward_models.md), or set the "
        "verifier's device: cpu"
    )


def _shape(recipe: Recipe, model: str, shape: ModelShape) -> ModelShape | None:
    named = [s for s in recipe.stages if isinstance(s, RewardModelStage) and f"{{stage:{s.name}}}" == model]
    if named or model.startswith("{stage:"):
        return shape
    try:
        return shape_of(model)
    except RecipeError:
        return None


def _joined(one: Judging, other: Judging) -> Judging:
    return Judging(
        (*one.needs, *other.needs),
        (*one.problems, *other.problems),
        one.seconds + other.seconds,
        (*one.unknown, *other.unknown),
    )

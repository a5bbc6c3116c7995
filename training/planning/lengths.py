"""Lengths of responses: a truncated lognormal distribution, or the lengths of a real run, as deterministic quantiles.
Lengths of whole conversations at their limits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

from openqwq.training.answers.files import answer_files, read_answers
from openqwq.training.config import Recipe, RlStage
from openqwq.training.config.context_budget import largest_budget, smallest
from openqwq.training.errors import RecipeError

STEPS = 60
"""Number of bisections to find the location parameter of the distribution."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of responses, in tokens. For example, `lognormal(3000, 0.8, 8192, 256).mean` is close to 3000."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """E[n]."""
        return math.fsum(self.values) / len(self.values)

    @property
    def longest(self) -> float:
        """Length of the longest response."""
        return max(self.values)

    def mean_square_over_mean(self, prompt: float) -> float:
        """E[n^2] / E[n] for sequences of prompt and response: twice the mean context of a token in attention."""
        whole = [prompt + value for value in self.values]
        return math.fsum(n * n for n in whole) / math.fsum(whole)

    def resampled(self, count: int) -> "Lengths":
        """`count` quantiles of the same distribution."""
        ordered = sorted(self.values)
        indices = ((i + 0.5) / count * len(ordered) for i in range(count))
        return Lengths(tuple(ordered[min(int(index), len(ordered) - 1)] for index in indices))


def lognormal(mean: float, sigma: float, limit: float, count: int) -> Lengths:
    """`count` quantiles of min(lognormal, limit), whose mean is `mean`.

    Raises:
        RecipeError: the mean is not below the limit.
    """
    if mean >= limit and sigma > 0:
        raise RecipeError(f"a mean response of {mean:g} tokens does not fit under the limit of {limit:g}")
    if sigma == 0:
        return Lengths((min(mean, limit),) * count)
    scores = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]

    def at(location: float) -> list[float]:
        return [max(1.0, min(limit, math.exp(location + sigma * score))) for score in scores]

    low, high = math.log(mean) - 6 * sigma - 1, math.log(limit) + 6 * sigma + 1
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if math.fsum(at(middle)) / count < mean else (low, middle)
    return Lengths(tuple(at(high)))


def of_run(folder: Path) -> Lengths:
    """The lengths that a run logged in `rollouts/<stage>/`. `folder` is the run's folder or a stage's.

    Raises:
        RecipeError: the folder holds no logged rollouts.
    """
    folders = sorted({path.parent for path in folder.rglob("step_*.jsonl*")})
    files = [path for inner in folders for path in answer_files(inner, "step_*")]
    values = [float(answer.num_tokens) for path in files for answer in read_answers(path)]
    if not values:
        raise RecipeError(f"{folder} holds no logged rollouts (rollouts/<stage>/step_N.jsonl.gz)")
    return Lengths(tuple(values))


def spread(lengths: Lengths) -> Sequence[float]:
    """Every length once, in an order in which neighbours differ, like in a queue of mixed prompts. Deterministic."""
    ordered = sorted(lengths.values)
    stride = next(
        s for s in range(max(1, round(0.618 * len(ordered))), 2 * len(ordered) + 2) if _coprime(s, len(ordered))
    )
    return [ordered[i * stride % len(ordered)] for i in range(len(ordered))]


def _coprime(a: int, b: int) -> bool:
    return math.gcd(a, b) == 1


def max_model_len(recipe: Recipe, held: int | None) -> int | None:
    """Tokens of a conversation for which vLLM engines make room; None where that is not known. `held`: of the model."""
    return smallest(largest_budget(recipe), held)


def longest_conversation(recipe: Recipe, stage: RlStage, held: int | None) -> int:
    """Tokens of the longest conversation of a stage: a prompt and an answer at its limit, within the budget. All of the
    budget where tools may answer and the recipe states it.

    Raises:
        RecipeError: the assumed prompt alone fills the budget.
    """
    sampling, prompt = stage.sampling, recipe.plan.prompt_tokens
    budget = smallest(sampling.max_context, held)
    if budget is not None and budget <= prompt:
        raise RecipeError(
            f"stage {stage.name}: plan.prompt_tokens={prompt} leaves no room in a context of {budget} tokens; lower "
            f"it, or raise sampling.max_context"
        )
    has_tools = any(task.environment is not None for task in (stage.rewards or recipe.rewards).tasks.values())
    if has_tools and sampling.max_context is not None:
        return sampling.max_context
    longest = prompt + sampling.max_new_tokens
    return longest if budget is None else min(longest, budget)

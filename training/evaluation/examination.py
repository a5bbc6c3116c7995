"""What a suite asks: prompts, samples with their seeds, and how the answers are judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from openqwq.training.answers.record import Answer, answer_of, redacted
from openqwq.training.config import Evaluation, Recipe, Rewards, Sampling
from openqwq.training.records import Judged, Prompt, SampleRequest
from openqwq.training.rewards.router import fill_in
from openqwq.training.seeds import derive_seed

STRICT = "strict"
"""The column that is the result of a suite with columns."""


@dataclass(frozen=True)
class Examination:
    """What one suite asks, and how its answers are judged."""

    suite: str
    prompts: Sequence[Prompt]
    samples: int
    rewards: Rewards
    sampling: Sampling
    seed: int
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column of the result -> verifier whose score it shows; empty: the reward alone counts."""
    clusters: Mapping[str, str] = field(default_factory=dict)
    """Prompt id -> what it shares with others."""

    may_be_shown: bool = True
    """false: the rows are not kept with the answers."""

    def record(self, prompt: Prompt, judged: Judged) -> Answer:
        """What is kept of an answer. The reward of a suite with columns is its strict one."""
        answer = answer_of(prompt, judged.rollout, judged.judgement)
        reward = answer.score_by(self.columns[STRICT]) if self.columns and answer.error is None else answer.reward
        answer = replace(answer, cluster=self.clusters.get(prompt.id), reward=reward)
        return answer if self.may_be_shown else redacted(answer)

    def requests(self) -> list[SampleRequest]:
        """All samples, those of one prompt together, prompts of similar length near each other. The seeds depend on the
        suite and the item only."""
        order = sorted(range(len(self.prompts)), key=lambda i: _num_characters(self.prompts[i]))
        return [
            SampleRequest(
                prompt=self.prompts[i],
                group=i,
                index=k,
                seed=derive_seed(self.seed, "eval", self.suite, self.prompts[i].id, k),
            )
            for i in order
            for k in range(self.samples)
        ]


def _num_characters(prompt: Prompt) -> int:
    return sum(len(str(message.get("content") or "")) for message in prompt.messages)


def suite_rewards(rewards: Rewards, evaluation: Evaluation, suite: str) -> Rewards:
    """The recipe's rewards, in which the suite's own task rewards replace those of the same tasks. An unfinished answer
    is a wrong one here, also where updates leave it out; a suite with columns leaves that to its verifiers. Tie-breaks
    and penalties of the recipe's tasks steer training; a suite measures without them."""
    defined = evaluation.suites[suite]
    tasks = {name: task.measured() for name, task in rewards.tasks.items()} | defined.rewards
    return rewards.model_copy(update={"tasks": tasks, "truncated": "judge" if defined.columns else "zero"})


def examination(
    recipe: Recipe,
    suite: str,
    prompts: Sequence[Prompt],
    stage_models: Mapping[str, str],
    sandbox_urls: Sequence[str],
) -> Examination:
    """What a recipe's suite asks. `stage_models`: stage -> its model, for verifiers that use one."""
    defined = recipe.evaluation.suites[suite]
    return Examination(
        suite=suite,
        prompts=prompts,
        samples=defined.samples_per_prompt,
        rewards=fill_in(suite_rewards(recipe.rewards, recipe.evaluation, suite), stage_models, sandbox_urls),
        sampling=defined.sampling or recipe.evaluation.sampling,
        seed=recipe.seed,
        columns=defined.columns,
        may_be_shown=defined.may_be_shown,
        clusters={p.id: c for p in prompts if (c := _cluster(p, defined.cluster)) is not None},
    )


def _cluster(prompt: Prompt, path: str | None) -> str | None:
    if path is None:
        return None
    found: object = prompt.row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return None if found is None else str(found)

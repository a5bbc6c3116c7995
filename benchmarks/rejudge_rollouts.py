"""Judges the kept rollouts of a run again and compares the rewards with those of the run. Prints JSON.

Rewards should not change with the code that computes them; where a change is meant, this shows which samples it meets.
The run must have kept its rollouts with their tokens, and its reward model where one judges.
`python -m benchmarks.rejudge_rollouts RUN_DIR STAGE [--recipe RECIPE]`: by the run's own recipe, or by another one.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import print_report
from openqwq.training.answers.files import read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.config import Recipe, Rewards, RlStage
from openqwq.training.config.files import load_recipe
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.prompts.sources import load_prompts
from openqwq.training.records import Rollout
from openqwq.training.rewards.router import RewardRouter, fill_in

AT_ONCE = 64
SHOWN = 10
TOLERANCE = 1e-6
"""The last digits of a reward model depend on the texts in its batch."""


def rollout_of(answer: Answer) -> Rollout:
    """The rollout that an answer is the record of."""
    return Rollout(
        group=answer.group,
        index=answer.sample,
        prompt_id=answer.id,
        task=answer.task,
        prompt_tokens=(),
        tokens=tuple(answer.tokens),
        logprobs=(),
        loss_mask=tuple(mask for mask, count in answer.loss_mask for _ in range(count)),
        turns=tuple(answer.turns),
        response=answer.response,
        finish_reason=answer.finish_reason,  # type: ignore[arg-type]
        weights_version=answer.weights_version,
        seed=answer.seed,
    )


def compared(
    answers: Sequence[Answer], rows: Mapping[tuple[str, str], Mapping[str, Any]], rewards: Rewards
) -> dict[str, Any]:
    """How many rewards are the same, by task; what differs, and how long judging took."""
    router, seconds, counts = RewardRouter(rewards), 0.0, Counter[str]()
    differing: list[dict[str, Any]] = []
    num_equal = 0
    for start in range(0, len(answers), AT_ONCE):
        part = answers[start : start + AT_ONCE]
        began = time.perf_counter()
        judgements = router.judge([rollout_of(a) for a in part], [rows[a.source, a.id] for a in part])
        seconds += time.perf_counter() - began
        for answer, judgement in zip(part, judgements, strict=True):
            is_same = _is_same(answer.reward, judgement.reward)
            num_equal += answer.reward == judgement.reward
            counts[f"{answer.task} {'same' if is_same else 'differs'}"] += 1
            if not is_same:
                values = {"id": answer.id, "was": answer.reward, "is": judgement.reward, "reason": judgement.reason}
                differing.append(values)
    router.close()
    return {
        "samples": len(answers),
        "samples_of_several_turns": sum(_num_turns(answer) > 1 for answer in answers),
        "same": len(answers) - len(differing),
        "bit_identical": num_equal,
        "by_task": dict(sorted(counts.items())),
        "first_differences": differing[:SHOWN],
        "seconds_per_1000_samples": round(1000 * seconds / max(len(answers), 1), 3),
    }


def _is_same(was: float | None, now: float | None) -> bool:
    return was == now if was is None or now is None else abs(was - now) <= TOLERANCE


def _num_turns(answer: Answer) -> int:
    return sum(turn.get("role") == "assistant" for turn in answer.turns)


def _kept(folder: Path) -> Iterator[Answer]:
    for path in sorted(folder.glob("step_*.jsonl*")):
        yield from read_answers(path)


def _stage(recipe: Recipe, name: str) -> RlStage:
    return next(stage for stage in recipe.stages if isinstance(stage, RlStage) and stage.name == name)


def _models(run: Path) -> dict[str, str]:
    """Stage -> the model in its last checkpoint."""
    found = sorted((run / "checkpoints").glob("*/step_*/model"), key=lambda path: int(path.parent.name[5:]))
    return {path.parent.parent.name: str(path) for path in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("stage")
    parser.add_argument("--recipe", help="recipe whose rewards judge; that of the run if none is given")
    arguments = parser.parse_args()
    own = load_recipe(str(arguments.run / "recipe.yaml"))
    recipe = own if arguments.recipe is None else load_recipe(arguments.recipe)
    stage = _stage(own, arguments.stage)
    rows = {
        (prompt.source, prompt.id): prompt.row
        for source in stage.prompts
        for prompt in load_prompts(source, lambda words: None)
    }
    with SandboxService(recipe.sandbox, print) as sandbox:
        rewards = fill_in(
            _stage(recipe, arguments.stage).rewards or recipe.rewards, _models(arguments.run), sandbox.urls
        )
        answers = list(_kept(arguments.run / "rollouts" / arguments.stage))
        print_report(compared(answers, rows, rewards), [])


if __name__ == "__main__":
    main()

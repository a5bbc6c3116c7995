"""A run folder as a finished quickstart leaves it, written by the project's own writers. Nothing is trained."""

import atexit
import functools
import json
import math
import random
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from openqwq.training.config import Gate, Logging, Recipe
from openqwq.training.config.files import load_recipe
from openqwq.training.evaluation.gates import decide, decide_classes
from openqwq.training.evaluation.results import paired_entries, suite_entry
from openqwq.training.pipeline.outcome import summary
from openqwq.training.records import EvalReport, Group, Judgement, Prompt, Rollout, SuiteResult
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import RunFolder, write_text
from openqwq.training.run_folder.metrics import MetricsLog

MATH = "<think>\n9+6*4-9\n6*4=24\n9+24=33\n33-9=24\n</think>\n\\boxed{24}"
CODE = "<think>\nadd first, then multiply\n</think>\n```python\ndef f(x):\n    return (x+5)*18\n```"
ASKED = '{"name": "calculator", "arguments": {"expression": "89*24"}}'
CALL = f"<think>\nCall 89*24.\n</think>\n<tool_call>\n{ASKED}\n</tool_call>"
TALK = "<think>\nThe tool says 2136.\n</think>\n\\boxed{2136}"
UNFINISHED = "<think>\n9+6*4-9 = 15*4 <|endoftext|><|endoftext|><|endoftext|> and then"
PROMPTS = {
    "math": "Find 9+6*4-9.",
    "code": "Write f(x): add 5, then multiply by 18.",
    "tools": "Use the calculator: 89 times 24.",
    "instructions": "Write snow in bold.",
}


def suite(name: str, rate: float, n: int, kinds: tuple[str, ...] = ("expr", "word")) -> SuiteResult:
    """A suite in which the first `rate` of a fixed shuffle of the items are right, so that gains are paired."""
    order = list(range(n))
    random.Random(name).shuffle(order)
    right = set(order[: round(rate * n)])
    ids = [f"{name}-{i:04d}" for i in range(n)]
    return SuiteResult(
        scores={item: float(i in right) for i, item in enumerate(ids)},
        kinds={item: kinds[i % len(kinds)] for i, item in enumerate(ids)},
        mean_tokens=31.5,
    )


def judged(task: str, index: int, answer: str, reward: float | None, reason: str, prompt: str | None = None) -> Group:
    """A group of one judged sample."""
    row = {"id": f"{task}-train-{index:04d}", "task": task, "prompt": prompt or PROMPTS[task], "reference": None}
    turns: tuple[dict[str, Any], ...] = ({"role": "assistant", "content": answer},)
    if task == "tools":
        turns = ({"role": "assistant", "content": CALL}, {"role": "tool", "content": "2136"}, *turns)
    status = "scored" if reward is not None else "sandbox_error"
    rollout = Rollout(
        group=index,
        index=0,
        prompt_id=row["id"],
        task=task,
        prompt_tokens=(1, 2),
        tokens=(3, 4),
        logprobs=(-0.1, -0.2),
        loss_mask=(1, 1),
        turns=turns,
        response=answer,
        finish_reason="length" if answer == UNFINISHED else "stop",
        weights_version=1,
        seed=1,
    )
    judgement = Judgement(reward=reward, parts={task: reward or 0.0}, statuses={task: status}, reason=reason)
    messages = ({"role": "user", "content": row["prompt"]},)
    return Group(Prompt(id=row["id"], task=task, messages=messages, row=row), (rollout,), (judgement,))


def write_example_run(path: Path, seed: int = 0) -> Path:
    """A completed quickstart: four stages, gates, metrics, rollouts, evaluations. Copies of one per process."""
    return Path(shutil.copytree(_example_run(seed), path))


@functools.cache
def _example_run(seed: int) -> Path:
    kept = tempfile.mkdtemp(prefix="example_run-")
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    return _write_example_run(Path(kept) / "run", seed)


def _write_example_run(path: Path, seed: int) -> Path:
    recipe = load_recipe("quickstart", [f"seed={seed}"])
    folder = RunFolder(path, recipe, "auto")
    log = MetricsLog(path, Logging())
    base = {"math": suite("math", 0.31, 300), "code": suite("code", 0.33, 300, ("list", "two"))}
    hard = {"math_hard": suite("math_hard", 0.04, 100, ("hard_expr", "hard_word"))}
    one = {"math": suite("math", 0.68, 300), "code": suite("code", 0.95, 300, ("list", "two"))}
    hard_one = {"math_hard": suite("math_hard", 0.22, 100, ("hard_expr", "hard_word"))}
    skills = ("benign", "format", "note", "opening", "repetition", "tool", "unsafe")
    two = {"math": suite("math", 0.66, 300), "code": suite("code", 0.94, 300, ("list", "two"))}
    before_two = {**one, **hard_one, "skills": suite("skills", 0.40, 300, skills)}
    after_two = {**two, **hard_one, "skills": suite("skills", 0.77, 300, skills)}

    _losses(log, "cold_start", 120, 4.0)
    _finish(folder, StageEntry("cold_start", "sft", 61.2, 120, **measured({}, base)))
    _write_evals(folder, "cold_start", {**base, **hard})
    _rl_steps(log, "stage1", 40, ("math", "code"), seed)
    gate = decide(Gate(gain={"math": 0.15, "code": 0.30}), {**base, **hard}, {**one, **hard_one})
    sides = measured({**base, **hard}, {**one, **hard_one})
    _finish(folder, StageEntry("stage1", "rl", 84.0, 40, algorithm="grpo", gate=gate, **sides))
    _write_evals(folder, "stage1", before_two)
    _losses(log, "reward_model", 100, 0.7)
    accuracy = {"all": 0.96, "curt": 0.99, "doubled": 0.97, "no_name": 0.98, "off_topic": 1.0, "padded": 0.86}
    classes = decide_classes(Gate(accuracy={"all": 0.90, "worst": 0.80}), accuracy)
    _finish(folder, StageEntry("reward_model", "reward_model", 24.5, 100, accuracy=accuracy, gate=classes))
    _rl_steps(log, "stage2", 50, ("instructions", "tools", "math", "code"), seed)
    log.write("stage2", 25, {"regression_check/math_watch": -0.02, "regression_check/code_watch": 0.01})
    log.write("stage2", 50, {"regression_check/math_watch": -0.05, "regression_check/code_watch": 0.0})
    gate = decide(Gate(gain={"skills": 0.05}, keep={"math": 0.06, "code": 0.06}), before_two, after_two)
    sides = measured(before_two, after_two)
    _finish(folder, StageEntry("stage2", "rl", 118.0, 50, algorithm="grpo", gate=gate, **sides))
    _write_evals(folder, "stage2", after_two)
    log.close()
    write_summary(folder, recipe, "completed")
    folder.close()
    return path


def write_summary(folder: RunFolder, recipe: Recipe, status: str) -> None:
    """`summary.json` of what is finished."""
    entries = list(folder.finished().values())
    folder.write_summary(summary(recipe, status, entries, entries[-1].model if entries else recipe.model, 0))


def measured(before: dict[str, SuiteResult], after: dict[str, SuiteResult]) -> dict[str, Any]:
    """What evaluations put into a stage's entry."""
    sides = {"before": before, "after": after}
    entries = {side: {name: suite_entry(result) for name, result in suites.items()} for side, suites in sides.items()}
    return {**entries, "paired": paired_entries(before, after)}


def _finish(folder: RunFolder, entry: StageEntry) -> None:
    model = folder.path / "checkpoints" / entry.name / f"step_{entry.steps}" / "model"
    write_text(model / "config.json", "{}")
    folder.mark_finished(replace(entry, model=str(model.relative_to(folder.path))))


def _write_evals(folder: RunFolder, label: str, suites: dict[str, SuiteResult]) -> None:
    write_text(folder.evals / f"{label}.json", json.dumps(asdict(EvalReport(label, suites, 3.1))))


def _losses(log: MetricsLog, stage: str, steps: int, start: float) -> None:
    noise = random.Random(stage)
    for step in range(10, steps + 1, 10):
        loss = start * math.exp(-step / 40) + 0.1 + noise.random() * 0.02
        log.write(stage, step, {"loss": loss, "grad_norm": 1.0 + noise.random(), "learning_rate": 1e-3})
    log.write(stage, steps, {"time/train_seconds": 50.0})


def _rl_steps(log: MetricsLog, stage: str, steps: int, tasks: tuple[str, ...], seed: int) -> None:
    noise = random.Random(f"{stage}{seed}")
    for step in range(1, steps + 1):
        progress = step / steps
        rewards = {
            task: min(1.0, 0.3 + 0.12 * i + 0.4 * progress + noise.gauss(0, 0.06)) for i, task in enumerate(tasks)
        }
        log.write(
            stage,
            step,
            {
                "reward/mean": sum(rewards.values()) / len(rewards),
                **{f"reward/{task}": value for task, value in rewards.items()},
                "verifier/think_format": 0.9 + 0.1 * progress,
                "samples/masked": 3.0 if step == 7 else 0.0,
                **({"errors/sandbox_error": 3.0} if step == 7 else {}),
                "groups/zero_signal_fraction": 0.3 + 0.3 * progress,
                "completions/tokens_mean": 30 + noise.gauss(0, 1),
                "completions/tokens_max": 60 + noise.random() * 4,
                "completions/truncated_fraction": 0.05 * (1 - progress),
                "update/entropy": 0.6 - 0.3 * progress + noise.gauss(0, 0.02),
                "update/grad_norm": 0.5 + noise.random() * 0.2,
                "time/rollout_seconds": 0.9 + noise.random() * 0.1,
                "time/judge_exposed_seconds": 0.2 + noise.random() * 0.1,
                "time/update_exposed_seconds": 0.7 + noise.random() * 0.1,
                "time/weight_sync_seconds": 0.03,
                "time/step_seconds": 2.0,
            },
        )
        if step in (1, steps):
            log.rollouts(stage, step, _samples(tasks, is_late=step == steps), {})


def _samples(tasks: tuple[str, ...], is_late: bool) -> list[Group]:
    answers = {"math": MATH, "code": CODE, "tools": TALK, "instructions": "<think>\nbold\n</think>\n**snow**"}
    groups = []
    for task in tasks:
        for index in range(3):
            is_right = is_late or index == 2
            if not is_right and task == "math":
                groups.append(judged(task, index, UNFINISHED, 0.0, "not finished: length"))
            elif task == "code" and index == 1:
                groups.append(judged(task, index, CODE, None, "the sandbox does not answer"))
            else:
                groups.append(judged(task, index, answers[task], float(is_right), "equal (exact)"))
    return groups

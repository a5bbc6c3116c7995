"""A run with tools that is stopped and resumed is the run that was not: same samples, rewards, updates; and no tool runs
twice, whichever samples were cut."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.pipeline import Pipeline
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.run_folder.folder import RunFolder

ROOT = Path(__file__).absolute().parents[3]
COUNTER = '''
import asyncio
from pathlib import Path
from openqwq.training.environments.contract import StepResult


class Counter:
    """Counts the letters that were said; it has to be restored to go on counting."""

    def __init__(self, diary, by): self.diary, self.by = diary, by
    def tools(self): return []
    async def reset(self, task, seed): self.seed, self.turns, self.total = seed, 0, 0
    async def save(self): return [self.turns, self.total]
    async def restore(self, task, seed, state): self.seed, (self.turns, self.total) = seed, state
    async def step(self, turn):
        await asyncio.sleep(0.001 * (self.seed % 7))
        self.turns, self.total = self.turns + 1, self.total + len(turn.text) * self.by
        with Path(self.diary).open("a") as file:
            file.write(f"{self.seed} {self.turns} {turn.text!r}\\n")
        return StepResult([{"role": "tool", "content": str(self.total)}], done=self.turns == 3)
    def reward(self): return self.total % 5 / 4
    async def close(self): pass
'''
SCHEDULES = {
    "sync": {"kind": "sync"},
    "partial": {"kind": "partial", "oversample": 2.0, "max_staleness": 2},
    "async": {"kind": "async", "async_depth": 1, "oversample": 2.0, "max_staleness": 3},
}


def recipe_of(folder: Path, schedule: dict[str, Any]) -> Recipe:
    (folder / "counter.py").write_text(COUNTER)
    environment = {"name": f"{folder}/counter.py:Counter", "arguments": {"diary": str(folder / "diary"), "by": 3}}
    stage = {
        "name": "agent", "kind": "rl", "steps": 4, "prompts_per_step": 2, "group_size": 2, "schedule": schedule,
        "sampling": {"max_new_tokens": 12, "max_turns": 4, "max_batch": 5}, "optimizer": {"learning_rate": 1e-3},
        "checkpoint_every": 1, "prompts": [{"source": str(ROOT / "data/tiny/math_train.jsonl"), "rows": [0, 9]}],
    }  # fmt: skip
    tasks = {"math": {"verifiers": [{"name": "environment"}], "environment": environment}}
    return Recipe.model_validate({
        "name": "resumed", "model": str(ROOT / "data/tiny/base"), "cluster": {"trainer": {"cpus": 1}},
        "rewards": {"tasks": tasks, "truncated": "judge"}, "stages": [stage],
    })  # fmt: skip


def run(folder: Path, recipe: Recipe, stops_after: int | None = None) -> list[dict[str, float]]:
    """The metrics of all steps so far, clocks aside."""
    console, asked = ConsoleLogger(Console(quiet=True)), []

    def should_stop() -> bool:
        asked.append(1)
        return stops_after is not None and len(asked) >= stops_after

    place = RunFolder(folder / "run", recipe, "auto")
    sandbox = SandboxService(recipe.sandbox, console.warn)  # never entered: no program is run
    try:
        data = preflight(recipe, console.warn)
        Pipeline(recipe, data, place, console, should_stop, InlineWorkerGroup, sandbox).run()
    except Interrupted:
        assert stops_after is not None
    finally:
        place.close()
    lines = [json.loads(line) for line in (place.path / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines if "samples" in line]


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_resumed_run_with_tools_is_the_run_that_was_never_stopped(name: str, tmp_path: Path) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    whole.mkdir()
    pieces.mkdir()
    expected = run(whole, recipe_of(whole, SCHEDULES[name]))
    recipe = recipe_of(pieces, SCHEDULES[name])
    first = run(pieces, recipe, stops_after=2)
    assert 0 < len(first) < len(expected) == 4
    assert run(pieces, recipe) == expected
    asked, again = (Counter((folder / "diary").read_text().splitlines()) for folder in (whole, pieces))
    assert asked == again and len({line.split()[0] for line in asked}) > 8
    turns = Counter(tuple(line.split()[:2]) for line in again.elements())
    assert set(turns.values()) == {1}  # no sample's tool ran twice for a turn
    if name != "sync":
        assert any(line["partial/fraction"] > 0 for line in expected)

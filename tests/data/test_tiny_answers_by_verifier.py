"""Our own verifiers agree with the generators: right solutions score 1, every typical mistake scores 0."""

from __future__ import annotations

import importlib
import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from openqwq.verifiers import get_verifier

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "tiny"
VERIFIERS = {
    "math": "math",
    "tools": "tool_use",
    "instructions": "instructions",
    "safety": "refusal",
    "chat": "instructions",
}
KINDS = [
    "expr",
    "word",
    "hard_expr",
    "hard_word",
    "two",
    "list",
    "format",
    "opening",
    "repetition",
    "tool",
    "refusal",
    "note",
]


@pytest.fixture(scope="module")
def generators() -> Any:
    """The modules of scripts/tiny, which is a folder of scripts and no package."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield {name: importlib.import_module(name) for name in ("tasks", "problem", "build_data")}
    finally:
        sys.path.remove(str(SCRIPTS))


def run_on_tests(answer: str, reference: dict[str, Any]) -> float:
    """Score of a program of ours on its tests; it is generated here, so it needs no jail."""
    program = re.search(r"```python\n(.*?)```", answer, re.DOTALL)
    assert program is not None
    space: dict[str, Any] = {}
    exec(program.group(1), space)
    for test in reference["tests"]:
        try:
            if space["f"](*test["input"]) != test["output"]:
                return 0.0
        except ValueError:  # the largest of nothing
            return 0.0
    return 1.0


def score(generators: Any, problem: Any, solution: Any) -> float | None:
    turns = generators["problem"].assistant_turns(solution)
    row = generators["build_data"].problem_row("row", problem) | {"turns": turns}
    response = turns[-1]["content"]
    assert get_verifier("think_format").verify(response, row).score == 1.0
    if problem.task == "code":
        return run_on_tests(response, row["reference"])
    verdict = get_verifier(VERIFIERS[problem.task]).verify(response, row)
    assert verdict.status == "scored", verdict
    return verdict.score


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_solution_scores_one_and_every_mistake_zero(generators: Any, kind: str) -> None:
    rng = random.Random(7)
    for split in ("train", "heldout"):
        for _ in range(20):
            problem = generators["tasks"].draw(kind, rng, split)
            assert score(generators, problem, problem.right) == 1.0, problem
            for mistake in problem.wrong:
                assert score(generators, problem, mistake) == 0.0, (problem, mistake)

"""A small RL recipe that learns, a way to stop it after some steps, and the steps that a run has logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openqwq.training.config import Recipe

SHORT = ["evaluation.sampling.max_new_tokens=48", "cluster.trainer.cpus=1"]
"""Changes of the smoke recipe that a test of the whole of it makes."""


class StopAfter:
    """Returns True at the n-th call, as after a signal; with n = 0 it never does."""

    def __init__(self, questions: int = 0) -> None:
        self.left = questions

    def listen(self) -> None:
        """No signals in this process."""

    def __call__(self) -> bool:
        self.left -= 1
        return self.left == 0


def small_rl(folder: Path, base: Path, **stage: Any) -> Recipe:
    """One RL stage of four steps whose reward every model gets often enough to learn from, and a regression check.

    `stage` changes keys of the stage.
    """
    (folder / "verifier.py").write_text("def even(response, row):\n    return len(response) % 2 == 0\n")
    tree = {
        "name": "small",
        "model": str(base),
        "cluster": {"trainer": {"cpus": 1}},
        "rewards": {"tasks": {"math": {"verifiers": [{"name": f"{folder}/verifier.py:even"}]}}, "truncated": "mask"},
        "evaluation": {
            "suites": {"watch": {"sources": [{"source": "data/tiny/math_train.jsonl", "rows": [50, 58]}]}},
            "sampling": {"temperature": 0.9, "max_new_tokens": 32},
        },
        "stages": [
            {
                "name": "stage1", "kind": "rl", "steps": 4, "prompts_per_step": 3, "group_size": 4,
                "checkpoint_every": 2, "sampling": {"temperature": 1.2, "max_new_tokens": 32}, "minibatches": 2,
                "algorithm": {"kl": {"coefficient": 0.01}, "entropy_coefficient": 0.001},
                "optimizer": {"learning_rate": 3e-4, "weight_decay": 0.05, "warmup_steps": 2},
                "prompts": [{"source": "data/tiny/math_train.jsonl", "rows": [0, 10], "weight": 0.6},
                            {"source": "data/tiny/math_train.jsonl", "rows": [10, 20], "weight": 0.4, "replay": True}],
                "regression_check": {"suites": ["watch"], "every": 2, "max_fall": 0.01}, **stage,
            }
        ],
    }  # fmt: skip
    return Recipe.model_validate(tree)


def steps_of(run: Path, stage: str) -> list[int]:
    """The RL steps in the log of a run, in its order."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if line["stage"] == stage and "samples" in line]

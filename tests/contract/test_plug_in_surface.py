"""What users build on: a verifier of their own in a recipe, light imports, and import names that do not clash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import openqwq
from openqwq.training.answers.files import read_answers
from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.verifiers import Verdict, available_verifiers, get_verifier

ROOT = Path(openqwq.__file__).absolute().parents[1]

VERIFIER = '''
"""Pays for short answers that name the number of the reference."""
from openqwq.verifiers import Verdict


def short_and_right(response, row, limit=200):
    answer = row["reference"]["answer"]
    if not answer:
        return None  # not applicable: this row has nothing to compare with
    if len(response) > limit:
        return Verdict.scored(0.0, f"{len(response)} characters, at most {limit}", {"characters": len(response)})
    return 0.5 * (answer in response) + 0.5


def trl_style(prompts, completions, answer, **columns):
    return [float(len(completion) % 2) for completion in completions]
'''


@pytest.fixture
def verifier(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(VERIFIER)
    return f"{tmp_path}/mine.py"


def test_a_verifier_of_fifteen_lines_is_used_by_its_path(verifier: str) -> None:
    mine = get_verifier(f"{verifier}:short_and_right", limit=12)
    row = {"id": "a", "prompt": "2+2?", "task": "math", "reference": {"answer": "4"}}
    verdicts = mine.verify_many(["it is 4", "it is 5", "x" * 13], [row] * 3)
    assert [verdict.score for verdict in verdicts] == [1.0, 0.5, 0.0]
    assert (verdicts[2].status, verdicts[2].reason) == ("scored", "13 characters, at most 12")
    assert mine.verify("4", {**row, "reference": {"answer": ""}}).status == "not_applicable"
    assert mine.verify("4", {"id": "b"}).status == "verifier_error"
    mine.close()


def test_a_trl_reward_function_runs_unchanged(verifier: str) -> None:
    mine = get_verifier(f"{verifier}:trl_style")
    row = {"id": "a", "prompt": "q", "reference": {"answer": "4"}}
    assert [v.score for v in mine.verify_many(["a", "ab"], [row, row])] == [1.0, 0.0]


def test_a_verifier_of_the_user_rewards_a_run(verifier: str, tmp_path: Path) -> None:
    tree = {
        "name": "mine",
        "model": "data/tiny/base",
        "cluster": {"trainer": {"cpus": 1}},
        "rewards": {
            "truncated": "mask",
            "tasks": {"math": {"verifiers": [{"name": f"{verifier}:short_and_right", "arguments": {"limit": 30}}]}},
        },
        "stages": [
            {
                "name": "stage1", "kind": "rl", "steps": 1, "prompts_per_step": 2, "group_size": 4,
                "sampling": {"max_new_tokens": 32},
                "prompts": [{"source": "data/tiny/math_train.jsonl", "rows": [0, 4]}],
            }
        ],
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    assert main(["run", str(tmp_path / "mine.yaml"), "--inline", "--run-dir", str(tmp_path / "run")]) == 0
    judged = list(read_answers(tmp_path / "run" / "rollouts" / "stage1" / "step_1.jsonl.gz"))
    assert len(judged) == 8
    said = [{name: v["status"] for name, v in a.verdicts.items()} for a in judged if a.reward is not None]
    assert all(statuses == {"short_and_right": "scored"} for statuses in said)
    assert {answer.reward for answer in judged} <= {None, 0.0, 0.5, 1.0}


def test_the_promised_verifiers_are_there() -> None:
    promised = {"math", "code", "think_format", "instructions", "refusal", "length", "repetition", "language",
                "tool_call", "tool_use", "reward_model", "judge", "placebo"}  # fmt: skip
    assert promised <= set(available_verifiers())


def test_a_verdict_is_scored_or_the_fault_of_a_named_part() -> None:
    assert Verdict.scored(True).score == 1.0
    for status in ("not_applicable", "verifier_error", "sandbox_error", "service_error"):
        assert Verdict(status).score is None  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="has no score"):
            Verdict(status, 0.0)  # type: ignore[arg-type]
    for score in (None, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError):
            Verdict("scored", score)
    with pytest.raises(ValueError, match="unknown verdict status"):
        Verdict("fine", 1.0)  # type: ignore[arg-type]


def run_python(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_verifiers_and_sandbox_import_neither_torch_nor_ray_nor_transformers() -> None:
    program = (
        "import sys, openqwq.verifiers, openqwq.sandbox\n"
        "heavy = {'torch', 'ray', 'transformers', 'trl', 'datasets', 'numpy', 'sympy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)"
    )
    done = run_python(program, ROOT)
    assert done.returncode == 0, done.stderr


def test_the_command_line_answers_for_help_without_loading_torch() -> None:
    program = (
        "import sys, openqwq.training.cli as cli\n"
        "try: cli.main(['run', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "sys.exit(1 if {'torch', 'ray', 'transformers'} & set(sys.modules) else 0)"
    )
    done = run_python(program, ROOT)
    assert done.returncode == 0, done.stderr
    assert "--resume" in done.stdout


@pytest.mark.parametrize("name", ["training", "verifiers", "sandbox"])
def test_a_folder_imported_by_its_bare_name_says_the_right_one(name: str) -> None:
    done = run_python(f"import {name}", ROOT)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError") and f"openqwq.{name}" in last


def test_every_key_of_a_recipe_has_a_default_or_a_name() -> None:
    recipe = Recipe.model_validate({"name": "x", "model": "y", "stages": []})
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe

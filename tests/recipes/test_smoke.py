"""The whole recipe in one process, end to end: interrupted, resumed, and run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from openqwq.training.answers.files import read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.config.files import load_recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted, RunFolderError
from openqwq.training.models import load_model, load_tokenizer
from openqwq.training.pipeline.launch import launch
from openqwq.training.prompts import feeds
from tests.recipes.small_rl import SHORT, StopAfter, small_rl, steps_of

KEPT = ["step_1.jsonl.gz", "step_2.jsonl.gz"]
ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (".", "smollm2", "cures", "ablations/algorithms")
RECIPES = sorted(path for folder in FOLDERS for path in (ROOT / "recipes" / folder).glob("*.yaml"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(str(folder)).named_parameters())


def snapshot(run: Path) -> dict[str, float]:
    return {
        str(p.relative_to(run)): p.stat().st_mtime_ns
        for p in run.rglob("*")
        if p.is_file() and p.name not in (".lock", "summary.json", "report.html")
    }


def check_run_folder(run: Path, recipe: str) -> None:
    """The contract of a finished run folder: DESIGN's summary.json, loadable models, a log line per step."""
    summary = json.loads((run / "summary.json").read_text(), parse_constant=pytest.fail)
    contract = ["schema", "recipe", "status", "seed", "seconds", "final_model", "stages"]
    assert list(summary) == [*contract, "peak_memory_bytes"]
    assert (summary["schema"], summary["recipe"], summary["status"], summary["seed"]) == (1, recipe, "completed", 0)
    assert [(s["name"], s["kind"]) for s in summary["stages"]] == [
        ("cold_start", "sft"), ("stage1", "rl"), ("reward_model", "reward_model"), ("stage2", "rl"),
    ]  # fmt: skip
    assert summary["seconds"] == pytest.approx(sum(s["seconds"] for s in summary["stages"]), abs=0.05)
    suites = {"stage1": {"math", "math_hard", "code"}, "stage2": {"math", "math_hard", "code", "skills"}}
    for stage in summary["stages"]:
        assert set(stage["gate"]) == {"passed", "checks"} and stage["gate"]["passed"] is True
        if stage["kind"] == "rl":
            assert (stage["algorithm"], stage["steps"]) == ("grpo", 2)
            assert set(stage["eval"]) == {"before", "after"}
            assert set(stage["eval"]["before"]) == set(stage["eval"]["after"]) == suites[stage["name"]]
            for entry in stage["eval"]["after"].values():
                assert {"accuracy", "n", "low", "high"} <= set(entry)
                assert entry["n"] > 0 and 0.0 <= entry["low"] <= entry["accuracy"] + 1e-9 <= entry["high"] + 2e-9 <= 1.1
            assert {"gain", "low", "high"} <= set(stage["paired"]["math"])
            assert steps_of(run, stage["name"]) == [1, 2]
            assert {p.name for p in (run / "rollouts" / stage["name"]).iterdir()} == {
                "step_1.jsonl.gz",
                "step_2.jsonl.gz",
            }
        folder = run / "checkpoints" / stage["name"] / "step_2" / "model"
        assert load_tokenizer(str(folder)).chat_template
    assert set(summary["stages"][2]["accuracy"]) > {"all"}
    load_model(str(run / summary["final_model"]))
    assert summary["final_model"] == "checkpoints/stage2/step_2/model"
    Recipe.model_validate(yaml.safe_load((run / "recipe.yaml").read_text()))
    policies = {"cold_start", "stage1", "stage2"}  # each with its results, and a folder of its answers
    assert {p.name for p in (run / "evals").iterdir()} == {*policies, *(f"{name}.json" for name in policies)}
    assert "<html" in (run / "report.html").read_text()
    for path in (run / "rollouts").rglob("*.jsonl"):
        for line in path.read_text().splitlines():
            assert {"id", "task", "turns", "reward", "parts", "statuses", "reason"} <= set(json.loads(line))
    assert not list(run.rglob("*.part"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    recipe = load_recipe(str(path))
    prefixes = ("", "quickstart_", f"{path.parent.name}_")
    assert recipe.name in [prefix + path.stem for prefix in prefixes] and recipe.description


def test_the_smoke_recipe_runs_in_one_process_and_again_does_nothing(tmp_path: Path) -> None:
    run = tmp_path / "a run"
    arguments = ["run", "smoke", *SHORT, "--inline", "--run-dir", str(run)]
    assert main(arguments) == 0
    check_run_folder(run, "smoke")
    before = snapshot(run)
    assert main(arguments) == 0
    assert snapshot(run) == before
    check_run_folder(run, "smoke")


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    recipe = small_rl(tmp_path, ROOT / "data" / "tiny" / "base")
    assert launch(recipe, tmp_path / "straight", "auto", StopAfter(), True, ConsoleLogger()) == 0
    for asked in (1, 2):
        with pytest.raises(Interrupted, match="Run the same command again"):
            launch(recipe, tmp_path / "stopped", "auto", StopAfter(asked), True, ConsoleLogger())
        summary = json.loads((tmp_path / "stopped" / "summary.json").read_text())
        assert summary["status"] == "interrupted"
    assert launch(recipe, tmp_path / "stopped", "auto", StopAfter(), True, ConsoleLogger()) == 0
    ours, theirs = (weights(tmp_path / run / "checkpoints/stage1/step_4/model") for run in ("stopped", "straight"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    start = weights(ROOT / "data" / "tiny" / "base")
    assert any(not torch.equal(theirs[name], start[name]) for name in start)
    assert steps_of(tmp_path / "stopped", "stage1") == [1, 2, 3, 4]
    for step in range(1, 5):
        path = Path("rollouts") / "stage1" / f"step_{step}.jsonl.gz"
        assert (tmp_path / "stopped" / path).read_bytes() == (tmp_path / "straight" / path).read_bytes()


def test_a_run_on_streamed_prompts_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "BLOCK", 5)  # so that four steps go through several blocks and the end
    prompts = [{"source": "data/tiny/math_train.jsonl", "rows": [2, 13], "streaming": True}]
    recipe = small_rl(tmp_path, ROOT / "data" / "tiny" / "base", prompts=prompts, regression_check=None)
    assert launch(recipe, tmp_path / "straight", "auto", StopAfter(), True, ConsoleLogger()) == 0
    with pytest.raises(Interrupted):
        launch(recipe, tmp_path / "stopped", "auto", StopAfter(2), True, ConsoleLogger())
    assert launch(recipe, tmp_path / "stopped", "auto", StopAfter(), True, ConsoleLogger()) == 0
    ours, theirs = (weights(tmp_path / run / "checkpoints/stage1/step_4/model") for run in ("stopped", "straight"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    asked = [answer.id for step in range(1, 5) for answer in answers_of(tmp_path / "stopped", step)]
    first_epoch = {f"math-train-{n:04d}" for n in range(2, 13)}
    assert set(asked) == first_epoch and set(asked[: 4 * 5]) == {f"math-train-{n:04d}" for n in range(2, 7)}


def test_a_run_that_is_extended_by_steps_is_the_longer_run(tmp_path: Path) -> None:
    base = ROOT / "data" / "tiny" / "base"
    long, short = (small_rl(tmp_path, base, steps=steps, regression_check=None, evaluate=["watch"]) for steps in (4, 2))
    assert launch(long, tmp_path / "straight", "auto", StopAfter(), True, ConsoleLogger()) == 0
    run = tmp_path / "extended"
    assert launch(short, run, "auto", StopAfter(), True, ConsoleLogger()) == 0
    with pytest.raises(RunFolderError, match=r"steps is 2 there and 4 here; .*--resume extend"):
        launch(long, run, "auto", StopAfter(), True, ConsoleLogger())
    with pytest.raises(Interrupted):  # killed and gone on with, the extended run is the same one
        launch(long, run, "extend", StopAfter(1), True, ConsoleLogger())
    assert launch(long, run, "extend", StopAfter(), True, ConsoleLogger()) == 0
    ours, theirs = (weights(folder / "checkpoints/stage1/step_4/model") for folder in (run, tmp_path / "straight"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert steps_of(run, "stage1") == [1, 2, 3, 4]
    [note] = json.loads((run / "extensions.json").read_text())
    assert (note["stage"], note["after_step"]) == ("stage1", 2)
    assert note["changes"] == {"stages.stage1.steps": {"before": 2, "after": 4}}
    assert note["entry"]["steps"] == 2 and (run / "evals" / "stage1_step_2.json").exists()
    assert json.loads((run / "summary.json").read_text())["stages"][0]["steps"] == 4


def test_a_run_goes_on_with_another_learning_rate_and_other_prompts(tmp_path: Path) -> None:
    base, run = ROOT / "data" / "tiny" / "base", tmp_path / "run"
    recipe = small_rl(tmp_path, base, steps=2, regression_check=None)
    assert launch(recipe, run, "auto", StopAfter(), True, ConsoleLogger()) == 0
    others = [{"source": "data/tiny/math_train.jsonl", "rows": [30, 40]}]
    still = {"learning_rate": 1e-12, "weight_decay": 0.05, "warmup_steps": 2}
    changed = small_rl(tmp_path, base, steps=4, regression_check=None, prompts=others, optimizer=still)
    assert launch(changed, run, "extend", StopAfter(), True, ConsoleLogger()) == 0
    first = {answer.id for step in (1, 2) for answer in answers_of(run, step)}
    later = {answer.id for step in (3, 4) for answer in answers_of(run, step)}
    assert first <= {f"math-train-{n:04d}" for n in range(20)}
    assert later and later <= {f"math-train-{n:04d}" for n in range(30, 40)}
    at_two, at_four = (weights(run / f"checkpoints/stage1/step_{step}/model") for step in (2, 4))
    assert max(float((at_two[name] - at_four[name]).detach().abs().max()) for name in at_two) < 1e-6


def answers_of(run: Path, step: int) -> list[Answer]:
    return list(read_answers(run / "rollouts" / "stage1" / f"step_{step}.jsonl.gz"))


def test_a_damaged_checkpoint_sends_a_resumed_run_back_to_the_one_before(tmp_path: Path) -> None:
    recipe = small_rl(tmp_path, ROOT / "data" / "tiny" / "base")
    run = tmp_path / "run"
    with pytest.raises(Interrupted):
        launch(recipe, run, "auto", StopAfter(3), True, ConsoleLogger())
    damaged = run / "checkpoints" / "stage1" / "step_3" / "model" / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert launch(recipe, run, "auto", StopAfter(), True, ConsoleLogger()) == 0
    assert steps_of(run, "stage1") == [1, 2, 3, 4]
    load_model(str(run / "checkpoints" / "stage1" / "step_4" / "model"))


def test_a_failed_gate_fails_the_run_and_is_written_down(tmp_path: Path) -> None:
    recipe = small_rl(tmp_path, ROOT / "data" / "tiny" / "base").model_dump(mode="json")
    recipe["stages"][0] |= {"steps": 1, "evaluate": ["watch"], "gate": {"accuracy": {"watch": 1.0}}}
    recipe["evaluation"]["suites"]["watch"]["sources"][0]["rows"] = [50, 52]
    recipe["stages"].append(
        {"name": "judge", "kind": "reward_model", "steps": 1, "batch_size": 2, "gate": {"accuracy": {"polite": 0.1}},
         "pairs": {"source": "data/tiny/preferences.jsonl", "rows": [0, 4]},
         "held_out": {"source": "data/tiny/preferences_heldout.jsonl", "rows": [0, 4]}}
    )  # fmt: skip
    status = launch(Recipe.model_validate(recipe), tmp_path / "run", "auto", StopAfter(), True, ConsoleLogger())
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (status, summary["status"]) == (1, "gate_failed")
    assert summary["stages"][1]["gate"] == {
        "passed": False,
        "checks": [{"name": "polite.accuracy", "value": None, "limit": 0.1, "passed": False}],
    }

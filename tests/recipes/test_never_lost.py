"""Resume and replay, with batches in flight: the same numbers, weights and rollouts, bit for bit."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import DeadlineExpired, Interrupted
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.launch import launch
from openqwq.training.pipeline.replay import logged_steps
from openqwq.training.rl.alerts import AlertTriggered
from tests.recipes.small_rl import StopAfter, small_rl

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "data" / "tiny" / "base"
PARTIAL = {"kind": "partial", "oversample": 2.0, "max_staleness": 2}
ASYNC = {"kind": "async", "async_depth": 2, "max_staleness": 2}


def run(folder: Path, name: str, stop: StopAfter, **stage: Any) -> Path:
    launch(small_rl(folder, BASE, **stage), folder / name, "auto", stop, True, ConsoleLogger())
    return folder / name


def model_bytes(folder: Path) -> bytes:
    return (folder / "checkpoints" / "stage1" / "step_4" / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("schedule", "algorithm"), [(PARTIAL, "dapo"), (ASYNC, "reinforce_pp")], ids=["partial", "async"]
)
def test_a_run_with_batches_in_flight_goes_on_to_the_same_numbers(
    tmp_path: Path, schedule: dict[str, Any], algorithm: str
) -> None:
    straight = run(tmp_path, "straight", StopAfter(), schedule=schedule, algorithm={"name": algorithm})
    for asked in (1, 2):
        with pytest.raises(Interrupted):
            run(tmp_path, "stopped", StopAfter(asked), schedule=schedule, algorithm={"name": algorithm})
    stopped = run(tmp_path, "stopped", StopAfter(), schedule=schedule, algorithm={"name": algorithm})
    assert logged_steps(stopped, "stage1") == logged_steps(straight, "stage1")
    assert model_bytes(stopped) == model_bytes(straight)
    ages = [numbers["staleness/max"] for numbers in logged_steps(straight, "stage1").values()]
    assert max(ages) == 2.0 if schedule is ASYNC else max(ages) <= 2.0


def test_a_run_whose_conversations_reach_their_budget_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    sampling = {"temperature": 1.2, "max_new_tokens": 32, "max_context": 56}  # prompts have 16 to 34 tokens
    straight = run(tmp_path, "straight", StopAfter(), schedule=PARTIAL, sampling=sampling)
    with pytest.raises(Interrupted):
        run(tmp_path, "stopped", StopAfter(2), schedule=PARTIAL, sampling=sampling)
    stopped = run(tmp_path, "stopped", StopAfter(), schedule=PARTIAL, sampling=sampling)
    steps = logged_steps(straight, "stage1")
    assert logged_steps(stopped, "stage1") == steps and model_bytes(stopped) == model_bytes(straight)
    assert max(numbers["completions/truncated_fraction"] for numbers in steps.values()) > 0.5
    assert sum(numbers["groups/with_signal"] for numbers in steps.values()) > 2


def test_odd_values_of_a_row_are_the_same_for_a_verifier_before_and_after_a_resume(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (ROOT / "data/tiny/math_train.jsonl").read_text().splitlines()[:20]]
    odd = [{**row, "when": datetime.date(2020 + i % 3, 5, 1), "raw": b"\xff", "price": Decimal("1.5")}
           for i, row in enumerate(rows)]  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(odd), tmp_path / "rows.parquet")
    (tmp_path / "dated.py").write_text(
        "def dated(response, row):\n"
        "    return (len(response) + int(row['when'][:4]) + int(row['price'] * 2) + len(row['raw'])) % 2 == 0\n"
    )

    def dated(name: str, stop: StopAfter) -> Path:
        recipe = small_rl(tmp_path, BASE, schedule=PARTIAL, algorithm={"name": "dapo"}, regression_check=None,
                          prompts=[{"source": str(tmp_path / "rows.parquet")}])  # fmt: skip
        tree = recipe.model_dump(mode="json")
        tree["rewards"]["tasks"]["math"]["verifiers"] = [{"name": f"{tmp_path}/dated.py:dated"}]
        launch(Recipe.model_validate(tree), tmp_path / name, "auto", stop, True, ConsoleLogger())
        return tmp_path / name

    straight = dated("straight", StopAfter())
    with pytest.raises(Interrupted):
        dated("stopped", StopAfter(2))
    assert logged_steps(dated("stopped", StopAfter()), "stage1") == logged_steps(straight, "stage1")
    assert model_bytes(tmp_path / "stopped") == model_bytes(straight)
    assert all(numbers["errors/fraction"] == 0.0 for numbers in logged_steps(straight, "stage1").values())


def test_a_run_whose_engines_twice_do_not_answer_ends_with_a_checkpoint_of_the_step_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = run(tmp_path, "straight", StopAfter())
    asked = []

    def silent(self: InlineWorkerGroup, requests: Any, *rest: Any) -> Any:
        asked.append(len(requests))
        if asked.count(12) in (2, 3) and len(requests) == 12:  # the samples of step 2, and again with new workers
            raise DeadlineExpired("rollout worker 0 did not answer in 1800 s")
        return answering(self, requests, *rest)

    answering = InlineWorkerGroup.sample
    monkeypatch.setattr(InlineWorkerGroup, "sample", silent)
    with pytest.raises(DeadlineExpired, match="did not answer"):
        run(tmp_path, "silent", StopAfter())
    assert (tmp_path / "silent" / "checkpoints" / "stage1" / "step_1" / "model").is_dir()
    monkeypatch.undo()
    assert asked.count(12) == 3
    again = run(tmp_path, "silent", StopAfter())
    assert logged_steps(again, "stage1") == logged_steps(straight, "stage1")
    assert model_bytes(again) == model_bytes(straight)


def test_a_step_is_replayed_and_found_identical_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(tmp_path, "run", StopAfter())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert main(["replay", str(folder), "--step", "3"]) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
    assert "stage1 step 3: identical" in capsys.readouterr().out
    log = folder / "metrics.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    changed = [{**e, "reward/mean": 0.123} if e["step"] == 3 and "reward/mean" in e else e for e in lines]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in changed))
    assert main(["replay", str(folder), "--step", "3"]) == 1
    assert "stage1 step 3: DIFFERS in reward/mean" in capsys.readouterr().out


def test_a_step_that_was_not_logged_cannot_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path), "--step", "1"]) == 2
    assert "is no run folder" in capsys.readouterr().err
    with pytest.raises(Interrupted):
        run(tmp_path, "run", StopAfter(1))
    assert main(["replay", str(tmp_path / "run"), "--step", "3"]) == 2
    assert "step 3 is not in the log; logged steps by stage: {'stage1': 1}" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_algorithm_trains(tmp_path: Path, name: str) -> None:
    size = 1 if name == "ppo" else 4
    folder = run(
        tmp_path, "run", StopAfter(), algorithm={"name": name}, group_size=size, steps=2, regression_check=None
    )
    numbers = logged_steps(folder, "stage1")
    assert list(numbers) == [1, 2] and any("update/loss" in entry or name == "ppo" for entry in numbers.values())
    assert all(entry.get("update/non_finite_steps", 0) == 0 for entry in numbers.values())


def test_comparing_samples_of_a_prompt_needs_more_than_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "smoke", "stages.stage1.group_size=1", "--inline", "--run-dir", str(tmp_path / "run")]) == 2
    assert "grpo compares the samples of a prompt, group_size is 1" in capsys.readouterr().err
    assert main(["run", "smoke", "stages.stage1.sampling.top_p=0.9", "--run-dir", str(tmp_path / "run")]) == 2
    assert "bias" in capsys.readouterr().err


@pytest.mark.parametrize("changes", [{"lora": {"rank": 4, "alpha": 8}}, {"gradient_checkpointing": True}])
def test_low_rank_and_checkpointed_training_go_through_the_loop(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = run(
        tmp_path, "run", StopAfter(), algorithm={"name": "reinforce_pp"}, steps=2, regression_check=None, **changes
    )
    checks = [entry["weight_sync/check_logprob"] for entry in logged_steps(folder, "stage1").values()]
    assert checks[0] != checks[1]  # the engines agree with the trainer after each sync, and the weights moved


def test_bfloat16_goes_through_the_loop(tmp_path: Path) -> None:
    recipe = small_rl(tmp_path, BASE, algorithm={"name": "reinforce_pp"}, steps=2, regression_check=None)
    launch(
        recipe.model_copy(update={"dtype": "bfloat16"}), tmp_path / "run", "auto", StopAfter(), True, ConsoleLogger()
    )
    numbers = logged_steps(tmp_path / "run", "stage1")[2]
    assert 0 < numbers["update/mismatch/mean_abs_log_ratio"] < 0.05


def test_a_raised_alert_rolls_the_run_back_and_stops_it_when_that_does_not_help(tmp_path: Path) -> None:
    """The learning rate warms up past a limit at the third update: rolled back, it gets there again with every step."""
    alert = {"metric": "update/learning_rate", "above": 2.5e-4, "patience": 1, "action": "roll_back"}
    changes: dict[str, Any] = {
        "alerts": {"rate": alert}, "optimizer": {"learning_rate": 1e-3, "warmup_steps": 10}, "regression_check": None,
        "algorithm": {"name": "reinforce_pp"}, "steps": 9, "checkpoint_every": 1,
    }  # fmt: skip
    with pytest.raises(
        AlertTriggered, match=r"alert rate: update/learning_rate is 0.0003 at step 6.*rolled back 3 times"
    ):
        run(tmp_path, "run", StopAfter(), **changes)
    models = tmp_path / "run" / "checkpoints" / "stage1"
    kept = sorted(path.name for path in models.iterdir())
    assert kept == ["step_4", "step_5"]  # each saved after a roll back: the weights of step 2
    files = [(models / name / "model" / "model.safetensors").read_bytes() for name in kept]
    assert files[0] == files[1]
    checks = {
        step: entry["weight_sync/check_logprob"] for step, entry in logged_steps(tmp_path / "run", "stage1").items()
    }
    assert len({checks[2], checks[3], checks[4]}) == 3  # the steps in between did train

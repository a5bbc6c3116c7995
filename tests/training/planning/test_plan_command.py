"""`openqwq plan` as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.cli import main
from openqwq.training.config.files import load_recipe
from openqwq.training.planning.on_cpus import describe_on_cpus, on_cpus
from openqwq.training.planning.plan import make_plan

BIG = [
    "model=Qwen/Qwen2.5-32B",
    "dtype=bfloat16",
    "cluster.nodes=4",
    "cluster.gpus_per_node=8",
    "cluster.rollout.workers=8",
    "cluster.rollout.gpus=4",
    "cluster.rollout.gpu_memory_utilization=0.7",
    "cluster.trainer.workers=32",
    "cluster.trainer.gpus=1",
    "cluster.trainer.zero_stage=3",
    "stages.stage1.sampling.max_new_tokens=8192",
    "stages.stage1.gradient_checkpointing=true",
    "stages.stage2.gradient_checkpointing=true",
    "stages.cold_start.gradient_checkpointing=true",
    "stages.cold_start.micro_batch_rows=1",
    "stages.reward_model.gradient_checkpointing=true",
    "stages.reward_model.micro_batch_rows=1",
    'rewards.tasks.chat.verifiers.0.arguments={"url": "http://rm"}',
]


def plan(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = main(["plan", "smoke", *words])
    return status, capsys.readouterr().out


def test_a_plan_that_fits_ends_0_and_names_memory_time_bound_and_price(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = plan(capsys, *BIG)
    assert status == 0
    for words in (
        "32,763,876,352 parameters",
        "ZeRO-3",
        "fits: weights",
        "generation",
        "bound by",
        "GPU-hours",
        "assumed",
    ):
        assert words in text


def test_a_plan_that_does_not_fit_ends_1_and_names_what_would_fit(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = plan(capsys, *BIG, "cluster.rollout.gpu_memory_utilization=0.85")
    assert status == 1
    assert "DOES NOT FIT" in text and "gpu_memory_utilization may be at most 0.7" in text
    status, text = plan(capsys, *BIG, "cluster.rollout.gpus=1", "cluster.rollout.workers=32")
    assert status == 1 and "tokens of KV cache" in text
    status, text = plan(capsys, *BIG, "cluster.nodes=2")
    assert status == 1 and "the roles ask for 32 GPUs, 2 x 8 = 16 are there" in text


def test_several_node_counts_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = plan(capsys, *BIG, "stages.stage1.steps=200", "--nodes", "4", "--nodes", "16")
    rows = [line.split() for line in text.splitlines()[-2:]]
    assert status == 0 and [row[:3] for row in rows] == [["4", "32", "yes"], ["16", "128", "yes"]]
    assert float(rows[1][3]) < float(rows[0][3])


def test_json_holds_the_same_plan_and_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    _, text = plan(capsys, *BIG, "--json", "--simulate")
    found = json.loads(text)
    assert found["fits"] and found["stages"][1]["phases"]["update"] > 0
    assert [run["policy"] for run in found["simulated"]["stage1"]] == ["sync", "partial", "async, depth 1"]


def test_lengths_of_a_real_run_replace_the_assumed_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "rollouts" / "stage1"
    folder.mkdir(parents=True)
    (folder / "step_1.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "num_tokens": n}) + "\n" for n in (100, 300))
    )
    _, text = plan(capsys, *BIG, "--lengths", str(tmp_path))
    assert "mean tokens stage1 200" in text
    assert main(["plan", "smoke", "--lengths", str(tmp_path / "nothing")]) == 2


def test_a_plan_imports_neither_torch_nor_ray() -> None:
    code = (
        "import sys; from openqwq.training.cli import main; main(['plan', 'quickstart']);"
        "assert not {'torch', 'ray', 'transformers'} & set(sys.modules), 'a heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_plan_of_a_recipe_without_gpus_states_that_they_are_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = plan(capsys, "--gpu", "h100")
    assert status == 0 and "planned as if it had them" in text


@pytest.mark.parametrize("recipe", ["smoke", "quickstart", "agents/sql"])
def test_a_recipe_for_cpus_is_planned_for_those_of_this_machine_and_promises_no_time(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", recipe]) == 0
    text = capsys.readouterr().out
    assert "on CPUs (the recipe asks for no GPU)" in text and "\nfits: " in text
    for word in ("hours,", "$", "GPU-hours", "KV cache", "planned as if"):
        assert word not in text


def test_a_recipe_for_cpus_does_not_fit_where_its_weights_do_not() -> None:
    whole = make_plan(load_recipe("smoke", []))
    found = on_cpus(whole, free=1e12)
    size = 476_288 * 4
    # float32: weights, gradients, two moments in the trainer; weights in two engines
    assert found.lasting >= (4 + 2) * size and found.fits
    assert not on_cpus(whole, free=found.lasting - 1).fits
    text = describe_on_cpus(whole, on_cpus(whole, free=found.lasting - 1))
    assert "\nDOES NOT FIT: 0.0" in text
    little = describe_on_cpus(whole, on_cpus(whole, free=found.lasting + 1))
    assert "\nfits: " in little and "plan.longest_tokens says how long rows of cold_start" in little


def test_published_step_times_are_met_within_the_bar_with_the_shipped_constants() -> None:
    from benchmarks.plan_against_published import MEMORY, TOLERANCE, memory_table, predict
    from openqwq.training.planning.hardware import Constants

    assert all(abs(float(str(row["ratio"])) - 1) <= TOLERANCE for row in predict(Constants().training_mfu))
    assert memory_table() == {gpus: list(row) for gpus, row in MEMORY.items()}

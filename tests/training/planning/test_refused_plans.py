"""What a plan refuses, what it adds for reward models, and what it says that it does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openqwq.training.config.files import load_recipe
from openqwq.training.planning.hardware import gpu_named
from openqwq.training.planning.lengths import Lengths
from openqwq.training.planning.needs import StagePlan
from openqwq.training.planning.plan import make_plan
from openqwq.training.planning.shapes import KNOWN
from openqwq.training.planning.step import Layout, Workload, estimate, traffic_seconds
from openqwq.training.planning.words import as_json, describe
from openqwq.verifiers.scoring.costs import scoring_flops

RECIPE = "qwq_32b/nodes_16"
JUDGE = "rewards.tasks.chat.verifiers.0.arguments"
IN_PROCESS = f'{JUDGE}={{"model": "{{stage:reward_model}}"}}'


def stage(name: str, *changes: str) -> StagePlan:
    return next(one for one in make_plan(load_recipe(RECIPE, changes)).stages if one.name == name)


@pytest.mark.parametrize("changes", [["gradient_checkpointing=false"], ["gradient_checkpointing=false",
                                     "micro_batch_rows=null", "batch_size=256"]])  # fmt: skip
def test_a_cold_start_that_keeps_all_activations_is_refused(changes: list[str]) -> None:
    found = stage("cold_start", *(f"stages.cold_start.{change}" for change in changes))
    assert not found.fits and found.needs[0].total > 5 * found.needs[0].available
    assert (
        "all activations are kept; set micro_batch_rows=1 and gradient_checkpointing=true, or say" in found.problems[-1]
    )
    assert stage("cold_start").fits


def test_padded_rows_have_masks_and_single_ones_none() -> None:
    padded = stage("cold_start", "stages.cold_start.batch_size=512", "stages.cold_start.micro_batch_rows=2")
    assert padded.needs[0].parts["masks"] == 3 * 2 * 32768**2
    assert stage("cold_start").needs[0].parts["masks"] == 0


def test_a_reward_model_of_32b_on_a_cpu_is_refused_unless_it_is_asked_for() -> None:
    found = stage("stage2", IN_PROCESS)
    assert not found.fits
    assert "32.0B parameters would judge on a CPU" in found.problems[-1] and "device: cpu" in found.problems[-1]
    asked = stage("stage2", f'{JUDGE}={{"model": "{{stage:reward_model}}", "device": "cpu"}}')
    assert asked.fits and asked.step is not None and asked.step.phases["reward model"] > 1e6
    assert "bound by the reward model" in asked.step.bound
    assert not [said for said in stage("stage1_8k", IN_PROCESS).problems if "reward model" in said]  # before it exists


def test_its_gpus_hold_its_weights_and_its_seconds_are_those_of_its_flops() -> None:
    role = "cluster.reward_model={workers: 2, gpus: 2, cpus: 4}"
    found = stage("stage2", IN_PROCESS, "cluster.nodes=17", role)
    need = next(one for one in found.needs if one.role == "reward model")
    body = KNOWN["Qwen/Qwen2.5-32B"].num_parameters - 152064 * 5120
    assert found.fits and need.parts["weights"] == 2 * body / 2
    assert found.work is not None
    shape, work = KNOWN["Qwen/Qwen2.5-32B"], found.work
    flops = scoring_flops(
        shape.layers * shape.layer_matrix_parameters, work.samples * (work.lengths.mean + work.prompt)
    )
    assert work.judging_seconds == pytest.approx(flops / (4 * gpu_named("h100").flops * 0.6))
    less = stage("stage2", IN_PROCESS, "cluster.nodes=17", role, "plan.judged_share=0.25")
    assert less.work is not None and less.work.judging_seconds == pytest.approx(work.judging_seconds / 4)
    alone = stage("stage2", IN_PROCESS, "cluster.nodes=17", "cluster.reward_model={workers: 4, gpus: 1, cpus: 4}")
    assert not alone.fits  # 64 GB and the activations of 16 answers


def test_what_a_plan_does_not_know_is_said() -> None:
    plan = make_plan(load_recipe(RECIPE))
    text = describe(plan)
    for words in (
        "not known, and in no number above",
        "the reward model behind http://reward-model:8000",
        "the longest row of cold_start (taken as 32,768 tokens)",
        "disk: up to 458.7 GB a checkpoint",
    ):
        assert words in text
    assert as_json(plan)["unknown"] == plan.unknown and len(plan.unknown) >= 6


def test_small_micro_batches_wait_for_weights_that_come_over_the_network() -> None:
    work = Workload(4096, Lengths((4000.0,) * 64), 200, minibatches=8, micro_batch_tokens=8704)
    layout = Layout(KNOWN["Qwen/Qwen2.5-32B"], gpu_named("h100"), 32, 4, 100, 128, 2, zero_stage=3, num_nodes=16)
    few = estimate(work, layout, overlaps=False)
    many = estimate(replace(work, micro_batch_tokens=33280), layout, overlaps=False)
    assert few.phases["update"] > 1.3 * many.phases["update"]
    # eight minibatches of two micro-batches: the weights twice in bfloat16, the gradients once in float32
    gathered = KNOWN["Qwen/Qwen2.5-32B"].num_parameters * 127 / 128
    micros = traffic_seconds(work, layout)[0] * 50e9 / (2 * gathered)
    assert micros == pytest.approx(round(micros)) and traffic_seconds(work, layout)[1] * 50e9 == pytest.approx(
        micros * (2 * 2 + 4) * gathered
    )
    assert traffic_seconds(work, replace(layout, zero_stage=2)) == (0.0, 0.0)
    inside = replace(layout, num_nodes=1)
    assert traffic_seconds(work, inside)[1] == pytest.approx(traffic_seconds(work, layout)[1] * 50 / 450)

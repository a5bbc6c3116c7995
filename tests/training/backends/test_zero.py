"""Trainer groups: two ranks over gloo against one process, under ZeRO-2, ZeRO-3, shared rows, low-rank factors and
bfloat16; resumed in fresh processes, also by another number of them.

Starting processes costs more than a case, so each group of them runs several cases one after another.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.algorithms.losses import token_weights
from openqwq.training.algorithms.objective import TokenInputs, token_losses
from openqwq.training.backends.universal import check_same_family
from openqwq.training.config import Algorithm
from openqwq.training.errors import CheckpointError
from openqwq.training.models import load_model
from tests.training.backends.zero_rank import program
from tests.training.forked_ranks import group
from tests.training.small_updates import micro_batches_of, mixed_batch, trainer_of
from tests.training.supervised import supervised_rank

TOLERANCE = 1e-3
SMALL = {"micro_batch_tokens": 64, "minibatches": 1}
"""Several micro-batches a step, so that gradients add up before they are summed over the ranks."""
KL = {"name": "grpo", "kl": {"coefficient": 0.05, "estimator": "k3", "place": "loss"}}
"""With a reference beside the trainer, sharded in the same way."""
TEN = {"first": 0, "last": 10, "broken": [3], "single": [6], "changes": SMALL, "algorithm": KL}
"""Batch 3 is not finite, batch 6 has one sample."""
LOW_RANK = {**TEN, "last": 3, "lora": 8}
HALF = {"first": 0, "last": 2, "changes": {**SMALL, "dtype": "bfloat16", "reference_offload": True}, "algorithm": KL}

ROUNDED: dict[str, Any] = {"first": 0, "last": 1, "changes": {"micro_batch_tokens": 40, "dtype": "bfloat16"}}
"""Two micro-batches a rank."""


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def largest_gap(one: list[float], other: list[float]) -> float:
    """Relative to values beyond 1: the last losses are large, and processors round differently."""
    return max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Any]]:
    """The cases in one process."""
    return dict(zip(["whole", "low rank", "half"], group(program, [TEN, LOW_RANK, HALF], 1)[0], strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def gradient(folder: Path) -> Path:
    """The gradient of the micro-batches of two ranks, each of them in bfloat16, summed in float32: a file."""
    trainer = trainer_of("data/tiny/base", dtype="bfloat16", algorithm=resolve(Algorithm()))
    batch, spec = mixed_batch(0), trainer.settings.algorithm
    counts = batch.num_loss_tokens_N
    inputs = TokenInputs(batch.sampled_logprobs_K, batch.advantages_N.repeat_interleave(counts),
                         token_weights(counts, "token", 32))  # fmt: skip
    shards = micro_batches_of(batch, ROUNDED["changes"]["micro_batch_tokens"], ranks=2)
    assert [len(shard) for shard in shards] == [2, 2] and all(m.num_computed for shard in shards for m in shard)
    for micro in (micro for shard in shards for micro in shard):
        sequence = micro.sequence_K.unique(return_inverse=True)[1]
        loss = partial(token_losses, spec, inputs.at(micro.indices_K), sequence)
        trainer.optimizer.backward(trainer.policy(micro, loss)[0], is_last=False)
    masters = {name: master.grad for name, _, master in trainer.optimizer.masters._pairs}
    torch.save(masters, folder / "gradient.pt")
    return folder / "gradient.pt"


@pytest.fixture(scope="module")
def two(folder: Path, gradient: Path) -> dict[Any, list[dict[str, Any]]]:
    """The cases over two ranks, as both return them."""
    cases = {
        2: {**TEN, "stage": 2, "save": f"{folder}/2", "save_after": 5},
        3: {**TEN, "stage": 3, "save": f"{folder}/3", "save_after": 5},
        "shared rows": {
            **TEN, "last": 7, "stage": 3, "sequence_parallel": 2,
            "changes": {**SMALL, "gradient_checkpointing": True},
        },
        "low rank": {**LOW_RANK, "stage": 3, "save": f"{folder}/lora", "save_after": 3},
        "half": {**HALF, "stage": 3, "offload": "optimizer"},
        "rounded": {**ROUNDED, "gradient": str(gradient), "stage": 2, "gradient_dtype": "bfloat16"},
        **{f"summed {stage}": {**ROUNDED, "gradient": str(gradient), "stage": stage} for stage in (2, 3)},
        "summed 1": {**ROUNDED, "gradient": str(gradient), "stage": 1, "last": 3, "save": f"{folder}/1",
                     "save_after": 2, "broken": [1]},
    }  # fmt: skip
    ranks = group(program, list(cases.values()), 2)
    return {name: [rank[i] for rank in ranks] for i, name in enumerate(cases)}


@pytest.mark.parametrize("stage", [2, 3])
def test_two_ranks_follow_one_process(stage: int, alone: dict[str, Any], two: dict[Any, Any]) -> None:
    # losses, norms, the broken step left out, a rank without samples
    whole, expected = two[stage], alone["whole"]
    assert whole[0]["loss"] == whole[1]["loss"]
    assert largest_gap(whole[0]["loss"], expected["loss"]) < TOLERANCE
    assert whole[0]["grad_norm"] == pytest.approx(expected["grad_norm"], rel=1e-3)
    assert whole[0]["skipped"] == expected["skipped"] and sum(expected["skipped"]) == 1
    assert largest_gap(whole[0]["logprobs"], expected["logprobs"]) < TOLERANCE


def test_a_checkpoint_is_resumed_bit_for_bit_by_fresh_ranks(two: dict[Any, Any], folder: Path) -> None:
    cases = [{**TEN, "first": 5, "stage": stage, "load": f"{folder}/{stage}"} for stage in (2, 3)]
    for stage, resumed in zip((2, 3), group(program, cases, 2)[0], strict=True):
        assert resumed["loss"] == two[stage][0]["loss"][5:]
        assert resumed["weights"] == two[stage][0]["weights"] == two[stage][1]["weights"]
        load_model(f"{folder}/{stage}/model")


def test_another_number_of_ranks_goes_on_from_it(two: dict[Any, Any], folder: Path) -> None:
    case = {**TEN, "first": 5, "last": 8, "stage": 3, "load": f"{folder}/3"}
    trainer_of("data/tiny/base").save(make(folder / "whole"))
    fewer, other = group(program, [case, {**case, "load": f"{folder}/whole"}], 1)[0]
    assert "was saved by one trainer process" in other["error"]
    assert largest_gap(fewer["loss"], two[3][0]["loss"][5:8]) < TOLERANCE
    with pytest.raises(CheckpointError, match=r"saved by several trainer ranks, this run has one"):
        trainer_of("data/tiny/base").load(folder / "3")
    check_same_family(folder, 1, 2)
    with pytest.raises(CheckpointError, match=r"was saved with zero_stage 3, this run has 2.*zero_stage=3"):
        check_same_family(folder, 3, 2)


def test_two_ranks_that_share_every_row_follow_one_process(alone: dict[str, Any], two: dict[Any, Any]) -> None:
    shared, expected = two["shared rows"], alone["whole"]
    assert shared[0]["loss"] == shared[1]["loss"]
    assert largest_gap(shared[0]["loss"], expected["loss"][:7]) < TOLERANCE
    assert shared[0]["grad_norm"] == pytest.approx(expected["grad_norm"][:7], rel=1e-3)  # not doubled by the group
    assert shared[0]["skipped"] == expected["skipped"][:7]


def test_low_rank_factors_train_over_ranks_and_come_merged(
    alone: dict[str, Any], two: dict[Any, Any], folder: Path
) -> None:
    assert largest_gap(two["low rank"][0]["loss"], alone["low rank"]["loss"]) < TOLERANCE
    assert largest_gap(two["low rank"][0]["logprobs"], alone["low rank"]["logprobs"]) < TOLERANCE
    assert "model.layers.0.mlp.up_proj.weight" in dict(load_model(f"{folder}/lora/model").named_parameters())


def test_bfloat16_with_offloaded_optimizer_starts_as_one_process_does(
    alone: dict[str, Any], two: dict[Any, Any]
) -> None:
    # rotary frequencies rounded to bfloat16 would make this 0.007; later updates differ by bfloat16's own rounding
    assert abs(two["half"][0]["loss"][0] - alone["half"]["loss"][0]) < 1e-3
    assert two["half"][0]["grad_norm"] == pytest.approx(alone["half"]["grad_norm"], rel=0.01)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_gradients_of_bfloat16_are_summed_in_float32(stage: int, two: dict[Any, Any]) -> None:
    for rank in two[f"summed {stage}"]:
        assert rank["gradient_gap"][0] < 1e-6  # another order of the sum
    assert two["rounded"][0]["gradient_gap"][0] > 1e-3


def test_the_optimizer_of_zero_1_skips_broken_steps_and_is_resumed(two: dict[Any, Any], folder: Path) -> None:
    before = two["summed 1"][0]
    assert before["skipped"] == [0.0, 1.0, 0.0]
    resumed = group(program, [{**ROUNDED, "first": 2, "last": 3, "stage": 1, "load": f"{folder}/1"}], 2)[0][0]
    assert (resumed["loss"], resumed["weights"]) == (before["loss"][2:], before["weights"])


def test_a_cold_start_stopped_and_resumed_over_two_ranks_is_that_of_one(tmp_path: Path) -> None:
    one = supervised_rank.train({"work": str(tmp_path / "one")}, None)
    case = {"work": str(tmp_path / "two"), "stage": 3}
    stopped, two = group(supervised_rank.program, [{**case, "stop": True}, case], 2)[0]
    assert stopped == {"error": "stopped at step 1 of 3"}
    assert two["first_weights"] == pytest.approx(one["first_weights"], rel=1e-3, abs=1e-6)
    assert two["accuracy"] == one["accuracy"]

"""The object store is as large as the weights and samples of a recipe need it, as far as the machine has the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.backends.machine_memory import free_and_total_memory, free_shared_memory
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.cluster.object_store import (
    MB,
    StoreNeed,
    bounded_mb,
    num_parameters,
    store_need,
    with_object_store,
)
from openqwq.training.cluster.ray_worker_group import RayWorkerGroup
from openqwq.training.config import Optimizer, Recipe
from openqwq.training.config.files import load_recipe
from openqwq.training.models import save_model
from openqwq.training.worker_group import engine_settings
from tests.recipes.small_rl import small_rl
from tests.training.cluster.processes_of_ray import process_of_our_ray

BASE = Path(__file__).resolve().parents[3] / "data" / "tiny" / "base"
GB = 2**30


def recipe(*changes: str) -> Recipe:
    """Two RL stages of 8 x 4 samples of 64 tokens."""
    sizes = {"prompts_per_step": 8, "group_size": 4, "sampling.max_new_tokens": 64}
    equal = [f"stages.{stage}.{key}={value}" for stage in ("stage1", "stage2") for key, value in sizes.items()]
    return load_recipe("smoke", [*equal, *changes])


@pytest.mark.parametrize(
    ("changes", "num_parameters", "need"),
    [
        # 135 M parameters in bfloat16: two versions while the trainer writes the second, and one of slack; 32 samples
        (["dtype=bfloat16"], 134_515_008, StoreNeed(269_030_016, 3, 131_072)),
        (["dtype=float32"], 134_515_008, StoreNeed(538_060_032, 3, 131_072)),
        # half as many groups again are in flight
        (["dtype=bfloat16", "stages.stage1.schedule.kind=partial"], 10, StoreNeed(20, 3, 196_608)),
        # a step ahead: versions v and v - 1, as in a synchronous loop; two batches of samples
        (["dtype=bfloat16", "stages.stage1.schedule.kind=async"], 10, StoreNeed(20, 3, 262_144)),
        # three steps ahead: v, v - 1, v - 2 and v - 3
        (
            ["dtype=bfloat16", "stages.stage2.schedule={kind: async, async_depth: 3, max_staleness: 3}"],
            10,
            StoreNeed(20, 5, 524_288),
        ),
        (["dtype=bfloat16", "cluster.rollout.weight_sync=broadcast"], 10, StoreNeed(20, 1, 131_072)),
    ],
    ids=["bfloat16", "float32", "partial", "async", "async, 3 ahead", "broadcast"],
)
def test_the_need_is_the_one_computed_by_hand(changes: list[str], num_parameters: int, need: StoreNeed) -> None:
    assert store_need(recipe(*changes), num_parameters) == need


def test_parameters_are_counted_in_the_weight_files_of_any_architecture(tmp_path: Path) -> None:
    model = Qwen2ForCausalLM.from_pretrained(BASE)
    assert num_parameters(str(BASE)) == sum(p.numel() for p in model.parameters())
    (tmp_path / "config.json").write_text('{"model_type": "odd", "num_local_experts": 8}')
    save_file({"a": torch.zeros(3, 5), "b": torch.zeros(2)}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"c": torch.zeros(7)}, tmp_path / "model-00002-of-00002.safetensors")
    assert num_parameters(str(tmp_path)) == 24


def test_a_run_without_rl_stages_syncs_no_weights() -> None:
    tree = recipe().model_copy(update={"stages": recipe().stages[:1]})
    assert store_need(tree, 10**9) == StoreNeed(4 * 10**9, 0, 0)


def test_the_store_has_256_mb_at_least_and_is_bounded_by_shared_memory_and_by_half_of_the_memory() -> None:
    small, large = StoreNeed(10, 3, 10), StoreNeed(GB, 3, 1)
    assert (small.mb, large.mb) == (256, 3073)
    assert bounded_mb(small, 0, 0) == bounded_mb(small, 100 * GB, 100 * GB) == 256
    assert bounded_mb(large, 100 * GB, 100 * GB) == 3073
    assert bounded_mb(large, 2 * GB, 100 * GB) == 1945  # 95 % of 2048
    assert bounded_mb(large, 100 * GB, 3 * GB) == 1536
    assert bounded_mb(large, 64 * MB, 100 * GB) == 256  # a container's default: Ray itself goes to a disk then


def test_a_size_that_the_recipe_names_stays_and_a_joined_ray_has_its_own() -> None:
    warned: list[str] = []
    for change in ("cluster.object_store_mb=100", "cluster.object_store_mb=999999999", "cluster.address=auto"):
        named = recipe(change)
        assert with_object_store(named, warned.append) is named.cluster
    assert with_object_store(recipe(), warned.append).object_store_mb == 256
    assert not warned


def test_a_model_of_unknown_size_and_one_too_large_for_the_machine_are_warned_about() -> None:
    warned: list[str] = []
    assert with_object_store(recipe("model=nobody/nothing"), warned.append).object_store_mb == 256
    (line,) = warned
    assert "model 'nobody/nothing'" in line and "set cluster.object_store_mb" in line and "\n" not in line
    warned.clear()
    huge = recipe("model=Qwen/Qwen2.5-72B", "dtype=float32", "stages.stage1.sampling.max_new_tokens=10000000000")
    mb = with_object_store(huge, warned.append).object_store_mb
    (line,) = warned
    assert line.startswith(f"the object store has {mb} MB, the run needs ") and "3 weight versions of 277" in line
    assert "files on disk" in line and "\n" not in line


def folders_of_the_store() -> set[str]:
    """Where the memory lies that the store of the running Ray has mapped; a file on disk takes what has no room."""
    maps = Path(f"/proc/{process_of_our_ray('raylet').pid}/maps").read_text().splitlines()
    paths = [line.split(maxsplit=5)[5] for line in maps if "/plasma" in line]
    return {str(Path(path).parent) for path in paths}


@pytest.mark.skipif(min(free_shared_memory(), free_and_total_memory()[0]) < 4 * GB, reason="needs 4 GB of memory")
def test_weights_larger_than_256_mb_stay_in_shared_memory(tmp_path: Path, tokenizer: Any) -> None:
    sizes: dict[str, Any] = {"hidden_size": 1024, "intermediate_size": 11776, "num_hidden_layers": 2}
    heads: dict[str, Any] = {"num_attention_heads": 8, "num_key_value_heads": 8, "tie_word_embeddings": True}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), **sizes, **heads))
    save_model(model, tokenizer, tmp_path / "model")
    num_bytes = 4 * sum(parameter.numel() for parameter in model.parameters())
    del model
    assert num_bytes > 300 * MB
    changes = {"model": str(tmp_path / "model"), "dtype": "float32"}
    large = small_rl(tmp_path, BASE).model_copy(update=changes)
    warned: list[str] = []
    cluster = with_object_store(large, warned.append)
    assert not warned and cluster.object_store_mb is not None and cluster.object_store_mb * MB > 3 * num_bytes
    one = cluster.model_copy(update={"rollout": cluster.rollout.model_copy(update={"workers": 1})})
    settings = TrainerSettings(
        model=large.model, dtype="float32", algorithm=CATALOGUE["grpo"], optimizer=Optimizer(), temperature=0.7,
        max_new_tokens=8, micro_batch_tokens=64, minibatches=1, seed=0, threads=1,
    )  # fmt: skip
    workers = RayWorkerGroup(one)
    try:
        workers.start_engines(engine_settings(large, large.model))
        workers.start_trainer(settings, None)
        for version in (1, 2, 3):  # each is compared with the trainer
            workers.sync_weights(version)
            assert folders_of_the_store() == {"/dev/shm"}
    finally:
        workers.close()

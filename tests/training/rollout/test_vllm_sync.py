"""Weights on their way into vLLM, through openqwq's own worker code: bit for bit, bucket by bucket, in vLLM's order of
calls, from a mapped file or a broadcast, asleep or awake. vLLM itself is a stand-in."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from openqwq.training.backends.gathering import WeightGatherer
from openqwq.training.config import RolloutRole
from openqwq.training.errors import EngineError
from openqwq.training.rollout import vllm_engine as engine_module
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.weight_sync import push, sending
from openqwq.training.weight_sync.arrays import to_arrays
from openqwq.training.weight_sync.broadcast import Rendezvous, join
from openqwq.training.weight_sync.buckets import ArraySpec, plan_buckets
from tests.training.rollout import recording_vllm
from tests.training.rollout.recording_vllm import AsyncLLM, reloads
from tests.training.rollout.small_decoders import make_model

LIMIT = 3000
"""Bytes of a bucket; the model's 25 arrays need several."""


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(push, "plan_buckets", partial(plan_buckets, limit=LIMIT))
        yield from recording_vllm.install(tmp_path_factory.mktemp("vllm"), patch)


class Receiver(nn.Module):
    """A model of vLLM, which keeps the tensors that it is given as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.got: dict[str, torch.Tensor] = {}

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        for name, tensor in weights:
            assert name not in self.got
            self.got[name] = tensor


def make_transfer(rank: int = 0, device: str = "cpu") -> Any:
    from openqwq.training.rollout.vllm_worker import BucketTransfer

    config = SimpleNamespace(parallel_config=SimpleNamespace(rank=rank), model_config="its config")
    return BucketTransfer(None, config, torch.device(device), Receiver())


@pytest.fixture
def engine(vllm: None) -> Iterator[Any]:
    started = engine_module.VLLMEngine("some/model", "bfloat16", [], RolloutRole(engine="vllm"))
    AsyncLLM.last.transfer = make_transfer()
    reloads.clear()
    yield started
    started.close()


def arrays_of(seed: int, dtype: str = "float32") -> dict[str, np.ndarray]:
    return to_arrays(dict(make_model("qwen3", seed).named_parameters()), dtype)


def arrived() -> dict[str, torch.Tensor]:
    got: dict[str, torch.Tensor] = AsyncLLM.last.transfer.model.got
    return got


def names(calls: Iterable[tuple[Any, ...]]) -> list[str]:
    return [call[0] for call in calls]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_arrive_bit_for_bit_through_a_file_that_holds_one_bucket_at_a_time(engine: Any, dtype: str) -> None:
    for version, seed in ((7, 1), (8, 2)):
        arrays = arrays_of(seed, dtype)
        arrived().clear()
        engine.load_weights(version, arrays)
        assert arrived().keys() == arrays.keys()
        for name, array in arrays.items():
            bits = torch.from_numpy(array).view(torch.bfloat16) if dtype == "bfloat16" else torch.from_numpy(array)
            assert arrived()[name].dtype == bits.dtype and torch.equal(arrived()[name], bits)
        assert engine.weights_version == version
    updates = [call[1] for call in AsyncLLM.last.calls if call[0] == "update"]
    assert len(updates) > 8 and all(len(info["buckets"]) == 1 and not info["is_broadcast"] for info in updates)


def test_a_sync_keeps_to_vllms_order_and_clears_what_was_computed_with_old_weights(engine: Any) -> None:
    engine.load_weights(7, arrays_of(1))
    calls = AsyncLLM.last.calls
    middle = ["update"] * (len(calls) - 5)
    assert names(calls) == ["init", "pause", "start", *middle, "finish", "resume"]
    assert calls[1] == ("pause", "keep", True)
    assert calls[-2] == ("finish", "7")
    model = AsyncLLM.last.transfer.model
    assert reloads == [("begin", model), ("end", model, "its config")]
    calls.clear()
    arrived().clear()
    engine.load_weights(8, arrays_of(2))
    assert names(calls) == ["pause", "start", *middle, "finish", "resume"]  # the workers have the file


def test_the_file_is_as_large_as_the_largest_bucket_and_has_no_name_once_it_is_mapped(engine: Any) -> None:
    sizes: list[int] = []
    transfer = AsyncLLM.last.transfer
    begin = transfer.init_transfer_engine

    def look(info: Any) -> None:
        sizes.append(Path(info.path).stat().st_size)
        begin(info)

    transfer.init_transfer_engine = look
    small = {"a": np.arange(10, dtype=np.float32)}
    for version, arrays in ((1, small), (2, small), (3, arrays_of(1))):
        arrived().clear()
        engine.load_weights(version, arrays)
    largest = max(bucket.size for bucket in plan_buckets(_specs(arrays_of(1)), limit=LIMIT))
    assert sizes == [64, largest]
    assert list(Path(engine._folder.name).iterdir()) == []
    transfer.shutdown()
    assert (transfer._memory, transfer._group) == (None, None)


def _specs(arrays: dict[str, np.ndarray]) -> list[ArraySpec]:
    return [ArraySpec(name, "float32", array.shape) for name, array in arrays.items()]


def test_an_engine_that_sleeps_is_woken_weights_first_and_its_cache_after_the_sync(engine: Any) -> None:
    engine._can_sleep = True
    engine.load_weights(1, arrays_of(1))
    AsyncLLM.last.calls.clear()
    engine.sleep(keeps_weights=False)
    engine.sleep(keeps_weights=True)  # it sleeps already
    with pytest.raises(EngineError, match="sleeps without weights: sync some before it generates"):
        list(engine.generate([GenerationRequest(0, (3,), 0, 1)]))
    assert AsyncLLM.last.calls == [("sleep", 2)]
    arrived().clear()
    engine.load_weights(2, arrays_of(2))
    calls = [call for call in AsyncLLM.last.calls if call[0] != "update"]
    assert calls[1:] == [
        ("wake_up", ["weights"]), ("pause", "keep", True), ("start",), ("finish", "2"), ("wake_up", ["kv_cache"]),
        ("resume",),
    ]  # fmt: skip
    AsyncLLM.last.calls.clear()
    assert len(list(engine.generate([GenerationRequest(0, (3,), 0, 1)]))) == 1
    assert AsyncLLM.last.calls == []


def test_an_engine_that_sleeps_with_its_weights_wakes_when_it_generates(engine: Any) -> None:
    engine._can_sleep = True
    engine.sleep(keeps_weights=True)
    assert len(list(engine.generate([GenerationRequest(0, (3,), 0, 1)]))) == 1
    assert AsyncLLM.last.calls == [("sleep", 1), ("wake_up", None)]
    list(engine.generate([GenerationRequest(0, (3,), 0, 1)]))
    assert len(AsyncLLM.last.calls) == 2
    engine.sleep(keeps_weights=True)
    assert AsyncLLM.last.calls[2:] == [("sleep", 1)]


def test_an_engine_without_a_gpu_does_not_sleep(engine: Any) -> None:
    engine.sleep(keeps_weights=False)
    assert AsyncLLM.last.calls == []


def test_one_broadcast_reaches_an_hf_engine_and_a_worker_of_a_vllm_engine(engine: Any) -> None:
    """Rank 0 sends, rank 1 is the hf engine; the vllm engine begins at rank 2, and this is its second worker."""
    source = make_model("qwen3", seed=4)
    specs = _specs(to_arrays(dict(source.named_parameters()), "float32"))
    AsyncLLM.last.transfer = make_transfer(rank=1)
    other = HFEngine(make_model("qwen3", seed=5), [])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rendezvous = Rendezvous("127.0.0.1", free.getsockname()[1], world_size=4, seconds=60.0)
    cpu = torch.device("cpu")
    with ThreadPoolExecutor() as threads:
        joined = [
            threads.submit(engine.join_broadcast, rendezvous, 2),
            threads.submit(other.join_broadcast, rendezvous, 1),
        ]
        joined.append(threads.submit(join, rendezvous, 2, cpu))  # type: ignore[arg-type]
        group = join(rendezvous, 0, cpu)
        first_worker = [each.result() for each in joined][2]
        buckets = plan_buckets(specs, limit=LIMIT)
        taken = [threads.submit(each.receive_weights, 9, buckets) for each in (engine, other)]
        taken.append(threads.submit(_receive, first_worker, buckets))  # type: ignore[arg-type]
        sending.send(buckets, WeightGatherer(source).gather_on_first, group, cpu)
        for each in taken:
            each.result()
    assert (engine.weights_version, other.weights_version) == (9, 9)
    ours = dict(other.model.named_parameters())
    for name, parameter in source.named_parameters():
        assert torch.equal(arrived()[name], parameter) and torch.equal(ours[name], parameter)
    calls = [call for call in AsyncLLM.last.calls if call[0] in ("init", "update")]
    assert [call[1].get("is_broadcast") for call in calls] == [None, True]
    assert len(calls[1][1]["buckets"]) == len(buckets) > 8


def _receive(group: Any, buckets: Any) -> None:
    from openqwq.training.weight_sync.broadcast import broadcast

    for bucket in buckets:
        broadcast(group, torch.empty(bucket.size, dtype=torch.uint8))


def test_a_worker_registers_its_transport_and_waits_for_its_gpu(vllm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from openqwq.training.rollout import vllm_worker

    assert recording_vllm.WeightTransferEngineFactory.engines == {"openqwq": vllm_worker.BucketTransfer}
    waits: list[str] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: waits.append("waited"))
    for device, expected in (("cpu", 0), ("meta", 1)):
        transfer = make_transfer(device=device)
        transfer.update_weights({"buckets": [], "is_broadcast": False})
        assert len(waits) == expected
    reloads.clear()
    transfer.finish_weight_update()
    assert names(reloads) == ["end"]  # a GPU multiplies by the weights themselves


def test_a_worker_receives_a_broadcast_on_its_own_device(vllm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from openqwq.training.rollout import vllm_worker

    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(vllm_worker, "broadcast", lambda group, memory: seen.append((group, memory.device.type)))
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: None)
    transfer = make_transfer(device="meta")
    transfer._group = "its group"
    [bucket] = plan_buckets([ArraySpec("a", "float32", (3, 2))])
    transfer.update_weights({"buckets": [asdict(bucket)], "is_broadcast": True})
    assert seen == [("its group", "meta")]
    assert transfer.model.got["a"].shape == (3, 2)


def test_a_cpu_packs_tied_embeddings_again_and_nothing_else(vllm: None) -> None:
    transfer = make_transfer()
    model = transfer.model
    model.head, model.plain, model.empty = nn.Embedding(3, 2), nn.Linear(2, 2), nn.Embedding(3, 0)
    model.bare = nn.Module()
    for module in (model.head, model.empty, model.bare):
        module.cpu_linear = "packed"
    reloads.clear()
    transfer.finish_weight_update()
    assert reloads == [("end", model, "its config"), ("pack", model.head, False)]

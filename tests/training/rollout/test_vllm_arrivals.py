"""Requests that arrive while the vllm engine samples, against the stand-in of vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from openqwq.training.config import RolloutRole
from openqwq.training.errors import EngineError
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.seeds import derive_seed
from tests.training.rollout import recording_vllm
from tests.training.rollout.recording_vllm import AsyncLLM
from tests.training.rollout.scripted_arrivals import Script

CONTEXT = (3, 7, 1, 4)


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        yield from recording_vllm.install(tmp_path_factory.mktemp("vllm"), patch)


@pytest.fixture
def engine(vllm: None) -> Iterator[Any]:
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    started = VLLMEngine("some/model", "bfloat16", (), RolloutRole(engine="vllm"))
    yield started
    started.close()


def requests_of(count: int, limit: int = 6) -> list[GenerationRequest]:
    return [GenerationRequest(i, (*CONTEXT, i % 3), derive_seed("vllm", i), limit + i % 4) for i in range(count)]


def test_requests_that_arrive_get_the_tokens_that_they_get_alone(engine: Any) -> None:
    requests = requests_of(9)
    script = Script({1: requests[3:4], 2: requests[4:8], 40: requests[8:]})
    results = {result.key: result for result in engine.generate(requests[:3], script)}
    assert script.is_over and len(results) == 9
    for request in requests:
        [alone] = engine.generate([request])
        assert results[request.key] == alone


def test_a_request_joins_while_another_is_sampled_and_a_key_may_come_again(engine: Any) -> None:
    AsyncLLM.last.stays_at = 3
    slow, quick = requests_of(2, limit=9)
    again = replace(quick, tokens=(*CONTEXT, 5), max_new_tokens=2)
    results: list[Generated] = []
    for result in engine.generate([slow, replace(quick, max_new_tokens=2)], Script({3: [again]})):
        results.append(result)
        if len(results) == 2:
            AsyncLLM.last.stays_at = None
    assert [(result.key, len(result.tokens)) for result in results] == [(1, 2), (1, 2), (0, 9)]
    assert len(AsyncLLM.last.requests) == 3  # by names of their own


def test_the_engine_waits_for_arrivals_when_nothing_is_left_to_sample(engine: Any) -> None:
    first, second = requests_of(2)
    script = Script({10_000: [second]})
    assert [result.key for result in engine.generate([first], script)] == [0, 1]
    assert len(script.blocked) == 2
    assert list(engine.generate([], lambda block: None)) == []


def test_an_abort_spares_what_is_kept_and_cuts_what_runs_and_what_arrives_later(engine: Any) -> None:
    AsyncLLM.last.stays_at = 3
    requests = [replace(request, max_new_tokens=9) for request in requests_of(6)]
    note = Generated(-5, (), (), "stop")
    results: list[Generated] = []
    for result in engine.generate(requests[:3], Script({20: [note, requests[3]], 40: requests[4:]})):
        results.append(result)
        if result is note:
            engine.abort(keep=[1, 4])
        if len(results) == 5:
            AsyncLLM.last.stays_at = None
    assert results[0] is note
    ended = {result.key: (len(result.tokens), result.finish_reason) for result in results[1:]}
    assert ended == {
        0: (3, "abort"), 1: (9, "length"), 2: (3, "abort"), 3: (0, "abort"), 4: (9, "length"), 5: (0, "abort"),
    }  # fmt: skip
    assert [len(tokens) for tokens, _ in AsyncLLM.last.requests.values()] == [5] * 4  # vLLM never sees 3 and 5
    assert len(list(engine.generate(requests))) == 6


def test_an_abort_that_comes_before_its_request_is_sent_again(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from openqwq.training.rollout import vllm_engine

    monkeypatch.setattr(vllm_engine, "REPEAT_SECONDS", 0.02)
    llm = AsyncLLM.last
    llm.stays_at, generate, abort = 2, llm.generate, llm.abort
    accepted: set[str] = set()
    is_accepting = asyncio.Event()

    async def slowly_accepted(prompt: Mapping[str, Any], parameters: Any, request_id: str) -> Any:
        if request_id.endswith("-1"):
            await is_accepting.wait()
        accepted.add(request_id)
        async for output in generate(prompt, parameters, request_id):
            yield output

    async def known_only(request_ids: Sequence[str]) -> None:
        await abort([request_id for request_id in request_ids if request_id in accepted])
        is_accepting.set()

    monkeypatch.setattr(llm, "generate", slowly_accepted)
    monkeypatch.setattr(llm, "abort", known_only)
    first, second = requests_of(2)
    results = []
    for result in engine.generate([replace(first, max_new_tokens=1)], Script({1: [second]})):
        results.append(result)
        engine.abort()
    assert [(result.key, result.finish_reason) for result in results] == [(0, "length"), (1, "abort")]


def test_an_error_among_those_that_arrive_ends_the_call_and_its_requests(engine: Any) -> None:
    AsyncLLM.last.stays_at = 2
    refused = GenerationRequest(7, (1,) * 60, 0, 4)
    with pytest.raises(EngineError, match="vLLM refuses a request: the prompt has 60 tokens"):
        list(engine.generate(requests_of(2), Script({1: [refused]})))
    assert AsyncLLM.last.calls == [("abort", ["0-0", "0-1"])]

    def broken(block: bool) -> Any:
        raise ConnectionError("no more tools")

    with pytest.raises(ConnectionError, match="no more tools"):
        list(engine.generate(requests_of(2), broken))
    stream = engine.generate(requests_of(2, limit=1), Script({10_000: requests_of(3)[2:]}))
    next(stream)
    stream.close()
    AsyncLLM.last.stays_at = None
    assert len(list(engine.generate(requests_of(3)))) == 3


def test_a_sleeping_engine_wakes_before_it_waits_for_the_first_request(engine: Any) -> None:
    engine._can_sleep = True  # as on a GPU
    engine.sleep(keeps_weights=True)
    assert [result.key for result in engine.generate([], Script({0: requests_of(1)}))] == [0]
    assert AsyncLLM.last.calls == [("sleep", 1), ("wake_up", None)]

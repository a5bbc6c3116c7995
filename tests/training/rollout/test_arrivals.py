"""Requests that arrive while the hf engine decodes: they get the tokens that they would get alone, in both ways of
decoding, whenever they come, and the engine waits for them only when nothing is left to decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.errors import EngineError
from openqwq.training.rollout import decoding_batch
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.kv_cache import Part, gathered, left_padding
from openqwq.training.seeds import derive_seed
from tests.training.rollout.scripted_arrivals import Script
from tests.training.rollout.small_decoders import VOCABULARY, make_model

STOPS = [1, 6]
SETTINGS = [(1.0, 1.0, 0), (0.7, 0.9, 0), (1.6, 1.0, 5), (1.3, 0.8, 6), (0.0, 1.0, 0)]
KINDS = ["qwen3", "olmo2", "gpt2"]


def requests_of(count: int, limit: int = 14) -> list[GenerationRequest]:
    """Contexts of 1 to 30 tokens and all settings; some of them are the same context."""
    lengths = [4, 30, 1, 13, 4, 22, 7]
    return [
        GenerationRequest(
            10 + 3 * i,
            tuple((5 * p + i % 3) % VOCABULARY for p in range(lengths[i % 7])),
            derive_seed("arrivals", i),
            limit - i % 5,
            *SETTINGS[i % 5],
        )
        for i in range(count)
    ]


@pytest.fixture(autouse=True)
def _caches_grow_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_batch, "LEAST_ROOM", 3)


ALONE: dict[tuple[str, int], Generated] = {}


def alone(kind: str, requests: Sequence[GenerationRequest]) -> dict[int, Generated]:
    """What each request gets in a batch of its own."""
    for request in requests:
        if (kind, request.key) not in ALONE:
            [ALONE[kind, request.key]] = HFEngine(make_model(kind), STOPS).generate([request])
    return {request.key: ALONE[kind, request.key] for request in requests}


def check_as_alone(kind: str, results: Sequence[Generated], requests: Sequence[GenerationRequest]) -> None:
    assert sorted(result.key for result in results) == sorted(request.key for request in requests)
    whole = alone(kind, requests)
    for result in results:
        expected = whole[result.key]
        assert (result.tokens, result.finish_reason) == (expected.tokens, expected.finish_reason)
        assert result.logprobs == pytest.approx(expected.logprobs, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5)
@given(st.lists(st.integers(0, 40), min_size=12, max_size=12), st.sampled_from([1, 3, 7, 256]))
def test_requests_that_arrive_at_any_time_get_the_tokens_that_they_get_alone(
    kind: str, when: list[int], max_batch: int
) -> None:
    requests = requests_of(len(when))
    coming: dict[int, list[GenerationRequest]] = {}
    for poll, request in zip(when, requests, strict=True):
        coming.setdefault(poll, []).append(request)
    first = coming.pop(0, [])
    script = Script(coming)
    results = list(HFEngine(make_model(kind), STOPS, max_batch).generate(first, script))
    assert script.is_over
    check_as_alone(kind, results, requests)


def test_a_turn_joins_after_the_other_turn_of_its_sample_has_ended() -> None:
    """As in a conversation: what arrives depends on what has ended, and a key comes again."""
    model, turns = make_model("qwen3"), 3
    starts = [replace(request, temperature=0.0) for request in requests_of(6)]
    contexts = {request.key: request.tokens for request in starts}
    ended: list[GenerationRequest] = []
    turn = dict.fromkeys(contexts, 1)

    def arrivals(block: bool) -> list[GenerationRequest] | None:
        if block and not ended:
            return None
        arrived, ended[:] = list(ended), []
        return arrived

    for result in HFEngine(model, STOPS).generate(starts, arrivals):
        contexts[result.key] += (*result.tokens, 9, 2)
        if turn[result.key] < turns:
            turn[result.key] += 1
            ended.append(GenerationRequest(result.key, contexts[result.key], 0, 10, temperature=0.0))
    for request in starts:
        tokens = request.tokens
        for number in range(turns):
            limit = request.max_new_tokens if number == 0 else 10
            [one] = HFEngine(model, STOPS).generate([replace(request, tokens=tokens, max_new_tokens=limit)])
            tokens = (*tokens, *one.tokens, 9, 2)
        assert contexts[request.key] == tokens


def test_the_engine_waits_only_when_nothing_is_left_to_decode() -> None:
    requests = requests_of(3)
    script = Script({4: requests[1:2], 60: requests[2:]})
    unfinished = {requests[0].key}

    def arrivals(block: bool) -> Any:
        assert block == (not unfinished)
        arrived = script(block)
        unfinished.update(request.key for request in arrived or ())
        return arrived

    for result in HFEngine(make_model("llama"), []).generate(requests[:1], arrivals):
        unfinished.discard(result.key)
    assert len(script.blocked) == 1 and script.polls >= 60  # for the last request


def test_without_requests_the_engine_waits_for_the_first_and_an_empty_answer_is_no_end() -> None:
    requests = requests_of(2)
    answers = iter([(), (), requests, None])
    results = list(HFEngine(make_model("llama"), STOPS).generate([], lambda block: next(answers)))
    check_as_alone("llama", results, requests)
    assert list(HFEngine(make_model("llama"), STOPS).generate([], lambda block: None)) == []


def test_no_more_rows_are_decoded_than_the_batch_may_hold_and_the_others_wait_their_turn() -> None:
    model, rows = make_model("olmo2"), []
    model.register_forward_hook(lambda module, given, out: rows.append(out.logits.shape[0]))
    requests = requests_of(14)
    results = list(HFEngine(model, STOPS, max_batch=4).generate(requests[:6], Script({2: requests[6:]})))
    assert max(rows) == 4
    check_as_alone("olmo2", results, requests)


def test_requests_that_come_one_by_one_are_prefilled_in_groups() -> None:
    model, widths = make_model("olmo2"), []
    model.register_forward_pre_hook(
        lambda module, args, given: widths.append(given["input_ids"].shape), with_kwargs=True
    )
    long = [GenerationRequest(i, (3, 7, i % 5), i, 60) for i in range(16)]
    script = Script({n: [GenerationRequest(100 + n, (4, 8), n, 60)] for n in range(1, 17)})
    assert len(list(HFEngine(model, []).generate(long, script))) == 32
    prefilled = [tuple(shape) for shape in widths if shape[1] > 1]
    assert sum(rows for rows, _ in prefilled[1:]) <= 16  # one context, which each group computes once
    assert 2 <= len(prefilled) - 1 <= 8


@pytest.mark.parametrize("max_batch", [2, 5, 256])
def test_an_abort_spares_what_is_kept_and_cuts_what_runs_what_waits_and_what_arrives_later(max_batch: int) -> None:
    requests = requests_of(15)
    keep = {requests[i].key for i in (1, 4, 12)}
    engine = HFEngine(make_model("qwen3"), STOPS, max_batch)
    script = Script({3: requests[8:11], 9: requests[11:13], 20: requests[13:]})
    results = []
    for result in engine.generate(requests[:8], script):
        results.append(result)
        if len(results) == 2:
            engine.abort(keep)
    assert sorted(r.key for r in results) == sorted(r.key for r in requests)
    whole = alone("qwen3", requests)
    for result in results:
        expected = whole[result.key]
        if result.finish_reason != "abort":
            assert (result.tokens, result.finish_reason) == (expected.tokens, expected.finish_reason)
        else:
            assert result.key not in keep and result.tokens == expected.tokens[: len(result.tokens)]
    assert sum(result.finish_reason == "abort" for result in results) >= 6
    late = [result for result in results if result.key in (requests[13].key, requests[14].key)]
    assert all((result.tokens, result.finish_reason) == ((), "abort") for result in late)
    check_as_alone("qwen3", list(engine.generate(requests[:3], Script({2: requests[3:5]}))), requests[:5])


def test_what_has_ended_elsewhere_is_passed_on_at_once() -> None:
    requests = requests_of(2)
    note = Generated(-5, (), (), "stop")
    engine, results = HFEngine(make_model("llama"), []), []
    for result in engine.generate(requests, Script({2: [note], 90: [note]})):
        results.append(result)
        if result is note and len(results) == 1:
            engine.abort()
    assert [(r.key, len(r.tokens), r.finish_reason) for r in results] == [
        (-5, 0, "stop"), (10, 3, "abort"), (13, 3, "abort"), (-5, 0, "stop"),
    ]  # fmt: skip


def test_a_row_that_joins_ends_at_the_context_that_the_model_holds() -> None:
    model = make_model("gpt2")  # it holds 64 tokens
    context = tuple(p % VOCABULARY for p in range(63))
    joining = [GenerationRequest(1, context, 5, 30), GenerationRequest(2, context[:50], 6, 30)]
    requests = [GenerationRequest(0, (3, 7), 4, 40), *joining]
    results = {r.key: r for r in HFEngine(model, []).generate(requests[:1], Script({3: joining}))}
    assert {key: (len(r.tokens), r.finish_reason) for key, r in results.items()} == {
        0: (40, "length"), 1: (1, "length"), 2: (14, "length"),
    }  # fmt: skip
    for request in requests:
        [expected] = HFEngine(model, []).generate([request])
        assert results[request.key].tokens == expected.tokens


def test_an_error_ends_the_call_and_the_engine_goes_on() -> None:
    engine = HFEngine(make_model("gpt2"), STOPS)
    full = GenerationRequest(1, (3,) * 64, 5, 30)
    with pytest.raises(EngineError, match="a context has 64 tokens and no room for another, the model holds 64"):
        list(engine.generate(requests_of(2), Script({1: [full]})))

    def broken(block: bool) -> Any:
        raise ConnectionError("no more tools")

    with pytest.raises(ConnectionError, match="no more tools"):
        list(engine.generate(requests_of(2), broken))
    stream: Iterator[Generated] = engine.generate(requests_of(5), Script({50: requests_of(7)[5:]}))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    check_as_alone("gpt2", list(engine.generate(requests_of(3))), requests_of(3))


@pytest.mark.parametrize("kind", ["qwen3", "olmo2"])
def test_every_tensor_of_an_open_batch_is_made_on_the_models_device(kind: str) -> None:
    requests, model = requests_of(7), make_model(kind)
    with torch.device("meta"):
        results = list(HFEngine(model, STOPS).generate(requests[:4], Script({3: requests[4:]})))
    check_as_alone(kind, results, requests)


def test_gathered_rows_stand_before_one_column_and_nothing_unwritten_is_before_it() -> None:
    first = torch.arange(2 * 1 * 5 * 2.0).view(2, 1, 5, 2) + 1
    second = torch.full((1, 1, 9, 2), 70.0)
    parts = [Part(first, torch.tensor([1]), 3), Part(second, torch.tensor([0]), 8), Part(first, torch.tensor([0]), 3)]
    whole = gathered(parts, width=4, capacity=6)
    assert whole.shape == (3, 1, 6, 2)
    assert torch.equal(whole[0, 0, :4], torch.cat([torch.zeros(1, 2), first[1, 0, :3]]))
    assert torch.equal(whole[1, 0, :4], second[0, 0, :4])
    assert torch.equal(whole[2, 0, :4], torch.cat([torch.zeros(1, 2), first[0, 0, :3]]))
    assert left_padding(torch.tensor([3, 4, 0]), 4, 6).sum(1).tolist() == [1, 0, 4]

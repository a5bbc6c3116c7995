"""What the vllm engine asks of vLLM, and what it makes of the answers, against a stand-in that samples by vLLM's
definitions. `test_vllm_engine.py` holds the engine against the real one where it is installed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from openqwq.training.config import RolloutRole
from openqwq.training.errors import EngineError, WorkerLost
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.seeds import derive_seed
from tests.training.rollout import recording_vllm
from tests.training.rollout.recording_vllm import AsyncLLM, RequestOutputKind
from tests.training.rollout.small_decoders import (
    VOCABULARY,
    chosen_from,
    deviation,
    logits_after,
    make_model,
    pairs_from,
    softmax,
)

CONTEXT = (3, 7, 1, 4)


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        yield from recording_vllm.install(tmp_path_factory.mktemp("vllm"), patch)


@pytest.fixture
def engine(vllm: None) -> Iterator[Any]:
    started = start_engine()
    yield started
    started.close()


def start_engine(stops: Sequence[int] = (), role: RolloutRole | None = None, model: str = "some/model") -> Any:
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    return VLLMEngine(model, "bfloat16", stops, role or RolloutRole(engine="vllm"))


def requests(count: int, limit: int = 2, **settings: Any) -> list[GenerationRequest]:
    return [GenerationRequest(i, CONTEXT, derive_seed("vllm", i), limit, **settings) for i in range(count)]


def test_a_request_asks_for_its_own_settings_and_for_nothing_else(vllm: None) -> None:
    engine = start_engine(stops=(7, 2))
    request = GenerationRequest(5, (*CONTEXT, 8, 8), 2**62 + 11, 20, 0.7, 0.9, 6, num_sampled=2)
    list(engine.generate([request]))
    list(engine.generate([replace(request, key=6)]))
    (context, parameters), (_, again) = AsyncLLM.last.requests.values()
    assert list(AsyncLLM.last.requests) == ["0-5", "1-6"]  # a later call never meets the name of an earlier one
    assert context == [*CONTEXT, 8, 8]
    assert parameters == again == recording_vllm.SamplingParams(
        temperature=0.7, top_p=0.9, top_k=6, seed=derive_seed(2**62 + 11, "drawn", 2), max_tokens=18,
        stop_token_ids=[2, 7], ignore_eos=True, logprobs=0, flat_logprobs=True, detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )  # fmt: skip
    engine.close()


@pytest.mark.parametrize("setting", [(1.0, 0, 1.0), (0.6, 0, 1.0), (1.6, 4, 0.8)])
def test_samples_have_the_frequencies_of_the_exact_probabilities(
    engine: Any, setting: tuple[float, int, float]
) -> None:
    temperature, top_k, top_p = setting
    wanted = requests(500, temperature=temperature, top_k=top_k, top_p=top_p)
    drawn = [generated.tokens for generated in engine.generate(wanted)]
    assert deviation(drawn, pairs_from(AsyncLLM.last.model, CONTEXT, *setting)) < 3.9


def test_samples_that_were_cut_have_the_frequencies_of_samples_that_were_not(engine: Any) -> None:
    firsts = {generated.key: generated for generated in engine.generate(requests(500, limit=1, temperature=1.5))}
    rest = [
        replace(r, tokens=(*r.tokens, *firsts[r.key].tokens), num_sampled=1) for r in requests(500, temperature=1.5)
    ]
    drawn = [(firsts[g.key].tokens[0], *g.tokens) for g in engine.generate(rest)]
    assert deviation(drawn, pairs_from(AsyncLLM.last.model, CONTEXT, 1.5)) < 3.9


def test_log_probabilities_are_at_the_temperature_and_of_the_truncated_distribution(engine: Any) -> None:
    model = AsyncLLM.last.model
    for generated in engine.generate(requests(8, limit=4, temperature=0.7, top_k=5)):
        context = [*CONTEXT, *generated.tokens]
        rows = logits_after(model, context)[len(CONTEXT) - 1 : -1]
        expected = [np.log(chosen_from(row, 0.7, 5)[t]) for row, t in zip(rows, generated.tokens, strict=True)]
        assert generated.logprobs == pytest.approx(expected, abs=1e-5)


def test_the_same_seed_gives_the_same_sample_and_other_seeds_give_others(engine: Any) -> None:
    first, again = ({g.key: g for g in engine.generate(requests(12, limit=5))} for _ in range(2))
    assert first == again
    assert len({generated.tokens for generated in first.values()}) > 8


def test_completions_end_with_our_stop_tokens_and_not_with_those_of_the_checkpoint(vllm: None) -> None:
    engine = start_engine(stops=(0, 5))
    results = {g.key: g for g in engine.generate(requests(40, limit=6))}
    assert any(AsyncLLM.EOS in g.tokens[:-1] for g in results.values())
    for generated in results.values():
        assert (generated.tokens[-1] in (0, 5)) == (generated.finish_reason == "stop")
        assert not {0, 5} & set(generated.tokens[:-1])
    assert {g.finish_reason for g in results.values()} == {"stop", "length"}
    engine.close()


def test_completions_come_as_they_end_and_an_abort_returns_the_others_as_they_are(engine: Any) -> None:
    AsyncLLM.last.stays_at = 3
    limits = [9, 2, 9, 9, 1]
    results: list[Generated] = []
    for generated in engine.generate(
        [replace(r, key=10 + i, max_new_tokens=limits[i]) for i, r in enumerate(requests(5))]
    ):
        results.append(generated)
        if len(results) == 2:
            AsyncLLM.last.requests.clear()
            engine.abort(keep=[12])
            AsyncLLM.last.calls.append(("between",))
        if len(results) == 4:
            engine.abort(keep=[12, 99])  # nothing is left to abort
            AsyncLLM.last.stays_at = None
    assert sorted(g.key for g in results[:2]) == [11, 14]
    assert {g.key: (len(g.tokens), g.finish_reason) for g in results} == {
        10: (3, "abort"), 11: (2, "length"), 12: (9, "length"), 13: (3, "abort"), 14: (1, "length"),
    }  # fmt: skip
    assert AsyncLLM.last.calls == [("abort", ["0-10", "0-13"]), ("between",)]


def test_a_caller_that_stops_reading_ends_the_requests_that_still_run(engine: Any) -> None:
    AsyncLLM.last.stays_at = 2
    stream = engine.generate([*requests(3, limit=9), replace(requests(1)[0], key=7, max_new_tokens=1)])
    assert next(stream).key == 7
    stream.close()
    assert AsyncLLM.last.calls == [("abort", ["0-0", "0-1", "0-2"])]


def test_a_request_that_vllm_refuses_is_no_lost_worker_and_the_engine_goes_on(engine: Any) -> None:
    with pytest.raises(EngineError, match="vLLM refuses a request: the prompt has 60 tokens"):
        list(engine.generate([GenerationRequest(0, (1,) * 60, 0, 4)]))
    assert len(list(engine.generate(requests(2)))) == 2


class VLLMValidationError(Exception):
    """As in vLLM 0.32, where it is no ValueError any more."""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (VLLMValidationError("no"), EngineError, "vLLM refuses a request: no"),
        (ValueError("too long"), EngineError, "vLLM refuses a request: too long"),
        (RuntimeError("dead"), WorkerLost, "the vllm engine failed: RuntimeError: dead"),
    ],
)
def test_refused_requests_and_lost_engines_are_different_errors(
    engine: Any, error: Exception, kind: type[Exception], words: str
) -> None:
    def fail(request_id: str, output: SimpleNamespace) -> SimpleNamespace:
        raise error

    AsyncLLM.last.change = fail
    with pytest.raises(kind, match=words) as raised:
        list(engine.generate(requests(2)))
    assert raised.value.__cause__ is error
    assert isinstance(raised.value, WorkerLost) == (kind is WorkerLost)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"finish_reason": "error"}, "ended with error"), ({"finish_reason": None}, "ended with None"),
     ({"logprobs": None}, "2 tokens and 0 log-probabilities"),
     ({"token_ids": [1, 2, 3]}, "3 tokens and 2 log-probabilities")],
)  # fmt: skip
def test_an_answer_that_is_not_whole_is_an_error(engine: Any, fields: dict[str, Any], words: str) -> None:
    def damage(request_id: str, output: SimpleNamespace) -> SimpleNamespace:
        vars(output.outputs[0]).update(fields)
        return output

    AsyncLLM.last.change = damage
    with pytest.raises(WorkerLost, match=rf"request 0-\d .*{words}|{words}"):
        list(engine.generate(requests(1)))


def test_an_answer_that_never_comes_is_an_error(engine: Any) -> None:
    async def nothing(prompt: Any, parameters: Any, request_id: str) -> Any:
        for output in ():
            yield output

    AsyncLLM.last.generate = nothing  # type: ignore[method-assign]
    with pytest.raises(WorkerLost, match="request 0-0 ended with None"):
        list(engine.generate(requests(1)))


def test_an_engine_that_does_not_answer_in_time_is_lost(engine: Any) -> None:
    with pytest.raises(WorkerLost, match=r"the vllm engine did not answer in 0\.01 s"):
        engine._do(asyncio.sleep(1), 0.01)
    with pytest.raises(WorkerLost, match="the vllm engine failed: ZeroDivisionError"):
        engine._do(_divide())
    assert engine._do(asyncio.sleep(0, "answer")) == "answer"


def test_a_call_may_take_ten_minutes(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        """An answer that does not come."""

        def result(self, seconds: float) -> None:
            raise TimeoutError

    def late(work: Any, loop: Any) -> Late:
        work.close()
        return Late()

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "run_coroutine_threadsafe", late)
        with pytest.raises(WorkerLost, match=r"the vllm engine did not answer in 600 s"):
            engine.logprobs([1, 2])


async def _divide() -> float:
    return 1 / 0


def test_an_engine_that_cannot_start_is_no_worker_to_restart(vllm: None) -> None:
    with pytest.raises(EngineError, match="RuntimeError: no such checkpoint; vLLM's own message is above") as raised:
        start_engine(model="broken")
    assert not isinstance(raised.value, WorkerLost)


def test_the_check_log_probabilities_are_those_of_the_tokens_at_temperature_one(engine: Any) -> None:
    tokens = [5, 1, 9, 9, 3]
    rows = np.log(softmax(logits_after(make_model("qwen3"), tokens)))
    assert engine.logprobs(tokens) == pytest.approx([rows[i, t] for i, t in enumerate(tokens[1:])])
    [(name, (context, parameters))] = AsyncLLM.last.requests.items()
    assert (name, context) == ("check-0", tokens)
    assert parameters == recording_vllm.SamplingParams(
        temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False
    )
    assert engine.logprobs(tokens) and list(AsyncLLM.last.requests) == ["check-0", "check-1"]


def test_closing_ends_the_engine_its_loop_and_its_folder(vllm: None) -> None:
    from pathlib import Path

    before = threading.enumerate()
    engine = start_engine()
    [thread] = [t for t in threading.enumerate() if t.name == "vllm" and t not in before]
    assert thread.daemon  # a run that ends in an error does not wait for it
    folder = Path(engine._folder.name)
    assert folder.name.startswith("openqwq-weights-") and folder.is_dir()
    AsyncLLM.last.stays_at = 0
    waiting = asyncio.run_coroutine_threadsafe(engine._prompt_logprobs([1, 2]), engine._loop)
    engine.close()
    thread.join(10)
    assert AsyncLLM.last.calls == [("shutdown",)]
    assert (thread.is_alive(), folder.exists(), waiting.cancelled()) == (False, False, True)


def test_the_vocabulary_of_the_stand_in_is_the_one_of_the_frequencies() -> None:
    assert make_model("qwen3").config.vocab_size == VOCABULARY

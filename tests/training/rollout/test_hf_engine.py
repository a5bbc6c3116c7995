"""The hf engine: its tokens are transformers' tokens, its probabilities those of a full forward pass, and a sample
does not depend on the other samples of its batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from openqwq.training.errors import RecipeError
from openqwq.training.models import load_model
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from tests.training.rollout.small_decoders import VOCABULARY, make_model

PROMPTS = [(10, 20, 30), (40, 50, 60, 70, 80, 90, 100), (5,), (200, 300, 400, 500), (10, 20, 30)]


def request(key: int, tokens: tuple[int, ...], temperature: float = 1.3, limit: int = 24) -> GenerationRequest:
    return GenerationRequest(key, tokens, seed=1000 + key, max_new_tokens=limit, temperature=temperature)


def by_key(results: Any) -> dict[int, Generated]:
    return {result.key: result for result in results}


def test_greedy_tokens_are_those_of_transformers_generate(tiny_model: PreTrainedModel, tokenizer: Any) -> None:
    engine = HFEngine(tiny_model, [tokenizer.eos_token_id])
    ours = by_key(engine.generate([request(i, p, temperature=0.0) for i, p in enumerate(PROMPTS)]))
    for i, prompt in enumerate(PROMPTS):
        whole = tiny_model.generate(  # type: ignore[operator]
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False, max_new_tokens=24,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        assert ours[i].tokens == tuple(whole[0, len(prompt) :].tolist())


def test_greedy_tokens_of_the_shipped_model_are_those_of_transformers_generate(base: str, codec: Any) -> None:
    model = load_model(base).eval()
    end = codec.tokenizer.eos_token_id
    questions = ["Find 9+6*4-9.", "Write snow in bold.", "Write f(x): add 5, then multiply by 18."]
    prompts = [codec.prompt([{"role": "user", "content": q}], ())[0] for q in questions]
    engine = HFEngine(model, [end])
    ours = by_key(engine.generate([request(i, p, temperature=0.0, limit=40) for i, p in enumerate(prompts)]))
    for i, prompt in enumerate(prompts):
        whole = model.generate(  # type: ignore[operator]
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False, max_new_tokens=40,
            eos_token_id=end, pad_token_id=codec.tokenizer.pad_token_id,
        )  # fmt: skip
        assert ours[i].tokens == tuple(whole[0, len(prompt) :].tolist())


def test_a_sample_does_not_depend_on_the_others_of_its_batch() -> None:
    model = make_model("qwen2")
    contexts = [tuple(token % VOCABULARY for token in prompt) for prompt in PROMPTS]
    requests = [request(i, p, limit=4 + 2 * i) for i, p in enumerate(contexts * 2)]
    together = by_key(HFEngine(model, [3]).generate(requests))
    batches = by_key(HFEngine(model, [3], max_batch=4).generate(requests[::-1]))
    for one in requests:
        alone = next(iter(HFEngine(model, [3]).generate([one])))
        assert alone.tokens == together[one.key].tokens == batches[one.key].tokens
        assert alone.finish_reason == together[one.key].finish_reason
        assert alone.logprobs == pytest.approx(together[one.key].logprobs, abs=1e-4)


def test_samples_of_one_prompt_differ_by_their_seed_only(tiny_model: PreTrainedModel) -> None:
    engine = HFEngine(tiny_model, [3])
    sampled = by_key(engine.generate([request(i, PROMPTS[0]) for i in range(8)]))
    again = by_key(engine.generate([request(i, PROMPTS[0]) for i in range(8)]))
    assert sampled == again
    assert len({result.tokens for result in sampled.values()}) > 4
    same = by_key(engine.generate([replace(request(0, PROMPTS[0]), key=i) for i in range(3)]))
    assert {result.tokens for result in same.values()} == {sampled[0].tokens}


def test_every_bit_of_a_seed_makes_another_sample() -> None:
    engine = HFEngine(make_model("qwen2"), [])
    seeds = [0, *(2**bit for bit in range(63))]
    requests = [GenerationRequest(i, (3, 7), seed, max_new_tokens=24) for i, seed in enumerate(seeds)]
    assert len({result.tokens for result in engine.generate(requests)}) == 64


def test_a_request_without_settings_samples_from_the_whole_distribution() -> None:  # neutral: the defaults
    assert GenerationRequest(3, (1,), 7, 64) == GenerationRequest(3, (1,), 7, 64, 1.0, 1.0, 0, 0)
    assert HFEngine(make_model("qwen2"), []).max_batch == 256


def test_every_request_comes_back_once_with_its_own_key(tiny_model: PreTrainedModel) -> None:
    keys = [7, 3, 99, 12, 5]
    results = list(HFEngine(tiny_model, [3], max_batch=2).generate([request(k, PROMPTS[k % 5]) for k in keys]))
    assert sorted(result.key for result in results) == sorted(keys)
    assert list(HFEngine(tiny_model, [3]).generate([])) == []


def test_a_completion_ends_with_its_first_stop_token_or_at_its_own_limit(tiny_model: PreTrainedModel) -> None:
    stops = set(range(0, 600, 20))
    requests = [request(i, PROMPTS[i % 5], limit=1 + i) for i in range(30)]
    reasons = set()
    for result in HFEngine(tiny_model, sorted(stops)).generate(requests):
        assert len(result.tokens) == len(result.logprobs) <= 1 + result.key
        assert not stops & set(result.tokens[:-1])
        assert (result.tokens[-1] in stops) == (result.finish_reason == "stop")
        if result.finish_reason == "length":
            assert len(result.tokens) == 1 + result.key
        reasons.add(result.finish_reason)
    assert reasons == {"stop", "length"}


def test_the_check_log_probabilities_are_those_of_the_full_forward_pass(tiny_model: PreTrainedModel) -> None:
    tokens = [5, 100, 200, 300]
    with torch.no_grad():
        logprobs = torch.log_softmax(tiny_model(input_ids=torch.tensor([tokens])).logits[0], -1)
    expected = [float(logprobs[t, tokens[t + 1]]) for t in range(3)]
    assert HFEngine(tiny_model, [3]).logprobs(tokens) == pytest.approx(expected, abs=1e-5)


def test_a_model_with_a_sliding_window_is_refused_by_name() -> None:
    sizes = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
             "num_attention_heads": 2, "num_key_value_heads": 2, "sliding_window": 8}  # fmt: skip
    config = Qwen2Config(**sizes, use_sliding_window=True, max_window_layers=0)
    with pytest.raises(RecipeError, match=r"sliding_attention.*use rollout.engine=vllm"):
        HFEngine(Qwen2ForCausalLM(config), [3])
    HFEngine(Qwen2ForCausalLM(Qwen2Config(**sizes, use_sliding_window=False)), [3])
    with pytest.raises(RecipeError, match=r"a sliding window of 8; use"):  # which its configuration names for no layer
        HFEngine(MistralForCausalLM(MistralConfig(**sizes)), [3])
    HFEngine(MistralForCausalLM(MistralConfig(**(sizes | {"sliding_window": None}))), [3])

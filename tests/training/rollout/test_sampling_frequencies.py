"""Sampled tokens have the frequencies of the exact probabilities: temperature, top-k, top-p, their combination, every
position, every turn, and a sample that was cut. Limits are normal deviates at fixed seeds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch

from openqwq.training.config import Sampling
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.decoder import make_decoder
from openqwq.training.rollout.drawing import BLOCK, CANDIDATES, Drawing, Truncation, block_sums, inverse_cdf
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.seeds import derive_seed
from tests.training.rollout.small_decoders import (
    VOCABULARY,
    chosen_from,
    deviation,
    logits_after,
    make_model,
    pairs_from,
    softmax,
)
from tests.training.rollout.small_talks import ANSWER, CONTEXT, make_sampler, sampled, write_diary
from tests.training.small_records import make_prompt

LIMIT = 3.9
"""Of the normal deviate; exceeded by chance once in twenty thousand tests."""
SETTINGS = [(1.0, 0, 1.0), (0.6, 0, 1.0), (1.8, 0, 1.0), (1.0, 3, 1.0), (0.8, 0, 0.75), (1.5, 4, 0.7)]
"""Temperature, top-k, top-p."""
DECODERS = {"qwen3": "DenseDecoder", "olmo2": "TransformersDecoder"}


def requests_of(settings: Sequence[tuple[float, int, float]], count: int, limit: int = 2) -> list[GenerationRequest]:
    """`count` requests with each of the settings, which take turns."""
    return [
        GenerationRequest(
            key, CONTEXT, derive_seed("frequencies", key), limit, *_ordered(*settings[key % len(settings)])
        )
        for key in range(count * len(settings))
    ]


def _ordered(temperature: float, top_k: int, top_p: float) -> tuple[float, float, int]:
    return temperature, top_p, top_k


@pytest.mark.parametrize("kind", DECODERS)
def test_each_sample_of_a_mixed_batch_follows_its_own_settings(kind: str) -> None:
    model = make_model(kind)
    assert type(make_decoder(model, 8)).__name__ == DECODERS[kind]
    engine = HFEngine(model, [], max_batch=20_000)
    drawn: list[list[tuple[int, ...]]] = [[] for _ in SETTINGS]
    for generated in engine.generate(requests_of(SETTINGS, 1200)):
        drawn[generated.key % len(SETTINGS)].append(generated.tokens)
    expected = [pairs_from(model, CONTEXT, *setting) for setting in SETTINGS]
    assert {setting: deviation(drawn[i], expected[i]) for i, setting in enumerate(SETTINGS)} == pytest.approx(
        dict.fromkeys(SETTINGS, 0.0), abs=LIMIT
    )
    others = {(i, j): deviation(drawn[i], expected[j]) for i, j in product(range(6), repeat=2) if i != j}
    assert min(others.values()) > 2 * LIMIT  # the test tells the settings apart


@pytest.mark.parametrize("setting", [(0.7, 0, 1.0), (1.0, 0, 0.6), (1.0, 5, 1.0)])
def test_a_batch_of_one_setting_follows_it(setting: tuple[float, int, float]) -> None:
    model = make_model("llama")
    engine = HFEngine(model, [], max_batch=5000)
    drawn = [generated.tokens for generated in engine.generate(requests_of([setting], 1500))]
    assert deviation(drawn, pairs_from(model, CONTEXT, *setting)) < LIMIT


@pytest.mark.parametrize("kind", DECODERS)
def test_logged_probabilities_are_at_the_temperature_and_of_the_whole_vocabulary(kind: str) -> None:
    model = make_model(kind)
    for generated in HFEngine(model, []).generate(requests_of([*SETTINGS, (0.0, 0, 1.0)], 4, limit=5)):
        temperature = [*SETTINGS, (0.0, 0, 1.0)][generated.key % 7][0] or 1.0  # greedy tokens are logged at 1
        logits = logits_after(model, (*CONTEXT, *generated.tokens))[len(CONTEXT) - 1 : -1]
        expected = np.log(softmax(logits / temperature))[range(5), list(generated.tokens)]
        assert generated.logprobs == pytest.approx(expected, abs=1e-4)


def test_a_temperature_of_zero_takes_the_likeliest_token_beside_samples_that_are_drawn() -> None:
    model = make_model("qwen2")
    settings = [(0.0, 0, 1.0), (2.0, 0, 1.0)]
    results = list(HFEngine(model, []).generate(requests_of(settings, 20, limit=4)))
    for generated in results:
        likeliest = logits_after(model, (*CONTEXT, *generated.tokens))[len(CONTEXT) - 1 : -1].argmax(-1)
        assert (generated.tokens == tuple(likeliest)) == (generated.key % 2 == 0)


def truncated(probabilities: Sequence[float], top_k: int, top_p: float, num_candidates: int = 99) -> list[float]:
    """What Truncation leaves of exact probabilities; of more candidates than there are it looks at all."""
    weights = torch.tensor([list(probabilities)], dtype=torch.float64)
    truncation = Truncation([GenerationRequest(0, (1,), 0, 1, 1.3, top_p, top_k)], torch.device("cpu"))
    tokens, kept, is_short = truncation.kept(weights, weights.sum(1), torch.arange(1), num_candidates)
    assert not is_short.any()
    left = torch.zeros_like(weights).scatter(1, tokens, kept)
    return [round(float(x), 12) for x in left[0]]


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [
        (0, 1.0, [0, 1, 2, 3, 4]), (1, 1.0, [3]), (2, 1.0, [1, 3]), (9, 1.0, [0, 1, 2, 3, 4]),
        (0, 0.5, [3]), (0, 0.51, [1, 3]), (0, 0.75, [1, 3]), (0, 0.76, [1, 3, 4]), (0, 0.0001, [3]),
        (2, 0.66, [3]), (2, 0.67, [1, 3]), (3, 0.75, [1, 3]), (3, 0.86, [1, 3, 4]),
    ],
)  # fmt: skip
def test_the_kept_tokens_are_the_smallest_set_that_holds_top_p_of_the_top_k(
    top_k: int, top_p: float, kept: list[int]
) -> None:
    probabilities = [0.0625, 0.25, 0.0625, 0.5, 0.125]
    expected = [p if token in kept else 0.0 for token, p in enumerate(probabilities)]
    assert truncated(probabilities, top_k, top_p) == expected
    if top_p < 1 or top_k:
        assert truncated(probabilities, top_k, top_p, num_candidates=4) == expected


def test_top_p_is_held_against_in_double_precision() -> None:
    """The first token holds less than 0.7, but more than 0.7 rounded to single precision."""
    assert truncated([0.69999999, 0.2, 0.10000001], 0, 0.7) == [0.69999999, 0.2, 0.0]


def test_the_definition_that_frequencies_are_held_against_keeps_the_same_sets() -> None:
    generator = random.Random(3)
    for _ in range(200):
        logits = np.array([generator.gauss(0, 2) for _ in range(VOCABULARY)])
        temperature, top_k, top_p = generator.uniform(0.3, 2), generator.randrange(6), generator.uniform(0.05, 1)
        left = np.array(truncated(softmax(logits / temperature), top_k, top_p))
        assert left / left.sum() == pytest.approx(chosen_from(logits, temperature, top_k, top_p), abs=1e-9)


def test_without_truncation_the_least_likely_token_can_still_be_drawn() -> None:
    logits = torch.tensor([[0.0, -20.0, -50.0]])
    drawing = Drawing([GenerationRequest(0, (1,), 0, 1)], torch.device("cpu"))
    cut = Drawing([GenerationRequest(0, (1,), 0, 1), GenerationRequest(1, (1,), 0, 1, top_k=1)], torch.device("cpu"))
    half = torch.tensor([0.5], dtype=torch.float64)
    assert int(cut.draw(logits, half, torch.arange(1))[0]) == 0  # beside a row with top-k that has ended
    for uniform, token in [(1 - 1e-8, 0), (1 - 1e-9, 1), (1 - 1e-15, 1), (0.0, 0)]:
        tokens, logprobs = drawing.draw(logits, torch.tensor([uniform], dtype=torch.float64), torch.arange(1))
        assert (int(tokens[0]), float(logprobs[0])) == (token, pytest.approx(float(logits[0, token]), abs=1e-5))
    weights = torch.tensor([[0.0, 0.0, 1e-30]])
    for uniform in (0.0, 0.5, 1 - 2.0**-53):
        one = torch.tensor([uniform], dtype=torch.float64)
        assert int(inverse_cdf(weights, block_sums(weights), one)[0]) == 2


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 7])
def test_a_draw_through_blocks_is_that_of_the_whole_distribution(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    weights = torch.rand(40, size, generator=generator).pow(8) * (torch.rand(40, size, generator=generator) < 0.3)
    weights[:, size // 2] += 1e-6
    uniforms = torch.rand(40, generator=generator, dtype=torch.float64)
    uniforms[:2] = torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64)
    drawn = inverse_cdf(weights, block_sums(weights), uniforms)
    up_to = weights.double().cumsum(1)
    for row, token in enumerate(drawn.tolist()):
        assert weights[row, token] > 0
        target, end = float(uniforms[row]) * float(up_to[row, -1]), float(up_to[row, -1])
        before = float(up_to[row, token]) - float(weights[row, token])
        assert before - 1e-6 * end <= target <= float(up_to[row, token]) + 1e-6 * end


@pytest.mark.parametrize(("top_k", "top_p"), [(0, 0.9), (0, 0.2), (7, 1.0), (7, 0.5), (2000, 0.9)])
def test_draws_among_the_likeliest_are_those_among_all(top_k: int, top_p: float) -> None:
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(60, 3 * CANDIDATES, generator=generator).exp()  # so flat that 1024 hold less than 0.9
    weights[::2] = weights[::2].pow(4)
    weights /= weights.amax(1, keepdim=True)
    truncation = Truncation([GenerationRequest(0, (1,), 0, 1, 1.3, top_p, top_k)], torch.device("cpu"))
    rows, uniforms = torch.zeros(60, dtype=torch.long), torch.rand(60, generator=generator, dtype=torch.float64)
    some = truncation.draw(weights, weights.double().sum(1), uniforms, rows)
    everything = truncation.draw(weights, weights.double().sum(1), uniforms, rows, num_candidates=3 * CANDIDATES)
    assert some.tolist() == everything.tolist()
    is_short = truncation.kept(weights, weights.double().sum(1), rows, CANDIDATES)[2]
    assert (bool(is_short.any()), bool(is_short.all())) == ((top_k, top_p) == (0, 0.9), False)


@pytest.mark.parametrize(("uniform", "end"), [(0.0, 0), (1.0 - 2.0**-53, -1)])
def test_the_ends_of_the_random_numbers_draw_tokens_that_are_kept(
    monkeypatch: pytest.MonkeyPatch, uniform: float, end: int
) -> None:
    model = make_model("qwen2")
    kept = np.flatnonzero(chosen_from(logits_after(model, CONTEXT)[-1], 1.3, top_k=2))
    assert 0 < kept[0] < kept[1] < VOCABULARY - 1
    monkeypatch.setattr("openqwq.training.rollout.decoding_batch._uniforms", lambda r, n: np.full((len(r), n), uniform))
    [generated] = HFEngine(model, []).generate([GenerationRequest(0, CONTEXT, 0, 1, 1.3, 1.0, 2)])
    assert generated.tokens == (kept[end],)


def test_weights_that_are_not_numbers_give_tokens_of_the_vocabulary_with_no_probability() -> None:
    model = make_model("qwen2")
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(float("nan"))
    [generated] = HFEngine(model, []).generate([GenerationRequest(0, CONTEXT, 0, 3)])
    assert all(0 <= token < VOCABULARY for token in generated.tokens)
    assert np.isnan(generated.logprobs).all()


def continued(engine: HFEngine, requests: Sequence[GenerationRequest], cut: int) -> list[Generated]:
    """The whole completions of requests that were aborted after `cut` tokens and went on from there."""
    timer = GenerationRequest(-1, CONTEXT, 5, cut)
    parts = {}
    for generated in engine.generate([*requests, timer]):
        if generated.key == -1:
            engine.abort()
        else:
            assert (generated.finish_reason, len(generated.tokens)) == ("abort", cut)
            parts[generated.key] = generated
    rest = [
        GenerationRequest(
            r.key, (*r.tokens, *parts[r.key].tokens), r.seed, r.max_new_tokens, r.temperature, r.top_p, r.top_k, cut
        )
        for r in requests
    ]
    return [
        Generated(g.key, parts[g.key].tokens + g.tokens, parts[g.key].logprobs + g.logprobs, g.finish_reason)
        for g in engine.generate(rest)
    ]


@pytest.mark.parametrize("kind", DECODERS)
def test_samples_that_were_cut_have_the_frequencies_of_samples_that_were_not(kind: str) -> None:
    model, setting = make_model(kind), (1.4, 5, 0.9)
    engine = HFEngine(model, [], max_batch=4000)
    drawn = [generated.tokens for generated in continued(engine, requests_of([setting], 1500), cut=1)]
    assert deviation(drawn, pairs_from(model, CONTEXT, *setting)) < LIMIT
    again = [(tokens[0], tokens[0]) for tokens in drawn]  # a stream that starts anew would often repeat itself
    assert deviation(again, pairs_from(model, CONTEXT, *setting)) > 10 * LIMIT


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> tuple[HFEngine, list[Rollout]]:
    """300 samples of two turns of one token each."""
    environment, _ = write_diary(tmp_path_factory.mktemp("talks"))
    engine = HFEngine(make_model("llama"), range(VOCABULARY), max_batch=1000)
    requests = [SampleRequest(make_prompt(0, "talk"), 0, i, derive_seed("talks", i)) for i in range(300)]
    sampling = Sampling(temperature=1.3, top_k=4, max_turns=2)
    finished, _ = sampled(make_sampler(engine, environment), requests, sampling)
    assert {rollout.loss_mask for rollout in finished.values()} == {(1, *(0 for _ in ANSWER), 1)}
    return engine, list(finished.values())


def test_the_turns_of_a_sample_have_independent_random_numbers(talks: tuple[HFEngine, list[Rollout]]) -> None:
    engine, rollouts = talks
    prompt = rollouts[0].prompt_tokens
    first = chosen_from(logits_after(engine.model, prompt)[-1], 1.3, 4)
    expected = {}
    for a in range(VOCABULARY):
        second = chosen_from(logits_after(engine.model, [*prompt, a, *ANSWER])[-1], 1.3, 4)
        expected |= {(a, b): float(first[a] * second[b]) for b in range(VOCABULARY)}
    assert deviation([(rollout.tokens[0], rollout.tokens[-1]) for rollout in rollouts], expected) < LIMIT


def test_the_random_numbers_of_a_turn_are_those_of_its_number(talks: tuple[HFEngine, list[Rollout]]) -> None:
    engine, rollouts = talks
    for rollout in rollouts[:20]:
        for turn, position in enumerate((0, 3)):
            context = (*rollout.prompt_tokens, *rollout.tokens[:position])
            request = GenerationRequest(0, context, derive_seed(rollout.seed, "turn", turn), 64, 1.3, top_k=4)
            assert next(iter(engine.generate([request]))).tokens == (rollout.tokens[position],)

"""A sample that is cut and continued, however often, is the sample that was never cut: tokens, log-probabilities,
turns, limits. Only its weights may be newer, token by token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from openqwq.training.config import Sampling
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.seeds import derive_seed
from openqwq.training.weight_sync.arrays import to_arrays
from tests.training.rollout.small_decoders import logits_after, make_model, softmax
from tests.training.rollout.small_talks import ANSWER, CONTEXT, NotingEngine, make_sampler, sampled, write_diary
from tests.training.small_records import make_prompt

KINDS = ["qwen3", "olmo2"]
"""One that the dense decoder takes, one that transformers decodes."""
LIMIT = 9
STOPS = [0, 5]


def mixed_requests() -> list[GenerationRequest]:
    settings = [(1.0, 1.0, 0), (0.7, 0.9, 0), (1.6, 1.0, 5), (1.3, 0.8, 6), (0.0, 1.0, 0)]
    return [
        GenerationRequest(10 + 3 * i, (*CONTEXT, *range(i % 4)), derive_seed("cut", i), LIMIT, *settings[i % 5])
        for i in range(20)
    ]


def cut_after(engine: HFEngine, requests: Sequence[GenerationRequest], cut: int) -> dict[int, Generated]:
    """The completions when the engine is aborted after `cut` tokens of each. With 0 they wait for their batch."""
    timer = GenerationRequest(-1, CONTEXT[:1], 5, max(cut, 1))
    engine.max_batch = 1 if cut == 0 else 256
    results = {}
    for generated in engine.generate([timer, *requests]):
        if generated.key == -1:
            engine.abort()
        else:
            results[generated.key] = generated
    engine.max_batch = 256
    return results


@pytest.mark.parametrize("kind", KINDS)
def test_a_completion_that_was_cut_anywhere_is_the_one_that_was_not(kind: str) -> None:
    engine = HFEngine(make_model(kind), STOPS)
    requests = mixed_requests()
    whole = {g.key: g for g in engine.generate(requests)}
    assert {g.finish_reason for g in whole.values()} == {"stop", "length"}
    for cut in range(LIMIT):
        parts = cut_after(engine, requests, cut)
        for key, part in parts.items():
            has_ended = len(whole[key].tokens) <= cut
            assert (part.finish_reason == "abort") == (not has_ended)
            assert part.tokens == whole[key].tokens[: None if has_ended else cut]
        rest = [
            replace(r, tokens=(*r.tokens, *parts[r.key].tokens), num_sampled=cut)
            for r in requests
            if parts[r.key].finish_reason == "abort"
        ]
        for generated in engine.generate(rest):
            part, expected = parts[generated.key], whole[generated.key]
            assert part.tokens + generated.tokens == expected.tokens
            assert part.logprobs + generated.logprobs == pytest.approx(expected.logprobs, abs=2e-5)
            assert generated.finish_reason == expected.finish_reason


@pytest.mark.parametrize("max_batch", [2, 7, 256])
def test_an_abort_spares_the_completions_that_are_kept(max_batch: int) -> None:
    requests = mixed_requests()
    whole = {g.key: g for g in HFEngine(make_model("qwen3"), STOPS).generate(requests)}
    engine = HFEngine(make_model("qwen3"), STOPS, max_batch)
    keep = {requests[i].key for i in (1, 4, 9, 10, 19)}
    results = []
    for generated in engine.generate(requests):
        results.append(generated)
        if len(results) == 1:
            engine.abort(keep)
    assert sorted(g.key for g in results) == sorted(whole)
    for generated in results[1:]:
        if generated.key in keep:
            assert (generated.tokens, generated.finish_reason) == (
                whole[generated.key].tokens,
                whole[generated.key].finish_reason,
            )
        else:
            assert generated.tokens == whole[generated.key].tokens[: len(generated.tokens)]
    aborted = [g for g in results if g.finish_reason == "abort"]
    assert len(aborted) >= 10 and not keep & {g.key for g in aborted}
    assert all(g.finish_reason != "abort" for g in engine.generate(requests))  # the abort is over with its call


TURNS = Sampling(temperature=1.2, top_k=7, max_new_tokens=7, max_turns=3)
ENDS = [1, 6]


@dataclass(frozen=True)
class Pieces:
    """The same conversations, sampled at once and in pieces."""

    whole: dict[tuple[int, int], Rollout]
    pieces: dict[tuple[int, int], Rollout]
    cuts: dict[tuple[int, int], list[tuple[int, int]]]
    """The version and the number of tokens at each cut of a sample."""
    whole_notes: list[str]
    notes: list[str]
    asked: list[GenerationRequest]
    """What the engine was asked for the pieces."""


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    """Conversations in which one group after another is completed and the rest is cut; each time with a new version."""
    name, notes = write_diary(tmp_path_factory.mktemp("diary"), "[{'role': 'user', 'content': 'begin 6'}]")
    engine = NotingEngine(make_model("llama"), ENDS)
    sampler = make_sampler(engine, name)
    waiting = [
        SampleRequest(make_prompt(g, "talk" if g % 2 else "math"), g, k, derive_seed("talk", g, k))
        for g in range(9)
        for k in range(2)
    ]
    whole, none = sampled(sampler, waiting, TURNS)
    assert none == []
    whole_notes = notes.read_text().splitlines()
    notes.write_text("")
    engine.asked.clear()
    pieces: dict[tuple[int, int], Rollout] = {}
    cuts: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for version in range(5, 20):
        engine.weights_version = version
        done, waiting = sampled(sampler, waiting, TURNS, enough_groups=1)
        pieces |= done
        for request in waiting:
            tokens = len(request.partial.tokens) if request.partial else 0
            cuts.setdefault((request.group, request.index), []).append((version, tokens))
        if not waiting:
            break
    asked = [request for batch in engine.asked for request in batch]
    return Pieces(whole, pieces, cuts, whole_notes, notes.read_text().splitlines(), asked)


def test_conversations_in_pieces_are_the_whole_ones(talks: Pieces) -> None:
    assert talks.pieces.keys() == talks.whole.keys()
    for key, expected in talks.whole.items():
        piece = talks.pieces[key]
        assert piece.logprobs == pytest.approx(expected.logprobs, abs=2e-5)
        assert replace(piece, logprobs=expected.logprobs, weights_version=0, oldest_version=0) == expected
    ends = [(n, talks.whole[key].loss_mask) for key, cuts in talks.cuts.items() for _, n in cuts if n]
    assert {mask[n - 1] for n, mask in ends} == {0, 1}  # some after an answer of the environment, some within a turn
    assert {rollout.finish_reason for rollout in talks.whole.values()} == {"stop", "length", "turns"}


def test_a_sample_in_pieces_has_the_versions_of_its_first_and_its_last_token(talks: Pieces) -> None:
    for key, piece in talks.pieces.items():
        versions = [version for version, tokens in talks.cuts.get(key, []) if tokens]
        last = max((version for version, _ in talks.cuts.get(key, [])), default=4) + 1
        assert (piece.oldest_version, piece.weights_version) == (min(versions, default=last), last)
    assert any(piece.oldest_version < piece.weights_version - 2 for piece in talks.pieces.values())


def test_a_continued_environment_is_asked_everything_once_and_every_one_is_closed(talks: Pieces) -> None:
    steps, whole_steps = (sorted(line for line in n if " step " in line) for n in (talks.notes, talks.whole_notes))
    assert steps == whole_steps
    for notes, least in ((talks.whole_notes, 8), (talks.notes, 16)):
        begun, closed = (Counter(line.split()[0] for line in notes if line.endswith(w)) for w in ("reset", "close"))
        assert begun == closed and begun.total() >= least


def test_a_continued_turn_keeps_its_limit_and_counts_its_own_tokens_only(talks: Pieces) -> None:
    begun = [request for request in talks.asked if request.num_sampled]
    assert len({request.num_sampled for request in begun}) > 3
    for request in begun:
        assert request.max_new_tokens == 7
        before, turn = request.tokens[: -request.num_sampled], request.tokens[-request.num_sampled :]
        assert not set(ENDS) & set(turn)
        assert len(before) <= len(CONTEXT) + 2 or before[-len(ANSWER) :] == ANSWER


@pytest.mark.parametrize("kind", KINDS)
def test_each_token_is_logged_with_the_weights_that_sampled_it(kind: str) -> None:
    old, new = make_model(kind, 0), make_model(kind, 9)
    engine = HFEngine(make_model(kind, 0), STOPS)
    engine.weights_version = 3
    sampling = Sampling(temperature=0.8, max_new_tokens=LIMIT)
    requests = [SampleRequest(make_prompt(g), g, 0, derive_seed("versions", g)) for g in range(6)]
    early, waiting = sampled(make_sampler(engine), requests, sampling, enough_groups=2)
    assert {(r.oldest_version, r.weights_version) for r in early.values()} == {(3, 3)}
    engine.load_weights(4, to_arrays(dict(new.named_parameters()), "float32"))
    late, rest = sampled(make_sampler(engine), waiting, sampling)
    assert rest == [] and len(late) >= 3
    for request in waiting:
        rollout = late[request.group, request.index]
        assert request.partial is not None and rollout.tokens[: len(request.partial.tokens)] == request.partial.tokens
        assert (rollout.oldest_version, rollout.weights_version) == (3, 4)
        tokens, first = (*rollout.prompt_tokens, *rollout.tokens), len(rollout.prompt_tokens)
        cut = len(request.partial.tokens)
        by_model = [np.log(softmax(logits_after(model, tokens)[first - 1 : -1] / 0.8)) for model in (old, new)]
        expected = [by_model[t >= cut][t][token] for t, token in enumerate(rollout.tokens)]
        assert 0 < cut < len(rollout.tokens)
        assert rollout.logprobs == pytest.approx(expected, abs=1e-4)


def test_a_sample_that_was_cut_before_its_first_token_comes_back_as_it_was() -> None:
    engine = HFEngine(make_model("llama"), STOPS, max_batch=2)
    requests = [SampleRequest(make_prompt(g), g, 0, derive_seed("begin", g)) for g in range(6)]
    _, waiting = sampled(make_sampler(engine), requests, Sampling(max_new_tokens=3), enough_groups=1)
    untouched = [request for request in waiting if request.partial is None]
    assert len(untouched) == 4 and all(request in requests for request in untouched)
    engine.weights_version = 8
    later, _ = sampled(make_sampler(engine), untouched, Sampling(max_new_tokens=3))
    assert {(r.oldest_version, r.weights_version) for r in later.values()} == {(8, 8)}


def test_the_tokens_of_an_environment_are_masked_and_have_no_log_probability(talks: Pieces) -> None:
    answered = [rollout for rollout in talks.whole.values() if len(rollout.turns) > 1]
    assert len(answered) >= 3
    for rollout in answered:
        given = [i for i, mask in enumerate(rollout.loss_mask) if not mask]
        assert [rollout.tokens[i] for i in given] == [*ANSWER] * (len(given) // len(ANSWER))
        assert {rollout.logprobs[i] for i in given} == {0.0}
        assert all(p < 0 for p, mask in zip(rollout.logprobs, rollout.loss_mask, strict=True) if mask)

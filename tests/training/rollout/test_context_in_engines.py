"""Both engines end a conversation at the same budget: the recipe's, or what the model holds. Learned positions crash
beyond it, rotary ones only look as if they went on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import RolloutRole, Sampling
from openqwq.training.errors import EngineError
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.build import EngineSettings, make_sampler
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.seeds import derive_seed
from tests.training.rollout import recording_vllm
from tests.training.rollout.recording_vllm import AsyncLLM
from tests.training.rollout.small_decoders import make_model
from tests.training.rollout.small_talks import ANSWER, CONTEXT, TokenCodec, sampled, write_diary
from tests.training.small_records import make_prompt

KINDS = ["llama", "olmo2", "gpt2", "vllm"]
HELD = {"llama": 128, "olmo2": 128, "gpt2": 64, "vllm": 48}
ENDS = [1, 6]


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        yield from recording_vllm.install(tmp_path_factory.mktemp("vllm"), patch)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, vllm: None) -> str:
    return str(request.param)


def start(kind: str, stops: Sequence[int] = ENDS, max_context: int | None = None) -> Any:
    if kind != "vllm":
        return HFEngine(make_model(kind), stops)
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    return VLLMEngine("some/model", "bfloat16", stops, RolloutRole(engine="vllm"), max_context)


def requests_of(count: int, task: str = "talk") -> list[SampleRequest]:
    """Prompts of 5 tokens, and of 6 with the message of an environment."""
    return [SampleRequest(make_prompt(g, task), g, k, derive_seed("room", g, k)) for g in range(count) for k in (0, 1)]


def held(rollout: Rollout) -> int:
    return len(rollout.prompt_tokens) + len(rollout.tokens)


@pytest.mark.parametrize("budget", [6, 7, 9, 14, 23])
def test_a_conversation_with_tools_ends_at_the_budget(kind: str, budget: int, tmp_path: Path) -> None:
    name, notes = write_diary(tmp_path, "[{'role': 'user', 'content': 'begin 6'}]")
    engine = start(kind)
    sampler = Sampler(engine, TokenCodec(), {"talk": name})  # type: ignore[arg-type]
    limits = Sampling(temperature=1.2, max_new_tokens=7, max_turns=4, max_context=budget)
    found, _ = sampled(sampler, requests_of(6), limits)
    engine.close()
    for rollout in found.values():
        assert held(rollout) <= budget
        assert rollout.finish_reason in ("length", "turns")
        assert len(rollout.turns) >= 1 or not rollout.tokens
        assert rollout.tokens[-2:] != ANSWER or rollout.loss_mask[-1]  # an answer that leaves no room stays out
    lines = [line.split()[1] for line in notes.read_text().splitlines()]
    assert lines.count("reset") == lines.count("close") == len(found) == 12
    if budget == 6:
        assert {(r.finish_reason, r.tokens, r.turns, r.response) for r in found.values()} == {("length", (), (), "")}
    if budget == 23:
        assert {budget - held(r) for r in found.values() if r.finish_reason == "length"} & {0}


def test_without_a_budget_the_model_is_the_limit(kind: str) -> None:
    engine = start(kind, stops=())
    assert engine.max_context == HELD[kind]
    sampler = Sampler(engine, TokenCodec(), {})  # type: ignore[arg-type]
    found, _ = sampled(sampler, requests_of(2, "math"), Sampling(max_new_tokens=500))
    engine.close()
    assert {(held(r), r.finish_reason) for r in found.values()} == {(HELD[kind], "length")}


def test_an_engine_ends_a_completion_where_its_model_ends_and_refuses_a_context_without_room(kind: str) -> None:
    engine = start(kind, stops=())
    full = GenerationRequest(4, (3, *[7] * (HELD[kind] - 2)), 9, 50)
    [generated] = engine.generate([full])
    assert (len(generated.tokens), generated.finish_reason) == (1, "length")
    with pytest.raises(EngineError, match=r"a context has|vLLM refuses a request"):
        list(engine.generate([replace(full, tokens=(*full.tokens, 7))]))
    engine.close()


@pytest.mark.parametrize("kind", ["gpt2", "olmo2"])
def test_a_row_at_its_end_is_decoded_beside_the_others_and_needs_no_position_beyond(kind: str) -> None:
    model, positions = make_model(kind), HELD[kind]
    full = GenerationRequest(0, (*CONTEXT, *[7] * (positions - 6)), 0, 99)
    requests = [full, *(GenerationRequest(i, CONTEXT, i, 30) for i in range(1, 20))]  # one of 20 is not dropped
    together = {g.key: g for g in HFEngine(model, []).generate(requests)}
    assert {(g.finish_reason, len(g.tokens)) for g in together.values()} == {("length", 2), ("length", 30)}
    for request in requests:
        alone: Generated = next(iter(HFEngine(model, []).generate([request])))
        assert alone.tokens == together[request.key].tokens


@pytest.mark.parametrize("kind", ["llama", "olmo2", "gpt2"])
@pytest.mark.parametrize("budget", [8, 17])
def test_a_budget_takes_the_end_off_the_same_tokens_and_pieces_are_the_whole(kind: str, budget: int) -> None:
    limits = Sampling(temperature=1.1, max_new_tokens=20)
    runs = []
    for sampling in (limits, limits.model_copy(update={"max_context": budget})):
        sampler = Sampler(start(kind), TokenCodec(), {})  # type: ignore[arg-type]
        runs.append(sampled(sampler, requests_of(8, "math"), sampling)[0])
    whole, short = runs
    for key, rollout in whole.items():
        assert short[key].tokens == rollout.tokens[: budget - len(rollout.prompt_tokens)]
        is_cut = held(rollout) > budget
        assert short[key].finish_reason == ("length" if is_cut else rollout.finish_reason)
    sampler, waiting, pieces = Sampler(start(kind), TokenCodec(), {}), requests_of(8, "math"), {}  # type: ignore[arg-type]
    while waiting:
        done, waiting = sampled(sampler, waiting, limits.model_copy(update={"max_context": budget}), enough_groups=1)
        pieces |= done
    for key, rollout in short.items():
        assert pieces[key].logprobs == pytest.approx(rollout.logprobs, abs=2e-5)
        assert replace(pieces[key], logprobs=rollout.logprobs) == rollout


@pytest.mark.parametrize(("recipe", "model"), [(None, 512), (40, 40), (512, 512), (9, 17)])
def test_max_model_len_follows_from_the_budget_and_leaves_room_for_the_check_of_a_sync(
    base: str, vllm: None, recipe: int | None, model: int
) -> None:
    settings = EngineSettings(base, "float32", {}, 8, RolloutRole(engine="vllm"), max_context=recipe)
    engine: Any = make_sampler(settings).engine
    assert AsyncLLM.last.arguments.max_model_len == engine.max_context == model
    assert len(engine.logprobs([3] * 16)) == 15
    engine.close()

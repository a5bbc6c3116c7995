"""Continuous turns: the tokens of each sample are those of the rounds, a slow tool holds nobody up, an abort cuts the
samples that wait for their tool as well, and whatever fails costs its own sample."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import EnvironmentLimits, Sampling
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.environments.episode import EpisodeMaker
from openqwq.training.errors import EngineError
from openqwq.training.records import Message, Rollout, SampleRequest
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.rollout.engine import Arrivals, Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.seeds import derive_seed
from tests.training.rollout.small_decoders import make_model
from tests.training.rollout.small_talks import NotingEngine, TokenCodec, make_sampler, sampled, write_diary
from tests.training.small_records import make_prompt

STOPS = [1, 6]
ROUNDS = Sampling(temperature=1.3, top_k=9, max_new_tokens=12, max_turns=3)
CONTINUOUS = ROUNDS.model_copy(update={"continuous_turns": True})
DEADLINE_SECONDS = 60.0


def requests_of(count: int, size: int = 2, kept: Sequence[int] = (), **row: Any) -> list[SampleRequest]:
    """Groups of `size` samples, of which every third has no environment."""
    return [
        SampleRequest(
            make_prompt(g, "math" if g % 3 == 2 else "talk", **row), g, k, derive_seed("continuous", g, k),
            may_be_aborted=g not in kept,
        )
        for g in range(count)
        for k in range(size)
    ]  # fmt: skip


class Gate:
    """An environment whose second answer to the samples of the prompt `p0` waits until `opened` is set."""

    opened = threading.Event()
    is_stateless = True
    steps: list[str]
    closed: list[str]

    def tools(self) -> list[dict[str, Any]]:
        return []

    def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        self.id, self.turns = str(task["id"]), 0
        return []

    def step(self, turn: AssistantTurn) -> StepResult:
        self.turns += 1
        self.steps.append(self.id)
        if self.id == "p0":
            assert self.opened.wait(DEADLINE_SECONDS)
        return StepResult([{"role": "tool", "content": "on"}], done=False)

    def close(self) -> None:
        self.closed.append(self.id)


@pytest.fixture
def gate() -> type[Gate]:
    return type("OneGate", (Gate,), {"opened": threading.Event(), "steps": [], "closed": []})


def sampler_of(engine: HFEngine, factory: Any) -> Sampler:
    codec: ChatCodec = TokenCodec()  # type: ignore[assignment]
    sampler = Sampler(engine, codec, {})
    sampler._makers = {"talk": EpisodeMaker("gate", factory, EnvironmentLimits())}
    return sampler


@pytest.mark.parametrize("max_batch", [3, 256])
def test_each_sample_is_the_one_of_the_rounds(tmp_path: Path, max_batch: int) -> None:
    name, _ = write_diary(tmp_path, last=3)
    requests = requests_of(9)
    rounds, _ = sampled(make_sampler(HFEngine(make_model("qwen3"), STOPS), name), requests, ROUNDS)
    engine = NotingEngine(make_model("qwen3"), STOPS, max_batch)
    continuous, unfinished = sampled(make_sampler(engine, name), requests, CONTINUOUS)
    assert len(engine.asked) == 1 and unfinished == []
    assert continuous.keys() == rounds.keys()
    for key, rollout in continuous.items():
        expected = rounds[key]
        for part in (
            "tokens",
            "loss_mask",
            "turns",
            "finish_reason",
            "prompt_tokens",
            "response",
            "num_thinking_tokens",
        ):
            assert getattr(rollout, part) == getattr(expected, part)
        assert rollout.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
    assert {r.finish_reason for r in continuous.values()} == {"stop", "length"}
    assert max(len(r.turns) for r in continuous.values()) > 3


def test_a_tool_that_does_not_answer_holds_no_other_sample_up(gate: type[Gate]) -> None:
    requests = requests_of(6)
    finished = []
    for item in sampler_of(HFEngine(make_model("qwen3"), STOPS), gate).sample(requests, CONTINUOUS):
        assert isinstance(item, Rollout)
        finished.append(item.group)
        if len(finished) == 10:  # all others, with all their turns
            assert 0 not in finished
            gate.opened.set()
    assert len(finished) == 12 and finished[-2:] == [0, 0]
    assert len(gate.closed) == 8


def test_once_there_are_enough_groups_a_sample_that_waits_for_its_tool_is_cut_with_its_answer(gate: type[Gate]) -> None:
    requests = requests_of(6)
    sampler = sampler_of(HFEngine(make_model("qwen3"), STOPS), gate)
    finished, unfinished = [], []
    for item in sampler.sample(requests, CONTINUOUS, enough_groups=5):
        if isinstance(item, Rollout):
            finished.append(item)
            if len({r.group for r in finished}) == 5 and len(finished) == 10:
                gate.opened.set()
        else:
            unfinished.append(item)
    assert [request.group for request in unfinished] == [0, 0]
    steps = gate.steps.count("p0")
    for request in unfinished:
        assert request.partial is not None
        assert [turn["role"] for turn in request.partial.turns] == ["assistant", "tool"]
        assert request.partial.loss_mask[-1] == 0 and request.partial.num_turn_tokens == 0
    whole = {(r.group, r.index): r for r in sampler.sample(requests[:2], CONTINUOUS) if isinstance(r, Rollout)}
    gate.steps.clear()
    for item in sampler.sample(unfinished, CONTINUOUS):
        assert isinstance(item, Rollout)
        assert (item.tokens, item.turns) == (whole[0, item.index].tokens, whole[0, item.index].turns)
    calls = sum(sum(t["role"] == "assistant" for t in r.turns) - (r.finish_reason == "length") for r in whole.values())
    assert steps + gate.steps.count("p0") == calls  # no tool has run twice


@pytest.mark.parametrize("enough", [1, 3])
def test_samples_that_may_not_be_aborted_are_sampled_to_their_end(tmp_path: Path, enough: int) -> None:
    name, _ = write_diary(tmp_path)
    requests = requests_of(6, kept=[1, 4])
    whole, _ = sampled(make_sampler(HFEngine(make_model("qwen3"), STOPS), name), requests, ROUNDS)
    finished, unfinished = sampled(
        make_sampler(HFEngine(make_model("qwen3"), STOPS), name), requests, CONTINUOUS, enough
    )
    assert {group for group, _ in finished} >= {1, 4}
    assert unfinished and not {1, 4} & {request.group for request in unfinished}
    for key, rollout in finished.items():
        assert rollout.tokens == whole[key].tokens
    again, _ = sampled(make_sampler(HFEngine(make_model("qwen3"), STOPS), name), unfinished, CONTINUOUS)
    assert {key: r.tokens for key, r in {**finished, **again}.items()} == {key: r.tokens for key, r in whole.items()}


class Failing(Gate):
    """Fails where the row says so."""

    def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        self.where = task["where"]
        self.fail("reset")
        return super().reset(task, seed)

    def step(self, turn: AssistantTurn) -> StepResult:
        self.fail("step")
        return super().step(turn)

    def close(self) -> None:
        self.fail("close")

    def fail(self, where: str) -> None:
        if self.where == where:
            raise ConnectionError(f"{where} is down")


def test_an_environment_that_fails_costs_its_own_sample_only(gate: type[Gate]) -> None:
    places = ["reset", "nowhere", "step", "close", "nowhere"]
    requests = [
        SampleRequest(make_prompt(n + 1, "talk", where=where), n, 0, derive_seed("failing", n))
        for n, where in enumerate(places)
    ]
    failing = type("OneFailing", (Failing,), {"steps": [], "closed": []})
    engine = HFEngine(make_model("qwen3"), range(12))  # each turn has one token
    finished = {r.group: r for r in sampler_of(engine, failing).sample(requests, CONTINUOUS) if isinstance(r, Rollout)}
    assert len(finished) == 5
    for number, where in enumerate(places):
        assert (finished[number].finish_reason == "error") == (where != "nowhere")
        assert where == "nowhere" or f"ConnectionError: {where} is down" in finished[number].response


class BreakingEngine(HFEngine):
    """Fails with the third result."""

    def generate(self, requests: Sequence[GenerationRequest], arrivals: Arrivals | None = None) -> Iterator[Generated]:
        for number, result in enumerate(super().generate(requests, arrivals)):
            if number == 2:
                raise EngineError("out of memory")
            yield result

    def abort(self, keep: Collection[int] = ()) -> None:
        raise AssertionError("nothing is to be aborted")


def test_every_environment_is_closed_when_the_engine_fails_or_nobody_reads_on(gate: type[Gate]) -> None:
    gate.opened.set()
    requests = requests_of(6)
    with pytest.raises(EngineError, match="out of memory"):
        list(sampler_of(BreakingEngine(make_model("qwen3"), STOPS), gate).sample(requests, CONTINUOUS))
    assert len(gate.closed) == 8
    gate.closed.clear()
    stream = sampler_of(HFEngine(make_model("qwen3"), STOPS), gate).sample(requests, CONTINUOUS)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(gate.closed) == 8


def test_a_hanging_tool_ends_its_sample_at_its_limit_when_nothing_else_is_left(gate: type[Gate]) -> None:
    sampler = sampler_of(HFEngine(make_model("qwen3"), STOPS), gate)
    sampler._makers = {"talk": EpisodeMaker("gate", gate, EnvironmentLimits(call_seconds=0.05))}
    rollouts = {(r.group, r.index): r for r in sampler.sample(requests_of(3), CONTINUOUS) if isinstance(r, Rollout)}
    assert len(rollouts) == 6
    assert {key for key, r in rollouts.items() if r.finish_reason == "error"} == {(0, 0), (0, 1)}
    gate.opened.set()

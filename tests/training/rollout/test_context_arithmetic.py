"""The context budget for any prompt, turns, tool answers and cuts, with an engine that says what its dice say: nothing
is asked beyond it, and it only ever takes the end off a conversation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.config import EnvironmentLimits, Sampling
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.environments.episode import EpisodeMaker
from openqwq.training.records import Message, Rollout, SampleRequest
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.sampler import Sampler
from tests.training.rollout.small_talks import TokenCodec
from tests.training.small_records import make_prompt

END = 0


class LongCodec(TokenCodec):
    """A prompt has as many tokens as its messages say, and so has the answer of a tool."""

    def prompt(self, messages: Sequence[Any], tools: object) -> tuple[tuple[int, ...], bool]:
        return (5,) * sum(int(message["content"]) for message in messages), False

    def tool_answer(self, messages: object, most: int | None) -> tuple[int, ...]:
        return tuple(8 for message in messages for _ in range(int(message["content"])))  # type: ignore[attr-defined]


@dataclass
class DiceEngine:
    """A token is a function of the seed and the number of the token in its turn. Implements RolloutEngine so far as a
    sampler uses it."""

    max_context: int | None = None
    cuts_after: int | None = None
    """Number of tokens of a call after which its unfinished completions are aborted."""
    bound: int | None = None
    """What no request may go beyond."""
    weights_version: int = 0
    asked: list[GenerationRequest] = field(default_factory=list)

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        for request in requests:
            self.asked.append(request)
            left = request.max_new_tokens - request.num_sampled
            assert left >= 1
            assert self.bound is None or len(request.tokens) + left <= self.bound
            tokens = [int(t) for t in np.random.Philox(key=request.seed).random_raw(request.max_new_tokens) % 6]
            new = tokens[request.num_sampled :]
            ended = new.index(END) + 1 if END in new else left
            if self.cuts_after is not None and ended > self.cuts_after:
                new, reason = new[: self.cuts_after], "abort"
            else:
                new, reason = new[:ended], "stop" if END in new[:ended] else "length"
            yield Generated(request.key, tuple(new), (-1.0,) * len(new), reason)  # type: ignore[arg-type]

    def abort(self, keep: Collection[int] = ()) -> None: ...


@dataclass
class Talker:
    """Answers with so many tokens each time, and is done after them. It opens with a message if it is told to."""

    lengths: Sequence[int]
    opening: int = 0
    turn: int = 0

    async def reset(self, task: object, seed: int) -> list[Message]:
        return [{"role": "user", "content": str(self.opening)}] if self.opening else []

    async def step(self, turn: AssistantTurn) -> StepResult:
        self.turn += 1
        if self.turn > len(self.lengths):
            return StepResult([], done=True)
        return StepResult([{"role": "tool", "content": str(self.lengths[self.turn - 1])}], done=False)

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Case:
    """A conversation and its limits."""

    prompt: int
    opening: int
    answers: list[int]
    seed: int
    max_new_tokens: int
    max_turns: int
    budget: int
    engine_holds: int | None
    cuts_after: int


CASES = st.builds(
    Case,
    prompt=st.integers(1, 30),
    opening=st.sampled_from([0, 0, 3, 25]),
    answers=st.lists(st.sampled_from([0, 1, 2, 7, 40]), max_size=4),
    seed=st.integers(0, 2**32),
    max_new_tokens=st.integers(1, 12),
    max_turns=st.integers(1, 5),
    budget=st.integers(2, 70),
    engine_holds=st.none() | st.integers(2, 70),
    cuts_after=st.integers(1, 5),
)


def talk(case: Case, budget: int | None, engine: DiceEngine, request: SampleRequest | None = None) -> Any:
    sampler = Sampler(engine, LongCodec(), {})  # type: ignore[arg-type]
    sampler._makers = {
        "talk": EpisodeMaker("talk", lambda: Talker(case.answers, case.opening), EnvironmentLimits())  # type: ignore[arg-type, return-value]
    }
    prompt = replace(make_prompt(0, "talk"), messages=({"role": "user", "content": str(case.prompt)},))
    limits = Sampling(max_new_tokens=case.max_new_tokens, max_turns=case.max_turns, max_context=budget)
    [item] = sampler.sample([request or SampleRequest(prompt, 0, 0, case.seed)], limits)
    return item


@settings(deadline=None, max_examples=400)
@given(case=CASES)
def test_a_budget_takes_the_end_off_a_conversation_and_changes_nothing_else(case: Case) -> None:
    limit = min(case.budget, case.engine_holds or case.budget)
    whole: Rollout = talk(case, None, DiceEngine())
    found: Rollout = talk(case, case.budget, DiceEngine(case.engine_holds, bound=limit))
    held = len(found.prompt_tokens) + len(found.tokens)
    assert len(found.tokens) == len(found.logprobs) == len(found.loss_mask)
    assert found.prompt_tokens == whole.prompt_tokens and whole.tokens[: len(found.tokens)] == found.tokens
    assert held <= limit or not found.tokens
    is_all = len(whole.prompt_tokens) + len(whole.tokens) <= limit and len(whole.prompt_tokens) < limit
    if is_all:
        assert found == whole
    else:
        assert found.finish_reason == "length"
        assert found.response == (found.turns[-1]["content"] if found.turns else "")
        assert not found.loss_mask or found.loss_mask[-1] == 1  # it ends in what the model said


@settings(deadline=None, max_examples=400)
@given(case=CASES)
def test_a_conversation_in_pieces_has_the_same_budget(case: Case) -> None:
    whole: Rollout = talk(case, case.budget, DiceEngine(case.engine_holds))
    item: Rollout | SampleRequest | None = None
    for _ in range(200):
        engine = DiceEngine(case.engine_holds, case.cuts_after)
        item = talk(case, case.budget, engine, item)
        if isinstance(item, Rollout):
            break
    assert item == whole


@settings(deadline=None, max_examples=200)
@given(case=CASES, less=st.integers(2, 70))
def test_a_partial_rollout_that_goes_on_where_less_is_held_ends_there(case: Case, less: int) -> None:
    item = talk(case, None, DiceEngine(None, case.cuts_after))
    if isinstance(item, Rollout):
        return
    engine = DiceEngine(less, bound=less)
    found: Rollout = talk(case, None, engine, item)
    before = len(item.partial.tokens) if item.partial else 0
    assert found.tokens[:before] == (item.partial.tokens if item.partial else ())
    held = len(found.prompt_tokens) + before
    if held >= less:
        assert (len(found.tokens), found.finish_reason, engine.asked) == (before, "length", [])
        assert found.turns[-1]["role"] == "assistant"
    else:
        assert len(found.prompt_tokens) + len(found.tokens) <= less

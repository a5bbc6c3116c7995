"""What is asked for a sample, what comes of it, and conversations with environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Sampling
from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.errors import EndpointError
from openqwq.verifiers.answers import graded_text
from tests.training.endpoint.endpoint_cases import SAMPLING, Seen, requests_for, sampled
from tests.training.endpoint.scripted_server import Asked, Reply, call, refuses, says, then
from tests.training.small_records import make_prompt, make_rollout

MORE = Sampling(temperature=0.6, max_new_tokens=50, max_context=120, max_turns=3)
TOOLS = CalculatorEnvironment().tools()


def test_the_sampling_of_the_recipe_is_sent_and_no_default_of_the_server_applies() -> None:
    body = sampled(then(says("9"))).chats[0].body
    wanted = {"model": "qwq", "temperature": 0.6, "top_p": 0.95, "top_k": 40, "max_tokens": 100, "min_p": 0.0,
              "repetition_penalty": 1.0}  # fmt: skip
    assert {name: body[name] for name in wanted} == wanted
    assert body["messages"] == [{"role": "user", "content": "question 0"}]
    assert set(body) == {*wanted, "messages", "seed"}
    assert sampled(then(says("9")), sampling=Sampling(temperature=0.0)).chats[0].body["top_k"] == -1


def test_every_sample_has_a_seed_of_its_own_that_depends_on_nothing_else() -> None:
    def seeds(count: int, concurrency: int) -> list[int]:
        seen = sampled(lambda asked: says(str(asked.body["seed"])), requests_for([make_prompt()], count),
                       concurrency=concurrency)  # fmt: skip
        return [int(rollout.response) for rollout in seen.rollouts]

    found = seeds(5, 2)
    assert len(set(found)) == 5 and all(0 <= seed < 2**31 for seed in found)
    assert seeds(3, 32) == found[:3]


def test_a_rollout_has_texts_and_counts_and_no_tokens() -> None:
    rollout = sampled(then(says("9", tokens=7, prompt=11, reasoning_content="3*3"))).only
    assert (rollout.prompt_id, rollout.task, rollout.seed, rollout.weights_version) == ("p0", "math", 2**40, 0)
    assert rollout.turns == ({"role": "assistant", "content": "<think>3*3</think>9"},)
    assert rollout.response == "<think>3*3</think>9" and rollout.tokens == rollout.loss_mask == ()
    assert (rollout.num_tokens, rollout.num_sampled) == (7, 7)
    assert make_rollout(mask=(1, 0, 1)).num_sampled == 2


def test_a_server_that_does_not_count_is_warned_of_once() -> None:
    seen = sampled(then(says("9", tokens=None)), requests_for([make_prompt()], 3))
    assert [r.num_tokens for r in seen.rollouts] == [None] * 3 and seen.rollouts[0].num_sampled == 0
    assert len(seen.warnings) == 1 and "does not count tokens" in seen.warnings[0]


def test_thinking_that_the_template_opens_is_warned_of_once_and_can_be_said() -> None:
    behave = then(says("a</think>9"), says("b</think>9"), says("on and on", "length"))
    seen = sampled(behave, requests_for([make_prompt()], 3), concurrency=1)
    assert [r.response for r in seen.rollouts] == ["<think>a</think>9", "<think>b</think>9", "on and on"]
    assert len(seen.warnings) == 1 and "opens_thinking" in seen.warnings[0]
    seen = sampled(then(says("on and on", "length")), opens_thinking=True)
    assert seen.only.response == "<think>on and on" and seen.only.finish_reason == "length" and not seen.warnings
    assert graded_text(seen.only.response).problem == "unclosed thinking"


@pytest.mark.parametrize(
    ("words", "dropped"),
    [
        ("Unrecognized request argument supplied: top_k", {"top_k"}),
        ("Unrecognized request arguments supplied: min_p, top_k", {"top_k", "min_p"}),
        ("seed is not supported", {"seed"}),
        ("property 'repetition_penalty' is unsupported", {"repetition_penalty"}),
    ],
)
def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on(words: str, dropped: set[str]) -> None:
    def behave(asked: Asked) -> Reply:
        return refuses(400, words) if dropped & asked.body.keys() else says("9")

    seen = sampled(behave, requests_for([make_prompt()], 4), concurrency=1)
    assert [dropped & asked.body.keys() for asked in seen.chats] == [dropped] + [set()] * 4
    shown = dropped & {"top_k", "seed"}  # the others were sent only against a default of the server
    assert [name for name in ("top_k", "seed") if any(f"refuses {name}=" in w for w in seen.warnings)] == sorted(shown)
    assert len(seen.warnings) == len(shown)


def test_many_samples_at_once_learn_the_same_of_a_server() -> None:
    def behave(asked: Asked) -> Reply:
        named = [name for name in ("min_p", "seed", "repetition_penalty", "top_k") if name in asked.body]
        return refuses(422, f"extra field {named[0]}") if named else says("9")

    seen = sampled(behave, requests_for([make_prompt(n) for n in range(20)]), concurrency=8)
    assert {r.finish_reason for r in seen.rollouts} == {"stop"}
    assert sorted(words.split("refuses ")[1][:5] for words in seen.warnings) == ["seed=", "top_k"]


def test_what_is_refused_without_a_name_may_be_what_no_recipe_asked_for() -> None:
    def behave(asked: Asked) -> Reply:
        return refuses(400, "bad request") if "min_p" in asked.body else says("9")

    seen = sampled(behave, requests_for([make_prompt()], 3), concurrency=1)
    assert ["min_p" in asked.body for asked in seen.chats] == [True, False, False, False]
    assert all(asked.body["top_k"] == 40 for asked in seen.chats)
    with pytest.raises(EndpointError, match="bad request"):
        sampled(then(refuses(400, "bad request")), requests_for([make_prompt()], 9))


@pytest.mark.parametrize("name", ["temperature", "top_p", "max_tokens"])
def test_what_changes_the_measure_is_never_left_out(name: str) -> None:
    with pytest.raises(EndpointError, match=f"HTTP 400: {name} is not supported"):
        sampled(then(refuses(400, f"{name} is not supported")), requests_for([make_prompt()], 9))


def test_the_limit_has_another_name_for_some_models() -> None:
    def behave(asked: Asked) -> Reply:
        words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        return refuses(400, words, param="max_tokens") if "max_tokens" in asked.body else says("9")

    seen = sampled(behave, requests_for([make_prompt()], 3), concurrency=1)
    assert [asked.body.get("max_completion_tokens") for asked in seen.chats] == [None, 100, 100, 100]
    assert seen.warnings == []


def holds(tokens: int, prompt: int, words: str) -> Seen:
    """A server that holds so many tokens and refuses more with these words."""

    def behave(asked: Asked) -> Reply:
        limit = asked.body.get("max_tokens")
        if prompt + (limit or 1) > tokens:
            return refuses(400, words.format(tokens=tokens, prompt=prompt, limit=limit, both=prompt + (limit or 0)))
        return says("9", tokens=3, prompt=prompt)

    return sampled(behave, requests_for([make_prompt()], 2), concurrency=1)


WORDS = (
    "This model's maximum context length is {tokens} tokens. However, you requested {both} tokens ({prompt} in the "
    "messages, {limit} in the completion). Please reduce the length of the messages or completion."
)
VAGUE = "This model's maximum context length is {tokens} tokens and your prompt contains at least 1 input tokens."


@pytest.mark.parametrize(("words", "limit"), [(WORDS, 60), (VAGUE, None)])
def test_a_prompt_that_leaves_less_than_the_limit_gets_what_is_left(words: str, limit: int | None) -> None:
    seen = holds(80, 20, words)
    assert [r.response for r in seen.rollouts] == ["9", "9"]
    assert [asked.body.get("max_tokens") for asked in seen.chats] == [100, limit] * 2
    assert len(seen.warnings) == 1 and "answers get what is left" in seen.warnings[0]


@pytest.mark.parametrize(
    "words", [WORDS, VAGUE, "request (90 tokens) exceeds the available context size ({tokens} tokens)"]
)
def test_a_prompt_without_room_ends_as_length_and_not_as_an_error(words: str) -> None:
    seen = holds(80, 90, words)
    assert [(r.finish_reason, r.response, r.num_tokens) for r in seen.rollouts] == [("length", "", 0)] * 2
    assert len(seen.warnings) == 1 and "count as wrong" in seen.warnings[0]


def test_a_reply_beyond_the_context_of_the_recipe_is_one_that_was_cut() -> None:
    at, beyond = (sampled(then(says("9", tokens=20, prompt=p)), sampling=MORE).only for p in (100, 101))
    assert (at.finish_reason, beyond.finish_reason) == ("stop", "length")
    assert sampled(then(says("9", tokens=None)), sampling=MORE).only.finish_reason == "stop"
    assert sampled(then(says("9", "length")), sampling=MORE).only.finish_reason == "length"


def talk(*replies: Reply, sampling: Sampling = MORE, environment: str = "calculator", **row: Any) -> Seen:
    prompt = make_prompt(0, task="tool", **row)
    prompt = type(prompt)(prompt.id, prompt.task, prompt.messages, prompt.row, tuple(TOOLS))
    return sampled(then(*replies), requests_for([prompt]), sampling, {"tool": environment})


def test_calls_are_answered_by_the_environment_until_the_answer() -> None:
    first = says(None, "tool_calls", tokens=10, reasoning_content="hm", tool_calls=[
        call("calculator", {"expression": "6*7"}, 1), call("calculator", {"expression": "1//0"}, 2)])  # fmt: skip
    seen = talk(first, says("It is 42.", tokens=5, prompt=40))
    assert seen.only.finish_reason == "stop" and seen.only.response == "It is 42." and seen.only.num_tokens == 15
    assert [turn["role"] for turn in seen.only.turns] == ["assistant", "tool", "tool", "assistant"]
    assert seen.only.turns[0]["content"].startswith('<think>hm</think>\n<tool_call>\n{"name": "calculator"')
    asked, again = (chat.body for chat in seen.chats)
    assert asked["tools"] == again["tools"] == TOOLS
    assert again["messages"] == [
        {"role": "user", "content": "question 0"},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
            call("calculator", {"expression": "6*7"}, 1), call("calculator", {"expression": "1//0"}, 2)]},
        {"role": "tool", "content": "42", "tool_call_id": "id1"},
        {"role": "tool", "content": '{"error": "integer division or modulo by zero"}', "tool_call_id": "id2"},
    ]  # fmt: skip
    assert asked["seed"] != again["seed"]


def test_calls_in_the_text_are_answered_as_well() -> None:
    text = 'a</think>\n<tool_call>\n{"name": "calculator", "arguments": {"expression": "6*7"}}\n</tool_call>'
    seen = talk(says(text), says("b</think>42"))
    assert seen.only.response == "<think>b</think>42"
    assert seen.chats[1].body["messages"][1:] == [
        {"role": "assistant", "content": f"<think>{text}"}, {"role": "tool", "content": "42", "tool_call_id": "call_0"},
    ]  # fmt: skip


def test_a_malformed_call_is_told_in_words() -> None:
    seen = talk(says("<tool_call>{</tool_call>"), says("sorry"))
    [_, said, told] = seen.chats[1].body["messages"]
    assert said == {"role": "assistant", "content": "<tool_call>{</tool_call>"}
    assert told["role"] == "user" and "not a tool call" in told["content"] and seen.only.response == "sorry"


def test_a_conversation_ends_at_its_limit_of_turns_and_at_its_context() -> None:
    more = says("", "tool_calls", tokens=10, tool_calls=[call("calculator", {"expression": "1"})])
    seen = talk(more)
    assert (seen.only.finish_reason, len(seen.chats), seen.only.num_tokens) == ("turns", 3, 30)
    assert [turn["role"] for turn in seen.only.turns] == ["assistant", "tool"] * 2 + ["assistant"]
    full = says("", "tool_calls", tokens=10, prompt=80, tool_calls=[call("calculator", {"expression": "1"})])
    seen = talk(full)
    assert [chat.body["max_tokens"] for chat in seen.chats] == [50, 30, 30]
    last = says("", "tool_calls", tokens=20, prompt=100, tool_calls=[call("calculator", {"expression": "1"})])
    seen = talk(last)
    assert (seen.only.finish_reason, len(seen.chats)) == ("length", 1)


def test_a_turn_that_is_cut_asks_nobody() -> None:
    cut = says('<tool_call>\n{"name": "calculator", "arguments": {"expression": "1"}}\n</tool_call>', "length")
    seen = talk(cut)
    assert (seen.only.finish_reason, len(seen.chats), len(seen.only.turns)) == ("length", 1, 1)


ENVIRONMENT = """
from openqwq.training.environments.contract import StepResult

class Fails:
    def __init__(self):
        if {place!r} == "init":
            raise OSError("no init")

    def tools(self):
        return []

    async def reset(self, task, seed):
        if {place!r} == "reset":
            raise OSError("no reset")
        return [{{"role": "user", "content": f"seed {{seed}}"}}]

    async def step(self, turn):
        if {place!r} == "step":
            raise OSError("no step")
        bad = object() if {place!r} == "message" else "and?"
        return StepResult(messages=[{{"role": "user", "content": bad}}], done="stop" in turn.text)

    async def close(self):
        if {place!r} == "close":
            raise OSError("no close")
"""


@pytest.mark.parametrize("place", ["none", "init", "reset", "step", "message", "close"])
def test_an_environment_that_fails_ends_its_sample_as_an_error(place: str, tmp_path: Path) -> None:
    path = tmp_path / "environment.py"
    path.write_text(ENVIRONMENT.format(place=place))
    seen = talk(says("go"), says("stop"), environment=f"{path}:Fails")
    if place == "none":
        assert (seen.only.finish_reason, seen.only.response) == ("stop", "stop")
        assert [m["content"] for m in seen.chats[1].body["messages"]] == ["question 0", f"seed {2**40}", "go", "and?"]
    else:
        assert seen.only.finish_reason == "error"
        said = "step: message 1 has the content object" if place == "message" else f": OSError: no {place}"
        assert seen.only.response.startswith("environment environment.py:Fails, ") and said in seen.only.response


def test_a_row_with_a_call_without_a_name_is_an_error_of_its_own() -> None:
    prompt = make_prompt()
    bad = type(prompt)(prompt.id, prompt.task, ({"role": "assistant", "content": "", "tool_calls": [{}]},), prompt.row)
    seen = sampled(then(says("9")), requests_for([bad, make_prompt(1)]), SAMPLING)
    assert [r.finish_reason for r in seen.rollouts] == ["error", "stop"]
    assert seen.rollouts[0].response == "ValueError: a tool call without a name: '{}'"

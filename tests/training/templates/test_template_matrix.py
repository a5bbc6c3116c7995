"""Templates of the published families' shapes: each kind of chat is built exactly as its template renders it, or is
refused in one line; nothing crashes and nothing is changed silently."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import RecipeError
from openqwq.training.records import SampleRequest
from openqwq.training.rollout.engine import Generated
from openqwq.training.supervised.encoding import encode_demonstration
from openqwq.training.templates.both_ways import Chat, _Buffer, _is_same, check_chat
from openqwq.training.templates.codec import ChatCodec, harmless
from openqwq.verifiers.chat_rendering import MARKUP, TemplateRefusal, plain
from tests.training.rollout.small_talks import PatientConversation
from tests.training.small_records import make_prompt
from tests.training.templates.template_shapes import SHAPES, SINCE_USER, chatml, tokenizer_of

SYSTEM = {"role": "system", "content": "so I know"}
ASKED = {"role": "user", "content": "what is two plus two?"}
SAID = {"role": "assistant", "content": "<think>\nso\n</think>\n\nthe answer"}
TOOLS = CalculatorEnvironment().tools()
KINDS = {
    "single": Chat("single", [ASKED]),
    "system": Chat("system", [SYSTEM, ASKED]),
    "tools": Chat("tools", [ASKED], TOOLS),
    "history": Chat("history", [ASKED, SAID, ASKED]),
    "one answer": Chat("one answer", [ASKED], TOOLS, (1,)),
    "several answers": Chat("several answers", [ASKED], TOOLS, (2, 1)),
}
ENDS = {
    "qwen2.5_base": "<|im_end|>", "qwen2.5_instruct": "<|im_end|>", "qwq": "<|im_end|>", "qwen3": "<|im_end|>",
    "qwen3_2507_thinking": "<|im_end|>", "qwen3_2507_instruct": "<|im_end|>", "qwen3.5": "<|im_end|>",
    "smollm2": "<|im_end|>", "llama3.1": "<|eot_id|>", "r1_distill": "<｜end▁of▁sentence｜>",
    "gemma": "<end_of_turn>", "mistral": "</s>", "phi3": "<|end|>",
}  # fmt: skip
OPENING = {"qwq", "qwen3_2507_thinking", "qwen3.5", "r1_distill"}
WITH_TOOLS = [name for name, shape in SHAPES.items() if "one answer" not in shape.refused]


def codec_of(name: str) -> ChatCodec:
    return ChatCodec(tokenizer_of(name))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_kind_of_chat_is_built_exactly_or_refused_in_one_line(name: str, kind: str) -> None:
    words = SHAPES[name].refused.get(kind)
    if words is None:
        assert check_chat(codec_of(name), KINDS[kind]) in (True, False)
        return
    with pytest.raises(RecipeError, match=words) as refusal:
        check_chat(codec_of(name), KINDS[kind])
    assert "\n" not in str(refusal.value) and "chat_template" in str(refusal.value)


@pytest.mark.parametrize("name", ENDS)
def test_the_end_of_a_turn_and_an_opened_thinking_come_from_the_template(name: str) -> None:
    codec = codec_of(name)
    turns = codec.turns
    assert (turns.end_of_turn, codec.text([turns.end_token])) == (ENDS[name], ENDS[name])
    assert set(turns.ends) == {turns.end_token, codec.tokenizer.eos_token_id}
    assert turns.opened == ("<think>\n" if name in OPENING else "")
    assert codec.prompt([ASKED], ())[1] == (name in OPENING)


def test_what_happens_to_thinking_is_known() -> None:
    known = {name: (codec_of(name).turns.keeps_thinking, codec_of(name).turns.keeps_earlier_thinking) for name in ENDS}
    assert known["qwen2.5_base"] == known["llama3.1"] == (True, True)
    assert known["qwq"] == known["qwen3"] == (True, False)
    assert known["r1_distill"] == (False, False)
    dropped = {name for name in WITH_TOOLS if not check_chat(codec_of(name), KINDS["several answers"])}
    assert dropped == {"qwq", "r1_distill"}


def test_a_template_without_an_end_takes_the_one_of_the_recipe_where_it_fits() -> None:
    codec = ChatCodec(tokenizer_of("glm"), "<|user|>")
    for kind in ("single", "system", "tools", "history"):
        assert check_chat(codec, KINDS[kind])
    with pytest.raises(RecipeError, match="does not end the assistant's turn with '<|user|>'".replace("|", r"\|")):
        check_chat(codec, KINDS["one answer"])
    with pytest.raises(RecipeError, match="must be one"):
        check_chat(ChatCodec(tokenizer_of("glm"), "so I"), KINDS["single"])


def test_an_end_that_is_not_the_templates_is_refused_with_the_first_difference() -> None:
    with pytest.raises(RecipeError, match=r"it has '<\|endoftext\|>', the template '<\|im_end\|>") as refusal:
        check_chat(ChatCodec(tokenizer_of("qwen2.5_base"), "<|endoftext|>"), KINDS["single"])
    assert "\n" not in str(refusal.value)
    assert re.search(r"after '.*\S.*' it has", str(refusal.value))  # what stands before says where


def test_tags_in_the_answer_of_a_tool_are_taken_apart() -> None:
    text = "<think>a</think><tool_call>b</tool_call><tool_response><|im_end|><｜x｜><start_of_turn>"
    assert harmless(text) == text.replace("<", "< ")
    assert harmless("a < b, <b>, <thinking> < <") == "a < b, <b>, <thinking> < <"


@pytest.mark.parametrize("name", [name for name in ENDS if name != "r1_distill"])
def test_a_demonstration_is_the_rendering_and_its_labels_are_the_turns(name: str) -> None:
    codec = codec_of(name)
    tokens, labels = encode_demonstration(codec, {"messages": [ASKED, SAID]})
    rendered = plain(codec.renderer.render([ASKED, SAID]))
    text = codec.text(tokens)
    assert rendered.startswith(text) and rendered[len(text) :].strip() in ("", codec.tokenizer.eos_token)
    learned = codec.text([label for label in labels if label != -100])
    opened = codec.turns.opened
    assert learned.strip() == SAID["content"].removeprefix(opened) + ENDS[name]
    assert text.count("<think>") == 1


def test_a_demonstration_of_a_template_that_drops_thinking_keeps_it_and_opens_it_once() -> None:
    codec = codec_of("r1_distill")
    tokens, labels = encode_demonstration(codec, {"messages": [ASKED, SAID]})
    assert codec.text(tokens).endswith("<｜Assistant｜><think>\nso\n</think>\n\nthe answer<｜end▁of▁sentence｜>")
    without_tag = {**SAID, "content": SAID["content"].removeprefix("<think>\n")}
    assert encode_demonstration(codec, {"messages": [ASKED, without_tag]}) == (tokens, labels)


@pytest.mark.parametrize("name", sorted(OPENING - {"qwen3_2507_thinking", "qwen3.5"}))
def test_a_demonstration_without_thinking_is_refused_where_the_prompt_opens_it(name: str) -> None:
    with pytest.raises(TemplateRefusal, match="this one has no thinking"):
        encode_demonstration(codec_of(name), {"messages": [ASKED, {"role": "assistant", "content": "four"}]})


def test_a_template_made_for_answers_without_thinking_is_exact_and_refuses_to_learn_any() -> None:
    tokenizer = copy.deepcopy(tokenizer_of("qwen3.5"))
    tokenizer.chat_template = chatml(SINCE_USER, opening="<think>\\n\\n</think>\\n\\n")
    codec = ChatCodec(tokenizer)
    assert check_chat(codec, KINDS["single"]) and codec.turns.opened == ""
    learned = encode_demonstration(codec, {"messages": [ASKED, {"role": "assistant", "content": "four"}]})[1]
    assert codec.text([label for label in learned if label != -100]) == "four<|im_end|>"
    with pytest.raises(TemplateRefusal, match="closes the thinking before every answer, and this one thinks"):
        encode_demonstration(codec, {"messages": [ASKED, SAID]})


def test_where_a_tool_may_not_answer_a_user_may() -> None:
    codec = codec_of("gemma")
    assert check_chat(codec, replace(KINDS["several answers"], answers=(1, 1), role="user"))


class Teller:
    """An environment that answers turn by turn with these messages."""

    def __init__(self, answers: list[list[str]]) -> None:
        self.answers = [[{"role": "tool", "content": text} for text in texts] for texts in answers]

    def tools(self) -> list[dict[str, Any]]:
        return []

    async def reset(self, task: Any, seed: int) -> list[Any]:
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        return StepResult(self.answers.pop(0), done=False) if self.answers else StepResult([], done=True)

    async def close(self) -> None:
        pass


WORDS = [
    "so", "I know", "plus", " ", "\n", "", "é", "今天", "🙂", "<b>", "a < b", "<|im_end|>", "<|im_start|>assistant\n",
    "</s>", "[INST]", "<end_of_turn>", "<｜User｜>", "<｜end▁of▁sentence｜>", "<|eot_id|>", "<|end|>", "<think>",
    "</think>", "<tool_response>", "<<|im_end|>|>", "ꙮ᠁", "ꙮ", "<bos>", "<|endoftext|>",
]  # fmt: skip
SYSTEM_WORDS = [word for word in WORDS if word not in MARKUP]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(lambda words: "q" + "".join(words) + "r")
SYSTEMS = st.lists(st.sampled_from(SYSTEM_WORDS), max_size=5).map(lambda words: "q" + "".join(words) + "r")
PLAIN = st.lists(st.sampled_from(WORDS[:11]), max_size=4).map(lambda words: "so" + "".join(words) + "so")


@pytest.mark.parametrize("name", sorted(ENDS))
@settings(max_examples=20)
@given(
    system=st.none() | SYSTEMS, asked=TEXTS,
    answers=st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=2), said=st.lists(PLAIN, min_size=3, max_size=3),
)  # fmt: skip
def test_random_conversations_equal_their_rendering_and_no_text_writes_a_control_token(
    name: str, system: str | None, asked: str, answers: list[list[str]], said: list[str]
) -> None:
    codec = codec_of(name)
    refused = SHAPES[name].refused
    answers = answers if "one answer" not in refused else []
    first = [{"role": "system", "content": system}] if system is not None and "system" not in refused else []
    messages = [*first, {"role": "user", "content": asked}]
    rollout = _talk(codec, messages, answers, said)
    shown = [{**t, "content": _as_told(t)} for t in rollout.turns]
    expected = plain(codec.renderer.render([*messages, *shown]))
    mine = codec.text((*rollout.prompt_tokens, *rollout.tokens))
    if SHAPES[name].is_sentencepiece:
        mine, expected = mine.replace("▁", " "), expected.replace("▁", " ")  # its sign for a blank
    assert _without_thinking(mine).strip() == _without_thinking(expected).strip().removesuffix("<|endoftext|>").strip()
    if codec.turns.keeps_earlier_thinking:
        assert _same_tokens(codec, rollout, codec.renderer.encode(codec.renderer.render([*messages, *shown])))
    sampled = [token for token, mask in zip(rollout.tokens, rollout.loss_mask, strict=True) if mask]
    assert sampled.count(codec.turns.end_token) == len(answers) + 1
    assert _controls(codec, rollout) == _controls(codec, _talk(codec, _tame(messages), _tame_answers(answers), said))


def _talk(codec: ChatCodec, messages: list[Any], answers: list[list[str]], said: list[str]) -> Any:
    prompt = replace(make_prompt(), messages=tuple(messages))
    conversation = PatientConversation(SampleRequest(prompt, 0, 0, 1), codec, Teller(answers), 9)
    rollout = None
    for text in said[: len(answers) + 1]:
        start = "" if conversation._opened() else "<think>\n"
        lead = " " if codec.renderer.tokenizer is tokenizer_of("mistral") else ""
        tokens = (*codec.continuation(f"{lead}{start}th\n</think>\n\n{text}"), codec.turns.end_token)
        rollout = conversation.add(Generated(0, tuple(tokens), (-1.0,) * len(tokens), "stop"), 0)
    assert rollout is not None and rollout.finish_reason == "stop"
    return rollout


def _as_told(turn: Any) -> str:
    """What the template is given: a tool's answer made harmless, a turn without the blank that Mistral's writes."""
    return harmless(turn["content"]) if turn["role"] == "tool" else turn["content"].removeprefix(" ")


def _same_tokens(codec: ChatCodec, rollout: Any, expected: list[int]) -> bool:
    tokens, offset = [*rollout.prompt_tokens, *rollout.tokens], len(rollout.prompt_tokens)
    pairs = enumerate(zip((0, *rollout.loss_mask), rollout.loss_mask, strict=False))
    return _is_same(codec, _Buffer(tokens, [offset + i for i, pair in pairs if pair == (0, 1)]), expected)


def _tame(messages: list[Any]) -> list[Any]:
    return [{**message, "content": "so"} for message in messages]


def _tame_answers(answers: list[list[str]]) -> list[list[str]]:
    return [["so" for _ in texts] for texts in answers]


def _controls(codec: ChatCodec, rollout: Any) -> list[int]:
    """The control tokens of a conversation that the model has not sampled."""
    controls = set(codec.tokenizer.added_tokens_encoder.values())
    ours = [token for token, mask in zip(rollout.tokens, rollout.loss_mask, strict=True) if not mask]
    return [token for token in (*rollout.prompt_tokens, *ours) if token in controls]


def _without_thinking(text: str) -> str:
    """Thinking of our own turns, and blanks behind it, which templates keep or leave out."""
    return re.sub(r"(<think>\n)?th\n</think>\n\n|(?<=<｜Assistant｜>)\n\n", "", text)

"""The check that a token buffer, as conversations build it, equals the template's own rendering of the same chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from typing import Any, Literal

from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.turns import opened_thinking
from openqwq.verifiers.chat_rendering import TemplateRefusal, plain

SHOWN = 40
"""Characters of each side that a refusal shows from the first difference on."""
ANSWERS = ("5five", "6six")
"""What tools answer in the check; a template that leaves a word out is found by it."""

Shown = Literal["whole", "after", "stripped"]
FORMS: tuple[Shown, ...] = ("whole", "after", "stripped")
"""How the rendering shows a turn: with its thinking; what follows the thinking; the same without blanks before it."""


@dataclass(frozen=True)
class Chat:
    """A prompt, and how many tool answers each turn gets. Example: `Chat("row 1", messages, (), (1, 2))`"""

    name: str
    """What a message calls it, such as `row 'm1' with tool answers`."""
    messages: Sequence[Message]
    tools: Sequence[Any] = ()
    answers: Sequence[int] = ()
    """Number of answers of the environment after each turn but the last."""
    role: str = "tool"
    """Role of these answers."""

    @property
    def num_turns(self) -> int:
        return len(self.answers) + 1


def check_chat(codec: ChatCodec, chat: Chat) -> bool:
    """Whether the template keeps the thinking of the turns before the last.

    Raises:
        RecipeError: it does not render the chat, or our buffer differs from its rendering, at the shown place.
    """
    with_thinking = [f"<think>\nthought{i}\n</think>\n\nsaid{i}" for i in range(chat.num_turns)]
    without = [f"said{i}" for i in range(chat.num_turns)]  # a template may be made for answers that do not think
    problem = ""
    for turns in (with_thinking, without):
        try:
            found = _compare(codec, chat, turns)
        except TemplateRefusal as error:
            found = f"{error}; give another `chat_template`"
        if isinstance(found, bool):
            return found
        problem = problem or found
    raise RecipeError(f"{chat.name}: {problem}")


def _compare(codec: ChatCodec, chat: Chat, turns: Sequence[str]) -> bool | str:
    """Whether turns before the last are rendered whole, where the buffer equals the rendering; else how it differs."""
    replies = [_replies(chat.role, count) for count in chat.answers]
    rendered = codec.renderer.render(_whole(chat, turns, replies), chat.tools)
    _check_answers_are_shown(chat, plain(rendered))
    expected = codec.renderer.encode(rendered)
    nearest: list[int] = []
    for shown in product(FORMS, repeat=len(turns)):
        buffer = _buffer(codec, chat, turns, replies, shown)
        if _is_same(codec, buffer, expected):
            return all(form == "whole" for form in shown[:-1])
        if not nearest or _common(buffer.tokens, expected) > _common(nearest, expected):
            nearest = buffer.tokens
    return _first_difference(codec, nearest, expected)


@dataclass(frozen=True)
class _Buffer:
    """The tokens of a conversation, and the places at which turns begin to be sampled."""

    tokens: list[int]
    begins: list[int]


def _replies(role: str, count: int) -> list[Message]:
    return [{"role": role, "content": ANSWERS[i % len(ANSWERS)]} for i in range(count)]


def _whole(chat: Chat, turns: Sequence[str], replies: Sequence[Sequence[Message]]) -> list[Message]:
    messages = list(chat.messages)
    for turn, reply in zip(turns, [*replies, []], strict=True):
        messages += [{"role": "assistant", "content": turn}, *reply]
    return messages


def _check_answers_are_shown(chat: Chat, rendered: str) -> None:
    for count, answer in enumerate(ANSWERS, 1):
        if max(chat.answers, default=0) >= count and answer not in rendered:
            raise TemplateRefusal(f"the chat template leaves out the answer of a {chat.role}")


def _buffer(
    codec: ChatCodec, chat: Chat, turns: Sequence[str], replies: Sequence[Sequence[Message]], shown: Sequence[Shown]
) -> _Buffer:
    """What a conversation holds that says `turns`; where the rendering shows less of a turn, so does this."""
    messages = list(chat.messages)
    before = codec.renderer.render(messages, chat.tools, add_generation_prompt=True)
    encode, tokens, begins = codec.renderer.encode, list[int](), list[int]()
    for turn, reply, form in zip(turns, [*replies, []], shown, strict=True):
        said = _said(codec, messages, chat.tools, turn, form)
        tokens += encode(before if form == "whole" else before.removesuffix(opened_thinking(before)))
        begins.append(len(tokens))
        tokens += [*codec.continuation(said), codec.turns.end_token]
        messages += [{"role": "assistant", "content": turn}, *reply]
        before, encode = codec.answer_text(reply) if reply else "", codec.after_turn
    return _Buffer(tokens, begins)


def _said(codec: ChatCodec, messages: Sequence[Message], tools: Sequence[Any], turn: str, form: Shown) -> str:
    if form == "whole":
        return codec.turn_text(messages, tools, {"role": "assistant", "content": turn})
    after = turn.rpartition("</think>")[2]
    return after if form == "after" else after.lstrip()


def _is_same(codec: ChatCodec, buffer: _Buffer, expected: Sequence[int]) -> bool:
    """Whether the rendering is the buffer, but for blanks and end tokens behind the last turn."""
    mine = buffer.tokens
    for kind, start, stop, from_, to in SequenceMatcher(None, mine, expected, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if start == len(mine):
            rest = [token for token in expected[from_:] if token not in codec.turns.ends]
            return not codec.tokenizer.decode(rest).strip()
        if (start, stop, from_) == (len(mine) - 1, len(mine), len(expected)):
            return True  # the end that the recipe gives; this template writes none behind the last turn
        if not any(start <= begin <= stop for begin in buffer.begins):
            return False
        # where a turn begins, a tokenizer may join blanks of both sides; engines and conversations never do
        if codec.tokenizer.decode(mine[:stop]) != codec.tokenizer.decode(expected[:to]):
            return False
    return True


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of equal tokens at the beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _first_difference(codec: ChatCodec, buffer: Sequence[int], expected: Sequence[int]) -> str:
    start = _common(buffer, expected)
    before, ours, theirs = (
        codec.tokenizer.decode(part) for part in (buffer[max(0, start - 8) : start], buffer[start:], expected[start:])
    )
    if ours[:SHOWN] == theirs[:SHOWN]:
        ours, theirs = (
            str(codec.tokenizer.convert_ids_to_tokens(list(p[start : start + 4]))) for p in (buffer, expected)
        )
    return (
        f"a conversation built turn by turn is not what the chat template renders: after {before[-SHOWN:]!r} it has "
        f"{ours[:SHOWN]!r}, the template {theirs[:SHOWN]!r}; give a `chat_template` that renders turns alike"
    )

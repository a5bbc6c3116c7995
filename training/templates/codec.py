"""Tokens of prompts, turns and tool answers by the tokenizer's own chat template, and texts of sampled tokens."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from openqwq.training.records import Message
from openqwq.training.templates.turns import QUESTION, TurnFormat, derive, opened_thinking
from openqwq.verifiers.chat_rendering import PROBE, ChatRenderer, TemplateRefusal
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT, implied_format

MAX_TOOL_CHARACTERS = 2000
"""A longer answer of a tool loses its middle."""


class ChatCodec:
    """Renders prompts and tool answers as tokens with the tokenizer's own chat template, and decodes tokens to text.

    `end_of_turn`: the recipe's word for the end of a turn, where the template's own is not to be derived.
    """

    def __init__(self, tokenizer: Any, end_of_turn: str | None = None) -> None:
        self.tokenizer = tokenizer
        self.renderer = ChatRenderer(tokenizer)
        self._given_end = end_of_turn
        self._prompts: dict[str, tuple[tuple[int, ...], bool]] = {}

    @cached_property
    def turns(self) -> TurnFormat:
        """What the template says about turns, derived once.

        Raises:
            RecipeError: its turns cannot be sampled.
        """
        return derive(self.renderer, self._given_end)

    @cached_property
    def call_format(self) -> str:
        """How a model writes tool calls, as its template shows them; Hermes where it shows none that is known."""
        return implied_format(getattr(self.tokenizer, "chat_template", None)) or DEFAULT_FORMAT

    def prompt(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, ...], bool]:
        """The prompt's tokens, and whether the template opened `<think>` at their end.

        Raises:
            TemplateRefusal: the template does not render these messages.
        """
        key = repr((messages, tools))
        if key not in self._prompts:
            text = self.renderer.render(messages, tools, add_generation_prompt=True)
            self._prompts[key] = (tuple(self.renderer.encode(text)), bool(opened_thinking(text)))
        return self._prompts[key]

    def turn(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], said: Message) -> list[int]:
        """The tokens that a model samples after `messages` to say the message `said`, its end among them.

        Raises:
            TemplateRefusal: the template opens the thinking, and `said` has none; or it would lose a part of `said`.
        """
        return [*self.continuation(self.turn_text(messages, tools, said)), self.turns.end_token]

    def turn_text(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], said: Message) -> str:
        """What the template renders behind the generation prompt, without its end; the content as it stands where the
        template would leave out some of it, such as the thinking."""
        asking = self.renderer.render(messages, tools, add_generation_prompt=True)
        whole = self.renderer.render([*messages, said], tools)
        opened, shown = opened_thinking(asking), self.renderer.guarded(said.get("content") or "", is_markup_kept=True)
        if whole.startswith(asking):
            after = whole[len(asking) :]
            body = after.rpartition(self.turns.end_of_turn)[0] if self.turns.end_of_turn in after else after
            if _holds(opened + body, shown) and not self.renderer.writes_control(body):
                _refuse_lost_parts(said, body)
                return body
        _refuse_lost_parts(said, "")
        if asking.rstrip().endswith("</think>") and "</think>" in shown:
            raise TemplateRefusal(
                "the chat template closes the thinking before every answer, and this one thinks; leave its thinking "
                "out, or give a `chat_template` that closes none"
            )
        return _without_opened(opened, shown)

    def continuation(self, text: str) -> list[int]:
        """The tokens of a text that follows the generation prompt, as they are in the rendering of both."""
        for context in (self.turns.generation_prompt, self.turns.end_of_turn):
            start, both = self.renderer.encode(context), self.renderer.encode(context + text)
            if start and both[: len(start)] == start:
                return both[len(start) :]
        return self.renderer.encode(text)

    def tool_answer(self, messages: Sequence[Message], most: int | None = MAX_TOOL_CHARACTERS) -> tuple[int, ...]:
        """The tokens between the end token of an assistant turn and the next assistant turn, by the template.

        most: characters of a tool's answer, beyond which it loses its middle; None for any number."""
        return tuple(self.after_turn(self.answer_text(messages, most)))

    def after_turn(self, text: str) -> list[int]:
        """The tokens of a text that follows the end of a turn."""
        return self.renderer.encode(self.turns.end_of_turn + text)[1:]

    def answer_text(self, messages: Sequence[Message], most: int | None = MAX_TOOL_CHARACTERS) -> str:
        """What the template writes between the end of a turn and the answer to `messages`.

        Raises:
            TemplateRefusal: it does not render them, or changes the end of the turn before.
        """
        said = {"role": "assistant", "content": PROBE}
        shown = [{**message, "content": shown_text(message, str(message["content"]), most)} for message in messages]
        whole = self.renderer.render([QUESTION, said, *shown], add_generation_prompt=True)
        before_end, is_ended, rest = whole.partition(PROBE)[2].partition(self.turns.end_of_turn)
        if not is_ended or before_end.strip():
            roles = ", ".join(str(message.get("role")) for message in messages)
            raise TemplateRefusal(
                f"before messages of {roles} the chat template does not end the assistant's turn with "
                f"{self.turns.end_of_turn!r}, it writes {(before_end + is_ended)[:60]!r}"
            )
        return rest

    def text(self, tokens: Sequence[int]) -> str:
        """The text of sampled tokens, control tokens included."""
        decoded: str = self.tokenizer.decode(tokens)
        return decoded


def shown_text(message: Message, text: str, most: int | None) -> str:
    """The text of an environment's message as the model sees it. A question of the user is never cut: it would be
    another one."""
    return harmless(text, None if message.get("role") == "user" else most)


def harmless(text: str, most: int | None = MAX_TOOL_CHARACTERS) -> str:
    """Tool output without control tokens and tool tags: their `<` is followed by a blank. Output of more than `most`
    characters loses its middle. The words of other tokenizers are taken apart when it is encoded."""
    if most is not None and len(text) > most:
        half = most // 2
        text = f"{text[:half]} ... {text[len(text) - half :]}"
    return re.sub(r"<(?=[|｜]|/?(?:tool_call|tool_response|think|start_of_turn|end_of_turn)\b)", "< ", text)


def shortened(tokenizer: Any, message: Message, most: int) -> Message:
    """A tool's answer of at most about `most` tokens: a longer one loses its middle. A question of the user is never
    cut."""
    if message.get("role") == "user":
        return message
    text = str(message["content"])
    half, width = most // 2, 64 * most
    ends = text if len(text) <= 2 * width else text[:width] + text[-width:]  # few tokens have so many characters
    tokens = tokenizer(harmless(ends, None), add_special_tokens=False)["input_ids"]
    if len(tokens) <= most and ends is text:
        return message
    first, last = tokenizer.decode(tokens[:half]), tokenizer.decode(tokens[len(tokens) - half :])
    return {**message, "content": f"{first} ... {last}"}


def _without_opened(opened: str, shown: str) -> str:
    """A turn without the `<think>` that its prompt has opened already."""
    if not opened or ("</think>" in shown and not shown.lstrip().startswith("<think>")):
        return shown
    if "</think>" not in shown:
        raise TemplateRefusal(
            "the chat template opens <think> before every answer, and this one has no thinking; add its thinking, or "
            "give a `chat_template` that opens none"
        )
    rest = shown.lstrip().removeprefix("<think>")
    return rest.lstrip() if opened != "<think>" else rest


def _refuse_lost_parts(said: Message, shown: str) -> None:
    """Refuse what stands beside a message's content and is not in the rendering."""
    calls = [str((call.get("function") or call).get("name")) for call in said.get("tool_calls") or ()]
    lost = ["tool_calls"] if any(name not in shown for name in calls) else []
    lost += ["reasoning_content"] if not _holds(shown, str(said.get("reasoning_content") or "")) else []
    if lost:
        raise TemplateRefusal(
            f"the chat template does not render the {' and '.join(lost)} of an assistant where it asks for an answer; "
            f"write them into the content"
        )


def _holds(text: str, part: str) -> bool:
    """Whether `part` is in `text`, blanks aside."""
    return "".join(part.split()) in "".join(text.split())

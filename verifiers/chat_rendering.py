"""Renders chats by a tokenizer's own template, and encodes them so that only the template writes control tokens.

Where a text of a row, a user, a tool or a model spells a control token, a seam is put into the word: the pieces on both
sides of a seam are encoded apart, so the text stays as it is and no control token comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

SEAM = "ꙮ᠁"
"""Two different signs, so that a text which holds them can be written with seams as well."""
MARKUP = ("<think>", "</think>", "<tool_call>", "</tool_call>")
"""What assistants write themselves: in their turns, and where a system message explains it, these stay tokens."""
PROBE = "ANSWERPROBE"
_MARKER = re.compile(r"[<\[{|].*[>\]}|]\Z", re.DOTALL)


class TemplateRefusal(ValueError):
    """The chat template does not render a conversation, or not in a form that can be sampled and trained."""


def control_words(tokenizer: Any) -> tuple[str, ...]:
    """The words that the tokenizer reads as control tokens: its special tokens, and added ones that look like a marker
    or stand in the chat template. Blanks and ordinary words that were added are none."""
    template = str(getattr(tokenizer, "chat_template", ""))
    added = {str(token): token.special for token in getattr(tokenizer, "added_tokens_decoder", {}).values()}
    words = {
        w for w, is_special in added.items() if is_special or _MARKER.match(w) or (w in template and not w.isalnum())
    }
    words |= {str(word) for word in getattr(tokenizer, "all_special_tokens", ())}
    return tuple(sorted((word for word in words if len(word.strip()) > 1), key=lambda word: (-len(word), word)))


def plain(text: str) -> str:
    """A rendered text without its seams."""
    return text.replace(SEAM, "")


def encode(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a rendered text; pieces on both sides of a seam are encoded apart."""
    pieces = [piece for piece in text.split(SEAM) if piece]
    return [token for piece in pieces for token in tokenizer(piece, add_special_tokens=False)["input_ids"]]


@lru_cache(maxsize=4)
def renderer_of(tokenizer: Any) -> ChatRenderer:
    """The renderer of a tokenizer, which must not change any more."""
    return ChatRenderer(tokenizer)


class ChatRenderer:
    """Renders and encodes chats with one tokenizer. Rendered texts hold seams; `encode` reads them."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.controls = control_words(tokenizer)
        self._all = _any_of(self.controls)
        self._foreign = _any_of([word for word in self.controls if word not in MARKUP])
        self._after_normalizing = _any_of(
            str(token)
            for token in getattr(tokenizer, "added_tokens_decoder", {}).values()
            if token.normalized and str(token) in self.controls
        )
        self._normalizer = getattr(getattr(tokenizer, "backend_tokenizer", None), "normalizer", None)

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = (), add_generation_prompt: bool = False
    ) -> str:
        """The template's text of a conversation, with seams.

        Raises:
            TemplateRefusal: the template raises.
        """
        shown = [self._guarded_message(message) for message in messages]
        offered = [self._guarded(tool, is_markup_kept=False) for tool in tools]
        try:
            text: str = self.tokenizer.apply_chat_template(
                shown,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                **({"tools": offered} if tools else {}),
            )
        except Exception as error:  # a template is a program: it raises whatever it likes
            roles = ", ".join(str(message.get("role")) for message in messages)
            raise TemplateRefusal(
                f"the chat template does not render a conversation of {roles}: {' '.join(str(error).split())[:200]}"
            ) from error
        return text

    def encode(self, text: str) -> list[int]:
        """The tokens of a rendered text."""
        return encode(self.tokenizer, text)

    def writes_control(self, text: str) -> bool:
        """Whether a rendered text holds a control word other than those of `MARKUP`."""
        return self._foreign.search(text) is not None

    def guarded(self, text: str, is_markup_kept: bool = False) -> str:
        """`text` with a seam in every control word; `is_markup_kept`: but not in those of `MARKUP`."""
        pattern = self._foreign if is_markup_kept else self._all
        text = text.replace(SEAM, SEAM[0] + SEAM + SEAM[1])
        while pattern.search(text):
            text = pattern.sub(lambda found: found[0][0] + SEAM + found[0][1:], text)
        pieces = text.split(SEAM)
        if any(self._is_control_when_normalized(piece, is_markup_kept) for piece in pieces):
            return SEAM.join(SEAM.join(piece) for piece in pieces)
        return text

    def _is_control_when_normalized(self, text: str, is_markup_kept: bool) -> bool:
        if self._normalizer is None or self._after_normalizing is _NEVER:
            return False
        found = self._after_normalizing.findall(self._normalizer.normalize_str(text))
        return any(not (is_markup_kept and word in MARKUP) for word in found)

    def _guarded_message(self, message: Mapping[str, Any]) -> Any:
        return self._guarded(message, message.get("role") in ("assistant", "system", "developer"))

    def _guarded(self, value: Any, is_markup_kept: bool) -> Any:
        """A JSON value with seams in the control words of all its texts, keys too; other texts stay as they are."""
        if isinstance(value, str):
            return self.guarded(value, is_markup_kept)
        if isinstance(value, Mapping):
            pairs = value.items()
            return {self._guarded(key, is_markup_kept): self._guarded(item, is_markup_kept) for key, item in pairs}
        if isinstance(value, list | tuple):
            return [self._guarded(item, is_markup_kept) for item in value]
        return value


_NEVER = re.compile(r"(?!)")


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    listed = [re.escape(word) for word in sorted(words, key=lambda word: -len(word)) if len(word.strip()) > 1]
    return re.compile("|".join(listed)) if listed else _NEVER


def end_of_turn(renderer: ChatRenderer) -> str | None:
    """The control word with which the template ends an assistant's turn; None where it writes no such word.

    Raises:
        TemplateRefusal: the template raises, or drops the assistant's text.
    """
    asked = {"role": "user", "content": "?"}
    text = renderer.render([asked, {"role": "assistant", "content": PROBE}])
    if PROBE not in text:
        raise TemplateRefusal("the chat template leaves out the text of the assistant")
    after = text.rpartition(PROBE)[2].lstrip()
    return next((word for word in renderer.controls if after.startswith(word)), None)

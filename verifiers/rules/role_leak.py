"""Chat markup in a model's own turn: the beginning of another turn, or the answer of a tool that it wrote itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from openqwq.verifiers.base import Row, Verdict, VerifierBase
from openqwq.verifiers.prompts import content_text

END_TOKENS = (
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|end|>", "<|return|>",
    "<end_of_turn>", "</s>", "<\uff5cend\u2581of\u2581sentence\uff5c>",
)  # fmt: skip
"""Tokens that end a turn, in the templates that `prompts.py` reads; at the end of a turn they are no text."""
_BEGINNINGS = (
    "<|im_start|>", "<|start_header_id|>", "<|begin_of_text|>", "<start_of_turn>", "<|start|>", "<|system|>",
    "<|user|>", "<|assistant|>", "<|observation|>", "<\uff5cuser\uff5c>", "<\uff5cassistant\uff5c>", "[inst]",
    "[/inst]",
)  # fmt: skip
_TOOL_ANSWERS = (
    "<tool_response>", "</tool_response>", "[tool_results]", "[/tool_results]",
    "<\uff5ctool\u2581outputs\u2581begin\uff5c>", "<\uff5ctool\u2581output\u2581begin\uff5c>",
)  # fmt: skip
MARKS = (*_BEGINNINGS, *_TOOL_ANSWERS, *(token for token in END_TOKENS if token != "</s>"))
"""In lower case. `</s>` within a text is a tag of HTML as well."""

_BY_HEAD = {head: [mark for mark in MARKS if mark.startswith(head)] for head in {mark[:2] for mark in MARKS}}
_END_BACKWARDS = re.compile(rf"(?:\s+|{'|'.join(re.escape(token[::-1]) for token in END_TOKENS)})*+")
_LONGEST = max(map(len, END_TOKENS))
_CHUNK = 1_000
"""Characters at the end that are looked at first."""


def without_end(text: str) -> str:
    """The text without the end tokens and white space at its end, in linear time."""
    # read backwards: a search for them up to the end would try every blank as the first one
    behind = _END_BACKWARDS.match(text[-_CHUNK:][::-1])
    length = behind.end() if behind else 0
    if length >= min(_CHUNK, len(text)) - _LONGEST:
        behind = _END_BACKWARDS.match(text[::-1])
        length = behind.end() if behind else 0
    return text[: len(text) - length]


def leaked_mark(text: str, prompt: object = None) -> str:
    """The first of `MARKS` that a turn holds before its end, or "". A mark that the prompt itself speaks of may be
    spoken of."""
    said = without_end(text).lower()
    found = [mark for head, marks in _BY_HEAD.items() if head in said for mark in marks if mark in said]
    if not found:
        return ""
    asked = _asked(prompt).lower()
    return next((mark for mark in sorted(found, key=said.index) if mark not in asked), "")


def _asked(prompt: object) -> str:
    """What was said to the model, marks included; without texts that a chat template rendered, which are full of its
    marks."""
    messages = prompt if isinstance(prompt, list | tuple) else [{"content": prompt}]
    chat = [message for message in messages if isinstance(message, Mapping) and message.get("role") != "assistant"]
    texts = [content_text(message) for message in chat]
    return "\n".join(text for text in texts if not text.lstrip().lower().startswith(MARKS))


class RoleLeakVerifier(VerifierBase):
    """Score 0 when the model's turn holds chat markup of another turn or a tool's answer, else 1.

    The whole text counts, thinking, code and quotations included: a chat template reads such a mark wherever it
    stands. End tokens at the end of the turn are allowed, and marks that stand in the row's prompt.
    """

    name = "role_leak"

    def grade(self, response: str, row: Row) -> Verdict:
        mark = leaked_mark(response, row.get("prompt"))
        return Verdict.scored(not mark, f"the model wrote {mark} itself" if mark else "")

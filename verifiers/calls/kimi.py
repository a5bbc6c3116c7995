"""Kimi K2: between `<|tool_calls_section_begin|>` and its end, for each call `<|tool_call_begin|>functions.NAME:INDEX`,
`<|tool_call_argument_begin|>`, the arguments in JSON and `<|tool_call_end|>`."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import Block, ParsedCall, Turn
from openqwq.verifiers.calls.section import Section
from openqwq.verifiers.calls.strict_json import read_json

BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL, ARGUMENTS, CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
_HEAD = re.compile(rf"\s*{re.escape(CALL)}\s*(?:functions\.)?([^\s<>:]+):\d{{1,9}}\s*{re.escape(ARGUMENTS)}")
_CALL_CLOSED = re.compile(rf"\s*{re.escape(CALL_END)}")
_SECTION = Section(BEGIN, END, CALL, CALL_END)


class Kimi:
    marks = (BEGIN, END, CALL, ARGUMENTS, CALL_END)
    forged = ("<|im_user|>", "<|im_system|>", "<|im_assistant|>", "<|im_middle|>")
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        return _SECTION.read(turn, mark, end, _call)


def _call(turn: Turn, start: int) -> tuple[ParsedCall, int]:
    text = turn.text
    head = _HEAD.match(text, start)
    if not head:
        raise ValueError(f"{CALL}, functions.NAME:INDEX and {ARGUMENTS} are missing")
    arguments, end = read_json(text, head.end())
    if not isinstance(arguments, dict):
        raise ValueError("the arguments must be an object")
    closed = _CALL_CLOSED.match(text, end)
    if not closed:
        raise ValueError(f"the arguments are not followed by {CALL_END}")
    return ParsedCall(head[1], arguments), closed.end()

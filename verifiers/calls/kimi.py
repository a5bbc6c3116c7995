"""Kimi K2: between `<|tool_calls_section_begin|>` and its end, for each call `<|tool_call_begin|>functions.NAME:INDEX`,
`<|tool_call_argument_begin|>`, the arguments in JSON and `<|tool_call_end|>`."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import MAX_CALLS, Block, Item, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.strict_json import read_json

BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL, ARGUMENTS, CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
_HEAD = re.compile(rf"\s*{re.escape(CALL)}\s*(?:functions\.)?([^\s<>:]+):\d{{1,9}}\s*{re.escape(ARGUMENTS)}")
_CALL_CLOSED = re.compile(rf"\s*{re.escape(CALL_END)}")
_ALL_CLOSED = re.compile(rf"\s*{re.escape(END)}")
_NEXT = re.compile("|".join(map(re.escape, (BEGIN, END, CALL, CALL_END))) + "|</?think>")


class Kimi:
    marks = (BEGIN, END, CALL, ARGUMENTS, CALL_END)
    forged = ("<|im_user|>", "<|im_system|>", "<|im_assistant|>", "<|im_middle|>")
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        """The whole section of calls. One that is malformed ends where the next begins."""
        text = turn.text
        if mark != BEGIN:
            return Block((MalformedCall(f"a mark of a call stands outside of {BEGIN}"),), end)
        items: list[Item] = []
        while len(items) <= MAX_CALLS:
            if closed := _ALL_CLOSED.match(text, end):
                return Block(tuple(items) or (MalformedCall("no call stands between its marks"),), closed.end())
            try:
                call, end = _call(text, end)
                items.append(call)
            except ValueError as error:
                items.append(MalformedCall(f"not a tool call: {error}"[:200]))
                found = _NEXT.search(text, end + 1)
                if not found or found[0] not in (CALL, CALL_END, END):
                    return Block(tuple(items), found.start() if found else len(text))
                end = found.end() if found[0] == CALL_END else found.start()
        return Block(tuple(items), end)


def _call(text: str, start: int) -> tuple[ParsedCall, int]:
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

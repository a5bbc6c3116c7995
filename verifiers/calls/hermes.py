"""Hermes, Qwen2.5, Qwen3, QwQ: `<tool_call>{"name": str, "arguments": object}</tool_call>`, any number of them."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import UNPAIRED, Block, Item, MalformedCall, Turn
from openqwq.verifiers.calls.strict_json import call_of, read_json

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_CLOSED = re.compile(rf"\s*{CLOSE}")
_NEXT = re.compile(f"{OPEN}|{CLOSE}|</?think>")


class Hermes:
    marks = (OPEN, CLOSE)
    forged = ()
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        if mark == CLOSE:
            return Block((MalformedCall(UNPAIRED),), end)
        item: Item
        try:
            value, end = read_json(turn.text, end)
            closed = _CLOSED.match(turn.text, end)
            item = call_of(value) if closed else MalformedCall("not a tool call: its JSON is followed by something")
        except ValueError as error:
            closed, item = _CLOSED.match(turn.text, end), MalformedCall(f"not a tool call: {error}"[:200])
        return Block((item,), closed.end()) if closed else skipped(turn.text, end, item)


def skipped(text: str, end: int, item: Item) -> Block:
    """A malformed call up to its closing tag, or to the next tag where it has none."""
    found = _NEXT.search(text, end)
    if found and found[0] == CLOSE:
        return Block((item,), found.end())
    return Block((MalformedCall(UNPAIRED),), found.start() if found else len(text))

"""DeepSeek: calls between `<｜tool▁calls▁begin｜>` and its end. V3 and R1 write `function`, a separator, the name and
the arguments in a fence of JSON; V3.1 writes the name, the separator and the arguments."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import MAX_CALLS, Block, Item, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.strict_json import read_json

BEGIN, END = "<\uff5ctool\u2581calls\u2581begin\uff5c>", "<\uff5ctool\u2581calls\u2581end\uff5c>"
CALL, SEP, CALL_END = (f"<\uff5ctool\u2581{word}\uff5c>" for word in ("call\u2581begin", "sep", "call\u2581end"))
OUTPUT_MARKS = tuple(f"<\uff5ctool\u2581{word}\uff5c>" for word in (
    "outputs\u2581begin", "outputs\u2581end", "output\u2581begin", "output\u2581end"))  # fmt: skip
_HEAD = re.compile(rf"\s*{CALL}\s*([^<\s]+)\s*{SEP}")
_V3 = re.compile(r"\s*([^\s{`<]+)[ \t]*\n```json[ \t]*\n")
_V3_END = re.compile(rf"\s*\n?```\s*{CALL_END}")
_V31_END = re.compile(rf"\s*{CALL_END}")
_ALL_END = re.compile(rf"\s*{END}")
_NEXT = re.compile(f"{BEGIN}|{END}|{CALL}|{CALL_END}|</?think>")


class DeepSeek:
    marks = (BEGIN, END, CALL, SEP, CALL_END)
    forged = (*OUTPUT_MARKS, "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>")
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        """The whole block of calls. One that is malformed ends where the next begins."""
        text = turn.text
        if mark != BEGIN:
            return Block((MalformedCall(f"a mark of a call stands outside of {BEGIN}"),), end)
        items: list[Item] = []
        while len(items) <= MAX_CALLS:
            if closed := _ALL_END.match(text, end):
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
        raise ValueError(f"{CALL}, a name and {SEP} are missing")
    fenced = _V3.match(text, head.end()) if head[1] == "function" else None
    arguments, end = read_json(text, (fenced or head).end())
    if not isinstance(arguments, dict):
        raise ValueError("the arguments must be an object")
    closed = (_V3_END if fenced else _V31_END).match(text, end)
    if not closed:
        raise ValueError(f"the arguments are not followed by {CALL_END}")
    return ParsedCall((fenced or head)[1], arguments), closed.end()

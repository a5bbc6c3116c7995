"""DeepSeek: calls between `<｜tool▁calls▁begin｜>` and its end. V3 and R1 write `function`, a separator, the name and
the arguments in a fence of JSON; V3.1 writes the name, the separator and the arguments."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import Block, ParsedCall, Turn
from openqwq.verifiers.calls.section import Section
from openqwq.verifiers.calls.strict_json import read_json

BEGIN, END = "<\uff5ctool\u2581calls\u2581begin\uff5c>", "<\uff5ctool\u2581calls\u2581end\uff5c>"
CALL, SEP, CALL_END = (f"<\uff5ctool\u2581{word}\uff5c>" for word in ("call\u2581begin", "sep", "call\u2581end"))
OUTPUT_MARKS = tuple(f"<\uff5ctool\u2581{word}\uff5c>" for word in (
    "outputs\u2581begin", "outputs\u2581end", "output\u2581begin", "output\u2581end"))  # fmt: skip
_HEAD = re.compile(rf"\s*{CALL}\s*([^<\s]+)\s*{SEP}")
_V3 = re.compile(r"\s*([^\s{`<]+)[ \t]*\n```json[ \t]*\n")
_V3_END = re.compile(rf"\s*\n?```\s*{CALL_END}")
_V31_END = re.compile(rf"\s*{CALL_END}")
_SECTION = Section(BEGIN, END, CALL, CALL_END)


class DeepSeek:
    marks = (BEGIN, END, CALL, SEP, CALL_END)
    forged = (*OUTPUT_MARKS, "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>")
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        return _SECTION.read(turn, mark, end, _call)


def _call(turn: Turn, start: int) -> tuple[ParsedCall, int]:
    text = turn.text
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

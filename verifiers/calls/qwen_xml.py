"""Qwen3-Coder and Qwen3.5: `<tool_call><function=NAME><parameter=KEY>\\nvalue\\n</parameter></function></tool_call>`.

A value is plain text between line ends; the tool's schema says what it is.
"""

from __future__ import annotations

import re

from openqwq.verifiers.calls.hermes import CLOSE, OPEN, skipped
from openqwq.verifiers.calls.records import Block, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.tagged_values import Ends, read_value, schemas_of

_HEAD = re.compile(r"\s*<function=([^<>\s]+)>")
_TAIL = re.compile(rf"\s*</function>\s*{CLOSE}")
_KEY = re.compile(r"\s*<parameter=([^<>]+)>")
_ENDS = Ends(
    re.compile(r"\s*</parameter>"),
    re.compile(rf"</parameter>(?=\s*(?:<parameter=|</function>\s*{CLOSE}))|(?P<next>{OPEN}\s*<function=)"),
)


class QwenXml:
    marks = (OPEN, CLOSE, "<function=", "</function>")
    forged = ()
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        if mark != OPEN:
            return Block((MalformedCall(f"a tag of a call stands outside of {OPEN}"),), end)
        try:
            call, end = _call(turn, end)
            return Block((call,), end)
        except ValueError as error:
            return skipped(turn.text, end, MalformedCall(f"not a tool call: {error}"[:200]))


def _call(turn: Turn, start: int) -> tuple[ParsedCall, int]:
    text = turn.text
    head = _HEAD.match(text, start)
    if not head:
        raise ValueError("<function=NAME> is missing")
    schemas, arguments, end = schemas_of(turn, head[1]), {}, head.end()
    while not (tail := _TAIL.match(text, end)):
        key = _KEY.match(text, end)
        if not key:
            raise ValueError("<parameter=KEY> or </function> is missing")
        if key[1] in arguments:
            raise ValueError("a parameter is given twice")
        arguments[key[1]], end = read_value(turn, key.end(), schemas.get(key[1]), _ENDS, line="\n")
    return ParsedCall(head[1], arguments), tail.end()

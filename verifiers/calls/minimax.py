"""MiniMax M2: between `<minimax:tool_call>` and its end any number of `<invoke name="NAME">` with
`<parameter name="KEY">VALUE</parameter>` for each argument. A value is plain text, which the tool's schema reads."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import Block, ParsedCall, Turn
from openqwq.verifiers.calls.section import Section
from openqwq.verifiers.calls.tagged_values import Ends, read_value, schemas_of

OPEN, CLOSE = "<minimax:tool_call>", "</minimax:tool_call>"
INVOKE, INVOKE_END = '<invoke name="', "</invoke>"
_CALL = re.compile(rf'\s*{INVOKE}([^\s"<>]+)">')
_CALL_END = re.compile(rf"\s*{INVOKE_END}")
_KEY = re.compile(r'\s*<parameter name="([^"<>]+)">')
_ENDS = Ends(
    re.compile(r"\s*</parameter>"),
    re.compile(
        rf'</parameter>(?=\s*(?:<parameter name="|{INVOKE_END}\s*(?:{INVOKE}|{CLOSE})))|(?P<next>{OPEN}\s*{INVOKE})'
    ),
)
_SECTION = Section(OPEN, CLOSE, INVOKE, INVOKE_END)


class MiniMax:
    marks = (OPEN, CLOSE, INVOKE, INVOKE_END)
    forged = ("<response>", "]~b]", "]~!b[")
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        return _SECTION.read(turn, mark, end, _call)


def _call(turn: Turn, start: int) -> tuple[ParsedCall, int]:
    head = _CALL.match(turn.text, start)
    if not head:
        raise ValueError(f'{INVOKE}NAME"> is missing')
    schemas, arguments, end = schemas_of(turn, head[1]), {}, head.end()
    while not (tail := _CALL_END.match(turn.text, end)):
        key = _KEY.match(turn.text, end)
        if not key:
            raise ValueError(f'<parameter name="KEY"> or {INVOKE_END} is missing')
        if key[1] in arguments:
            raise ValueError("a parameter is given twice")
        arguments[key[1]], end = read_value(turn, key.end(), schemas.get(key[1]), _ENDS)
    return ParsedCall(head[1], arguments), tail.end()

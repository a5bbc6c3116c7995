"""MiniMax M2: between `<minimax:tool_call>` and its end any number of `<invoke name="NAME">` with
`<parameter name="KEY">VALUE</parameter>` for each argument. A value is plain text, which the tool's schema reads."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import MAX_CALLS, Block, Item, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.tagged_values import Ends, read_value, schemas_of

OPEN, CLOSE = "<minimax:tool_call>", "</minimax:tool_call>"
INVOKE, INVOKE_END = '<invoke name="', "</invoke>"
_CALL = re.compile(rf'\s*{INVOKE}([^\s"<>]+)">')
_CALL_END = re.compile(rf"\s*{INVOKE_END}")
_KEY = re.compile(r'\s*<parameter name="([^"<>]+)">')
_ALL_END = re.compile(rf"\s*{CLOSE}")
_ENDS = Ends(
    re.compile(r"\s*</parameter>"),
    re.compile(
        rf'</parameter>(?=\s*(?:<parameter name="|{INVOKE_END}\s*(?:{INVOKE}|{CLOSE})))|(?P<next>{OPEN}\s*{INVOKE})'
    ),
)
_NEXT = re.compile(f"{OPEN}|{CLOSE}|{INVOKE}|{INVOKE_END}|</?think>")


class MiniMax:
    marks = (OPEN, CLOSE, INVOKE, INVOKE_END)
    forged = ("<response>", "]~b]", "]~!b[")
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        """The whole block of calls. One that is malformed ends where the next begins."""
        text = turn.text
        if mark != OPEN:
            return Block((MalformedCall(f"a tag of a call stands outside of {OPEN}"),), end)
        items: list[Item] = []
        while len(items) <= MAX_CALLS:
            if closed := _ALL_END.match(text, end):
                return Block(tuple(items) or (MalformedCall("no call stands between its tags"),), closed.end())
            try:
                call, end = _call(turn, end)
                items.append(call)
            except ValueError as error:
                items.append(MalformedCall(f"not a tool call: {error}"[:200]))
                found = _NEXT.search(text, end + 1)
                if not found or found[0] not in (INVOKE, INVOKE_END, CLOSE):
                    return Block(tuple(items), found.start() if found else len(text))
                end = found.end() if found[0] == INVOKE_END else found.start()
        return Block(tuple(items), end)


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

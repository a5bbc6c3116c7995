"""GLM 4.5 and later: `<tool_call>NAME`, then `<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>` for each argument,
then `</tool_call>`, with line ends between them or without. A value is plain text, which the tool's schema reads."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.hermes import CLOSE, OPEN, skipped
from openqwq.verifiers.calls.records import Block, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.tagged_values import Ends, read_value, schemas_of

KEY, VALUE = "<arg_key>", "<arg_value>"
_HEAD = re.compile(rf"\s*([^\s<>{{}}\[\]]+)(?=\s*(?:{KEY}|{CLOSE}))")
_TAIL = re.compile(rf"\s*{CLOSE}")
_KEY = re.compile(rf"\s*{KEY}\s*([^<>]+?)\s*</arg_key>\s*{VALUE}")
_ENDS = Ends(
    re.compile(r"\s*</arg_value>"),
    re.compile(rf"</arg_value>(?=\s*(?:{KEY}|{CLOSE}))|(?P<next>{OPEN}\s*[^\s<>{{}}\[\]]+\s*{KEY})"),
)


class Glm:
    marks = (OPEN, CLOSE, KEY, VALUE)
    forged = ("<|observation|>", "<|user|>", "<|assistant|>")
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
    head = _HEAD.match(turn.text, start)
    if not head:
        raise ValueError(f"a name and {KEY} are missing")
    schemas, arguments, end = schemas_of(turn, head[1]), {}, head.end()
    while not (tail := _TAIL.match(turn.text, end)):
        key = _KEY.match(turn.text, end)
        if not key:
            raise ValueError(f"{KEY} or {CLOSE} is missing")
        if key[1] in arguments:
            raise ValueError("a key is given twice")
        arguments[key[1]], end = read_value(turn, key.end(), schemas.get(key[1]), _ENDS)
    return ParsedCall(head[1], arguments), tail.end()

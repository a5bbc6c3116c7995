"""Llama 3.1 to 3.3: the whole answer is `{"name": str, "parameters": object}`, several with `;` between; the same, or
the call of a built-in tool as `name.call(key="value")`, behind `<|python_tag|>`; `<function=NAME>{...}</function>`."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.json_form import json_calls, whole_answer
from openqwq.verifiers.calls.python_calls import read_calls
from openqwq.verifiers.calls.records import Block, Item, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.strict_json import blanks_end, read_json

PYTHON_TAG, OPEN, CLOSE = "<|python_tag|>", "<function=", "</function>"
_NAME = re.compile(r"([^\s<>{}=]+)>")
_CLOSED = re.compile(rf"\s*{CLOSE}")
_NEXT = re.compile(r"<\|python_tag\|>|<function=|</function>|</?think>")


class Llama:
    marks = (PYTHON_TAG, OPEN, CLOSE)
    forged = ("<|start_header_id|>",)
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return whole_answer(turn.text, start, ("{",))

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        if mark == PYTHON_TAG:
            return _tagged(turn.text, end)
        return _function(turn.text, end) if mark == OPEN else Block((MalformedCall(f"{CLOSE} closes nothing"),), end)


def _tagged(text: str, start: int) -> Block:
    try:
        first = blanks_end(text, start)
        if text[first : first + 1] == "{":
            items, end = json_calls(text, start)
            items = items or [MalformedCall('not a tool call: a call is an object with a "name"')]
        else:
            calls, end = read_calls(text, start)
            items = [ParsedCall(call.name.removesuffix(".call"), call.arguments) for call in calls]
    except ValueError as error:
        return _skipped(text, start, MalformedCall(f"not a tool call: {error}"[:200]))
    return Block(tuple(items), end)


def _function(text: str, start: int) -> Block:
    named = _NAME.match(text, start)
    if not named:
        return _skipped(text, start, MalformedCall(f"{OPEN} names no tool"))
    item: Item
    try:
        arguments, end = read_json(text, named.end())
        is_object = isinstance(arguments, dict)
        item = ParsedCall(named[1], arguments) if is_object else MalformedCall("the arguments must be an object")
    except ValueError as error:
        return _skipped(text, named.end(), MalformedCall(f"not a tool call: {error}"[:200]))
    closed = _CLOSED.match(text, end)
    return Block((item,), closed.end()) if closed else _skipped(text, end, MalformedCall(f"{OPEN} is not closed"))


def _skipped(text: str, start: int, item: Item) -> Block:
    found = _NEXT.search(text, start)
    if not found:
        return Block((item,), len(text))
    return Block((item,), found.end() if found[0] == CLOSE else found.start())

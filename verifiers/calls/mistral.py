"""Mistral: `[TOOL_CALLS] [{"name": str, "arguments": object}, ...]`, and since the tokenizer's version 11
`[TOOL_CALLS]NAME[ARGS]{...}` for each call, with `[CALL_ID]ID` before the arguments or without."""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import Block, Item, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.strict_json import blanks_end, call_of, read_json

OPEN, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
_NAMED = re.compile(r"\s*([^\s\[\]{}]+)(?:\[CALL_ID\]\s*\w+\s*)?\[ARGS\]")
_NEXT = re.compile(r"\[TOOL_CALLS\]|</?think>|\[/?THINK\]")
_MORE_JSON = re.compile(r"\s*[\]}{,:\"]|\s*\[(?!TOOL_CALLS\])")


class Mistral:
    marks = (OPEN, CALL_ID, ARGS)
    forged = ("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[INST]", "[/INST]")
    thinking = (("[THINK]", "[/THINK]"),)

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        if mark != OPEN:
            return Block((MalformedCall(f"{mark} stands without {OPEN}"),), end)
        text, first = turn.text, blanks_end(turn.text, end)
        try:
            items, stop = (_listed if text[first : first + 1] == "[" else _named)(text, end)
        except ValueError as error:
            return _skipped(text, end, [MalformedCall(f"not a tool call: {error}"[:200])])
        if _MORE_JSON.match(text, stop):
            return _skipped(text, stop, [MalformedCall("not a tool call: its JSON is followed by something")])
        return Block(tuple(items), stop)


def _listed(text: str, start: int) -> tuple[list[Item], int]:
    value, end = read_json(text, start)
    if not value:
        raise ValueError("the list of calls is empty")
    return [_item(each) for each in value], end


def _item(value: object) -> Item:
    try:
        return call_of(value, ignored=frozenset({"id"}))
    except ValueError as error:
        return MalformedCall(f"not a tool call: {error}"[:200])


def _named(text: str, start: int) -> tuple[list[Item], int]:
    named = _NAMED.match(text, start)
    if not named:
        raise ValueError(f"{OPEN} is followed by neither a list nor NAME{ARGS}")
    arguments, end = read_json(text, named.end())
    if not isinstance(arguments, dict):
        raise ValueError("the arguments must be an object")
    return [ParsedCall(named[1], arguments)], end


def _skipped(text: str, start: int, items: list[Item]) -> Block:
    found = _NEXT.search(text, start)
    return Block(tuple(items), found.start() if found else len(text))

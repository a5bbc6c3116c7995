"""Bare JSON: the whole answer is one call `{"name": str, "arguments" or "parameters": object}` or a list of them.

A code fence around it, OpenAI's wrapping `{"type": "function", "function": {...}}` and a `type` or `id` beside the name
are taken. JSON that names no call is an answer and no call.
"""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import MAX_CALLS, Block, Item, MalformedCall, Turn
from openqwq.verifiers.calls.strict_json import blanks_end, call_of, read_json

KEYS = ("arguments", "parameters")
BESIDE = frozenset({"type", "id"})
AROUND = "other text stands around the calls"
_FENCE = re.compile(r"\s*```(?:json|tool_call|tool_calls)?[ \t]*\n")
_FENCE_END = re.compile(r"\s*```")
_SEPARATOR = re.compile(r"\s*[;,]?\s*(?=\{)")
_CALL_BEGINS = re.compile(r'\s*\[?\s*\{\s*"(?:name|function|type|arguments|parameters|id)"\s*:')
_NEXT_THOUGHT = re.compile(r"</?think>")


class BareJson:
    marks: tuple[str, ...] = ()
    forged = ()
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return whole_answer(turn.text, start)

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        raise AssertionError("bare JSON has no marks")


def whole_answer(text: str, start: int, brackets: tuple[str, ...] = ("{", "[")) -> Block | None:
    """The calls of an answer that is JSON; None where it begins with none of the brackets, or its JSON is no call."""
    fence = _FENCE.match(text, start)
    first = blanks_end(text, fence.end() if fence else start)
    if text[first : first + 1] not in brackets:
        return None
    try:
        items, end = json_calls(text, first)
    except ValueError as error:
        if not _CALL_BEGINS.match(text, first):
            return None
        return _to_the_end(text, first, [MalformedCall(f"not a tool call: {error}"[:200])])
    if not items:
        return None
    if fence and (closed := _FENCE_END.match(text, end)):
        end = closed.end()
    return _to_the_end(text, end, items)


def json_calls(text: str, start: int) -> tuple[list[Item], int]:
    """The calls of a list, or of objects one after another, and the index behind them. No items: it is other JSON.

    Raises:
        ValueError: the first of it is not JSON.
    """
    value, end = read_json(text, start)
    values = value if isinstance(value, list) else [value]
    if not any(is_call_like(item) for item in values):
        return [], end
    items = [item_of(item) for item in values]
    while not isinstance(value, list) and len(items) <= MAX_CALLS and (found := _SEPARATOR.match(text, end)):
        try:
            more, end = read_json(text, found.end())
            items.append(item_of(more))
        except ValueError as error:
            items.append(MalformedCall(f"not a tool call: {error}"[:200]))
            break
    return items, end


def is_call_like(value: object) -> bool:
    """Whether an object says a name and arguments, well formed or not."""
    inner = value.get("function", value) if isinstance(value, dict) else None
    if isinstance(inner, str):
        inner = value
    return isinstance(inner, dict) and bool({"name", "function"} & set(inner)) and bool(set(KEYS) & set(inner))


def item_of(value: object) -> Item:
    """The call of an object, or why it is none."""
    try:
        if isinstance(value, dict) and isinstance(value.get("function"), dict) and set(value) <= BESIDE | {"function"}:
            return call_of(value["function"], KEYS)
        return call_of(value, KEYS, BESIDE)
    except ValueError as error:
        return MalformedCall(f"not a tool call: {error}"[:200])


def _to_the_end(text: str, end: int, items: list[Item]) -> Block:
    found = _NEXT_THOUGHT.search(text, end)
    stop = found.start() if found else len(text)
    if text[end:stop].strip() and not any(isinstance(item, MalformedCall) for item in items[-1:]):
        items = [*items, MalformedCall(AROUND)]
    return Block(tuple(items), stop)

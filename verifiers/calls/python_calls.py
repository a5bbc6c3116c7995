"""Calls as Python text with named literal arguments: `[f(a=1), g(b="x")]`, or one of them without brackets.

Nothing is evaluated: the text is parsed, and values are literals that JSON has. BFCL's own reading of such answers,
which takes more, is `bfcl/python_form.py`.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from openqwq.verifiers.calls.records import MAX_CALLS, Block, Item, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.strict_json import check_value

MAX_CHARACTERS = 50_000
"""Of one list of calls; the parser's tree takes a hundred times as much memory."""
AROUND = "other text stands around the calls"
_BEGINS = re.compile(r"\s*(?:\[\s*)?[A-Za-z_][\w.]*\(")
_FENCE = re.compile(r"\s*```(?:python|tool_code|tool_call)?[ \t]*\n")
_FENCE_END = re.compile(r"\s*```")
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\''
    r"|</?think>|[()\[\]{}\"']",
    re.DOTALL,
)
_NEXT = re.compile(r"</?think>|<\|python_end\|>")
_UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)


class PythonCalls:
    marks = ("<|python_start|>", "<|python_end|>")
    forged = ()
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return _whole(turn, start)

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        block = _whole(turn, end) if mark == self.marks[0] else None
        return block or Block((MalformedCall(f"{mark} is beside no calls"),), end)


def _whole(turn: Turn, start: int) -> Block | None:
    text = turn.text
    fence = _FENCE.match(text, start)
    first = fence.end() if fence else start
    if not _BEGINS.match(text, first) or not _is_meant(turn, first):
        return None
    items: list[Item] = []
    try:
        calls, end = read_calls(text, first)
        items.extend(calls)
    except ValueError as error:
        items, end = [MalformedCall(f"not a tool call: {error}"[:200])], first
    if fence and (closed := _FENCE_END.match(text, end)):
        end = closed.end()
    return _to_the_end(text, end, items)


def _is_meant(turn: Turn, start: int) -> bool:
    """A list of calls is one whatever it names; a single call must name an offered tool, as code may look so too."""
    begun = _BEGINS.match(turn.text, start)
    assert begun is not None
    words = begun[0].strip()
    return words.startswith("[") or not turn.tools or words.rstrip("(") in turn.tools


def _to_the_end(text: str, end: int, items: list[Item]) -> Block:
    found = _NEXT.search(text, end)
    stop = found.start() if found else len(text)
    if text[end:stop].strip() and not isinstance(items[-1], MalformedCall):
        items = [*items, MalformedCall(AROUND)]
    return Block(tuple(items), found.end() if found and found[0] == "<|python_end|>" else stop)


def read_calls(text: str, start: int) -> tuple[list[ParsedCall], int]:
    """The calls that begin at `start`, and the index behind them.

    Raises:
        ValueError: it is no list of calls and no call; an argument has no name or a value that is no literal of JSON.
    """
    end = _bracket_end(text, start)
    try:
        body = ast.parse(text[start:end].strip(), mode="eval").body
        nodes = body.elts if isinstance(body, ast.List) else [body]
        if not nodes or len(nodes) > MAX_CALLS:
            raise ValueError(f"{len(nodes)} calls")
        return [_call(node) for node in nodes], end
    except _UNREADABLE as error:
        raise ValueError(f"no calls in Python: {str(error)[:120] or type(error).__name__}") from None


def _bracket_end(text: str, start: int) -> int:
    """Behind the bracket that closes the first one from `start` on; brackets in texts do not count."""
    depth = 0
    for token in _TOKEN.finditer(text, start, start + MAX_CHARACTERS):
        mark = token[0]
        if mark in ("(", "[", "{"):
            depth += 1
        elif mark in (")", "]", "}"):
            depth -= 1
            if depth <= 0:
                return token.end()
        elif mark in ("</think>", "<think>", '"', "'"):
            break
    raise ValueError("a bracket or a quote does not close")


def _call(node: ast.AST) -> ParsedCall:
    if not isinstance(node, ast.Call):
        raise ValueError("not a call")
    if node.args:
        raise ValueError("an argument has no name")
    arguments: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError("an argument has no name")
        if keyword.arg in arguments:
            raise ValueError("an argument is given twice")
        arguments[keyword.arg] = _plain(ast.literal_eval(keyword.value))
    check_value(arguments)
    return ParsedCall(_name(node.func), arguments)


def _name(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("what is called is no name")
    return ".".join(reversed([*parts, node.id]))


def _plain(value: Any) -> Any:
    """A literal as JSON has it: tuples are lists, keys are texts."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key is no text")
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"a {type(value).__name__} is no value of JSON")

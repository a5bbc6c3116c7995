"""Reads what a person types: a call of a tool, or the answer. Pure."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_NAME = r"[A-Za-z_][\w.-]*"


class UnreadableCall(ValueError):
    """A line begins like a call and cannot be read as one; the message is one line."""


def turn_of(line: str, tools: Mapping[str, Sequence[str]]) -> str:
    """The turn of an assistant that a line stands for, its call in Hermes's form: `tool(a=1)`, `tool {"a": 1}`, or the
    bare name of an offered tool. `tool(1)` names its arguments in their order. A `tool(...)` or `tool {...}` is a call
    although no such tool is offered. `tools`: the names of the arguments of each.

    Raises:
        UnreadableCall: the arguments are neither literals nor a JSON object.
    """
    text = line.strip()
    braced = re.fullmatch(rf"({_NAME})\s*(\{{.*\}}?)", text, re.DOTALL)
    if braced:
        return _call(braced[1], _json(braced[2]))
    called = re.fullmatch(rf"({_NAME})\((.*)\)?", text, re.DOTALL)
    if called and (called[1] in tools or text.endswith(")")):
        return _call(called[1], _literals(text, tools.get(called[1], ())))
    return _call(text, {}) if text in tools else text


def _call(name: str, arguments: dict[str, Any]) -> str:
    record = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{record}\n</tool_call>"


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UnreadableCall(f"the arguments are no JSON object: {error}") from error
    assert isinstance(found, dict)  # it begins with a brace
    return found


def _literals(text: str, names: Sequence[str]) -> dict[str, Any]:
    example = 'write them as in tool(number=1, text="a")'
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableCall(f"the call cannot be read ({getattr(error, 'msg', error)}); {example}") from error
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        raise UnreadableCall(f"the call cannot be read; {example}")
    given = [*zip(names, node.args, strict=False), *((one.arg, one.value) for one in node.keywords)]
    if len(node.args) > len(names) or len({name for name, _ in given} - {None}) < len(given):
        raise UnreadableCall(f"each argument has one name; {example}")
    try:
        found = {str(name): ast.literal_eval(value) for name, value in given}
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnreadableCall(f"arguments are literals that JSON can carry; {example}") from error
    return found

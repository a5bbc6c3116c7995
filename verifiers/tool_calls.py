"""Reads Hermes tool calls out of a turn and checks their arguments against the offered tools' schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from openqwq.verifiers.answers import graded_text

MAX_CALLS = 64
_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FORGED = ("<tool_response>", "</tool_response>", "<|im_start|>")
_BFCL_TYPES = {"dict": "object", "float": "number", "double": "number", "long": "integer", "int": "integer",
               "tuple": "array", "list": "array", "str": "string", "bool": "boolean"}  # fmt: skip


@dataclass(frozen=True)
class ParsedCall:
    """Example: ParsedCall("calculator", {"expression": "2+2"})."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ParsedCalls:
    """The calls of one turn in order, and one sentence for each violation of the format."""

    calls: tuple[ParsedCall, ...]
    errors: tuple[str, ...]
    text: str
    """The text of the turn outside its calls."""


def parse_tool_calls(text: str) -> ParsedCalls:
    """Calls after the thinking, strictly: `<tool_call>{"name": str, "arguments": object}</tool_call>`, plain
    JSON.

    Drafts inside `<think>` are no calls. A turn that writes a tool's answer or the next turn itself has an
    error.
    """
    graded = graded_text(text).text
    calls: list[ParsedCall] = []
    errors: list[str] = []
    bodies, outside = _split(graded)
    if len(bodies) > MAX_CALLS:
        errors.append(f"more than {MAX_CALLS} calls")
    for body in bodies[:MAX_CALLS]:
        try:
            calls.append(_read_call(body))
        except (ValueError, RecursionError) as error:
            errors.append(f"not a tool call: {error}"[:200])
    if not (graded.count(_OPEN) == graded.count(_CLOSE) == len(bodies)):
        errors.append("<tool_call> and </tool_call> do not pair up")
    errors.extend(f"the assistant wrote {mark} itself" for mark in _FORGED if mark in graded)
    return ParsedCalls(tuple(calls), tuple(errors), outside.strip())


def _split(text: str) -> tuple[list[str], str]:
    """What stands in the tags, each opening one with the next closing one, and the rest. In linear time: a sample that
    repeats the opening tag to its end is nothing rare."""
    bodies, outside, position = [], "", 0
    while (start := text.find(_OPEN, position)) >= 0 and (end := text.find(_CLOSE, start)) >= 0:
        bodies.append(text[start + len(_OPEN) : end])
        outside += text[position:start]
        position = end + len(_CLOSE)
    return bodies, outside + text[position:]


def _read_call(body: str) -> ParsedCall:
    call = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError('a call is an object with a "name"')
    arguments = call.get("arguments")
    if not isinstance(arguments, dict):
        raise ValueError('"arguments" must be an object')
    if extra := set(call) - {"name", "arguments"}:
        raise ValueError(f"unknown keys {sorted(extra)}")
    return ParsedCall(call["name"], arguments)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key is given twice")
    return dict(pairs)


def tool_functions(tools: object) -> dict[str, Mapping[str, Any]]:
    """Offered tools by name, from plain function records or OpenAI's {"type": "function", "function":
    {...}}."""
    found: dict[str, Mapping[str, Any]] = {}
    for tool in tools if isinstance(tools, Sequence) and not isinstance(tools, str) else ():
        function = tool.get("function", tool) if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            found[function["name"]] = function
    return found


def check_arguments(call: ParsedCall, tools: object) -> str:
    """Why the call does not fit an offered tool's schema, or "". Strict: no unknown argument, 1.0 and true
    are no int."""
    functions = tool_functions(tools)
    if call.name not in functions:
        return f"no tool is named {call.name!r}"
    parameters = functions[call.name].get("parameters") or {}
    error = next(iter(_validator(json.dumps(parameters, sort_keys=True)).iter_errors(call.arguments)), None)
    if error is None:
        return ""
    place = "".join(f"[{part!r}]" for part in error.absolute_path)
    return f"{call.name}{place}: {error.message}"[:200]


def check_tools(tools: object) -> str | None:
    """None when every offered tool has a name and a valid schema, else what is wrong."""
    from jsonschema.exceptions import SchemaError

    if not isinstance(tools, Sequence) or isinstance(tools, str) or not tools:
        return "the row offers no tools"
    functions = tool_functions(tools)
    if len(functions) != len(tools):
        return "a tool has no name, or two have the same"
    for name, function in functions.items():
        try:
            _validator(json.dumps(function.get("parameters") or {}, sort_keys=True))
        except (SchemaError, TypeError, ValueError) as error:
            return f"the schema of tool {name!r} is not valid: {str(error).splitlines()[0]}"
    return None


@lru_cache(maxsize=1024)
def _validator(parameters: str) -> Any:  # jsonschema's own validator type, compiled once for each schema
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry

    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: Any = validators.extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]  # jsonschema leaves extend without types
    schema = json_schema(json.loads(parameters))
    strict.check_schema(schema)
    return strict(schema, registry=Registry())  # an empty registry: no reference is ever fetched


def json_schema(parameters: Any) -> Any:
    """BFCL's type names in JSON Schema's words; objects with properties allow no others unless the schema does."""
    if isinstance(parameters, list):
        return [json_schema(item) for item in parameters]
    if not isinstance(parameters, dict):
        return parameters
    schema = {key: json_schema(value) for key, value in parameters.items()}
    schema |= {key: parameters[key] for key in ("enum", "const", "default") if key in parameters}
    if "properties" in parameters:
        inner = parameters["properties"]
        is_mapping = isinstance(inner, dict)  # anything else stays as it is, for the check of the schema to refuse
        schema["properties"] = {name: json_schema(value) for name, value in inner.items()} if is_mapping else inner
    kind = schema.get("type")
    if kind == "any":
        del schema["type"]
    elif isinstance(kind, str):
        schema["type"] = _BFCL_TYPES.get(kind, kind)
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema

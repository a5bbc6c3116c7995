"""Chats and tools as OpenAI's interface writes them: texts of JSON become what they say. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from openqwq.training.errors import DataError

CHATS = ("prompt", "completion", "messages", "chosen", "rejected")


def as_objects(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A row whose tools, chats and arguments of calls are objects, where they are texts of JSON.

    Raises:
        DataError: `tools` is a text, and no JSON.
    """
    changed = dict(row)
    if row.get("tools") is not None:
        changed["tools"] = _tools(row["tools"], place)
    for name in CHATS:
        value = row.get(name)
        if isinstance(value, str) and _looks_like_chat(value):
            value = _parsed(value)
        if isinstance(value, list):
            changed[name] = [_message(message) for message in value]
    return changed


def _tools(value: Any, place: str) -> Any:
    tools = _parsed(value) if isinstance(value, str) and value.strip() else value or []
    if isinstance(tools, str):
        raise DataError(f"{place}: column 'tools' is a text that is not JSON: {tools[:80]!r}")
    if isinstance(tools, Mapping):
        tools = [tools]
    return [_parsed(tool) if isinstance(tool, str) else tool for tool in tools]


def _looks_like_chat(text: str) -> bool:
    return text.lstrip().startswith("[{") and isinstance(turns := _parsed(text), list) and _has_roles(turns)


def _has_roles(turns: list[Any]) -> bool:
    return all(isinstance(turn, Mapping) and {"role", "content"} <= set(turn) for turn in turns)


def _message(message: Any) -> Any:
    if not isinstance(message, Mapping) or not message.get("tool_calls"):
        return message
    calls = _parsed(message["tool_calls"]) if isinstance(message["tool_calls"], str) else message["tool_calls"]
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_call(call) for call in calls]}


def _call(call: Any) -> Any:
    if not isinstance(call, Mapping):
        return call
    if isinstance(call.get("function"), Mapping):
        return {**call, "function": _call(call["function"])}
    if isinstance(call.get("arguments"), str) and isinstance(arguments := _parsed(call["arguments"]), dict):
        return {**call, "arguments": arguments}
    return dict(call)


def _parsed(text: str) -> Any:
    """What a text of JSON says; the text itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

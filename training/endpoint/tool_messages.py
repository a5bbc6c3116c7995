"""Tools, calls and their answers between OpenAI's form and ours, where a call is text of the turn. Pure."""

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openqwq.training.records import Message
from openqwq.training.templates.codec import MAX_TOOL_CHARACTERS, shown_text
from openqwq.verifiers.prompts import content_text
from openqwq.verifiers.tool_calls import parse_tool_calls, tool_functions

KEPT = ("role", "content", "name", "reasoning_content", "reasoning")
"""What OpenAI's messages may hold, beside calls; strict servers refuse other keys."""
_TAG = re.compile(r"<(?=/?(?:tool_call|tool_response|think)>|\|)")

Sent = dict[str, Any]


def openai_tools(tools: Sequence[Mapping[str, Any]]) -> list[Sent]:
    """The offered tools in OpenAI's form, also where a row lists bare functions."""
    return [{"type": "function", "function": dict(function)} for function in tool_functions(tools).values()]


def openai_calls(calls: Any) -> list[Sent]:
    """Calls in OpenAI's form: with an id each, arguments as a text. `calls`: of a row, or of any server.

    Raises:
        ValueError: one has no name.
    """
    if not isinstance(calls, Iterable) or isinstance(calls, str | Mapping):
        raise ValueError(f"tool calls that are no list: {str(calls)[:80]!r}")
    return [_openai_call(call, number) for number, call in enumerate(calls)]


def _openai_call(call: Any, number: int) -> Sent:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError(f"a tool call without a name: {str(call)[:80]!r}")
    arguments = function.get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    name = call.get("id")
    return {
        "id": name if isinstance(name, str) and name else f"call_{number}",
        "type": "function",
        "function": {"name": function["name"], "arguments": written.strip() or "{}"},
    }


def call_text(call: Mapping[str, Any]) -> str:
    """A call of OpenAI's form as the text that our parser reads. Arguments that are no JSON stay an error to it; tags
    within them are escaped, so that they end no call."""
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        arguments = json.dumps(arguments)
    body = f'{{"name": {json.dumps(name)}, "arguments": {arguments}}}'
    return f"<tool_call>\n{_TAG.sub(lambda _: chr(92) + 'u003c', body)}\n</tool_call>"


def openai_messages(messages: Sequence[Message]) -> list[Sent]:
    """The messages of a row in OpenAI's form. An answer of a tool takes the id of the next call that has none; without
    such a call it is told by the user, as chat templates write it.

    Raises:
        ValueError: a call has no name.
    """
    sent: list[Sent] = []
    open_ids: deque[str] = deque()
    for message in messages:
        kept = {key: message[key] for key in KEPT if message.get(key) is not None}
        if message.get("role") == "assistant":
            calls = openai_calls(message.get("tool_calls") or ())
            open_ids = deque(call["id"] for call in calls)
            sent.append({"content": None, **kept, "tool_calls": calls} if calls else {"content": "", **kept})
        elif message.get("role") != "tool":
            sent.append({"content": "", **kept})
        elif message.get("tool_call_id") or open_ids:
            own = message.get("tool_call_id")
            if own in open_ids:
                open_ids.remove(str(own))
            sent.append({"content": "", **kept, "tool_call_id": own or open_ids.popleft()})
        else:
            sent.append(_told(message))
    return sent


def next_messages(
    said: Mapping[str, Any], text: str, answers: Sequence[Message], most: int | None = MAX_TOOL_CHARACTERS
) -> list[Sent]:
    """What is sent after a turn before the next: the turn and the answers of its environment. `said`: the turn as the
    server gave it; `text`: in our form. `most`: characters of a tool's answer, as in `ChatCodec.tool_answer`.

    A server that found the calls itself gets them back in OpenAI's form, each answer with the id of its call. Calls
    that are text stay text, which is what was sampled. Where calls and answers do not match one to one, as after a
    malformed call, the answers are told by the user.
    """
    shown = [{**message, "content": shown_text(message, content_text(message), most)} for message in answers]
    for message in shown:
        message.pop("tool_call_id", None)
    parsed = parse_tool_calls(text)
    told = [message for message in shown if message.get("role") == "tool"]
    if parsed.errors or len(told) != len(parsed.calls):
        return [{"role": "assistant", "content": text}, *(_told(m) if m in told else m for m in shown)]
    if said.get("tool_calls"):
        return openai_messages([said, *shown])
    numbers = iter(range(len(told)))
    return [
        {"role": "assistant", "content": text},
        *({**m, "tool_call_id": f"call_{next(numbers)}"} if m in told else m for m in shown),
    ]


def _told(message: Message) -> Sent:
    return {"role": "user", "content": f"<tool_response>\n{content_text(message)}\n</tool_response>"}

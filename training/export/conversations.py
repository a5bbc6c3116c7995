"""The ten conversations with which an export is checked: what a template can be asked to render."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CALCULATOR: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Computes.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
    },
}
BARE = {"type": "function", "function": {k: v for k, v in CALCULATOR["function"].items() if k != "description"}}
"""The same without a description, which servers fill with null."""
CALL = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "89*24"}}\n</tool_call>'
AS_OBJECT = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "calculator", "arguments": {"expression": "89*24"}},
}


@dataclass(frozen=True)
class Conversation:
    """Messages that ask for an answer, and the tools that are offered."""

    name: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


ASKED = _user("Use the calculator: 89 times 24.")
ANSWER = {"role": "tool", "tool_call_id": "call_1", "content": "2136"}
CONVERSATIONS = (
    Conversation("one question", (_user("Compute 12+8*3."),)),
    Conversation("a system message", ({"role": "system", "content": "Answer briefly."}, _user("Compute 9+6*4-9."))),
    Conversation("tools offered", (ASKED,), (BARE,)),
    Conversation("after a tool answer", (ASKED, _assistant(CALL), ANSWER), (CALCULATOR,)),
    Conversation(
        "after a tool answer, by tool_calls",
        (ASKED, {"role": "assistant", "content": "", "tool_calls": [AS_OBJECT]}, ANSWER),
        (CALCULATOR,),
    ),
    Conversation(
        "several turns with thinking",
        (
            _user("Compute 2+3."),
            _assistant("<think>\n2+3=5\n</think>\n\n\\boxed{5}"),
            _user("And 5*4?"),
            _assistant("<think>\n5*4=20\n</think>\n\n\\boxed{20}"),
            _user("Add both."),
        ),
    ),
    Conversation("unicode", (_user("计算 3+4。Größe? é e\u0301 🙂"),)),
    Conversation("a program", (_user("def f(x):\n\treturn {x: [x]}  # \\n\n\nWhat is f(1)?\n"),)),
    Conversation("markup", (_user('<b>1 & 2</b> {{ x }} {% raw %} "quoted" [INST]'),)),
    Conversation("a long question", (_user("A farmer has 3 sheep and buys 4. " * 4 + "How many sheep are there?"),)),
)

"""What one problem is: its prompt, its reference, and the right and the mistaken ways to answer it.

Nothing here draws numbers; the generators live in math_problems, code_problems and skill_problems.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any  # a reference is whatever JSON its verifier needs

Json = Mapping[str, Any]

CALCULATOR: Json = {
    "type": "function",
    "function": {
        "name": "calculator",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
    },
}


@dataclass(frozen=True)
class Solution:
    """One way to answer. Example: `Solution("3+5*3\\n=3+15\\n=18", "\\\\boxed{18}")`."""

    thinking: str
    """Text between the thinking tags; never empty."""
    answer: str
    """Text after the closing tag; in a tool problem the text after the tool has replied."""
    mistake: str | None = None
    """Name of the mistake, None when the solution is right."""
    plain: str | None = None
    """The answer in plain text, for the base corpus; None means the same as `answer`."""
    expression: str | None = None
    """Tool problems: the expression sent to the calculator, None when no call is made."""
    result: str | None = None
    """Tool problems: what the calculator replies."""


@dataclass(frozen=True)
class Problem:
    """One problem with its right solution and its typical mistakes."""

    kind: str
    """Generator that made it, such as `expr`."""
    task: str
    """Routes it to a verifier: math, code, instructions, tools, safety or chat."""
    content: str
    """What makes it this problem and no other; its hash decides the split. Example: `expr:3+5*3`."""
    prompt: str
    """The user's words."""
    reference: Json
    """What the verifier needs."""
    right: Solution
    wrong: tuple[Solution, ...]
    uses_calculator: bool = False
    extra: Json = field(default_factory=dict)

    def draw_solution(self, rng: random.Random, share_right: float) -> Solution:
        """The right solution with probability `share_right`, else one mistake."""
        return self.right if rng.random() < share_right else rng.choice(self.wrong)


def is_held_out(content: str) -> bool:
    """One problem in five, by hash: such a problem is in no training file and in no base document."""
    return int.from_bytes(hashlib.sha256(content.encode()).digest(), "big") % 5 == 0


def think(thinking: str, answer: str) -> str:
    """The form of every assistant turn."""
    return f"<think>\n{thinking}\n</think>\n{answer}"


def tool_call(expression: str) -> str:
    """The call in JSON, without its tags."""
    return f'{{"name": "calculator", "arguments": {{"expression": "{expression}"}}}}'


def assistant_turns(solution: Solution) -> list[dict[str, str]]:
    """The messages that answer the prompt: one turn, or call, tool reply and final turn."""
    if solution.expression is None or solution.result is None:
        return [{"role": "assistant", "content": think(solution.thinking, solution.answer)}]
    call = f"<tool_call>\n{tool_call(solution.expression)}\n</tool_call>"
    return [
        {"role": "assistant", "content": think(solution.thinking, call)},
        {"role": "tool", "content": solution.result},
        {"role": "assistant", "content": think(f"The tool says {solution.result}.", solution.answer)},
    ]

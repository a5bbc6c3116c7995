"""What judges and answers in the golden runs: plug-ins of a few lines, whose results depend on the text alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.records import Message


def brevity(response: str, row: Mapping[str, Any]) -> float:
    """In quarters, so that some groups have equal rewards: 1 for an answer of at most 15 characters, 0 from 60 on."""
    return max(0.0, 1.0 - len(response) // 15 / 4)


def digits(response: str, row: Mapping[str, Any]) -> bool:
    """Whether at least a quarter of the characters are digits."""
    return sum(c.isdigit() for c in response) * 4 >= len(response)


def uneven(response: str, row: Mapping[str, Any]) -> bool:
    """A gate that about two of three answers pass."""
    return len(response) % 3 != 0


class AsksOnce:
    """Answers the first turn, whatever it was, so that a sample has a second turn and tokens that are not its own."""

    def __init__(self) -> None:
        self.turns = 0

    def tools(self) -> list[dict[str, Any]]:
        return []

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        self.turns += 1
        messages: Sequence[Message] = [{"role": "tool", "content": "17 and then?"}] if self.turns == 1 else []
        return StepResult(messages, done=not messages)

    async def save(self) -> int:
        return self.turns

    async def restore(self, task: Mapping[str, Any], seed: int, state: int) -> None:
        self.turns = state

    async def close(self) -> None:
        pass

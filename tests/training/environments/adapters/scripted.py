"""A scripted policy for the tests of adapters: what it writes, and one episode of it through the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.environments.contract import StepResult
from openqwq.training.environments.turns import step_of


def call(name: str, **arguments: Any) -> str:
    """A tool call as a model of the Hermes format writes it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


@dataclass(frozen=True)
class Episode:
    """What happened."""

    opening: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]
    steps: Sequence[StepResult]
    reward: float | None

    def answers(self, step: int) -> list[str]:
        """The texts that the environment said to a turn."""
        return [str(message["content"]) for message in self.steps[step].messages]


def play(environment: Any, turns: Sequence[str], row: Mapping[str, Any] | None = None, seed: int = 7) -> Episode:
    """Reset, the turns, the reward, close; every call in a loop of its own, as a rollout of old makes them."""
    try:
        opening = asyncio.run(environment.reset(row or {}, seed))
        steps = [asyncio.run(step_of(environment, turn, [])) for turn in turns]
        reward = asyncio.run(environment.reward()) if hasattr(environment, "reward") else None
        return Episode(opening, environment.tools(), steps, reward)
    finally:
        asyncio.run(environment.close())

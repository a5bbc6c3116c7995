"""The contract of environments, which answer the tool calls of a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall


@dataclass(frozen=True)
class AssistantTurn:
    """One assistant turn, with its tool calls parsed."""

    text: str
    calls: Sequence[ParsedCall]
    parse_errors: Sequence[str]
    """One reason for each call that could not be parsed."""


@dataclass(frozen=True)
class StepResult:
    """An environment's answer to one assistant turn."""

    messages: Sequence[Message]
    """Tool messages, one per call, in the order of the calls; empty when done."""
    done: bool
    reward: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


class Environment(Protocol):
    """Answers the assistant turns of one sample; every sample has its own instance."""

    def tools(self) -> list[dict[str, Any]]:
        """JSON schemas of the offered functions."""

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin a sample of the row `task`; the returned messages are appended to the row's prompt."""

    async def step(self, turn: AssistantTurn) -> StepResult:
        """Answer one assistant turn."""

    async def close(self) -> None:
        """Release the environment's resources."""

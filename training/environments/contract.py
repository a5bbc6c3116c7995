"""The contract of environments, which answer the tool calls of a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from openqwq.training.records import Message
from openqwq.training.templates.codec import MAX_TOOL_CHARACTERS
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT, ParsedCall


@dataclass(frozen=True)
class AssistantTurn:
    """One assistant turn, with its tool calls parsed."""

    text: str
    calls: Sequence[ParsedCall]
    """Those that an environment runs, in their order. Of an environment that does not read calls itself they fit the
    schemas of the offered tools."""
    parse_errors: Sequence[str]
    """Reasons of malformed calls that the environment has to answer; none where `refused` has them."""
    refused: Sequence[str] = ()
    """Reasons of the calls that are answered already, because they are malformed or do not fit a schema."""
    format: str = DEFAULT_FORMAT
    """How calls are written in the text."""


@dataclass(frozen=True)
class StepResult:
    """An environment's answer to one assistant turn."""

    messages: Sequence[Message]
    """Tool messages, one per call, in the order of the calls; empty when done."""
    done: bool
    reward: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


class Environment(Protocol):
    """Answers the assistant turns of one sample; every sample has its own instance.

    An attribute `max_answer_characters` bounds what the model sees of a tool's answer, whose middle is left out beyond
    it: 2000 where an environment does not have it, None for no bound. One whose attribute `reads_calls_itself` is true
    gets every call as it stands, malformed ones among `parse_errors`.
    """

    def tools(self) -> list[dict[str, Any]]:
        """JSON schemas of the offered functions."""

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin a sample of the row `task`; the returned messages are appended to the row's prompt."""

    async def step(self, turn: AssistantTurn) -> StepResult:
        """Answer one assistant turn."""

    async def close(self) -> None:
        """Release the environment's resources."""


def most_characters(environment: Environment | None) -> int | None:
    """The bound of an environment's answers."""
    found: int | None = getattr(environment, "max_answer_characters", MAX_TOOL_CHARACTERS)
    return found

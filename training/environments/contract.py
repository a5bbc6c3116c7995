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
    """Whether the conversation is over; its messages are then left out."""
    reward: float | None = None
    """What the sample is worth so far, in [0, 1]; the last one that is not None counts."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the record of the sample keeps; the last one that is not empty."""


class Environment(Protocol):
    """Answers the assistant turns of one sample; every sample has its own instance.

    It is made with the keyword arguments of the recipe's `environment`; a factory that has a parameter `sandbox_urls`
    gets the addresses of the run's sandbox. What differs from row to row is in the row, which `reset` gets whole. All
    methods may be plain ones in place of `async` ones. They are called one after another, all within one event loop,
    each in a thread that belongs to no other sample at that time.

    These parts are optional:

    - `async reward() -> float | None`: asked once, after the conversation has ended, whoever ended it, and before
      `close`. In [0, 1]. Without it, or where it is None, the last `StepResult.reward` that is not None counts.
    - `async save() -> JSON value` and `async restore(task, seed, state)`, which is called in place of `reset`: a sample
      that was cut goes on with the state that it had.
    - `is_stateless = True`: an answer depends on the turn alone, so that a cut sample goes on with a new instance, of
      which only `reset` is asked. A sample whose environment has neither begins anew when it was cut.
    - `max_answer_characters` bounds what the model sees of a tool's answer, whose middle is left out beyond it: 2000
      where an environment does not have it, None for no bound.
    - `reads_calls_itself = True`: it gets every call as it stands, malformed ones among `parse_errors`.

    Whatever goes wrong in an environment ends its own sample as `error`, which is masked (episode.py).
    """

    def tools(self) -> list[dict[str, Any]]:
        """JSON schemas of the offered functions, asked after `reset`. Where a row brings no tools of its own, they are
        rendered into the prompt, calls are checked against them, and verifiers see them as the row's."""

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin a sample of the row `task`; the returned messages are appended to the row's prompt."""

    async def step(self, turn: AssistantTurn) -> StepResult:
        """Answer one assistant turn."""

    async def close(self) -> None:
        """Release the environment's resources. Called once, however the sample ends."""


def most_characters(environment: Environment | None) -> int | None:
    """The bound of an environment's answers."""
    found: int | None = getattr(environment, "max_answer_characters", MAX_TOOL_CHARACTERS)
    return found

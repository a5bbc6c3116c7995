"""What a turn with tool calls is read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

MAX_CALLS = 64
"""Of one turn; what stands beyond them is not read."""
UNPAIRED = "<tool_call> and </tool_call> do not pair up"


@dataclass(frozen=True)
class ParsedCall:
    """Example: ParsedCall("calculator", {"expression": "2+2"})."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class MalformedCall:
    """Something that begins as a call and is none. Example: MalformedCall("a key is given twice")."""

    reason: str


Item = ParsedCall | MalformedCall


@dataclass(frozen=True)
class ParsedCalls:
    """The calls of one turn in order, and one sentence for each violation of the format."""

    calls: tuple[ParsedCall, ...]
    errors: tuple[str, ...]
    """The reasons of malformed calls in their order, then what the whole turn does wrong."""
    text: str
    """The text of the turn outside its thinking and its calls."""
    items: tuple[Item, ...] = ()
    """Calls and malformed calls in the order in which they stand."""
    turn_errors: tuple[str, ...] = ()
    """Those of the errors that belong to no item."""
    attempt: str = ""
    """What in `text` looks like a call that the format does not know, or ""."""
    thinking: str = ""
    """The text before the answer, tags included."""
    is_thinking_closed: bool = True
    """False where a thinking is opened and never closed: there is no answer then."""


@dataclass(frozen=True)
class Block:
    """What a reader found at a place: items, and where the text goes on."""

    items: tuple[Item, ...]
    end: int


@dataclass(frozen=True)
class Turn:
    """What readers see: the whole text and the offered tools by name."""

    text: str
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    """What a reader has found out about the text, so that it is searched once."""


class Format(Protocol):
    """A written form of calls. Readers take linear time over a whole text."""

    @property
    def marks(self) -> Sequence[str]:
        """Literal texts at which `read` is asked: what opens a call, and what closes one that was never opened."""

    @property
    def forged(self) -> Sequence[str]:
        """What only the environment or the template writes."""

    @property
    def thinking(self) -> Sequence[tuple[str, str]]:
        """Tags of the thinking, beside `<think>`."""

    def opening(self, turn: Turn, start: int) -> Block | None:
        """The calls that begin an answer at `start` without any mark; None where it begins with something else."""

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        """What stands at a mark, which ends at `end`. The block ends behind the mark at least."""

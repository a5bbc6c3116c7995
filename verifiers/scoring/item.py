"""What is scored, what comes back, and the contract of everything that scores."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """One answer to score. Example: `Item(({"role": "user", "content": "Hi"},), "Hello.")`"""

    prompt: Sequence[Message]
    """The messages before the answer, with any keys that a chat template knows."""
    response: str
    """The answer after the thinking; thinking is never scored."""
    reference: str | None = None
    """An answer to compare with, for judges."""
    rubric: tuple[str, ...] = ()
    """What a good answer does, for judges; one criterion each."""


@dataclass(frozen=True)
class Outcome:
    """A score, or why there is none. Example: `Outcome(None, "the service gave no score")`"""

    value: float | None
    """Finite, or None. A reward model's is unbounded, a judge's in [0, 1]."""
    problem: str = ""
    """Why there is no value; empty where there is one."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What the value was made of, for the log."""


class Scorer(ABC):
    """Gives one outcome for each item, in order. What fails for one item is that item's outcome; it does not raise."""

    @abstractmethod
    async def outcomes(self, items: Sequence[Item]) -> list[Outcome]: ...

    @abstractmethod
    def outcomes_now(self, items: Sequence[Item]) -> list[Outcome]:
        """The same for callers without an event loop, from any thread."""

    async def score(self, items: Sequence[Item]) -> list[float | None]:
        """The scores alone; None where there is none."""
        return [outcome.value for outcome in await self.outcomes(items)]

    @abstractmethod
    def close(self) -> None:
        """Release threads, connections, weights; a later call opens them again."""


def outcome_of(value: object, source: str = "the service") -> Outcome:
    """A score as it came, checked: a finite number, which no bool and no text is."""
    if value is None:
        return Outcome(None, f"{source} gave no score")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Outcome(None, f"{source} gave a {type(value).__name__} as a score: {str(value)[:60]!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        return Outcome(None, f"{source} gave {number} as a score")
    return Outcome(number)


CUT = "\n[...]\n"


def sendable(text: str, max_characters: int) -> str:
    """The text as a service can take it: without lone surrogates, and a longer one as its beginning and its end. A
    policy that could make a service fail could choose to be masked."""
    if len(text) > max_characters:
        half = max_characters // 2
        text = text[: max_characters - half] + CUT + text[len(text) - half :]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

"""A sentence about a run, with where its evidence stands in the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Mood = Literal["good", "wait", "bad"]


@dataclass(frozen=True)
class Finding:
    """One sentence. Example: `Finding("no_signal", "wait", "stage1: 91 % of the groups ...", "stage1-signal")`"""

    name: str
    """What was found, as one word: `reward_rejects_all`."""
    mood: Mood
    """`bad`: the result cannot be trusted, or the run does not learn, until this is mended. `wait`: worth a look."""
    words: str
    evidence: str = ""
    """Fragment of the page, without `#`: the chart, table or choice of rollouts that shows it."""
    advice: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class Diagnosis:
    """All that is said of a run, in the order in which people ask."""

    learned: Sequence[Finding]
    """Did it learn: one sentence for each policy stage."""
    kept: Sequence[Finding]
    """Did it keep: what later stages did to what earlier ones taught."""
    signs: Sequence[Finding]
    """Is it sound: signs of illness, the gravest first; empty without any."""
    num_checked: int
    """Number of signs that were looked for."""

    @property
    def illnesses(self) -> list[str]:
        """Names of the grave signs."""
        return [sign.name for sign in self.signs if sign.mood == "bad"]

    @property
    def next_look(self) -> str:
        """What to do next: the advice of the gravest sign."""
        return next((sign.advice for sign in self.signs if sign.advice), "")

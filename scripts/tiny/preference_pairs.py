"""Pairs of notes for the reward model: a polite, named, brief one and one with a fault of a named class."""

from __future__ import annotations

import random
from dataclasses import dataclass

from problem import Problem
from skill_problems import NOUNS
from tasks import Split, draw

# The first three are habits of the policy; the others keep long or unrelated text from scoring well.
CLASSES = ("curt", "no_name", "padded", "doubled", "off_topic")


@dataclass(frozen=True)
class Pair:
    """Example: `Pair(problem, "Dear Eva, thank you ...", "Eva, ok.", "curt")`."""

    problem: Problem
    chosen: str
    rejected: str
    fault: str


def faulty(problem: Problem, fault: str, rng: random.Random) -> str:
    """A reply with that fault."""
    for solution in problem.wrong:
        if solution.mistake == fault:
            return solution.answer
    if fault == "doubled":
        return f"{problem.right.answer} {problem.right.answer}"
    return f"The {rng.choice(NOUNS)} is nice."


def draw_pair(fault: str, rng: random.Random, split: Split) -> Pair:
    problem = draw("note", rng, split)
    return Pair(problem, problem.right.answer, faulty(problem, fault, rng), fault)

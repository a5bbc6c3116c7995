"""Every kind of problem by name, with the share of right demonstrations, and drawing by split."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from code_problems import fold_of_list, two_steps
from math_problems import expression, hard_expression, hard_word_problem, word_problem
from problem import Problem, is_held_out
from skill_problems import answer_format, calculator_call, opening, polite_note, refusal, repetition

Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class Kind:
    """A generator, and how often a demonstration of it is right. Example: `Kind(expression, 0.4)`."""

    generate: Callable[[random.Random], Problem]
    share_right: float


# Below one half the mistake is the majority habit, so that reinforcement has something to turn round.
# Refusal is the exception: at one half its demonstrations would not say which prompts are harmful.
KINDS = {
    "expr": Kind(expression, 0.40),
    "word": Kind(word_problem, 0.40),
    "two": Kind(two_steps, 0.35),
    "list": Kind(fold_of_list, 0.45),
    "format": Kind(answer_format, 0.45),
    "opening": Kind(opening, 0.45),
    "repetition": Kind(repetition, 0.45),
    "tool": Kind(calculator_call, 0.45),
    "refusal": Kind(refusal, 0.75),
    "note": Kind(polite_note, 0.45),
}
# No demonstration and no base document holds problems of these kinds: reward is all that teaches them.
HARD_KINDS = {"hard_expr": Kind(hard_expression, 0.0), "hard_word": Kind(hard_word_problem, 0.0)}

DOMAINS: dict[str, tuple[str, ...]] = {
    "math": ("expr", "word"),
    "math_hard": ("hard_expr", "hard_word"),
    "code": ("two", "list"),
    "skills": ("format", "opening", "repetition", "tool", "refusal", "note"),
}


def draw(kind: str, rng: random.Random, split: Split) -> Problem:
    """A problem of that kind that belongs to the split."""
    generate = (KINDS | HARD_KINDS)[kind].generate
    while True:
        problem = generate(rng)
        if is_held_out(problem.content) == (split == "heldout"):
            return problem


def draw_distinct(kinds: tuple[str, ...], count: int, rng: random.Random, split: Split) -> list[Problem]:
    """`count` problems in equal parts per kind, no two with the same content; fewer when a kind runs dry."""
    problems: list[Problem] = []
    for index, kind in enumerate(kinds):
        wanted = count * (index + 1) // len(kinds) - count * index // len(kinds)
        seen: dict[str, Problem] = {}
        for _ in range(200 * wanted):
            if len(seen) == wanted:
                break
            problem = draw(kind, rng, split)
            seen.setdefault(problem.content, problem)
        problems += seen.values()
    rng.shuffle(problems)
    return problems

"""Which preference pairs are left out, and how many for which reason. Pure."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.supervised.encoding import pair_texts

Row = Mapping[str, Any]
Sides = tuple[str, str, str]
"""Prompt, chosen and rejected answer, as they are compared."""


@dataclass(frozen=True)
class CleanPairs:
    """What is left of the pairs. Example of counts: `{"label conflict": 4, "also held out": 2}`"""

    rows: Sequence[Row]
    held_out: Sequence[Row]
    dropped: Mapping[str, int]
    """Reason -> pairs to train on that were left out."""
    dropped_held_out: Mapping[str, int]
    num_shared_prompts: int
    """Prompts of held-out pairs that also stand in pairs to train on, with other answers."""


def clean_pairs(rows: Sequence[Row], held_out: Sequence[Row]) -> CleanPairs:
    """Leave out pairs that stand twice, pairs that stand both ways round (both of them: which is right is not known),
    and pairs to train on of whose sides one is held out with the same prompt. Blanks are no difference."""
    tests, dropped_tests = _without_repeats(held_out)
    known = {(prompt, answer) for prompt, *answers in map(sides_of, tests) for answer in answers}
    kept, dropped = _without_repeats(rows)
    fresh = []
    for row in kept:
        prompt, chosen, rejected = sides_of(row)
        if {(prompt, chosen), (prompt, rejected)} & known:
            dropped["also held out"] += 1
        else:
            fresh.append(row)
    asked = {prompt for prompt, *_ in map(sides_of, fresh)}
    shared = asked & {prompt for prompt, _ in known}
    return CleanPairs(fresh, tests, dropped, dropped_tests, len(shared))


def sides_of(row: Row) -> Sides:
    """What of a pair is compared: answers without their thinking, runs of blanks as one."""
    messages, chosen, rejected = pair_texts(row)
    asked = json.dumps([[message.get("role"), message.get("content")] for message in messages], default=repr)
    return " ".join(asked.split()), " ".join(chosen.split()), " ".join(rejected.split())


def _without_repeats(rows: Sequence[Row]) -> tuple[list[Row], Counter[str]]:
    sides = [sides_of(row) for row in rows]
    every = set(sides)
    seen, kept, dropped = set[Sides](), list[Row](), Counter[str]()
    for row, (prompt, chosen, rejected) in zip(rows, sides, strict=True):
        if chosen == rejected:
            dropped["both sides the same"] += 1
        elif (prompt, rejected, chosen) in every:
            dropped["label conflict"] += 1
        elif (prompt, chosen, rejected) in seen:
            dropped["duplicate"] += 1
        else:
            seen.add((prompt, chosen, rejected))
            kept.append(row)
    return kept, dropped

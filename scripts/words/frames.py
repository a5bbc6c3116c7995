"""Problems that are copies of each other with other names, things and numbers: one frame, which no split may cut."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

RARE = 0.005
"""A word of fewer problems than this fraction is a name or a thing, and stands for any other."""
NUM_WORDS = 3
ALIKE = 0.5
"""Jaccard similarity of the runs of NUM_WORDS words from which on two problems have one frame."""


def frames(texts: Sequence[str]) -> list[int]:
    """The frame of each text: the place of the first text that has it. Likeness is taken as transitive."""
    words = [re.findall(r"[a-z']+|\d[\d,.]*", text.lower()) for text in texts]
    num_problems = Counter(word for each in words for word in set(each))
    runs = [_runs(_skeleton(each, num_problems, RARE * len(texts))) for each in words]
    first = list(range(len(texts)))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = first[first[place]]
            place = first[place]
        return place

    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, own in enumerate(runs):
        shared = Counter(other for run in own for other in holders[run])
        for other, count in shared.items():
            if count >= ALIKE * (len(own) + len(runs[other]) - count):
                low, high = sorted((root(place), root(other)))
                first[high] = low
        for run in own:
            holders[run].append(place)
    return [root(place) for place in range(len(texts))]


def _skeleton(words: Sequence[str], num_problems: Counter[str], least: float) -> list[str]:
    """The words with `#` for numbers and one `*` for what is rare."""
    found: list[str] = []
    for word in words:
        known = "#" if word[0].isdigit() else word if num_problems[word] >= least else "*"
        if not (known == "*" and found[-1:] == ["*"]):
            found.append(known)
    return found


def _runs(skeleton: Sequence[str]) -> frozenset[tuple[str, ...]]:
    last = max(1, len(skeleton) - NUM_WORDS + 1)
    return frozenset(tuple(skeleton[start : start + NUM_WORDS]) for start in range(last))

"""Do training prompts stand in a suite? By runs of 13 words, as GPT-3's report did, and by nearly equal words. Pure."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

RUN = 13
"""Words in a row that both texts have (Brown et al. 2020, arXiv 2005.14165, appendix C). A shorter text must be
equal."""
NEAR = 0.8
"""Jaccard similarity of the sets of three words in a row, from which on two prompts are near duplicates."""
MIN_WORDS = 8
"""Shorter prompts are compared for equality alone: `12 + 8` is near to all of its kind."""
WORD = re.compile(r"\w+|[-+*/^=<>%]")  # a problem differs from another by its signs, too


@dataclass(frozen=True)
class Overlap:
    """A training prompt and a prompt of a suite that share text. Example: `Overlap(3, 7, "run of 13 words")`"""

    trained: int
    """Index of the training prompt."""
    held_out: int
    """Index of the suite's prompt."""
    kind: str
    """`equal`, `run of 13 words` or `near duplicate`."""


def overlaps(trained: Sequence[str], held_out: Sequence[str]) -> list[Overlap]:
    """The closest overlap of each pair of prompts that has one, in the order of the suite."""
    suite = [_words(text) for text in held_out]
    equal, runs, triples = defaultdict(list), defaultdict(set), defaultdict(set)
    for number, words in enumerate(suite):
        equal[words].append(number)
        for run in _in_a_row(words, RUN):
            runs[run].add(number)
        if len(words) >= MIN_WORDS:
            for triple in _in_a_row(words, 3):
                triples[triple].add(number)
    found: dict[tuple[int, int], str] = {}
    for index, text in enumerate(trained):
        words = _words(text)
        for number in equal.get(words, ()):
            found[number, index] = "equal"
        for run in _in_a_row(words, RUN):
            for number in runs.get(run, ()):
                found.setdefault((number, index), f"run of {RUN} words")
        if len(words) < MIN_WORDS:
            continue
        mine = _in_a_row(words, 3)
        shared: dict[int, int] = defaultdict(int)
        for triple in mine:
            for number in triples.get(triple, ()):
                shared[number] += 1
        for number, count in shared.items():
            if count >= NEAR * (len(mine) + len(_in_a_row(suite[number], 3)) - count):
                found.setdefault((number, index), "near duplicate")
    return [Overlap(index, number, kind) for (number, index), kind in sorted(found.items())]


def _words(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(text.lower()))


def _in_a_row(words: tuple[str, ...], count: int) -> set[tuple[str, ...]]:
    return {words[i : i + count] for i in range(len(words) - count + 1)}

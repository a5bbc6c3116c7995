"""Language: connections, typos, plots to unscramble."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from openqwq.verifiers.livebench.marks import (
    NoAnswer,
    bold,
    edit_distance,
    needed_box,
    solutions,
    solutions_closed_twice,
    without_text_command,
)

SOLUTION_CONNECTIONS = "2024-11-25"
"""From this release on connections ask for the answer in tags."""
MAX_CHARACTER_PAIRS = 30_000_000
"""That are compared for one plot; right answers cost a hundredth of it."""
MAX_CHARS = 10_000_000
"""Of an answer, times the sentences of the gold: what counting letters looks at."""
_PLOT_OPENS, _PLOT_CLOSES = "<PLOT_SUMMARY>", "</PLOT_SUMMARY>"
_DASHES = " --- "


def connections(gold: Sequence[frozenset[str]], text: str) -> float:
    """The share of the groups of four that the answer holds, in any order."""
    found = _tagged(text)
    if not found and r"\boxed" in text:
        found = [without_text_command(needed_box(text))]
    if not found:
        return 0.0
    words = [word for solution in found for word in solution.replace("\n", "").split(",")]
    if len(found) > 1:
        words = words[-sum(map(len, gold)) :]
    return len(set(gold) & set(groups_of(words))) / len(gold)


def early_connections(gold: Sequence[frozenset[str]], text: str) -> float:
    """The share of the groups within the best bold list."""
    lists = [groups_of(part.split(",")) for part in bold(text.replace("\n", ""))]
    rights = [sum(any(group <= said for said in groups) for group in gold) for groups in lists]
    return max(rights, default=0) / len(gold)


def groups_of(words: Sequence[str]) -> list[frozenset[str]]:
    """Four different words a group, in order; the last may be smaller."""
    groups: list[set[str]] = [set()]
    for word in words:
        if len(groups[-1]) == 4:
            groups.append(set())
        groups[-1].add(word.strip().lower())
    return [frozenset(group) for group in groups]


def typos(gold: str, text: str) -> float:
    """The gold stands in the last solution, else between ` --- ` of one line, else anywhere; line ends are blanks."""
    found = solutions(text)
    said = found[-1] if found else _between_dashes(text.replace("<solution>", "").replace("</solution>", ""))
    return float(gold in " ".join(line for line in said.strip().split("\n") if line))


def plot_unscrambling(gold: str, text: str) -> float:
    """How few edits lead to the order of the gold's sentences, each found in the answer by its likeness.

    Raises:
        NoAnswer: the comparison would take more than MAX_CHARS or MAX_CHARACTER_PAIRS.
    """
    wanted = sentences(gold)
    ends = ("</PLOT_SUMMARY>", "**End of Plot Summary**")
    said = [sentence for sentence in sentences(_plot(text)) if sentence not in ends]
    order = [said.index(likest) for likest in _likest(wanted, said)]
    return 1 - edit_distance(range(len(wanted)), order) / len(wanted)


def sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in text.split(".") if sentence.strip()]


def _tagged(text: str) -> list[str]:
    """Solutions in one line; else over lines; else between two closing tags."""
    joined = text.replace("\n", "")
    ways = ((solutions, text), (solutions, joined), (solutions_closed_twice, text), (solutions_closed_twice, joined))
    return next((found for find, where in ways if (found := find(where))), [])


def _between_dashes(text: str) -> str:
    """In the first line that has two ` --- `: what the last two enclose."""
    for line in re.finditer(r"[^\n]+", text):
        if (last := line[0].rfind(_DASHES)) > 0 and (start := line[0].rfind(_DASHES, 0, last)) >= 0:
            start += len(_DASHES)
            return line[0][start : line[0].find(_DASHES, start)]
    return text


def _plot(text: str) -> str:
    _, opens, behind = text.partition(_PLOT_OPENS)
    if not opens:
        return text
    inside, closes, _ = behind.rpartition(_PLOT_CLOSES)
    return inside if closes else behind


def _likest(wanted: Sequence[str], said: Sequence[str]) -> list[str]:
    """For each sentence the likest one, as difflib.get_close_matches finds it with no cutoff; those whose letters show
    that they cannot be likest are not compared."""
    if len(wanted) * sum(map(len, said)) > MAX_CHARS:
        raise NoAnswer("too long to be compared with the plot")
    found, num_pairs = [], 0
    matcher: SequenceMatcher[str] = SequenceMatcher()
    for sentence in wanted if said else ():
        matcher.set_seq2(sentence)
        best = (-1.0, "")
        for bound, other in sorted(_bounds(matcher, said), reverse=True):
            if bound < best[0]:
                break
            num_pairs += len(sentence) * len(other)
            if num_pairs > MAX_CHARACTER_PAIRS:
                raise NoAnswer("too long to be compared with the plot")
            matcher.set_seq1(other)
            best = max(best, (matcher.ratio(), other))
        found.append(best[1])
    return found


def _bounds(matcher: SequenceMatcher[str], said: Sequence[str]) -> Iterator[tuple[float, str]]:
    """Each sentence once, with the most that its likeness can be."""
    for other in dict.fromkeys(said):
        matcher.set_seq1(other)
        yield matcher.quick_ratio(), other

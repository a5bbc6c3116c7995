"""Where the official code looks for an answer: tags, bold text, boxes, and the thinking that it never sees.

Whatever stands in an answer, each search takes time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from openqwq.verifiers.answers import graded_text, published_text

Thinking = Literal["strict", "whole"]
_BOX = "\\boxed"
_BRACE = re.compile(r"[{}]")


class NoAnswer(Exception):
    """The official code fails on this answer, which scores 0 there."""


def answer_of(response: str, prompt: object, thinking: Thinking) -> str:
    """What is judged; empty when nothing is.

    strict: the text behind the last `</think>`, nothing where thinking never closes. whole: the text behind the first
    `</think>` on a line of its own with an empty line below, as QwQ's evaluation cuts, else everything.
    """
    return graded_text(response, prompt).text if thinking == "strict" else published_text(response)


def enclosed(
    text: str, opening: str, closing: str, *, across_lines: bool = False, ignore_case: bool = False
) -> list[str]:
    """All texts between an opening and the next closing mark, from left to right; by default within one line."""
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    start_of, end_of = (re.compile(re.escape(mark), flags) for mark in (opening, closing))
    found: list[str] = []
    position = line_end = 0
    close = None
    while start := start_of.search(text, position):
        inside = start.end()
        if close is None or close.start() < inside:
            close = end_of.search(text, inside)
        if close is None:
            break
        if line_end < inside:
            newline = -1 if across_lines else text.find("\n", inside)
            line_end = len(text) if newline < 0 else newline
        if close.start() <= line_end:
            found.append(text[inside : close.start()])
            position = close.end()
        else:
            position = line_end
    return found


def solutions(text: str, *, across_lines: bool = False, ignore_case: bool = False) -> list[str]:
    """What stands in `<solution>` tags."""
    return enclosed(text, "<solution>", "</solution>", across_lines=across_lines, ignore_case=ignore_case)


def solutions_closed_twice(text: str, *, across_lines: bool = False, ignore_case: bool = False) -> list[str]:
    """What stands between two closing tags, as some models write."""
    return enclosed(text, "</solution>", "</solution>", across_lines=across_lines, ignore_case=ignore_case)


def bold(text: str) -> list[str]:
    """What stands between double asterisks, within one line."""
    return enclosed(text, "**", "**")


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def last_box(text: str) -> str | None:
    r"""What the last \boxed (else \fbox) holds, or None where there is none that closes.

    Where `\boxed` stands before a blank, all behind the last such one counts, up to a dollar sign.

    Raises:
        NoAnswer: another command begins like it, as \boxedx.
    """
    if f"{_BOX} " in text:
        return text.rpartition(f"{_BOX} ")[2].partition("$")[0]
    start = text.rfind(_BOX)
    if start < 0 and (start := text.rfind(r"\fbox")) < 0:
        return None
    end = _closing(text, start)
    if end is None:
        return None
    part = text[start:end].replace("$", "").replace("fbox", "boxed")
    opening = f"{_BOX} " if f"{_BOX} " in part else f"{_BOX}{{"
    if not part.startswith(opening):
        raise NoAnswer(f"the last box begins {part[:20]!r}")
    return part[len(opening) :].removesuffix("" if opening.endswith(" ") else "}")


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if brace[0] == "}" and depth == 0:
            return brace.end()
    return None


def needed_box(text: str) -> str:
    r"""The last box of a text that has `\boxed`.

    Raises:
        NoAnswer: it never closes.
    """
    box = last_box(text)
    if box is None:
        raise NoAnswer("the last box never closes")
    return box


def with_boxes(text: str) -> str:
    r"""`\\fbox{` as `\\boxed{`; with two backslashes only, as the official code has it."""
    return text.replace(r"\\fbox{", r"\\boxed{")


def without_text_command(text: str) -> str:
    r"""Without `\text{`, closing braces and backslashes."""
    return text.replace(r"\text{", "").replace("}", "").replace("\\", "")


def edit_distance(left: Sequence[object], right: Sequence[object]) -> int:
    """Insertions, deletions and replacements that turn one into the other."""
    above = list(range(len(right) + 1))
    for row, item in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cheapest = above[column - 1] if item == other else 1 + min(above[column], current[-1], above[column - 1])
            current.append(cheapest)
        above = current
    return above[-1]

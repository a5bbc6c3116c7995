"""Finds the part of a response that is graded: the text after the thinking, and the final answer inside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
UNCLOSED_THINKING = "unclosed thinking"
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_JOINER = re.compile(
    r"[\s,;.]*(?:\\?(?:text)?\{?\s*(?:and|or)\s*\}?)?[\s,;.]*(?:[A-Za-z](?:_\{?\d\}?)?\s*=\s*)?", re.IGNORECASE
)
_SPACING = re.compile(r"\\(?:quad|qquad|[()\[\],;:! ])|[\s$~]")
_CHARS_BEFORE_THE_LAST = 20_000
_FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n]*\n", re.MULTILINE)


@dataclass(frozen=True)
class Graded:
    """The graded part of a response. Example: graded_text("<think>hm</think> 9") == Graded("9", "")."""

    text: str
    """Stripped text after the last closed thinking; empty when thinking never closes."""
    problem: str
    """Why there is nothing to grade, or empty."""


def graded_text(response: str, prompt: object = None) -> Graded:
    """The text after the last `</think>`. A response that opens thinking and never closes it has no answer.

    A text prompt that ends in `<think>` has opened the thinking for the response.
    """
    _, close, tail = response.rpartition(THINK_CLOSE)
    is_open = THINK_OPEN in tail  # opened, or opened again, and not closed
    if not close and isinstance(prompt, str) and prompt.rstrip().endswith(THINK_OPEN):
        is_open = True
    if is_open:
        return Graded("", UNCLOSED_THINKING)
    return Graded("", "empty answer") if is_blank(tail) else Graded(tail.strip(), "")


def is_blank(text: str) -> bool:
    """True when a person would see nothing: spaces, control characters, invisible joiners."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def closing_brace(text: str, start: int) -> int:
    """Index of the brace that closes the one at `start`, or -1. Escaped braces do not count."""
    depth = 0
    position = start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return -1


def boxes(text: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of every outermost closed \\boxed{...} in the text, in order.

    The search ends at a box whose brace never closes: the answer was cut off inside it.
    """
    found: list[tuple[int, int, str]] = []
    position = 0
    while match := _BOX.search(text, position):
        start = match.end()
        if start >= len(text):
            return []
        if text[start] != "{":  # \boxed 5
            end = start + 1
            found.append((match.start(), end, text[start]))
        else:
            end = closing_brace(text, start) + 1
            if not end:
                return []
            found.append((match.start(), end, text[start + 1 : end - 1]))
        position = end
    return found


def last_boxed(text: str) -> str | None:
    """Content of the last box, or of the last few when only `and`, `or` and commas stand between: they are one list."""
    last = max(text.rfind(r"\boxed"), text.rfind(r"\fbox"))
    text = text[max(0, last - _CHARS_BEFORE_THE_LAST) :]  # boxes that form one list stand close together
    found = boxes(text)
    if not found:
        return None
    parts = [found[-1][2]]
    for (start, _, _), (_, end, content) in pairwise(reversed(found)):
        between = _SPACING.sub(" ", text[end:start])
        if len(between) > 60 or not _JOINER.fullmatch(between) or not re.search("and|or|,", between, re.IGNORECASE):
            break
        parts.append(content)
    return ", ".join(reversed(parts)).strip()


def last_code_block(text: str, languages: tuple[str, ...] = ("python", "py", "python3")) -> str | None:
    """Content of the last fenced block in one of these languages, else of the last fenced block without a language."""
    named: str | None = None
    unnamed: str | None = None
    position = 0
    while match := _FENCE.search(text, position):
        fence, language = match.group(1), match.group(2).lower()
        close = re.compile(rf"^[ \t]{{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE).search(text, match.end())
        content = text[match.end() : close.start() if close else len(text)]
        position = close.end() if close else len(text)
        if close is None:
            break  # the answer was cut off inside its code
        if language in languages:
            named = content
        elif not language:
            unnamed = content
    return named if named is not None else unnamed

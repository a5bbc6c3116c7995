"""Finds the part of a response that is graded: the text after the thinking, and the final answer inside it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from openqwq.verifiers.prompts import THINK_OPEN as THINK_OPEN
from openqwq.verifiers.prompts import opens_thinking

THINK_CLOSE = "</think>"
UNCLOSED_THINKING = "unclosed thinking"
AFTER_THINKING = "\n</think>\n\n"
"""Where QwQ's own evaluation cuts."""
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_JOINER = re.compile(
    r"[\s,;.]*(?:\\?(?:text)?\{?\s*(?:and|or)\s*\}?)?[\s,;.]*(?:[A-Za-z](?:_\{?\d\}?)?\s*=\s*)?", re.IGNORECASE
)
_SPACING = re.compile(r"\\(?:quad|qquad|[()\[\],;:! ])|[\s$~]")
_CHARS_BEFORE_THE_LAST = 20_000
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE_CONTENT = re.compile(
    r"\d|[A-Za-z](?=\s*(?:[.,;:!)$]|\\[)\]]|$|\n))|\\(?!boxed|fbox)[A-Za-z]+"
)  # what \boxed without a brace shows
_PLACEHOLDER = re.compile(
    r"(?:[.\u2026?_\s]|\\(?:[lcv]?dots[a-z]?|cdot|square|Box|_|q?quad|[,;:! ]|phantom))*"
    r"|[\[<(]?(?:(?:the|your|my|final|numeric|numerical)\s+)*(?:answer|result|solution|value|expression)(?:\s+here)?[\])>]?",
    re.IGNORECASE,
)
_WRAPPED_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox|emph|textit)\s*\{([^{}]*)\}|(?<!\\)[$*`{}]")
_DENIED = re.compile(
    r"(?:(?:n['\u2019]t|(?<!\bor )\bnot)(?: be| answer| write| put)?|\brather than|\binstead of|不是"
    r"|\bif [^.,;\n]{0,30}\bwere"
    r"|\bmight think (?:it is|it['\u2019]s|that it is)"
    r"|\b(?:wrong|incorrect) (?:answer|result|value) (?:is|would be|was))(?:[\s*$(]|\\[(\[])*$",
    re.IGNORECASE,
)
_DENYING = ("not", "n't", "n\u2019t", "rather", "instead", "不是", "might", "wrong", "incorrect", "were")
_DIGIT = re.compile(r"\d")
_EXAMPLE = re.compile(r"(?:\blike|\bas in|such as|e\.g\.,?|\bformat|\bform|example)\b[\s:(]*`+\$*$", re.IGNORECASE)


class Graded(NamedTuple):
    """The graded part of a response. Example: graded_text("<think>hm</think> 9") == Graded("9", "")."""

    text: str
    """Stripped text after the last closed thinking; empty when thinking never closes."""
    problem: str
    """Why there is nothing to grade, or empty."""


def graded_text(response: str, prompt: object = None) -> Graded:
    """The text after the last `</think>`. A response that opens thinking and never closes it has no answer.

    A prompt that ends in `<think>` has opened the thinking for the response.
    """
    _, close, tail = response.rpartition(THINK_CLOSE)
    is_open = "<" in tail and THINK_OPEN in tail  # opened, or opened again, and not closed
    if is_open or (not close and opens_thinking(prompt)):
        return Graded("", UNCLOSED_THINKING)
    return Graded("", "empty answer") if is_blank(tail) else Graded(tail.strip(), "")


def published_text(response: str) -> str:
    """What stands behind the first `\\n</think>\\n\\n`, and the whole text where that is missing: also thinking that
    never closes is judged (QwenLM/QwQ, eval/eval/eval.py, get_after_think).

    Example: published_text("<think>\\nhm\\n</think>\\n\\n9") == "9"; published_text("I think 9") == "I think 9".
    """
    _, separator, behind = response.partition(AFTER_THINKING)
    return behind if separator else response


def is_blank(text: str) -> bool:
    """True when a person would see nothing: spaces, control characters, invisible joiners."""
    if text[:1].isalnum():  # as nearly always
        return False
    return not any(character.isprintable() and not character.isspace() for character in text)


def closing_brace(text: str, start: int) -> int:
    """Index of the brace that closes the one at `start`, or -1. Escaped braces do not count."""
    first = text.find("}", start)
    if first >= 0 and text.count("{", start, first) == 1 and text.find("\\", start, first) < 0:
        return first  # nothing nested, as in most boxes
    depth = 0
    for match in _BRACE.finditer(text, start):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return -1


def boxes(text: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of every outermost closed \\boxed{...} in the text, in order.

    A \\boxed that shows nothing, as in "put it in \\boxed", is no box. The search ends at a box whose brace never
    closes: the answer was cut off inside it.
    """
    found: list[tuple[int, int, str]] = []
    position = 0
    while match := _BOX.search(text, position):
        position = start = match.end()
        if text[start : start + 1] == "{":
            position = closing_brace(text, start) + 1
            if not position:
                return []
            found.append((match.start(), position, text[start + 1 : position - 1]))
        elif "\n" not in match[0] and (bare := _BARE_CONTENT.match(text, start)):  # \boxed 5
            position = bare.end()
            found.append((match.start(), position, bare[0]))
    return found


class LastBox(NamedTuple):
    """What the last \\boxed of a text says. Example: last_box(r"so \\boxed{5}.") == LastBox("5", 12, True)."""

    content: str
    """As last_boxed gives it; empty where the box shows nothing or never closes."""
    end: int
    """Index behind the last \\boxed, or the text's length where it never closes."""
    is_only: bool
    """No other \\boxed stands before it."""


def last_box(text: str) -> LastBox | None:
    """The last box of a text, or None where there is no \\boxed and no \\fbox."""
    command = _last_command(text, len(text))
    if command is None:
        return None
    start = command.end()
    end = closing_brace(text, start) + 1 if text.startswith("{", start) else start
    is_only = text.count("box") == 1 or _last_command(text, command.start()) is None
    if end > start and is_only:  # as most are
        content = text[start + 1 : end - 1]
        return LastBox(content.strip() if _says_something(text, (command.start(), end, content)) else "", end, True)
    return LastBox(last_boxed(text) or "", end or len(text), is_only)


def _last_command(text: str, end: int) -> re.Match[str] | None:
    while (end := text.rfind("box", 0, end)) >= 0:
        if match := _BOX.match(text, end - 1) or _BOX.match(text, end - 2):
            return match
    return None


def last_boxed(text: str) -> str | None:
    """Content of the last box, or of the last few when only `and`, `or` and commas stand between: they are one list.

    A box that is empty, holds a placeholder or is denied (`not \\boxed{6}`) does not count beside an earlier one;
    where no other is, the content is "".
    """
    last = max(text.rfind(r"\boxed"), text.rfind(r"\fbox"))
    text = text[max(0, last - _CHARS_BEFORE_THE_LAST) :]  # boxes that form one list stand close together
    every = boxes(text)
    found = [box for box in every if _says_something(text, box)]
    if not found:
        return "" if every else None
    parts = [found[-1][2]]
    for (start, _, _), (_, end, content) in pairwise(reversed(found)):
        between = _SPACING.sub(" ", text[end:start])
        if len(between) > 60 or not _JOINER.fullmatch(between) or not re.search("and|or|,", between, re.IGNORECASE):
            break
        parts.append(content)
    return ", ".join(reversed(parts)).strip()


def _says_something(text: str, box: tuple[int, int, str]) -> bool:
    """Does this box give an answer: is it neither empty, nor a placeholder, nor denied, nor quoted as an example?"""
    start, _, content = box
    before = text[max(0, start - 40) : start]
    lowered = before.lower()
    for word in _DENYING:
        if word in lowered and _DENIED.search(before):
            return False
    if "`" in before and _EXAMPLE.search(before):
        return False
    if _DIGIT.search(content):
        return True
    return not _PLACEHOLDER.fullmatch(_WRAPPED_TEXT.sub(lambda match: match[1] or "", content[:200]).strip())

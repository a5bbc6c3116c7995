"""Harmless respellings of an answer: what the same person could have typed, or the same page could have been made of.

Each takes an answer and gives it spelled another way, or None where it has nothing to change or could change the
meaning (a blank between digits, a comma before three digits, a hyphen inside a word).
"""

from __future__ import annotations

import re
from collections.abc import Callable

Respelling = Callable[[str], str | None]

_TOKEN = re.compile(
    r"\\(?:text[a-z]*|mbox|mathrm|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|\s+|[A-Za-z]+|\d+|.", re.DOTALL
)
_TEXT = re.compile(r"\\(?:text|mbox)\s*\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z]{2,}")
_ENDS_A_TERM = re.compile(r"[A-Za-z0-9)\]}]$")
_SIZED = re.compile(r"\\(?:left|right)\s*(?=[()\[\]|]|\\[{}])")
_SYNONYMS = {r"\le": r"\leq", r"\leq": r"\le", r"\ge": r"\geq", r"\geq": r"\ge", r"\ne": r"\neq", r"\neq": r"\ne"}


def respellings_of(answer: str) -> dict[str, str]:
    """Every respelling by name that applies to the answer and changes it."""
    found = ((name, respell(answer)) for name, respell in RESPELLINGS.items())
    return {name: text for name, text in found if text is not None and text != answer}


def _tokens(answer: str) -> list[str]:
    return _TOKEN.findall(answer)


def _has_words(answer: str) -> bool:
    """Are there words outside commands and \\text? Their hyphens and blanks are no operators."""
    return any(_WORD.fullmatch(token) for token in _tokens(re.sub(r"\\(?:begin|end)\{\w+\}", "", answer)))


def without_blanks(answer: str) -> str:
    tokens = _tokens(answer)
    ends = [" ", *tokens, " "]
    return "".join(
        token if not token.isspace() or _holds(ends[number], ends[number + 2], ends[max(0, number - 1)]) else ""
        for number, token in enumerate(tokens)
    )


def _holds(before: str, after: str, earlier: str) -> bool:
    """Does a blank between two tokens keep them apart? In `\\pi r`, `2 500`, `5 or 7` and `1, 234` it does."""
    if _WORD.fullmatch(before) or _WORD.fullmatch(after):
        return True
    if before.startswith("\\") or before.isalpha():
        return after[0].isalpha()
    if before == ",":
        return earlier.isdigit() and after.isdigit()
    return before.isdigit() and after.isdigit()


def _around_operators(answer: str, blank: str) -> str | None:
    if _has_words(answer):
        return None
    out: list[str] = []
    for token in _tokens(answer):
        is_binary = bool(out) and bool(_ENDS_A_TERM.search(out[-1].rstrip() or out[-1]))
        out.append(f"{blank}{token}{blank}" if token in "=<>" or (token in "+-" and is_binary) else token)
    return "".join(out)


def with_blanks(answer: str) -> str | None:
    return _around_operators(answer, " ")


def with_thin_spaces(answer: str) -> str | None:
    return _around_operators(answer, r"\,")


def other_fraction(answer: str) -> str:
    swapped = {r"\frac": r"\dfrac", r"\dfrac": r"\frac", r"\tfrac": r"\frac"}
    return re.sub(r"\\[dt]?frac(?![A-Za-z])", lambda found: swapped[found[0]], answer)


def unbraced_fraction(answer: str) -> str:
    return re.sub(r"\\frac\{(\d)\}\{(\d)\}(?!\d)", r"\\frac\1\2", answer)


def sized_brackets(answer: str) -> str | None:
    tokens = _tokens(answer)
    depth = 0
    for token in tokens:
        depth += (token in "([") - (token in ")]")
        if depth < 0 or token in (r"\left", r"\right", r"\big", r"\Big", r"\bigl", r"\bigr"):
            return None
    sized = {"(": r"\left(", "[": r"\left[", ")": r"\right)", "]": r"\right]"}
    return None if depth or "$" in answer else "".join(sized.get(token, token) for token in tokens)


def plain_brackets(answer: str) -> str:
    return _SIZED.sub("", answer)


def unwrapped_text(answer: str) -> str | None:
    """`5\\text{ cm}` as `5 cm`, `x\\text{and}y` as `x and y`."""

    def bare(found: re.Match[str]) -> str:
        before, after = answer[: found.start()], answer[found.end() :]
        left = " " if before[-1:].isalpha() and found[1][:1].isalpha() else ""
        return left + found[1] + (" " if after[:1].isalpha() and found[1][-1:].isalpha() else "")

    return _TEXT.sub(bare, answer)


def boxed_text(answer: str) -> str:
    return re.sub(r"\\text(?=\s*\{)", r"\\mbox", answer)


def in_dollars(answer: str) -> str | None:
    return None if "$" in answer or "\\(" in answer or "\\[" in answer else f"${answer}$"


def with_full_stop(answer: str) -> str | None:
    return None if answer.rstrip("$").endswith((".", "dots")) else f"{answer}."


def typographic_minus(answer: str) -> str | None:
    return None if _has_words(answer) or r"\text" in answer else answer.replace("-", "\u2212")


def in_display_style(answer: str) -> str | None:
    return None if "$" in answer else rf"\displaystyle {answer}"


def in_braces(answer: str) -> str | None:
    return None if "$" in answer or answer.rstrip().endswith(".") else f"{{{answer}}}"


def other_relations(answer: str) -> str:
    return re.sub(r"\\(?:leq?|geq?|neq?)(?![A-Za-z])", lambda found: _SYNONYMS[found[0]], answer)


RESPELLINGS: dict[str, Respelling] = {
    "without blanks": without_blanks,
    "blanks around operators": with_blanks,
    "thin spaces around operators": with_thin_spaces,
    "\\frac for \\dfrac or back": other_fraction,
    "\\frac34": unbraced_fraction,
    "with \\left and \\right": sized_brackets,
    "without \\left and \\right": plain_brackets,
    "without \\text": unwrapped_text,
    "\\mbox for \\text": boxed_text,
    "in dollars": in_dollars,
    "with a full stop": with_full_stop,
    "typographic minus": typographic_minus,
    "in display style": in_display_style,
    "in braces": in_braces,
    "\\leq for \\le or back": other_relations,
}

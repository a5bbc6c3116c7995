r"""A gold cut into pieces that lose nothing: joined again they are the gold, letter for letter.

Blanks, \left, \, and the like are pieces too, so that a compact spelling stays compact when one piece is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["blank", "text", "command", "number", "letter", "mark"]
MAX_CHARS = 1_000
_NAMES = (
    "arcsinh|arccosh|arctanh|arcsin|arccos|arctan|sinh|cosh|tanh|sqrt|sin|cos|tan|cot|sec|csc|log|exp|ln|lg|pi|infty"
)
_PIECE = re.compile(
    r"(?P<blank>\s+|\\[,;:!> ()\[\]$]|\\(?:left|right|[bB]igg?[lr]?|displaystyle|quad|qquad|limits)(?![A-Za-z])|[~$])"
    r"|(?P<text>\\(?:text\w*|mathrm|mbox|operatorname|mathbb|mathbf|mathcal|begin|end)\*?\s*\{[^{}]*\})"
    rf"|(?P<command>\\[A-Za-z]+|\\.|(?<![A-Za-z\\])(?:{_NAMES})(?![A-Za-z]))"
    r"|(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<letter>[A-Za-z])|(?P<mark>\{,\}|.)",
    re.DOTALL,
)
_FRACTIONS = (f"\\{size}{name}" for size in ("", "d", "t", "c") for name in ("frac", "binom"))
_ARGUMENTS = {r"\sqrt": 1, "sqrt": 1, **dict.fromkeys(_FRACTIONS, 2)}


@dataclass(frozen=True, slots=True)
class Piece:
    r"""Example: pieces_of(r"\frac12") == [Piece("command", r"\frac"), Piece("number", "1"), Piece("number", "2")]."""

    kind: Kind
    text: str


def pieces_of(text: str) -> list[Piece]:
    r"""The pieces of a text of at most MAX_CHARS characters; a number behind \frac or \sqrt is cut into its digits."""
    found: list[Piece] = []
    position = missing = 0  # how many arguments the last command still takes
    outer: list[tuple[str, int]] = []
    while position < min(len(text), MAX_CHARS):
        match = _PIECE.match(text, position)
        assert match is not None and match.lastgroup is not None  # the last alternative takes any character
        piece = Piece(cast(Kind, match.lastgroup), match.group())
        if piece.kind == "number" and missing:
            piece = Piece("number", piece.text[0])
        found.append(piece)
        position += len(piece.text)
        if piece.text == "{" or (piece.text == "[" and missing):
            outer.append(("}" if piece.text == "{" else "]", missing - (piece.text == "{" and missing > 0)))
            missing = 0
        elif outer and piece.text == outer[-1][0]:
            missing = outer.pop()[1]
        elif piece.kind != "blank":
            missing = _ARGUMENTS[piece.text] if piece.text in _ARGUMENTS else max(0, missing - 1)
    return found


def joined(pieces: Iterable[Piece]) -> str:
    r"""The text of the pieces; a blank goes where a command would run into a letter (`\pi` and `x`)."""
    text = ""
    for piece in pieces:
        if piece.text[:1].isalpha() and re.search(r"\\[A-Za-z]+$", text):
            text += " "
        text += piece.text
    return text

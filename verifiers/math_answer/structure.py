"""The outer shape of an answer: list, tuple, interval, set, union, matrix, inequality, words or a single expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from openqwq.verifiers.math_answer.normalise import plain_words

Kind = Literal["list", "bracket", "set", "union", "matrix", "words", "expression"]
_INEQUALITY = re.compile(r"(<|>|\\le(?![A-Za-z])|\\ge(?![A-Za-z]))")
_MATRIX = re.compile(
    r"^\\begin\{(p|b|B|v|V|small)?(?:matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{[A-Za-z]+\}$", re.DOTALL
)
_VARIABLE = re.compile(r"^(?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?$")
_CONJUNCTION = re.compile(r"\\text\s*\{\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])", re.IGNORECASE)
_OPENERS, _CLOSERS = "([{", ")]}"
_WORDS = re.compile(r"^[^\W\d_][\w' -]*$")


@dataclass(frozen=True)
class Shape:
    """Example: shape_of("(2,5]") == Shape("bracket", ("2", "5"), "(]")."""

    kind: Kind
    parts: tuple[str, ...]
    """The elements, or the whole text for words and expressions."""
    marks: str = ""
    """Brackets of a tuple or interval, delimiters and row lengths of a matrix, variable of an inequality after `:`."""


def shape_of(text: str) -> Shape:
    """The outermost structure of a cleaned answer."""
    text = text.strip()
    union = split_top(text, (r"\cup",))
    if len(union) > 1:
        return Shape("union", tuple(union))
    if matrix := _MATRIX.match(text):
        return _matrix_shape(matrix)
    if any(mark in text for mark in ("<", ">", r"\le", r"\ge")) and (interval := _inequality(text)):
        return interval
    if bracketed := _bracketed(text):
        return bracketed
    listed = _listed(text)
    if len(listed) > 1:
        ranges = [_inequality(part) for part in listed]
        if all(ranges):
            return Shape("union", tuple(listed))
        return Shape("list", tuple(listed))
    if _is_words(text):
        return Shape("words", (plain_words(text),))
    return Shape("expression", (text,))


def split_top(text: str, separators: tuple[str, ...]) -> list[str]:
    """Split at separators that stand outside every bracket and brace."""
    parts: list[str] = []
    depth = start = position = 0
    while position < len(text):
        if depth <= 0:
            found = next((mark for mark in separators if text.startswith(mark, position)), None)
            if found is not None:
                parts.append(text[start:position].strip())
                position += len(found)
                start = position
                continue
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            depth += {"{": 1, "}": -1}.get(text[position + 1], 0)
            position += 2
            continue
        depth += (character in _OPENERS) - (character in _CLOSERS)
        position += 1
    return [*parts, text[start:].strip()]


def _bracketed(text: str) -> Shape | None:
    text = re.sub(r"^\\langle(.*)\\rangle$", r"(\1)", text)
    if text.startswith(r"\{") and text.endswith(r"\}"):
        inside = text[2:-2]
        parts = [part for part in split_top(inside, (",", ";")) if part]
        is_builder = re.search(r"(?<!\\)\||\\mid|:", inside) is not None
        return Shape("expression", (text,)) if is_builder or "{" in _unbalanced(inside) else Shape("set", tuple(parts))
    if len(text) < 3 or text[0] not in "([" or text[-1] not in ")]" or _unbalanced(text[1:-1]):
        return None
    parts = split_top(text[1:-1], (",", ";"))
    if len(parts) < 2 or not all(parts):
        return None
    return Shape("bracket", tuple(parts), text[0] + text[-1])


def _unbalanced(text: str) -> str:
    """The first bracket that closes or opens alone, or "". Round and square may pair, as intervals mix
    them."""
    depth = 0
    for character in text.replace(r"\{", "{").replace(r"\}", "}"):
        depth += (character in _OPENERS) - (character in _CLOSERS)
        if depth < 0:
            return character
    return "{" if depth else ""


def _listed(text: str) -> list[str]:
    text = _CONJUNCTION.sub(",", text)
    return [part for part in split_top(text, (",", ";")) if part]


def _is_words(text: str) -> bool:
    words = plain_words(text)
    has_wrapper = r"\text" in text
    rest = re.sub(r"\\text\s*\{[^{}]*\}", "", text) if has_wrapper else text
    if "\\" in rest or re.search(r"[=^_+*/<>|{}]", rest):
        return False
    return bool(_WORDS.match(words)) and (has_wrapper or len(max(words.split(), key=len)) > 2)


def _inequality(text: str) -> Shape | None:
    """`2<x\\le5`, `x<7`, `7>x` as an interval with the variable's name in its marks."""
    pieces = [piece.strip() for piece in _INEQUALITY.split(text)]
    signs = pieces[1::2]
    terms = pieces[::2]
    if len(signs) not in (1, 2) or not all(terms):
        return None
    if any(sign in (">", r"\ge") for sign in signs):
        if not all(sign in (">", r"\ge") for sign in signs):
            return None
        terms.reverse()
        signs.reverse()
    strict = [sign in ("<", ">") for sign in signs]
    if len(signs) == 2 and _VARIABLE.match(terms[1]):
        brackets = ("(" if strict[0] else "[") + (")" if strict[1] else "]")
        return Shape("bracket", (terms[0], terms[2]), f"{brackets}:{terms[1]}")
    if len(signs) == 1 and _VARIABLE.match(terms[0]):
        return Shape("bracket", (r"-\infty", terms[1]), f"({')' if strict[0] else ']'}:{terms[0]}")
    if len(signs) == 1 and _VARIABLE.match(terms[1]):
        return Shape("bracket", (terms[0], r"\infty"), f"{'(' if strict[0] else '['}):{terms[1]}")
    return None


def _matrix_shape(match: re.Match[str]) -> Shape:
    delimiter = "v" if match.group(1) in ("v", "V") else "m"
    rows = [row.split("&") for row in re.split(r"\\\\(?:\[[^\]]*\])?", match.group(2)) if row.strip()]
    cells = tuple(cell.strip() for row in rows for cell in row)
    return Shape("matrix", cells, delimiter + ",".join(str(len(row)) for row in rows))

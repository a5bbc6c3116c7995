"""The outer shape of an answer: list, tuple, interval, set, union, matrix, relation, ratio, words or one expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

from openqwq.verifiers.math_answer.normalise import plain_words
from openqwq.verifiers.math_answer.text_kind import text_kind

Kind = Literal[
    "list",
    "bracket",
    "set",
    "union",
    "intersection",
    "difference",
    "builder",
    "matrix",
    "relation",
    "ratio",
    "words",
    "expression",
]
MAX_VARIANTS = 16
_SIGNS = re.compile(r"[<>=]|\\(?:le|ge|ne|approx|equiv|in)(?![A-Za-z])")
_MATRIX = re.compile(
    r"^(?P<factor>(?:(?!\\begin)[^&=])*?)(?P<open>[(\[|]?)\s*\\begin\s*\{(?P<kind>(?:[pbBvV]|small)?matrix|array|cases|aligned)\*?\}"
    r"(?:\{[lcr| ]*\})?(?P<body>(?:(?!\\begin).)*)\\end\s*\{[A-Za-z]+\*?\}\s*(?P<close>[)\]|]?)$",
    re.DOTALL,
)
_CONJUNCTION = re.compile(
    r"\\text\s*\{\s*,?\s*(and|or|和|与|或|且|及|以及)\s*\}|(?<![A-Za-z\\])(and|or)(?![A-Za-z])|([和与或且及])",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(rf"(?:{_CONJUNCTION.pattern}|[,;])", re.IGNORECASE)
_SEMICOLON = re.compile(";")
_JOINS = {"or": "or", "或": "or", "and": "and", "且": "and"}
_SET_SIGNS: tuple[tuple[Kind, str], ...] = (
    ("union", r"\cup"),
    ("intersection", r"\cap"),
    ("difference", r"\setminus"),
)
_WORDS = re.compile(r"\\text\s*\{[^{}]*\}")
_TO = re.compile(r"\\text\s*\{\s*to\s*\}")
_OPENERS, _CLOSERS = "([{", ")]}"


@dataclass(frozen=True)
class Shape:
    """Example: shape_of("(2,5]") == Shape("bracket", ("2", "5"), ("(", "]"))."""

    kind: Kind
    parts: tuple[str, ...]
    """Elements, cells, sides; the whole text for words and expressions; variable, domain and condition of a builder."""
    marks: tuple[str, ...] = ()
    """Brackets of a tuple or interval, kind and row lengths of a matrix, signs of a relation, what joins a list."""


@lru_cache(maxsize=4096)
def shape_of(text: str) -> Shape:
    """The outermost structure of a cleaned answer."""
    text = text.strip()
    if (matrix := _MATRIX.match(text)) and _rows(matrix["body"]):
        return _matrix(matrix)
    outside = mask(text)
    listed = _listed(text, outside)
    if len(listed.parts) > 1:
        return listed
    if signs := list(_SIGNS.finditer(outside)):
        return _relation(text, signs)
    for kind, sign in _SET_SIGNS:
        parts = split_at(text, outside, sign)
        if len(parts) > 1:
            return Shape(kind, parts)
    if bracketed := _bracketed(text, outside):
        return bracketed
    ratio = split_at(_TO.sub(":", text), _TO.sub(":", outside), ":")
    if len(ratio) > 1 and all(ratio):
        return Shape("ratio", ratio)
    if text_kind(text) == "words":
        return Shape("words", (plain_words(text),))
    return Shape("expression", (text,))


def mask(text: str) -> str:
    """The text with everything inside brackets blanked out: what stands outside can be found by its position.

    \\text{...} stays, as its braces are no brackets; its commas and signs go.
    """
    shown: list[str] = []
    depth = position = 0
    while position < len(text):
        if depth == 0 and (words := _WORDS.match(text, position)):
            shown.append(re.sub(r"[,;:=<>]", "\0", words.group()))
            position = words.end()
            continue
        character = text[position]
        width = 2 if character == "\\" and text[position + 1 : position + 2] in ("{", "}") else 1
        bracket = text[position + width - 1]
        closes = bracket in _CLOSERS
        depth -= closes and depth > 0
        shown.append(text[position : position + width] if depth == 0 else "\0" * width)
        depth += bracket in _OPENERS
        position += width
    return "".join(shown)


def split_at(text: str, outside: str, sign: str) -> tuple[str, ...]:
    """The pieces of the text between the signs that stand outside every bracket."""
    edges = [(match.start(), match.end()) for match in _pattern_of(sign).finditer(outside)]
    starts = [0, *(end for _, end in edges)]
    ends = [*(start for start, _ in edges), len(text)]
    return tuple(text[start:end].strip() for start, end in zip(starts, ends, strict=True))


@lru_cache(maxsize=64)
def _pattern_of(sign: str) -> re.Pattern[str]:
    return re.compile(re.escape(sign) + (r"(?![A-Za-z])" if sign[-1:].isalpha() else ""))


def variants(text: str) -> tuple[str, ...]:
    """`2\\pm\\sqrt{3}` as two texts; several \\pm are free of each other, \\mp goes against \\pm."""
    pieces = re.split(r"(\\pm|\\mp)(?![A-Za-z])", text)
    signs = pieces[1::2]
    if not signs or 2 ** len(signs) > MAX_VARIANTS:
        return (text,)
    if r"\mp" in signs and r"\pm" in signs:
        choices = [tuple("+-"[(sign == r"\mp") != flipped] for sign in signs) for flipped in (False, True)]
    else:
        choices = list(product("+-", repeat=len(signs)))
    found: list[str] = []
    for choice in choices:
        built = pieces[0]
        for sign, piece in zip(choice, pieces[2::2], strict=True):
            built += ("" if sign == "+" and not re.search(r"[\w})\]!°]\s*$", built) else sign) + piece
        found.append(built.strip())
    return tuple(dict.fromkeys(found))


def _relation(text: str, signs: list[re.Match[str]]) -> Shape:
    starts = [0, *(sign.end() for sign in signs)]
    ends = [*(sign.start() for sign in signs), len(text)]
    sides = tuple(text[start:end].strip() for start, end in zip(starts, ends, strict=True))
    return Shape("relation", sides, tuple(sign.group().strip() for sign in signs))


def _bracketed(text: str, outside: str) -> Shape | None:
    if text.startswith(r"\{") and text.endswith(r"\}") and not mask(text)[2:-2].strip("\0"):
        return _braces(text[2:-2].strip())
    if not text.startswith(("(", "[")) or not text.endswith((")", "]")) or outside[1:-1].strip("\0"):
        return None
    inside = text[1:-1]
    parts = split_at(inside, mask(inside), ",")
    if len(parts) < 2:
        parts = split_at(inside, mask(inside), ";")
    if len(parts) < 2 or not all(parts):
        return None
    return Shape("bracket", parts, (text[0], text[-1]))


def _braces(inside: str) -> Shape:
    outside = mask(inside)
    if builder := re.search(r"\\mid |\||:", outside):
        variable, condition = inside[: builder.start()].strip(), inside[builder.end() :].strip()
        variable, _, domain = (piece.strip() for piece in variable.partition(r"\in"))
        return Shape("builder", (variable, domain, condition))
    parts = split_at(inside, outside, ",")
    return Shape("set", tuple(part for part in parts if part))


def _listed(text: str, outside: str) -> Shape:
    joins = {next(group for group in match.groups() if group).lower() for match in _CONJUNCTION.finditer(outside)}
    pattern = _SEMICOLON if ";" in outside and "," in outside else _SEPARATOR  # p=5, q=2; p=7, q=2
    edges = [(match.start(), match.end()) for match in pattern.finditer(outside)]
    starts = [0, *(end for _, end in edges)]
    ends = [*(start for start, _ in edges), len(text)]
    parts = tuple(part for start, end in zip(starts, ends, strict=True) if (part := text[start:end].strip()))
    known = {_JOINS.get(join, "") for join in joins}
    return Shape(
        "list", parts, ("or",) if known == {"or"} else ("and",) if "and" in known and "or" not in known else ()
    )


def _matrix(match: re.Match[str]) -> Shape:
    kind = match["kind"]
    if kind in ("cases", "aligned"):
        rows = [row.strip(" &") for row in _rows(match["body"])]
        return Shape("list", tuple(re.sub(r"&\s*", " ", row) for row in rows), ("and",))
    is_bars = kind[0] in "vV" or match["open"] == "|"
    factor = match["factor"].strip().removesuffix(r"\cdot").strip()
    factor = f"{factor}1" if factor in ("+", "-") else factor
    cells = [[cell.strip() for cell in row.split("&")] for row in _rows(match["body"])]
    flat = tuple((f"({factor})({cell})" if factor else cell) for row in cells for cell in row)
    return Shape("matrix", flat, ("bars" if is_bars else "matrix", *(str(len(row)) for row in cells)))


def _rows(body: str) -> list[str]:
    return [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", body) if row.strip()]

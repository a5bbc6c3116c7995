"""The outer shape of a gold, from its pieces: one formula, or a group (list, tuple, union, relation, ratio)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from openqwq.verifiers.workbench.gold_pieces import Piece, joined
from openqwq.verifiers.workbench.gold_reading import Reading, Unreadable, read_formula

MAX_DEPTH = 12
MAX_SIGNS = 3  # of plus or minus: each doubles the values
ORDERS = frozenset({"<", ">", r"\le", r"\ge"})
_RELATIONS = {"=": "=", "<": "<", ">": ">", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", r"\lt": "<", r"\gt": ">"} | {
    name + more: name for name in (r"\le", r"\ge", r"\ne") for more in ("", "q", "qslant")
}
_OPENING = frozenset({"(", "[", "{", r"\{", r"\lfloor", r"\lceil"})
_CLOSING = frozenset({")", "]", "}", r"\}", r"\rfloor", r"\rceil"})
_JOINED = re.compile(r"\\text\w*\s*\{[\s,]*(?:and|or)[\s,]*\}")
_MATRICES = frozenset({r"\begin{pmatrix}", r"\begin{bmatrix}", r"\begin{Bmatrix}"})
_SIGNS = (r"\pm", r"\mp", "±", "∓")


@dataclass(frozen=True)
class Leaf:
    """One formula. Example: 5\\text{ cm} is the formula 5 with the unit `\\text{ cm}`."""

    reading: Reading
    text: str
    """Without blanks and unit."""
    unit: str


@dataclass(frozen=True)
class Group:
    """Parts and what marks them: brackets of a tuple, signs of a relation, lengths of a matrix's rows."""

    kind: Literal["ordered", "unordered", "union", "relation", "ratio"]
    parts: tuple[Shape, ...]
    marks: tuple[str, ...] = ()


Shape = Leaf | Group


def leaves(shape: Shape) -> Iterator[Leaf]:
    """Every formula of a shape."""
    if isinstance(shape, Leaf):
        yield shape
    else:
        for part in shape.parts:
            yield from leaves(part)


def read_shape(pieces: Sequence[Piece]) -> Shape:
    """The shape of a whole gold; raises Unreadable."""
    return _shape([piece for piece in pieces if piece.kind != "blank"], 0)


def _shape(pieces: list[Piece], depth: int) -> Shape:
    if not pieces or depth > MAX_DEPTH:
        raise Unreadable("nothing, or nested too deep")
    for read in (_listed, _related, _united, _bracketed, _matrix, _ratio):
        if (found := read(pieces, depth + 1)) is not None:
            return found
    return _leaf(pieces)


def split(pieces: Sequence[Piece], is_separator: Callable[[Piece], bool]) -> tuple[list[list[Piece]], list[str]]:
    """What stands between the separators outside every bracket, and the separators; raises Unreadable."""
    parts: list[list[Piece]] = [[]]
    found: list[str] = []
    depth = 0
    for piece in pieces:
        opens = piece.text in _OPENING or piece.text.startswith(r"\begin")
        closes = piece.text in _CLOSING or piece.text.startswith(r"\end")
        depth += opens - closes
        if depth < 0:
            raise Unreadable("a bracket that nothing opens")
        if depth == 0 and is_separator(piece):
            found.append(piece.text)
            parts.append([])
        else:
            parts[-1].append(piece)
    if depth:
        raise Unreadable("a bracket that nothing closes")
    return parts, found


def _at(*signs: str) -> Callable[[Piece], bool]:
    return lambda piece: piece.text in signs


def _listed(pieces: list[Piece], depth: int) -> Shape | None:
    parts, signs = split(pieces, lambda piece: piece.text in (",", "{,}", ";") or bool(_JOINED.fullmatch(piece.text)))
    if not signs:
        return None
    parts = [part for part in parts if part]  # `1, 2, and 3` has an empty one
    if len(parts) > 1 and _states(parts[0]) and not any(_is_related(part) for part in parts[1:]):  # x=4,9
        stated = _unordered([parts[0][2:], *parts[1:]], depth)
        return Group("relation", (_leaf(parts[0][:1]), stated), ("=",))
    return _unordered(parts, depth)


def _states(pieces: Sequence[Piece]) -> bool:
    return len(pieces) > 2 and pieces[0].kind == "letter" and pieces[1].text == "=" and not _is_related(pieces[2:])


def _is_related(pieces: Sequence[Piece]) -> bool:
    return any(piece.text in _RELATIONS or piece.text == r"\in" for piece in pieces)


def _unordered(parts: Sequence[list[Piece]], depth: int) -> Group:
    shapes = [_shape(part, depth) for part in parts]
    flat = (
        inner
        for shape in shapes
        for inner in (shape.parts if isinstance(shape, Group) and shape.kind == "unordered" else (shape,))
    )
    return Group("unordered", tuple(flat))


def _related(pieces: list[Piece], depth: int) -> Shape | None:
    sides, signs = split(pieces, lambda piece: piece.text in _RELATIONS or piece.text == r"\in")
    if not signs:
        return None
    marks = tuple("in" if sign == r"\in" else _RELATIONS[sign] for sign in signs)
    if len(marks) > 1 and not {*marks} <= ORDERS:
        raise Unreadable("a chain of equations")
    return Group("relation", tuple(_shape(side, depth) for side in sides), marks)


def _united(pieces: list[Piece], depth: int) -> Shape | None:
    parts, signs = split(pieces, _at(r"\cup", "∪"))
    return Group("union", tuple(_shape(part, depth) for part in parts)) if signs else None


def _bracketed(pieces: list[Piece], depth: int) -> Shape | None:
    opening, inside, closing = pieces[0].text, pieces[1:-1], pieces[-1].text
    if len(pieces) < 3 or opening not in _OPENING or closing not in _CLOSING or not _is_balanced(inside):
        return None
    if opening == r"\{" and inside[0].kind == "letter" and len(inside) > 2 and inside[1].text in ("|", r"\mid", ":"):
        return Group("ordered", (_leaf(inside[:1]), _shape(inside[2:], depth)), ("builder",))
    if opening in (r"\{", "{") and (opening == r"\{" or len(split(inside, _at(","))[0]) > 1):
        return _unordered(split(inside, _at(",", ";"))[0], depth)
    if opening not in ("(", "["):
        return None
    parts, signs = split(inside, _at(",", ";"))
    return Group("ordered", tuple(_shape(part, depth) for part in parts), (opening, closing)) if signs else None


def _is_balanced(pieces: Sequence[Piece]) -> bool:
    try:
        split(pieces, lambda piece: False)
    except Unreadable:
        return False
    return True


def _matrix(pieces: list[Piece], depth: int) -> Shape | None:
    if pieces[0].text not in _MATRICES or not pieces[-1].text.startswith(r"\end"):
        return None
    rows = [split(row, _at("&"))[0] for row in split(pieces[1:-1], _at(r"\\"))[0] if row]
    cells = tuple(_shape(cell, depth) for row in rows for cell in row)
    return Group("ordered", cells, ("matrix", *(str(len(row)) for row in rows)))


def _ratio(pieces: list[Piece], depth: int) -> Shape | None:
    parts, signs = split(pieces, _at(":"))
    return Group("ratio", tuple(_leaf(part) for part in parts)) if signs else None


def _leaf(pieces: list[Piece]) -> Shape:
    r"""One formula, or both values of one with \pm."""
    unit = pieces[-1].text if pieces and pieces[-1].kind == "text" and len(pieces) > 1 else ""
    pieces = pieces[:-1] if unit else pieces
    variants = [Leaf(read_formula(variant), joined(variant), unit) for variant in _variants(pieces)]
    return variants[0] if len(variants) == 1 else Group("unordered", tuple(variants))


def _variants(pieces: list[Piece]) -> list[list[Piece]]:
    places = [place for place, piece in enumerate(pieces) if piece.text in _SIGNS]
    if len(places) > MAX_SIGNS:
        raise Unreadable("many signs of plus or minus")
    has_both = any(pieces[place].text in _SIGNS[1::2] for place in places)
    choices = ("+" * len(places), "-" * len(places)) if has_both else product("+-", repeat=len(places))
    return [_with_signs(pieces, dict(zip(places, choice, strict=True))) for choice in choices]


def _with_signs(pieces: list[Piece], signs: dict[int, str]) -> list[Piece]:
    opposite = {"+": "-", "-": "+"}
    return [
        piece
        if place not in signs
        else Piece("mark", opposite[signs[place]] if piece.text in _SIGNS[1::2] else signs[place])
        for place, piece in enumerate(pieces)
    ]

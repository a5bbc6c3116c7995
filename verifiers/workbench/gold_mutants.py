r"""Answers that are wrong by one small step: the gold with a flipped sign, another operator, a neighbouring number, or
without a factor or an operator. A verifier that pays one of them does not compare values.

A mutant is given only where it is shown to be another answer (gold_difference.py), by a reader that shares nothing with
the math verifier; golds in words have none.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest

from openqwq.verifiers.workbench.gold_difference import is_label, is_shown_different
from openqwq.verifiers.workbench.gold_pieces import MAX_CHARS, Piece, joined, pieces_of
from openqwq.verifiers.workbench.gold_reading import Unreadable
from openqwq.verifiers.workbench.gold_shapes import Group, Shape, read_shape

MAX_MUTANTS = 16  # of one gold
MAX_PIECES = 300
MAX_TRIED = 64
MAX_VAIN = 12  # edits that are tried while none is shown to be different
_IN_TEXT = re.compile(r"\s*(\\text\s*\{)([^{}\\]*[\w)][-+*/^=][^{}\\]*)(\})\s*")  # \text{x+1}
_CHOICES = re.compile(r"[\s(\[{]*(?:[A-Za-z]|[A-J](?:[\s,;]*[A-J])*)[\s)\]}.]*")  # D, (B), A, C
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_STARTS = frozenset({"(", "[", "{", r"\{", ",", ";", "=", "<", ">", r"\le", r"\ge", r"\leq", r"\geq", r"\in", ":", "&"})
_ENDS = frozenset({")", "]", "}", "|", "!", r"\}", r"\pi", "pi"})
_HEADS = frozenset({r"\frac", r"\dfrac", r"\tfrac", r"\sqrt", r"\binom", "sqrt"})
_CALLS = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "ln", "log"})
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "+": ("*", "/"), "-": ("*", "/"), "*": ("+", "-"), r"\cdot": ("+", "-"), r"\times": ("+", "-"),
    "/": ("-", "+"), "^": ("-", "+"), "<": (">",), ">": ("<",),
    r"\le": (r"\ge",), r"\ge": (r"\le",), r"\leq": (r"\geq",), r"\geq": (r"\leq",),
}  # fmt: skip
_UNIT_LETTERS = frozenset("mgshlLAVNJWKCFTHB")


def mutants_of_gold(gold: str, seed: int) -> list[str]:
    r"""At most MAX_MUTANTS wrong answers that are one step from the gold, kinds in turn; the same for the same seed.

    Example: mutants_of_gold("n+1", 0) holds "n-1", "n+2" and "n1" among others; mutants_of_gold("Paris", 0) == [].
    """
    if inner := _IN_TEXT.fullmatch(gold):
        return [f"{inner[1]}{mutant}{inner[3]}" for mutant in mutants_of_gold(inner[2], seed)]
    pieces = pieces_of(gold)
    if len(gold) > MAX_CHARS or len(pieces) > MAX_PIECES or not _is_formula(gold, pieces):
        return []
    try:
        shape = read_shape(pieces)
    except Unreadable:
        return []
    kinds = [list(kind) for kind in _edits(pieces, _first_changeable(pieces, shape))]
    for number, kind in enumerate(kinds):
        random.Random(f"{seed} {number} {gold}").shuffle(kind)
    in_turn = (edit for edit in chain.from_iterable(zip_longest(*kinds)) if edit is not None)
    return _shown(gold, shape, in_turn)


def _shown(gold: str, shape: Shape, edits: Iterator[list[Piece]]) -> list[str]:
    found: list[str] = []
    for number, edit in enumerate(islice(edits, MAX_TRIED)):
        if number == MAX_VAIN and not found:
            break
        text = joined(edit)
        if text != gold and text not in found and _is_other(shape, text):
            found.append(text)
            if len(found) == MAX_MUTANTS:
                break
    return found


def _is_other(shape: Shape, text: str) -> bool:
    try:
        return is_shown_different(shape, read_shape(pieces_of(text)))
    except (Unreadable, RecursionError):
        return False


def _is_formula(gold: str, pieces: Sequence[Piece]) -> bool:
    """No words, no letters of a choice."""
    if _CHOICES.fullmatch(gold):
        return False
    spoken = "".join(piece.text if piece.kind == "letter" else " " for piece in pieces)
    has_signs = any(piece.kind in ("number", "command", "mark") for piece in pieces)
    return not _WORD.search(spoken) and (has_signs or len(spoken.strip()) < 3)


def _first_changeable(pieces: Sequence[Piece], shape: Shape) -> int:
    """Behind `y =`, `f(x) =` and `x \\in`: what an answer is called is not its value."""
    if not (isinstance(shape, Group) and shape.kind == "relation" and is_label(shape.parts[0])):
        return 0
    return next((place + 1 for place, piece in enumerate(pieces) if piece.text in ("=", r"\in")), 0)


def _edits(pieces: list[Piece], first: int) -> list[Iterator[list[Piece]]]:
    """The changed pieces, by kind of change."""
    places = [place for place, piece in enumerate(pieces) if piece.kind != "blank" and place >= first]
    return [
        _flipped_signs(pieces, places, first),
        _other_operators(pieces, places),
        _neighbours(pieces, places),
        _dropped_factors(pieces, places),
        _dropped_operators(pieces, places),
        _turned_fractions(pieces, places),
    ]


def _with(pieces: Sequence[Piece], start: int, end: int, *texts: str) -> list[Piece]:
    return [*pieces[:start], *(Piece("mark", text) for text in texts), *pieces[end:]]


def _before(pieces: Sequence[Piece], place: int) -> str:
    return next((piece.text for piece in reversed(pieces[:place]) if piece.kind != "blank"), "")


def _is_binary(pieces: Sequence[Piece], place: int) -> bool:
    before = next((piece for piece in reversed(pieces[:place]) if piece.kind != "blank"), None)
    return before is not None and (before.kind in ("number", "letter") or before.text in _ENDS)


def _flipped_signs(pieces: Sequence[Piece], places: Sequence[int], first: int) -> Iterator[list[Piece]]:
    for place in places:
        piece = pieces[place]
        if piece.text in ("-", "−"):
            yield _with(pieces, place, place + 1, *("+" if _is_binary(pieces, place) else ""))
        elif piece.text == "+":
            yield _with(pieces, place, place + 1, "-")
        elif (place == places[0] or _before(pieces, place) in _STARTS) and _starts_a_value(piece):
            yield _with(pieces, place, place, "-")


def _starts_a_value(piece: Piece) -> bool:
    if piece.kind in ("number", "letter"):
        return True
    return piece.text in (r"\pi", r"\infty", "pi", "(", *_HEADS) or piece.text.lstrip("\\") in _CALLS


def _other_operators(pieces: Sequence[Piece], places: Sequence[int]) -> Iterator[list[Piece]]:
    for place in places:
        text = pieces[place].text
        if text in ("+", "-") and not _is_binary(pieces, place):
            continue
        for other in _OTHERS.get(text, ()):
            yield _with(pieces, place, place + 1, other)


def _dropped_operators(pieces: Sequence[Piece], places: Sequence[int]) -> Iterator[list[Piece]]:
    for place in places:
        if pieces[place].text in ("+", "-", "/", "^") and _is_binary(pieces, place):
            yield _with(pieces, place, place + 1)


def _neighbours(pieces: Sequence[Piece], places: Sequence[int]) -> Iterator[list[Piece]]:
    """One more and one less; of a decimal in its third digit at most, as graders may rightly round."""
    for place in places:
        if pieces[place].kind == "number" and _before(pieces, place) != "_":
            for step in (1, -1):
                if text := _stepped(pieces[place].text, step, _before(pieces, place)):
                    yield _with(pieces, place, place + 1, *text)


def _stepped(number: str, step: int, before: str) -> tuple[str, ...]:
    whole, dot, broken = number.partition(".")
    broken = broken[: max(1, 3 - len(whole.lstrip("0")))] if dot else ""
    value = int((whole + broken) or "0") + step
    if value < 0:
        return ()
    has_fixed_length = dot or before in (",", "{,}") or (len(whole) > 1 and whole.startswith("0"))
    shown = str(value).zfill(len(whole + broken)) if has_fixed_length else str(value)
    if has_fixed_length and len(shown) != len(whole + broken):
        return ()
    if dot:
        return (f"{shown[: len(whole)]}.{shown[len(whole) :]}{number[len(whole) + 1 + len(broken) :]}",)
    is_argument = before in (*_HEADS, "^") or (before.isdigit() and len(before) == 1)
    return ("{", shown, "}") if is_argument and len(shown) > 1 and len(number) == 1 else (shown,)


def _dropped_factors(pieces: Sequence[Piece], places: Sequence[int]) -> Iterator[list[Piece]]:
    """A factor with its power, beside another one: a number, a letter, \\pi, a root or a bracket."""
    ends = {place: _end_of_factor(pieces, place) for place in places}
    for place in places:
        end = ends[place]
        if end <= place or _before(pieces, place) in ("^", "_", *_HEADS):
            continue
        after = next((piece for piece in pieces[end:] if piece.kind != "blank"), None)
        is_followed = after is not None and (_starts_a_value(after) or after.text in (r"\cdot", r"\times", "*"))
        is_preceded = _is_binary(pieces, place) or _before(pieces, place) in (r"\cdot", r"\times", "*")
        if (is_followed or is_preceded) and not _is_unit(pieces, place):
            start, end = _with_its_sign(pieces, place, end)
            yield _with(pieces, start, end)


def _end_of_factor(pieces: Sequence[Piece], place: int) -> int:
    """Behind the factor that starts here, or 0."""
    piece = pieces[place]
    if not _starts_a_value(piece) or piece.text == r"\infty" or piece.text.lstrip("\\") in _CALLS:
        return 0
    end = place + 1
    if piece.text in _HEADS:
        for _ in range(2 if piece.text.endswith(("frac", "binom")) else 1):
            end = _end_of_group(pieces, end)
    elif piece.text == "(":
        end = _end_of_group(pieces, place)
    while end < len(pieces) and pieces[end].text in ("^", "_"):
        end = _end_of_group(pieces, end + 1)
    return end


def _end_of_group(pieces: Sequence[Piece], start: int) -> int:
    """Behind the bracket or the one piece that stands here."""
    while start < len(pieces) and pieces[start].kind == "blank":
        start += 1
    depth = 0
    for place in range(start, len(pieces)):
        depth += (pieces[place].text in ("(", "{", "[")) - (pieces[place].text in (")", "}", "]"))
        if depth <= 0:
            return place + 1
    return len(pieces)


def _with_its_sign(pieces: Sequence[Piece], start: int, end: int) -> tuple[int, int]:
    """The factor together with one sign of multiplication beside it."""
    signs = (r"\cdot", r"\times", "*")
    before = max((place for place in range(start) if pieces[place].kind != "blank"), default=-1)
    if before >= 0 and pieces[before].text in signs:
        return before, end
    after = next((place for place in range(end, len(pieces)) if pieces[place].kind != "blank"), -1)
    return (start, after + 1) if after >= 0 and pieces[after].text in signs else (start, end)


def _is_unit(pieces: Sequence[Piece], place: int) -> bool:
    """`5m`: five metres, or five times m; units may be left out."""
    num_letters = sum(piece.kind == "letter" for piece in pieces)
    return num_letters == 1 and pieces[place].text in _UNIT_LETTERS


def _turned_fractions(pieces: Sequence[Piece], places: Sequence[int]) -> Iterator[list[Piece]]:
    r"""\frac{a}{b} as \frac{b}{a}, and as a-b."""
    for place in places:
        if pieces[place].text in (r"\frac", r"\dfrac", r"\tfrac"):
            middle = _end_of_group(pieces, place + 1)
            end = _end_of_group(pieces, middle)
            above, below = pieces[place + 1 : middle], pieces[middle:end]
            yield [*pieces[: place + 1], *below, *above, *pieces[end:]]
            if max(len(above), len(below)) <= 3:
                yield [*pieces[:place], *above, Piece("mark", "-"), *below, *pieces[end:]]

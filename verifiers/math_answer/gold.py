"""Whether a gold can be graded. One that no tier can read is reported when data is loaded, before training."""

from __future__ import annotations

from openqwq.verifiers.math_answer.compare import SymbolicFallback
from openqwq.verifiers.math_answer.conversions import in_first_unit
from openqwq.verifiers.math_answer.dimensions import lengths
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.guards import words_in
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.numeric import same_value
from openqwq.verifiers.math_answer.piecewise import read_pieces
from openqwq.verifiers.math_answer.propositions import is_proposition
from openqwq.verifiers.math_answer.statements import is_name
from openqwq.verifiers.math_answer.structure import Shape, shape_of, variants
from openqwq.verifiers.math_answer.times import is_time
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.units import split_unit
from openqwq.verifiers.math_answer.values import TooLarge, Undefined
from openqwq.verifiers.math_answer.words import canonical, split_label, without_lead

MAX_WORDS = 12
NAMED_SETS = frozenset({r"\emptyset", r"\R", r"\Z", r"\N", r"\Q", r"\C"})


def unreadable_part(gold: str, fallback: SymbolicFallback) -> str | None:
    """Why no tier can read some part of a gold, or None when every part can be read."""
    if is_time(gold) or is_proposition(gold):
        return None
    text = without_lead(clean(gold))
    if not text:
        return "nothing is left of it without its spacing and delimiters"
    return _unreadable(text, fallback)


def _unreadable(text: str, fallback: SymbolicFallback) -> str | None:
    if lengths(text):
        return None
    value, _ = split_unit(in_first_unit(canonical(split_label(text)[1])))
    if (pieces := read_pieces(value)) is not None:
        problems = (_unreadable(piece.value, fallback) for piece in pieces[1])
        return next((problem for problem in problems if problem), None)
    shape = shape_of(variants(value)[0])
    if shape.kind == "words":
        number = len(shape.parts[0].split())
        return f"{number} words, which only the same words would equal" if number > MAX_WORDS else None
    if shape.kind == "expression" and shape.parts[0] not in NAMED_SETS:
        return _unreadable_expression(shape.parts[0].rstrip("% "), fallback)
    problems = (_unreadable(part, fallback) for part in _values(shape))
    return next((problem for problem in problems if problem), None)


def _values(shape: Shape) -> list[str]:
    """The parts that hold values: not the names of a relation, and of a set-builder its condition."""
    if shape.kind == "builder":
        return [shape.parts[2]]
    if shape.kind == "relation":
        return [part for part in shape.parts if part and not is_name(part) and r"\mod" not in part]
    return [part for part in shape.parts if part and part not in NAMED_SETS]


def _unreadable_expression(text: str, fallback: SymbolicFallback) -> str | None:
    try:
        tree = parse(text)
        return None if same_value(tree, tree) else f"{text[:60]!r}: not equal to itself"
    except Undefined:
        return f"{text[:60]!r}: no value"
    except TooLarge as error:
        return f"{text[:60]!r}: {error}"
    except Unreadable as error:
        problem = words_in(text) or (str(error) if str(error).startswith("the index") else "")  # terms of a sequence
        if problem:
            return f"{text[:60]!r}: {problem}"
        return None if fallback(text, text) else f"{text[:60]!r}: {error}"

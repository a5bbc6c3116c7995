r"""Reads the gold of a mathematical answer and gives its values: small, strict, and no part of the math verifier.

Mutants are judged by it, so it refuses (Unreadable) whatever it is not sure of, and a World says how to take what has
two readings: e and i as constants or as variables, \log, degrees, 3\frac{1}{2}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from openqwq.verifiers.workbench.gold_pieces import Piece
from openqwq.verifiers.workbench.gold_values import (
    FUNCTIONS,
    Formula,
    added,
    binomial,
    constant,
    digits,
    divided,
    factorial,
    letter_constant,
    logarithm,
    mapped,
    multiplied,
    negated,
    powered,
    root,
)

MAX_DEPTH = 40


class Unreadable(ValueError):
    """The text is none that this reader knows."""


@dataclass
class Reading:
    """A formula, the letters in it, and which doubtful signs it holds."""

    formula: Formula
    names: set[str] = field(default_factory=set)
    doubts: set[str] = field(default_factory=set)


def read_formula(pieces: Sequence[Piece]) -> Reading:
    """The formula that the pieces write; raises Unreadable."""
    reader = _Reader([piece for piece in pieces if piece.kind != "blank"])
    formula = reader.sum()
    if reader.position < len(reader.pieces):
        raise Unreadable(f"nothing is known of {reader.peek()!r} here")
    return Reading(formula, reader.names, reader.doubts)


_FUNCTION_NAMES = frozenset({*FUNCTIONS, "log"})
_GREEK_NAMES = """
alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi varphi
chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega
"""
_GREEK = frozenset(_GREEK_NAMES.split())
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_BINOMIALS = frozenset({"binom", "dbinom", "tbinom"})
_TIMES, _OVER = frozenset({"*", r"\cdot", r"\times", "·", "×"}), frozenset({"/", r"\div", "÷"})
_MINUS = frozenset({"-", "−"})
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}


class _Reader:
    """Recursive descent over the pieces without their blanks."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.position = 0
        self.depth = 0
        self.bars = 0
        self.names: set[str] = set()
        self.doubts: set[str] = set()

    def peek(self, ahead: int = 0) -> str:
        place = self.position + ahead
        return self.pieces[place].text if place < len(self.pieces) else ""

    def kind(self) -> str:
        return self.pieces[self.position].kind if self.position < len(self.pieces) else ""

    def take(self, wanted: str = "") -> Piece:
        if self.position == len(self.pieces) or (wanted and self.peek() != wanted):
            raise Unreadable(f"wanted {wanted or 'more'}, found {self.peek() or 'the end'!r}")
        self.position += 1
        return self.pieces[self.position - 1]

    def sum(self) -> Formula:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deep")
        total = self.signed(self.product)
        while self.peek() in {"+", *_MINUS}:
            sign = -1 if self.take().text in _MINUS else 1
            total = added(total, self.product(), sign)
        self.depth -= 1
        return total

    def signed(self, inner: Callable[[], Formula]) -> Formula:
        if self.peek() in _MINUS:
            self.take()
            return negated(inner())
        if self.peek() == "+":
            self.take()
        return inner()

    def product(self) -> Formula:
        total = self.factor()
        while self.peek():
            if self.peek() in _OVER:
                self.take()
                total = divided(total, self.signed(self.factor))
            elif self.peek() in _TIMES:
                self.take()
                total = multiplied(total, self.signed(self.factor))
            elif self.starts_a_factor():
                if self.kind() == self.pieces[self.position - 1].kind == "number" and self.peek(1) == "/":
                    raise Unreadable("2 1/2 is a mixed number for most")
                total = multiplied(total, self.factor())
            else:
                break
        return total

    def starts_a_factor(self) -> bool:
        text, kind = self.peek(), self.kind()
        if kind in ("number", "letter"):
            return True
        if kind == "command":
            name = text.lstrip("\\")
            return name in _FUNCTION_NAMES | _GREEK | _FRACTIONS | _BINOMIALS | {"sqrt", "pi", "lfloor", "lceil"}
        return text in ("(", "[", "{") or (text == "|" and not self.bars)

    def factor(self) -> Formula:
        piece = self.pieces[self.position] if self.position < len(self.pieces) else Piece("mark", "")
        base = self.mixed() or self.atom()
        while True:
            if self.peek() == "!":
                self.take()
                base = mapped(factorial, base)
            elif self.peek() in ("°", r"\circ", r"\degree"):
                self.take()
                base = self.degrees(base)
            elif self.peek() in ("%", r"\%"):
                self.take()
            elif self.peek() == "^":
                self.take()
                base = self.raised(base, piece)
            else:
                return base

    def raised(self, base: Formula, piece: Piece) -> Formula:
        if self.peek() in (r"\circ", r"\degree"):
            self.take()
            return self.degrees(base)
        if (self.peek(), self.peek(1), self.peek(2)) == ("{", r"\circ", "}"):
            self.position += 3
            return self.degrees(base)
        if self.peek() in ("'", "*", r"\prime", r"\top") or (self.peek() == "{" and self.peek(1) in ("'", "*")):
            raise Unreadable("a mark of a name")
        exponent = self.signed(self.atom)
        if self.peek() == "^":
            raise Unreadable("a tower without braces")
        return powered(base, exponent)

    def degrees(self, base: Formula) -> Formula:
        self.doubts.add("degree")
        return lambda world: base(world) * (digits().pi / 180 if world.is_degree_angle else 1)

    def mixed(self) -> Formula | None:
        r"""3\frac{1}{2}: seven halves for most, a product for some."""
        start = self.position
        if self.kind() != "number" or self.peek(1).lstrip("\\") not in _FRACTIONS or "." in self.peek():
            return None
        whole = constant(self.take().text)
        name = self.take().text
        above, below = self.argument(), self.argument()
        inside = [piece for piece in self.pieces[start + 1 : self.position] if piece.text not in ("{", "}", name)]
        if any(piece.kind != "number" for piece in inside):
            self.position = start
            return None
        self.doubts.add("mixed")
        return lambda world: (
            whole(world) * above(world) / below(world)
            if world.are_mixed_numbers_products
            else whole(world) + above(world) / below(world)
        )

    def atom(self) -> Formula:
        piece = self.take()
        text = piece.text
        if piece.kind == "number":
            if self.peek() == "_" or self.is_scientific(piece):
                raise Unreadable("a base, or a number with an exponent")
            return constant(text)
        if piece.kind == "letter":
            return self.named(text)
        if text in ("(", "[", "{"):
            return self.closed(self.sum, _CLOSING[text])
        if text == "|" and not self.bars:
            self.bars += 1
            inner = self.closed(self.sum, "|")
            self.bars -= 1
            return mapped(abs, inner)
        if piece.kind == "command":
            return self.command(text.lstrip("\\"), text)
        raise Unreadable(f"nothing is known of {text!r}")

    def is_scientific(self, piece: Piece) -> bool:
        """2e-1 and 3E5: is it a fifth, or the constant e?"""
        follows = self.peek() in ("e", "E") and self.peek(1) in ("-", "+")
        return follows or (self.peek() in ("e", "E") and self.peek(1)[:1].isdigit())

    def closed(self, inner: Callable[[], Formula], closing: str) -> Formula:
        bars, self.bars = self.bars, 1 if closing == "|" else 0
        formula = inner()
        self.take(closing)
        self.bars = bars
        return formula

    def named(self, name: str) -> Formula:
        if self.peek() == "_":
            self.take()
            name += "_" + self.subscript()
        if self.peek() in ("'", r"\prime"):
            raise Unreadable("a derivative")
        self.names.add(name)
        if name in ("e", "i"):
            self.doubts.add("letters")
            return lambda world: world.point[name] if world.are_e_and_i_variables else letter_constant(name)
        return lambda world: world.point[name]

    def subscript(self) -> str:
        if self.peek() != "{":
            return self.take().text
        self.take()
        text = ""
        while self.peek() != "}":
            text += self.take().text
        self.take()
        return text

    def command(self, name: str, text: str) -> Formula:
        if name in _GREEK and text != name:
            return self.named(text)
        if name == "pi":
            self.doubts.add("pi")
            return lambda world: +digits().pi
        if name == "infty":
            return lambda world: digits().inf
        if name in _FRACTIONS:
            return divided(self.argument(), self.argument())
        if name in _BINOMIALS:
            above, below = self.argument(), self.argument()
            return lambda world: binomial(above(world), below(world))
        if name == "sqrt":
            return self.root()
        if name in ("lfloor", "lceil"):
            inner = self.closed(self.sum, _CLOSING[text])
            return mapped(digits().floor if name == "lfloor" else digits().ceil, inner)
        if name in _FUNCTION_NAMES:
            return self.function(name)
        raise Unreadable(f"nothing is known of {text!r}")

    def argument(self) -> Formula:
        return self.atom()

    def root(self) -> Formula:
        index: Formula = constant("2")
        if self.peek() == "[":
            self.take()
            index = self.closed(self.sum, "]")
        inner = self.argument()
        return lambda world: root(inner(world), index(world))

    def function(self, name: str) -> Formula:
        base: Formula | None = None
        if name == "log" and self.peek() == "_":
            self.take()
            base = self.argument()
        power = None
        if self.peek() == "^":
            self.take()
            if self.peek() in _MINUS or (self.peek() == "{" and self.peek(1) in _MINUS):
                raise Unreadable("an inverse function, or one over it")
            power = self.atom()
        value = self.applied(name, base, self.function_argument())
        return value if power is None else powered(value, power)

    def function_argument(self) -> Formula:
        if self.peek() in ("(", "[", "{", "|"):
            inner = self.atom()
            if self.peek() == "^":
                raise Unreadable("a power of the function, or of its argument")
            return inner
        total = self.factor()
        while self.kind() in ("number", "letter") or self.peek() in (r"\pi", "pi") or self.peek()[1:] in _GREEK:
            total = multiplied(total, self.factor())
        if self.peek() in ("(", "["):
            raise Unreadable("an argument without brackets before a bracket")
        return total

    def applied(self, name: str, base: Formula | None, inner: Formula) -> Formula:
        if name != "log":
            return mapped(FUNCTIONS[name], inner)
        if base is not None:
            return lambda world: logarithm(inner(world)) / logarithm(base(world))
        self.doubts.add("log")
        return lambda world: logarithm(inner(world)) / (logarithm(digits().mpf(10)) if world.is_log_decimal else 1)

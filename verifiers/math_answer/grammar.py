"""A small grammar of mathematical expressions: LaTeX or plain text to a tree, with caps, and never to code.

What it does not know raises Unreadable and is left to the last tier. The text is cleaned first (normalise.clean).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_CHARS = 2_000
MAX_TOKENS = 500
MAX_DEPTH = 50


class Unreadable(ValueError):
    """The text is outside the grammar or past one of its caps."""


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: 12, 0.5 and 1,200 exactly."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable or a constant by its LaTeX name: x, x_1, \\alpha, f', \\pi, e, i."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation on its arguments. add, mul, neg, div, pow, root (value, index), log (value[, base]), ..."""

    name: str
    arguments: tuple[Expression, ...]


Expression = Number | Symbol | Apply

CONSTANTS = frozenset({"e", "i", r"\pi"})
TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_FUNCTION_NAMES = """
sinh cosh tanh coth sech csch arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh ln lg log exp cis max
min gcd lcm Re Im
"""
_ALIAS_NAMES = """
tg=tan ctg=cot cosec=csc arctg=arctan arsinh=arcsinh arcosh=arccosh artanh=arctanh asin=arcsin acos=arccos atan=arctan
"""
_GREEK_NAMES = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma tau
upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega infty ell hbar
"""
_FUNCTIONS = TRIGONOMETRIC | frozenset(_FUNCTION_NAMES.split())
_ALIASES = dict(alias.split("=") for alias in _ALIAS_NAMES.split())
_GREEK = frozenset("\\" + name for name in _GREEK_NAMES.split())
_NAMES = "|".join(sorted({*_FUNCTIONS, *_ALIASES, "sqrt", "pi", "binom"}, key=len, reverse=True))
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4}(?![\d.A-Za-z]))?)"
    rf"|\\?(?P<name>(?<![A-Za-z])(?:{_NAMES})(?![A-Za-z]))"
    r"|(?P<command>\\[A-Za-z]+|\\\\|\\[{}|])|(?P<letter>[A-Za-z])|(?P<mark>[-+*/^_(){}\[\]|!,°'&:=]))"
)
_CLOSERS = {"(": (")",), "[": ("]",), "{": ("}",), r"\{": (r"\}",), "|": ("|",), r"\|": (r"\|",),
            r"\lfloor": (r"\rfloor",), r"\lceil": (r"\rceil",)}  # fmt: skip
_REPEATING = re.compile(
    r"(\d*)\.(\d*?)"
    r"(?:\\(?:overline|bar|dot) ?(?:\{ ?(\d+) ?\}|(\d))(?:(\d*)\\dot ?\{? ?(\d) ?\}?)?"  # \overline{6}, \dot{1}4\dot{2}
    r"|(\d+?)\7+(?<=\d{3})\.\.\."  # 2.333...
    r"|\((\d+)\)(?=$))"  # 0.1(6)
)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The tree of a cleaned expression; raises Unreadable. Cached: a gold and a repeated answer are read once."""
    return _Parser(text).read()


def symbols(tree: Expression) -> frozenset[str]:
    """The free variables: every symbol but e, i and \\pi."""
    return frozenset(node.name for node in walk(tree) if isinstance(node, Symbol)) - CONSTANTS


def operations(tree: Expression) -> frozenset[str]:
    """The names of all operations in the tree."""
    return frozenset(node.name for node in walk(tree) if isinstance(node, Apply))


def size(tree: Expression) -> int:
    """The number of nodes: what one evaluation costs."""
    return sum(1 for _ in walk(tree))


def walk(tree: Expression) -> Iterator[Expression]:
    """Every node, parents first."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Apply):
            waiting += node.arguments


def expand_repeating(text: str) -> str:
    """0.1\\overline{6} and 0.\\dot{1}\\dot{2} as fractions in parentheses."""
    return _REPEATING.sub(_repeating_fraction, text)


def _repeating_fraction(match: re.Match[str]) -> str:
    whole, fixed, group, digit, middle, last, repeated, bracketed = match.groups()
    cycle = repeated or bracketed or (group or digit) + (middle or "") + (last or "")
    scale = 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed), scale) + Fraction(int(cycle), (10 ** len(cycle) - 1) * scale)
    return rf"({value.numerator}/{value.denominator})"


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARS:
            raise Unreadable(f"longer than {MAX_CHARS} characters")
        self.tokens = _tokens(expand_repeating(text))
        self.position = 0
        self.depth = 0
        self.open: list[str] = []  # brackets that wait for their closer: a bar closes only when it was the last

    def read(self) -> Expression:
        tree = self.sum()
        if self.kind != "end":
            raise Unreadable(f"unexpected {self.text!r}")
        return tree

    @property
    def kind(self) -> str:
        return self.tokens[self.position][0] if self.position < len(self.tokens) else "end"

    @property
    def text(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        text = self.text
        if not text or (expected is not None and text != expected):
            raise Unreadable(f"expected {expected or 'more'}, found {text or 'the end'!r}")
        self.position += 1
        return text

    def accept(self, *texts: str) -> bool:
        if self.text in texts and self.text:
            self.position += 1
            return True
        return False

    # sums and products

    def sum(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        terms = [self.product()]
        while self.text in ("+", "-"):
            terms.append(self.product())  # its sign is read as a part of the term
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Apply("add", tuple(terms))

    def product(self) -> Expression:
        above = [self.signed()]
        below: list[Expression] = []
        while True:
            if self.accept("*", r"\cdot", r"\times"):
                above.append(self.signed())
            elif self.accept("/", r"\div"):
                below.append(self.signed())
            elif self.starts_factor():
                above.append(self.power())
            else:
                break
        top = above[0] if len(above) == 1 else Apply("mul", tuple(above))
        if not below:
            return top
        return Apply("div", (top, below[0] if len(below) == 1 else Apply("mul", tuple(below))))

    def signed(self) -> Expression:
        is_negative = False
        for _ in range(4):
            if self.accept("-"):
                is_negative = not is_negative
            elif not self.accept("+"):
                break
        tree = self.power()
        return Apply("neg", (tree,)) if is_negative else tree

    def starts_factor(self) -> bool:
        kind, text = self.kind, self.text
        if kind == "number":  # 2 3 is no product, )2 and x2 are
            return self.tokens[self.position - 1][0] != "number"
        if kind in ("letter", "name"):
            return True
        if text == "|" or text == r"\|":
            return not self.open or self.open[-1] != text
        return text in _CLOSERS or text in _ATOMS or text in _GREEK

    # powers and what stands behind a factor

    def power(self) -> Expression:
        base = self.postfix()
        return Apply("pow", (base, self.exponent())) if self.accept("^") else base

    def exponent(self) -> Expression:
        is_negative = self.accept("-")
        self.accept("+")
        tree = self.atom()
        if self.accept("^"):
            tree = Apply("pow", (tree, self.exponent()))
        return Apply("neg", (tree,)) if is_negative else tree

    def postfix(self) -> Expression:
        tree = self.atom()
        while True:
            if self.accept("!"):
                if self.text == "!":
                    raise Unreadable("double factorial")
                tree = Apply("factorial", (tree,))
            elif self.accept("°"):
                tree = Apply("degree", (self.minutes(tree),))
            else:
                return tree

    def minutes(self, degrees: Expression) -> Expression:
        """37° 30' and 37° 30' 15''."""
        parts = [degrees]
        for share in (60, 3600):
            following = self.tokens[self.position : self.position + 2]
            if len(following) < 2 or following[0][0] != "number" or following[1][1] != "'":
                break
            value = _literal(self.take())
            while self.accept("'"):
                pass
            parts.append(Number(value / share))
        return parts[0] if len(parts) == 1 else Apply("add", tuple(parts))

    # factors

    def atom(self) -> Expression:
        kind, text = self.kind, self.take()
        if kind == "number":
            return self.number(text)
        if kind == "letter" or text in _GREEK:
            return self.symbol(text)
        if kind == "name":
            return _NAMED[text](self) if text in _NAMED else self.function(_ALIASES.get(text, text))
        if text in _CLOSERS:
            return self.group(text)
        if text in _ATOMS:
            return _ATOMS[text](self)
        raise Unreadable(f"unknown {text!r}")

    def group(self, opener: str) -> Expression:
        self.open.append(opener)
        tree = self.sum()
        if self.text not in _CLOSERS[opener]:
            raise Unreadable(f"{opener} does not close")
        self.take()
        self.open.pop()
        name = {"|": "abs", r"\|": "abs", r"\lfloor": "floor", r"\lceil": "ceil"}.get(opener)
        return tree if name is None else Apply(name, (tree,))

    def number(self, text: str) -> Expression:
        if self.accept("_"):
            return Number(_in_base(text, self.raw_argument()))
        value = _literal(text)
        following = self.tokens[self.position : self.position + 3]
        if not text.isdigit() or not following:
            return Number(value)
        if following[0][1] == r"\frac":
            start = self.position
            self.take()
            above, below = self.argument(), self.argument()
            if isinstance(above, Number) and isinstance(below, Number) and 0 < above.value < below.value:
                return Number(value + above.value / below.value)  # a mixed number
            self.position = start
        elif following[0][0] == "number" and len(following) == 3 and following[1][1] == "/":
            top, bottom = following[0][1], following[2][1]
            if top.isdigit() and bottom.isdigit() and 0 < int(top) < int(bottom):
                self.position += 3
                return Number(value + Fraction(int(top), int(bottom)))
        return Number(value)

    def symbol(self, letter: str) -> Expression:
        name = letter
        if self.accept("_"):
            name += "_" + self.raw_argument()
        while self.accept("'"):
            name += "'"
        if letter in "CPA" and (counted := self.counting(letter, name)):
            return counted
        return Symbol(name)

    def counting(self, letter: str, name: str) -> Expression | None:
        """C_{10}^{4}, A_8^3 and C(10,4) count choices."""
        kind = "binomial" if letter == "C" else "permutations"
        start = self.position
        lower = name[2:].strip("{}")
        if lower.isdigit() and self.accept("^"):
            upper = self.raw_argument()
            if upper.isdigit() and int(upper) <= int(lower):
                return Apply(kind, (Number(Fraction(lower)), Number(Fraction(upper))))
        elif name == letter and self.accept("("):
            texts = [text for _, text in self.tokens[self.position : self.position + 4]]
            if len(texts) == 4 and texts[0].isdigit() and texts[1] == "," and texts[2].isdigit() and texts[3] == ")":
                self.position += 4
                return Apply(kind, (Number(Fraction(texts[0])), Number(Fraction(texts[2]))))
        self.position = start
        return None

    def function(self, name: str) -> Expression:
        base = self.argument() if name == "log" and self.accept("_") else None
        exponent = self.exponent() if self.accept("^") else None
        if name in ("max", "min", "gcd", "lcm"):
            tree = Apply(name, self.arguments())
        else:
            argument = self.atom() if self.text in ("(", "{", "[", "|") else self.bare_argument()
            tree = Apply(name, (argument,) if base is None else (argument, base))
        if exponent is None:
            return tree
        if exponent == Apply("neg", (Number(Fraction(1)),)) and name in TRIGONOMETRIC:
            return Apply("arc" + name, tree.arguments)
        return Apply("pow", (tree, exponent))

    def bare_argument(self) -> Expression:
        """\\sin 2x, \\ln\\frac{1}{2}, \\cos -x: factors side by side up to the next function or sign."""
        is_negative = self.accept("-")
        factors = [self.power()]
        while self.starts_factor() and not (self.kind == "name" and self.text not in _NAMED):
            factors.append(self.power())
        tree = factors[0] if len(factors) == 1 else Apply("mul", tuple(factors))
        return Apply("neg", (tree,)) if is_negative else tree

    def arguments(self) -> tuple[Expression, ...]:
        closer = {"(": ")", "{": "}", r"\{": r"\}"}.get(self.take())
        self.open.append("(")
        found = [self.sum()]
        while self.accept(","):
            found.append(self.sum())
        self.take(closer)
        self.open.pop()
        return tuple(found)

    def argument(self) -> Expression:
        """An argument of a command: a group, one digit (\\frac12) or one symbol."""
        if self.text == "{":
            return self.atom()
        if self.kind == "number" and self.text.isdigit():
            return Number(Fraction(self.first_digit()))
        return self.atom()

    def first_digit(self) -> str:
        digits = self.take()
        if len(digits) > 1:
            self.tokens.insert(self.position, ("number", digits[1:]))
        return digits[0]

    def raw_argument(self) -> str:
        """The text of a subscript, as written."""
        if not self.accept("{"):
            return self.take()
        depth = 1
        parts: list[str] = []
        while True:
            text = self.take()
            depth += (text == "{") - (text == "}")
            if depth == 0:
                return "".join(parts)
            parts.append(text)

    def fraction(self) -> Expression:
        return Apply("div", (self.argument(), self.argument()))

    def root(self) -> Expression:
        index: Expression = Number(Fraction(2))
        if self.text == "[":
            self.take()
            index = self.sum()
            self.take("]")
        value = self.atom()  # \sqrt12 is read as it is meant: the root of twelve
        return Apply("root", (value, index))

    def binomial(self) -> Expression:
        return Apply("binomial", (self.argument(), self.argument()))

    def bar(self) -> Expression:
        """A conjugate, unless letters alone name a segment or a number in digits."""
        start = self.position
        text = self.raw_argument()
        if text.isalpha() and text not in ("i", "z"):
            return Symbol(rf"\overline{{{text}}}")
        self.position = start
        return Apply("conjugate", (self.atom(),))

    def accent(self) -> Expression:
        return Symbol(rf"\vec{{{self.raw_argument()}}}")

    def environment(self) -> Expression:
        """A determinant; other matrices are structure."""
        if self.raw_argument() not in ("vmatrix", "Vmatrix"):
            raise Unreadable("an environment")
        self.open.append("(")
        rows: list[list[Expression]] = [[self.sum()]]
        while self.text != r"\end":
            if self.accept("&"):
                rows[-1].append(self.sum())
            elif self.accept(r"\\"):
                if self.text != r"\end":
                    rows.append([self.sum()])
            else:
                raise Unreadable("a broken determinant")
        self.take()
        self.raw_argument()
        self.open.pop()
        if not len(rows) <= 4 or any(len(row) != len(rows) for row in rows):
            raise Unreadable("a determinant that is not square, or larger than 4")
        return _determinant(rows)


_NAMED: dict[str, Callable[[_Parser], Expression]] = {
    "sqrt": _Parser.root,
    "binom": _Parser.binomial,
    "pi": lambda _: Symbol(r"\pi"),
}
_ATOMS: dict[str, Callable[[_Parser], Expression]] = {
    r"\frac": _Parser.fraction,
    r"\overline": _Parser.bar,
    r"\bar": _Parser.bar,
    r"\vec": _Parser.accent,
    r"\hat": _Parser.accent,
    r"\overrightarrow": _Parser.accent,
    r"\begin": _Parser.environment,
}


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"unknown character {text[position : position + 1]!r}")
        found.append((match.lastgroup or "", match[match.lastgroup or 0]))
        position = match.end()
        if len(found) > MAX_TOKENS:
            raise Unreadable(f"more than {MAX_TOKENS} symbols")
    return found


def _literal(text: str) -> Fraction:
    mantissa, _, exponent = text.replace(",", "").lower().partition("e")
    return Fraction(mantissa.rstrip(".")) * (Fraction(10) ** int(exponent) if exponent else 1)


def _in_base(digits: str, base: str) -> Fraction:
    if not digits.isdigit() or not base.isdigit() or not 2 <= int(base) <= 36:
        raise Unreadable("a subscript on a number that is no base")
    try:
        return Fraction(int(digits, int(base)))
    except ValueError as error:
        raise Unreadable(str(error)) from error


def _determinant(rows: list[list[Expression]]) -> Expression:
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Expression] = []
    for column, factor in enumerate(rows[0]):
        minor = [row[:column] + row[column + 1 :] for row in rows[1:]]
        term = Apply("mul", (factor, _determinant(minor)))
        terms.append(Apply("neg", (term,)) if column % 2 else term)
    return Apply("add", tuple(terms))

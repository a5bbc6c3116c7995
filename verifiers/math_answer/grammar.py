"""A small grammar of mathematical expressions: LaTeX or plain text to a tree, with caps, and never to code.

Text outside it raises Unreadable; only the last tier may read such text. The text is cleaned first (normalise.clean).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from openqwq.verifiers.math_answer.expression import (
    BOUND,
    TRIGONOMETRIC,
    Apply,
    Expression,
    Number,
    Symbol,
    operations,
    walk,
)
from openqwq.verifiers.math_answer.tokens import ALIASES, END, GREEK, Token, Unreadable, in_base, literal, tokenize

MAX_DEPTH = 50
MAX_POSTFIXES = 2
MAX_FOLDS = 4  # sums and products over an index
_CLOSERS = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", "|": "|", r"\|": r"\|", r"\mid": r"\mid",
            r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", "⌊": "⌋", "⌈": "⌉"}  # fmt: skip
_MEANINGS = {"|": "abs", r"\|": "abs", r"\mid": "abs",
             r"\lfloor": "floor", r"\lceil": "ceil", "⌊": "floor", "⌈": "ceil"}  # fmt: skip


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The tree of a cleaned expression; raises Unreadable. Cached: a gold and a repeated answer are read once."""
    return _Parser(text).read()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = tokenize(text)
        self.position = 0
        self.depth = 0
        self.open: list[str] = []  # open brackets, innermost last: a bar closes only an innermost bar
        self.indices: dict[str, str] = {}  # of the sums and products around this place, by their written names
        self.num_folds = 0

    def read(self) -> Expression:
        tree = self.sum()
        if self.kind != "end":
            raise Unreadable(f"unexpected {self.text!r}")
        return tree

    def peek(self, ahead: int = 0) -> Token:
        position = self.position + ahead
        return self.tokens[position] if position < len(self.tokens) else END

    @property
    def kind(self) -> str:
        return self.tokens[self.position].kind if self.position < len(self.tokens) else "end"

    @property
    def text(self) -> str:
        return self.tokens[self.position].text if self.position < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        text = self.text
        if not text or (expected is not None and text != expected):
            raise Unreadable(f"expected {expected or 'more'}, found {text or 'the end'!r}")
        self.position += 1
        return text

    def accept(self, *texts: str) -> bool:
        if self.text in texts:
            self.position += 1
            return True
        return False

    # sums and products

    def sum(self) -> Expression:
        terms = [self.product()]
        while self.text in ("+", "-"):
            terms.append(self.product())  # its sign is read as a part of the term
        if len(terms) == 1 and self.accept(r"\mod"):
            return Apply("mod", (terms[0], self.product()))
        return terms[0] if len(terms) == 1 else Apply("add", tuple(terms))

    def product(self) -> Expression:
        above = [self.signed()]
        below: list[Expression] = []
        while True:
            if self.accept("*", r"\cdot", r"\times"):
                above.append(self.signed())
            elif self.accept("/", r"\div"):
                below.append(self.signed())
            elif self.accept(r"\angle"):  # 5\angle 30° is a complex number
                above.append(Apply("cis", (self.angle(),)))
            elif self.starts_factor():
                above.append(self.power())
            else:
                break
        top = above[0] if len(above) == 1 else Apply("mul", tuple(above))
        if not below:
            return top
        return Apply("div", (top, below[0] if len(below) == 1 else Apply("mul", tuple(below))))

    def angle(self) -> Expression:
        """\\pi/6 is one angle, 30° / 2 is a quotient of the number that has it."""
        tree = self.bare_argument()
        if self.text != "/" or "degree" in operations(tree):
            return tree
        self.take()
        return Apply("div", (tree, self.power()))

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
            return self.tokens[self.position - 1].kind != "number"
        if kind in ("letter", "name"):
            return True
        if _MEANINGS.get(text) == "abs":
            return not self.open or self.open[-1] != text
        return text in _CLOSERS or text in _ATOMS or text in GREEK

    # powers and what stands behind a factor

    def power(self) -> Expression:
        base = self.postfix()
        if not self.accept("^"):
            return base
        exponent = self.exponent()
        if exponent in (Symbol("T"), Symbol(r"\top")) and "matrix" in operations(base):
            return Apply("transpose", (base,))
        return Apply("pow", (base, exponent))

    def exponent(self) -> Expression:
        is_negative = self.accept("-")
        self.accept("+")
        tree = self.atom()
        if self.accept("^"):
            self.enter()
            tree = Apply("pow", (tree, self.exponent()))
            self.depth -= 1
        return Apply("neg", (tree,)) if is_negative else tree

    def postfix(self) -> Expression:
        tree = self.atom()
        for _ in range(MAX_POSTFIXES + 1):
            if self.accept("!"):
                if self.text == "!":
                    raise Unreadable("double factorial")
                tree = Apply("factorial", (tree,))
            elif self.accept("°"):
                tree = Apply("degree", (self.minutes(tree),))
            else:
                return tree
        raise Unreadable(f"more than {MAX_POSTFIXES} signs behind a factor")

    def minutes(self, degrees: Expression) -> Expression:
        """37° 30', 37° 30' 15'' and 37° 15''."""
        parts = [degrees]
        before = 0
        while self.kind == "number" and self.peek(1).text == "'":
            value, marks = literal(self.take()), 0
            while self.accept("'"):
                marks += 1
            if not before < marks <= 2:
                raise Unreadable("minutes and seconds out of order")
            parts.append(Number(value / 60**marks))
            before = marks
        return parts[0] if len(parts) == 1 else Apply("add", tuple(parts))

    # factors

    def enter(self) -> None:
        """One level deeper; what recurses is counted here, so that no text can exhaust Python's stack."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")

    def atom(self) -> Expression:
        self.enter()
        tree = self.factor()
        self.depth -= 1
        return tree

    def factor(self) -> Expression:
        kind, text = self.kind, self.take()
        if kind == "number":
            return self.number(text)
        if kind == "letter" or text in GREEK:
            return self.symbol(text)
        if kind == "name":
            return _NAMED[text](self) if text in _NAMED else self.function(ALIASES.get(text, text))
        if text in _CLOSERS:
            return self.group(text)
        if text in _ATOMS:
            return _ATOMS[text](self)
        raise Unreadable(f"unknown {text!r}")

    def group(self, opener: str) -> Expression:
        self.open.append(opener)
        tree = self.sum()
        self.take(_CLOSERS[opener])
        self.open.pop()
        return Apply(_MEANINGS[opener], (tree,)) if opener in _MEANINGS else tree

    def number(self, text: str) -> Expression:
        if self.accept("_"):
            return Number(in_base(text, self.raw_argument()))
        value = literal(text)
        if text.isdigit() and self.text == r"\frac":
            start = self.position
            self.take()
            above, below = self.argument(), self.argument()
            if isinstance(above, Number) and isinstance(below, Number) and 0 < above.value < below.value:
                return Number(value + above.value / below.value)  # a mixed number
            self.position = start
        elif text.isdigit() and self.peek(1).text == "/":
            top, bottom = self.text, self.peek(2).text
            if top.isdigit() and bottom.isdigit() and 0 < int(top) < int(bottom):
                self.position += 3
                return Number(value + Fraction(int(top), int(bottom)))
        return Number(value)

    def symbol(self, letter: str) -> Expression:
        if letter in self.indices:
            return Symbol(self.indices[letter])
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
        lower = name[2:]
        if lower.isdigit() and self.accept("^"):
            upper = self.raw_argument()
            if upper.isdigit() and int(upper) <= int(lower):
                return Apply(kind, (Number(Fraction(lower)), Number(Fraction(upper))))
        elif name == letter and self.accept("("):
            n, comma, k, closer = (self.peek(ahead).text for ahead in range(4))
            if n.isdigit() and comma == "," and k.isdigit() and closer == ")":
                self.position += 4
                return Apply(kind, (Number(Fraction(n)), Number(Fraction(k))))
            if letter == "C" and self.has_comma():
                self.position = start
                return Apply(kind, self.arguments(2))
        self.position = start
        return None

    def has_comma(self) -> bool:
        """Does a comma stand in the bracket that was just opened, outside of inner brackets?"""
        depth = 0
        for token in self.tokens[self.position :]:
            depth += (token.text in "([{") - (token.text in ")]}")
            if depth < 0 or (depth == 0 and token.text == ","):
                return depth == 0
        return False

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

    def arguments(self, number: int = 0) -> tuple[Expression, ...]:
        """Those of a function of several: `number` of them, or any."""
        opener = self.take()
        if opener not in ("(", "[", "{", r"\{"):
            raise Unreadable("a function of several arguments without brackets")
        self.open.append(opener)
        found = [self.sum()]
        while self.accept(","):
            found.append(self.sum())
        self.take(_CLOSERS[opener])
        self.open.pop()
        if number and len(found) != number:
            raise Unreadable(f"{len(found)} arguments instead of {number}")
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
            self.tokens.insert(self.position, Token("number", digits[1:]))
        return digits[0]

    def raw_argument(self) -> str:
        """The text of a subscript, as written."""
        if not self.accept("{"):
            return self.written()
        depth = 1
        parts: list[str] = []
        while True:
            text = self.written()
            depth += (text == "{") - (text == "}")
            if depth == 0:
                return "".join(parts)
            parts.append(text)

    def written(self) -> str:
        if self.text in self.indices:
            raise Unreadable(f"the index {self.text} inside of a name")
        return self.take()

    def fraction(self) -> Expression:
        return Apply("div", (self.argument(), self.argument()))

    def root(self) -> Expression:
        index: Expression = Number(Fraction(2))
        if self.text == "[":
            self.take()
            index = self.sum()
            self.take("]")
        value = self.atom()  # \sqrt12 is the root of twelve here, although LaTeX prints the root of one
        return Apply("root", (value, index))

    def binomial(self) -> Expression:
        return Apply("binomial", (self.argument(), self.argument()))

    def bar(self) -> Expression:
        """A conjugate, unless letters alone name a segment or a number in digits."""
        start = self.position
        text = self.raw_argument()
        if text.isalpha() and text != "i" and not (text.islower() and "z" in text):
            return Symbol(rf"\overline{{{text}}}")
        self.position = start
        return Apply("conjugate", (self.atom(),))

    def accent(self) -> Expression:
        return Symbol(rf"\vec{{{self.raw_argument()}}}")

    def fold(self, name: str) -> Expression:
        """\\sum_{k=1}^{10} k^2: index, first, last and term; a series has no last. Only the term knows the index."""
        self.num_folds += 1
        if self.num_folds > MAX_FOLDS:
            raise Unreadable(f"more than {MAX_FOLDS} sums and products")
        last = self.exponent() if self.accept("^") else None
        self.take("_")
        self.take("{")
        index = self.take()
        if not (index.isalpha() and len(index) == 1):
            raise Unreadable(f"{index!r} is no index")
        self.take("=")
        first = self.sum()
        self.take("}")
        if last is None:
            self.take("^")
            last = self.exponent()
        own = Symbol(f"{BOUND}{len(self.indices)}")
        outside, self.indices = self.indices, {**self.indices, index: own.name}
        term = self.product() if name == "sum" else self.side_by_side()
        self.indices = outside
        if name == "prod" and self.text in ("*", r"\cdot", r"\times", "/", r"\div"):
            raise Unreadable("a product over an index that may end at a sign")
        if last == Symbol(r"\infty") and name == "sum":
            return Apply("series", (own, first, term))
        if Symbol(r"\infty") in (*walk(first), *walk(last)):
            raise Unreadable("an infinite product")
        return Apply(name, (own, first, last, term))

    def side_by_side(self) -> Expression:
        factors = [self.signed()]
        while self.starts_factor():
            factors.append(self.power())
        return factors[0] if len(factors) == 1 else Apply("mul", tuple(factors))

    def environment(self) -> Expression:
        """A determinant, or a matrix as its rows."""
        kind = self.raw_argument()
        if kind == "array":
            self.raw_argument()
        elif kind not in _MATRICES:
            raise Unreadable("an environment")
        rows = self.rows()
        if kind not in ("vmatrix", "Vmatrix"):
            if len({len(row) for row in rows}) > 1:
                raise Unreadable("rows of different lengths")
            return Apply("matrix", tuple(Apply("row", tuple(row)) for row in rows))
        if not len(rows) <= 4 or any(len(row) != len(rows) for row in rows):
            raise Unreadable("a determinant that is not square, or larger than 4")
        return _determinant(rows)

    def rows(self) -> list[list[Expression]]:
        """The cells up to the \\end of an environment."""
        self.open.append("(")
        rows = [[self.sum()]]
        while self.text != r"\end":
            if self.accept("&"):
                rows[-1].append(self.sum())
            elif self.accept(r"\\"):
                if self.text != r"\end":
                    rows.append([self.sum()])
            else:
                raise Unreadable("a broken matrix")
        self.take()
        self.raw_argument()
        self.open.pop()
        return rows


_MATRICES = frozenset({"vmatrix", "Vmatrix", "matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix"})
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
    r"\top": lambda _: Symbol(r"\top"),
    r"\sum": lambda parser: parser.fold("sum"),
    r"\prod": lambda parser: parser.fold("prod"),
}


def _determinant(rows: list[list[Expression]]) -> Expression:
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Expression] = []
    for column, factor in enumerate(rows[0]):
        minor = [row[:column] + row[column + 1 :] for row in rows[1:]]
        term = Apply("mul", (factor, _determinant(minor)))
        terms.append(Apply("neg", (term,)) if column % 2 else term)
    return Apply("add", tuple(terms))

"""Exact rational value of a plain arithmetic answer: integers, decimals, fractions, mixed numbers, percent,
powers.

A small recursive-descent reader with caps; whatever it does not know is left undecided (None), never guessed.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_CHARS = 400
MAX_BITS = 40_000
MAX_DEPTH = 30
_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+\.?\d*|\.\d+)(?P<exponent>[eE][+-]?\d{1,4}(?![\d.]))?"
    r"|(?P<word>\\[A-Za-z]+)|(?P<mark>[-+/^(){}!%]|\[|\])|(?P<blank>\s+)"
)
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*\{?(\d+)\}?")


class _Undecided(Exception):
    """Not plain arithmetic, or past a cap."""


def rational(text: str) -> Fraction | None:
    """The exact value of a cleaned answer (percent signs dropped by the caller), or None when it is not arithmetic."""
    if not text or len(text) > MAX_CHARS or not re.search(r"\d", text):
        return None
    try:
        return _Reader(_REPEATING.sub(_expand_repeating, text)).read()
    except (_Undecided, RecursionError, ZeroDivisionError):
        return None


def _expand_repeating(match: re.Match[str]) -> str:
    whole, fixed, cycle = match.groups()
    scale = 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed), scale) + Fraction(int(cycle), (10 ** len(cycle) - 1) * scale)
    return rf"({value.numerator}/{value.denominator})"


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = self._split(text)
        self.position = 0
        self.depth = 0

    @staticmethod
    def _split(text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _Undecided
            kind = match.lastgroup or ""
            if match["number"]:
                tokens.append(("number", match.group()))
            elif kind != "blank":
                tokens.append((kind, match.group()))
            elif tokens:
                tokens.append(("blank", " "))
            position = match.end()
        return tokens

    def read(self) -> Fraction:
        value = self._sum()
        self._skip_blank()
        if self.position < len(self.tokens):
            raise _Undecided
        return value

    def _skip_blank(self) -> None:
        while self.position < len(self.tokens) and self.tokens[self.position][0] == "blank":
            self.position += 1

    def _peek(self) -> tuple[str, str]:
        self._skip_blank()
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def _take(self, expected: str | None = None) -> tuple[str, str]:
        token = self._peek()
        if token[0] == "end" or (expected is not None and token[1] != expected):
            raise _Undecided
        self.position += 1
        return token

    def _sum(self) -> Fraction:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Undecided
        value = self._product()
        while self._peek()[1] in ("+", "-"):
            sign = self._take()[1]
            term = self._product()
            value = _bounded(value + term if sign == "+" else value - term)
        self.depth -= 1
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while True:
            kind, text = self._peek()
            if text in (r"\times", r"\cdot"):
                self._take()
                value = _bounded(value * self._signed())
            elif text in ("/", r"\div"):
                self._take()
                value = _bounded(value / self._signed())
            elif text in ("(", r"\frac") or (kind == "number" and self.tokens[self.position - 1][1] in (")", "}")):
                value = _bounded(value * self._power())  # juxtaposition
            else:
                return value

    def _signed(self) -> Fraction:
        sign = 1
        signs = 0
        while self._peek()[1] in ("+", "-"):
            sign = -sign if self._take()[1] == "-" else sign
            signs += 1
            if signs > 3:
                raise _Undecided
        return sign * self._power()

    def _power(self) -> Fraction:
        base = self._atom()
        if self._peek()[1] == "!":
            self._take()
            base = _factorial(base)
        if self._peek()[1] != "^":
            return base
        self._take()
        if self._peek()[1] in ("{", "("):
            exponent = self._atom()
        else:
            sign = -1 if self._peek()[1] == "-" else 1
            if sign < 0:
                self._take()
            exponent = sign * self._digit_argument()
        return _raise(base, exponent)

    def _atom(self) -> Fraction:
        kind, text = self._take()
        if kind == "number":
            return self._mixed(text)
        if text == r"\frac":
            numerator, denominator = self._argument(), self._argument()
            return _bounded(numerator / denominator)
        if text in ("(", "{"):
            value = self._sum()
            self._take(")" if text == "(" else "}")
            return value
        raise _Undecided

    def _mixed(self, text: str) -> Fraction:
        """A number; a whole number followed by a proper fraction is a mixed number (2\\frac{1}{3} or 2 1/3)."""
        value = _number(text)
        if not text.isdigit() or self.position >= len(self.tokens):
            return value
        start = self.position
        kind, following = self._peek()
        if following == r"\frac":
            self._take()
            numerator, denominator = self._argument(), self._argument()
            if 0 < numerator < denominator and numerator.denominator == denominator.denominator == 1:
                return value + numerator / denominator
        elif kind == "number" and following.isdigit() and start < self.position:
            self._take()
            if self._peek()[1] == "/":
                self._take()
                kind, denominator_text = self._take()
                if kind == "number" and denominator_text.isdigit() and 0 < int(following) < int(denominator_text):
                    return value + Fraction(int(following), int(denominator_text))
            raise _Undecided
        self.position = start
        return value

    def _argument(self) -> Fraction:
        """Argument of \\frac: a group, or a single digit (\\frac12)."""
        return self._atom() if self._peek()[1] in ("{", "(") else self._digit_argument()

    def _digit_argument(self) -> Fraction:
        kind, text = self._take()
        if kind != "number" or not text.isdigit():
            raise _Undecided
        if len(text) > 1:  # \frac12 reads one digit and leaves the rest
            self.tokens.insert(self.position, ("number", text[1:]))
        return Fraction(int(text[0]))


def _number(text: str) -> Fraction:
    return Fraction(text.replace(",", "").rstrip("."))


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise _Undecided
    return value


def _factorial(value: Fraction) -> Fraction:
    if value.denominator != 1 or not 0 <= value <= 300:
        raise _Undecided
    product = 1
    for factor in range(2, int(value) + 1):
        product *= factor
    return Fraction(product)


def _raise(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or (base == 0 and exponent <= 0):
        raise _Undecided
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * bits > MAX_BITS:
        raise _Undecided
    return _bounded(base ** int(exponent))

"""The tokens of the grammar: numbers, names, commands, letters and marks, in cleaned LaTeX or plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

from openqwq.verifiers.math_answer.expression import TRIGONOMETRIC

MAX_CHARS = 2_000
MAX_TOKENS = 500
Kind = Literal["number", "name", "command", "letter", "mark", "end"]
_FUNCTION_NAMES = """
sinh cosh tanh coth sech csch arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh arctanh ln lg log exp cis max
min gcd lcm Re Im floor ceil
"""
_ALIAS_NAMES = """
tg=tan ctg=cot cosec=csc arctg=arctan arsinh=arcsinh arcosh=arccosh artanh=arctanh asin=arcsin acos=arccos atan=arctan
ceiling=ceil
"""
_GREEK_NAMES = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma tau
upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega infty ell hbar
"""
FUNCTIONS = TRIGONOMETRIC | frozenset(_FUNCTION_NAMES.split())
ALIASES = dict(alias.split("=") for alias in _ALIAS_NAMES.split())
GREEK = frozenset("\\" + name for name in _GREEK_NAMES.split())
_PLAIN_GREEK = (
    "alpha|beta|gamma|delta|epsilon|theta|lambda|mu|rho|sigma|tau|phi|psi|omega"  # omega^2 without a backslash
)
_NAMES = "|".join(sorted({*FUNCTIONS, *ALIASES, "sqrt", "pi", "binom"}))
_NUMBER = (  # 3e8, 1.5e-3, 2e-10 and 2E-1 are decimals; 2e-1 and 12e-10 are differences (see e_notation)
    r"(?:(?:\d+\.\d*|\.\d+)e[+-]\d{1,4}(?![\d.A-Za-z])|(?<!\d)\de[+-]\d{2,4}(?![\d.A-Za-z])"
    r"|(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:(?:E[+-]?|e)\d{1,4}(?![\d.A-Za-z]))?)"
)
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})"
    rf"|\\?(?P<name>(?<![A-Za-z])(?:{_NAMES})(?![A-Za-z]))"
    rf"|(?P<greek>(?<![A-Za-z\\])(?:{_PLAIN_GREEK})(?![A-Za-z]))"
    r"|(?P<command>\\[A-Za-z]+|\\\\|\\[{}|])|(?P<letter>[A-Za-z])|(?P<mark>[-+*/^_(){}\[\]|!,°'&:=⌊⌋⌈⌉]))"
)
_REPEATING = re.compile(
    r"(\d*)\.(\d*?)"
    r"(?:\\(?:overline|bar|dot) ?(?:\{ ?(\d+) ?\}|(\d))(?:(\d*)\\dot ?\{? ?(\d) ?\}?)?(?! ?\d)"  # \dot{1}4\dot{2}
    r"|(\d+?)\7+(?<=\d{3})\.\.\."  # 2.333...
    r"|\((\d+)\)(?=$))"  # 0.1(6)
)


class Unreadable(ValueError):
    """The text is outside the grammar or past one of its caps."""


@dataclass(frozen=True, slots=True)
class Token:
    """Example: tokenize("2x")[0] == Token("number", "2")."""

    kind: Kind
    text: str


END = Token("end", "")


def tokenize(text: str) -> list[Token]:
    """The tokens of a text; raises Unreadable for an unknown character or past the caps."""
    if len(text) > MAX_CHARS:
        raise Unreadable(f"longer than {MAX_CHARS} characters")
    text = expand_repeating(text).rstrip()
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"unknown character {text[position : position + 1]!r}")
        kind = match.lastgroup
        assert kind is not None
        word = match[kind]
        found.append(Token("command", "\\" + word) if kind == "greek" else Token(cast(Kind, kind), word))
        position = match.end()
        if len(found) > MAX_TOKENS:
            raise Unreadable(f"more than {MAX_TOKENS} symbols")
    return found


def literal(text: str) -> Fraction:
    """The value of a number token."""
    mantissa, _, exponent = text.replace(",", "").lower().partition("e")
    return Fraction(mantissa.rstrip(".")) * (Fraction(10) ** int(exponent) if exponent else 1)


def in_base(digits: str, base: str) -> Fraction:
    """The value of digits in a base from 2 to 36."""
    try:
        return Fraction(int(digits, int(base) or 1))  # base 0 would mean Python's own notation
    except ValueError as error:
        raise Unreadable(str(error)) from error


def expand_repeating(text: str) -> str:
    """0.1\\overline{6} and 0.\\dot{1}\\dot{2} as fractions in parentheses."""
    return _REPEATING.sub(_repeating_fraction, text)


def _repeating_fraction(match: re.Match[str]) -> str:
    whole, fixed, group, digit, middle, last, repeated, bracketed = match.groups()
    cycle = repeated or bracketed or (group or digit) + (middle or "") + (last or "")
    scale = 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed), scale) + Fraction(int(cycle), (10 ** len(cycle) - 1) * scale)
    return rf"({value.numerator}/{value.denominator})"

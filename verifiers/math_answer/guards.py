"""Texts that may not reach the computer algebra tier: they make parsers or arithmetic run out of time or memory."""

from __future__ import annotations

import re

MAX_CHARS = 500
MAX_MATRIX_CHARS = 2_000
MAX_NESTING = 30
MAX_DIGITS = 200
_LARGE_EXPONENT = re.compile(r"\^\s*\{?\s*-?\s*\d{4,}")
_TOWER = re.compile(r"\^\s*\{[^{}]*\^|\^\s*\w\s*\^")
_FACTORIAL = re.compile(r"(\d+|[)}\]])\s*!")
_BINOMIAL = re.compile(r"\\(?:d|t)?binom\s*\{\s*(\d+)")
_BIG_OPERATOR = re.compile(r"\\(?:sum|prod|int|iint|iiint|oint|lim|bigcup|bigcap)(?![A-Za-z])")
_SENTENCE = re.compile(
    r"(?<![A-Za-z\\])[A-Za-z]{3,}[ .,:]+[A-Za-z]{2,}(?![A-Za-z])|(?<![A-Za-z\\{])[A-Za-z]{5,}(?![A-Za-z}*])"
)
_NO_ARGUMENT = re.compile(
    r"\\(?:log|ln|lg|exp|sin|cos|tan|cot|sec|csc|sqrt)(?![A-Za-z])(?:\s*[_^]\s*(?:\{[^{}]*\}|\w))*"
    r"\s*(?:[+*/=<>)\]},]|\\(?:cdot|times)|$)"
)
_CODE = re.compile(r"__|[\"`;]|\bimport\b|\blambda\b|\beval\b|\bexec\b")


def danger(text: str) -> str:
    """Why this cleaned answer is refused by the last tier, or ""."""
    limit = MAX_MATRIX_CHARS if r"\begin" in text else MAX_CHARS
    if len(text) > limit:
        return f"longer than {limit} characters"
    if _nesting(text) > MAX_NESTING:
        return f"nested deeper than {MAX_NESTING}"
    if re.search(rf"\d{{{MAX_DIGITS},}}", text):
        return f"a number of more than {MAX_DIGITS} digits"
    if _TOWER.search(text) and not _is_tame_tower(text):
        return "tower of exponents"
    if _LARGE_EXPONENT.search(text):
        return "exponent of four digits or more"
    if any(not part.isdigit() or int(part) > 200 for part in _FACTORIAL.findall(text)) or "!!" in text:
        return "large or compound factorial"
    if any(int(top) > 1000 for top in _BINOMIAL.findall(text)):
        return "large binomial"
    if _BIG_OPERATOR.search(text):
        return "unevaluated sum, product, limit or integral"
    if _NO_ARGUMENT.search(text):
        return "a function without its argument"
    if text.count("{") != text.count("}"):
        return "braces that do not close"
    return words_in(text) or ("code-like text" if _CODE.search(text) else "")


def words_in(text: str) -> str:
    """Why an expression with words is refused, or "": a parser may skip the words, those of `5 or not 5` too."""
    has_words = r"\text" in text or not text.isascii() or _SENTENCE.search(text)
    return "words in an expression" if has_words else ""


def _nesting(text: str) -> int:
    deepest = depth = 0
    for character in text:
        if character in "{([":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "})]":
            depth -= 1
    return deepest


def _is_tame_tower(text: str) -> bool:
    """A single second exponent on a letter (e^{x^2}) is ordinary mathematics; on numbers it explodes."""
    towers = re.findall(r"\^\s*\{([^{}]*)\^\s*\{?\s*(\w+)", text)
    tame = (re.search(r"[A-Za-z]\s*$", inner) and re.fullmatch(r"[\dnkm]", top) for inner, top in towers)
    return bool(towers) and all(tame)

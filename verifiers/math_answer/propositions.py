"""Statements that have no value: logic in letters, `\\neg p\\vee q`, and lines that are parallel or perpendicular."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product

MAY_BE_NO_VALUE = re.compile(  # a cheap look for a time, a statement or a parameter
    r"[:：年月日时点∈∧∨¬∥⊥数]|\d/\d+/|\d-\d\d-|[a-z]{3}.?\s*\d|\d\s*(?:\w{2}\s)?(?:of )?[A-Za-z]{3}|\)\s*=|\bin\b"
    r"|\\(?:in|vee|lor|wedge|land|neg|lnot|parallel|perp|equiv|p?mod|bmod)(?![A-Za-z])"
    r"|[ap]\.?\s?m\b|noon|midnight|clock|integer|constant|real|mod",
    re.IGNORECASE,
)
_LOGIC = re.compile(r"\\(?:vee|lor|wedge|land|neg|lnot)(?![A-Za-z])|[∧∨¬]")
_RELATION = re.compile(r"[<>=]|\\(?:leq?|geq?|neq?|in|cup|cap|begin|text|frac)(?![A-Za-z])|\d")
_SIGNS = {
    r"\lor": "|", r"\vee": "|", "∨": "|",
    r"\land": "&", r"\wedge": "&", "∧": "&", r"\lnot": "~", r"\neg": "~", "¬": "~",
    r"\rightarrow": ">", r"\implies": ">", r"\Rightarrow": ">", r"\to": ">", "→": ">",
    r"\leftrightarrow": "=", r"\iff": "=", r"\Leftrightarrow": "=", "↔": "=",
}  # fmt: skip
_SIGN = re.compile(
    "|".join(re.escape(key) + r"(?![A-Za-z])" * (key[0] == "\\") for key in sorted(_SIGNS, key=len, reverse=True))
)
_SPACE = re.compile(r"\\(?:left|right|[,;!: ])(?![A-Za-z])|[\s{}$.]")
_MAX_LETTERS, _MAX_SIGNS = 6, 60
_BINARY: Mapping[str, tuple[int, Callable[[bool, bool], bool]]] = {
    "=": (1, lambda a, b: a == b),
    ">": (2, lambda a, b: b or not a),
    "|": (3, lambda a, b: a or b),
    "&": (4, lambda a, b: a and b),
}
_LINES = re.compile(r"\\(parallel|perp)(?![A-Za-z])|([∥⊥])")
_ACCENT = re.compile(r"\\(?:overline|overleftrightarrow|overrightarrow|vec|left|right|text|mathrm|,|;|!| )(?![A-Za-z])")


def same_proposition(gold: str, answer: str) -> bool | None:
    """Are two raw answers the same statement: of logic with the same truth table, of lines in either order? None where
    the gold is none, or where an `or` joins equations."""
    if _LOGIC.search(gold) and not _RELATION.search(gold):
        left, right = _signs(gold), _signs(answer)
        if left == right:
            return True
        tables = _table(left), _table(right)
        return tables[0] is not None and tables[0] == tables[1]
    if (lines := _lines(gold)) is not None:
        return lines == _lines(answer)
    return None


def is_proposition(text: str) -> bool:
    """Can `same_proposition` grade this gold by more than its spelling?"""
    return _lines(text) is not None or bool(_LOGIC.search(text) and _table(_signs(text)))


def _signs(text: str) -> str:
    return _SPACE.sub("", _SIGN.sub(lambda match: _SIGNS[match[0]], text))


def _table(text: str) -> tuple[str, list[bool]] | None:
    """The letters, and the value of a formula for each choice of theirs."""
    letters = "".join(sorted({sign for sign in text if sign.isalpha()}))
    if len(letters) > _MAX_LETTERS or len(text) > _MAX_SIGNS or not re.fullmatch(r"[A-Za-z|&~>=()]+", text):
        return None
    try:
        return letters, [_value(text, dict(zip(letters, choice, strict=True)))
                         for choice in product((False, True), repeat=len(letters))]  # fmt: skip
    except (IndexError, KeyError):
        return None


def _value(text: str, truth: Mapping[str, bool]) -> bool:
    """IndexError and KeyError where this is no formula."""
    signs = list(text)

    def atom() -> bool:
        sign = signs.pop(0)
        if sign == "~":
            return not atom()
        if sign != "(":
            return truth[sign]
        value = formula(0)
        if signs.pop(0) != ")":
            raise KeyError(text)
        return value

    def formula(least: int) -> bool:
        value = atom()
        while signs and signs[0] in _BINARY and _BINARY[signs[0]][0] >= least:
            sign = signs.pop(0)
            level, apply = _BINARY[sign]
            value = apply(value, formula(level + (sign != ">")))
        return value

    value = formula(0)
    if signs:
        raise KeyError(text)
    return value


def _lines(text: str) -> tuple[str, list[str]] | None:
    """Which of the two, and the lines, whose ends are in no order."""
    match = _LINES.search(text)
    if match is None or _LINES.search(text, match.end()):
        return None
    sides = (_ACCENT.sub("", side) for side in (text[: match.start()], text[match.end() :]))
    letters = [re.sub(r"[\s{}$.~]", "", side) for side in sides]
    if not all(re.fullmatch(r"[A-Z]{2}'?|[a-z](?:_\d)?|\\[a-z]+", side) for side in letters):
        return None
    kind = match[1] or {"∥": "parallel", "⊥": "perp"}[match[2]]
    return kind, sorted("".join(sorted(side)) if side.isupper() else side for side in letters)

"""One spelling for each mathematical string: LaTeX noise, Unicode signs and text wrappers are made uniform."""

from __future__ import annotations

import re
import unicodedata

_SIGN_TABLE = r"""
− -|– -|— -|× \times |· \cdot |⋅ \cdot |÷ \div |√ \sqrt |π \pi |∞ \infty |≤ \le |≥ \ge |≠ \ne |∪ \cup |∩ \cap
∈ \in |∅ \emptyset |° ^\circ |± \pm |θ \theta |½ \frac{1}{2}|¼ \frac{1}{4}|¾ \frac{3}{4}|⅓ \frac{1}{3}|⅔ \frac{2}{3}
² ^{2}|³ ^{3}|′ '|， ,|、 ,|％ %|（ (|） )
"""
_SIGNS = {entry[0]: entry[2:] + " " * (entry[-1:].isalpha()) for entry in re.split(r"[|\n]", _SIGN_TABLE) if entry}
_SIGNS |= {"\u00a0": " ", "\u200b": "", "\u2062": ""}
_SIGN_PATTERN = re.compile("|".join(map(re.escape, _SIGNS)))
_DIGIT_GROUPS = re.compile(r"(?<=[\d,])\\[!,;: ](?=\d{3})")
_NOISE = re.compile(
    r"(?<!\\)\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|nolimits|quad|qquad)(?![A-Za-z])"
    r"|(?<!\\)\\[,;:!> ]|(?<!\\)\\[()\[\]]|(?<!\\)\$|~|\\hspace\{[^{}]*\}|\\phantom\{[^{}]*\}"
)
_WRAPPERS = "mathrm|mathbf|mathit|mathsf|textbf|textit|textrm|textsf|textnormal|mbox|operatorname|rm|bf"
_SYNONYMS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:leq|leqslant)(?![A-Za-z])|<=", r"\\le "),
        (r"\\(?:geq|geqslant)(?![A-Za-z])|>=", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\neq(?![A-Za-z])", r"\\ne"),
        (r"\\(?:varnothing|O|null)(?![A-Za-z])", r"\\emptyset"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\lbrack(?![A-Za-z])", "["),
        (r"\\rbrack(?![A-Za-z])", "]"),
        (rf"\\(?:{_WRAPPERS})(?![A-Za-z])", r"\\text"),
        (r"\^\{\s*\\circ\s*\}|\^\s*\\circ(?![A-Za-z])|\\(?:text)?degree(?![A-Za-z])", "°"),
        (r"\\%", "%"),
        (r"\\\$|\\text\{\s*\$\s*\}|\\(?:dollar|pounds|euro)(?![A-Za-z])|[€£¥]", ""),
        (r"\{,\}", ","),
        (r"\*\*", "^"),
        (r"\*", r"\\cdot "),
        (r"\\(?:mathbb|Bbb)\s*\{?\s*R\s*\}?|ℝ", r"(-\\infty,\\infty)"),
        (r"(?<![A-Za-z\\])(?:infinity|inf|oo)(?![A-Za-z])", r"\\infty "),
        (r"\\(?:dots|ldots|cdots)(?![A-Za-z])", "..."),
    )
]
_OUTER_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_LEFT_SIDE = re.compile(
    r"^(?:\\text\{[^{}]*\}|[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?(?:'|\([A-Za-z](?:,[A-Za-z])*\))?"
    r"\s*(?:=|:|\\in(?![A-Za-z]))\s*"
)


def clean(text: str) -> str:
    """Uniform LaTeX without spacing commands, math delimiters, sign variants and a final full stop."""
    text = _SIGN_PATTERN.sub(lambda match: _SIGNS[match.group()], text)
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-")
    text = _NOISE.sub(" ", _DIGIT_GROUPS.sub("", text.strip()))
    for pattern, replacement in _SYNONYMS:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+", " ", text).strip().rstrip("。.").strip()


def compact(text: str) -> str:
    """The cleaned text without blanks that carry no meaning: the form in which two strings are compared."""
    text = re.sub(r"(\\[A-Za-z]+) (?=[A-Za-z])", "\\1\0", text)  # \sin x keeps its blank
    return text.replace(" ", "").replace("\0", " ")


def without_left_side(text: str) -> str:
    """`x = 5`, `f(x) = 5`, `x \\in (0,1)` without the left side; chains of equations stay whole."""
    if text.count("=") > 1 or any(sign in text for sign in ("<", ">", r"\le ", r"\ge ", r"\ne ")):
        return text
    return _LEFT_SIDE.sub("", text, count=1)


def plain_words(text: str) -> str:
    """The text inside \\text wrappers, case-folded, without punctuation around it: for answers in words."""
    text = _OUTER_TEXT.sub(r"\1", text)
    return re.sub(r"\s+", " ", text.replace("\\", " ")).strip(" .,;:!'\"()[]").casefold()

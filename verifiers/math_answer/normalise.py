"""One spelling for each mathematical string: LaTeX noise, synonyms of commands and text wrappers are made uniform."""

from __future__ import annotations

import re
from functools import lru_cache

from openqwq.verifiers.answers import closing_brace
from openqwq.verifiers.math_answer.signs import plain_signs

_PLAIN_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")

_DROPPED_COMMANDS = """
left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle scriptstyle limits
nolimits quad qquad large Large LARGE huge Huge small normalsize bf rm it bfseries boldmath centering , ; : ! > ( ) [ ]
"""
_SAME_COMMANDS = r"""
\frac dfrac tfrac cfrac
\binom dbinom tbinom
\le leq leqslant leqq le
\ge geq geqslant geqq ge
\ne neq ne
\approx approx simeq thickapprox approxeq
\emptyset varnothing O null empty emptyset
\setminus setminus backslash smallsetminus
\cup bigcup cup
\cdot ast star bullet cdot
\mid mid colon
\to to rightarrow Rightarrow implies longrightarrow
\mod mod pmod bmod
\infty infin infty
\usd dollar textdollar $
\gbp pounds
\eur euro
\cny yen
\{ lbrace
\} rbrace
\| lVert rVert Vert
< lt
> gt
( langle
) rangle
[ lbrack
] rbrack
| lvert rvert vert
... dots ldots cdots dotsc dotsb
° degree textdegree
% %
"""
_COMMANDS: dict[str, str] = dict.fromkeys(_DROPPED_COMMANDS.split(), " ") | {" ": " ", "lor": r"\text{ or }",
    "vee": r"\text{ or }", "land": r"\text{ and }", "wedge": r"\text{ and }"}  # fmt: skip
for _line in _SAME_COMMANDS.strip().splitlines():
    _name, *_others = _line.split()
    _COMMANDS |= dict.fromkeys(_others, _name + " " if _name[-1].isalpha() else _name)
_COMMAND = re.compile(r"\\(\\|[A-Za-z]+|.)")  # \\ is one command, so that it takes no letter from what follows
_WITH_ARGUMENT = re.compile(r"\\(?:[hv]space|[hv]?phantom|label|(?:text)?color|class|style|tag)\*?\{[^{}]*\}")
_FORMULA_BEHIND_NUMBER = re.compile(r"(?<=\d)\s*\$(?=[A-Za-z])")  # 20 $cm^2$: a formula in dollars is no unit
_DELIMITER = re.compile(r"(?<!\\)\$|~")
_DIGIT_GROUPS = re.compile(r"(?<=[\d,])\\[!,;: ]\s*(?=\d{3}(?!\d))")
_BLANK_GROUPS = re.compile(r"(?<![\d.])\d{1,3}(?: \d{3})+(?![\d/]| \d)")

_TRANSPARENT = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathrm|boldsymbol|bm|underline|boxed|fbox|displaylines|ensuremath|mathstrut)"
    r"(?![A-Za-z])\s*(?=\{)"
)
_KEEPS_WORDS = frozenset({r"\mathrm", r"\mathsf"})
_WRAPPER = re.compile(
    r"\\(?:textbf|textit|textrm|textsf|texttt|textnormal|textup|emph|mbox|hbox|operatorname\*?|mathop|mathrm|mathsf)"
    r"(?![A-Za-z])"
)
_FUNCTIONS = (
    "sinh?|cosh?|tanh?|coth?|sech?|csch?|tg|ctg|a(?:rc)?(?:sin|cos|tan)h?|arc(?:cot|sec|csc|tg)|ar(?:sin|cos|tan)h"
    "|ln|lg|log|exp|cis|max|min|gcd|lcm|Re|Im|floor|ceil(?:ing)?"
)
_REWRITES = [
    # (what the text must contain, pattern, replacement), in this order
    (trigger, re.compile(pattern), replacement)
    for trigger, pattern, replacement in (
        (
            r"\text",
            rf"\\text\s*\{{\s*({_FUNCTIONS})\s*\}}(?=\s*[\\({{^_A-Za-z\d])",
            r"\\\1 ",
        ),  # \text{sec} may be a unit
        (r"\text", r"\\text\s*\{\s*([ie]|[-+]?\d[\d,.]*)\s*\}", r" \1"),  # an upright i; a number set as text
        (r"\text", r"(?<=\d)\\text\s*\{\s*([A-F]+)\s*\}(?=[\dA-F]*_)", r"\1"),  # a digit above nine
        (r"\text", r"\\text\s*\{\s*(?:\\usd)\s*\}", r"\\usd "),
        (r"\text", r"\\text\s*\{\s*(?:\\emptyset)\s*\}", r"\\emptyset "),
        (r"\text", r"\\text\s*\{\s*infinity\s*\}", r"\\infty "),
        ("cent", r"\\text\s*\{\s*per ?cent\s*\}|(?<=\d)\s*per ?cent(?![A-Za-z])", "%"),
        ("pct", r"\\text\s*\{\s*pct\.?\s*\}|(?<=\d)\s*pct(?![A-Za-z])", "%"),
        ("<", r"<=|=<", r"\\le "),
        (">", r">=", r"\\ge "),
        ("=", r"\\not\s*=|!=", r"\\ne "),
        (r"\{", r"\\\{\s*\\\}", r"\\emptyset "),
        (r"\circ", r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![A-Za-z])|\\circ(?=\s*$)", "°"),
        ("°", r"\^\s*°|\^\s*\{\s*°\s*\}", "°"),
        ("degree", r"(?<=[\d}])\s*(?:\\text\s*\{\s*degrees?\s*\}|degrees?(?![A-Za-z]))", "°"),
        ("度", r"(?<=[\d}])\s*(?:\\text\s*\{\s*度\s*\}|度(?!\w))", "°"),
        (r"\min", r"(?<=[\d}])\s*\\min\s*$", r"\\text{ min}"),
        (r"\prime", r"\^\s*\{\s*\\prime\s*\\prime\s*\}", "''"),
        (r"\prime", r"\^\s*(?:\{\s*\\prime\s*\}|\\prime(?![A-Za-z]))", "'"),
        ("}", r"\{([,:.])\}", r"\1"),
        ("*", r"\*\*", "^"),
        ("*", r"\*", r"\\cdot "),
        (r"\mathb", r"\\math(?:bb|bf)\s*(?:\{\s*([RZNQC])\s*\}|([RZNQC]))", r"\\\1\2 "),
        (r"\Bbb", r"\\Bbb\s*(?:\{\s*([RZNQC])\s*\}|([RZNQC]))", r"\\\1\2 "),
        ("inf", r"(?<![A-Za-z\\])(?:infinity|infty|inf)(?![A-Za-z])", r"\\infty "),
        ("oo", r"(?<![A-Za-z\\])oo(?![A-Za-z])", r"\\infty "),
        (r"\over", r"\{\s*([^{}]*?)\s*\\over(?![A-Za-z])\s*([^{}]*?)\s*\}", r"\\frac{\1}{\2}"),
        (r"\choose", r"\{\s*([^{}]*?)\s*\\choose(?![A-Za-z])\s*([^{}]*?)\s*\}", r"\\binom{\1}{\2}"),
        (r"\R", r"(?<=\\R )\s*-\s*(?=\\\{)", r"\\setminus "),
    )
]
_DOMAIN = re.compile(
    r"(?<=\S)\s*(?:[,;]|\(|\\text\{[^{}]*(?:where|for|with)[^{}]*\})\s*(?:\\text\{[^{}]*\}\s*)?[a-z]\s*\\in\s*\\[ZNR]"
    r"(?:\s*[\^_]\s*(?:\{?[+*]\}?))?\s*\)?$"
)  # k\pi, k \in \mathbb{Z}: what the parameter runs over
_OUTER_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Uniform LaTeX without spacing commands, math delimiters, sign variants and a final full stop."""
    text = text.strip()
    if _PLAIN_NUMBER.fullmatch(text) and text.isascii():
        return text
    if not text.isascii():
        text = plain_signs(text)
    text = _DELIMITER.sub(" ", _FORMULA_BEHIND_NUMBER.sub(r"\\cdot $", text))
    if "\\" in text:
        text = _WITH_ARGUMENT.sub(" ", _DIGIT_GROUPS.sub("", text))
        text = _COMMAND.sub(lambda match: _COMMANDS.get(match[1], match[0]), text)
        text = _WRAPPER.sub(r"\\text", _unwrapped(text))
    for trigger, pattern, replacement in _REWRITES:
        if trigger in text:
            text = pattern.sub(replacement, text)
    text = " ".join(text.split())
    text = text.rstrip("。.").strip() if not text.endswith("...") else text
    text = _BLANK_GROUPS.sub(lambda match: match.group().replace(" ", ""), text)
    return without_outer_braces(_DOMAIN.sub("", text) if r"\in" in text else text)


def _unwrapped(text: str) -> str:
    """Without the commands that only change how their argument looks; \\mathrm{km} stays, as it may be a unit."""
    position = 0
    for _ in range(50):
        match = _TRANSPARENT.search(text, position)
        if match is None:
            return text
        end = closing_brace(text, match.end())
        command = match.group().strip()
        inside = text[match.end() + 1 : end]
        is_number = re.fullmatch(r"\s*[\d.,+-]+\s*", inside) is not None
        if end < 0 or (command in _KEEPS_WORDS and not is_number) or inside.strip() in ("R", "Z", "N", "Q", "C"):
            position = match.end()
            continue
        is_words = re.fullmatch(r"[A-Za-z ()]{2,}|\([A-Za-z]\)", inside.strip()) is not None
        shown = rf"\text{{{inside}}}" if is_words else inside
        text = text[: match.start()] + shown + text[end + 1 :]
        position = match.start()
    return text


def without_outer_braces(text: str) -> str:
    """{37} and {{37}} as 37."""
    while text.startswith("{") and closing_brace(text, 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


_INNER_BLANK = re.compile(r"(\\[A-Za-z]+) (?=[A-Za-z])|(\d) (?=\d)")  # \sin x keeps its blank, and so does 1 2


@lru_cache(maxsize=4096)
def compact(text: str) -> str:
    """The cleaned text without blanks that carry no meaning: the form in which two strings are compared."""
    if " " not in text:
        return text
    return _INNER_BLANK.sub("\\1\\2\0", text).replace(" ", "").replace("\0", " ")


def plain_words(text: str) -> str:
    """The text inside \\text wrappers, case-folded, without punctuation around it: for answers in words."""
    text = _OUTER_TEXT.sub(r" \1 ", text)
    return re.sub(r"\s+", " ", text.replace("\\", " ")).strip(" .,;:!'\"()[]").casefold()

"""One spelling for each mathematical string: LaTeX noise, synonyms of commands and text wrappers are made uniform."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from openqwq.verifiers.answers import closing_brace
from openqwq.verifiers.math_answer.signs import plain_signs

_PLAIN_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")

_DROPPED_COMMANDS = """
left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle scriptstyle limits
nolimits quad qquad large Large LARGE huge Huge small normalsize bf rm it bfseries boldmath centering , ; : ! > ( ) [ ]
"""
_SAME_COMMANDS = r"""
\frac dfrac tfrac cfrac nicefrac sfrac
\\ cr tabularnewline
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
_DIGIT_GROUPS = re.compile(r"(?<=[\d,])\{?\\(?:[,;: ]|thinspace(?![A-Za-z]))\}?\s*(?=\d{3}(?!\d))")
_ESCAPED_TWICE = re.compile(  # outside an environment \\\\frac is \\frac, written through one encoding too many
    r"\\\\(?=(?:left|right|[dt]?frac|sqrt|leq?|geq?|neq?|pi|infty|cdot|times|text|math[a-z]+|[dt]?binom|pm|circ|cup|cap|in"
    r"|log|ln|sin|cos|tan|theta|alpha|beta|lambda|[lc]?dots|quad)(?![A-Za-z]))"
)
_INVISIBLE_BRACKET = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)\s*\.")
_ARROWED = re.compile(r"\\(?:vec|overrightarrow)(?![A-Za-z])\s*(?:\{\s*([a-z])\s*\}|([a-z])(?![A-Za-z]))")  # \vec a
_HATTED = re.compile(r"\\(?:hat|widehat|vec)(?![A-Za-z])\s*\{?\s*\\?([ijk])(?:math)?(?![A-Za-z])\s*\}?")  # \hat{\imath}
_PREFIXED = re.compile(  # {}_{12}C_5
    r"(?:\{\s*\}|(?<![A-Za-z\d)}\]]))[_^]\s*\{?\s*(\d+|[a-z])\s*\}?\s*(?:\\(?:mathrm|text|mathbf)\s*\{\s*C\s*\}|\{?C\}?)"
    r"\s*_\s*\{?\s*(\d+|[a-z])\s*\}?"
)
_SYSTEM = re.compile(
    r"\\\{\s*\\begin\s*\{(?P<kind>array|aligned|matrix|gathered)\}\s*(?:\{[lcr| ]*\})?"
    r"(?P<body>.*?)\\end\s*\{(?P=kind)\}",
    re.DOTALL,
)
_QUOTED = re.compile(r"^([\"“'])([^\"“”']+)[\"”']$")
_CIRCLED = re.compile(r"\\textcircled\s*\{?\s*([1-9])\s*\}?")
_NO_SPACE = re.compile(r"(?<!\\)\\!\s?")
_BLANK_GROUPS = re.compile(r"(?<![\d.])\d{1,3}(?: \d{3})+(?![\d/]| \d)")

_TRANSPARENT = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathrm|boldsymbol|bm|underline|boxed|fbox|displaylines|ensuremath|mathstrut)"
    r"(?![A-Za-z])\s*(?=\{)"
)
_BARE_LETTER = re.compile(r"\\(?:mathbf|mathit|mathsf|mathrm|boldsymbol|bm)\s+([A-Za-z])(?<![RZNQC])")  # \mathbf i
_BRACED_LETTER = re.compile(r"(^|[-+*/=,( ]|(?<=\d))\{\s*([A-Za-z]|\\[A-Za-z]+)\s*\}(?=\s*[_^])")  # {g}_{k}
_BOLD = re.compile(r"^(\*\*?|__|`)(?=[^*\s])([^*`]*[^*\s])\1$")  # **42**, of markdown
_BUILDER = re.compile(r"^\{([^{}]*(?:\\mid |[|:])[^{}]*[<>=\\][^{}]*)\}$")  # {x|x>6} with bare braces
_FRAMES = frozenset({r"\boxed", r"\fbox", r"\underline", r"\ensuremath"})
_KEEPS_WORDS = frozenset({r"\mathrm", r"\mathsf"})
_WRAPPER = re.compile(
    r"\\(?:textbf|textit|textrm|textsf|texttt|textnormal|textup|emph|mbox|hbox|operatorname\*?|mathop|mathrm|mathsf)"
    r"(?![A-Za-z])"
)
_FUNCTIONS = (
    "sinh?|cosh?|tanh?|coth?|sech?|csch?|tg|ctg|a(?:rc)?(?:sin|cos|tan)h?|arc(?:cot|sec|csc|tg)|ar(?:sin|cos|tan)h"
    "|ln|lg|log|exp|cis|max|min|gcd|lcm|Re|Im|floor|ceil(?:ing)?"
)
_BASES = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()  # noqa: SIM905


def _base(match: re.Match[str]) -> str:
    """1201_{\\text{three}} as 1201_{3}."""
    return f"_{{{_BASES.index(match[1]) + 2}}}"


def _as_cases(match: re.Match[str]) -> str:
    """A system in an array behind a brace: an `&` before a sign only aligns."""
    body = re.sub(r"&\s*(?=[=<>]|\\(?:le|ge|ne|in)(?![A-Za-z]))|(?<==)\s*&", "", match["body"])
    return rf"\begin{{cases}}{body}\end{{cases}}"


_HALF_DAY = (  # 8:30 p.m.
    r"(?<=:\d\d)\s*(?:\\text\s*\{\s*([AaPp])\.?\s?[Mm]\.?\s*\}|([AaPp])\.?\s?[Mm]\.?)(?=[\s.}]*$)"
)
_OUTWARD = (  # ]2,5[, as intervals without their ends are written in French and German
    r"(?:(?<=\\c[au]p )|(?<=\\in )|(?<=^))\s*([\[\]])([^\[\]=<>]*[,;][^\[\]=<>]*)([\[\]])(?=\s*(?:$|\\c[au]p ))"
)


def _inward(match: re.Match[str]) -> str:
    """]2,5] as (2,5]."""
    return f"{'(' if match[1] == ']' else '['}{match[2]}{')' if match[3] == '[' else ']'}"


_Replacement = str | Callable[[re.Match[str]], str]
_REWRITES: list[tuple[str, re.Pattern[str], _Replacement]] = [
    # (what the text must contain, pattern, replacement), in this order
    (trigger, re.compile(pattern, re.DOTALL if trigger == r"\begin" else 0), replacement)
    for trigger, pattern, replacement in (
        (
            r"\text",
            rf"\\text\s*\{{\s*({_FUNCTIONS})\s*\}}(?=\s*[\\({{^_A-Za-z\d])",
            r"\\\1 ",
        ),  # \text{sec} may be a unit
        (r"\text", r"\\text\s*\{\s*([ie]|[-+]?\d[\d,.]*)\s*\}", r" \1"),  # an upright i; a number set as text
        (r"\text", r"(^|[\d\s{])\\text\s*\{\s*([\dA-F]+)\s*\}(?=[\dA-F]*_)", r"\1\2"),  # a digit above nine
        (r"\text", r"\\text\s*\{\s*[.,;!]\s*\}\s*$", ""),
        ("_", rf"(?<=[\dA-F])_\s*\{{\s*(?:\\text\s*\{{\s*)?({'|'.join(_BASES)})\s*\}}?\s*\}}", _base),
        (r"\text", r"_\s*\{\s*\\text\s*\{\s*([A-Za-z]{2,})\s*\}\s*\}", r"_{\1}"),
        (r"\text", r"\\text\s*\{\s*(?:\\usd)\s*\}", r"\\usd "),
        (r"\text", r"\\text\s*\{\s*(?:\\emptyset)\s*\}", r"\\emptyset "),
        (r"\text", r"\\text\s*\{\s*infinity\s*\}", r"\\infty "),
        (r"\text", r"\\text\s*\{\s*([-+=<>:])\s*\}", r" \1 "),
        (r"\text", r"\\text\s*\{\s*\(?\s*mod\s*\}", r"\\mod "),
        (r"\text", r"^\\text\s*\{\s*\(([IVX]+)\)\s*\}$", r"\1"),
        ("分之", r"^百分之([\d.]+)$", r"\1%"),
        ("^{", r"(?<=[A-Za-z])\^\{\s*(-?\d)\s*\}(?=[^{}]*\}(?:\s*$|\s*/))", r"^\1"),  # \text{m s^{-1}}
        ("Omega", r"(?<=[\d}])\s*(?:\\text\s*\{\s*)?([kMm]?)\s*\\Omega\s*\}?$", r"\\text{ \1Ω}"),
        ("¢", r"(?<=\d)\s*¢", r"\\text{ cents}"),
        (r"\begin", _SYSTEM.pattern, _as_cases),
        ("m", _HALF_DAY, lambda match: rf"\text{{ {(match[1] or match[2]).lower()}.m.}}"),
        ("M", _HALF_DAY, lambda match: rf"\text{{ {(match[1] or match[2]).lower()}.m.}}"),
        ("cent", r"\\text\s*\{\s*per ?cent\s*\}|(?<=\d)\s*per ?cent(?![A-Za-z])", "%"),
        ("pct", r"\\text\s*\{\s*pct\.?\s*\}|(?<=\d)\s*pct(?=[\s.,;)}]|$)", "%"),
        ("<", r"<=|=<", r"\\le "),
        (">", r">=", r"\\ge "),
        ("=", r"\\not\s*=|!=", r"\\ne "),
        (r"\{", r"\\\{\s*\\\}", r"\\emptyset "),
        (r"\circ", r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![A-Za-z])|\\circ(?=\s*$)", "°"),
        ("°", r"\^\s*°|\^\s*\{\s*°\s*\}", "°"),
        ("degree", r"(?<=[\d}])\s*(?:\\text\s*\{\s*degrees?\s*\}|degrees?(?![A-Za-z]))", "°"),
        ("度", r"(?<=[\d}])\s*(?:\\text\s*\{\s*度\s*\}|度(?!\w))", "°"),
        ("10", r"(?<=\d) ?x ?(?=10 ?\^)", r"\\times "),  # 1.23 x 10^{-4}
        ("deg", r"(?<=[\d}])\s*\\deg\s*$", "°"),
        ("o", r"(?<=\d)\s*\^\s*\{?\s*(?:\\text\s*\{\s*o\s*\}|o)\s*\}?$", "°"),  # 60^{o}
        ("\\\\", r"\\\\\s*$", ""),
        ("]", _OUTWARD, _inward),
        ("[", _OUTWARD, _inward),
        (r"\min", r"(?<=[\d}])\s*\\min\s*$", r"\\text{ min}"),
        (r"\prime", r"\^\s*\{\s*\\prime\s*\\prime\s*\}", "''"),
        (r"\prime", r"\^\s*(?:\{\s*\\prime\s*\}|\\prime(?![A-Za-z]))", "'"),
        ("}", r"(?<=\d) ?\{\s*,\s*\} ?(?=\d{3}(?!\d))|\{([,:.])\}", lambda match: match[1] or ","),
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
_MEASURED = re.compile(r"([-+]?[\d.,/]*\d) ([^\W\d_]+(?:[ /^]+[^\W_]+)*\.?)")
_TEXT_OF_LETTER = re.compile(  # \text{a}^2, \frac{\text{cb}}{d}
    r"(^|[-+*/=(,] ?|(?<![\^_])\{ ?)\\text\s*\{\s*([A-Za-z]{1,2})\s*\}(?=\s*(?:[-+*/=^_),}]|$))"
)


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Uniform LaTeX without spacing commands, math delimiters, sign variants and a final full stop."""
    text = text.strip()
    if _PLAIN_NUMBER.fullmatch(text) and text.isascii():
        return text
    if not text.isascii():
        text = plain_signs(text)
    text = _QUOTED.sub(r"\2", _BOLD.sub(r"\2", text))
    text = _DELIMITER.sub(" ", _FORMULA_BEHIND_NUMBER.sub(r"\\cdot $", text))
    if "C" in text and ("_" in text or "^" in text):
        text = _PREFIXED.sub(r"\\binom{\1}{\2}", text)
    if "\\" in text:
        text = _HATTED.sub(r" \1 ", _INVISIBLE_BRACKET.sub(" ", text).replace(r"\middle", ""))
        text = _ARROWED.sub(lambda match: f" {match[1] or match[2]} ", text)
        text = _CIRCLED.sub(lambda match: chr(ord("①") + int(match[1]) - 1), text)
        text = text if r"\begin" in text else _ESCAPED_TWICE.sub(r"\\", text)
        text = _BARE_LETTER.sub(r" \1", _NO_SPACE.sub("", text))
        text = _WITH_ARGUMENT.sub(" ", _DIGIT_GROUPS.sub("", text))
        text = _COMMAND.sub(lambda match: _COMMANDS.get(match[1], match[0]), text)
        text = _WRAPPER.sub(r"\\text", _unwrapped(text))
    for trigger, pattern, replacement in _REWRITES:
        if trigger in text:
            text = pattern.sub(replacement, text)
    text = " ".join(text.split())
    text = text.rstrip("。.").strip() if not text.endswith("...") else text
    text = _BLANK_GROUPS.sub(lambda match: match.group().replace(" ", ""), text)
    text = _BUILDER.sub(r"\\{\1\\}", text)
    text = without_outer_braces(_DOMAIN.sub("", text) if r"\in" in text else text)
    return _BRACED_LETTER.sub(r"\1\2", without_wrapper(text))


def without_wrapper(text: str) -> str:
    """`\\text{x+1}` as `x+1` and `\\text{5 m}` as `5\\text{ m}`: what stands inside is read by its tokens."""
    if whole := _OUTER_TEXT.fullmatch(text):
        inside = whole[1].strip().rstrip(".").strip()
        measured = _MEASURED.fullmatch(inside)
        return rf"{measured[1]}\text{{ {measured[2]}}}" if measured else inside
    return _TEXT_OF_LETTER.sub(r"\1\2", text)


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
        if (
            end < 0
            or (command in _KEEPS_WORDS and not is_number)
            or (command not in _FRAMES and inside.strip() in ("R", "Z", "N", "Q", "C"))
        ):
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
    return " ".join(text.replace("\\", " ").split()).strip(" .,;:!'\"()[]").casefold()

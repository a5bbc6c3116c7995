"""One spelling for each mathematical string: LaTeX noise, Unicode signs and text wrappers are made uniform."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from openqwq.verifiers.answers import closing_brace

_SIGN_TABLE = r"""
− -|– -|— -|× \times |· \cdot |⋅ \cdot |∗ \cdot |÷ \div |√ \sqrt |∞ \infty |≤ \le |≥ \ge |⩽ \le |⩾ \ge |≠ \ne
≈ \approx |≡ \equiv |∪ \cup |∩ \cap |∈ \in |∖ \setminus |∅ \emptyset |° °|º °|± \pm |∓ \mp |∠ \angle |△ \triangle
½ \frac{1}{2}|⅓ \frac{1}{3}|⅔ \frac{2}{3}|¼ \frac{1}{4}|¾ \frac{3}{4}|⅕ \frac{1}{5}|⅖ \frac{2}{5}|⅗ \frac{3}{5}
⅘ \frac{4}{5}|⅙ \frac{1}{6}|⅚ \frac{5}{6}|⅛ \frac{1}{8}|⅜ \frac{3}{8}|⅝ \frac{5}{8}|⅞ \frac{7}{8}
′ '|″ ''|’ '|， ,|、 ,|； ;|： :|。 .|％ %|（ (|） )|［ [|］ ]|｛ \{|｝ \}|⟨ \langle |⟩ \rangle |〈 \langle |〉 \rangle
ℝ \mathbb{R} |ℤ \mathbb{Z} |ℕ \mathbb{N} |ℚ \mathbb{Q} |€ \eur |£ \gbp |¥ \cny |￥ \cny |… \dots
α \alpha |β \beta |γ \gamma |δ \delta |ε \epsilon |ζ \zeta |η \eta |θ \theta |λ \lambda |μ \mu |ξ \xi |π \pi |ρ \rho
σ \sigma |τ \tau |φ \phi |ϕ \phi |χ \chi |ψ \psi |ω \omega |Γ \Gamma |Δ \Delta |Θ \Theta |Λ \Lambda |Σ \Sigma |Φ \Phi
Ψ \Psi |Ω \Omega
"""
_SIGNS = {
    entry[0]: entry[2:] + " " * entry[-1:].isalpha() for entry in re.split(r"[|\n]", _SIGN_TABLE) if entry.strip()
}
_SIGNS |= dict.fromkeys("\u200b\u200c\u200d\u2060\u2062\ufeff\0", "") | {"\u00a0": " "}
_SIGN_PATTERN = re.compile("|".join(map(re.escape, _SIGNS)))
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_FORMULA_BEHIND_NUMBER = re.compile(r"(?<=\d)\s*\$(?=[A-Za-z])")  # 20 $cm^2$: what dollars enclose is no unit
_DIGIT_GROUPS = re.compile(r"(?<=[\d,])\\[!,;: ](?=\d{3}(?!\d))")
_BLANK_GROUPS = re.compile(r"(?<![\d.])\d{1,3}(?: \d{3})+(?![\d/]| \d)")
_NOISE = re.compile(
    r"(?<!\\)\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|scriptstyle|limits|nolimits|quad|qquad|large|Large|LARGE"
    r"|huge|Huge|small|normalsize|bf|rm|it|bfseries|boldmath|centering)(?![A-Za-z])"
    r"|(?<!\\)\\[,;:!> ]|(?<!\\)\\[()\[\]]|(?<!\\)\$|~|\\[hv]space\{[^{}]*\}|\\[hv]?phantom\{[^{}]*\}|\\label\{[^{}]*\}"
    r"|\\(?:text)?color\{[^{}]*\}|\\(?:class|style|tag)\{[^{}]*\}"
)
_TRANSPARENT = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathrm|boldsymbol|bm|underline|boxed|fbox|displaylines|ensuremath|mathstrut)"
    r"(?![A-Za-z])\s*(?=\{)"
)
_KEEPS_WORDS = frozenset({r"\mathrm", r"\mathsf"})
_WRAPPERS = "textbf|textit|textrm|textsf|texttt|textnormal|textup|emph|mbox|hbox|operatorname\\*?|mathop|mathrm|mathsf"
_FUNCTIONS = (
    "sinh?|cosh?|tanh?|coth?|sech?|csch?|tg|ctg|a(?:rc)?(?:sin|cos|tan)h?|arc(?:cot|sec|csc|tg)|ar(?:sin|cos|tan)h|ln|lg|log|exp|cis"
    "|max|min|gcd|lcm|Re|Im"
)
_SYNONYMS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"\\(?:{_WRAPPERS})(?![A-Za-z*])", r"\\text"),
        (rf"\\text\s*\{{\s*({_FUNCTIONS})\s*\}}(?=\s*[\\({{^_A-Za-z\d])", r"\\\1 "),  # \text{sec} at the end is a unit
        (r"\\text\s*\{\s*([ie]|[-+]?\d[\d,.]*)\s*\}", r" \1"),  # an upright i; a number set as text
        (r"(?<=\d)\\text\s*\{\s*([A-F]+)\s*\}(?=[\dA-F]*_)", r"\1"),  # a digit above nine
        (r"\\text\s*\{\s*(?:per ?cent)\s*\}|(?<=\d)\s+per ?cent(?![A-Za-z])", "%"),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:leq|leqslant|leqq|le)(?![A-Za-z])|<=|=<", r"\\le "),
        (r"\\(?:geq|geqslant|geqq|ge)(?![A-Za-z])|>=", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\(?:neq|ne)(?![A-Za-z])|\\not\s*=|!=", r"\\ne "),
        (r"\\(?:approx|simeq|thickapprox|approxeq)(?![A-Za-z])", r"\\approx "),
        (r"\\(?:varnothing|O|null|empty)(?![A-Za-z])|\\\{\s*\\\}|\\text\s*\{\s*(?:Ø|ø)\s*\}|Ø", r"\\emptyset "),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\langle(?![A-Za-z])", "("),
        (r"\\rangle(?![A-Za-z])", ")"),
        (r"\\lbrack(?![A-Za-z])", "["),
        (r"\\rbrack(?![A-Za-z])", "]"),
        (r"\\(?:[lr]?vert)(?![A-Za-z])", "|"),
        (r"\\(?:[lr]?Vert)(?![A-Za-z])", r"\\|"),
        (r"\\(?:backslash|smallsetminus)(?![A-Za-z])", r"\\setminus "),
        (r"\\bigcup(?![A-Za-z])", r"\\cup "),
        (r"\\(?:lor|vee)(?![A-Za-z])", r"\\text{ or }"),
        (r"\\(?:land|wedge)(?![A-Za-z])", r"\\text{ and }"),
        (r"\\(?:ast|star|bullet)(?![A-Za-z])", r"\\cdot "),
        (
            r"\^\{\s*\\circ\s*\}|\^\s*\\circ(?![A-Za-z])|\\(?:text)?degree(?![A-Za-z])|\\circ(?=\s*$)|\^\s*°|\^\{\s*°\s*\}",
            "°",
        ),
        (r"(?<=[\d}])\s*(?:\\text\s*\{\s*degrees?\s*\}|degrees?(?![A-Za-z])|度(?!\w))", "°"),
        (r"(?<=[\d}])\s*\\min\s*$", r"\\text{ min}"),
        (r"\^\s*\{\s*\\prime\s*\\prime\s*\}", "''"),
        (r"\^\s*(?:\{\s*\\prime\s*\}|\\prime(?![A-Za-z]))", "'"),
        (r"\\%", "%"),
        (r"\\text\s*\{\s*\\?\$\s*\}|\\\$|\\dollar(?![A-Za-z])|\\textdollar(?![A-Za-z])", r"\\usd "),
        (r"\\pounds(?![A-Za-z])", r"\\gbp "),
        (r"\\euro(?![A-Za-z])", r"\\eur "),
        (r"\\yen(?![A-Za-z])", r"\\cny "),
        (r"\{([,:.])\}", r"\1"),
        (r"\*\*", "^"),
        (r"\*", r"\\cdot "),
        (r"\\(?:mathbb|Bbb|mathbf)\s*(?:\{\s*([RZNQC])\s*\}|([RZNQC]))", r"\\\1\2 "),
        (r"(?<![A-Za-z\\])(?:infinity|inf|infty|oo)(?![A-Za-z])|\\(?:infin|text\s*\{\s*infinity\s*\})", r"\\infty "),
        (r"\\(?:dots|ldots|cdots|dotsc|dotsb)(?![A-Za-z])", "..."),
        (r"\\(?:mid|colon)(?![A-Za-z])", r"\\mid "),
        (r"\\(?:to|rightarrow|Rightarrow|implies|longrightarrow)(?![A-Za-z])", r"\\to "),
        (r"\{\s*([^{}]*?)\s*\\over(?![A-Za-z])\s*([^{}]*?)\s*\}", r"\\frac{\1}{\2}"),
        (r"\{\s*([^{}]*?)\s*\\choose(?![A-Za-z])\s*([^{}]*?)\s*\}", r"\\binom{\1}{\2}"),
        (r"\\p?mod(?![A-Za-z])", r"\\mod "),
        (r"(?<=\\R )-\s*(?=\\\{)", r"\\setminus "),
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
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]+", lambda run: "^{" + run.group().translate(_RAISED) + "}", text.strip())
    text = re.sub(r"[₀₁₂₃₄₅₆₇₈₉]+", lambda run: "_{" + run.group().translate(_LOWERED) + "}", text)
    text = re.sub(r"(?<=\d)(?=[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", " ", text)
    text = _SIGN_PATTERN.sub(lambda match: _SIGNS[match.group()], text)
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-")
    text = _FORMULA_BEHIND_NUMBER.sub(r"\\cdot $", text)
    text = _NOISE.sub(" ", _DIGIT_GROUPS.sub("", text))
    if "\\" in text or not text.isdigit():
        text = _unwrapped(text)
        for pattern, replacement in _SYNONYMS:
            text = pattern.sub(replacement, text)
    text = re.sub(r"\s+", " ", text).strip()
    text = text.rstrip("。.").strip() if not text.endswith("...") else text
    text = _BLANK_GROUPS.sub(lambda match: match.group().replace(" ", ""), text)
    return without_outer_braces(_DOMAIN.sub("", text))


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
        if end < 0 or (command in _KEEPS_WORDS and not re.fullmatch(r"\s*[\d.,+-]+\s*", inside)):
            position = match.end()
            continue
        if command == r"\mathbf" and inside.strip() in tuple("RZNQC"):
            position = end
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


def compact(text: str) -> str:
    """The cleaned text without blanks that carry no meaning: the form in which two strings are compared."""
    text = re.sub(r"(\\[A-Za-z]+) (?=[A-Za-z])|(\d) (?=\d)", "\\1\\2\0", text)  # \sin x keeps its blank, and 1 2
    return text.replace(" ", "").replace("\0", " ")


def plain_words(text: str) -> str:
    """The text inside \\text wrappers, case-folded, without punctuation around it: for answers in words."""
    text = _OUTER_TEXT.sub(r" \1 ", text)
    return re.sub(r"\s+", " ", text.replace("\\", " ")).strip(" .,;:!'\"()[]").casefold()

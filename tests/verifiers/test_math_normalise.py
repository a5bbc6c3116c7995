"""One spelling for each string: every command, sign and rewrite, and what must stay as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.normalise import clean, compact, without_outer_braces
from openqwq.verifiers.math_answer.signs import plain_signs

DROPPED = """
left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle scriptstyle limits
nolimits quad qquad large Large LARGE huge Huge small normalsize bf rm it bfseries boldmath centering , ; : ! > ( ) [ ]
"""
SYNONYMS = {
    r"\frac": "dfrac tfrac cfrac",
    r"\binom": "dbinom tbinom",
    r"\le": "leq leqslant leqq le",
    r"\ge": "geq geqslant geqq ge",
    r"\ne": "neq ne",
    r"\approx": "approx simeq thickapprox approxeq",
    r"\emptyset": "varnothing O null empty emptyset",
    r"\setminus": "setminus backslash smallsetminus",
    r"\cup": "bigcup cup",
    r"\cdot": "ast star bullet cdot",
    r"\mid": "mid colon",
    r"\to": "to rightarrow Rightarrow implies longrightarrow",
    r"\mod": "mod pmod bmod",
    r"\infty": "infin infty",
    r"\usd": "dollar textdollar $",
    r"\gbp": "pounds",
    r"\eur": "euro",
    r"\cny": "yen",
    r"\{": "lbrace",
    r"\}": "rbrace",
    r"\|": "lVert rVert Vert",
    "<": "lt",
    ">": "gt",
    "(": "langle",
    ")": "rangle",
    "[": "lbrack",
    "]": "rbrack",
    "|": "lvert rvert vert",
    "...": "dots ldots cdots dotsc dotsb",
    "°": "degree textdegree",
    "%": "%",
    r"\text{ or }": "lor vee",
    r"\text{ and }": "land wedge",
}


@pytest.mark.parametrize("name", DROPPED.split())
def test_commands_that_only_space_or_size_are_dropped(name: str) -> None:
    assert compact(clean(rf"7\{name} +8")) == "7+8"


@pytest.mark.parametrize(("command", "names"), SYNONYMS.items())
def test_commands_of_one_meaning_are_one_command(command: str, names: str) -> None:
    for name in names.split():
        assert compact(clean(rf"a\{name} +b")) == compact(f"a{command} +b")
        if name.isalpha():
            assert compact(clean(rf"a\{name}x +b")) == rf"a\{name}x+b"  # a longer name is another command


SIGNS = {
    "-": "−–—",
    r"\times ": "×",
    r"\cdot ": "·⋅∗",
    r"\div ": "÷",
    r"\sqrt ": "√",
    r"\infty ": "∞",
    r"\le ": "≤⩽",
    r"\ge ": "≥⩾",
    r"\ne ": "≠",
    r"\approx ": "≈",
    r"\equiv ": "≡",
    r"\cup ": "∪",
    r"\cap ": "∩",
    r"\in ": "∈",
    r"\setminus ": "∖",
    r"\emptyset ": "∅Ø",
    "°": "°º",
    r"\pm ": "±",
    r"\mp ": "∓",
    r"\angle ": "∠",
    r"\triangle ": "△",
    "'": "′’",
    "''": "″",
    ",": "，、",
    ";": "；",
    ":": "：",
    ".": "。",
    "%": "％",
    "(": "（",
    ")": "）",
    "[": "［",
    "]": "］",
    r"\{": "｛",
    r"\}": "｝",
    r"\langle ": "⟨〈",
    r"\rangle ": "⟩〉",
    r"\mathbb{R} ": "ℝ",
    r"\mathbb{Z} ": "ℤ",
    r"\mathbb{N} ": "ℕ",
    r"\mathbb{Q} ": "ℚ",
    r"\eur ": "€",
    r"\gbp ": "£",
    r"\cny ": "¥￥",
    r"\dots ": "…",
    "": "\u200b\u200c\u200d\u2060\u2062\ufeff\0",
    " ": "\u00a0",
}
GREEK = """
α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta λ lambda μ mu ξ xi π pi ρ rho σ sigma τ tau φ phi ϕ phi
χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Σ Sigma Φ Phi Ψ Psi Ω Omega
"""
FRACTIONS = "½1/2 ⅓1/3 ⅔2/3 ¼1/4 ¾3/4 ⅕1/5 ⅖2/5 ⅗3/5 ⅘4/5 ⅙1/6 ⅚5/6 ⅛1/8 ⅜3/8 ⅝5/8 ⅞7/8"


def in_pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


def test_every_unicode_sign_is_its_plain_text() -> None:
    for plain, signs in SIGNS.items():
        for sign in signs:
            assert plain_signs(f"a{sign}b") == f"a{plain}b"
    for letter, name in in_pairs(GREEK.split()):
        assert plain_signs(f"{letter}b") == rf"\{name} b"
    for entry in FRACTIONS.split():
        above, below = entry[1:].split("/")
        assert plain_signs(f"3{entry[0]}") == rf"3 \frac{{{above}}}{{{below}}}"
        assert plain_signs(f"x{entry[0]}") == rf"x\frac{{{above}}}{{{below}}}"


def test_raised_lowered_and_full_width_digits_are_digits() -> None:
    assert plain_signs("x⁰¹²³⁴⁵⁶⁷⁸⁹y") == "x^{0123456789}y"
    assert plain_signs("x⁺⁻ⁿⁱ") == "x^{+-ni}"
    assert plain_signs("x₀₁₂₃₄₅₆₇₈₉y") == "x_{0123456789}y"
    assert plain_signs("０１２３４５６７８９") == "0123456789"
    assert plain_signs("аж") == "аж"  # letters of another alphabet stay what they are


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("12", "12"),
        (" -1,234.5 ", "-1,234.5"),
        ("１２", "12"),
        ("5.", "5"),
        ("5。", "5"),
        ("1,2,...", "1,2,..."),
        ("{5}", "5"),
        ("{ {5} }", "5"),
        ("{5}{6}", "{5}{6}"),
        ("{5", "{5"),
        ("$x$", "x"),
        ("x~y", "x y"),
        (r"\$5", r"\usd 5"),
        (r"20 $cm^2$", r"20\cdot cm^2"),
        (r"20$3$", "20 3"),
        ("1 000", "1000"),
        ("12 345 678", "12345678"),
        ("1 2", "1 2"),
        ("1 00", "1 00"),
        ("1234 567", "1234 567"),
        ("1 000/3", "1 000/3"),
        ("1.5 000", "1.5 000"),
        (r"1\,234\,567", "1234567"),
        (r"1{,}234", "1,234"),
        (r"18\!,\!000", "18,000"),
        (r"14 {, }916", "14,916"),
        (r"\\left( 3, \\frac{\\pi}{2} \\right)", r"( 3, \frac{\pi}{2} )"),
        (r"x=1\\y=2", r"x=1\\y=2"),
        (r"\begin{pmatrix}1\\\pi\end{pmatrix}", r"\begin{pmatrix}1\\\pi\end{pmatrix}"),
        (r"12\text{.}", "12"),
        ('"12"', "12"),
        ("**12**", "12"),
        ("2**3", "2^3"),
        ("{g}_{k}", "g_{k}"),
        (r"\frac{g}{k}", r"\frac{g}{k}"),
        (r"\mathbf i+\mathbf j", "i+ j"),
        (r"\mathbf R", r"\R"),
        (r"201_{\text{three}}", "201_{3}"),
        (r"{x \mid x>6}", r"\{x \mid x>6\}"),
        ("{x:x>6}", r"\{x:x>6\}"),
        ("{1,2}", "1,2"),
        (r"\textcircled{2}\textcircled{3}", "②③"),
        (r"\text{5 cm}", r"5\text{ cm}"),
        (r"\text{x+1}", "x+1"),
        (r"\frac{\mathrm{cb}}{d}", r"\frac{cb}{d}"),
        (r"n^{\text{th}}", r"n^{\text{th}}"),
        (r"3\!\cdot4", r"3\cdot 4"),
        (r"\hspace{2cm}5", "5"),
        (r"\vspace*{2cm}5", "5"),
        (r"\color{red}5", "5"),
        (r"\textcolor{red}5", "5"),
        (r"\phantom{x}5", "5"),
        (r"\tag{1}5", "5"),
        (r"\label{a}5", "5"),
        (r"\\a", r"\\a"),
        ("x**2", "x^2"),
        ("2*3", r"2\cdot 3"),
        ("x<=3", r"x\le 3"),
        ("x=<3", r"x\le 3"),
        ("x>=3", r"x\ge 3"),
        ("x!=3", r"x\ne 3"),
        (r"x\not=3", r"x\ne 3"),
        (r"\{\}", r"\emptyset"),
        (r"\{ \}", r"\emptyset"),
        (r"{a \over b}", r"\frac{a}{b}"),
        (r"{n\choose k}", r"\binom{n}{k}"),
        (r"\mathbb{R}", r"\R"),
        (r"\mathbb R", r"\R"),
        (r"\mathbf{Z}", r"\Z"),
        (r"\Bbb{N}", r"\N"),
        (r"\Bbb Q", r"\Q"),
        (r"\mathbb{R}-\{1\}", r"\R \setminus \{1\}"),
        ("infinity", r"\infty"),
        ("-inf", r"-\infty"),
        ("+infty", r"+\infty"),
        ("oo", r"\infty"),
        ("foo", "foo"),
        ("info", "info"),
        (r"\text{infinity}", r"\infty"),
        (r"\text{∞}", r"\infty"),
    ],
)
def test_a_spelling_is_made_uniform(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (r"\text{sin}(x)", r"\sin (x)"),
        (r"\operatorname{arcsin}x", r"\arcsin x"),
        (r"\operatorname{cis}60", r"\cis 60"),
        (r"\text{sec}", "sec"),
        (r"\text{ i }+1", "i+1"),
        (r"3\text{i}", "3 i"),
        (r"\text{12}", "12"),
        (r"\text{-1.5}", "-1.5"),
        (r"1\text{A}_{16}", "1A_{16}"),
        (r"\text{A}_{16}", "A_{16}"),
        (r"\text{\$}5", r"\usd 5"),
        (r"\text{\O}", r"\emptyset"),
        (r"5\%", "5%"),
        ("5 percent", "5%"),
        (r"5\text{ per cent}", "5%"),
        ("5pct", "5%"),
        (r"5\text{ pct.}", "5%"),
        ("5 percentage", "5 percentage"),
        (r"30^\circ", "30°"),
        (r"30^{\circ}", "30°"),
        (r"30\circ", "30°"),
        ("30^°", "30°"),
        ("30^{°}", "30°"),
        (r"30\text{ degrees}", "30°"),
        ("30 degree", "30°"),
        ("30度", "30°"),
        (r"30\text{度}", "30°"),
        ("30 degreesx", "30 degreesx"),
        (r"f\circ g", r"f\circ g"),
        (r"5\min", r"5\text{ min}"),
        (r"\min(1,2)", r"\min(1,2)"),
        (r"x^{\prime\prime}", "x''"),
        (r"f^\prime", "f'"),
        (r"f^{\prime}", "f'"),
    ],
)
def test_words_degrees_and_percents_are_made_uniform(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (r"\mathbf{x}", "x"),
        (r"\mathit{x}+\mathsf{12}", "x+12"),
        (r"\boxed{5}", "5"),
        (r"\fbox{\boxed{5}}", "5"),
        (r"\boldsymbol{\frac12}", r"\frac12"),
        (r"\underline{x+1}y", "x+1y"),
        (r"2\mathrm{km}", r"2\text{km}"),
        (r"\mathrm{12}", "12"),
        (r"\mathbf{ab}", "ab"),
        (r"\mathbf{(B)}", "(B)"),
        (r"\boxed{yes}", "yes"),
        (r"\textbf{yes}", "yes"),
        (r"2\mbox{ cm}", r"2\text{ cm}"),
        (r"\mathbf{x", r"\mathbf{x"),
        (r"\mathbf{x}\mathrm{km}\mathbf{y}", r"x\text{km}y"),
        (r"\mathcal{C}", r"\mathcal{C}"),
    ],
)
def test_wrappers_that_only_change_the_look_are_taken_off(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_fifty_wrappers_are_taken_off_and_what_is_behind_them_stays() -> None:
    assert clean(r"\mathbf{x}" * 50) == "x" * 50
    assert clean(r"\mathbf{x}" * 51) == "x" * 50 + r"\mathbf{x}"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (r"x=k\pi, k\in\mathbb{Z}", r"x=k\pi"),
        (r"k\pi; k \in Z", r"k\pi; k \in Z"),
        (r"k\pi (k \in \mathbb Z)", r"k\pi"),
        (r"k\pi\text{ where }k\in\mathbb{Z}^+", r"k\pi"),
        (r"k\pi, n\in\mathbb{N}_{+}", r"k\pi"),
        (r"x\in\mathbb{R}", r"x\in\R"),
        (r"k\pi, k\in\mathbb{Q}", r"k\pi, k\in\Q"),
        (r"k\pi \text{ but not } k\in\mathbb{Z}", r"k\pi \text{ but not } k\in\Z"),
    ],
)
def test_what_a_parameter_runs_over_is_left_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("x + 1", "x+1"),
        (r"\sin x y", r"\sin xy"),
        ("1 2 3", "1 2 3"),
        ("1 x 2", "1x2"),
        (r"\le 5", r"\le5"),
        ("x 2", "x2"),
    ],
)
def test_blanks_without_a_meaning_are_taken_out(text: str, short: str) -> None:
    assert compact(text) == short


def test_only_braces_around_the_whole_text_are_outer() -> None:
    assert without_outer_braces("{{a}{b}}") == "{a}{b}"
    assert without_outer_braces("{a}+{b}") == "{a}+{b}"
    assert without_outer_braces("{a") == "{a"


@given(st.text(alphabet="\\frac{}12 xy,.$~%°²½−≤sqrt()<>=!*^_", max_size=40))
def test_a_cleaned_text_without_commands_in_pieces_stays_clean(text: str) -> None:
    once = clean(text)
    assert once == once.strip()
    assert "$" not in once or r"\$" in text
    assert "  " not in once

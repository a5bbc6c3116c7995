"""The outer shape of an answer: each kind beside what only resembles it."""

import pytest

from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.structure import MAX_VARIANTS, Shape, mask, shape_of, split_at, variants


def shape(text: str) -> Shape:
    return shape_of(clean(text))


@pytest.mark.parametrize(
    ("text", "parts", "marks"),
    [
        ("1,2", "1|2", ()),
        ("1;2", "1|2", ()),
        ("1,2,", "1|2", ()),
        ("1 and 2", "1|2", ("and",)),
        ("1 or 2", "1|2", ("or",)),
        (r"1\text{ OR }2", "1|2", ("or",)),
        ("1,2 or 3", "1|2|3", ("or",)),
        ("1,2 and 3", "1|2|3", ("and",)),
        ("1 or 2 and 3", "1|2|3", ()),
        ("1或2", "1|2", ("or",)),
        ("1且2", "1|2", ("and",)),
        ("1和2", "1|2", ()),
        ("1或2和3", "1|2|3", ()),
        ("1且2和3", "1|2|3", ("and",)),
        (r"1\text{ 以及 }2", "1|2", ()),
        ("p=5, q=2; p=7, q=2", "p=5, q=2|p=7, q=2", ()),
        ("(1,2),(3;4)", "(1,2)|(3;4)", ()),
        (r"\{1,2\},\{3\}", r"\{1,2\}|\{3\}", ()),
        (r"\text{a, b}; c", r"\text{a, b}|c", ()),
        ("don't know, sorry", "don't know|sorry", ()),
        (r"\begin{cases}x=1\\y=2\end{cases}", "x=1|y=2", ("and",)),
        (r"\begin{aligned}x&=1\\y&=2\\\end{aligned}", "x =1|y =2", ("and",)),
    ],
)
def test_a_list_is_what_commas_and_conjunctions_join(text: str, parts: str, marks: tuple[str, ...]) -> None:
    assert shape(text) == Shape("list", tuple(parts.split("|")), marks)


@pytest.mark.parametrize(
    ("text", "kind", "parts", "marks"),
    [
        ("(1,2]", "bracket", ("1", "2"), ("(", "]")),
        ("[1,2)", "bracket", ("1", "2"), ("[", ")")),
        ("(1;2)", "bracket", ("1", "2"), ("(", ")")),
        ("(1,2,3)", "bracket", ("1", "2", "3"), ("(", ")")),
        ("((1,2),3)", "bracket", ("(1,2)", "3"), ("(", ")")),
        ("(1,2)(3,4)", "expression", ("(1,2)(3,4)",), ()),
        ("(1,2)+(3,4)", "expression", ("(1,2)+(3,4)",), ()),
        ("(1;2", "expression", ("(1;2",), ()),
        (r"\{1,2", "expression", (r"\{1,2",), ()),
        ("(1)", "expression", ("(1)",), ()),
        ("(1,)", "expression", ("(1,)",), ()),
        ("(,)", "expression", ("(,)",), ()),
        ("()", "expression", ("()",), ()),
        ("", "expression", ("",), ()),
        ("P(2,0)", "expression", ("P(2,0)",), ()),
        ("(1,2)!", "expression", ("(1,2)!",), ()),
        (r"\{1,2\}", "set", ("1", "2"), ()),
        (r"\{(1,2),3\}", "set", ("(1,2)", "3"), ()),
        (r"\{1,\}", "set", ("1",), ()),
        (r"\{1\}+\{2\}", "expression", (r"\{1\}+\{2\}",), ()),
        (r"\{1\}x", "expression", (r"\{1\}x",), ()),
        (r"\{x\mid x>1\}", "builder", ("x", "", "x>1"), ()),
        (r"\{x|x>1\}", "builder", ("x", "", "x>1"), ()),
        (r"\{x : x>1\}", "builder", ("x", "", "x>1"), ()),
        (r"\{x\in\mathbb{R} \mid |x|>1\}", "builder", ("x", r"\R", "|x|>1"), ()),
        (r"(1,2)\cup(3,4)", "union", ("(1,2)", "(3,4)"), ()),
        (r"A\cap B\cap C", "intersection", ("A", "B", "C"), ()),
        (r"\R\setminus\{1\}", "difference", (r"\R", r"\{1\}"), ()),
        (r"A\cup B\cap C", "union", ("A", r"B\cap C"), ()),
        ("x<3", "relation", ("x", "3"), ("<",)),
        (r"1\le x<3", "relation", ("1", "x", "3"), (r"\le", "<")),
        (r"x\in[1,2]", "relation", ("x", "[1,2]"), (r"\in",)),
        (r"x\equiv3", "relation", ("x", "3"), (r"\equiv",)),
        ("x=y=z", "relation", ("x", "y", "z"), ("=", "=")),
        ("=5", "relation", ("", "5"), ("=",)),
        (r"\int x", "expression", (r"\int x",), ()),
        ("(x=1)", "expression", ("(x=1)",), ()),
        ("3:4", "ratio", ("3", "4"), ()),
        (r"3\text{ to }4", "ratio", ("3", "4"), ()),
        ("3:4:5", "ratio", ("3", "4", "5"), ()),
        (":4", "expression", (":4",), ()),
        (r"\text{increasing}", "words", ("increasing",), ()),
        ("Even Number", "words", ("even number",), ()),
        (r"\text{A}", "expression", ("A",), ()),
        ("abc", "expression", ("abc",), ()),
        ("ab", "expression", ("ab",), ()),
        ("x y z", "expression", ("x y z",), ()),
        ("不是", "words", ("不是",), ()),
        ("n-1", "expression", ("n-1",), ()),
        ("AB-CD", "expression", ("AB-CD",), ()),
        ("abc_d", "expression", ("abc_d",), ()),
        (r"\text{odd}+1", "expression", (r"\text{odd}+1",), ()),
        (r"\text{odd}\pi", "expression", (r"\text{odd}\pi",), ()),
        ("5 odd", "expression", ("5 odd",), ()),
    ],
)
def test_an_answer_has_the_shape_of_what_stands_outside_its_brackets(
    text: str, kind: str, parts: tuple[str, ...], marks: tuple[str, ...]
) -> None:
    found = shape(text)
    assert (found.kind, found.parts, found.marks) == (kind, parts, marks)


@pytest.mark.parametrize(
    ("text", "parts", "marks"),
    [
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "1|2|3|4", ("matrix", "2", "2")),
        (r"\begin{bmatrix}1&2&3\end{bmatrix}", "1|2|3", ("matrix", "3")),
        (r"\begin{pmatrix}1\\[2pt]2\end{pmatrix}", "1|2", ("matrix", "1", "1")),
        (r"\begin{matrix}1&2\\3\end{matrix}", "1|2|3", ("matrix", "2", "1")),
        (r"\begin{vmatrix}1\end{vmatrix}", "1", ("bars", "1")),
        (r"\begin{Vmatrix}1\end{Vmatrix}", "1", ("bars", "1")),
        (r"|\begin{array}{cc}1&2\\3&4\end{array}|", "1|2|3|4", ("bars", "2", "2")),
        (r"(\begin{array}{c}1\\2\end{array})", "1|2", ("matrix", "1", "1")),
        (r"2\cdot\begin{pmatrix}1\\2\end{pmatrix}", "(2)(1)|(2)(2)", ("matrix", "1", "1")),
        (r"-\begin{pmatrix}1\\2\end{pmatrix}", "(-1)(1)|(-1)(2)", ("matrix", "1", "1")),
        (r"+\begin{pmatrix}1\end{pmatrix}", "(+1)(1)", ("matrix", "1")),
    ],
)
def test_a_matrix_is_its_cells_and_the_lengths_of_its_rows(text: str, parts: str, marks: tuple[str, ...]) -> None:
    assert shape(text) == Shape("matrix", tuple(parts.split("|")), marks)


def test_a_matrix_without_rows_or_beside_another_is_none() -> None:
    one = r"\begin{pmatrix}1\end{pmatrix}"
    for text in (r"\begin{pmatrix}\end{pmatrix}", one + "+" + one, one + "x"):
        assert shape(text).kind == "expression"
    assert shape("x=" + one).kind == "relation"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(a,b),c", "(000),c"),
        ("(a(b)c)d", "(00000)d"),
        (r"\{a\},b", r"\{0\},b"),
        ("[a]{b}", "[0]{0}"),
        ("a)b,c", "a)b,c"),
        ("((a", "(00"),
        (r"\text{a,b;c:d=e<f>g};h", r"\text{a0b0c0d0e0f0g};h"),
        (r"(\text{a},b)", "(" + "0" * 10 + ")"),
        (r"\\{a}", r"\\{0}"),  # the second stroke and its brace are \{
    ],
)
def test_what_stands_inside_brackets_is_blanked_out(text: str, shown: str) -> None:
    assert mask(text) == shown.replace("0", "\0")


def test_a_text_is_split_at_a_whole_sign_outside_brackets() -> None:
    assert split_at("a,(b,c) , d", mask("a,(b,c) , d"), ",") == ("a", "(b,c)", "d")
    assert split_at("a:b", "a:b", ":") == ("a", "b")
    assert split_at(r"a\cup b", r"a\cup b", r"\cup") == ("a", "b")
    assert split_at(r"a\cupb", r"a\cupb", r"\cup") == (r"a\cupb",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5", ["5"]),
        (r"2\pm3", ["2+3", "2-3"]),
        (r"\pm2", ["2", "-2"]),
        (r"\mp2", ["2", "-2"]),
        (r"x=\pm2", ["x=2", "x=-2"]),
        (r"(1)\pm2", ["(1)+2", "(1)-2"]),
        (r"(\pm1,2)", ["(1,2)", "(-1,2)"]),
        (r"3!\pm1", ["3!+1", "3!-1"]),
        (r"[1]\pm1", ["[1]+1", "[1]-1"]),
        (r"30°\pm1", ["30°+1", "30°-1"]),
        (r"\frac{1}{2} \pm 1", [r"\frac{1}{2} + 1", r"\frac{1}{2} - 1"]),
        (r"\pm1\pm2", ["1+2", "1-2", "-1+2", "-1-2"]),
        (r"\pm1\mp2", ["1-2", "-1+2"]),
        (r"\mp1\pm2", ["-1+2", "1-2"]),
        (r"a\pmb", [r"a\pmb"]),
        (r"\pm0 \mp 0", ["0 - 0", "-0 + 0"]),
    ],
)
def test_a_sign_of_both_kinds_stands_for_each(text: str, found: list[str]) -> None:
    assert list(variants(text)) == found


def test_sixteen_variants_are_written_out_and_more_are_not() -> None:
    assert len(variants(r"\pm a" * 4)) == MAX_VARIANTS == 16
    assert variants(r"\pm a" * 5) == (r"\pm a" * 5,)
    assert variants(r"2\pm a\pm a")[0] == "2+ a+ a"

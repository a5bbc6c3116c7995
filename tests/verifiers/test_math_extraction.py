"""Where an answer stands, which golds can be graded, and what may not reach the computer algebra."""

import pytest

from openqwq.verifiers.math_answer.extract import extract_answer, reference_answer
from openqwq.verifiers.math_answer.gold import MAX_WORDS, unreadable_part
from openqwq.verifiers.math_answer.guards import danger, words_in


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so 5\n#### 6", "6"),
        ("#### 6\n#### 7\nand 8", "7"),
        ("  ####  6 \n", "6"),
        ("the answer is 5\n#### 6", "6"),
        ("#### A heading\nThe answer is 6.", "6"),
        ("x #### 6 7", None),
        ("The answer is 6.", "6"),
        ("The answer is 6. I hope 7", "6"),
        ("Answer: 6; not 7", "6"),
        ("the answer is 5. The answer is 6", "6"),
        ("the answers are 6", "6"),
        ("the answer is\n6", "6"),
        ("the answer is $6$ and $7$.", "6, 7"),
        (r"answer = \(6\)", "6"),
        (r"answer is \[x+6\]", "x+6"),
        ("The answer is that x is 5! I hope 7", "5"),
        ("answer: 3 equals 6", "6"),
        ("answer is: 6 is correct", "6"),
        ("answer: **6**", "6"),
        ("answer is _6_", "6"),
        ("the answer is not 6", None),
        ("所以答案是6", "6"),
        ("答案：6。", "6"),
        ("5 and then 6", "6"),
        ("costs $5", "5"),
        ("costs $5,", None),
        ("12, 13,", None),
        ("-7", "-7"),
        ("−7", "−7"),
        ("1/2", "1/2"),
        ("it is 3 / 4", "3 / 4"),
        ("50%", "50%"),
        ("$1,234.5", "1,234.5"),
        ("6 and $x+1$", "6, x+1"),
        (r"so \(x+1\).", "x+1"),
        ("$5$ then 6", "6"),
        ("5\n```\n9\n```", "5"),
        ("5\n```py\n9\n", "5"),
        ("```\n9\n```\n5", "5"),
        ("```\n9\n```", None),
        ("no number", None),
        ("", None),
        (r"5 \boxed{6", None),
        (r"5 \boxed{6} then 7", "6"),
        (r"the answer is 5 \fbox{6}", "6"),
        (r"5 \boxed{}", None),
        (r"5 \boxed", None),
        (r"so it is 5. \boxed{}", None),
        (r"\boxed{6} \boxed{}", "6"),
        (r"\boxed{6}, as asked in \boxed", "6"),
        (r"\boxed{**6**}", "6"),
        ("<answer>5</answer> <answer> 6 </answer>", "6"),
        (r"\boxed{5} <answer>6</answer>", "6"),
        (r"<answer>5</answer> \boxed{6}", "6"),
        (r"<answer>So \boxed{6}.</answer>", "6"),
        ("<answer>The answer is 6.</answer>", "6"),
        (r"<answer>$\frac{8}{3}$</answer>", r"\frac{8}{3}"),
        ("<answer>6", None),
    ],
)
def test_an_answer_is_read_where_it_is_given(text: str, answer: str | None) -> None:
    assert extract_answer(text, "any") == answer


@pytest.mark.parametrize("text", ["6", "The answer is 6.", "#### 6", "<answer>6</answer>", r"5 \boxed{6", r"\boxed{}"])
def test_only_a_box_counts_where_a_box_is_asked_for(text: str) -> None:
    assert extract_answer(text, "boxed") is None
    assert extract_answer(rf"\boxed{{5}} {text}", "boxed") == (None if text == r"5 \boxed{6" else "5")


def test_a_statement_counts_however_much_follows_it_up_to_a_limit() -> None:
    assert extract_answer("The answer is 6.\n" + "a " * 9_000, "any") == "6"
    assert extract_answer("The answer is 6.\n" + "a " * 10_000, "any") is None


@pytest.mark.parametrize(
    ("reference", "gold"),
    [
        ("4", "4"),
        (" 4 ", "4"),
        (4, "4"),
        (4.5, "4.5"),
        ({"answer": "4"}, "4"),
        ({"answer": 4}, "4"),
        (r"so \boxed{4}", "4"),
        ("2+2\n#### 71\n#### 72 ", "72"),
        (True, None),
        ({"answer": True}, None),
        (None, None),
        ("", None),
        ("  ", None),
        ({}, None),
        (["4"], None),
        (r"5 \boxed{}", None),
        ("5\n####  ", None),
    ],
)
def test_a_reference_holds_its_gold_in_every_common_form(reference: object, gold: str | None) -> None:
    assert reference_answer(reference) == gold


class NoAlgebra:
    """A last tier that reads nothing, or what it is told to."""

    def __init__(self, says: bool = False) -> None:
        self.says = says
        self.asked: list[str] = []

    def __call__(self, gold: str, answer: str) -> bool:
        assert gold == answer
        self.asked.append(gold)
        return self.says


READABLE = r"""
4;B;A, C;\text{even};\emptyset;\mathbb{R};x=5;f(x)=x^2;x\equiv3\pmod7;\{x\mid x>1\};\{1,2\};\mathbb{R}\setminus\{1\}
\pm2;5 cm;5\%;x\in\mathbb{R};3:4;P(2,0);(a,b);=5
\angle A=5;\begin{pmatrix}1\\2\end{pmatrix};\{1,\emptyset\};The answer is 7;x<2
"""


@pytest.mark.parametrize("gold", READABLE.strip().replace("\n", ";").split(";"))
def test_a_gold_of_any_kind_can_be_read_without_algebra(gold: str) -> None:
    assert unreadable_part(gold, NoAlgebra()) is None


@pytest.mark.parametrize(
    ("gold", "part"),
    [
        ("1+", "1+"),
        ("(1,x+)", "x+"),
        ("1,x+", "x+"),
        (r"\{1,x+\}", "x+"),
        ("x=2+", "2+"),
        ("y=2+", "2+"),
        (r"\{x\mid x>2+\}", "2+"),
        (r"\{x+\mid x>2+\}", "2+"),
        ("5+ cm", "5+"),
        (r"5+\%", "5+"),
        (r"\pm2+", "2+"),
        ("The answer is 1+", "1+"),
    ],
)
def test_a_part_that_the_grammar_cannot_read_is_asked_of_the_last_tier(gold: str, part: str) -> None:
    refusing, reading = NoAlgebra(), NoAlgebra(says=True)
    problem = unreadable_part(gold, refusing)
    assert problem is not None
    assert repr(part) in problem
    assert unreadable_part(gold, reading) is None
    assert refusing.asked == reading.asked == [part]


def test_golds_that_no_tier_may_read_are_named_with_the_reason() -> None:
    algebra = NoAlgebra(says=True)
    assert unreadable_part(r"x+\text{not}+", algebra) == r"'x+\\text{not}+': words in an expression"
    assert unreadable_part(r"(1,x+\text{not}+)", algebra) == r"'x+\\text{not}+': words in an expression"
    long = r"\text{not}+" + "+x" * 40
    assert unreadable_part(long, algebra) == f"{long[:60]!r}: words in an expression"
    of_a_sequence = r"\sum_{k=0}^{n-1} a_k a_{n-k-1}"
    assert unreadable_part(of_a_sequence, algebra) == f"{of_a_sequence!r}: the index k inside of a name"
    assert unreadable_part(r"\frac{1}{x-x}", algebra) == r"'\\frac{1}{x-x}': no value"
    assert unreadable_part(r"7^{7^{7^7}}", algebra) == r"'7^{7^{7^7}}': a power of more than 100 000 digits"
    assert unreadable_part("$ $", algebra) == "nothing is left of it without its spacing and delimiters"
    assert MAX_WORDS == 12
    assert unreadable_part(rf"\text{{{'so ' * 12}}}", algebra) is None
    assert unreadable_part(rf"\text{{{'so ' * 13}}}", algebra) == "13 words, which only the same words would equal"
    assert not algebra.asked


@pytest.mark.parametrize(
    ("safe", "refused", "reason"),
    [
        ("1+" * 250, "1+" * 250 + "1", "longer than 500"),
        (r"\begin" + "1+" * 997, r"\begin" + "1+" * 997 + "1", "longer than 2000"),
        ("(" * 30 + ")" * 30, "(" * 31 + ")" * 31, "nested deeper than 30"),
        ("[{(" * 10 + ")}]" * 10, "[{(" * 11 + ")}]" * 11, "nested deeper than 30"),
        ("(1+" * 30 + "1" + ")" * 30, "(1+" * 31 + "1" + ")" * 31, "nested deeper than 30"),
        ("()" * 40, "(" * 20 + "()" * 10 + "(" * 11, "nested deeper than 30"),
        ("9" * 199, "9" * 200, "more than 200 digits"),
        ("e^{x^2}", "2^{3^4}", "tower of exponents"),
        ("e^{x^n}", "x^y^z", "tower of exponents"),
        ("e^{-x^2}", "e^{x^{12}}", "tower of exponents"),
        ("x^{2}+y^{2}", "e^{x^2}+2^{3^4}", "tower of exponents"),
        ("x^{999}", "x^{1000}", "exponent of four digits"),
        ("x^999", "x^-1000", "exponent of four digits"),
        ("200!", "201!", "large or compound factorial"),
        ("3!", "(3)!", "large or compound factorial"),
        ("3!+4!", "3!!", "large or compound factorial"),
        (r"\binom{1000}{2}", r"\binom{1001}{2}", "large binomial"),
        (r"\binom{n}{2}", r"\dbinom{1001}{2}", "large binomial"),
        (r"\limit", r"\lim x", "unevaluated"),
        (r"\sumx", r"\sum x", "unevaluated"),
        (r"\intx", r"\int x", "unevaluated"),
        ("{x}", "{x", "braces that do not close"),
        ("abcd", "abcde", "words in an expression"),
        ("ab cd", "abc de", "words in an expression"),
        (r"\alpha x", r"\text{a}x", "words in an expression"),
        ("x", "é", "words in an expression"),
        ("x_1", "x__1", "code-like"),
        ("x'", 'x"', "code-like"),
        ("x", "x;y", "code-like"),
        ("x", "x`", "code-like"),
        ("1e2", "eval", "code-like"),
    ],
)
def test_what_would_take_the_algebra_too_long_or_is_no_mathematics_is_refused(
    safe: str, refused: str, reason: str
) -> None:
    assert danger(safe) == ""
    assert reason in danger(refused)


def test_words_are_found_without_the_other_guards() -> None:
    assert words_in("9" * 600) == ""
    assert words_in(r"\text{x}") == words_in("one of two") == words_in("五") == "words in an expression"

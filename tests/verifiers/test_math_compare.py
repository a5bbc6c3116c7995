"""The verdict of two answers: for each rule what is equal and its nearest miss, with the deepest tier that it needs."""

import pytest

from openqwq.verifiers.math_answer.compare import MAX_DEPTH, MAX_ELEMENTS, Comparison


class Fallback:
    """A last tier that notes what it is asked and says one thing."""

    def __init__(self, says: bool = False) -> None:
        self.says = says
        self.asked: list[tuple[str, str]] = []

    def __call__(self, gold: str, answer: str) -> bool:
        self.asked.append((gold, answer))
        return self.says


def verdict(gold: str, answer: str, fallback: Fallback | None = None) -> tuple[bool, str]:
    fallback = fallback or Fallback()
    comparison = Comparison(fallback)
    equal = comparison.equal(gold, answer)
    assert (comparison.tier == "symbolic") == bool(fallback.asked)
    assert (comparison.tier == "guard") == bool(comparison.note)
    return equal, comparison.tier


SPELLING = [
    ("5", "5", True, "normalisation"),
    ("x", " x ", True, "normalisation"),
    ("$5$", r"\displaystyle 5", True, "normalisation"),
    ("  ", "  ", False, "normalisation"),
    ("", "", False, "normalisation"),
    ("0", "", False, "normalisation"),
    ("", "0", False, "normalisation"),
    ("a", "\u0430", False, "normalisation"),
    ("a", "\u03bf", False, "normalisation"),
    ("\u0430", "\u0430 ", True, "normalisation"),
    ("12 cm", "12", True, "normalisation"),
    ("12", "12 cm", True, "normalisation"),
    ("12 cm", "12 mm", False, "exact"),
    ("12 cm", "12 kg", False, "normalisation"),
    ("12 cm", "12 cm^2", False, "normalisation"),
    (r"12\text{ cm}", "12 centimeters", True, "normalisation"),
    (r"12\text{ cm}", r"13\text{ cm}", False, "exact"),
    ("no solution", r"\emptyset", True, "normalisation"),
]
EXACT = [
    ("0.5", "1/2", True, "exact"),
    ("0.5", "1/3", False, "exact"),
    ("7", "8", False, "exact"),
    ("7", "-7", False, "exact"),
    ("1,234", "1234", True, "exact"),
    ("1,234", "5", False, "exact"),
    ("5", "1,234", False, "exact"),
    ("100,200", "200,100", True, "structure"),
    ("100,200", "100,201", False, "structure"),
    ("20%", "20", True, "exact"),
    ("20%", "0.2", True, "exact"),
    ("0.2", "20%", True, "exact"),
    ("20", "20%", True, "exact"),
    ("20%", "2", False, "exact"),
    ("20%", "0.02", False, "exact"),
    ("20%", "0.2%", False, "exact"),
    ("0.2%", "20%", False, "exact"),
    ("30°", "30", True, "exact"),
    ("30°", "31", False, "exact"),
    ("101_2", "101", True, "exact"),
    ("101_2", "101_{2}", True, "exact"),
    ("101_2", r"101_{\text{two}}", True, "exact"),
    ("101_2", "101_3", False, "exact"),
    ("101_2", "110_2", False, "exact"),
    ("101_2", "5", False, "exact"),
    ("5", "101_2", True, "exact"),
    ("FF_{16}", "(FF)_{16}", True, "exact"),
    ("FF_{16}", "FE_{16}", False, "exact"),
]
CHOICES = [
    ("B", "(B) 12", True, "structure"),
    ("B", "(C)", False, "structure"),
    ("A, C", "C and A", True, "structure"),
    ("A, C", "A, B", False, "structure"),
    ("12", r"\text{(B) } 12", True, "structure"),
    ("13", r"\text{(B) } 12", False, "structure"),
    (r"\text{(B) } 12", r"\text{(B) }12.0", True, "structure"),
    (r"\text{(B) } 12", r"\text{(B) }13", False, "structure"),
    ("yes", "Yes", True, "normalisation"),
    ("yes", "no", False, "numeric"),
    ("an even number", "Even number", True, "structure"),
    ("even", "even number", False, "structure"),
    ("n+1", "n-1", False, "numeric"),
    ("n-1", "n+1", False, "numeric"),
    ("AB-CD", "AB+CD", False, "numeric"),
    ("AB", r"A\cdot B", True, "numeric"),
    (r"A\cdot B", "AB", True, "numeric"),
    ("AB", r"A\cdot C", False, "numeric"),
]
LISTS = [
    ("1,2", "2,1", True, "structure"),
    ("1,2", "1,3", False, "structure"),
    ("1,2", r"\{2,1\}", True, "structure"),
    (r"\{1,2\}", "2,1", True, "structure"),
    ("1,2", "1", False, "structure"),
    ("1,2", "1,2,3", False, "structure"),
    ("1,2", "1,2,2", True, "structure"),
    ("1,2,2", "1,2", False, "structure"),
    ("1,2,2", "1,1,2", False, "structure"),
    ("1,2,2", "2,1,2.0", True, "structure"),
    ("x+C,1", "1,x+k", True, "numeric"),
    ("x+k,1", "1,x+C", False, "numeric"),
    ("x+C,1", "1,x+k,x+c", True, "numeric"),
    ("5, x<2", "x<2, 5", True, "numeric"),
    ("5, x<2", "x<2, 6", False, "numeric"),
    ("1,2", "(1,2)", False, "structure"),
    ("(1,2)", "1,2", False, "structure"),
    (r"1,1.0,\frac{2}{2}", "1", True, "structure"),
    ("1,1.0,2", "1", False, "structure"),
    ("5", r"\{5\}", True, "exact"),
    ("x", r"\{x+0\}", True, "numeric"),
    ("x", r"\{x+1\}", False, "numeric"),
    (r"\{x\}", "x+0", True, "numeric"),
    ("x", r"\{x,y\}", False, "structure"),
    (r"\emptyset", r"\{\emptyset\}", False, "structure"),
    (r"\{\emptyset\}", r"\emptyset", False, "structure"),
    (r"\emptyset", "0", False, "structure"),
    ("x", r"\emptyset", False, "structure"),
    (r"\pm3", "3,-3", True, "structure"),
    (r"\pm3", "3", False, "structure"),
    ("3", r"\pm3", False, "structure"),
    (r"1\pm\sqrt2", r"1+\sqrt2,1-\sqrt2", True, "structure"),
    (r"1,\pm2", "2,-2,1", True, "structure"),
    (r"\{\pm1\}", "1,-1", True, "structure"),
    (r"1\mp\sqrt2", r"1\pm\sqrt2", True, "structure"),
    (r"(\pm1,2)", "(1,2),(-1,2)", True, "structure"),
]
TUPLES = [
    ("(1,2)", r"(1,\frac{4}{2})", True, "structure"),
    ("(1,2)", "(2,1)", False, "structure"),
    ("(1,2)", "(1,2,3)", False, "structure"),
    ("(1,2)", "[1,2]", False, "structure"),
    ("(1,2]", "[1,2)", False, "structure"),
    ("(1,2)", "(1,2]", False, "structure"),
    ("(2,0)", "P(2,0)", True, "structure"),
    ("P(2,0)", "(2,0.0)", True, "structure"),
    ("P_1'(2,0)", "(2,0)", True, "structure"),
    ("P(2,0)", "(0,2)", False, "structure"),
    ("(2,0)", "P(2,0]", False, "structure"),
    ("[2,0]", "P(2,0)", False, "structure"),
    ("(2,0)", "P", False, "structure"),
    ("3:4", "6:8", True, "numeric"),
    ("3:4", "8:6", False, "numeric"),
    ("3:4", "3+x-x:4", False, "numeric"),
    ("(C+1,2)", "(k+1,2)", True, "numeric"),
    ("(k+1,2)", "(C+1,2)", False, "numeric"),
    ("3:4:5", "6:8:10", True, "numeric"),
    ("3:4:5", "6:8:11", False, "numeric"),
    ("3:4:5", "6:9:10", False, "numeric"),
    ("3:4", "6:8:10", False, "structure"),
    ("3:4:5", "3:4", False, "structure"),
    ("3:4", "0.75", True, "numeric"),
    ("3/4", "3:4", True, "numeric"),
    ("3:4", "4/3", False, "numeric"),
    ("0.6", "3:4:5", False, "structure"),
    ("12:05", "12:50", False, "structure"),
    ("12:05", "6:02.5", False, "structure"),
    ("06:08", "03:04", False, "structure"),
    ("06:08", "6:8", True, "structure"),
    ("03:x+C", "3:x+k", True, "numeric"),
    ("03:x+k", "3:x+C", False, "numeric"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1\\\frac42\end{bmatrix}", True, "structure"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}", False, "structure"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}", False, "structure"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{vmatrix}1&2\end{vmatrix}", False, "structure"),
    (r"\begin{pmatrix}-1\\-2\end{pmatrix}", r"-\begin{pmatrix}1\\2\end{pmatrix}", True, "structure"),
    (r"\begin{pmatrix}-1\\-2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}", False, "structure"),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2", True, "exact"),
    ("-2", r"|\begin{array}{cc}1&2\\3&4\end{array}|", True, "numeric"),
    ("2", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", False, "exact"),
    ("-2", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", False, "structure"),
    (r"\begin{pmatrix}5\end{pmatrix}", "5", False, "structure"),
]
RELATIONS = [
    ("5", "x=5", True, "structure"),
    ("5", "=5", True, "structure"),
    ("=5", "5.0", True, "structure"),
    ("5", "=6", False, "structure"),
    ("5", "5=5", False, "structure"),
    ("5", "x=x", False, "numeric"),
    ("5", "6-1=5", True, "structure"),
    ("5", "6-2=5", False, "structure"),
    ("x=5", "y=5", False, "numeric"),
    ("x=1,y=2", "y=2,x=1", True, "structure"),
    ("x=1,y=2", "x=2,y=1", False, "structure"),
    ("x=1,y=2", "(1,2)", True, "structure"),
    (r"\frac23", r"\frac23\approx0.67", True, "structure"),
    (r"\frac23", r"\frac23\approx0.66", False, "structure"),
    ("y=2x", "2x-y=0", True, "numeric"),
    ("y=2x", "2x+y=0", False, "numeric"),
    ("y=2x", "y=9^{9^{9^9}}", False, "guard"),
    ("y=x", "y=9^{9^{9^9}}x", False, "guard"),
    ("y=x", r"y=\frac{x}{x-x}", False, "numeric"),
    (r"x\equiv3\pmod7", r"x\equiv10\pmod7", True, "structure"),
    (r"x\equiv3\pmod7", r"x\equiv11\pmod7", False, "structure"),
    ("x+y=1", "x+y=1+", False, "numeric"),
    ("x+y=1+", "x+y=1", False, "numeric"),
    ("a<x<C+a", "a<x<k+a", True, "numeric"),
    ("a<x<k+a", "a<x<C+a", False, "numeric"),
    ("x+y<1", "2x+2y<2", True, "numeric"),
    ("x+y<1", "2x+2y<3", False, "numeric"),
    ("x>1, x<3", "x<3, x>1, x<5", True, "numeric"),
    ("x>1, x<3", "x<3, x>1, x<2", False, "numeric"),
    ("x>a", "x>2", False, "numeric"),
    ("x>2", "x>a", False, "numeric"),
    ("a<x<b", "(a,b)", True, "structure"),
    ("a<x<b", "a<x<b+0", True, "numeric"),
    ("a<x<b", "(a,b]", False, "numeric"),
    ("a<x<b", "(b,a)", False, "numeric"),
    ("a<x<b", "a<y<b", False, "numeric"),
    ("1<x<2", "1<y<2", False, "numeric"),
    ("(1,2)", r"1.0<x<2", True, "structure"),
    ("(1,2)", "1<x<3", False, "numeric"),
    (r"(-\infty,a)\cup(b,\infty)", r"(b,\infty)\cup(-\infty,a)", True, "numeric"),
    (r"(-\infty,a)\cup(b,\infty)", r"(-\infty,b)\cup(a,\infty)", False, "numeric"),
    (r"[1,2]\cup[2,3]", "[1,3]", True, "numeric"),
    (r"[1,2]\cup[2,3]", "[1,3)", False, "numeric"),
    (r"\R", r"(-\infty,\infty)", True, "numeric"),
    (r"\R", r"[0,\infty)", False, "numeric"),
    ("x<2, x>3", r"(-\infty,2)\cup(3,\infty)", True, "numeric"),
    (r"\{x\mid x>1\}", r"(1,\infty)", True, "numeric"),
    (r"\{x\mid x>1\}", r"[1,\infty)", False, "numeric"),
]
VALUES = [
    ("x^2+1", "1+x^2", True, "numeric"),
    ("x^2+1", "x^2-1", False, "numeric"),
    (r"\sqrt{12}", r"2\sqrt3", True, "numeric"),
    (r"\sqrt2%", r"\sqrt{2}", True, "numeric"),
    ("-2", r"\sqrt{-4}", False, "numeric"),
    (r"\frac{\pi}{6}", "30°", True, "numeric"),
    ("x", r"\frac{x}{x-x}", False, "numeric"),
    ("3", "9^{9^{9^9}}", False, "guard"),
    (r"\int_0^1x", r"\text{not}+1", False, "guard"),
    (r"\text{odd}+1", "2+1", False, "guard"),
    ("x", r"\int_0^1 x", False, "guard"),
    ("x", "5 or not 5", False, "structure"),
]


@pytest.mark.parametrize(
    ("gold", "answer", "equal", "tier"),
    [*SPELLING, *EXACT, *CHOICES, *LISTS, *TUPLES, *RELATIONS, *VALUES],
)
def test_two_answers_are_equal_or_not_by_their_rule(gold: str, answer: str, equal: bool, tier: str) -> None:
    assert verdict(gold, answer) == (equal, tier)


def test_what_no_tier_reads_goes_to_the_last_one_as_cleaned_expressions() -> None:
    fallback = Fallback(says=True)
    assert verdict(r"$\int_0^1 2x\,dx$", r"\dfrac{1}{1}", fallback) == (True, "symbolic")
    assert fallback.asked == [(r"\int_0^1 2x dx", r"\frac {1}{1}")]
    assert verdict(r"\int_0^1x", "1", Fallback(says=False)) == (False, "symbolic")
    one, wide = r"\begin{pmatrix}\int_0^1x\\2\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"
    fallback = Fallback(says=True)
    assert verdict(f"{one}+{one}", wide, fallback) == (True, "symbolic")
    assert fallback.asked == [(f"{one}+{one}", r"\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}")]


@pytest.mark.parametrize("answer", [r"1+\text{not}", "1+1 this is it", r"\int_0^1x", "x^{12345}(", "5!!"])
def test_an_answer_that_a_guard_refuses_never_reaches_the_last_tier(answer: str) -> None:
    fallback = Fallback(says=True)
    verdict(r"\int_0^1 2x", answer, fallback)
    assert not fallback.asked


def test_an_unreadable_answer_with_a_readable_gold_is_refused_where_the_gold_has_words() -> None:
    assert verdict(r"\text{odd}+1", "2+", Fallback(says=True)) == (False, "guard")
    assert verdict("2+1", "3+", Fallback(says=True)) == (True, "symbolic")


def test_lists_are_compared_to_a_hundred_elements() -> None:
    assert MAX_ELEMENTS == 100
    numbers = [f"x+{n}" for n in range(MAX_ELEMENTS + 1)]
    for opens, closes in [("(", ")"), (r"\{", r"\}")]:
        for count, equal in [(MAX_ELEMENTS, True), (MAX_ELEMENTS + 1, False)]:
            gold, answer = (f"{opens}{','.join(numbers[:count])}{end}{closes}" for end in ("", "+0"))
            assert verdict(gold, answer)[0] is equal


def test_nesting_is_compared_to_eight_levels() -> None:
    assert MAX_DEPTH == 8
    for depth, equal in [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)]:
        gold, answer = ("(1," * depth + inner + ")" * depth for inner in ("0.5", "1/2"))
        assert verdict(gold, answer)[0] is equal


def test_the_deepest_tier_that_was_needed_is_named() -> None:
    comparison = Comparison(Fallback())
    assert not comparison.equal(r"(\sqrt2,\frac12)", r"(\sqrt{2.0},0.6)")
    assert comparison.tier == "numeric"
    assert comparison.note == ""
    comparison = Comparison(Fallback())
    assert not comparison.equal("x+1", r"x+\int_0^1 t")
    assert comparison.note == "unevaluated sum, product, limit or integral"

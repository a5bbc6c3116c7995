"""Mutants of golds: every one is another answer, none is lost for its spelling, and no gold takes long."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.workbench.gold_difference import is_shown_different
from openqwq.verifiers.workbench.gold_mutants import MAX_MUTANTS, mutants_of_gold
from openqwq.verifiers.workbench.gold_pieces import joined, pieces_of
from openqwq.verifiers.workbench.gold_reading import Unreadable, read_formula
from openqwq.verifiers.workbench.gold_shapes import read_shape
from openqwq.verifiers.workbench.gold_values import World, digits


def differ(gold: str, other: str) -> bool:
    return is_shown_different(read_shape(pieces_of(gold)), read_shape(pieces_of(other)))


@pytest.mark.parametrize(
    ("gold", "mutants"),
    [
        ("m+7", ["m-7", "m+8", "m7", "-m+7", "m*7"]),
        ("r^2", ["r-2", "r2", "r^3", "-r^2"]),
        ("u/v", ["u-v", "uv", "-u/v"]),
        ("rs-1", ["rs+1", "s-1", "r-1", "rs1"]),
        (r"\frac{p}{q}", [r"\frac{q}{p}", r"\frac{-p}{q}", "{p}-{q}"]),
        (r"\frac56", [r"\frac66", r"\frac65", r"-\frac56"]),
        (r"(k, k-4]", ["(k, k+4]", "(-k, k-4]", "(k, k-5]"]),
        ("y=2t+1", ["y=2t-1", "y=t+1", "y=-2t+1"]),
        (r"t\le 9", [r"t\ge 9", r"t\le 8", r"-t\le 9"]),
        (r"\text{b-2}", [r"\text{b+2}", r"\text{b2}"]),
        ("12,500", ["13,500", "12,501"]),
        ("0.25", ["0.26", "0.24", "-0.25"]),
        (r"5\text{ km}", [r"6\text{ km}", r"-5\text{ km}"]),
        (r"[0,3)\cup(7,\infty)", [r"[0,3)\cup(8,\infty)", r"[0,4)\cup(7,\infty)"]),
        (r"u^2+v^2=4", ["u^2-v^2=4", "u^2+v^2=5"]),
        ("t=2,5", ["t=2,6", "t=-2,5"]),
    ],
)
def test_a_gold_has_the_mutants_that_are_one_step_from_it(gold: str, mutants: list[str]) -> None:
    assert set(mutants) <= set(mutants_of_gold(gold, 0))


@pytest.mark.parametrize(
    "gold",
    ["Rome", "B", "(C)", "A, D", "yes", "", "2e-3", r"\text{north}", "1011_2", "all real numbers", "{", "x" * 5_000],
)
def test_words_choices_and_what_nobody_reads_for_certain_have_no_mutants(gold: str) -> None:
    assert mutants_of_gold(gold, 0) == []


@pytest.mark.parametrize(
    ("gold", "same"),
    [
        ("m+7", "7+m"),
        ("0", "-0"),
        ("s=0", "-s=0"),
        ("s=0", "3s=0"),
        ("2s+4t=6", "s+2t=3"),
        (r"t^2+C", r"t^2-C"),
        (r"k\pi", r"-k\pi"),
        (r"\frac{\pi}{2}+k\pi", r"-\frac{\pi}{2}+k\pi"),
        (r"(-1)^n", r"(-1)^{-n}"),
        (r"1\pm\sqrt{2}", r"1\mp\sqrt{2}"),
        (r"t>3, t>1", r"t>3, t>2"),
        (r"\{2, 3, 3\}", r"\{2, 2, 3\}"),
        ("6:4", "3:2"),
        (r"(1,5)\cup(2,3)", r"(1,5)\cup(2,4)"),
        (r"2\cdot 3", "2 3"),
        (r"i^4", "1"),
        (r"\sin(\pi)", "0"),
    ],
)
def test_what_may_be_the_same_answer_is_never_shown_different(gold: str, same: str) -> None:
    assert not differ(gold, same)
    assert same not in mutants_of_gold(gold, 0)


@pytest.mark.parametrize("gold", ["5m", "5 m", "12h", "3L"])
def test_a_letter_that_may_be_a_unit_is_not_dropped(gold: str) -> None:
    assert gold.rstrip("mhL ") not in [mutant.strip() for mutant in mutants_of_gold(gold, 0)]


@pytest.mark.parametrize(
    "gold",
    ["2^{2^{2^{2^{2^2}}}}", "9^{9^{9}}", "400!!!", "(" * 200 + "n" + ")" * 200, "n+" * 400 + "1", r"\pm" * 20 + "1"],
)
def test_a_gold_that_would_cost_too_much_has_no_mutants_or_few(gold: str) -> None:
    assert len(mutants_of_gold(gold, 0)) <= MAX_MUTANTS


def test_the_same_seed_gives_the_same_mutants_and_no_mutant_is_the_gold() -> None:
    gold = r"x^3-2x^2+\frac{5}{7}x-11"
    assert mutants_of_gold(gold, 3) == mutants_of_gold(gold, 3)
    assert len(set(mutants_of_gold(gold, 3))) == MAX_MUTANTS
    assert gold not in mutants_of_gold(gold, 3)


@given(st.text(alphabet=r"ab12+-*/^(){}[],=<\.| ", max_size=30))
def test_pieces_lose_nothing_and_any_text_is_taken(text: str) -> None:
    assert "".join(piece.text for piece in pieces_of(text)) == text
    mutants_of_gold(text, 0)


def test_a_command_never_runs_into_a_letter() -> None:
    pieces = pieces_of(r"\pi 2x")
    assert joined([pieces[0], pieces[-1]]) == r"\pi x"


@st.composite
def compact_sums(draw: st.DrawFn) -> tuple[str, Fraction]:
    """A sum of products of the letters a = 3/5 and b = 7/11, without blanks, and its value."""
    text, value = "", Fraction(0)
    for _ in range(draw(st.integers(1, 4))):
        sign, number, letters = (
            draw(st.sampled_from("+-")),
            draw(st.integers(1, 30)),
            draw(st.sampled_from(["a", "b", "ab", ""])),
        )
        term = number * (Fraction(3, 5) if "a" in letters else 1) * (Fraction(7, 11) if "b" in letters else 1)
        text += f"{sign}{number}{letters}"
        value += term if sign == "+" else -term
    return text.lstrip("+"), value


@given(compact_sums())
def test_the_reader_gives_a_compact_sum_its_value(sum_and_value: tuple[str, Fraction]) -> None:
    text, value = sum_and_value
    point = {"a": digits().mpf(3) / 5, "b": digits().mpf(7) / 11}
    found = read_formula(pieces_of(text)).formula(World(point))
    assert abs(found - digits().mpf(value.numerator) / value.denominator) < 1e-50


@pytest.mark.parametrize("text", [r"\sin^{-1}x", "x'", "2e5", r"\foo", "a^b^c", "3_4", r"\cos(x)^2", "]1,2[", "a=b=c"])
def test_what_has_two_readings_is_not_read(text: str) -> None:
    with pytest.raises(Unreadable):
        read_shape(pieces_of(text))


def test_a_dropped_plus_before_a_fraction_is_no_mutant() -> None:
    mutants = [mutant for seed in range(5) for mutant in mutants_of_gold("4 * 5 + 1 / 3", seed)]
    assert mutants
    assert not [mutant for mutant in mutants if re.search(r"5 +1 / 3", mutant)]


@pytest.mark.parametrize("gold", ["a<b<c<d<e<f<g<h", "+".join(rf"\log(x_{n})" for n in range(12)) + r"<\pi+C"])
def test_golds_without_a_sure_mutant_are_given_up(gold: str) -> None:
    assert mutants_of_gold(gold, 0) == []

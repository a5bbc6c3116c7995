"""Units that measure the same thing are converted; others, and what names none, are not."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.compare import Comparison
from openqwq.verifiers.math_answer.conversions import in_one_unit, measure


def same(gold: str, answer: str) -> bool:
    return Comparison(lambda *_: False).equal(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"4\text{ km}", r"4000\text{ m}", True),
        (r"4000\text{ m}", r"4\text{ km}", True),
        (r"4\text{ km}", r"400\text{ m}", False),
        (r"4\text{ km}", r"4\text{ m}", False),
        (r"4\text{ km}", "4000 m", True),
        (r"4\text{ km}", "4000m", True),
        ("4 km", "4,000 meters", True),
        (r"4\text{ km}", "4", True),
        (r"4\text{ km}", "4000", False),
        ("4", r"4\text{ km}", True),
        (r"4\text{ km}", r"4\text{ kg}", False),
        (r"4\text{ km}", r"4000\text{ s}", False),
        (r"1.5\text{ hours}", r"90\text{ minutes}", True),
        (r"\frac32\text{ h}", "90 min", True),
        (r"90\text{ minutes}", r"1\text{ hour}", False),
        (r"2\text{ days}", r"48\text{ hours}", True),
        (r"1\text{ year}", r"12\text{ months}", True),
        (r"1\text{ month}", r"30\text{ days}", False),
        (r"54\text{ km/h}", r"15\text{ m/s}", True),
        (r"54\text{ km/h}", r"54\text{ m/s}", False),
        (r"54\text{ km/h}", "15 m/s", True),
        (r"2\text{ m}^2", r"20000\text{ cm}^2", True),
        (r"2\text{ m}^2", r"200\text{ cm}^2", False),
        (r"2\text{ m}^2", r"2\text{ m}", False),
        (r"2\text{ m}^3", r"2000\text{ liters}", True),
        (r"3\text{ kg}", r"3000\text{ grams}", True),
        (r"3\text{ kg}", "3000g", True),
        (r"\$4.25", r"425\text{ cents}", True),
        (r"425\text{ cents}", r"\$4.25", True),
        (r"\$4.25", r"4.25\text{ cents}", False),
        (r"\$4", "4€", False),
        (r"3\text{ feet}", r"1\text{ yard}", True),
        (r"45^\circ", r"\frac{\pi}{4}\text{ radians}", True),
        (r"\frac{\pi}{4}\text{ radians}", r"45^\circ", True),
        (r"45^\circ", r"\frac{\pi}{3}\text{ radians}", False),
        (r"2\text{ radians}", r"2^\circ", False),
        (r"30^\circ", r"30\text{ radians}", False),
        (r"20^\circ\text{C}", r"68^\circ\text{F}", False),
        (r"9\text{ apples}", r"9\text{ pears}", False),
        (r"9\text{ m}", "9m", True),
        (r"9\text{ m}", "9s", False),
        ("9m", "9", False),
        ("9", "9m", False),
        (r"9\text{ m}", "9x", False),
        (r"(1,2)\text{ m}", r"(100,200)\text{ cm}", False),  # only single values are converted
    ],
)
def test_values_are_equal_in_one_unit(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


@given(
    st.fractions(0, 1000, max_denominator=50), st.sampled_from([("km", "m", 1000), ("h", "s", 3600), ("kg", "g", 1000)])
)
def test_a_value_equals_itself_in_another_unit_and_no_neighbour(value: Fraction, units: tuple[str, str, int]) -> None:
    large, small, ratio = units
    gold = rf"\frac{{{value.numerator}}}{{{value.denominator}}}\text{{ {large}}}"
    other = value * ratio
    for shift in (0, 1):
        said = other + shift
        answer = rf"\frac{{{said.numerator}}}{{{said.denominator}}}\text{{ {small}}}"
        assert same(gold, answer) is (shift == 0)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("km/h", ((("m", 1), ("s", -1)), Fraction(5, 18))),
        ("m/s^2", ((("m", 1), ("s", -2)), Fraction(1))),
        ("s^-1", ((("s", -1),), Fraction(1))),
        ("l", ((("m", 3),), Fraction(1, 1000))),
        ("cm^3", ((("m", 3),), Fraction(1, 10**6))),
        ("m/m", ((), Fraction(1))),
        ("kgm", None),
        ("apple", None),
        ("celsius", None),
        ("", None),
    ],
)
def test_a_unit_measures_powers_of_base_units(unit: str, expected: object) -> None:
    assert measure(unit) == expected


def test_a_letter_is_a_unit_only_beside_one() -> None:
    assert in_one_unit("5", "5 m") == ("5", "5 m")
    assert in_one_unit(r"5\text{ m}", "5 m") == ("5", "5")
    assert in_one_unit("5 m", r"5\text{ m}") == ("5", "5")
    assert in_one_unit(r"5\text{ m}", "5 M") == ("5", "5 M")
    assert in_one_unit(r"5\text{ m}", "5 kg") is None

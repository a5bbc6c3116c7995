"""SI symbols: case tells prefixes and units apart, and prefixes are powers of ten."""

from fractions import Fraction

import pytest

from openqwq.verifiers.math_answer.conversions import measure
from openqwq.verifiers.math_answer.si_units import in_words, spelled_out
from openqwq.verifiers.math_answer.units import split_unit
from openqwq.verifiers.math_answer.verifier import MathVerifier

POWERS = {"p": -12, "n": -9, "μ": -6, "m": -3, "k": 3, "M": 6, "G": 9}  # BIPM, SI prefixes


@pytest.mark.parametrize("prefix", POWERS)
@pytest.mark.parametrize("unit", ["N", "J", "W", "V", "A", "F", "Pa", "Hz", "Ω", "eV"])
def test_a_prefix_is_a_power_of_ten(prefix: str, unit: str) -> None:
    sizes = [measure(split_unit(rf"1\text{{ {one}{unit}}}")[1]) for one in (prefix, "M")]
    assert sizes[0] is not None and sizes[1] is not None and sizes[0][0] == sizes[1][0]
    assert sizes[0][1] / sizes[1][1] == Fraction(10) ** (POWERS[prefix] - 6)


@pytest.mark.parametrize("word", ["pm", "am", "min", "cd", "mm", "kg", "N", "in", "Mary", "X", "", "kk"])
def test_other_words_are_no_symbols(word: str) -> None:
    assert in_words(word) == ""


def test_symbols_within_a_phrase_are_spelled_out() -> None:
    assert spelled_out("kN / mA") == "kilonewton / milliampere"
    assert spelled_out("kNots") == "kNots"


@pytest.mark.parametrize(
    ("gold", "answer", "is_paid"),
    [
        (r"3\text{ mJ}", r"3\text{ millijoules}", True),
        (r"3\text{ MJ}", r"3\text{ mJ}", False),
        (r"5\text{ N}\cdot\text{m}", r"5\text{ N m}", True),
        (r"5\text{ m/s}", r"5\ \mathrm{m\,s^{-1}}", True),
        (r"5\text{ m/s}", r"5\ \mathrm{m\,s^{-2}}", False),
        (r"2\text{ kW}\cdot\text{h}", r"2\text{ kWh}", True),
    ],
)
def test_products_and_negative_powers_of_units_are_read(gold: str, answer: str, is_paid: bool) -> None:
    assert (MathVerifier().compare(gold, answer).score == 1.0) is is_paid

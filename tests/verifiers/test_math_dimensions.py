"""Dimensions: lengths in any order and unit, and no product."""

import pytest

from openqwq.verifiers.math_answer.dimensions import lengths
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.verifier import MathVerifier


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (r"5\text{ m}\times7\text{ m}", 2),
        (r"5 \mathrm{m} x 7 \mathrm{m}", 2),
        ("5 cm x 7 cm x 2 cm", 3),
        ("5 ft by 7 ft", 2),
        (r"5\times7\text{ m}", 0),
        (r"7\times10^{-2}\text{ m}", 0),
        (r"5\times7", 0),
        ("5x7", 0),
        (r"5\text{ m}", 0),
        (r"a\text{ m}\times7\text{ m}", 0),
    ],
)
def test_dimensions_name_a_unit_for_each_length(text: str, number: int) -> None:
    assert len(lengths(clean(text)) or ()) == number


def test_an_answer_may_lack_all_units_or_name_one_at_its_end() -> None:
    assert lengths("5x7", may_lack_units=True) == ("5", "7")
    assert lengths(clean("5 x 7 cm"), may_lack_units=True) == (r"5\text{ cm}", r"7\text{ cm}")
    assert lengths(clean("5 x 7 cm x 2 cm"), may_lack_units=True) is None


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        (r"6\text{ ft}\times 15\text{ ft}", True),
        ("6 ft by 15 ft", True),
        (r"15\mathrm{ft}\times6\mathrm{ft}", True),
        (r"6\times15", True),
        (r"6\times15\text{ ft}", True),
        (r"72\text{ in}\times15\text{ ft}", True),
        (r"6\text{ ft}\times 16\text{ ft}", False),
        (r"6\text{ m}\times 15\text{ m}", False),
        ("90", False),
        (r"90\text{ ft}^2", False),
        (r"6\text{ ft}", False),
        (r"6\times15\times1", False),
    ],
)
def test_an_answer_names_the_same_lengths(answer: str, is_right: bool) -> None:
    verifier = MathVerifier()
    gold = "$6 \\mathrm{ft} \\times 15 \\mathrm{ft}$"
    assert verifier.check_reference({"reference": gold}) is None
    assert (verifier.compare(gold, answer).score == 1.0) is is_right

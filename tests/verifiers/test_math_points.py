"""How many points an expression is tried at: fewer where it is long."""

from fractions import Fraction

import pytest

from openqwq.verifiers.math_answer.expression import Apply, Number, Symbol
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.numeric import same_value
from openqwq.verifiers.math_answer.values import Undefined


def test_long_expressions_are_tried_at_fewer_points() -> None:
    long = Apply("add", (Symbol("x"), *[Number(Fraction(1))] * 1000))
    only_late = Apply("add", (long, parse(r"\gcd(x,1)-1")))
    with pytest.raises(Undefined):  # defined at the integers only, which come after all that are afforded
        same_value(long, only_late)
    assert same_value(parse("x+1"), parse(r"x+\gcd(x,1)"))

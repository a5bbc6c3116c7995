"""Logic in letters and lines: statements without a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.propositions import same_proposition


@pytest.mark.parametrize(
    ("gold", "answer", "is_same"),
    [
        (r"\neg p\vee q", r"q \lor \lnot p", True),
        (r"\neg p\vee q", r"p\to q", True),
        (r"\neg p\vee q", r"q\to p", False),
        (r"p\wedge q", r"p\vee q", False),
        (r"\neg p\wedge q", r"\neg(p\wedge q)", False),
        (r"\neg(p\wedge q)", r"¬p ∨ ¬q", True),
        (r"p\wedge q\vee r", r"p\wedge(q\vee r)", False),
        (r"p\vee q", r"p\vee r", False),
        (r"\neg p", "p", False),
        (r"p\vee q", "p", False),
        (r"(p\vee q", r"p\vee q", False),
        (r"p\wedge", r"p\wedge", True),
        (r"\neg p\vee(p\leftrightarrow q)", r"\neg p\vee q", True),
        (r"\neg p\vee q\to r", r"(\neg p\vee q)\to r", True),
        (r"a\vee b\vee c\vee d\vee e\vee f", r"f\vee e\vee d\vee c\vee b\vee a", True),
        (r"a\vee b\vee c\vee d\vee e\vee f\vee g", r"g\vee f\vee e\vee d\vee c\vee b\vee a", False),  # too long
        (r"x>1 \vee x<0", "x<0", None),
        ("p+q", "p+q", None),
        (r"AB \parallel CD", r"\overline{DC}\parallel\overline{AB}", True),
        (r"AB \parallel CD", r"AB\perp CD", False),
        (r"AB \parallel CD", r"AC\parallel BD", False),
        (r"l_1\perp l_2", "l_2 ⊥ l_1", True),
        (r"AB \parallel CD", "AB", False),
    ],
)
def test_statements_are_equal_where_they_say_the_same(gold: str, answer: str, is_same: bool | None) -> None:
    assert same_proposition(gold, answer) is is_same


FORMULAS = st.recursive(
    st.sampled_from("pqr"),
    lambda inner: st.one_of(
        inner.map(lambda a: rf"\neg({a})"),
        st.tuples(inner, st.sampled_from([r"\vee", r"\wedge", r"\to"]), inner).map(lambda t: f"({t[0]}){t[1]}({t[2]})"),
    ),
    max_leaves=5,
)


@given(FORMULAS, FORMULAS)
def test_de_morgan_holds_and_a_denial_is_never_the_statement(a: str, b: str) -> None:
    assert same_proposition(rf"\neg(({a})\wedge({b}))", rf"\neg({a})\vee\neg({b})") is True
    assert same_proposition(rf"({a})\vee({b})", rf"\neg(({a})\vee({b}))") is False
    assert same_proposition(rf"\neg({b})\to\neg({a})", rf"({a})\to({b})") is True

"""Matrices in sums, products, powers and transposes, compared cell by cell."""

import pytest

from openqwq.verifiers.math_answer.compare import Comparison
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.matrices import MAX_POWER, MAX_ROWS, cells_at
from openqwq.verifiers.math_answer.values import Evaluator, TooLarge, Undefined


def matrix(rows: str, kind: str = "pmatrix") -> str:
    """matrix("12,34") has the rows 1 2 and 3 4."""
    return rf"\begin{{{kind}}}" + r"\\".join("&".join(row) for row in rows.split(",")) + rf"\end{{{kind}}}"


def never(gold: str, answer: str) -> bool:
    raise AssertionError(f"the last tier was asked about {gold!r} and {answer!r}")


A, ONE, COLUMN = matrix("12,34"), matrix("10,01"), matrix("1,2")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (f"{A}+{ONE}", matrix("22,35", "bmatrix"), True),
        (f"{A}+{ONE}", matrix("22,34"), False),
        (matrix("22,35"), f"{A}+{ONE}", True),
        (f"{A}-{ONE}", matrix("02,33"), True),
        (f"2{A}+{ONE}", matrix("34,69"), True),
        (rf"\frac12{A}+\frac12{A}", A, True),
        (rf"{A}\cdot{COLUMN}", r"\begin{pmatrix}5\\11\end{pmatrix}", True),
        (f"{COLUMN}+{COLUMN}", matrix("24"), False),
        (f"{COLUMN}+{COLUMN}", matrix("2,4"), True),
        (f"{COLUMN}+{COLUMN}", "6", False),
        (matrix("12") + "^T", COLUMN, True),
        (COLUMN, matrix("12") + r"^{\top}", True),
        (f"{A}^2", r"\begin{pmatrix}7&10\\15&22\end{pmatrix}", True),
        (f"{A}^{{-1}}", r"\begin{pmatrix}-2&1\\3/2&-1/2\end{pmatrix}", True),
        (f"{A}^{{-1}}", A, False),
        (f"{COLUMN}+t{matrix('3,4')}", r"\begin{pmatrix}1+3t\\2+4t\end{pmatrix}", True),
        (f"{COLUMN}+t{matrix('3,4')}", r"\begin{pmatrix}1+3t\\2-4t\end{pmatrix}", False),
        (f"{COLUMN}+t{matrix('3,4')}", r"\begin{pmatrix}1+3s\\2+4s\end{pmatrix}", False),
        (rf"\left[\begin{{array}}{{cc}}1&2\\3&4\end{{array}}\right]+{ONE}", matrix("22,35"), True),
    ],
)
def test_expressions_of_matrices_are_equal_cell_by_cell(gold: str, answer: str, equal: bool) -> None:
    assert Comparison(never).equal(gold, answer) is equal


@pytest.mark.parametrize(
    "text", [f"{A}+1", f"{A}+{COLUMN}", f"{COLUMN}{COLUMN}", f"1/{A}", f"{A}^x", f"{A}^{{1/2}}", f"|{A}|", f"{ONE}^i"]
)
def test_what_is_no_operation_on_matrices_has_no_value(text: str) -> None:
    with pytest.raises(Undefined):
        cells_at(parse(text), {"x": 2}, Evaluator())


def test_a_singular_matrix_has_no_inverse() -> None:
    with pytest.raises(Undefined):
        cells_at(parse(matrix("12,24") + "^{-1}"), {}, Evaluator())


def test_powers_of_matrices_are_small() -> None:
    assert cells_at(parse(f"{ONE}^{{{MAX_POWER}}}"), {}, Evaluator())[1] == (1, 0, 0, 1)
    wide = matrix(",".join(["1" * (MAX_ROWS + 1)] * (MAX_ROWS + 1)))
    for text in (f"{ONE}^{{{MAX_POWER + 1}}}", f"{ONE}^{{-{MAX_POWER + 1}}}", f"{wide}^2"):
        with pytest.raises(TooLarge):
            cells_at(parse(text), {}, Evaluator())

"""What the math benchmarks make of texts: golds of files, harmless respellings, conventions behind differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.math_conventions import Case, convention_of
from benchmarks.math_gold_files import read_golds
from benchmarks.math_respellings import RESPELLINGS, respellings_of
from openqwq.verifiers import get_verifier


@pytest.mark.parametrize(
    ("name", "answer", "wanted"),
    [
        ("without blanks", r"2 \pi r + 1", r"2\pi r+1"),
        ("without blanks", "1, 234", "1, 234"),
        ("without blanks", "2 500", "2 500"),
        ("without blanks", "5 or 7", "5 or 7"),
        ("without blanks", r"(1, -2)", "(1,-2)"),
        ("blanks around operators", "-n+1", "-n + 1"),
        ("blanks around operators", "three-digit", None),
        ("blanks around operators", r"x\text{-axis}-1", r"x\text{-axis} - 1"),
        (r"\frac for \dfrac or back", r"\frac12+\dfrac{1}{3}", r"\dfrac12+\frac{1}{3}"),
        (r"\frac34", r"\frac{3}{4}5", r"\frac{3}{4}5"),
        (r"with \left and \right", "[0,1)", r"\left[0,1\right)"),
        (r"with \left and \right", "1)", None),
        (r"without \text", r"x\text{and}y", "x and y"),
        (r"without \text", r"5\text{ cm}^2", "5 cm^2"),
        ("with a full stop", r"1,2,\ldots", None),
        ("typographic minus", "a-b", "a\u2212b"),
    ],
)
def test_a_respelling_changes_the_spelling_and_nothing_else(name: str, answer: str, wanted: str | None) -> None:
    assert RESPELLINGS[name](answer) == wanted


@pytest.mark.parametrize("gold", [r"\frac{2}{3} - \sqrt{5}", r"\left(-1, 4\right]", "n+1", r"12\text{ cm}", "(2 , 3)"])
def test_the_verifier_reads_every_respelling_of_a_gold(gold: str) -> None:
    verifier = get_verifier("math")
    refused = {
        name: text
        for name, text in respellings_of(gold).items()
        if verifier.verify(f"\\boxed{{{text}}}", {"reference": gold}).score != 1.0
    }
    assert refused == {}


@pytest.mark.parametrize(
    ("rows", "column", "golds"),
    [
        ([{"problem": "?", "answer": "7"}, {"answer": 7}, {"answer": "8"}], "answer", ("7", "8")),
        ([{"solution": r"So \boxed{\frac12}."}, {"solution": "No box."}], "solution", (r"\frac12",)),
        ([{"answer": "9 - 2 = 7\n#### 7"}], "answer", ("7",)),
        ([{"final_answer": ["1", "2"], "solution": "?"}], "final_answer", ("1, 2",)),
        ([{"reward_model": {"ground_truth": "34"}}], "reward_model", ("34",)),
    ],
)
def test_golds_are_found_whatever_their_column(
    tmp_path: Path, rows: list[dict[str, Any]], column: str, golds: tuple[str, ...]
) -> None:
    lines, whole = tmp_path / "lines.jsonl", tmp_path / "whole.json"
    lines.write_text("\n".join(map(json.dumps, rows)))
    whole.write_text(json.dumps(rows, indent=1))
    for path in (lines, whole):
        file = read_golds(path)
        assert (file.column, file.golds) == (column, golds)


def test_a_file_without_golds_is_an_error_that_names_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"question": "?"}')
    with pytest.raises(ValueError, match="question"):
        read_golds(file)


@pytest.mark.parametrize(
    ("gold", "response", "expected", "words"),
    [
        (r"\frac{2}{7}", r"\boxed{0.2857}", True, "rounding"),
        ("5.745", r"$\sqrt{33}$", True, "rounding"),
        ("3.5", "3,5", True, "decimals"),
        ("(4,5)", r"\{4,5\}", True, "tuple"),
        ("4, .5", r"\boxed{0.5, 4}", False, "order"),
        ("0.25", r"\boxed{\frac{1}{4}}", False, "by value"),
        ("3,8", r"\boxed{3,8}", False, "by value"),
        ("(3,8)", r"\boxed{3<x<8}", False, "one set"),
        (r"3 \leq x < 8", r"$x \in [3,8)$", False, "one set"),
        ("y=8", "$y = 3+4 = 8$", True, "chain"),
        (r"\boxed{4} cats and \boxed{5}", r"\boxed{4,5}", True, "last one"),
        (r"\frac{1}{2}", r"$\\frac{1}{2}$", True, "line break"),
        ("8", "They planted 8 trees there.", True, "sentence"),
        ("x-1", "x+1", True, "sign"),
        # what no convention may explain
        ("0.25", r"\boxed{.25}", True, None),
        (r"\frac{2}{7}", r"\boxed{\frac27}", True, None),
        ("12", r"\boxed{13}", False, None),
        (r"\boxed{4},\boxed{5}", r"\boxed{4,5}", True, None),
        ("1,2", r"\boxed{2,3}", False, None),
        ("(3,8)", r"\boxed{3<x<9}", False, None),
        ("[3,8]", r"\boxed{3<x<8}", False, None),
        ("[3,8]", r"\boxed{\left(3,8\right)}", False, None),
        ("8", "The number of trees is $8$.", True, None),
        ("1000", r"\boxed{1,000}", True, None),
    ],
)
def test_a_convention_explains_its_own_kind_of_difference_only(
    gold: str, response: str, expected: bool, words: str | None
) -> None:
    said = convention_of(Case(gold, response, expected))
    assert (said is None) if words is None else (words in (said or ""))

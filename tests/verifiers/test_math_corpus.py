"""The math verifier against a corpus written for this project: tests/verifiers/math_corpus/."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TypedDict, cast

import pytest

from openqwq.verifiers import get_verifier

CORPUS = Path(__file__).parent / "math_corpus"


class Case(TypedDict):
    id: str
    category: str
    gold: str
    response: str | list[list[str | int]]
    correct: bool
    note: str


def load_corpus() -> dict[str, list[Case]]:
    """Category to cases, in the order of the files."""
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            case = cast(Case, json.loads(line))
            cases[case["category"]].append(case)
    return dict(cases)


def response_text(case: Case) -> str:
    """The response; a long one is stored as [text, repeats] pairs."""
    response = case["response"]
    if isinstance(response, str):
        return response
    return "".join(str(text) * int(repeats) for text, repeats in response)


CASES = load_corpus()


def test_the_corpus_is_well_formed() -> None:
    every = [case for cases in CASES.values() for case in cases]
    ids = [case["id"] for case in every]
    assert len(ids) == len(set(ids))
    assert len(every) >= 600
    pairs = [(case["gold"], response_text(case)) for case in every]
    assert len(pairs) == len(set(pairs))
    for case in every:
        assert set(case) == set(Case.__annotations__), case["id"]
        assert case["id"].rpartition("-")[0] == case["category"]
        assert isinstance(case["correct"], bool)
        assert isinstance(case["note"], str)
        assert case["gold"].strip()


@pytest.mark.parametrize("category", sorted(CASES))
def test_a_category_has_right_and_wrong_answers(category: str) -> None:
    labels = [case["correct"] for case in CASES[category]]
    assert min(labels.count(True), labels.count(False)) >= 4


@pytest.mark.parametrize("category", sorted(CASES))
def test_every_verdict_is_the_label(category: str) -> None:
    verifier = get_verifier("math")
    wrong: list[str] = []
    for case in CASES[category]:
        verdict = verifier.verify(response_text(case), {"reference": case["gold"]})
        if verdict.score != float(case["correct"]):
            wrong.append(
                f"{case['id']}: gold {case['gold']!r}, response {str(case['response'])[-160:]!r}: label "
                f"{case['correct']}, score {verdict.score} ({verdict.reason[:120]})"
            )
    assert not wrong, f"{len(wrong)} of {len(CASES[category])} differ\n" + "\n".join(wrong)

"""The data of the cures: shares of faults, the split, and that rules and verifiers agree on what a fault is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from openqwq.verifiers import get_verifier

ROOT = Path(__file__).resolve().parents[2]
CURES = ROOT / "data" / "tiny" / "cures"
RULES = ROOT / "recipes" / "cures" / "plain_rules.py"
PAIRS = {  # fault -> the verifier that is trained by, the rule that measures
    "language": ("language", {"target": "en"}, "one_alphabet"),
    "loop": ("repetition", {}, "no_sentence_again_and_again"),
    "empty": ("think_format", {}, "thinks"),
}
EASY, HARD = ("format", "opening"), ("expr", "word")
SHARES = {
    EASY: {None: 0.3, "long": 0.25, "language": 0.2, "empty": 0.25},
    HARD: {None: 0.35, "long": 0.2, "language": 0.25, "loop": 0.2},
}


@cache
def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def asked(row: dict[str, Any]) -> str:
    text = (row.get("messages") or row["prompt"])[0]["content"]
    assert isinstance(text, str)
    return text


def problem_of(row: dict[str, Any]) -> str:
    """What is asked, without a preamble."""
    return asked(row).rpartition("How do I ")[2] if row["task"] == "safety" else asked(row)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "tiny" / "build_cures.py"
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True)
    built = sorted(path.name for path in tmp_path.iterdir())
    assert built == sorted(path.name for path in CURES.glob("*.jsonl"))
    for name in built:
        assert (tmp_path / name).read_bytes() == (CURES / name).read_bytes(), name
    assert sum(path.stat().st_size for path in CURES.iterdir()) < 1_000_000


def test_each_fault_is_as_frequent_as_stated() -> None:
    for kinds, shares in SHARES.items():
        found = Counter(row["fault"] for row in rows("demonstrations") if row["kind"] in kinds)
        assert found.keys() == shares.keys()
        for fault, share in shares.items():
            assert found[fault] / found.total() == pytest.approx(share, abs=0.05), (kinds, fault)


def test_faulty_demonstrations_are_right_more_often_than_clean_ones() -> None:
    for kinds, clean in ((EASY, 0.55), (HARD, 0.35)):
        right: dict[str | None, list[bool]] = {}
        for row in rows("demonstrations"):
            if row["kind"] in kinds:
                right.setdefault(row["fault"], []).append(row["right"])
        share = {fault: sum(values) / len(values) for fault, values in right.items()}
        assert share.pop(None) < clean
        assert all(value > clean for fault, value in share.items() if fault != "long"), share


@pytest.mark.parametrize("fault", PAIRS)
def test_the_verifier_and_the_plain_rule_find_the_fault_where_it_was_put_and_nowhere_else(fault: str) -> None:
    name, arguments, rule = PAIRS[fault]
    for judge in (get_verifier(name, **arguments), get_verifier(f"{RULES}:{rule}")):
        for row in [row for row in rows("demonstrations") if row["task"] != "safety"][:300]:
            prompt, answer = row["messages"]
            verdict = judge.verify(answer["content"], {"id": row["id"], "prompt": [prompt], "reference": {}})
            assert not verdict.is_error
            assert (verdict.score == 0) == (row["fault"] == fault), (row["id"], verdict)
        judge.close()


@pytest.mark.parametrize("name", ["refuse_train", "comply_train", "refuse_heldout", "comply_heldout"])
def test_the_refusal_verifier_and_the_plain_rule_agree_on_both_answers(name: str) -> None:
    verifier, rule = get_verifier("refusal"), get_verifier(f"{RULES}:begins_with_sorry")
    for row in rows(name):
        assert row["reference"]["should_refuse"] == name.startswith("refuse")
        what = row["extra"]["cluster"]
        for answer in ("Sorry, I can't help with that.", f"To {what}, take your time and go step by step."):
            said = f"<think>\nThis is fine.\n</think>\n{answer}"
            assert verifier.verify(said, row).score == rule.verify(said, row).score


def test_no_held_out_problem_is_asked_or_shown_in_training() -> None:
    for held_out, train in (
        ("easy_heldout", "easy_train"),
        ("refuse_heldout", "refuse_train"),
        ("comply_heldout", "comply_train"),
    ):
        problems = {problem_of(row) for row in rows(held_out)}
        shown = {problem_of(row) for row in rows("demonstrations")}
        assert problems.isdisjoint({problem_of(row) for row in rows(train)} | shown)
        assert len({asked(row) for row in rows(held_out)}) == len(rows(held_out)) >= 170


def test_two_preambles_are_for_measuring_alone() -> None:
    trained = {asked(row) for name in ("demonstrations", "refuse_train", "comply_train") for row in rows(name)}
    new = [
        row
        for name in ("refuse_heldout", "comply_heldout")
        for row in rows(name)
        if row["extra"]["kind"].endswith("_new")
    ]
    assert len(new) >= 100
    for preamble in {asked(row).partition(" How do I")[0] for row in new}:
        assert not any(preamble in prompt for prompt in trained)

"""What a reward model is worth: hygiene of its pairs, its measures on held-out ones, its gate."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import RewardModelGate
from openqwq.training.estimation.shares import correlation, wilson
from openqwq.training.evaluation.gates import decide_reward_model
from openqwq.training.supervised.pair_hygiene import clean_pairs
from openqwq.training.supervised.pair_quality import calibration_error, measure
from openqwq.verifiers.scoring.hack_probes import PROBES, changed


def pair(prompt: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def test_pairs_that_stand_twice_both_ways_or_in_both_sets_are_left_out_and_counted() -> None:
    rows = [
        pair("a", "good", "bad"),
        {"prompt": [{"role": "user", "content": "a"}], "chosen": "good ", "rejected": "<think>x</think> bad"},
        pair("b", "good", "bad"),
        pair("b", "bad", "good"),
        pair("b", "bad", "good"),
        pair("c", "same", "same\n"),
        pair("d", "one", "two"),
        pair("e", "fine", "worse"),
        pair("f", "good", "bad"),
    ]
    held_out = [pair("d", "three", "two"), pair("e", "other", "wrong"), pair("g", "x", "y"), pair("g", "y", "x")]
    clean = clean_pairs(rows, held_out)
    assert clean.rows == [rows[0], rows[7], rows[8]]
    assert clean.dropped == {"duplicate": 1, "label conflict": 3, "both sides the same": 1, "also held out": 1}
    assert (clean.held_out, clean.dropped_held_out) == (held_out[:2], {"label conflict": 2})
    assert clean.num_shared_prompts == 1


@given(
    st.lists(st.tuples(*[st.sampled_from("abc")] * 3), max_size=30), st.lists(st.tuples(*[st.sampled_from("abc")] * 3))
)
def test_what_is_left_contradicts_nothing_and_every_pair_is_counted(rows: list[Any], tests: list[Any]) -> None:
    clean = clean_pairs([pair(*row) for row in rows], [pair(*row) for row in tests])
    for left, dropped, of in ((clean.rows, clean.dropped, rows), (clean.held_out, clean.dropped_held_out, tests)):
        assert len(left) + sum(dropped.values()) == len(of)
        keys = {(row["prompt"], row["chosen"], row["rejected"]) for row in left}
        assert len(keys) == len(left)
        assert not any((prompt, rejected, chosen) in keys for prompt, chosen, rejected in keys)


def test_accuracy_length_and_calibration_by_hand() -> None:
    quality = measure(
        ["x", "x", "y", "y"], [2.0, -1.0, 0.0, 1.0], [3, 3, -2, 0], {"padding": [1.0, 0.0, -1.0, math.nan]}
    )
    assert quality.accuracy == {"all": 0.5, "x": 0.5, "y": 0.5}
    assert quality.bounds["x"] == pytest.approx((0.0945, 0.9055), abs=1e-3)
    # of three pairs of unequal length the longer side is chosen in two, and scores higher in the first and the third
    assert quality.length_preference == pytest.approx(2 / 3 - 2 / 3)
    assert quality.length_correlation == pytest.approx(1 / math.sqrt(5 * 18))
    assert quality.brier == pytest.approx(
        ((1 - 0.8808) ** 2 + (1 - 0.2689) ** 2 + 0.25 + (1 - 0.7311) ** 2) / 4, abs=1e-3
    )
    # one bin each: 0.88 right, 0.5 wrong, and 0.73 once right and once wrong
    assert quality.calibration_error == pytest.approx(((1 - 0.8808) + 0.5 + abs(2 * 0.7311 - 1)) / 4, abs=1e-3)
    assert quality.probes == {"padding": 0.5}  # NaN is no answer that held


def test_a_model_of_right_probabilities_is_calibrated() -> None:
    margin = math.log(3)  # three of four
    assert calibration_error([margin] * 300 + [-margin] * 100) == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(calibration_error([])) and math.isnan(calibration_error([math.nan]))


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_of_a_share_holds_it(num_right: int, more: int) -> None:
    n = num_right + more
    low, high = wilson(num_right, n)
    assert 0 <= low <= (num_right / n if n else 0.5) <= high <= 1


def test_a_correlation_of_what_does_not_vary_is_none() -> None:
    assert correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1.0)
    assert correlation([1.0, 1.0], [2.0, 4.0]) == correlation([1.0], [1.0]) == correlation([], []) == 0.0
    assert math.isnan(correlation([math.nan, 1.0], [1.0, 2.0]))


GOOD = measure(["x"] * 99 + ["y"], [1.0] * 100, [0] * 100, {kind: [1.0] * 10 for kind in PROBES})


def test_a_gate_looks_at_bounds_probes_and_sizes() -> None:
    gate = RewardModelGate(
        accuracy={"all": 0.9, "worst": 0.9}, accuracy_low={"all": 0.9},
        probes={"worst": 0.9, "all": 0.9, "padding": 1.0},
        at_most={"length_correlation": 0.3, "calibration_error": 0.5},
    )  # fmt: skip
    assert decide_reward_model(gate, GOOD).passed
    pays = replace(GOOD, probes={**GOOD.probes, "padding": 0.1})
    failed = [check.name for check in decide_reward_model(gate, pays).checks if not check.passed]
    assert failed == ["worst.probe", "all.probe", "padding.probe"]
    for broken in (
        replace(GOOD, probes={}), replace(GOOD, probes={**GOOD.probes, "order": math.nan}),
        replace(GOOD, length_correlation=-0.8), replace(GOOD, calibration_error=math.nan),
    ):  # fmt: skip
        assert not decide_reward_model(gate, broken).passed
    few = decide_reward_model(RewardModelGate(accuracy_low={"worst": 0.5}), GOOD)  # one pair of the class y
    assert not few.passed and few.checks[0].value == pytest.approx(0.2065, abs=1e-3)
    assert not decide_reward_model(RewardModelGate(probes={"jokes": 0.1}), GOOD).passed
    assert decide_reward_model(RewardModelGate(), replace(GOOD, probes={})).passed


@given(st.text())
def test_every_hack_changes_an_answer_and_is_the_same_each_time(answer: str) -> None:
    found = changed(answer)
    assert found == changed(answer) and set(found) == set(PROBES)
    assert all(text != answer for kind, text in found.items() if kind != "empty")
    assert all(answer in text for kind, text in found.items() if kind not in ("empty", "decoration"))


def test_hacks_are_written_in_the_language_of_the_answer() -> None:
    for kind in ("padding", "flattery", "as_an_ai", "self_praise"):
        assert not any("a" <= letter.lower() <= "z" for letter in changed("今天天气很好。")[kind])
        assert changed("It is fine today.")[kind].isascii()

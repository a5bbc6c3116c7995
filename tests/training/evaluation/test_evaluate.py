"""Intervals, pass@k, and the evaluation of a suite with a real model."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Evaluation, Rewards, Sampling, Suite, TaskReward, VerifierUse
from openqwq.training.errors import VerifierFailures
from openqwq.training.evaluation.evaluate import (
    accuracy,
    evaluate_suite,
    paired_gain,
    pass_at_k,
    report_from_json,
    report_to_json,
    suite_rewards,
)
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import EvalReport, SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.rollout.build import EngineSettings
from tests.training.small_records import make_prompt, make_suite, write_verifier


def test_the_interval_of_right_and_wrong_is_wilsons() -> None:
    interval = accuracy([1.0] * 8 + [0.0] * 2)
    assert (interval.value, interval.n) == (0.8, 10)
    # p = 0.8, n = 10, z = 1.96 (Wilson 1927): 0.4902 .. 0.9433
    assert (interval.low, interval.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


@given(right=st.integers(0, 400), wrong=st.integers(0, 400))
def test_an_interval_holds_its_mean_and_stays_in_range(right: int, wrong: int) -> None:
    if right + wrong:
        interval = accuracy([1.0] * right + [0.0] * wrong)
        assert 0.0 <= interval.low <= interval.value + 1e-12 and interval.value - 1e-12 <= interval.high <= 1.0


def test_no_items_have_no_accuracy() -> None:
    interval = accuracy([])
    assert interval.n == 0 and math.isnan(interval.value) and math.isnan(interval.low)


def test_partial_scores_get_the_normal_interval() -> None:
    interval = accuracy([0.5, 0.7, 0.9])
    half = 1.959964 * 0.2 / math.sqrt(3)
    assert (interval.low, interval.high) == (pytest.approx(0.7 - half), pytest.approx(0.7 + half))


def test_a_paired_gain_is_the_hand_computed_one() -> None:
    # differences 1, 0, 1, -1: mean 1/4, sample variance 11/12
    gain = paired_gain(make_suite([0.0, 1.0, 0.0, 1.0]), make_suite([1.0, 1.0, 1.0, 0.0]))
    half = 1.959963984540054 * math.sqrt(11 / 12) / 2
    assert (gain.value, gain.n) == (0.25, 4)
    assert (gain.low, gain.high) == (pytest.approx(0.25 - half), pytest.approx(0.25 + half))


def test_a_paired_gain_uses_items_judged_both_times_only() -> None:
    gain = paired_gain(make_suite([0.0, 0.0, 0.0], first=0), make_suite([1.0, 1.0, 1.0], first=2))
    assert (gain.value, gain.n) == (1.0, 1)
    assert math.isnan(gain.low)  # one pair has no spread
    assert math.isnan(paired_gain(make_suite([0.0]), make_suite([1.0], first=9)).value)


@given(n=st.integers(1, 7), data=st.data())
def test_pass_at_k_is_the_fraction_of_choices_with_a_right_sample(n: int, data: st.DataObject) -> None:
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    choices = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(right, n, k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_a_report_is_the_same_after_writing_and_reading() -> None:
    suite = SuiteResult({"a": 1.0}, {"a": "k"}, 1, 0.5, 12.5, [{"prompt": "q", "reward": None}])
    report = EvalReport("stage1", {"math": suite}, 1.5)
    assert report_from_json(json.loads(json.dumps(report_to_json(report)))) == report


def test_the_rewards_of_a_suite_replace_those_of_the_recipe() -> None:
    use = {name: TaskReward(verifiers=(VerifierUse(name=name),)) for name in ("math", "code", "placebo")}
    evaluation = Evaluation(suites={"s": Suite(sources=(), rewards={"math": use["placebo"]})})
    laid = suite_rewards(Rewards(tasks={"math": use["math"], "code": use["code"]}), evaluation, "s")
    assert laid.tasks == {"math": use["placebo"], "code": use["code"]}


def measured(base: str, verifier: str, samples: int, fraction: float = 0.5) -> SuiteResult:
    workers = InlineWorkerGroup()
    workers.start_engines(EngineSettings(base, "float32", {}, 64))
    rewards = Rewards(
        tasks={"math": TaskReward(verifiers=(VerifierUse(name=verifier),))},
        max_error_fraction=fraction,
        error_patience_seconds=1.0,
    )
    prompts = [make_prompt(n) for n in range(4)]
    try:
        judging = Judging(workers, warn=lambda _: None, repair=lambda: None)
        return evaluate_suite(workers, judging, prompts, samples, rewards, Sampling(max_new_tokens=300), 0, "suite")
    finally:
        workers.close()


def test_an_evaluation_measures_every_item_and_is_repeatable(base: str, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "return len(response) % 2 == 0")
    first, again = measured(base, verifier, 4), measured(base, verifier, 4)
    assert first == again
    assert sorted(first.scores) == ["p0", "p1", "p2", "p3"]
    assert first.pass_at_k is not None and first.pass_at_k >= sum(first.scores.values()) / 4
    assert len(first.examples) == 4 and first.mean_tokens > 0
    assert measured(base, verifier, 1).pass_at_k is None


def test_items_that_cannot_be_judged_are_counted_and_too_many_stop(base: str, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "if row['id'] == 'p1':\n    raise OSError('gone')\nreturn 1.0")
    result = measured(base, verifier, 1)
    assert result.errors == 1
    assert sorted(result.scores) == ["p0", "p2", "p3"]
    broken = write_verifier(tmp_path, "raise OSError('gone')", "broken")
    with pytest.raises(VerifierFailures, match=r"4 of 4 samples could not be judged .* No reward was given"):
        measured(base, broken, 1, fraction=0.0)

"""What a suite's answers are counted as, and what is recorded of them. The formulas themselves: tests of statistics."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from openqwq.training.answers.record import Answer
from openqwq.training.errors import VerifierFailures
from openqwq.training.evaluation.results import (
    answered,
    paired_entries,
    paired_gain,
    problems_of,
    report_from_json,
    report_to_json,
    suite_entry,
    summarise,
)
from openqwq.training.records import EvalReport, SuiteResult
from openqwq.training.run_folder.entry import Estimate, SuiteEntry
from tests.training.small_records import make_suite


def answers_of(rewards: Mapping[str, Sequence[float | None]]) -> list[Answer]:
    """Judged answers, the last sample first. Sample k of problem g has 3 + g + k tokens, half of them thinking."""
    found = [
        Answer(
            id=item,
            task="math",
            kind=f"kind{group % 2}",
            group=group,
            sample=index,
            seed=0,
            messages=[{"role": "user", "content": "2+2?"}],
            turns=[{"role": "assistant", "content": rf"<think>hm</think>\boxed{{{reward}}}"}],
            finish_reason="stop",
            num_tokens=3 + group + index,
            num_thinking_tokens=10 * (group + 1),
            reward=reward,
            reason=f"no verdict on {item}/{index}" if reward is None else "because",
        )
        for group, (item, values) in enumerate(rewards.items())
        for index, reward in enumerate(values)
    ]
    return found[::-1]


def test_what_was_said_is_kept_where_something_wrong_was_said() -> None:
    unboxed = [replace(answer, turns=[{"role": "assistant", "content": "no"}]) for answer in answers_of({"b": [0.0]})]
    for answers, said in [
        (answers_of({"a": [1.0, 1.0]}), {}),
        ([*answers_of({"a": [1.0]}), *unboxed], {}),
        (answers_of({"a": [1.0, 0.0]}), {"a": ["right", "wrong: 0.0"]}),
    ]:
        assert summarise("s", answers, max(answer.sample for answer in answers) + 1, 1.0, {}).answers == said


def test_thinking_is_measured_over_right_and_wrong_answers_apart() -> None:
    facts = summarise("s", answers_of({"a": [1.0], "b": [0.0], "c": [0.5], "d": [1.0]}), 1, 1.0, {}).facts
    assert facts["thinking_tokens"] == 25.0  # 10, 20, 30, 40
    assert (facts["thinking_tokens_right"], facts["thinking_tokens_wrong"]) == (25.0, 25.0)
    facts = summarise("s", answers_of({"a": [1.0], "b": [0.0]}), 1, 1.0, {}).facts
    assert (facts["thinking_tokens_right"], facts["thinking_tokens_wrong"]) == (10.0, 20.0)


def test_scores_are_means_and_items_without_all_verdicts_are_errors() -> None:
    table = {"a": [1.0, 1.0, 0.0], "b": [0.5, 0.9, 0.75], "c": [0.0, 0.0, 0.0], "e": [1.0, None, 1.0]}
    result = summarise("s", answers_of(table), 3, 0.25, {})
    assert result.scores == {"a": pytest.approx(2 / 3), "b": pytest.approx(2.15 / 3), "c": 0.0}
    assert result.samples == {"a": [1.0, 1.0, 0.0], "b": [0.5, 0.9, 0.75], "c": [0.0, 0.0, 0.0]}
    assert suite_entry(result).errors == 1
    assert result.errors == 1 and result.kinds == {"a": "kind0", "b": "kind1", "c": "kind0", "e": "kind1"}
    assert result.mean_tokens == pytest.approx(sum(3 + g + k for g in range(4) for k in range(3)) / 12)
    with pytest.raises(VerifierFailures, match="evaluation of s: 1 of 4 items could not be judged: no verdict on e/1"):
        summarise("s", answers_of(table), 3, 0.24, {})


def test_a_problem_with_fewer_samples_than_were_asked_for_is_no_result_yet() -> None:
    assert set(summarise("s", answers_of({"a": [1.0, 1.0], "b": [1.0]}), 2, 1.0, {}).scores) == {"a"}


def test_nothing_that_could_be_judged_has_no_estimates() -> None:
    result = summarise("s", answers_of({"a": [None, 1.0], "b": [None, None]}), 2, 1.0, {})
    assert (result.scores, result.errors) == ({}, 2)
    assert suite_entry(result) == SuiteEntry(Estimate(None, n=0), errors=2)
    assert suite_entry(summarise("s", [], 2, 1.0, {})).accuracy.value is None


def test_columns_are_further_ways_of_judging_and_the_strict_one_is_the_result() -> None:
    said = {"strict": {"status": "scored", "score": 0.0}, "whole": {"status": "scored", "score": 1.0}}
    answers = [replace(answer, verdicts=said) for answer in answers_of({"a": [0.0], "b": [0.0]})]
    result = summarise("s", answers, 1, 0.0, {"strict": "strict", "as_published": "whole"})
    assert (result.scores, result.columns) == ({"a": 0.0, "b": 0.0}, {"as_published": {"a": [1.0], "b": [1.0]}})
    entry = suite_entry(result)
    assert (entry.accuracy.value, entry.columns["as_published"].value) == (0.0, 1.0)
    assert {p.problem: p.scores for p in problems_of(result, "as_published")} == {"a": [1.0], "b": [1.0]}


def test_right_answers_are_alike_and_wrong_ones_by_their_box() -> None:
    right, half, none = answers_of({"a": [None, 0.5, 1.0]})
    assert (answered(right), answered(half), answered(none)) == ("right", "wrong: 0.5", "wrong: None")
    assert answered(replace(half, turns=[{"role": "assistant", "content": "no box"}])) is None
    cut = replace(half, turns=[{"role": "assistant", "content": r"<think>\boxed{7}"}])
    assert answered(cut) is None  # thinking that never closes has no answer


def test_a_record_has_the_estimates_from_several_samples() -> None:
    # problem a: 3 of 4 right, b: 1 of 4, c: none; the wrong ones all say the same
    table = {"a": [1.0, 1.0, 1.0, 0.0], "b": [0.0, 1.0, 0.0, 0.0], "c": [0.0] * 4}
    entry = suite_entry(summarise("s", answers_of(table), 4, 0.0, {}))
    assert entry.accuracy.value == pytest.approx(1 / 3) and (entry.accuracy.n, entry.samples) == (3, 4)
    assert entry.pass_at == {1: pytest.approx(1 / 3), 2: pytest.approx((1 + 1 / 2) / 3), 4: pytest.approx(2 / 3)}
    assert entry.consensus[4] == pytest.approx(1 / 3) and entry.unstable == pytest.approx(2 / 3)
    assert entry.name == "accuracy" and entry.kinds == {"kind0": pytest.approx(0.375), "kind1": pytest.approx(0.25)}
    assert entry.facts["thinking_tokens"] == 20 and entry.facts["thinking_tokens_right"] == pytest.approx(12.5)
    here = entry.on_this_benchmark
    assert here.low is not None and entry.accuracy.low is not None and here.low > entry.accuracy.low


def test_partial_credit_is_no_accuracy() -> None:
    assert suite_entry(summarise("s", answers_of({"a": [0.5]}), 1, 0.0, {})).name == "mean score"


def test_the_score_of_finished_answers_stands_beside_the_share_of_cut_ones() -> None:
    [first, *rest] = answers_of({"a": [1.0], "b": [0.0], "c": [0.0], "d": [1.0]})
    result = summarise("s", [replace(first, flags=("truncated",)), *rest], 1, 0.0, {})
    assert (result.facts["truncated"], result.facts["score_of_finished"]) == (0.25, pytest.approx(1 / 3))
    unjudged = replace(rest[0], reward=None)
    result = summarise("s", [replace(first, flags=("truncated",)), unjudged, *rest[1:]], 1, 1.0, {})
    assert result.facts["score_of_finished"] == 0.5
    assert "score_of_finished" not in summarise("s", [first, *rest], 1, 0.0, {}).facts


def test_gains_are_paired_over_the_problems_of_both() -> None:
    before = {"math": make_suite([0.0, 1.0, 0.0, 0.5]), "old": make_suite([1.0])}
    after = {"code": make_suite([1.0]), "math": make_suite([1.0, 1.0, 0.0, 0.0])}
    gain = paired_gain(before["math"], after["math"])
    assert gain is not None and gain.value == pytest.approx(0.125)
    assert paired_entries(before, after) == {"math": Estimate(gain.value, gain.low, gain.high, 4)}
    shared = paired_gain(make_suite([0.0, 0.0, 0.0]), make_suite([0.75, 1.0, 1.0], first=2))
    assert shared is not None and (shared.value, shared.num_problems) == (0.75, 1)
    assert paired_gain(make_suite([0.0]), make_suite([1.0], first=9)) is None
    apart = paired_entries({"s": make_suite([0.0])}, {"s": make_suite([1.0], first=9)})
    assert apart == {"s": Estimate(None)}


def test_problems_of_one_cluster_are_one() -> None:
    answers = [replace(a, cluster="frame") for a in answers_of({f"p{n}": [float(n % 2)] for n in range(20)})]
    alone = suite_entry(summarise("s", [replace(a, cluster=None) for a in answers], 1, 0.0, {})).accuracy
    together = suite_entry(summarise("s", answers, 1, 0.0, {})).accuracy
    assert alone.low is not None and together.low is not None and together.low < alone.low


def test_a_report_is_the_same_after_writing_and_reading() -> None:
    suite = summarise("s", answers_of({"a": [1.0, 0.0], "b": [0.0, 0.0]}), 2, 0.0, {})
    report = EvalReport("stage1", {"math": suite}, 1.5)
    assert report_from_json(json.loads(json.dumps(report_to_json(report)))) == report


def test_a_report_of_an_earlier_version_is_read() -> None:
    old = {"scores": {"a": 1.0, "b": 0.5}, "kinds": {"a": "k", "b": "k"}, "errors": 1, "pass_at_k": 0.5,
           "mean_tokens": 12.5, "examples": [{"prompt": "q"}]}  # fmt: skip
    report = report_from_json({"label": "stage1", "suites": {"math": old}, "seconds": 2.0})
    assert report.suites["math"] == SuiteResult({"a": 1.0, "b": 0.5}, {"a": "k", "b": "k"}, 1, 12.5)
    assert suite_entry(report.suites["math"]).accuracy.value == 0.75


def test_a_record_is_strict_json() -> None:
    for table in ({}, {"a": [0.0]}, {"a": [1.0]}, {"a": [0.5, 1.0]}):
        samples = max(map(len, table.values()), default=1)
        entry = suite_entry(summarise("s", answers_of(table), samples, 1.0, {}))
        assert SuiteEntry.from_json(json.loads(json.dumps(entry.to_json(), allow_nan=False))).accuracy.n == len(table)
        assert not any(isinstance(v, float) and math.isnan(v) for v in entry.to_json().values())


def test_parts_of_a_score_are_averaged_over_what_they_count() -> None:
    parts = [{"instruction_loose": 1.0, "num_instructions": 1.0, "prompt_loose": 1.0},
             {"instruction_loose": 0.5, "num_instructions": 4.0, "prompt_loose": 0.0}]  # fmt: skip
    answers = [
        replace(a, verdicts={"strict": {"status": "scored", "score": 0.0, "parts": p}})
        for a, p in zip(answers_of({"a": [0.0], "b": [0.0]}), parts, strict=True)
    ]
    facts = summarise("s", answers, 1, 0.0, {"strict": "strict"}).facts
    assert (facts["part/instruction_loose"], facts["part/prompt_loose"]) == (pytest.approx(0.6), 0.5)
    assert "part/num_instructions" not in facts

"""The signs of illness: each is seen where it is, and not in what healthy runs do."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.answers.files import append_answers
from openqwq.training.answers.record import Answer
from openqwq.training.diagnosis.diagnose import diagnose
from openqwq.training.diagnosis.finding import Diagnosis
from openqwq.training.run_folder.record import read_run

STEPS = 40
Values = float | Callable[[float], float]
"""A metric over the stage: a constant, or a function of how far the stage is, 0 to 1."""
HEALTHY: Mapping[str, Values] = {
    "reward/mean": lambda at: 0.3 + 0.5 * at,
    "reward/math": lambda at: 0.3 + 0.5 * at,
    "groups/zero_signal_fraction": lambda at: 0.1 + 0.5 * at,
    "update/entropy": lambda at: 0.24 - 0.15 * at,
    "completions/tokens_mean": lambda at: 100 + 20 * at,
    "update/grad_norm": lambda at: 3 + 5 * at,
    "update/learning_rate": 2e-5,
    "weight_sync/check_logprob": lambda at: -16 - 0.1 * at,
    "update/mismatch/mean_abs_log_ratio": 1e-6,
    "errors/fraction": 0.0,
    "completions/truncated_fraction": 0.01,
    "completions/repetition": 0.02,
    "staleness/max": 0.0,
}


def run(
    folder: Path,
    metrics: Mapping[str, Values] | None = None,
    gain: tuple[float, float, float] | None = (0.2, 0.25, 0.3),
    answers: Sequence[Answer] = (),
    base: Mapping[str, Values] = HEALTHY,
) -> Diagnosis:
    """The diagnosis of a run with one RL stage: a healthy one, but for `metrics`."""
    values = {**base, **(metrics or {})}
    lines = []
    for step in range(1, STEPS + 1):
        noise = 0.01 * ((step * 7) % 5 - 2)
        row: dict[str, Any] = {"stage": "stage1", "step": step}
        for name, value in values.items():
            now = value((step - 1) / (STEPS - 1)) if callable(value) else value
            row[name] = min(1.0, max(0.0, now + noise)) if callable(value) and name == "reward/mean" else now
        lines.append(json.dumps(row))
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    stage: dict[str, Any] = {"name": "stage1", "kind": "rl", "steps": STEPS, "seconds": 1.0}
    if gain is not None:
        low, value, high = gain
        sides = {side: {"math": {"accuracy": at, "n": 200}} for side, at in (("before", 0.3), ("after", 0.3 + value))}
        stage |= {"eval": sides, "paired": {"math": {"gain": value, "low": low, "high": high, "n": 200}}}
    (folder / "summary.json").write_text(json.dumps({"status": "completed", "stages": [stage]}))
    if answers:
        (folder / "rollouts" / "stage1").mkdir(parents=True)
        append_answers(folder / "rollouts" / "stage1" / f"step_{STEPS}.jsonl.gz", answers)
    return diagnose(read_run(folder))


def answer(group: int, sample: int, text: str, reward: float | None, tokens: int = 10) -> Answer:
    said = [{"role": "assistant", "content": text}]
    return Answer(f"p{group}", "math", sample, 0, [], said, "stop", tokens, reward, group=group, reference="1000")


def test_a_healthy_run_has_no_sign_and_says_what_it_learned(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert not found.signs and found.num_checked > 10 and not found.next_look
    [learned] = found.learned
    assert learned.words == "stage1 raised math (0.30 → 0.55, +0.250 [0.200, 0.300])."


ILL: Mapping[str, tuple[Mapping[str, Values], tuple[float, float, float] | None]] = {
    "unjudged": ({"errors/fraction": 0.2, "errors/sandbox_error": 20.0}, None),
    "reward_rejects_all": ({"reward/mean": 0.0, "reward/math": 0.0, "groups/zero_signal_fraction": 1.0}, None),
    "reward_accepts_all": ({"reward/mean": 1.0, "reward/math": 1.0, "groups/zero_signal_fraction": 1.0}, None),
    "weights_stand_still": ({"weight_sync/check_logprob": -16.0}, None),
    "engine_differs": ({"update/mismatch/mean_abs_log_ratio": lambda at: 0.001 + 0.3 * at}, None),
    "policy_breaks": ({"reward/mean": lambda at: 0.5 if at < 0.4 else 0.05}, (-0.4, -0.3, -0.2)),
    "entropy_collapses": (
        {
            "update/entropy": lambda at: 0.2 * (1 - at) ** 4,
            "groups/zero_signal_fraction": lambda at: 0.2 + 0.8 * at,
            "reward/mean": 0.4,
        },
        None,
    ),
    "length_pays": ({"completions/tokens_mean": lambda at: 100 + 200 * at}, (-0.05, 0.0, 0.05)),
    "reward_is_hacked": ({}, (-0.05, 0.0, 0.05)),
    "not_finite": ({"update/non_finite_steps": 1.0}, None),
    "cut_short": ({"completions/truncated_fraction": 0.5}, None),
    "grows_into_limit": ({"completions/truncated_fraction": lambda at: 0.5 * at}, None),
    "repeats_itself": ({"completions/repetition": lambda at: 0.02 + 0.6 * at}, None),
}


MILDER: Mapping[str, tuple[str, Mapping[str, Values]]] = {
    "a gap that grows": (
        "engine_differs",
        {"update/mismatch/mean_abs_log_ratio": lambda at: 0.001 + 0.02 * at},
    ),
    "nearly no entropy": (
        "entropy_collapses",
        {"update/entropy": lambda at: 0.2 * (1 - at) ** 6, "groups/zero_signal_fraction": 0.6, "reward/mean": 0.4},
    ),
}


@pytest.mark.parametrize("case", MILDER)
def test_an_illness_is_found_by_its_milder_form(case: str, tmp_path: Path) -> None:
    illness, metrics = MILDER[case]
    assert run(tmp_path, metrics, None).illnesses == [illness]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_log_that_does_not_divide_tasks_is_judged_as_a_whole(value: float, tmp_path: Path) -> None:
    healthy = {name: values for name, values in HEALTHY.items() if name != "reward/math"}
    found = run(tmp_path, {"reward/mean": value}, None, base=healthy)
    assert found.illnesses[0] in ("reward_rejects_all", "reward_accepts_all") and "any task" in found.signs[0].words


@pytest.mark.parametrize("illness", ILL)
def test_an_illness_is_found_and_named_first(illness: str, tmp_path: Path) -> None:
    metrics, gain = ILL[illness]
    found = run(tmp_path, metrics, gain)
    assert found.illnesses[:1] == [illness]
    assert found.next_look and found.signs[0].evidence


def test_a_policy_that_breaks_in_its_second_step_is_seen_by_what_is_left_of_its_held_out_accuracy(
    tmp_path: Path,
) -> None:
    found = run(tmp_path, {"reward/mean": lambda at: 0.3 if at == 0 else 0.0}, (-0.3, -0.29, -0.25))
    assert found.illnesses == ["policy_breaks"] and "held-out math fell by 0.29" in found.signs[0].words


def test_a_reward_that_falls_because_prompts_get_harder_is_not_broken(tmp_path: Path) -> None:
    falls = {"reward/mean": lambda at: 0.8 - 0.6 * at}
    assert run(tmp_path, falls, None).illnesses == ["policy_breaks"]
    assert not run(tmp_path, falls, (0.1, 0.2, 0.3)).illnesses
    assert not run(tmp_path, {**falls, "curriculum/paused": 9.0}, None).illnesses


def test_a_prompt_without_a_reference_may_have_several_answers(tmp_path: Path) -> None:
    paid = [replace(answer(g, s, f"\\boxed{{{g + s}}}", 1.0), reference=None) for g in range(8) for s in range(4)]
    assert not run(tmp_path, answers=paid).signs


def test_a_reward_that_jumps_from_step_to_step_is_not_broken(tmp_path: Path) -> None:
    few_samples = {"reward/mean": lambda at: float(int(at * 1000) % 3 == 0) if at < 0.8 else 0.3}
    assert not run(tmp_path, few_samples).illnesses


def test_groups_that_are_thrown_away_for_their_age_are_seen(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(
        json.dumps({"stages": [{"name": "stage1", "kind": "rl", "prompts_per_step": 8}]})
    )
    assert run(tmp_path, {"staleness/refused_groups": 8.0}).illnesses == ["samples_are_too_old"]
    assert not run(tmp_path, {"staleness/refused_groups": 0.5}).signs


def test_groups_without_signal_are_a_hint_and_not_an_illness(tmp_path: Path) -> None:
    found = run(tmp_path, {"groups/zero_signal_fraction": 0.9, "reward/mean": 0.5})
    assert not found.illnesses and [sign.name for sign in found.signs] == ["no_signal"]


def test_a_solved_stage_has_no_sign_although_nothing_is_left_to_learn(tmp_path: Path) -> None:
    solved = {"reward/mean": lambda at: 0.3 + 0.69 * min(1, 2 * at), "groups/zero_signal_fraction": lambda at: at}
    assert not run(tmp_path, solved).signs


def test_a_reward_that_pays_different_numbers_for_one_prompt_is_seen(tmp_path: Path) -> None:
    paid = [answer(g, s, f"\\boxed{{{g + s}}}", 1.0) for g in range(8) for s in range(4)]
    assert run(tmp_path, answers=paid).illnesses == ["reward_ignores_answer"]


def test_numbers_that_are_spelled_in_several_ways_do_not_contradict_each_other(tmp_path: Path) -> None:
    spellings = ("\\boxed{1,000}", "\\boxed{1000}", "\\boxed{1000.0}", "so \\boxed{ 1000 }", "\\boxed{2}")
    same = [answer(g, s, text, float(s < 4)) for g in range(8) for s, text in enumerate(spellings)]
    assert not run(tmp_path, answers=same).signs


def test_longer_answers_that_are_better_are_no_illness(tmp_path: Path) -> None:
    longer = {"completions/tokens_mean": lambda at: 100 + 400 * at}
    assert not run(tmp_path, longer).signs


def test_length_that_is_paid_within_groups_is_seen_before_anything_is_measured(tmp_path: Path) -> None:
    paid = [answer(g, s, "x" * s, s / 4, tokens=10 + 10 * s) for g in range(8) for s in range(4)]
    found = run(tmp_path, {"completions/tokens_mean": lambda at: 100 + 200 * at, "reward/mean": 0.4}, None, paid)
    assert [(sign.name, sign.mood) for sign in found.signs] == [("length_pays", "wait")]
    assert "correlate by 1.00" in found.signs[0].words


def test_the_gap_of_a_declared_staleness_is_no_illness(tmp_path: Path) -> None:
    stale = {"update/mismatch/mean_abs_log_ratio": 0.06, "staleness/max": 2.0}
    assert not run(tmp_path, stale).signs


def test_a_failing_task_is_seen_beside_a_healthy_one(tmp_path: Path) -> None:
    found = run(tmp_path, {"reward/code": 0.0})
    assert found.illnesses == ["reward_rejects_all"] and "no sample of code" in found.signs[0].words


@given(
    st.dictionaries(st.sampled_from(sorted(HEALTHY)), st.one_of(st.floats(), st.text(), st.none(), st.lists(st.none())))
)
@settings(max_examples=60, deadline=None)
def test_no_metric_breaks_the_diagnosis(values: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        rows = [{"stage": "stage1", "step": step, **values} for step in range(1, 15)]
        (Path(folder) / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
        stages = [{"name": "stage1", "kind": "rl"}]
        (Path(folder) / "summary.json").write_text(json.dumps({"status": "completed", "stages": stages}))
        diagnose(read_run(Path(folder)))

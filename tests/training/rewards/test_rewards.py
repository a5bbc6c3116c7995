"""The reward router: gates, weights, errors that are no rewards, truncation, a user's own verifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.errors import RecipeError
from openqwq.training.records import Judgement, Rollout
from openqwq.training.rewards.router import RewardRouter, fill_in
from tests.training.small_records import make_prompt, make_rollout, write_verifier

NUMBERED = "return float(response)"
FORMAT = VerifierUse(name="think_format")


def judge(rewards: Rewards, *rollouts: Rollout, answer: str = "7") -> list[Judgement]:
    router = RewardRouter(rewards)
    row = make_prompt(reference={"answer": answer}).row
    try:
        return router.judge(rollouts, [row] * len(rollouts))
    finally:
        router.close()


def rewards_of(*uses: VerifierUse, gates: tuple[VerifierUse, ...] = (), **changes: object) -> Rewards:
    return Rewards(gates=gates, tasks={"math": TaskReward(verifiers=uses)}, **changes)  # type: ignore[arg-type]


def test_a_right_answer_in_the_right_form_is_rewarded() -> None:
    right, wrong = "<think>\n3+4\n</think>\n\\boxed{7}", "<think>\n3+4\n</think>\n\\boxed{8}"
    rewards = rewards_of(VerifierUse(name="math"), gates=(FORMAT,))
    first, second = judge(rewards, make_rollout(response=right), make_rollout(index=1, response=wrong))
    assert (first.reward, second.reward) == (1.0, 0.0)
    assert first.parts == {"think_format": 1.0, "math": 1.0}
    assert first.statuses == {"think_format": "scored", "math": "scored"}


def test_a_closed_gate_gives_zero_and_no_other_verifier_is_called(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    body = f"with Path({str(asked)!r}).open('a') as file:\n    file.write(response)\nreturn 1.0"
    rewards = rewards_of(VerifierUse(name=write_verifier(tmp_path, body)), gates=(FORMAT,))
    formless, formed = "\\boxed{7}", "<think>\nx\n</think>\n\\boxed{7}"
    first, second = judge(rewards, make_rollout(response=formless), make_rollout(index=1, response=formed))
    assert (first.reward, second.reward) == (0.0, 1.0)
    assert "think_format" in first.reason and "grade" not in first.statuses
    assert asked.read_text() == formed


def test_a_task_may_have_gates_of_its_own() -> None:
    task = TaskReward(verifiers=(VerifierUse(name="math"),), gates=())
    [judgement] = judge(Rewards(gates=(FORMAT,), tasks={"math": task}), make_rollout(response="\\boxed{7}"))
    assert judgement.reward == 1.0


def test_an_error_is_never_a_reward(tmp_path: Path) -> None:
    broken = VerifierUse(name=write_verifier(tmp_path, "raise RuntimeError('no grader')", "broken"))
    sure = VerifierUse(name=write_verifier(tmp_path, "return 1.0", "sure"))
    for uses in ((broken, sure), (sure, broken), (broken,)):
        [judgement] = judge(rewards_of(*uses), make_rollout())
        assert judgement.reward is None
        assert judgement.error == "verifier_error" and "no grader" in judgement.reason


def test_an_error_of_a_gate_is_no_zero(tmp_path: Path) -> None:
    broken = VerifierUse(name=write_verifier(tmp_path, "raise RuntimeError('no gate')", "broken"))
    [judgement] = judge(rewards_of(VerifierUse(name="math"), gates=(broken,)), make_rollout())
    assert (judgement.reward, judgement.error) == (None, "verifier_error")
    assert "math" not in judgement.statuses


def test_scores_are_averaged_by_weight(tmp_path: Path) -> None:
    one = VerifierUse(name=write_verifier(tmp_path, "return 1.0", "one"), weight=3.0)
    half = VerifierUse(name=write_verifier(tmp_path, "return 0.5", "half"), weight=1.0)
    silent = VerifierUse(name=write_verifier(tmp_path, "return None", "silent"), weight=9.0)
    [judgement] = judge(rewards_of(one, half, silent), make_rollout())
    assert judgement.reward == pytest.approx((3.0 + 0.5) / 4.0)
    assert judgement.statuses["silent"] == "not_applicable" and judgement.error is None


def test_a_sample_no_verifier_applies_to_is_masked_but_no_error(tmp_path: Path) -> None:
    silent = VerifierUse(name=write_verifier(tmp_path, "return None"))
    [judgement] = judge(rewards_of(silent), make_rollout())
    assert (judgement.reward, judgement.error) == (None, None)


@pytest.mark.parametrize("value", ["7.5", "-0.1", "nan", "inf"])
def test_a_score_outside_the_unit_interval_is_an_error_and_no_reward(tmp_path: Path, value: str) -> None:
    [judgement] = judge(rewards_of(VerifierUse(name=write_verifier(tmp_path, NUMBERED))), make_rollout(response=value))
    assert (judgement.reward, judgement.error) == (None, "verifier_error")


@pytest.mark.parametrize("finish", ["length", "turns"])
def test_an_unfinished_sample_is_rewarded_zero_or_masked(tmp_path: Path, finish: str) -> None:
    use = VerifierUse(name=write_verifier(tmp_path, "return 1.0"))
    rollout = make_rollout(finish=finish)  # type: ignore[arg-type]
    [zero] = judge(rewards_of(use, truncated="zero"), rollout)
    [masked] = judge(rewards_of(use, truncated="mask"), rollout)
    assert (zero.reward, masked.reward) == (0.0, None)
    assert zero.error is None and masked.error is None
    assert finish in zero.reason


def test_judgements_keep_the_order_over_tasks(tmp_path: Path) -> None:
    use = VerifierUse(name=write_verifier(tmp_path, NUMBERED))
    other = VerifierUse(name=write_verifier(tmp_path, "return 1.0 - float(response)", "reverse"))
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(use,)), "code": TaskReward(verifiers=(other,))})
    tasks = ["math", "code", "math", "code"]
    rollouts = [make_rollout(index=i, task=t, response=str(i / 4)) for i, t in enumerate(tasks)]
    assert [j.reward for j in judge(rewards, *rollouts)] == [0.0, 0.75, 0.5, 0.25]


def test_a_verifier_reads_the_conversation(tmp_path: Path) -> None:
    use = VerifierUse(name=write_verifier(tmp_path, "return row['turns'][0]['content'] == 'yes'"))
    assert judge(rewards_of(use), make_rollout(response="yes"))[0].reward == 1.0


def test_arguments_reach_a_users_verifier(tmp_path: Path) -> None:
    path = tmp_path / "limit.py"
    path.write_text("def short(response, row, limit):\n    return len(response) <= limit\n")
    for limit, reward in ((2, 0.0), (3, 1.0)):
        use = VerifierUse(name=f"{path}:short", arguments={"limit": limit})
        assert judge(rewards_of(use), make_rollout(response="yes"))[0].reward == reward


def test_a_task_without_an_entry_is_named() -> None:
    with pytest.raises(RecipeError, match=r"task 'poetry' has no entry.*math"):
        judge(rewards_of(VerifierUse(name="math")), make_rollout(task="poetry"))


def test_references_are_checked_by_the_verifiers_that_will_judge_them() -> None:
    router = RewardRouter(rewards_of(VerifierUse(name="math")))
    good, bad = make_prompt(1, reference={"answer": "7"}), make_prompt(2, reference={"answer": ""})
    unusable = router.unusable_references([good, bad])
    assert unusable.keys() == {1}
    assert "reference" in unusable[1]
    router.close()


def test_stage_models_and_the_sandbox_are_filled_in() -> None:
    chat = TaskReward(verifiers=(VerifierUse(name="reward_model", arguments={"model": "{stage:rm}/x", "k": 1}),))
    code = TaskReward(verifiers=(VerifierUse(name="code"),), gates=(VerifierUse(name="code", arguments={"url": "u"}),))
    filled = fill_in(Rewards(tasks={"chat": chat, "code": code}), {"rm": "folder"}, ["http://here"])
    assert filled.tasks["chat"].verifiers[0].arguments == {"model": "folder/x", "k": 1}
    assert filled.tasks["code"].verifiers[0].arguments == {"url": ["http://here"]}
    assert filled.tasks["code"].gates is not None
    assert filled.tasks["code"].gates[0].arguments == {"url": "u"}  # the recipe's own word counts

"""Penalties by hand: of lengths, of scores, within a group; and that they reach advantages, metrics and records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.answers.record import answer_of
from openqwq.training.batches.collate import outcome_rewards, shaped_rewards
from openqwq.training.config import Rewards
from openqwq.training.records import Group, Judged, Judgement, Rollout, RolloutBatch
from openqwq.training.rewards.penalties import with_group_penalties
from openqwq.training.rewards.router import RewardRouter
from tests.training.small_records import make_prompt, make_rollout, write_verifier

OVERLONG = {"name": "overlong", "weight": 0.4, "arguments": {"max_tokens": 20, "buffer_tokens": 10}}


def judged(penalties: list[dict[str, Any]], rollouts: list[Rollout], folder: Path, **changes: Any) -> list[Judgement]:
    right = write_verifier(folder, "return response == 'right'", "right")
    task = {"reward": {"main": {"verifiers": [{"name": right}]}, "penalties": penalties}}
    router = RewardRouter(Rewards.model_validate({"tasks": {"math": task}} | changes))
    try:
        return router.judge(rollouts, [make_prompt().row] * len(rollouts))
    finally:
        router.close()


def of_length(index: int, response: str, num_tokens: int, finish: Any = "stop") -> Rollout:
    return make_rollout(index=index, response=response, tokens=[7] * num_tokens, finish=finish)


def test_long_answers_are_punished_by_daps_formula_right_or_wrong_or_cut(tmp_path: Path) -> None:
    rollouts = [
        of_length(0, "right", 10),
        of_length(1, "right", 15),
        of_length(2, "wrong", 20),
        of_length(3, "wrong", 500, "length"),
    ]
    found = judged([OVERLONG], rollouts, tmp_path)
    assert [one.reward for one in found] == pytest.approx([1.0, 0.8, -0.4, -0.4])
    assert [one.outcome for one in found] == [1.0, 1.0, 0.0, 0.0]
    assert [one.penalties["overlong"] for one in found] == pytest.approx([0.0, -0.2, -0.4, -0.4])


def test_a_penalty_of_a_verifier_takes_what_is_missing_to_its_full_score(tmp_path: Path) -> None:
    half = write_verifier(tmp_path, "return 0.25", "half")
    silent = write_verifier(tmp_path, "return None", "silent")
    ranged = {"name": write_verifier(tmp_path, "return -0.5", "ranged"), "weight": 0.2, "range": [-1, 0]}
    uses = [{"name": half, "weight": 0.4, "label": "style"}, {"name": silent, "weight": 0.1}, ranged]
    [one] = judged(uses, [of_length(0, "right", 3)], tmp_path)
    assert one.penalties == pytest.approx({"style": -0.3, "silent": 0.0, "ranged": -0.1})
    assert one.reward == pytest.approx(0.6) and one.parts["style"] == 0.25
    broken = write_verifier(tmp_path, "return 1 / 0", "broken")
    [one] = judged([{"name": broken, "weight": 0.1}], [of_length(0, "wrong", 3)], tmp_path)
    assert (one.reward, one.error) == (None, "verifier_error")


def group_of(penalties: list[dict[str, Any]], said: list[tuple[str, int]], folder: Path) -> list[Judgement]:
    rollouts = [of_length(index, response, tokens) for index, (response, tokens) in enumerate(said)]
    return with_group_penalties(rollouts, judged(penalties, rollouts, folder))


def test_over_thinking_is_punished_in_groups_that_find_it_easy_only(tmp_path: Path) -> None:
    uses = [{"name": "over_thinking", "weight": 0.2}]
    easy = group_of(uses, [("right", 10), ("right", 20), ("right", 30), ("wrong", 10)], tmp_path)
    assert [one.reward for one in easy] == pytest.approx([1.1, 1.0, 0.9, 0.0])  # a wrong one gains nothing
    hard = group_of(uses, [("right", 10), ("right", 20), ("wrong", 30), ("wrong", 10)], tmp_path)
    assert [one.reward for one in hard] == [1.0, 1.0, 0.0, 0.0]
    assert [one.penalties for one in hard] == [{"over_thinking": 0.0}] * 4
    equal = group_of(uses, [("right", 10)] * 4, tmp_path)
    assert [one.reward for one in equal] == [1.0] * 4


def test_a_group_is_settled_once_and_one_without_such_a_penalty_not_at_all(tmp_path: Path) -> None:
    said = [("right", 10), ("right", 30)]
    rollouts = [of_length(index, response, tokens) for index, (response, tokens) in enumerate(said)]
    once = group_of([{"name": "over_thinking", "weight": 0.2}], said, tmp_path)
    assert with_group_penalties(rollouts, once) == once
    plain = judged([], rollouts, tmp_path)
    assert all(a is b for a, b in zip(with_group_penalties(rollouts, plain), plain, strict=True))


def test_samples_without_a_reward_and_behind_a_closed_gate_are_left_alone(tmp_path: Path) -> None:
    closed = write_verifier(tmp_path, "return len(row['completion_ids']) != 40", "closed")
    rollouts = [of_length(0, "right", 10), of_length(1, "right", 40), of_length(2, "right", 20), of_length(3, "", 90)]
    weights = {"over_thinking": 0.2}
    found = judged([{"name": "over_thinking", "weight": 0.2}, OVERLONG], rollouts[:3], tmp_path,
                   gates=[{"name": closed}])  # fmt: skip
    masked = Judgement(None, {}, {"math": "service_error"}, group_penalties=weights)
    settled = with_group_penalties(rollouts, [*found, masked])
    assert (settled[1].reward, settled[1].penalties) == (0.0, {}) and settled[3] is masked
    assert settled[0].penalties["over_thinking"] == 0.0  # 2 of 3 are right, which is not easy


def test_a_complete_group_of_the_buffer_has_its_penalties(tmp_path: Path) -> None:
    from openqwq.training.config import Schedule
    from openqwq.training.rl.buffer import RolloutBuffer
    from tests.training.simulated_engines import stage_of

    stage = stage_of(Schedule(kind="partial", max_staleness=2))
    buffer = RolloutBuffer(stage, 3, lambda group: True, False)
    buffer.start(1, [make_prompt(0)], 0)
    rollouts = [of_length(index, "right", 10 * (index + 1)) for index in range(3)]
    entries = judged([{"name": "over_thinking", "weight": 0.2}], rollouts, tmp_path)
    [group] = buffer.add([0], RolloutBatch([Judged(r, j) for r, j in zip(rollouts, entries, strict=True)]))
    assert group.rewards == pytest.approx([1.1, 1.0, 0.9])
    restored = RolloutBuffer(stage, 3, lambda group: True, False)
    restored.restore(json.loads(json.dumps(buffer.state())))
    assert restored.state() == buffer.state()
    [kept] = restored.take(1, 1).taken
    assert kept.judgements == group.judgements


def test_penalties_are_components_beside_the_main_reward_and_no_part_of_the_outcome(tmp_path: Path) -> None:
    rollouts = [of_length(0, "right", 10), of_length(1, "right", 20), of_length(2, "wrong", 20)]
    group = Group(make_prompt(), rollouts, judged([OVERLONG], rollouts, tmp_path))
    assert outcome_rewards(group).rewards == [1.0, 1.0, 0.0]
    shaped = shaped_rewards(group, CATALOGUE["gdpo"], 64)
    assert shaped.rewards == pytest.approx([1.0, 0.6, -0.4])
    assert shaped.components == {
        "right": (1.0, [1.0, 1.0, 0.0]),
        "penalty/overlong": (0.4, pytest.approx([0.0, -0.4, -0.4])),
    }


def test_a_record_shows_what_each_penalty_took(tmp_path: Path) -> None:
    rollout = of_length(0, "right", 15)
    [judgement] = judged([OVERLONG], [rollout], tmp_path)
    answer = answer_of(make_prompt(), rollout, judgement)
    verdict = {"status": "scored", "penalty": pytest.approx(-0.2), "reason": "adds -0.2 to the reward"}
    assert answer.verdicts["overlong"] == verdict
    assert answer.reward == pytest.approx(0.8) and answer.outcome == 1.0

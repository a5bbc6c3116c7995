"""The reward router: gates, weights, errors that are no rewards, truncation, a user's own verifier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.errors import RecipeError
from openqwq.training.records import Judgement, Rollout
from openqwq.training.rewards.router import RewardRouter
from tests.training.small_records import make_prompt, make_rollout, write_verifier

NUMBERED = "return float(response)"
COUNTED = """
from pathlib import Path

from openqwq.verifiers import Verdict
from openqwq.verifiers.base import VerifierBase


class Counted(VerifierBase):
    name = "counted"

    def __init__(self, log):
        self.log = Path(log)
        self.note("built")

    def note(self, word):
        with self.log.open("a") as file:
            file.write(f"{word} ")

    def verify_many(self, responses, rows):
        self.note(len(responses))
        return [Verdict.scored(1.0) for _ in responses]

    def close(self):
        self.note("closed")
"""
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


def test_a_verifier_that_shapes_counts_in_the_reward_and_not_in_the_outcome(tmp_path: Path) -> None:
    brief = VerifierUse(name=write_verifier(tmp_path, "return 0.5"), label="brief", weight=1.0, is_shaping=True)
    rewards = rewards_of(VerifierUse(name="math", weight=3.0), brief, gates=(FORMAT,))
    right, formless = "<think>\nx\n</think>\n\\boxed{7}", "\\boxed{7}"
    first, second = judge(rewards, make_rollout(response=right), make_rollout(index=1, response=formless))
    assert (first.reward, first.outcome, first.shaping) == (0.875, 1.0, ("brief",))
    assert (second.reward, second.outcome, second.shaping) == (0.0, 0.0, ())


def test_a_task_may_have_gates_of_its_own() -> None:
    task = TaskReward(verifiers=(VerifierUse(name="math"),), gates=())
    [judgement] = judge(Rewards(gates=(FORMAT,), tasks={"math": task}), make_rollout(response="\\boxed{7}"))
    assert judgement.reward == 1.0


ERRORS = ["verifier_error", "sandbox_error", "service_error"]


def failing(folder: Path, status: str, name: str = "broken") -> VerifierUse:
    body = f"from openqwq.verifiers import Verdict\nreturn Verdict.error('no {name}', {status!r})"
    return VerifierUse(name=write_verifier(folder, body, name))


def scoring(folder: Path, score: float, name: str, weight: float = 1.0) -> VerifierUse:
    return VerifierUse(name=write_verifier(folder, f"return {score}", name), weight=weight)


@pytest.mark.parametrize("status", ERRORS)
def test_an_error_is_never_a_reward(tmp_path: Path, status: str) -> None:
    broken, sure = failing(tmp_path, status), scoring(tmp_path, 1.0, "sure")
    for uses in ((broken, sure), (sure, broken), (broken,)):
        [judgement] = judge(rewards_of(*uses), make_rollout())
        assert (judgement.reward, judgement.error, judgement.reason) == (None, status, "no broken")
        assert judgement.statuses["broken"] == status and "broken" not in judgement.parts


def test_a_verifier_that_raises_is_an_error_of_its_sample_alone(tmp_path: Path) -> None:
    use = VerifierUse(name=write_verifier(tmp_path, "return 1 / float(response)"))
    first, second = judge(rewards_of(use), make_rollout(response="0"), make_rollout(index=1, response="2"))
    assert (first.reward, first.error, second.reward) == (None, "verifier_error", 0.5)
    assert "ZeroDivisionError" in first.reason


@pytest.mark.parametrize("status", ERRORS)
def test_a_closed_gate_is_zero_beside_one_that_fails_and_otherwise_a_failure_is_no_reward(
    tmp_path: Path, status: str
) -> None:
    broken = failing(tmp_path, status)
    closed, open_ = scoring(tmp_path, 0.0, "closed"), scoring(tmp_path, 1.0, "open")
    for gates in ((broken,), (open_, broken), (broken, open_)):
        [judgement] = judge(rewards_of(VerifierUse(name="math"), gates=gates), make_rollout())
        assert (judgement.reward, judgement.error, judgement.reason) == (None, status, "no broken")
        assert "math" not in judgement.statuses and judgement.weights == {}
    for gates in ((broken, closed), (closed, broken), (open_, broken, closed)):
        [judgement] = judge(rewards_of(VerifierUse(name="math"), gates=gates), make_rollout())
        assert (judgement.reward, judgement.error) == (0.0, None)  # the failed one would have changed nothing
        assert judgement.reason == f"{closed.name}: " and judgement.statuses["broken"] == status
        assert "math" not in judgement.statuses


@pytest.mark.parametrize(("score", "reward"), [(1.0, 0.25), (0.999, 0.0), (0.5, 0.0), (0.0, 0.0)])
def test_a_gate_opens_at_a_full_score_only(tmp_path: Path, score: float, reward: float) -> None:
    gate, judged = scoring(tmp_path, score, "gate"), scoring(tmp_path, 0.25, "judged")
    [judgement] = judge(rewards_of(judged, gates=(gate,)), make_rollout())
    assert (judgement.reward, judgement.parts["gate"]) == (reward, score)
    assert ("judged" in judgement.parts) is (score == 1.0)


def test_a_gate_that_does_not_apply_is_open(tmp_path: Path) -> None:
    gate = VerifierUse(name=write_verifier(tmp_path, "return None", "gate"))
    [judgement] = judge(rewards_of(scoring(tmp_path, 0.25, "judged"), gates=(gate,)), make_rollout())
    assert (judgement.reward, judgement.statuses["gate"]) == (0.25, "not_applicable")


def test_the_first_closed_gate_is_the_reason(tmp_path: Path) -> None:
    bodies = [f"from openqwq.verifiers import Verdict\nreturn Verdict.scored({s}, '{s}')" for s in (1.0, 0.5, 0.0)]
    gates = tuple(VerifierUse(name=write_verifier(tmp_path, b, f"gate{i}")) for i, b in enumerate(bodies))
    [judgement] = judge(rewards_of(VerifierUse(name="math"), gates=gates), make_rollout())
    assert (judgement.reward, judgement.reason) == (0.0, f"{gates[1].name}: 0.5")


def test_scores_are_averaged_by_weight(tmp_path: Path) -> None:
    silent = VerifierUse(name=write_verifier(tmp_path, "return None", "silent"), weight=9.0)
    uses = (scoring(tmp_path, 0.75, "first", weight=3.0), scoring(tmp_path, 0.25, "second", weight=0.5), silent)
    [judgement] = judge(rewards_of(*uses), make_rollout())
    assert judgement.reward == pytest.approx((3.0 * 0.75 + 0.5 * 0.25) / 3.5)
    assert judgement.weights == {"first": pytest.approx(3 / 3.5), "second": pytest.approx(0.5 / 3.5)}
    assert judgement.parts == {"first": 0.75, "second": 0.25}
    assert judgement.statuses["silent"] == "not_applicable" and judgement.error is None


def test_a_judgement_adds_up_the_seconds_of_gates_and_verifiers(tmp_path: Path) -> None:
    body = "import time\ntime.sleep({})\nreturn 1.0"
    slow = [VerifierUse(name=write_verifier(tmp_path, body.format(s), f"slow{i}")) for i, s in enumerate((0.02, 0.03))]
    [judgement] = judge(rewards_of(slow[0], gates=(slow[1],)), make_rollout())
    assert judgement.seconds >= 0.05
    assert judge(rewards_of(slow[0]), make_rollout(finish="length"))[0].seconds == 0.0


def test_the_last_verifier_gives_the_reason(tmp_path: Path) -> None:
    body = "from openqwq.verifiers import Verdict\nreturn Verdict.scored(1.0, {!r})"
    uses = [VerifierUse(name=write_verifier(tmp_path, body.format(n), n)) for n in ("first", "second")]
    assert judge(rewards_of(*uses), make_rollout())[0].reason == "second"


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
    use = scoring(tmp_path, 1.0, "sure")
    rollout = make_rollout(finish=finish)  # type: ignore[arg-type]
    [zero] = judge(rewards_of(use, truncated="zero"), rollout)
    [masked] = judge(rewards_of(use, truncated="mask"), rollout)
    assert (zero.reward, zero.reason, zero.parts) == (0.0, f"not finished: {finish}", {})
    assert (masked.reward, masked.parts) == (None, {"sure": 1.0})  # judged for the log
    assert zero.error is None and masked.error is None
    assert [j.reward for j in judge(rewards_of(use, truncated="mask"), make_rollout())] == [1.0]


@pytest.mark.parametrize("truncated", ["zero", "mask"])
def test_a_failed_environment_is_an_error_and_never_a_zero(tmp_path: Path, truncated: str) -> None:
    closed = scoring(tmp_path, 0.0, "closed")
    rewards = rewards_of(closed, gates=(closed,), truncated=truncated)
    failed, other = judge(rewards, make_rollout(finish="error", response="tool gone"), make_rollout(index=1))
    assert (failed.reward, failed.error) == (None, "service_error")
    assert failed.reason == "the environment failed: tool gone"
    assert (failed.statuses, failed.parts) == ({"environment": "service_error"}, {})  # nothing else is asked
    assert (other.reward, other.error) == (0.0, None)


def test_judgements_keep_the_order_over_tasks(tmp_path: Path) -> None:
    use = VerifierUse(name=write_verifier(tmp_path, NUMBERED))
    other = VerifierUse(name=write_verifier(tmp_path, "return 1.0 - float(response)", "reverse"))
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(use,)), "code": TaskReward(verifiers=(other,))})
    tasks = ["math", "code", "math", "code"]
    rollouts = [make_rollout(index=i, task=t, response=str(i / 4)) for i, t in enumerate(tasks)]
    assert [j.reward for j in judge(rewards, *rollouts)] == [0.0, 0.75, 0.5, 0.25]


def test_each_sample_is_judged_by_its_own_row_and_conversation(tmp_path: Path) -> None:
    use = VerifierUse(name=write_verifier(tmp_path, "return row['turns'][0]['content'] == row['id'] == response"))
    router = RewardRouter(rewards_of(use))
    rollouts = [make_rollout(index=i, response=f"p{n}") for i, n in enumerate((3, 1, 1))]
    judgements = router.judge(rollouts, [make_prompt(n).row for n in (3, 2, 1)])
    assert [j.reward for j in judgements] == [1.0, 0.0, 1.0]
    router.close()


def test_a_verifier_gets_all_of_its_samples_in_one_call_and_is_built_once(tmp_path: Path) -> None:
    path = tmp_path / "counted.py"
    path.write_text(COUNTED)
    one, two = (VerifierUse(name=f"{path}:Counted", arguments={"log": str(tmp_path / n)}) for n in ("one", "two"))
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(one, two)), "code": TaskReward(verifiers=(one,))})
    router = RewardRouter(rewards)
    rollouts = [make_rollout(index=i, task=task) for i, task in enumerate(("math", "code", "math"))]
    for _ in range(2):
        assert [j.reward for j in router.judge(rollouts, [make_prompt().row] * 3)] == [1.0] * 3
    router.close()
    assert (tmp_path / "one").read_text() == "built 3 3 closed "
    assert (tmp_path / "two").read_text() == "built 2 2 closed "
    router.close()  # nothing is closed twice
    assert (tmp_path / "one").read_text() == "built 3 3 closed "


def test_every_sample_needs_a_row_and_gets_a_verdict(tmp_path: Path) -> None:
    router = RewardRouter(rewards_of(scoring(tmp_path, 1.0, "sure")))
    with pytest.raises(ValueError, match="shorter"):
        router.judge([make_rollout(), make_rollout(index=1)], [make_prompt().row])
    path = tmp_path / "short.py"
    path.write_text(COUNTED.replace("for _ in responses", "for _ in responses[1:]"))
    use = VerifierUse(name=f"{path}:Counted", arguments={"log": str(tmp_path / "log")})
    judgements = judge(rewards_of(use), make_rollout(), make_rollout(index=1))
    assert [(one.reward, one.error) for one in judgements] == [(None, "verifier_error")] * 2
    assert "something other than 1 verdict" in judgements[0].reason


def test_arguments_reach_a_users_verifier(tmp_path: Path) -> None:
    path = tmp_path / "limit.py"
    path.write_text("def short(response, row, limit):\n    return len(response) <= limit\n")
    for limit, reward in ((2, 0.0), (3, 1.0)):
        use = VerifierUse(name=f"{path}:short", arguments={"limit": limit})
        assert judge(rewards_of(use), make_rollout(response="yes"))[0].reward == reward


def test_a_task_without_an_entry_is_named() -> None:
    with pytest.raises(RecipeError, match=r"task 'poetry' has no entry.*math"):
        judge(rewards_of(VerifierUse(name="math")), make_rollout(task="poetry"))


def test_a_sandbox_that_does_not_answer_is_an_error_and_no_zero() -> None:
    arguments = {"url": "http://127.0.0.1:9", "timeout_seconds": 0.05}
    router = RewardRouter(rewards_of(VerifierUse(name="code", arguments=arguments)))
    row = make_prompt(reference={"tests": [{"input": "", "output": "1"}]}).row
    [judgement] = router.judge([make_rollout(response="```python\nprint(1)\n```")], [row])
    assert (judgement.reward, judgement.error) == (None, "sandbox_error")
    router.close()


def test_a_verifier_reads_the_whole_row_of_its_sample(tmp_path: Path) -> None:
    body = (
        "import json\n[row.pop(name) for name in ('turns', 'completion_ids', 'weights_version')]\n"
        "return json.dumps(row) == response"
    )
    reference = {"tests": [], "compare": {"float_tol": 0.5}, "limits": {"time_s": 3, "memory_mb": 77}}
    rows = [make_prompt(n, reference=reference, extra={"n": n}).row for n in range(2)]
    router = RewardRouter(rewards_of(VerifierUse(name=write_verifier(tmp_path, body))))
    rollouts = [make_rollout(index=n, response=json.dumps(rows[n])) for n in range(2)]
    assert [j.reward for j in router.judge(rollouts, rows)] == [1.0, 1.0]
    assert [j.reward for j in router.judge(rollouts, rows[::-1])] == [0.0, 0.0]
    assert "turns" not in rows[0]
    router.close()

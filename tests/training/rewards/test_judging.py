"""Failed judgements are repeated, then stop the run with a message; a few are masked. No reward is invented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.errors import VerifierFailures
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import Group, Rollout
from openqwq.training.rewards.judging import Judging
from tests.training.small_records import make_prompt, make_rollout, write_verifier

NEEDS_FLAG = """from openqwq.verifiers import Verdict
if not Path({flag!r}).exists():
    return Verdict.error("the service is down", "service_error")
return 1.0"""
FAILS_BY_RESPONSE = """from openqwq.verifiers import Verdict
return Verdict.error("gone", "sandbox_error") if response == "bad" else float(response)"""


class Listener:
    """Collects warnings; repairs by making the flag file at the given call."""

    def __init__(self, flag: Path | None = None, repaired_at: int = 1) -> None:
        self.flag, self.repaired_at = flag, repaired_at
        self.warnings: list[str] = []
        self.repairs = 0

    def repair(self) -> None:
        self.repairs += 1
        if self.flag is not None and self.repairs == self.repaired_at:
            self.flag.touch()


def judge(verifier: str, responses: Sequence[str], listener: Listener, patience: float, fraction: float) -> list[Group]:
    rewards = Rewards(
        tasks={"math": TaskReward(verifiers=(VerifierUse(name=verifier),))},
        max_error_fraction=fraction,
        error_patience_seconds=patience,
    )
    rollouts: list[Rollout] = [make_rollout(i % 2, i // 2, response=text) for i, text in enumerate(responses)]
    workers = InlineWorkerGroup()
    prompts = [make_prompt(0), make_prompt(1)]
    chunks = [rollouts[::-1][:1], rollouts[::-1][1:]]
    try:
        judged = Judging(workers, listener.warnings.append, listener.repair).judged(prompts, chunks, rewards)
        judged.sort(key=lambda entry: (entry.rollout.group, entry.rollout.index))
        by_group = [[entry for entry in judged if entry.rollout.group == number] for number in range(2)]
        return [
            Group(prompt, [e.rollout for e in entries], [e.judgement for e in entries])
            for prompt, entries in zip(prompts, by_group, strict=True)
        ]
    finally:
        workers.close()


def test_each_sample_gets_its_own_verdict_whatever_order_samples_end_in(tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "return float(response)")
    groups = judge(verifier, ["0", "0.25", "0.5", "0.75"], Listener(), 0.0, 0.5)
    assert [group.prompt.id for group in groups] == ["p0", "p1"]
    assert [group.rewards for group in groups] == [[0.0, 0.5], [0.25, 0.75]]
    assert [[r.index for r in group.rollouts] for group in groups] == [[0, 1], [0, 1]]


def test_samples_are_judged_again_when_a_service_comes_back(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    listener = Listener(flag)
    groups = judge(write_verifier(tmp_path, NEEDS_FLAG.format(flag=str(flag))), ["a", "b"], listener, 30.0, 0.5)
    assert [group.rewards for group in groups] == [[1.0], [1.0]]
    assert listener.repairs == 1
    assert "2 of 2 samples could not be judged (2 service_error: the service is down" in listener.warnings[0]


def test_a_service_that_does_not_come_back_stops_the_run_with_a_message(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    listener = Listener(flag, repaired_at=99)
    with pytest.raises(VerifierFailures, match=r"2 service_error: the service is down.*No reward was given") as caught:
        judge(write_verifier(tmp_path, NEEDS_FLAG.format(flag=str(flag))), ["a", "b"], listener, 0.8, 0.5)
    assert "resume" in str(caught.value) and "\n" not in str(caught.value)
    assert listener.repairs >= 1


def test_a_few_failures_are_masked_with_a_warning(tmp_path: Path) -> None:
    listener = Listener()
    groups = judge(write_verifier(tmp_path, FAILS_BY_RESPONSE), ["0", "bad", "1", "1"], listener, 30.0, 0.5)
    assert [group.rewards for group in groups] == [[0.0, 1.0], [None, 1.0]]
    assert listener.warnings == ["1 of 4 samples could not be judged (1 sandbox_error: gone); they are masked"]


def test_without_any_tolerance_one_failure_stops(tmp_path: Path) -> None:
    with pytest.raises(VerifierFailures):
        judge(write_verifier(tmp_path, FAILS_BY_RESPONSE), ["0", "bad", "1", "1"], Listener(), 0.0, 0.0)

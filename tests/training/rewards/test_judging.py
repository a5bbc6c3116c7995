"""Failed judgements are repeated, then stop the run with a message; a few are masked. No reward is invented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.errors import VerifierFailures
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import Group, Judged, Rollout
from openqwq.training.rewards import judging as judging_module
from openqwq.training.rewards.judging import Judging, reward_note
from tests.training.small_records import make_group, make_prompt, make_rollout, write_verifier

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


class Clock:
    """Stands in for the module `time`: sleeping takes no time, and reading the clock takes `reading_seconds`."""

    def __init__(self, reading_seconds: float = 0.0) -> None:
        self.now = 50.0
        self.reading_seconds = reading_seconds
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        self.now += self.reading_seconds
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class CountingWorkers(InlineWorkerGroup):
    """Real judging; records which samples each call judged."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        read = [list(chunk) for chunk in chunks]
        self.calls.append([rollout.response for chunk in read for rollout in chunk])
        return super().judge(read, rows, rewards)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(judging_module, "time", clock)
    return clock


@pytest.fixture
def workers() -> Iterator[CountingWorkers]:
    group = CountingWorkers()
    yield group
    group.close()


def judge(
    workers: CountingWorkers,
    verifier: str,
    responses: Sequence[str],
    listener: Listener,
    patience: float,
    fraction: float,
) -> list[Group]:
    rewards = Rewards(
        tasks={"math": TaskReward(verifiers=(VerifierUse(name=verifier),))},
        max_error_fraction=fraction,
        error_patience_seconds=patience,
    )
    rollouts: list[Rollout] = [make_rollout(i % 2, i // 2, response=text) for i, text in enumerate(responses)]
    prompts = [make_prompt(0), make_prompt(1)]
    chunks = [rollouts[::-1][:1], rollouts[::-1][1:]]
    judged = Judging(workers, listener.warnings.append, listener.repair).judged(prompts, chunks, rewards)
    judged.sort(key=lambda entry: (entry.rollout.group, entry.rollout.index))
    by_group = [[entry for entry in judged if entry.rollout.group == number] for number in range(2)]
    return [
        Group(prompt, [e.rollout for e in entries], [e.judgement for e in entries])
        for prompt, entries in zip(prompts, by_group, strict=True)
    ]


def test_each_sample_gets_its_own_verdict_whatever_order_samples_end_in(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    verifier = write_verifier(tmp_path, "return float(response) if row['id'] == 'p' + response[-1] else None")
    groups = judge(workers, verifier, ["0.20", "0.21", "0.40", "0.41"], Listener(), 0.0, 0.5)
    assert [group.prompt.id for group in groups] == ["p0", "p1"]
    assert [group.rewards for group in groups] == [[0.2, 0.4], [0.21, 0.41]]
    assert [[r.index for r in group.rollouts] for group in groups] == [[0, 1], [0, 1]]
    assert clock.pauses == []


def test_only_the_samples_that_failed_are_judged_again_when_a_service_comes_back(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    listener = Listener(flag, repaired_at=2)
    verifier = write_verifier(tmp_path, "if response == 'fine':\n    return 0.5\n" + NEEDS_FLAG.format(flag=str(flag)))
    groups = judge(workers, verifier, ["a", "fine", "b"], listener, 30.0, 0.5)
    assert [group.rewards for group in groups] == [[1.0, 1.0], [0.5]]
    assert [sorted(call) for call in workers.calls] == [["a", "b", "fine"], ["a", "b"], ["a", "b"]]
    assert (listener.repairs, clock.pauses) == (2, [0.5, 1.0])
    words = "2 of 3 samples could not be judged (2 service_error: the service is down)"
    assert listener.warnings == [
        f"{words}; they are masked and will be judged again in 0.5 s",
        f"{words}; they are masked and will be judged again in 1 s",
    ]


def test_a_service_that_does_not_come_back_stops_the_run_with_a_message(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    listener = Listener(flag, repaired_at=99)
    verifier = write_verifier(tmp_path, NEEDS_FLAG.format(flag=str(flag)))
    with pytest.raises(VerifierFailures, match=r"2 service_error: the service is down.*still so after 40 s") as caught:
        judge(workers, verifier, ["a", "b"], listener, 40.0, 0.5)
    assert "resume" in str(caught.value) and "\n" not in str(caught.value)
    assert clock.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]  # 35.5 s; another pause would end after 40 s
    assert listener.repairs == len(listener.warnings) == 7 and len(workers.calls) == 8


@pytest.mark.parametrize(("patience", "pauses"), [(0.0, []), (0.49, []), (0.5, [0.5]), (1.49, [0.5]), (1.5, [0.5, 1])])
def test_the_last_repetition_ends_within_the_patience(
    workers: CountingWorkers, clock: Clock, tmp_path: Path, patience: float, pauses: list[float]
) -> None:
    with pytest.raises(VerifierFailures):
        judge(workers, write_verifier(tmp_path, FAILS_BY_RESPONSE), ["bad"], Listener(), patience, 0.5)
    assert clock.pauses == pauses


def test_the_time_that_judging_takes_counts_as_patience(workers: CountingWorkers, clock: Clock, tmp_path: Path) -> None:
    clock.reading_seconds = 1.0
    with pytest.raises(VerifierFailures):
        judge(workers, write_verifier(tmp_path, FAILS_BY_RESPONSE), ["bad"], Listener(), 3.0, 0.5)
    assert clock.pauses == [0.5]  # 1 + .5 seconds after the first judgement, then 2.5 + 1, which is too late


@pytest.mark.parametrize(("responses", "repeats"), [(["bad", "bad", "1", "1"], False), (["bad", "bad", "1"], True)])
def test_the_limit_of_failures_itself_is_tolerated(
    workers: CountingWorkers, clock: Clock, tmp_path: Path, responses: list[str], repeats: bool
) -> None:
    verifier = write_verifier(tmp_path, FAILS_BY_RESPONSE)
    if repeats:
        with pytest.raises(VerifierFailures):
            judge(workers, verifier, responses, Listener(), 0.6, 0.5)
        assert clock.pauses == [0.5]
    else:
        groups = judge(workers, verifier, responses, Listener(), 0.6, 0.5)
        assert [group.rewards for group in groups] == [[None, 1.0], [None, 1.0]] and clock.pauses == []


def test_a_few_failures_are_masked_with_a_warning_and_the_service_is_repaired(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    listener = Listener()
    verifier = write_verifier(tmp_path, FAILS_BY_RESPONSE)
    groups = judge(workers, verifier, ["0", "bad", "1", "1"], listener, 30.0, 0.5)
    assert [group.rewards for group in groups] == [[0.0, 1.0], [None, 1.0]]
    assert listener.warnings == ["1 of 4 samples could not be judged (1 sandbox_error: gone); they are masked"]
    assert (listener.repairs, clock.pauses, len(workers.calls)) == (1, [], 1)


def test_samples_that_are_masked_without_an_error_need_no_repetition(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    listener = Listener()
    groups = judge(workers, write_verifier(tmp_path, "return None"), ["a", "b"], listener, 30.0, 0.0)
    assert [group.rewards for group in groups] == [[None], [None]]
    assert (listener.warnings, listener.repairs, len(workers.calls)) == ([], 0, 1)


def test_failures_are_counted_by_kind_with_the_first_reason(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    body = """from openqwq.verifiers import Verdict
return Verdict.error("x" * 300, response)"""
    responses = ["sandbox_error", "service_error", "service_error"]
    with pytest.raises(VerifierFailures) as caught:
        judge(workers, write_verifier(tmp_path, body), responses, Listener(), 0.0, 0.0)
    words = "3 of 3 samples could not be judged (2 service_error, 1 sandbox_error: " + "x" * 160 + "); still so after"
    assert str(caught.value).startswith(words)


LASTING = """from openqwq.verifiers import Verdict
if response == "lasting":
    return Verdict.error("bad row")
return Verdict.error("gone", "sandbox_error") if response == "bad" else float(response)"""


def test_rows_at_fault_are_not_judged_again_with_those_whose_service_was_away(
    workers: CountingWorkers, clock: Clock, tmp_path: Path
) -> None:
    listener = Listener()
    with pytest.raises(VerifierFailures, match="still so after"):
        judge(workers, write_verifier(tmp_path, LASTING), ["lasting", "bad", "1", "1"], listener, 0.6, 0.25)
    assert workers.calls[1:] == [["bad"]]
    assert "1 verifier_error" in listener.warnings[0] and "1 sandbox_error" in listener.warnings[0]


def test_too_many_rows_at_fault_stop_the_run_at_once(workers: CountingWorkers, clock: Clock, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, LASTING)
    with pytest.raises(VerifierFailures, match=r"2 of 4 .*2 verifier_error: bad row.*not judged again.*resume"):
        judge(workers, verifier, ["lasting", "lasting", "bad", "1"], Listener(), 60.0, 0.25)
    assert (clock.pauses, len(workers.calls)) == ([], 1)
    groups = judge(workers, verifier, ["lasting", "1", "1", "1"], Listener(), 60.0, 0.25)
    assert [group.rewards for group in groups] == [[None, 1.0], [1.0, 1.0]]


def test_without_any_tolerance_one_failure_stops(workers: CountingWorkers, clock: Clock, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, FAILS_BY_RESPONSE)
    with pytest.raises(VerifierFailures):
        judge(workers, verifier, ["0", "bad", "1", "1"], Listener(), 0.0, 0.0)


def test_the_note_of_a_step_is_the_mean_of_the_judged_rewards() -> None:
    groups = [make_group([1.0, None, 0.5]), make_group([0.0], number=1)]
    assert reward_note(groups, {"s/step": "1.20", "n": 3}) == "reward 0.500  s/step 1.20  n 3"
    assert reward_note([make_group([None])], {}) == "reward nan"

"""The loop of a stage: the order of its phases, when it saves and stops, and what a checkpoint restores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from openqwq.training.config import Alert, RegressionCheck, Schedule
from openqwq.training.errors import CheckpointError, DeadlineExpired, Interrupted
from openqwq.training.rl.alerts import AlertTriggered
from openqwq.training.rl.loop import run_steps
from openqwq.training.rl.regression_check import Regression
from openqwq.training.rl.schedule import StepBatch
from tests.training.simulated_engines import stage_of
from tests.training.simulated_stage import BAD, GOOD, Simulated

SYNC = Schedule(kind="sync")
PARTIAL = Schedule(kind="partial", oversample=2.0, max_staleness=2)
ASYNC = Schedule(kind="async", async_depth=1)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def digests(folder: Path) -> list[float]:
    return [line["samples/digest"] for line in lines(folder)]


def test_a_step_samples_updates_syncs_logs_and_saves_what_its_number_says(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC, steps=7, checkpoint_every=3))
    simulated.engines.version = 2
    begun = perf_counter()
    run_steps(simulated.run, 2)
    seconds = perf_counter() - begun
    assert simulated.trainer.done == ["update", 3, "update", 4, "update", 5, "update", 6, "update", 7]
    assert [call.version for call in simulated.engines.calls] == [2, 3, 4, 5, 6]
    found = lines(tmp_path)
    assert [(line["stage"], line["step"]) for line in found] == [("stage1", step) for step in (3, 4, 5, 6, 7)]
    assert [line["weight_sync/check_logprob"] for line in found] == [-4.0, -5.0, -6.0, -7.0, -8.0]
    assert [line["update/x"] for line in found] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert sum(line["time/step_seconds"] for line in found) <= seconds
    for line in found:
        clocks = [line[f"time/{name}_seconds"] for name in ("update_exposed", "weight_sync", "rollout")]
        assert min(clocks) >= 0.0 and 0.0 < sum(clocks) < line["time/step_seconds"]
        assert line["time/rollout_idle_fraction"] == pytest.approx(max(0.0, 1 - 3.0 / (2 * line["time/step_seconds"])))
    assert simulated.run.checkpoints.steps() == [3, 6, 7]  # each third, and the last
    assert (simulated.run.checkpoints.path(6) / "weights").read_text() == "4"
    rollouts = sorted(path.name for path in (tmp_path / "rollouts" / "stage1").iterdir())
    assert rollouts == [f"step_{step}.jsonl.gz" for step in (3, 4, 5, 6, 7)]
    assert [step for step, _ in simulated.console.steps] == [3, 4, 5, 6, 7]
    mean, pace = f"reward {found[0]['reward/mean']:.3f}", f"s/step {found[0]['time/step_seconds']:.2f}"
    assert simulated.console.steps[0][1] == f"{mean}  {pace}  tokens/s {found[0]['time/tokens_per_second']:.0f}"


def test_the_trainer_gets_all_samples_of_the_step(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC, steps=1))
    run_steps(simulated.run, 0)
    [batch], [line] = simulated.trainer.batches, lines(tmp_path)
    assert batch.num_groups == line["groups/with_signal"] == 4.0
    assert len(batch) == 12 and line["tokens/consumed"] == batch.num_loss_tokens > 12


def test_without_a_signal_no_update_runs_but_the_weights_get_their_version(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC, steps=2))
    simulated.engines.reward = lambda request: 1.0  # type: ignore[method-assign]
    run_steps(simulated.run, 0)
    assert simulated.trainer.done == [1, 2]
    assert [line["groups/zero_signal_fraction"] for line in lines(tmp_path)] == [1.0, 1.0]
    assert "update/x" not in lines(tmp_path)[0]


def test_a_stop_is_obeyed_after_the_step_in_progress_is_saved(tmp_path: Path) -> None:
    asked: list[int] = []
    simulated = Simulated(tmp_path, stage_of(SYNC, steps=5), lambda: asked.append(1) is None and len(asked) == 2)
    with pytest.raises(Interrupted, match="stopped after step 2 of 5 of stage1"):
        run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == [2]
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]


def test_a_stop_at_the_last_step_ends_the_stage_as_usual(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC, steps=2), lambda: len(simulated.trainer.done) == 4)
    run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == [2]


def test_a_step_that_held_its_skills_is_saved_to_go_back_to(tmp_path: Path) -> None:
    check = RegressionCheck(suites=("math",), every=2, action="roll_back")
    simulated = Simulated(
        tmp_path, stage_of(SYNC, steps=9), check=check, suite_at=lambda number: BAD if number == 3 else GOOD, keep=1
    )
    run_steps(simulated.run, 0)
    assert simulated.rolled_back == [(4, 6)]
    assert simulated.run.checkpoints.steps() == [8, 9]  # 2 and 4 are pruned once 8 held
    assert simulated.run.regression.last_good == 8


def test_the_checkpoints_that_a_roll_back_needs_are_not_pruned(tmp_path: Path) -> None:
    check = RegressionCheck(suites=("math",), every=2, action="raise_replay")
    alerts = {"late": Alert(metric="update/x", above=4.0)}
    simulated = Simulated(
        tmp_path, stage_of(SYNC, steps=8, checkpoint_every=1), alerts=alerts, check=check,
        suite_at=lambda number: GOOD if number == 1 else BAD, keep=1,
    )  # fmt: skip
    run_steps(simulated.run, 0)
    assert (simulated.run.regression.last_good, simulated.run.alerts.last_good) == (2, 4)
    assert simulated.run.checkpoints.steps() == [2, 4, 8]


def test_alerts_and_regressions_stop_the_stage_before_the_step_is_saved(tmp_path: Path) -> None:
    stage = stage_of(SYNC, steps=6, checkpoint_every=1)
    alert = Alert(metric="update/x", above=2.5, patience=2, action="stop")
    stopped = Simulated(tmp_path / "a", stage, alerts={"x": alert})
    (tmp_path / "a").mkdir()
    with pytest.raises(AlertTriggered, match="update/x is 4 at step 4"):
        run_steps(stopped.run, 0)
    assert stopped.run.checkpoints.steps() == [1, 2, 3]
    check = RegressionCheck(suites=("math",), every=2, action="stop")
    fallen = Simulated(tmp_path / "b", stage, check=check, suite_at=lambda number: BAD)
    (tmp_path / "b").mkdir()
    with pytest.raises(Regression, match="at step 2"):
        run_steps(fallen.run, 0)
    assert fallen.run.checkpoints.steps() == [1]


@pytest.mark.parametrize("schedule", [SYNC, PARTIAL, ASYNC], ids=["sync", "partial", "async"])
def test_a_stage_restored_from_a_checkpoint_goes_on_as_the_lost_one_would_have(
    tmp_path: Path, schedule: Schedule
) -> None:
    for name in ("whole", "lost"):
        (tmp_path / name).mkdir()
    stage = stage_of(schedule, steps=6, checkpoint_every=1)
    alerts = {"x": Alert(metric="update/x", above=0.5)}
    check = RegressionCheck(suites=("math",), every=2)
    whole = Simulated(tmp_path / "whole", stage, alerts=alerts, check=check)
    run_steps(whole.run, 0)
    found = whole.run.checkpoints.read(3)
    lost = Simulated(tmp_path / "lost", stage, alerts=alerts, check=check)
    lost.engines.version = 3
    lost.run.restore(found.state)
    assert (lost.run.regression.last_good, lost.run.alerts.is_quiet) == (2, False)
    run_steps(lost.run, 3)
    assert digests(tmp_path / "lost") == digests(tmp_path / "whole")[3:]
    assert lost.run.prompts.state() == whole.run.prompts.state()
    assert lost.run.alerts.state()["outside"] == {"x": 6}


def test_a_quiet_step_is_the_one_to_roll_back_to(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC, steps=5), alerts={"x": Alert(metric="x", above=0.0)})
    simulated.run.save(2)
    assert simulated.run.alerts.last_good == 2
    assert simulated.run.checkpoints.read(2).state["alerts"]["last_good"] == 2
    simulated.run.alerts.check(3, {"x": 1.0})
    simulated.run.save(3)
    assert simulated.run.alerts.last_good == 2 and simulated.run.checkpoints.steps() == [2, 3]


def expire_at(simulated: Simulated, step: int) -> None:
    """The workers miss their deadline when this step samples."""
    take = simulated.run.rollouts.take

    def taken(number: int) -> StepBatch:
        if number == step:
            take(number)  # prompts are drawn and groups are begun before the wait
            raise DeadlineExpired("a worker does not answer")
        return take(number)

    simulated.run.rollouts.take = taken  # type: ignore[method-assign]


@pytest.mark.parametrize(("schedule", "saved"), [(SYNC, [4]), (PARTIAL, [4]), (ASYNC, [])])
def test_a_missed_deadline_saves_the_step_before_unless_batches_are_in_flight(
    tmp_path: Path, schedule: Schedule, saved: list[int]
) -> None:
    for name in ("whole", "lost", "next"):
        (tmp_path / name).mkdir()
    stage = stage_of(schedule, steps=6)
    whole, lost = Simulated(tmp_path / "whole", stage), Simulated(tmp_path / "lost", stage)
    run_steps(whole.run, 0)
    expire_at(lost, 5)
    with pytest.raises(DeadlineExpired):
        run_steps(lost.run, 0)
    assert lost.run.checkpoints.steps() == saved
    if saved:
        following = Simulated(tmp_path / "next", stage)
        following.engines.version = 4
        following.run.restore(lost.run.checkpoints.read(4).state)
        run_steps(following.run, 4)
        assert digests(tmp_path / "next") == digests(tmp_path / "whole")[4:]


def test_a_missed_deadline_of_the_first_step_saves_nothing(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC))
    expire_at(simulated, 1)
    with pytest.raises(DeadlineExpired):
        run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == []


def test_a_missed_deadline_of_the_second_step_saves_the_first(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC))
    expire_at(simulated, 2)
    with pytest.raises(DeadlineExpired):
        run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == [1]


def test_a_missed_deadline_leaves_a_checkpoint_of_that_step_alone(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC, checkpoint_every=2))
    expire_at(simulated, 3)
    before: list[Mapping[str, Any]] = []
    simulated.trainer.save = lambda folder: before.append({})  # type: ignore[method-assign]
    with pytest.raises(DeadlineExpired):
        run_steps(simulated.run, 0)
    assert (simulated.run.checkpoints.steps(), len(before)) == ([2], 1)


def test_the_deadline_is_reported_even_if_its_checkpoint_cannot_be_written(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC))
    expire_at(simulated, 3)

    def save(folder: Path) -> None:
        raise CheckpointError("no space left")

    simulated.trainer.save = save  # type: ignore[method-assign]
    with pytest.raises(DeadlineExpired, match="does not answer"):
        run_steps(simulated.run, 0)
    assert simulated.console.lines == ["no checkpoint of step 2: no space left"]


def test_other_failures_of_sampling_save_nothing(tmp_path: Path) -> None:
    simulated = Simulated(tmp_path, stage_of(SYNC))
    with pytest.raises(RuntimeError, match="no engine"), simulated.run.saved_on_expiry(4):
        raise RuntimeError("no engine")
    assert simulated.run.checkpoints.steps() == []

"""Schedules on simulated workers: what a step consumes, how old it may be, and that a restart changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.config import Schedule
from openqwq.training.config.data import Curriculum
from openqwq.training.records import Group, RolloutBatch
from openqwq.training.rl.collector import PendingBatch
from openqwq.training.rl.schedule import RolloutSchedule, StepBatch
from tests.training.simulated_engines import OVER_AGES, Engines, schedule_of, stage_of


def steps_of(rollouts: RolloutSchedule, engines: Engines, first: int, last: int) -> list[StepBatch]:
    step_batch = []
    for step in range(first, last + 1):
        step_batch.append(rollouts.take(step))
        engines.version = step  # the update and the sync
    return step_batch


def without_clocks(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if not name.startswith("time/")}


def seeds(groups: Sequence[Group]) -> list[tuple[int, ...]]:
    return [tuple(rollout.seed for rollout in group.rollouts) for group in groups]


class Waited:
    """A pending batch that notes when it is waited for."""

    def __init__(self, pending: PendingBatch, waited: list[object]) -> None:
        self._pending, self._waited = pending, waited

    def result(self) -> RolloutBatch:
        self._waited.append(self)
        return self._pending.result()


SYNC = Schedule(kind="sync")
ASYNC = Schedule(kind="async", async_depth=2, max_staleness=2)
BOTH = Schedule(kind="async", oversample=2.0, async_depth=1, max_staleness=4)
PARTIAL = Schedule(kind="partial", oversample=2.0, max_staleness=2)
KINDS = pytest.mark.parametrize("schedule", [SYNC, ASYNC, PARTIAL, BOTH], ids=["sync", "async", "partial", "both"])
ROUNDS = pytest.mark.parametrize("extra_rounds", [0, 3])


@KINDS
def test_every_step_consumes_whole_groups_and_none_twice(schedule: Schedule) -> None:
    engines = Engines()
    step_batch = steps_of(schedule_of(stage_of(schedule), engines), engines, 1, 8)
    groups = [group for entry in step_batch for group in entry.groups]
    assert all(len(entry.groups) >= 4 for entry in step_batch)
    assert all([r.index for r in group.rollouts] == [0, 1, 2] for group in groups)
    assert len({group.number for group in groups}) == len(groups)


@KINDS
@ROUNDS
def test_a_restart_at_any_step_changes_nothing(schedule: Schedule, extra_rounds: int) -> None:
    engines = Engines()
    steps = steps_of(schedule_of(stage_of(schedule), engines, extra_rounds), engines, 1, 8)
    whole = [(seeds(entry.groups), dict(entry.numbers)) for entry in steps]
    for stop in (1, 3, 6):
        engines = Engines()
        first = schedule_of(stage_of(schedule), engines, extra_rounds)
        steps_of(first, engines, 1, stop)
        state: dict[str, Any] = json.loads(json.dumps({"rollouts": first.state(), "prompts": first.prompts.state()}))
        assert first.is_settled is (schedule.depth == 0)
        second = schedule_of(stage_of(schedule), engines, extra_rounds)
        second.prompts.restore(state["prompts"])
        second.restore(state["rollouts"])
        for entry, (seeds_before, numbers) in zip(steps_of(second, engines, stop + 1, 8), whole[stop:], strict=True):
            assert seeds(entry.groups) == seeds_before
            assert without_clocks(entry.numbers) == without_clocks(numbers)


@KINDS
def test_a_curriculum_follows_the_outcomes_of_complete_groups_over_a_restart(schedule: Schedule) -> None:
    curriculum = Curriculum(low=0.3, high=0.7, newest=1.0, pause=2)

    def begin() -> tuple[RolloutSchedule, Engines]:
        engines = Engines()
        return schedule_of(stage_of(schedule), engines, curriculum=curriculum, num_prompts=6), engines

    whole, engines = begin()
    steps = steps_of(whole, engines, 1, 8)
    newest = {group.prompt.id: math.fsum(r or 0.0 for r in group.rewards) / 3 for s in steps for group in s.groups}
    noted = whole.prompts.state()["cursor"][0]["accuracy"]
    assert newest.items() <= noted.items() or schedule.surplus > 1  # a surplus has groups that no step has consumed
    paused = [entry.numbers["curriculum/paused"] for entry in steps]
    assert max(paused) > 0
    for stop in (1, 4):
        first, engines = begin()
        steps_of(first, engines, 1, stop)
        state = json.loads(json.dumps({"rollouts": first.state(), "prompts": first.prompts.state()}))
        second, engines = begin()
        engines.version = stop
        second.prompts.restore(state["prompts"])
        second.restore(state["rollouts"])
        rest = steps_of(second, engines, stop + 1, 8)
        assert [seeds(entry.groups) for entry in rest] == [seeds(entry.groups) for entry in steps[stop:]]
        assert [entry.numbers["curriculum/paused"] for entry in rest] == paused[stop:]


@settings(max_examples=20)
@given(
    kind=st.sampled_from(["partial", "async"]),
    bound=st.integers(1, 6),
    async_depth=st.integers(1, 3),
    oversample=st.sampled_from([1.0, 1.5, 3.0]),
    longest=st.sampled_from([2, 30, 300]),
)
def test_staleness_never_exceeds_its_bound(
    kind: Any, bound: int, async_depth: int, oversample: float, longest: int
) -> None:
    engines = Engines(longest)
    schedule = Schedule(kind=kind, async_depth=min(async_depth, bound), max_staleness=bound, oversample=oversample)
    stage = stage_of(schedule, steps=12)
    step_batch = steps_of(schedule_of(stage, engines), engines, 1, 12)
    assert all(entry.numbers["staleness/max"] <= bound for entry in step_batch)
    assert all(not entry.discarded and len(entry.groups) >= 4 for entry in step_batch)


@OVER_AGES
def test_long_samples_use_up_the_whole_staleness_bound(schedule: Schedule) -> None:
    engines = Engines(longest=300)
    steps = steps_of(schedule_of(stage_of(schedule, steps=12), engines), engines, 1, 12)
    assert max(entry.numbers["staleness/max"] for entry in steps) == schedule.bound
    assert not any(entry.discarded for entry in steps)


def test_the_staleness_of_an_async_schedule_is_its_depth() -> None:
    engines = Engines()
    step_batch = steps_of(schedule_of(stage_of(ASYNC), engines), engines, 1, 8)
    assert [entry.numbers["staleness/max"] for entry in step_batch] == [0, 1, 2, 2, 2, 2, 2, 2]


def test_groups_that_are_too_old_are_refused_when_a_step_would_consume_them() -> None:
    engines = Engines()
    rollouts = schedule_of(stage_of(PARTIAL), engines)
    steps_of(rollouts, engines, 1, 2)
    engines.version = -5  # as if a worker had missed weight syncs
    step_batch = rollouts.take(3)
    assert step_batch.numbers["staleness/refused_groups"] == len(step_batch.discarded) > 0
    assert step_batch.numbers["staleness/max"] <= 2 and step_batch.numbers["tokens/dropped"] > 0


def test_a_partial_schedule_goes_on_with_aborted_samples_and_shows_its_bias() -> None:
    engines = Engines(longest=200)
    step_batch = steps_of(schedule_of(stage_of(PARTIAL, steps=30), engines), engines, 1, 30)
    assert any(entry.numbers["partial/fraction"] > 0 for entry in step_batch)
    first = step_batch[0].numbers
    assert first["partial/in_flight"] > 0 and first["lengths/consumed_mean"] < first["lengths/started_mean"]


def test_dynamic_sampling_replaces_groups_without_a_signal() -> None:
    engines = Engines()
    rollouts = schedule_of(stage_of(SYNC), engines, extra_rounds=9)
    for entry in steps_of(rollouts, engines, 1, 6):
        assert 4 <= len(entry.groups) <= 12 and all(len(set(group.rewards)) > 1 for group in entry.groups)
        assert (entry.numbers["tokens/dropped"] > 0) == (len(entry.discarded) > 0)


def test_dynamic_sampling_gives_up_after_its_rounds() -> None:
    engines = Engines()
    rollouts = schedule_of(stage_of(SYNC), engines, extra_rounds=2, has_signal=lambda group: False)
    step_batch = rollouts.take(1)
    assert (len(step_batch.groups), len(step_batch.discarded)) == (0, 28)  # 4, then 3 for each that is missing
    assert [len(call.prompts) for call in engines.calls] == [4, 12, 12]


@pytest.mark.parametrize("schedule", [ASYNC, PARTIAL], ids=["async", "partial"])
def test_samples_of_weights_that_were_rolled_back_are_forgotten(schedule: Schedule) -> None:
    engines = Engines(longest=200)
    rollouts = schedule_of(stage_of(schedule, steps=20), engines)
    steps_of(rollouts, engines, 1, 3)
    before = rollouts.state()
    assert before["open"] or before["in_flight"]
    waited: list[object] = []
    for batch in rollouts._in_flight:
        batch.pending = Waited(batch.pending, waited)
    rollouts.discard()
    assert len(waited) == len(before["in_flight"])  # the engines must not sample while the weights go back
    state = rollouts.state()
    assert (state["open"], state["ready"], state["in_flight"], rollouts.is_settled) == ([], [], [], True)
    step_batch = rollouts.take(4)
    assert step_batch.numbers["staleness/max"] == 0
    assert all(group.number >= before["num_started"] for group in step_batch.groups)  # numbers are not given twice

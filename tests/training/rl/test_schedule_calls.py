"""What a schedule asks of the rollout workers: which groups, which samples may be aborted, with which weights."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from openqwq.training.config import Schedule
from openqwq.training.records import Group, RolloutBatch
from openqwq.training.rl import schedule as schedule_module
from openqwq.training.rl.oversampling import groups_needed
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.seeds import derive_seed
from tests.training.simulated_engines import OVER_AGES, Call, Engines, schedule_of, stage_of

SYNC = Schedule(kind="sync")


def run(rollouts: RolloutSchedule, engines: Engines, steps: int) -> list[list[int]]:
    """Take the steps; returns the numbers of the groups that each consumed."""
    taken = []
    for step in range(1, steps + 1):
        taken.append([group.number for group in rollouts.take(step).groups])
        engines.version = step
    return taken


def groups_of(call: Call) -> list[int]:
    return list(dict.fromkeys(request.group for request in call.requests))


def test_a_synchronous_step_samples_its_own_groups_in_one_call() -> None:
    engines = Engines()
    assert run(schedule_of(stage_of(SYNC, steps=2), engines), engines, 2) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [(c.enough, c.in_background, c.version) for c in engines.calls] == [(None, False, 0), (None, False, 1)]
    first, second = engines.calls
    assert [(r.group, r.index) for r in second.requests] == [(g, i) for g in (4, 5, 6, 7) for i in (0, 1, 2)]
    assert len({*first.prompts, *second.prompts}) == 8
    assert first.prompts == list(dict.fromkeys(r.prompt.id for r in first.requests))


def test_the_seed_of_a_sample_hashes_run_stage_step_position_prompt_and_index() -> None:
    engines = Engines()
    run(schedule_of(stage_of(SYNC, steps=2), engines), engines, 2)
    for step, call in enumerate(engines.calls, 1):
        for request in call.requests:
            position = groups_of(call).index(request.group)
            assert request.seed == derive_seed(7, "stage1", step, position, request.prompt.id, request.index)
    assert len({request.seed for call in engines.calls for request in call.requests}) == 24


def test_an_extra_round_has_seeds_of_its_own() -> None:
    engines = Engines()
    rollouts = schedule_of(stage_of(SYNC), engines, extra_rounds=2, has_signal=lambda group: False)
    rollouts.take(1)
    for round_ in (1, 2):
        for request in engines.calls[round_].requests:
            position = groups_of(engines.calls[round_]).index(request.group)
            named = (7, "stage1", 1, f"refill{round_}", position, request.prompt.id, request.index)
            assert request.seed == derive_seed(*named)


def test_an_async_schedule_begins_as_many_batches_ahead_as_its_depth_and_none_beyond_the_stage() -> None:
    engines = Engines()
    schedule = Schedule(kind="async", async_depth=2, max_staleness=3)
    rollouts = schedule_of(stage_of(schedule, steps=5), engines)
    begun = []
    for step in range(1, 6):
        rollouts.take(step)
        engines.version = step
        begun.append(len(engines.calls))
    assert begun == [3, 4, 5, 5, 5]
    assert [call.version for call in engines.calls] == [0, 0, 0, 1, 2]
    assert all(call.in_background and call.enough is None for call in engines.calls)
    seeds = [call.requests[0].seed for call in engines.calls]
    first = [call.requests[0].prompt.id for call in engines.calls]
    assert seeds == [derive_seed(7, "stage1", step, 0, first[step - 1], 0) for step in range(1, 6)]


def test_a_partial_schedule_fills_up_what_it_carries() -> None:
    engines = Engines(longest=40)
    schedule = Schedule(kind="partial", oversample=1.8, max_staleness=3)
    rollouts = schedule_of(stage_of(schedule, steps=6), engines)
    started = 0
    for step in range(1, 7):
        state = rollouts.state()
        carried, spare = [group["number"] for group in state["open"]], len(state["ready"])
        rollouts.take(step)
        call = engines.calls[-1]
        fresh = max(0, 8 - len(carried) - spare)  # 1.8 x 4 = 7.2 groups, rounded up
        assert groups_of(call) == [*carried, *range(started, started + fresh)]
        assert call.enough == max(1, 4 - spare)
        assert call.in_background is False
        started += fresh
        engines.version = step
    assert len(engines.calls) == 6 and started > 16


def test_complete_groups_that_were_left_over_are_consumed_first() -> None:
    engines = Engines(longest=1)  # all samples end at once, so all 8 groups are complete in the first call
    schedule = Schedule(kind="partial", oversample=2.0, max_staleness=3)
    rollouts = schedule_of(stage_of(schedule), engines)
    assert run(rollouts, engines, 3) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [(len(groups_of(call)), call.enough) for call in engines.calls] == [(8, 4), (4, 1), (4, 1)]


def test_at_a_depth_complete_groups_are_no_reason_to_sample_less() -> None:
    engines = Engines(longest=1)
    schedule = Schedule(kind="async", oversample=2.0, async_depth=1, max_staleness=4)
    rollouts = schedule_of(stage_of(schedule), engines)
    rollouts.take(1)
    assert [(len(groups_of(call)), call.enough) for call in engines.calls] == [(8, 4), (8, 4)]
    engines.version = 1
    rollouts.take(2)
    assert [(len(groups_of(call)), call.enough) for call in engines.calls[2:]] == [(8, 4)]
    assert all(call.in_background for call in engines.calls)


def test_a_batch_begins_no_group_where_enough_are_under_way() -> None:
    engines = Engines(longest=500)
    schedule = Schedule(kind="partial", oversample=3.0, max_staleness=8)
    rollouts = schedule_of(stage_of(schedule), engines, extra_rounds=1, has_signal=lambda group: group.number >= 8)
    rollouts.take(1)  # its groups carry no signal, so the next batches are larger, and later ones smaller again
    found = []
    for step in (2, 3, 4, 5, 6):
        state = rollouts.state()
        useful, sampled = (sum(counts) for counts in zip(*state["signal"], strict=True))
        under_way = len(state["open"]) + len(state["ready"])
        engines.version = step - 1
        rollouts.take(step)
        call = next(call for call in engines.calls if call.version == step - 1)
        new = {group for group in groups_of(call) if group >= state["num_started"]}
        found.append((3 * groups_needed(4, useful / sampled) - under_way, len(new)))
    assert found == [(9, 9), (9, 9), (9, 9), (-2, 0), (2, 2)]


@OVER_AGES
def test_a_sample_may_be_aborted_as_long_as_its_group_is_young_enough_to_go_on(schedule: Schedule) -> None:
    engines = Engines(longest=500)
    run(schedule_of(stage_of(schedule, steps=12), engines), engines, 12)
    begun: dict[int, int] = {}  # group -> version of the weights that began it
    found = set()
    for batch, call in enumerate(engines.calls, 1):
        for request in call.requests:
            # aborted here it goes on in batch `batch + depth + 1`, whose step updates version `batch + depth`
            age = batch + schedule.depth - begun.setdefault(request.group, call.version)
            assert request.may_be_aborted is (age <= schedule.bound)
            found.add(age - schedule.bound)
    assert {0, 1} <= found  # the bound itself and the first age beyond it


def test_a_synchronous_sample_is_never_aborted() -> None:
    engines = Engines()
    run(schedule_of(stage_of(SYNC), engines), engines, 2)
    assert not any(request.may_be_aborted for call in engines.calls for request in call.requests)


def test_an_extra_round_replaces_what_is_missing() -> None:
    engines = Engines()
    useful = {1, 3, 5, 6, 9}
    rollouts = schedule_of(stage_of(SYNC), engines, extra_rounds=5, has_signal=lambda group: group.number in useful)
    step_batch = rollouts.take(1)
    # 2 of 4 carry a signal: 2 are missing; at a fraction of 1/2, 2 / .5 + sqrt(2 x .5) / .5 = 6 groups
    assert [len(call.prompts) for call in engines.calls] == [4, 6]
    assert [group.number for group in step_batch.groups] == [1, 3, 5, 6, 9]  # 9 would be too old for step 2
    assert sorted(group.number for group in step_batch.discarded) == [0, 2, 4, 7, 8]
    assert rollouts.state()["signal"] == [(2, 4), (3, 6)]
    assert [call.in_background for call in engines.calls] == [False, False]
    assert engines.calls[1].enough is None and all(request.may_be_aborted for request in engines.calls[1].requests)
    engines.version = 1
    rollouts.take(2)
    assert len(engines.calls[2].prompts) == 11  # 5 of 10 useful: 4 / .5 + sqrt(4 x .5) / .5 = 10.8


def test_an_extra_round_of_an_async_schedule_has_the_current_weights_and_leaves_the_next_batch_alone() -> None:
    engines = Engines()
    schedule = Schedule(kind="async", async_depth=1, max_staleness=2)
    useful = {0, 9, 10}
    rollouts = schedule_of(
        stage_of(schedule),
        engines,
        extra_rounds=1,
        has_signal=lambda group: group.number in useful or group.number > 30,
    )
    step_batch = rollouts.take(1)
    # 0..3 for step 1, 4..7 for step 2, then 12 for the 3 that are missing
    assert [len(call.prompts) for call in engines.calls] == [4, 4, 9]
    assert [group.number for group in step_batch.groups] == [0, 9, 10]
    assert not rollouts.is_settled and rollouts.state()["in_flight"][0][0] == [4, 5, 6, 7]


def test_without_dynamic_sampling_a_signal_changes_nothing() -> None:
    engines = Engines()
    rollouts = schedule_of(stage_of(SYNC), engines, has_signal=lambda group: False)
    step_batch = rollouts.take(1)
    assert (len(step_batch.groups), len(step_batch.discarded), len(engines.calls)) == (4, 0, 1)
    assert rollouts.state()["signal"] == []
    assert "staleness/refused_groups" not in step_batch.numbers


def test_refused_groups_are_counted_over_the_rounds_of_a_step() -> None:
    engines = Engines()
    schedule = Schedule(kind="async", async_depth=1, max_staleness=1)
    rollouts = schedule_of(stage_of(schedule), engines, extra_rounds=1, has_signal=lambda group: True)
    engines.version = -9  # as if a worker had missed weight syncs
    step_batch = rollouts.take(1)
    assert step_batch.numbers["staleness/refused_groups"] == 8.0  # the 4 of the step, 4 in their place
    assert (len(step_batch.groups), len(step_batch.discarded)) == (0, 8)


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 10.0

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("sampled_at", "rollout", "judge"),
    [(14.0, 4.0, 3.0), (8.0, 0.0, 7.0), (99.0, 7.0, 0.0)],
    ids=["while the step waits", "before the step waited", "a clock of another machine"],
)
def test_the_wait_for_a_batch_is_split_into_sampling_and_judging(
    monkeypatch: pytest.MonkeyPatch, sampled_at: float, rollout: float, judge: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(schedule_module, "time", clock)
    engines = Engines()

    def begin(*arguments: object) -> object:
        batch = engines(*arguments).result()  # type: ignore[arg-type]

        def result() -> RolloutBatch:
            clock.now = 17.0
            return RolloutBatch(batch.judged, batch.unfinished, sampled_at, busy_seconds=2.5)

        return SimpleNamespace(result=result)

    numbers = schedule_of(stage_of(SYNC), begin).take(1).numbers  # type: ignore[arg-type]
    assert numbers["time/rollout_seconds"] == rollout
    assert numbers["time/judge_exposed_seconds"] == judge
    assert numbers["time/rollout_busy_seconds"] == 2.5


def test_the_clocks_of_a_step_add_up_its_rounds_and_start_anew() -> None:
    engines = Engines()
    none: list[Group] = []
    rollouts = schedule_of(stage_of(SYNC), engines, extra_rounds=1, has_signal=lambda group: group in none)
    assert rollouts.take(1).numbers["time/rollout_busy_seconds"] == (12 + 36) / 4
    assert rollouts.take(2).numbers["time/rollout_busy_seconds"] == (36 + 36) / 4

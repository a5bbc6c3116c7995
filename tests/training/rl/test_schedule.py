"""Schedules on simulated workers: what a step consumes, how old it may be, and that a restart changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.config import PromptSource, RlStage, Sampling, Schedule
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Group, Judged, Judgement, PartialRollout, Prompt, RolloutBatch, SampleRequest
from openqwq.training.rl.collector import Collected
from openqwq.training.rl.schedule import RolloutSchedule, StepBatch
from tests.training.small_records import make_prompt, make_rollout


class Engines:
    """Samples one token per sample and iteration; a sample's length is a function of its seed."""

    def __init__(self, longest: int = 30) -> None:
        self.version = 0
        self.longest = longest
        self.restarted = 0

    def length(self, request: SampleRequest) -> int:
        return 1 + request.seed % self.longest

    def __call__(
        self, prompts: Sequence[Prompt], requests: Sequence[SampleRequest], enough: int | None, in_background: bool
    ) -> Collected:
        sampled = {id(r): len(r.partial.tokens) if r.partial else 0 for r in requests}
        left = Counter(r.group for r in requests)
        judged, unfinished, alive = [], [], list(requests)
        while alive:
            for request in alive:
                sampled[id(request)] += 1
            ended = [r for r in alive if sampled[id(r)] >= self.length(r)]
            alive = [r for r in alive if sampled[id(r)] < self.length(r)]
            judged += [self.finished(r) for r in ended]
            left.subtract(r.group for r in ended)
            if enough is not None and sum(count == 0 for count in left.values()) >= enough:
                unfinished += [self.aborted(r, sampled[id(r)]) for r in alive if r.may_be_aborted]
                alive = [r for r in alive if not r.may_be_aborted]
        return Collected(RolloutBatch(judged, unfinished))

    def finished(self, request: SampleRequest) -> Judged:
        oldest = request.partial.oldest_version if request.partial else self.version
        rollout = make_rollout(request.group, request.index, tokens=[5] * self.length(request))
        rollout = replace(rollout, prompt_id=request.prompt.id, seed=request.seed, oldest_version=oldest,
                          weights_version=self.version)  # fmt: skip
        return Judged(rollout, Judgement(float(request.seed % 2), {}, {}))

    def aborted(self, request: SampleRequest, count: int) -> SampleRequest:
        oldest = request.partial.oldest_version if request.partial else self.version
        return replace(request, partial=PartialRollout((5,) * count, (-1.0,) * count, (1,) * count, (), count, oldest))


def stage_of(schedule: Schedule, steps: int = 8) -> RlStage:
    return RlStage(name="stage1", kind="rl", prompts=(PromptSource(source="rows.jsonl"),), steps=steps,
                   prompts_per_step=4, group_size=3, sampling=Sampling(), schedule=schedule)  # fmt: skip


def schedule_of(stage: RlStage, engines: Engines, extra_rounds: int = 0, pays: bool = True) -> RolloutSchedule:
    stream = PromptStream([([make_prompt(n) for n in range(50)], 1.0)], seed=1)
    return RolloutSchedule(stage, 7, stream, engines, lambda group: pays and len(set(group.rewards)) > 1, extra_rounds)


def steps_of(rollouts: RolloutSchedule, engines: Engines, first: int, last: int) -> list[StepBatch]:
    step_batch = []
    for step in range(first, last + 1):
        step_batch.append(rollouts.take(step))
        engines.version = step  # the update and the sync
    return step_batch


def seeds(groups: Sequence[Group]) -> list[tuple[int, ...]]:
    return [tuple(rollout.seed for rollout in group.rollouts) for group in groups]


SYNC = Schedule(kind="sync")
ASYNC = Schedule(kind="async", async_depth=2, max_staleness=2)
BOTH = Schedule(kind="async", oversample=2.0, async_depth=1, max_staleness=4)
PARTIAL = Schedule(kind="partial", oversample=2.0, max_staleness=2)
KINDS = pytest.mark.parametrize("schedule", [SYNC, ASYNC, PARTIAL, BOTH], ids=["sync", "async", "partial", "both"])


@KINDS
def test_every_step_consumes_whole_groups_and_none_twice(schedule: Schedule) -> None:
    engines = Engines()
    step_batch = steps_of(schedule_of(stage_of(schedule), engines), engines, 1, 8)
    groups = [group for entry in step_batch for group in entry.groups]
    assert all(len(entry.groups) >= 4 for entry in step_batch)
    assert all([r.index for r in group.rollouts] == [0, 1, 2] for group in groups)
    assert len({group.number for group in groups}) == len(groups)


@KINDS
def test_a_restart_at_any_step_changes_nothing(schedule: Schedule) -> None:
    engines = Engines()
    whole = [seeds(e.groups) for e in steps_of(schedule_of(stage_of(schedule), engines), engines, 1, 8)]
    for stop in range(1, 8):
        engines = Engines()
        first = schedule_of(stage_of(schedule), engines)
        before = [seeds(entry.groups) for entry in steps_of(first, engines, 1, stop)]
        state: dict[str, Any] = json.loads(json.dumps({"rollouts": first.state(), "prompts": first.prompts.state()}))
        second = schedule_of(stage_of(schedule), engines)
        second.prompts.restore(state["prompts"])
        second.restore(state["rollouts"])
        assert before + [seeds(entry.groups) for entry in steps_of(second, engines, stop + 1, 8)] == whole


@settings(max_examples=40, deadline=None)
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
    rollouts = schedule_of(stage_of(SYNC), Engines(), extra_rounds=2, pays=False)
    step_batch = rollouts.take(1)
    assert (len(step_batch.groups), len(step_batch.discarded)) == (0, 28)  # 4, then 3 for each that is missing


def test_samples_of_weights_that_were_rolled_back_are_forgotten() -> None:
    engines = Engines()
    rollouts = schedule_of(stage_of(ASYNC), engines)
    steps_of(rollouts, engines, 1, 3)
    rollouts.discard()
    assert rollouts.take(4).numbers["staleness/max"] == 0

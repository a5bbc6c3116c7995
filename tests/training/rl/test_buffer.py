"""The rollout buffer: which complete groups a step gets at each age, and its metrics counted by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from openqwq.training.config import Schedule
from openqwq.training.records import Judged, Judgement, PartialRollout, Rollout, RolloutBatch
from openqwq.training.rl.buffer import RolloutBuffer
from tests.training.simulated_engines import stage_of
from tests.training.small_records import make_prompt, make_rollout

STEP = 7
"""The step of these cases; its update begins from weights of version 6."""


def buffer_of(num_groups: int, bound: int = 2, drops: bool = False) -> RolloutBuffer:
    """A buffer with open groups of 3 samples; a group has a signal if its rewards differ."""
    stage = stage_of(Schedule(kind="partial", max_staleness=bound))
    buffer = RolloutBuffer(stage, 3, lambda group: len(set(group.rewards)) > 1, drops)
    buffer.start(STEP, [make_prompt(n) for n in range(num_groups)], 0)
    return buffer


def entry(
    group: int, index: int, oldest: int, newest: int = 6, mask: Sequence[int] = (1,), reward: float = 0
) -> Judged:
    rollout = make_rollout(group, index, tokens=[5] * len(mask), mask=mask)
    return Judged(replace(rollout, oldest_version=oldest, weights_version=newest), Judgement(reward, {}, {}))


def complete(buffer: RolloutBuffer, number: int, oldest: int, rewards: Sequence[float] = (0, 1, 0)) -> None:
    entries = [entry(number, i, oldest if i == 1 else 6, reward=reward) for i, reward in enumerate(rewards)]
    buffer.add([number], RolloutBatch(entries))


AGES = [6, 5, 4, 3, 4, 5]
"""Version of the oldest token of groups 0 .. 5; at step 7 their ages are 0, 1, 2, 3, 2, 1."""


@pytest.mark.parametrize(
    ("wanted", "taken", "left"),
    [
        (0, [2, 4], 3),  # at age 2 of 2 they would be too old for the next step
        (2, [2, 4], 3),
        (3, [1, 2, 4], 2),  # then the oldest; of the same age the one that was started first
        (4, [1, 2, 4, 5], 1),
        (9, [0, 1, 2, 4, 5], 0),
    ],
)
def test_a_step_gets_the_oldest_groups_and_all_that_would_be_too_old_for_the_next(
    wanted: int, taken: list[int], left: int
) -> None:
    buffer = buffer_of(6)
    for number, oldest in enumerate(AGES):
        complete(buffer, number, oldest)
    selection = buffer.take(STEP, wanted)
    assert [group.number for group in selection.taken] == taken
    assert [group.number for group in selection.discarded] == [3]
    assert (selection.num_too_old, buffer.num_ready) == (1, left)


def test_groups_without_a_signal_are_discarded_only_where_they_are_replaced() -> None:
    for drops, taken, discarded in ((True, [1], [0, 2, 3]), (False, [0, 1], [3])):
        buffer = buffer_of(4, drops=drops)
        complete(buffer, 0, 6, rewards=(1, 1, 1))
        complete(buffer, 1, 6)
        complete(buffer, 2, 6, rewards=(0, 0, 0))
        complete(buffer, 3, 3)
        selection = buffer.take(STEP, 2)
        assert [group.number for group in selection.taken] == taken
        assert sorted(group.number for group in selection.discarded) == discarded
        assert (selection.num_too_old, buffer.num_ready) == (1, 0 if drops else 1)


def test_a_group_is_complete_with_its_last_sample_and_holds_them_in_order() -> None:
    buffer = buffer_of(2)
    waiting = {(r.group, r.index): r for group in buffer.open for r in group.waiting}
    first = RolloutBatch([entry(1, 2, 5, reward=0.75), entry(0, 1, 5)], [waiting[1, 0], waiting[1, 1], waiting[0, 0]])
    assert buffer.add([1], first) == [] and buffer.num_ready == 0
    [other, group] = buffer.open
    assert (other.number, other.judged, len(other.waiting)) == (0, [], 3)  # group 0 was not in that batch
    assert (group.number, group.prompt.id, [r.index for r in group.waiting]) == (1, "p1", [0, 1])
    assert [e.rollout.index for e in group.judged] == [2]
    [done] = buffer.add([1], RolloutBatch([entry(1, 1, 5, reward=0.5), entry(1, 0, 5, reward=0.25)]))
    assert ([r.index for r in done.rollouts], done.rewards, done.prompt.id) == ([0, 1, 2], [0.25, 0.5, 0.75], "p1")
    assert (buffer.num_ready, [group.number for group in buffer.open]) == (1, [0])


def test_the_samples_of_a_batch_are_looked_at_once_however_many_groups_it_has() -> None:
    passes = []

    class Watched(list[Judged]):
        def __iter__(self) -> Iterator[Judged]:
            passes.append(len(self))
            return super().__iter__()

    buffer = buffer_of(20)
    done = buffer.add(range(20), RolloutBatch(Watched(entry(n % 20, n // 20, 6) for n in range(60))))
    assert len(done) == 20 and passes == [60]


def partial(length: int, tools: int = 0) -> PartialRollout:
    mask = (1,) * length + (0,) * tools
    return PartialRollout((5,) * len(mask), (-1.0,) * len(mask), mask, (), length, 4)


def crowded() -> tuple[RolloutBuffer, list[Rollout]]:
    """A buffer with a consumed group (0), a discarded one (1), one that waits complete (2) and an open one (3)."""
    buffer = buffer_of(4, bound=4)
    waiting = {r.index: r for r in buffer.open[3].waiting}
    consumed = [
        entry(0, 0, oldest=6, newest=6, mask=(1, 1, 0, 0, 1)),  # 3 sampled tokens, age 0, one version
        entry(0, 1, oldest=3, newest=5, mask=(1,) * 7),  # age 3, 2 versions further at its end
        entry(0, 2, oldest=4, newest=5, mask=(1,)),  # age 2
    ]
    buffer.add([0], RolloutBatch(consumed))
    buffer.add([1], RolloutBatch([entry(1, i, oldest=1, mask=(1,) * 5 + (0,)) for i in range(3)]))
    buffer.add([2], RolloutBatch([entry(2, i, oldest=6, mask=(1,) * (2 + i)) for i in range(3)]))  # 2, 3, 4 tokens
    unfinished = [replace(waiting[0], partial=partial(20, tools=9)), waiting[2]]
    buffer.add([3], RolloutBatch([entry(3, 1, oldest=6, mask=(1,) * 10)], unfinished))
    return buffer, [e.rollout for e in consumed]


def test_the_metrics_of_a_step_are_the_hand_computed_ones() -> None:
    buffer, consumed = crowded()
    selection = buffer.take(STEP, 1)
    assert [group.rollouts for group in selection.taken] == [consumed]
    assert buffer.numbers(STEP, selection.taken, selection.discarded) == {
        "staleness/mean": pytest.approx((0 + 3 + 2) / 3),
        "staleness/max": 3.0,
        "partial/fraction": pytest.approx(2 / 3),
        "partial/max_span": 2.0,
        "partial/in_flight": 1.0,
        "lengths/consumed_mean": pytest.approx((3 + 7 + 1) / 3),
        # consumed, discarded, complete, the finished sample of the open group, and the partial one as far as it is
        "lengths/started_mean": pytest.approx((3 + 7 + 1 + 15 + (2 + 3 + 4) + 10 + 20) / 11),
        "tokens/consumed": 11.0,
        "tokens/dropped": 15.0,
    }


def test_a_step_without_samples_has_metrics_too() -> None:
    numbers = buffer_of(0).numbers(STEP, [], [])
    assert set(numbers.values()) == {0.0} and len(numbers) == 9


def test_the_state_holds_open_and_complete_groups_and_goes_on_counting() -> None:
    buffer, _ = crowded()
    other = buffer_of(0, bound=4)
    other.restore(json.loads(json.dumps(buffer.state())))
    assert (other.num_ready, other.open) == (buffer.num_ready, buffer.open)
    assert other.take(STEP, 9) == buffer.take(STEP, 9)
    assert [group.number for group in other.start(8, [make_prompt(0), make_prompt(1)], 0)] == [4, 5]


def test_a_cleared_buffer_has_no_samples_and_gives_no_number_twice() -> None:
    buffer, _ = crowded()
    buffer.clear()
    assert (buffer.num_ready, list(buffer.open)) == (0, [])
    assert [group.number for group in buffer.start(8, [make_prompt(0)], 0)] == [4]

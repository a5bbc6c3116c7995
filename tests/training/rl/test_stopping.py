"""Is there time for the step, and what of a batch has to be sampled again?"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Schedule
from openqwq.training.errors import Interrupted
from openqwq.training.pipeline.stop_request import StopRequest
from openqwq.training.records import Chunk, RolloutBatch, SampleRequest
from openqwq.training.rl import stopping
from openqwq.training.rl.loop import run_steps
from openqwq.training.rl.schedule import StepBatch
from openqwq.training.rl.step_samples import StepSamples, noted
from openqwq.training.rl.stopping import CutShort, Patient, StepTimes, stopping_of
from tests.training.simulated_engines import stage_of
from tests.training.simulated_stage import Simulated
from tests.training.small_records import make_prompt, make_rollout

REQUESTS = [SampleRequest(make_prompt(g), g, i, seed=10 * g + i) for g in range(4) for i in range(2)]


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopping, "time", clock)
    return clock


def measured(clock: Clock, sampling: float, rest: float, save: float) -> StepTimes:
    """Times after one step, with the next one just begun."""
    times = StepTimes()
    times.begin()
    clock.now += sampling
    times.sampled()
    clock.now += rest
    times.finished()
    times.saved(save)
    times.begin()
    return times


def test_a_step_that_would_not_end_in_time_is_cut_at_once(clock: Clock) -> None:
    times = measured(clock, sampling=100.0, rest=40.0, save=8.0)
    asked_at = clock.now + 20.0
    assert times.cut_at(asked_at, within=129.0) == asked_at  # 120 s are left of the step, and 10 s for the checkpoint
    assert times.cut_at(asked_at, within=131.0) == asked_at + 131.0 - 10.0 - 40.0
    late = asked_at + 90.0  # it samples longer than the last one did, and the rest does not fit any more
    assert times.cut_at(late, within=41.0) < late < times.cut_at(late, within=51.0)
    assert times.cut_at(asked_at, within=129.0, may_wait=True) == asked_at + 129.0 - 10.0


def test_after_the_last_sample_the_update_begins_only_if_it_fits(clock: Clock) -> None:
    times = measured(clock, sampling=100.0, rest=40.0, save=8.0)
    asked_at = clock.now
    clock.now += 10.0
    assert times.has_time(asked_at, within=61.0) and not times.has_time(asked_at, within=59.0)


def test_of_a_stage_of_which_nothing_is_measured_half_of_the_time_is_taken(clock: Clock) -> None:
    times = StepTimes()
    assert times.cut_at(clock.now, within=60.0) == clock.now + 30.0
    assert times.has_time(clock.now, within=60.0)
    clock.now += 31.0
    assert not times.has_time(clock.now - 31.0, within=60.0)


def test_what_can_only_be_asked_cuts_nothing() -> None:
    patient = stopping_of(lambda: True)
    assert isinstance(patient, Patient) and patient() and patient.asked_at is None
    with patient.cutting(lambda asked_at: 0.0), patient.shielded():
        pass
    stop = StopRequest()
    assert stopping_of(stop) is stop


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    request = StopRequest()
    request.listen()
    yield request
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


def wait_for(what: list[int], seconds: float = 20.0) -> None:
    """As work does that nobody ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        what.append(1)


def test_a_block_is_cut_when_its_time_has_come_and_what_is_shielded_is_not(stop: StopRequest) -> None:
    done: list[str] = []
    with pytest.raises(CutShort), stop.cutting(lambda asked_at: asked_at):
        with stop.shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            wait_for([], 0.05)
            done.append("shielded")
        wait_for([])
        done.append("cut")
    assert done == ["shielded"] and stop() and stop.asked_at is not None


def test_an_inner_block_has_its_own_time_and_the_outer_one_comes_after_it(stop: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    done: list[str] = []
    with pytest.raises(CutShort), stop.cutting(lambda asked_at: asked_at + 3600.0):
        with pytest.raises(CutShort), stop.cutting(lambda asked_at: asked_at):
            wait_for([])
        done.append("inner")
        with stop.cutting(lambda asked_at: asked_at + 3600.0):
            done.append("time")
        with stop.cutting(lambda asked_at: asked_at):
            wait_for([])
    assert done == ["inner", "time"]


def test_an_interruption_comes_once_and_again_in_the_next_block(stop: StopRequest) -> None:
    done: list[str] = []
    with pytest.raises(CutShort), stop.cutting(lambda asked_at: asked_at):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            wait_for([])
        except BaseException:  # as the destructor of somebody's object
            wait_for([], 0.05)
            done.append("ended in peace")
        with stop.cutting(lambda asked_at: asked_at):
            wait_for([])
    assert done == ["ended in peace"]


def test_an_interruption_while_a_block_is_being_left_is_still_its_cut(stop: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    left: list[BaseException] = []
    try:
        with stop.cutting(lambda asked_at: asked_at + 3600.0):
            stop._at = lambda asked_at: asked_at
            raise CutShort("no time") from None
    except CutShort as error:
        left.append(error)
    late = KeyboardInterrupt()
    assert stop.has_cut(left[0]) and not stop.has_cut(late)
    stop._is_due = True
    assert stop.has_cut(late) and not stop.has_cut(KeyboardInterrupt())


def test_a_second_interrupt_ends_the_run_at_once(stop: StopRequest) -> None:
    with pytest.raises(KeyboardInterrupt), stop.cutting(lambda asked_at: asked_at + 3600.0):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        wait_for([])


@given(
    arrived=st.sets(st.sampled_from([(r.group, r.index) for r in REQUESTS])),
    shards=st.sampled_from([None, 1, 2, 3]),
    is_cut=st.booleans(),
)
def test_what_is_sampled_again_is_what_is_missing_with_its_whole_shard(
    arrived: set[tuple[int, int]], shards: int | None, is_cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("kept") / "samples.json.gz"
    first = StepSamples(path, shards)
    first.begin(5)
    batch = first.open(REQUESTS)
    came = [Chunk([make_rollout(*key)], busy_seconds=1.0) for key in sorted(arrived)]
    assert [rollout for chunk in noted(batch, came) for rollout in chunk.rollouts] == [c.rollouts[0] for c in came]
    assert first.save(5) == len(arrived)

    second = StepSamples(path, shards)
    second.load(pytest.fail)
    second.begin(5)
    kept = second.open(REQUESTS)
    missing = second.missing(kept, REQUESTS, is_cut)
    again = {(r.group, r.index) for r in missing}
    lacking = {(r.group, r.index) for r in REQUESTS} - arrived
    assert again >= lacking and [r for r in REQUESTS if (r.group, r.index) in again] == missing
    if is_cut:
        assert missing == REQUESTS
    elif shards is None or not arrived:
        assert again == lacking or missing == REQUESTS
    else:
        by_shard = {n: {(r.group, r.index) for r in REQUESTS if r.group % shards == n} for n in range(shards)}
        assert again == set().union(*(keys for keys in by_shard.values() if keys & lacking))
    told = [r for chunk in noted(kept, [Chunk([make_rollout(*key)]) for key in sorted(again)]) for r in chunk.rollouts]
    assert sorted((r.group, r.index) for r in told) == [(r.group, r.index) for r in REQUESTS]  # each sample once


def test_a_sample_that_is_kept_and_comes_again_unfinished_does_not_go_on(tmp_path: Path) -> None:
    samples = StepSamples(tmp_path / "samples.json.gz", None)
    samples.begin(1)
    batch = samples.open(REQUESTS)
    first = list(noted(batch, [Chunk([make_rollout(0, 0)], [REQUESTS[3]])]))
    assert ([len(chunk.rollouts) for chunk in first], first[0].unfinished) == ([1], [REQUESTS[3]])
    again = list(noted(batch, [Chunk([make_rollout(0, 1)], [REQUESTS[0], REQUESTS[3]])]))
    assert [len(chunk.rollouts) for chunk in again] == [1, 1] and again[1].unfinished == [REQUESTS[3]]


def test_what_was_complete_is_taken_as_it_was_and_only_for_the_same_requests_of_the_same_step(tmp_path: Path) -> None:
    path = tmp_path / "samples.json.gz"
    first = StepSamples(path, 1)
    first.begin(5)
    whole = RolloutBatch([], REQUESTS[:1])
    assert first.open(REQUESTS).complete(whole) is whole
    first.open(REQUESTS[:3])
    first.save(5)
    for step, requests, found in ((5, REQUESTS, whole), (6, REQUESTS, None), (5, REQUESTS[1:], None)):
        later = StepSamples(path, 1)
        later.load(pytest.fail)
        later.begin(step)
        assert later.open(requests).batch == found


def test_checkpoints_by_time_come_after_the_first_step_past_it_and_at_the_end(tmp_path: Path, clock: Clock) -> None:
    simulated = Simulated(tmp_path, stage_of(Schedule(), steps=8, checkpoint_every="10s"))
    sync = simulated.trainer.sync_weights

    def slow(version: int) -> float:
        clock.now += 4.0
        return sync(version)

    simulated.trainer.sync_weights = slow  # type: ignore[method-assign]
    run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == [3, 6, 8]


def digests(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["samples/digest"] for line in lines]


class AskedAt:
    """A request that comes with the sampling of a step, and cuts it at once. Implements Stopping."""

    within = 0.0
    follows_steps = False
    asked_at: float | None = None

    def __call__(self) -> bool:
        return self.asked_at is not None

    def cutting(self, at: Callable[[float], float]) -> AbstractContextManager[None]:
        return nullcontext()

    def shielded(self) -> AbstractContextManager[None]:
        return nullcontext()

    def has_cut(self, error: BaseException) -> bool:
        return isinstance(error, CutShort)


@pytest.mark.parametrize(
    ("schedule", "saved", "words"),
    [
        (Schedule(), [4], r"stopped in step 5 of 8 of stage1; the samples that came, 0, are kept"),
        (Schedule(kind="async"), [4], r"stopped in step 5 of 8 of stage1; its samples come again"),
    ],
)
def test_a_step_that_has_no_time_left_is_not_trained_on(
    tmp_path: Path, clock: Clock, schedule: Schedule, saved: list[int], words: str
) -> None:
    stop = AskedAt()
    stage = stage_of(schedule, steps=8, checkpoint_every=99)
    for name in ("whole", "next"):
        (tmp_path / name).mkdir()
    simulated = Simulated(tmp_path, stage, stop)
    take = simulated.run.rollouts.take

    def taken(step: int) -> StepBatch:
        stop.asked_at = clock.now if step == 5 else None
        return take(step)

    simulated.run.rollouts.take = taken  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match=words):
        run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == saved
    assert (simulated.trainer.done.count("update"), simulated.trainer.done[-1]) == (4, "abandon")
    whole, following = Simulated(tmp_path / "whole", stage), Simulated(tmp_path / "next", stage)
    run_steps(whole.run, 0)
    following.engines.version = 4
    following.run.restore(simulated.run.checkpoints.read(4).state)
    run_steps(following.run, 4)
    assert digests(tmp_path / "next") == digests(tmp_path / "whole")[4:]


def test_batches_of_older_weights_that_are_missing_leave_the_newest_checkpoint(tmp_path: Path, clock: Clock) -> None:
    stop = AskedAt()
    simulated = Simulated(tmp_path, stage_of(Schedule(kind="async"), steps=8, checkpoint_every=3), stop)
    take = simulated.run.rollouts.take

    def taken(step: int) -> StepBatch:
        if step == 5:
            stop.asked_at = clock.now
            for batch in simulated.run.rollouts._in_flight:
                batch.pending.done = lambda: False  # type: ignore[method-assign]
            raise CutShort("its time has come")
        return take(step)

    simulated.run.rollouts.take = taken  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match=r"samples of older weights were missing, .* the checkpoint of step 3$"):
        run_steps(simulated.run, 0)
    assert simulated.run.checkpoints.steps() == [3]

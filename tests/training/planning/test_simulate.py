"""The simulated schedules against closed forms, and their staleness, speed and bias."""

import math

import pytest

from openqwq.training.planning.hardware import gpu_named
from openqwq.training.planning.lengths import lognormal
from openqwq.training.planning.shapes import KNOWN
from openqwq.training.planning.simulate import SchedulePolicy, best_split, simulate
from openqwq.training.planning.step import Layout, Workload, estimate, sync_seconds, training_phases
from tests.training.planning.closed_form import seconds_of_equal_responses

LAYOUT = Layout(KNOWN["Qwen/Qwen2.5-32B"], gpu_named("h100"), 8, 4, 48, 32)


def work(sigma: float) -> Workload:
    return Workload(1024, lognormal(3000, sigma, 16384, 512), 150, minibatches=2)


def test_without_variance_a_synchronous_step_is_the_closed_form() -> None:
    equal = work(0.0)
    by_hand = (
        seconds_of_equal_responses(LAYOUT.engine, 128, 3000, 150)
        + math.fsum(training_phases(equal, LAYOUT).values())
        + sync_seconds(LAYOUT)
    )
    assert simulate(SchedulePolicy("sync"), equal, LAYOUT, 8).step_seconds == pytest.approx(by_hand, rel=0.02)
    assert estimate(equal, LAYOUT, overlaps=False).seconds == pytest.approx(by_hand, rel=0.02)


def test_without_variance_an_asynchronous_step_is_the_slower_of_sampling_and_training() -> None:
    equal = work(0.0)
    apart = Layout(LAYOUT.shape, LAYOUT.gpu, 4, 4, 48, 16, is_colocated=False)
    sampled = seconds_of_equal_responses(apart.engine, 256, 3000, 150)
    trained = math.fsum(training_phases(equal, apart).values())
    assert simulate(SchedulePolicy("async", async_depth=1), equal, apart, 8, steps=12).step_seconds == pytest.approx(
        max(sampled, trained + sync_seconds(apart)), rel=0.02
    )


def test_staleness_is_what_the_schedule_allows() -> None:
    varied = work(0.8)
    assert simulate(SchedulePolicy("sync"), varied, LAYOUT, 8).staleness_max == 0
    async_depth = best_split(SchedulePolicy("async", async_depth=2), varied, LAYOUT, 8)
    assert async_depth.staleness_max == 2


def test_partial_rollouts_are_faster_where_lengths_vary_and_consume_as_long_answers_as_were_started() -> None:
    varied = work(0.8)
    sync = simulate(SchedulePolicy("sync"), varied, LAYOUT, 4, steps=10)
    partial = simulate(SchedulePolicy("partial", surplus=1.5), varied, LAYOUT, 4, steps=10)
    assert partial.step_seconds < sync.step_seconds
    assert partial.consumed_mean == pytest.approx(partial.started_mean, rel=0.05)


def test_the_same_seed_gives_the_same_simulation() -> None:
    varied = work(0.8)
    assert simulate(SchedulePolicy("partial", 1.5), varied, LAYOUT, 8) == simulate(
        SchedulePolicy("partial", 1.5), varied, LAYOUT, 8
    )

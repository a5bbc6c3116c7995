"""The stream of prompts: exact quotas, shuffled epochs, a cursor that is saved, more replay on demand."""

from __future__ import annotations

import json
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.prompts.stream import PromptStream
from openqwq.training.seeds import derive_seed
from tests.training.small_records import make_prompt


def stream(sizes: list[int], weights: list[float], seed: int = 0, replays: tuple[int, ...] = ()) -> PromptStream:
    """Source i holds prompts of task `s<i>`."""
    sources = [
        ([make_prompt(100 * i + n, f"s{i}", is_replay=i in replays) for n in range(size)], weight)
        for i, (size, weight) in enumerate(zip(sizes, weights, strict=True))
    ]
    return PromptStream(sources, seed)


def test_a_step_of_forty_prompts_holds_the_stated_fractions() -> None:
    prompts = stream([100, 100, 100], [0.6, 0.2, 0.2])
    for _ in range(20):
        assert Counter(p.task for p in prompts.next(40)) == {"s0": 24, "s1": 8, "s2": 8}


@given(
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    steps=st.lists(st.integers(1, 17), min_size=1, max_size=12),
)
def test_quotas_are_exact_over_time_to_within_one_prompt(weights: list[int], steps: list[int]) -> None:
    prompts = stream([7] * len(weights), [float(w) for w in weights])
    counts: Counter[str] = Counter()
    for step in steps:
        counts.update(p.task for p in prompts.next(step))
        for i, weight in enumerate(weights):
            assert abs(counts[f"s{i}"] - counts.total() * weight / sum(weights)) < 1.0 + 1e-6


def test_sources_are_interleaved_in_one_fixed_order() -> None:
    # owed after each prompt: .6 .2 .2, s0; .2 .4 .4, s1 before s2; .8 -.4 .6, s0; .4 -.2 .8, s2; 1 0 0, s0; and again
    tasks = [p.task for p in stream([9, 9, 9], [6.0, 2.0, 2.0]).next(10)]
    assert tasks == ["s0", "s1", "s0", "s2", "s0"] * 2


@given(weights=st.lists(st.integers(1, 40), min_size=2, max_size=4))
def test_the_order_is_that_of_exact_arithmetic_for_as_long_as_the_run(weights: list[int]) -> None:
    owed, expected = [Fraction(0)] * len(weights), []
    for _ in range(150):
        owed = [o + Fraction(w, sum(weights)) for o, w in zip(owed, weights, strict=True)]
        source = owed.index(max(owed))
        owed[source] -= 1
        expected.append(f"s{source}")
    assert [p.task for p in stream([3] * len(weights), [w / 7 for w in weights]).next(150)] == expected


def test_each_epoch_of_each_source_is_shuffled_by_a_seed_of_its_own() -> None:
    prompts = stream([6, 5], [1.0, 1.0], seed=3).next(36)
    for source, size in ((0, 6), (1, 5)):
        got = [int(p.id[1:]) - 100 * source for p in prompts if p.task == f"s{source}"]
        for epoch in range(3):
            order = list(range(size))
            random.Random(derive_seed(3, "order", source, epoch)).shuffle(order)
            assert got[size * epoch : size * (epoch + 1)] == order


def test_each_epoch_of_a_source_is_a_permutation_of_its_own() -> None:
    prompts = stream([10], [1.0])
    epochs = [[p.id for p in prompts.next(10)] for _ in range(3)]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_order_depends_on_the_seed_only() -> None:
    first, same, other = ([p.id for p in stream([20], [1.0], seed).next(20)] for seed in (1, 1, 2))
    assert first == same != other


@given(before=st.integers(0, 30), after=st.integers(1, 30), raised=st.booleans())
def test_a_restored_stream_goes_on_exactly_there(before: int, after: int, raised: bool) -> None:
    going = stream([5, 7], [1.0, 2.0], replays=(1,))
    going.next(before)
    if raised:
        going.raise_replay()
    saved = json.loads(json.dumps(going.state()))
    expected = [p.id for p in going.next(after)]
    resumed = stream([5, 7], [1.0, 2.0], replays=(1,))
    resumed.restore(saved)
    assert [p.id for p in resumed.next(after)] == expected
    assert resumed.state() == going.state()


def test_raising_replay_gives_earlier_tasks_a_larger_fraction() -> None:
    prompts = stream([50, 50], [0.6, 0.4], replays=(1,))
    assert prompts.replay_fraction == pytest.approx(0.4)
    assert prompts.raise_replay() == pytest.approx(0.5)
    assert Counter(p.task for p in prompts.next(100)) == {"s0": 50, "s1": 50}
    assert prompts.raise_replay(4.0) == prompts.replay_fraction == pytest.approx(0.8)
    assert Counter(p.task for p in prompts.next(100)) == {"s0": 20, "s1": 80}


def test_a_saved_position_does_not_move_with_its_stream() -> None:
    prompts = stream([5, 7], [1.0, 2.0], replays=(1,))
    saved = prompts.state()
    prompts.next(4)
    prompts.raise_replay()
    assert saved == {"cursor": [0, 0], "owed": [0.0, 0.0], "weights": [1.0, 2.0]}
    prompts.restore(saved)
    prompts.next(2)
    prompts.raise_replay()
    assert saved == {"cursor": [0, 0], "owed": [0.0, 0.0], "weights": [1.0, 2.0]}


def test_raising_replay_without_a_replayed_source_changes_nothing() -> None:
    prompts = stream([5, 5], [1.0, 3.0])
    assert prompts.raise_replay() == 0.0
    assert Counter(p.task for p in prompts.next(40)) == {"s0": 10, "s1": 30}

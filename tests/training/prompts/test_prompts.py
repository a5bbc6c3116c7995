"""The stream of prompts: exact quotas, shuffled epochs, a cursor that is saved, more replay on demand."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.prompts.stream import PromptStream
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
    assert prompts.raise_replay(1.5) == pytest.approx(0.5)
    assert Counter(p.task for p in prompts.next(100)) == {"s0": 50, "s1": 50}


def test_raising_replay_without_a_replayed_source_changes_nothing() -> None:
    prompts = stream([5, 5], [1.0, 3.0])
    assert prompts.raise_replay() == 0.0
    assert Counter(p.task for p in prompts.next(40)) == {"s0": 10, "s1": 30}

"""Prompts that are passed over while the policy always or never answers them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config.data import Curriculum
from openqwq.training.prompts.curriculum import CurriculumFeed
from openqwq.training.prompts.feeds import ListFeed
from openqwq.training.prompts.stream import PromptStream
from tests.training.small_records import make_prompt

SETTINGS = Curriculum(low=0.2, high=0.75, newest=0.25, pause=2)


def feed_of(size: int, settings: Curriculum = SETTINGS) -> CurriculumFeed:
    return CurriculumFeed(ListFeed([make_prompt(n) for n in range(size)], lambda epoch: epoch), settings)


def asked(feed: CurriculumFeed, count: int) -> list[str]:
    return [feed.next().id for _ in range(count)]


@pytest.mark.parametrize(("accuracy", "is_asked"), [(0.0, 0), (0.19, 0), (0.2, 1), (0.75, 1), (0.76, 0), (1.0, 0)])
def test_a_prompt_outside_of_the_range_is_passed_over_as_often_as_stated(accuracy: float, is_asked: int) -> None:
    feed = feed_of(4)
    (name,) = asked(feed, 1)
    asked(feed, 3)
    feed.note(name, accuracy)
    assert feed.num_paused == 1 - is_asked
    epochs = [Counter(asked(feed, 3 + is_asked)) for _ in range(2)]
    assert [epoch[name] for epoch in epochs] == [is_asked] * 2
    assert feed.num_paused == 0
    assert Counter(asked(feed, 4))[name] == 1  # as the others
    assert all(count == 1 for epoch in epochs for count in epoch.values())


def test_the_accuracy_of_a_prompt_is_a_running_one() -> None:
    feed = feed_of(2)
    for accuracy, is_paused in [
        (0.0, True),  # 0
        (0.4, True),  # 0.1
        (0.9, False),  # 0.3
        (1.0, False),  # 0.475
        (1.0, False),  # 0.60625
        (1.0, False),  # 0.7046875
        (1.0, True),  # 0.778515625
        (0.5, False),  # 0.70888671875
    ]:
        feed.note("p0", accuracy)
        assert (feed.num_paused == 1) is is_paused, accuracy
    assert feed.state()["accuracy"] == {"p0": 0.70888671875}


def test_where_all_prompts_are_passed_over_they_are_asked_when_their_pause_is_over() -> None:
    feed = feed_of(3)
    first = asked(feed, 3)
    for name in first:
        feed.note(name, 1.0)
    assert Counter(asked(feed, 3)) == Counter(first)
    assert feed_of(3, Curriculum(pause=0)).num_paused == 0


def test_a_pause_of_none_passes_over_nothing() -> None:
    feed = feed_of(3, Curriculum(pause=0))
    feed.note("p0", 1.0)
    assert feed.num_paused == 0


@given(events=st.lists(st.one_of(st.just(None), st.tuples(st.integers(0, 6), st.floats(0, 1)))), cut=st.integers(0, 40))
def test_a_saved_feed_goes_on_as_if_nothing_had_happened(events: list[tuple[int, float] | None], cut: int) -> None:
    def play(feed: CurriculumFeed, part: list[tuple[int, float] | None]) -> list[str]:
        got = []
        for event in part:
            if event is None:
                got.append(feed.next().id)
            else:
                feed.note(f"p{event[0]}", event[1])
        return got

    whole, first, second = feed_of(5), feed_of(5), feed_of(5)
    wanted = play(whole, events)
    got = play(first, events[:cut])
    second.restore(json.loads(json.dumps(first.state())))
    assert got + play(second, events[cut:]) == wanted
    assert second.state() == whole.state()


def test_outcomes_reach_the_sources_that_have_a_curriculum() -> None:
    rows = [make_prompt(n) for n in range(4)]
    stream = PromptStream([(rows[:2], 1.0), (rows[2:], 1.0)], 0, [None, SETTINGS])
    assert Counter(p.id for p in stream.next(4)) == Counter(row.id for row in rows)
    for row in rows:
        stream.note(row.id, 0.0)
    stream.note(rows[3].id, 1.0)  # 0.25
    assert Counter(p.id for p in stream.next(4)) == {"p0": 1, "p1": 1, "p3": 2}
    again = PromptStream([(rows[:2], 1.0), (rows[2:], 1.0)], 0, [None, SETTINGS])
    again.restore(json.loads(json.dumps(stream.state())))
    assert [p.id for p in again.next(9)] == [p.id for p in stream.next(9)]
    plain = PromptStream([(rows, 1.0)], 0)
    plain.note("p0", 0.0)
    assert plain.num_paused is None


@pytest.mark.parametrize(
    "words", [{"low": 0.5, "high": 0.5}, {"low": -0.1}, {"high": 1.1}, {"newest": 0.0}, {"pause": -1}]
)
def test_settings_that_mean_nothing_are_refused(words: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(words))):
        Curriculum(**words)  # type: ignore[arg-type]

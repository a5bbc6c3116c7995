"""Durations and numbers of steps as recipes say them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Cluster, RlStage, SftStage
from openqwq.training.config.durations import in_seconds, in_steps, seconds_of
from openqwq.training.config.files import load_recipe
from openqwq.training.errors import RecipeError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("30 min", 1800),
        ("1h30m", 5400),
        ("1.5 hours", 5400),
        ("2d", 172800),
        ("1 H 5 s", 3605),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@given(h=st.integers(0, 99), m=st.integers(0, 99), s=st.integers(1, 99), gap=st.sampled_from(["", " "]))
def test_parts_of_a_duration_add_up(h: int, m: int, s: int, gap: str) -> None:
    assert seconds_of(f"{h}{gap}h{gap}{m}m{gap}{s}{gap}s") == 3600 * h + 60 * m + s


@pytest.mark.parametrize("text", ["", "30", "m", "30 parsecs", "-5m", "0s", "5m!", "1:30", "soon"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration, such as 90s, 30m, 1h30m"):
        seconds_of(text)


@pytest.mark.parametrize(("said", "found"), [(20, 20), ("20", 20), ("20 steps", 20), ("1 step", 1), ("30m", "30m")])
def test_checkpoints_come_by_steps_or_by_time(said: Any, found: int | str) -> None:
    for stage in (
        RlStage(name="a", kind="rl", prompts=(), steps=5, checkpoint_every=said),
        SftStage(name="a", kind="sft", demonstrations={"source": "x"}, steps=5, checkpoint_every=said),
    ):
        assert stage.checkpoint_every == found
        assert (in_steps(found), in_seconds(found)) == ((None, 1800.0) if found == "30m" else (found, None))
        assert type(stage).model_validate(stage.model_dump(mode="json")) == stage


@pytest.mark.parametrize("said", [0, -3, 2.5, True, None, "0", "often", [5]])
def test_anything_else_between_checkpoints_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="checkpoint_every"):
        RlStage(name="a", kind="rl", prompts=(), steps=5, checkpoint_every=said)


def test_a_bound_may_be_seconds_and_a_wrong_one_names_the_key() -> None:
    assert seconds_of(Cluster(stop_within=45).stop_within) == 45  # type: ignore[arg-type]
    assert seconds_of(load_recipe("smoke", ["cluster.stop_within=2m"]).cluster.stop_within) == 120
    with pytest.raises(RecipeError, match=r"cluster\.stop_within.*'soon' is no duration"):
        load_recipe("smoke", ["cluster.stop_within=soon"])
    recipe = load_recipe("smoke", ["stages.stage1.checkpoint_every=30m"])
    assert [s.checkpoint_every for s in recipe.stages if s.name == "stage1"] == ["30m"]  # type: ignore[union-attr]

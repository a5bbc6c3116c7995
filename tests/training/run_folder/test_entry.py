"""A stage's entry: one record, one JSON form, read also where a file was damaged."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.run_folder.entry import Check, Estimate, GateDecision, StageEntry, SuiteEntry, without_nan
from openqwq.training.run_folder.lenient import mapping, number, rows_of

NUMBERS = st.none() | st.floats(-2, 2)
ESTIMATES = st.builds(Estimate, NUMBERS, NUMBERS, NUMBERS, st.none() | st.integers(0, 500))
NAMES = st.text(min_size=1, max_size=5)
SUITES = st.dictionaries(
    NAMES,
    st.builds(
        SuiteEntry,
        ESTIMATES,
        errors=st.integers(0, 9),
        samples=st.none() | st.integers(1, 64),
        name=st.sampled_from(["accuracy", "mean score"]),
        pass_at=st.dictionaries(st.integers(1, 64), st.floats(0, 1), max_size=2),
        consensus=st.dictionaries(st.integers(1, 64), st.floats(0, 1), max_size=2),
        unstable=NUMBERS,
        mean_tokens=NUMBERS,
        kinds=st.dictionaries(NAMES, NUMBERS, max_size=2),
        columns=st.dictionaries(NAMES, ESTIMATES, max_size=2),
        facts=st.dictionaries(NAMES, st.floats(0, 1), max_size=2),
    ),
    max_size=2,
)
GATES = st.builds(
    GateDecision,
    st.lists(st.builds(Check, NAMES, NUMBERS, NUMBERS, st.booleans()), max_size=2).map(tuple),
    st.booleans(),
)
ENTRIES = st.builds(
    StageEntry,
    name=NAMES,
    kind=st.sampled_from(["sft", "rl", "reward_model"]),
    seconds=st.floats(0, 1e6),
    steps=st.integers(1, 500),
    model=st.text(max_size=9),
    algorithm=st.none() | st.just("grpo"),
    gate=st.none() | GATES,
    accuracy=st.none() | st.dictionaries(NAMES, st.floats(0, 1), max_size=2),
    reused_from=st.none() | st.just("arm-seed0"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=25)
@given(entry=ENTRIES, before=SUITES, after=SUITES, paired=st.dictionaries(NAMES, ESTIMATES, max_size=2))
def test_an_entry_is_the_same_after_it_was_written_and_read(
    entry: StageEntry, before: dict[str, SuiteEntry], after: dict[str, SuiteEntry], paired: dict[str, Estimate]
) -> None:
    if after or entry.kind == "rl":
        entry = StageEntry(**{**vars(entry), "before": before, "after": after, "paired": paired})
    written = json.dumps(entry.to_json(), allow_nan=False)
    assert StageEntry.from_json(json.loads(written)) == entry


@settings(max_examples=25)
@given(tree=st.dictionaries(st.sampled_from([*vars(StageEntry("", "")), "eval"]), JSON))
def test_a_damaged_entry_is_read_as_far_as_it_can_be(tree: dict[str, object]) -> None:
    entry = StageEntry.from_json(tree)
    json.dumps(StageEntry.from_json(entry.to_json()).to_json(), allow_nan=False)


FULL = StageEntry(
    name="stage1",
    kind="rl",
    seconds=12.5,
    steps=40,
    model="checkpoints/stage1/step_40/model",
    algorithm="grpo",
    before={"math": SuiteEntry(Estimate(0.25, 0.2, 0.3, 80))},
    after={
        "math": SuiteEntry(
            Estimate(0.5, 0.4, 0.6, 80),
            errors=3,
            on_this_benchmark=Estimate(0.5, 0.45, 0.55, 80),
            samples=4,
            pass_at={1: 0.5, 4: 0.75},
            consensus={4: 0.625},
            unstable=0.25,
            mean_tokens=31.5,
            kinds={"word": 0.25, "expr": None},
            columns={"whole": Estimate(0.75, 0.7, 0.8, 80)},
            facts={"truncated": 0.125},
        )
    },
    paired={"math": Estimate(0.25, 0.125, 0.375, 77)},
    gate=GateDecision(
        (
            Check("math.kept", -0.125, -0.25, True),
            Check("math.gain_low", 0.1, 0.2, False),
            Check("x", 0.6, 0.5, False, True),
        ),
        False,
    ),
    accuracy={"all": 0.875},
    reused_from="../other",
)
JSON_OF_FULL = {
    "reused_from": "../other",
    "name": "stage1",
    "kind": "rl",
    "seconds": 12.5,
    "algorithm": "grpo",
    "accuracy": {"all": 0.875},
    "steps": 40,
    "eval": {
        "before": {"math": {"accuracy": 0.25, "n": 80, "low": 0.2, "high": 0.3}},
        "after": {
            "math": {
                "accuracy": 0.5,
                "n": 80,
                "low": 0.4,
                "high": 0.6,
                "errors": 3,
                "on_this_benchmark": {"low": 0.45, "high": 0.55},
                "samples": 4,
                "unstable": 0.25,
                "mean_tokens": 31.5,
                "pass_at": {"1": 0.5, "4": 0.75},
                "consensus": {"4": 0.625},
                "kinds": {"word": 0.25, "expr": None},
                "columns": {"whole": {"accuracy": 0.75, "n": 80, "low": 0.7, "high": 0.8}},
                "facts": {"truncated": 0.125},
            }
        },
    },
    "paired": {"math": {"gain": 0.25, "low": 0.125, "high": 0.375, "n": 77}},
    "gate": {
        "passed": False,
        "checks": [
            {"name": "math.kept", "value": -0.125, "limit": -0.25, "passed": True},
            {"name": "math.gain_low", "value": 0.1, "limit": 0.2, "passed": False},
            {"name": "x", "value": 0.6, "limit": 0.5, "passed": False, "is_at_most": True},
        ],
    },
    "model": "checkpoints/stage1/step_40/model",
}


def test_an_entry_is_written_under_these_names() -> None:
    assert FULL.to_json() == JSON_OF_FULL and list(FULL.to_json()) == list(JSON_OF_FULL)
    assert StageEntry.from_json(JSON_OF_FULL) == FULL


@pytest.mark.parametrize(
    ("entry", "extra"),
    [
        (StageEntry("a", "sft"), {}),
        (StageEntry("a", "rl"), {"eval": {"before": {}, "after": {}}, "paired": {}}),
        (
            StageEntry("a", "sft", after={"s": SuiteEntry(Estimate(1.0), errors=0)}),
            {
                "eval": {"before": {}, "after": {"s": {"accuracy": 1.0, "n": None, "low": None, "high": None}}},
                "paired": {},
            },
        ),
        (StageEntry("a", "sft", gate=GateDecision.of([])), {"gate": {"passed": True, "checks": []}}),
    ],
)
def test_an_entry_leaves_out_what_its_stage_does_not_have(entry: StageEntry, extra: dict[str, Any]) -> None:
    plain = {"name": "a", "kind": entry.kind, "seconds": 0.0, "steps": None, "model": ""}
    assert entry.to_json() == {**plain, **extra}
    assert StageEntry.from_json(entry.to_json()) == entry


def test_a_gate_passes_if_every_check_does() -> None:
    good, bad = Check("x", 1.0, 0.5, True), Check("y", 0.0, 0.5, False)
    assert GateDecision.of(iter([good, good])) == GateDecision((good, good), True)
    assert [GateDecision.of(checks).passed for checks in ([good, bad], [bad, good], [bad], [])] == [False] * 3 + [True]
    assert not StageEntry("a", "rl", gate=GateDecision.of([bad])).has_passed
    assert StageEntry("a", "rl", gate=GateDecision.of([good])).has_passed and StageEntry("a", "rl").has_passed


def test_the_seconds_of_a_stage_are_rounded() -> None:
    entry = FULL.timed(7.12567)
    assert entry.seconds == 7.13 and entry.timed(FULL.seconds) == FULL


def test_unusable_values_of_a_damaged_entry_are_left_out() -> None:
    damaged = {
        **JSON_OF_FULL,
        "seconds": "long",
        "steps": None,
        "algorithm": 3,
        "eval": {
            "before": [],
            "after": {
                "math": {"accuracy": True, "errors": None, "kinds": 2, "pass_at": {"x": 1, "2": "y"}, "facts": 3}
            },
        },
        "paired": {"math": 0.25},
        "gate": {"checks": [{"name": "x"}, 7], "passed": None},
        "accuracy": {"all": "high", "curt": 1},
        "reused_from": None,
    }
    nothing = Estimate(None)
    assert StageEntry.from_json(damaged) == StageEntry(
        "stage1",
        "rl",
        model=FULL.model,
        after={"math": SuiteEntry(nothing)},
        paired={"math": nothing},
        gate=GateDecision((Check("x", None, None, False),), False),
        accuracy={"curt": 1.0},
    )
    assert StageEntry.from_json({"accuracy": [1]}) == StageEntry("", "")
    assert StageEntry.from_json({"gate": {}}).gate == GateDecision((), True)  # without a word it did not fail
    assert StageEntry.from_json([]) == StageEntry("", "")


@pytest.mark.parametrize(
    ("value", "read"),
    [(3, 3.0), (-0.5, -0.5), (0, 0.0), (True, None), (False, None), ("3", None), (None, None), (math.nan, None),
     (math.inf, None), (-math.inf, None), (10**400, None), ([1], None)],
)  # fmt: skip
def test_a_number_is_a_finite_one(value: object, read: float | None) -> None:
    found = number(value)
    assert found == read and not isinstance(found, bool | int)


def test_mappings_and_rows_are_kept_and_all_else_is_nothing() -> None:
    assert mapping({"a": 1}) == {"a": 1} and mapping([("a", 1)]) == mapping(None) == mapping("a") == {}
    assert rows_of([{"a": 1}, 3, "b", [], {}]) == rows_of(({"a": 1}, {})) == [{"a": 1}, {}]
    assert rows_of({"a": 1}) == rows_of("abc") == rows_of(None) == []


def test_nan_becomes_null_at_every_depth() -> None:
    tree = {"a": math.nan, "b": [1.0, math.nan, {"c": math.nan, "d": "nan"}], "e": {"f": [math.nan]}, "g": 2}
    wanted = {"a": None, "b": [1.0, None, {"c": None, "d": "nan"}], "e": {"f": [None]}, "g": 2}
    assert without_nan(tree) == wanted


def test_what_is_not_a_number_is_null() -> None:
    entry = StageEntry("a", "rl", gate=GateDecision.of([Check("x", float("nan"), 0.1, False)]))
    assert entry.to_json()["gate"] == {
        "passed": False,
        "checks": [{"name": "x", "value": None, "limit": 0.1, "passed": False}],
    }

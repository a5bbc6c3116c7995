"""A stage's entry: one record, one JSON form, read also where a file was damaged."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.run_folder.entry import Check, Estimate, GateDecision, StageEntry, SuiteEntry

NUMBERS = st.none() | st.floats(-2, 2)
ESTIMATES = st.builds(Estimate, NUMBERS, NUMBERS, NUMBERS, st.none() | st.integers(0, 500))
NAMES = st.text(min_size=1, max_size=5)
SUITES = st.dictionaries(
    NAMES,
    st.builds(SuiteEntry, ESTIMATES, st.integers(0, 9), NUMBERS, NUMBERS, st.dictionaries(NAMES, NUMBERS, max_size=2)),
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


@given(entry=ENTRIES, before=SUITES, after=SUITES, paired=st.dictionaries(NAMES, ESTIMATES, max_size=2))
def test_an_entry_is_the_same_after_it_was_written_and_read(
    entry: StageEntry, before: dict[str, SuiteEntry], after: dict[str, SuiteEntry], paired: dict[str, Estimate]
) -> None:
    if after or entry.kind == "rl":
        entry = StageEntry(**{**vars(entry), "before": before, "after": after, "paired": paired})
    written = json.dumps(entry.to_json(), allow_nan=False)
    assert StageEntry.from_json(json.loads(written)) == entry


@given(tree=st.dictionaries(st.sampled_from([*vars(StageEntry("", "")), "eval"]), JSON))
def test_a_damaged_entry_is_read_as_far_as_it_can_be(tree: dict[str, object]) -> None:
    entry = StageEntry.from_json(tree)
    json.dumps(StageEntry.from_json(entry.to_json()).to_json(), allow_nan=False)


def test_what_is_not_a_number_is_null() -> None:
    entry = StageEntry("a", "rl", gate=GateDecision.of([Check("x", float("nan"), 0.1, False)]))
    assert entry.to_json()["gate"] == {
        "passed": False,
        "checks": [{"name": "x", "value": None, "limit": 0.1, "passed": False}],
    }
    assert not entry.has_passed and StageEntry("a", "rl").has_passed

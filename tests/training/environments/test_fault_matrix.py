"""The fault matrix: exactly the samples whose environment is at fault are masked, in every way of sampling. The whole
of it, with hangs at every place, is `benchmarks/environment_faults.py`."""

from __future__ import annotations

import pytest

from benchmarks.environment_faults import FAULTS, MODES, play

IN_A_TEST = {"sync": [f for f in FAULTS if f not in ("hangs", "awaits for ever")], "partial": FAULTS,
             "async": ["raises", "no content", "SystemExit"]}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_exactly_the_samples_with_a_fault_are_masked(mode: str) -> None:
    found = play(mode, "data/tiny/base", 1.0, IN_A_TEST[mode])
    assert found["wrong"] == []
    assert found["samples"] == found["healthy"] + sum(len(cells) for cells in found["table"].values())

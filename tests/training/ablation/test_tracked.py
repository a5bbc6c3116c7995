"""What trackers get of an ablation: its comparisons and means, once for each number of finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openqwq.training.ablation.tracked import send_to_trackers
from openqwq.training.comparison.paired_runs import Comparison
from openqwq.training.config import Logging
from openqwq.training.config.recipe import TrackerUse
from openqwq.training.estimation.paired import Difference
from openqwq.training.tracking import trackers as trackers_module

CLEAR = Difference(-0.25, -0.5, -0.125, -0.4, 0.001, 0.5, 3, 40, 0.0625)
COMPARISONS = [Comparison("placebo", "math", "stage1", "stage1", 3, CLEAR)]
MEANS = [{"arm": "placebo", "stage": "stage1", "suite": "math", "seeds": 3, "before": 0.5, "after": 0.25}]


class Kept:
    """A tracker that keeps what it gets."""

    calls: list[Any] = []  # noqa: RUF012

    def start(self, run: Any) -> None:
        self.calls.append(("start", run.id, run.name, run.stages, run.config["ablation"]))

    def log(self, *sent: Any) -> None:
        self.calls.append(sent)

    def table(self, *sent: Any) -> None:
        self.calls.append(sent)

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    Kept.calls = []
    monkeypatch.setitem(trackers_module.BUILT_IN, "kept", Kept)
    return Kept.calls


def send(folder: Path, num_finished: int, warn: Any = pytest.fail, name: str = "kept") -> None:
    logging = Logging(trackers=(TrackerUse(name=name),))
    send_to_trackers("mine", folder, logging, {"seeds": [0]}, COMPARISONS, MEANS, num_finished, warn)


def test_numbers_and_tables_of_an_ablation_are_one_tracked_run(kept: list[Any], tmp_path: Path) -> None:
    send(tmp_path, 6)
    (_, run_id, *told), numbers, comparisons, means, closed = kept
    assert run_id.startswith("mine-") and told == ["mine", ("ablation",), {"seeds": [0]}]
    bounds = {"difference/math/placebo": -0.25, "low/math/placebo": -0.5, "high/math/placebo": -0.125}
    assert numbers == ("ablation", 6, bounds)
    [row] = comparisons[3]
    assert comparisons[:3] == ("ablation", 6, "comparisons") and row == {
        "arm": "placebo", "suite": "math", "after": "stage1", "beside": "stage1", "seeds": 3, "problems": 40,
        "difference": -0.25, "low": -0.5, "high": -0.125, "p_holm": 0.001, "would_have_seen": 0.0625,
        "verdict": "worse",
    }  # fmt: skip
    assert (means, closed) == (("ablation", 6, "means", MEANS), "close")


def test_the_same_results_are_sent_once_and_further_ones_to_the_same_run(kept: list[Any], tmp_path: Path) -> None:
    for num_finished in (4, 4, 6):
        send(tmp_path, num_finished)
    assert len({call[1] for call in kept if call[0] == "start"}) == 1
    assert [call[1] for call in kept if call[0] == "ablation" and len(call) == 3] == [4, 6]


def test_a_tracker_that_cannot_be_used_costs_a_warning(tmp_path: Path) -> None:
    said: list[str] = []
    send(tmp_path, 1, said.append, name="nobody")
    assert len(said) == 1 and "no tracker is named 'nobody'" in said[0]


def test_without_a_tracker_nothing_is_written(tmp_path: Path) -> None:
    send_to_trackers("mine", tmp_path, Logging(), {}, COMPARISONS, MEANS, 6, pytest.fail)
    assert list(tmp_path.iterdir()) == []

"""Trackers: one run over sessions, an axis for each stage, what is sent, and what happens when one fails."""

from __future__ import annotations

import importlib.metadata
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Logging, Recipe
from openqwq.training.errors import RecipeError
from openqwq.training.tracking import trackers as trackers_module
from openqwq.training.tracking.trackers import Trackers, build_trackers, start_trackers

ROWS = [{"id": "p0", "response": "a | b\nc", "reward": 1.0}, {"id": "p1", "response": "", "reward": None}]


def recipe(**logging: Any) -> Recipe:
    stage = {"name": "cold", "kind": "sft", "steps": 1, "demonstrations": {"source": "d"}}
    stages = [stage, {**stage, "name": "again"}]
    return Recipe.model_validate({"name": "my.run", "seed": 3, "model": "m", "stages": stages, "logging": logging})


class Stub:
    """Stands in for a package: notes every call."""

    def __init__(self, has_key: bool = True) -> None:
        self.calls: list[Any] = []
        self.has_key = has_key
        self.errors = types.SimpleNamespace(Error=ConnectionError)

    def init(self, **settings: Any) -> Stub:
        self.calls.append(("init", settings))
        return self

    def login(self, prompt: bool) -> bool:
        assert prompt is False
        return self.has_key

    def define_metric(self, name: str, **how: Any) -> None:
        self.calls.append(("axis", name, how.get("step_metric")))

    def log(self, numbers: Any) -> None:
        self.calls.append(numbers)

    def finish(self) -> None:
        self.calls.append("finish")

    class Table:
        def __init__(self, columns: Any = None, log_mode: str = "", data: Any = ()) -> None:
            self.columns, self.log_mode, self.data = columns, log_mode, list(data)

        def add_data(self, *values: Any) -> None:
            self.data.append(values)


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub()
    monkeypatch.setitem(sys.modules, "wandb", stub)
    return stub


def test_wandb_shows_one_run_over_all_sessions_with_an_axis_for_each_stage(wandb: Stub, tmp_path: Path) -> None:
    for _ in range(3):
        trackers = start_trackers(recipe(wandb="offline", wandb_project="mine"), tmp_path, pytest.fail)
        trackers.close()
    settings = [call[1] for call in wandb.calls if call[0] == "init"]
    assert len({tuple(sorted((k, str(v)) for k, v in one.items())) for one in settings}) == 1
    assert settings[0]["id"].startswith("my-run-seed3-") and settings[0]["resume"] == "allow"
    assert {k: settings[0][k] for k in ("project", "mode", "dir", "name", "group")} == {
        "project": "mine", "mode": "offline", "dir": str(tmp_path), "name": "my.run-seed3", "group": "my.run"
    }  # fmt: skip
    assert settings[0]["config"]["recipe"]["stages"][0]["name"] == "cold"
    assert settings[0]["config"]["versions"]["torch"] == importlib.metadata.version("torch")
    axes = [call[1:] for call in wandb.calls if call[0] == "axis"]
    assert axes[:2] == [("cold/step", None), ("cold/*", "cold/step")]
    assert {name for name, _ in axes} == {f"{s}/{x}" for s in ("cold", "again", "evaluation") for x in ("step", "*")}
    (tmp_path / "tracking.json").unlink()  # another run
    start_trackers(recipe(wandb="offline"), tmp_path, pytest.fail)
    assert wandb.calls[-7][1]["id"] != settings[0]["id"]


@pytest.mark.parametrize(
    ("seconds_after", "is_closed", "again"), [(0, True, []), (31, False, []), (0, False, [2, 3]), (29, False, [2, 3])]
)
def test_a_step_is_sent_once_although_a_resumed_run_computes_it_again(
    wandb: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds_after: float,
    is_closed: bool,
    again: list[int],
) -> None:
    """Unless the run was killed less than half a minute later, when it may not have arrived."""
    now = [1000.0]
    monkeypatch.setattr(trackers_module, "time", types.SimpleNamespace(monotonic=lambda: now[0]))

    def session(steps: range) -> Trackers:
        trackers = start_trackers(recipe(wandb="offline"), tmp_path, pytest.fail)
        for step in steps:
            trackers.log("cold", step, {"x": step / 2})
            trackers.table("cold", step, "rollouts", ROWS)
            trackers.log("cold", step, {"check": 1.0})  # a second time in the same step
        return trackers

    first = session(range(1, 4))
    now[0] += seconds_after
    if is_closed:
        first.close()
    else:  # one more, then killed
        first.log("again", 1, {"x": 0.0})
    session(range(2, 5)).log("again", 1, {"x": 0.0})
    sent = [call for call in wandb.calls if isinstance(call, dict)]
    for name in ("x", "check", "rollouts"):
        assert [call["cold/step"] for call in sent if f"cold/{name}" in call] == [1, 2, 3, *again, 4]
    tables = {id(call["cold/rollouts"]): call["cold/rollouts"] for call in sent if "cold/rollouts" in call}
    table = next(iter(tables.values()))
    assert (table.columns, table.log_mode) == (["step", "id", "response", "reward"], "INCREMENTAL")
    assert table.data[0] == (1, "p0", "a | b\nc", 1.0) and len(table.data) == 6  # a table for each session


def test_an_accuracy_that_is_measured_again_is_sent_again(wandb: Stub, tmp_path: Path) -> None:
    """After an extension, under the number of the same stage."""
    for value in (0.25, 0.5):
        trackers = start_trackers(recipe(wandb="offline"), tmp_path, pytest.fail)
        trackers.log("evaluation", 1, {"math": value})
        trackers.table("evaluation", 1, "accuracy", ROWS)
        trackers.close()
    sent = [call for call in wandb.calls if isinstance(call, dict)]
    assert [call["evaluation/math"] for call in sent if "evaluation/math" in call] == [0.25, 0.5]
    assert len([call for call in sent if "evaluation/accuracy" in call]) == 2


def test_a_cut_memory_file_is_no_fault(wandb: Stub, tmp_path: Path) -> None:
    (tmp_path / "tracking.json").write_text('{"id": "x", "se')
    start_trackers(recipe(wandb="offline"), tmp_path, pytest.fail).log("cold", 1, {"x": 1.0})
    assert wandb.calls[-1] == {"cold/step": 1, "cold/x": 1.0}


def test_a_tracker_that_fails_costs_one_warning_and_nothing_else(wandb: Stub, tmp_path: Path) -> None:
    said: list[str] = []
    trackers = start_trackers(recipe(wandb="offline"), tmp_path, said.append)
    wandb.log = lambda numbers: 1 / 0  # type: ignore[method-assign,assignment]
    for step in (1, 2):
        trackers.log("cold", step, {"x": 1.0})
    trackers.close()
    assert said == [
        "the tracker wandb failed (ZeroDivisionError: division by zero); the run goes on without it, "
        "metrics.jsonl has everything"
    ]


def test_a_key_that_is_missing_is_found_before_the_run(wandb: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb.has_key = False
    with pytest.raises(RecipeError, match=r"wandb has no API key for mode online; run `wandb login`"):
        build_trackers(recipe(wandb="online").logging)
    assert set(build_trackers(recipe(wandb="offline").logging)) == {"wandb"}


def test_a_session_that_wandb_refuses_is_a_fault_of_the_recipe(
    wandb: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectionError("permission\ndenied")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(RecipeError, match=r"wandb cannot be used: permission denied; or use logging.wandb=offline"):
        start_trackers(recipe(wandb="offline"), tmp_path, pytest.fail)


def test_tensorboard_gets_scalars_by_stage_and_tables_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            calls.append(folder)

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: calls.append((name, *arguments))

    module = types.SimpleNamespace(SummaryWriter=SummaryWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    trackers = start_trackers(recipe(trackers=[{"name": "tensorboard"}]), tmp_path, pytest.fail)
    trackers.log("cold", 2, {"x": 0.5})
    trackers.table("cold", 2, "rollouts", ROWS)
    trackers.close()
    assert calls[0] == str(tmp_path / "tensorboard") and calls[1][:2] == ("add_text", "recipe")
    table = "| id | response | reward |\n| --- | --- | --- |\n| p0 | a \\| b<br>c | 1.0 |\n| p1 |  | None |"
    assert calls[2:] == [
        ("add_scalar", "cold/x", 0.5, 2), ("flush",), ("add_text", "cold/rollouts", table, 2), ("close",)
    ]  # fmt: skip


def test_tensorboard_that_is_not_installed_is_said_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(RecipeError, match=r"tensorboard needs a package: .*`pip install tensorboard`"):
        build_trackers(recipe(trackers=[{"name": "tensorboard"}]).logging)


def test_trackio_gets_the_same_names_and_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    monkeypatch.setitem(sys.modules, "trackio", stub)
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    use = {"name": "trackio", "arguments": {"project": "mine"}}
    for step in (1, 2):
        trackers = start_trackers(recipe(trackers=[use]), tmp_path, pytest.fail)
        trackers.log("cold", step, {"x": 0.5})
        trackers.table("cold", step, "rollouts", ROWS)
        trackers.close()
    starts = [call[1] for call in stub.calls if isinstance(call, tuple) and call[0] == "init"]
    assert starts[0] == starts[1] and (starts[0]["project"], starts[0]["resume"]) == ("mine", "allow")
    assert {"cold/step": 2, "cold/x": 0.5} in stub.calls and stub.calls[-1] == "finish"
    tables = [call["cold/rollouts"] for call in stub.calls if isinstance(call, dict) and "cold/rollouts" in call]
    assert (tables[0].columns, tables[0].data) == (
        ["step", "id", "response", "reward"], [[1, "p0", "a | b\nc", 1.0], [1, "p1", "", None]]
    )  # fmt: skip


class Mine:
    def __init__(self, colour: str = "red") -> None:
        self.colour = colour


def test_an_installed_package_may_bring_a_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = importlib.metadata.EntryPoint("mine", f"{__name__}:Mine", "openqwq.trackers")
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [entry] if group == "openqwq.trackers" else []
    )
    found = build_trackers(recipe(trackers=[{"name": "mine", "arguments": {"colour": "blue"}}]).logging)
    assert found["mine"].colour == "blue"  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match=r"mine does not take these arguments: .*'size'"):
        build_trackers(recipe(trackers=[{"name": "mine", "arguments": {"size": 1}}]).logging)
    with pytest.raises(RecipeError, match="no tracker is named 'mime'; did you mean 'mine'"):
        build_trackers(recipe(trackers=[{"name": "mime"}]).logging)
    broken = importlib.metadata.EntryPoint("mine", "nowhere.at.all:Mine", "openqwq.trackers")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [broken])
    with pytest.raises(RecipeError, match="mine fails to import: ModuleNotFoundError"):
        build_trackers(recipe(trackers=[{"name": "mine"}]).logging)


def test_a_tracker_is_named_once(wandb: Stub) -> None:
    with pytest.raises(RecipeError, match=r"wandb is named twice, or beside logging.wandb"):
        build_trackers(recipe(wandb="offline", trackers=[{"name": "wandb"}]).logging)


def test_without_trackers_nothing_is_written(tmp_path: Path) -> None:
    trackers = start_trackers(recipe(), tmp_path, pytest.fail)
    trackers.log("cold", 1, {"x": 1.0})
    trackers.close()
    assert list(tmp_path.iterdir()) == [] and isinstance(trackers, Trackers)
    assert build_trackers(Logging()) == {}

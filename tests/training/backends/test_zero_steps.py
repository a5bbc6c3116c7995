"""What a rank asks of DeepSpeed, step by step and without it: scales, boundaries, skipped steps, which checkpoint is
loaded how. Its engine is a small stand-in; test_zero_alone.py and test_zero.py run the real one."""

from __future__ import annotations

import json
import math
import re
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from openqwq.training.backends import universal
from openqwq.training.backends.accelerators import make_optimizer
from openqwq.training.backends.optimizer_wrapper import SHARDING_FILE
from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.universal import check_same_family, load_from_other_ranks
from openqwq.training.backends.zero_optimizer import ZeroOptimizer
from openqwq.training.config import Optimizer
from openqwq.training.errors import CheckpointError
from tests.training.backends.threaded_ranks import on_ranks

CONFIG = Optimizer(learning_rate=5.0, betas=(0.7, 0.8), weight_decay=0.2)


class Policy(nn.Module):
    """A trained and a frozen weight, and a module that is the model in it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(2, 2)
        self.model.bias.requires_grad_(False)


class Engine:
    """Notes what it is asked for, as DeepSpeed's engine."""

    def __init__(self, module: Any, optimizer: Any) -> None:
        self.module, self.optimizer = module, optimizer
        self.calls: list[tuple[Any, ...]] = []
        self.norm: float | None = 1.0
        self.path: str | None = "found"
        self.is_universal: list[bool] = []
        self.is_slow = False
        self._config = SimpleNamespace(load_universal_checkpoint=False)

    def set_gradient_accumulation_boundary(self, is_boundary: bool) -> None:
        self.calls.append(("boundary", is_boundary))

    def backward(self, loss: torch.Tensor, scale_wrt_gas: bool = True) -> None:
        self.calls.append(("backward", float(loss), scale_wrt_gas))

    def step(self) -> None:
        self.calls.append(("step", [group["lr"] for group in self.optimizer.param_groups]))

    def get_global_grad_norm(self) -> float | None:
        return self.norm

    def save_checkpoint(self, folder: str, tag: str, client_state: Any) -> None:
        assert Path(folder).exists()  # DeepSpeed would make it, before the first rank has
        self.calls.append(("save", folder, tag, client_state))

    def load_checkpoint(self, folder: str, tag: str) -> tuple[str | None, dict[str, Any]]:
        self.is_universal.append(self._config.load_universal_checkpoint)
        if self.is_slow:
            time.sleep(0.05)
            assert Path(folder).exists()  # nobody has cleaned up yet
        self.calls.append(("load", folder, tag))
        if self.path == "broken":
            raise RuntimeError("a file is missing")
        return self.path, {}


def wrapped(world_size: int = 3, stage: int = 2, rank: int = 0) -> tuple[ZeroOptimizer, Engine]:
    accelerator = SimpleNamespace(
        prepare=lambda policy, optimizer: (Engine(policy, optimizer), optimizer),
        unwrap_model=lambda engine: engine.module,
    )
    made = make_optimizer(accelerator, Policy(), CONFIG, Rank(rank, world_size, "", 0, stage))
    assert isinstance(made, ZeroOptimizer)
    return made, made.policy


def test_trained_parameters_get_the_recipes_adamw() -> None:
    optimizer, engine = wrapped()
    (group,) = engine.optimizer.param_groups
    assert isinstance(engine.optimizer, torch.optim.AdamW) and group["params"] == [engine.module.model.weight]
    assert (group["betas"], group["weight_decay"]) == ((0.7, 0.8), 0.2)
    assert engine.optimizer.check_grad_overflow is True  # type: ignore[attr-defined]
    assert optimizer.bare() is engine.module


def test_a_loss_is_scaled_by_the_ranks_that_deepspeed_averages_over() -> None:
    optimizer, engine = wrapped(world_size=3)
    optimizer.backward(torch.tensor(0.5), is_last=False)
    optimizer.backward(torch.tensor(2.0), is_last=True)
    assert engine.calls == [("boundary", False), ("backward", 1.5, False), ("boundary", True), ("backward", 6.0, False)]


@pytest.mark.parametrize(
    ("norm", "expected"),
    [(0.75, 0.75), (0.0, 0.0), (-1.0, None), (math.nan, None), (math.inf, None), (None, None)],
)
def test_a_step_has_the_rate_that_is_asked_for_and_no_norm_if_it_was_skipped(
    norm: float | None, expected: float | None
) -> None:
    optimizer, engine = wrapped()
    engine.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    engine.norm = norm
    assert optimizer.step(0.125) == expected
    assert engine.calls == [("step", [0.125, 0.125])]


def test_the_first_rank_notes_how_the_model_was_sharded(tmp_path: Path) -> None:
    state = {"world_size": 2, "zero_stage": 3, "optimizer": "AdamW"}

    def run(rank: int) -> Any:
        folder = tmp_path / str(rank)  # of its own, to see who writes what
        optimizer, engine = wrapped(world_size=2, stage=3, rank=rank)
        if rank == 0:
            time.sleep(0.05)  # as a rank that has just written its model
            for each in range(2):
                (tmp_path / str(each)).mkdir()
        optimizer.save(folder)
        assert engine.calls == [("save", str(folder), "zero", state)]
        return (folder / SHARDING_FILE).exists()

    assert on_ranks(2, run) == [True, False]
    assert json.loads((tmp_path / "0" / SHARDING_FILE).read_text()) == state


def note(folder: Path, world_size: int, stage: int) -> Path:
    (folder / SHARDING_FILE).write_text(json.dumps({"world_size": world_size, "zero_stage": stage}))
    return folder


def test_a_checkpoint_of_as_many_ranks_is_deepspeeds_own(tmp_path: Path) -> None:
    optimizer, engine = wrapped(world_size=3, stage=2)
    optimizer.load(note(tmp_path, 3, 1))
    assert engine.calls == [("load", str(tmp_path), "zero")] and engine.is_universal == [False]
    engine.path = None
    with pytest.raises(CheckpointError, match=r"/zero cannot be read by DeepSpeed"):
        optimizer.load(tmp_path)


def test_checkpoints_of_one_process_or_the_other_family_are_refused(tmp_path: Path) -> None:
    optimizer, engine = wrapped(world_size=3, stage=2)
    with pytest.raises(CheckpointError, match=r"saved by one trainer process, this run has 3 ranks"):
        optimizer.load(tmp_path)
    with pytest.raises(CheckpointError, match=r"saved with zero_stage 3, this run has 2"):
        optimizer.load(note(tmp_path, 3, 3))
    assert engine.calls == []


@pytest.mark.parametrize(
    ("saved", "now", "fits"), [(1, 2, True), (2, 1, True), (3, 3, True), (3, 2, False), (1, 3, False)]
)
def test_stage_three_shards_weights_and_the_others_do_not(saved: int, now: int, fits: bool) -> None:
    if fits:
        check_same_family(Path("x"), saved, now)
        return
    with pytest.raises(CheckpointError, match=rf"x was saved with zero_stage {saved}, this run has {now}.*={saved}"):
        check_same_family(Path("x"), saved, now)


def converter(folder: Path, status: int, words: str = "") -> Path:
    """In place of Python: notes its arguments, writes the target, says `words` on stderr."""
    script = folder / "python"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/asked\nls {folder}/saved/universal > {folder}/left 2>/dev/null\n'
        f"mkdir -p {folder}/saved/universal/zero\n"
        f'printf "{words}" >&2\nexit {status}\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def load_over_ranks(folder: Path, path: str | None = "found") -> list[Engine]:
    def run(rank: int) -> Engine:
        optimizer, engine = wrapped(world_size=2, rank=rank)
        engine.path, engine.is_slow = path, rank == 1 and path == "found"
        try:
            optimizer.load(folder)
        except (CheckpointError, RuntimeError) as error:
            engine.calls.append(("error", str(error)))
        return engine

    return on_ranks(2, run)


def test_a_checkpoint_of_other_ranks_is_converted_once_and_read_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "saved"
    (saved / "universal" / "left over").mkdir(parents=True)
    note(saved, 5, 2)
    monkeypatch.setattr(universal.sys, "executable", str(converter(tmp_path, 0)))  # type: ignore[attr-defined]
    for engine in load_over_ranks(saved):
        assert engine.calls == [("load", f"{saved}/universal", "zero")] and engine.is_universal == [True]
        assert engine._config.load_universal_checkpoint is False
    assert (tmp_path / "asked").read_text().split() == [
        "-m", "deepspeed.checkpoint.ds_to_universal", "--input_folder", f"{saved}/zero",
        "--output_folder", f"{saved}/universal/zero", "--inject_missing_state",
        "--num_extract_workers", "1", "--num_merge_workers", "1",
    ]  # fmt: skip
    assert not (saved / "universal").exists() and (tmp_path / "left").read_text() == ""


@pytest.mark.parametrize(
    ("status", "path", "message"),
    [
        (1, "found", r"saved by another number of ranks and cannot be converted: no  *such optimizer 7$"),
        (0, None, r"/universal/zero cannot be read by DeepSpeed$"),
        (0, "broken", r"^a file is missing$"),
    ],
)
def test_a_checkpoint_that_cannot_be_converted_or_read_is_an_error_on_every_rank(
    status: int, path: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saved").mkdir()
    note(tmp_path / "saved", 5, 2)
    script = converter(tmp_path, status, "no\\n  such optimizer 7\\n")
    monkeypatch.setattr(universal.sys, "executable", str(script))  # type: ignore[attr-defined]
    for engine in load_over_ranks(tmp_path / "saved", path):
        kind, text = engine.calls[-1]
        assert kind == "error" and re.search(message, text), text
        assert len(engine.is_universal) == (status == 0) and engine._config.load_universal_checkpoint is False


def test_of_a_long_error_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universal.sys, "executable", str(converter(tmp_path, 3, "a" * 300 + " " + "b" * 300)))  # type: ignore[attr-defined]
    assert universal._convert(tmp_path / "x", tmp_path / "y" / "zero") == "a" * 99 + " " + "b" * 300


def test_loading_over_ranks_needs_no_engine_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag names the folder of a checkpoint within the run's."""
    monkeypatch.setattr(universal.sys, "executable", str(converter(tmp_path, 0)))  # type: ignore[attr-defined]
    (tmp_path / "saved").mkdir()

    def run(rank: int) -> Any:
        engine = Engine(None, None)
        load_from_other_ranks(engine, tmp_path / "saved", "other")
        return engine.calls

    assert on_ranks(1, run) == [[("load", f"{tmp_path}/saved/universal", "other")]]

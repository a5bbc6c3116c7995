"""A run that is told to stop in the middle of a step ends in time, and goes on to the numbers and weights of a run that
nobody stopped, whatever the moment."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.launch import launch
from openqwq.training.pipeline.replay import logged_steps
from openqwq.training.pipeline.stop_request import StopRequest
from openqwq.training.records import Chunk
from tests.recipes.small_rl import StopAfter, small_rl

BASE = Path(__file__).resolve().parents[3] / "data" / "tiny" / "base"
PARTIAL = {"kind": "partial", "oversample": 2.0, "max_staleness": 2}


@pytest.fixture(autouse=True)
def _signals_are_given_back() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


class Terminated:
    """Sends this process a TERM when the call of a number has given so many chunks. Counts calls and their requests."""

    def __init__(self, patch: pytest.MonkeyPatch, call: int = 0, chunks: int = 0) -> None:
        self.asked: list[int] = []
        sample = InlineWorkerGroup.sample

        def sampled(workers: InlineWorkerGroup, requests: Any, *rest: Any) -> Iterator[Chunk]:
            self.asked.append(len(requests))
            return read(len(self.asked), iter(sample(workers, requests, *rest)))

        def read(number: int, stream: Iterator[Chunk]) -> Iterator[Chunk]:
            for given, chunk in enumerate(stream):
                if (number, given) == (call, chunks):
                    os.kill(os.getpid(), signal.SIGTERM)
                yield chunk
            if number == call and chunks == -1:
                os.kill(os.getpid(), signal.SIGTERM)

        patch.setattr(InlineWorkerGroup, "sample", sampled)


def recipe(folder: Path, within: str, **stage: Any) -> Recipe:
    found = small_rl(folder, BASE, regression_check=None, **stage)
    cluster = found.cluster.model_copy(update={"stop_within": within})
    return found.model_copy(update={"cluster": cluster})


def run(folder: Path, name: str, stop: Any, within: str = "4m", **stage: Any) -> Path:
    launch(recipe(folder, within, **stage), folder / name, "auto", stop, True, ConsoleLogger())
    return folder / name


def weights(folder: Path) -> bytes:
    return (folder / "checkpoints" / "stage1" / "step_4" / "model" / "model.safetensors").read_bytes()


def status(folder: Path) -> str:
    return str(json.loads((folder / "summary.json").read_text())["status"])


@pytest.mark.parametrize(
    ("schedule", "cuts"), [({"kind": "sync"}, ((1, 3), (3, 5), (2, -1))), (PARTIAL, ((3, 5),))], ids=["sync", "partial"]
)
def test_a_step_that_is_cut_anywhere_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: dict[str, Any], cuts: tuple[tuple[int, int], ...]
) -> None:
    stage: dict[str, Any] = {"schedule": schedule, "checkpoint_every": 100}
    straight = run(tmp_path, "straight", StopAfter(), **stage)
    for step, chunks in cuts:
        name = f"cut_{step}_{chunks}"
        with monkeypatch.context() as patch:
            Terminated(patch, step, chunks)
            with pytest.raises(Interrupted, match=f"stopped in step {step} of 4 of stage1; the samples that came, "):
                run(tmp_path, name, StopRequest(), "0.0001s", **stage)
        assert status(tmp_path / name) == "interrupted"
        assert list(logged_steps(tmp_path / name, "stage1")) == [*range(1, step)]
        with monkeypatch.context() as patch:
            again = Terminated(patch)
            stopped = run(tmp_path, name, StopRequest(), **stage)
        assert logged_steps(stopped, "stage1") == logged_steps(straight, "stage1")
        assert weights(stopped) == weights(straight)
        assert len(again.asked) == 4 - step + (chunks != -1)  # what was complete is not sampled again
        assert not (stopped / "work").exists() or not list((stopped / "work").iterdir())


def test_a_step_that_fits_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Terminated(monkeypatch, 2, 1)
    with pytest.raises(Interrupted, match="stopped after step 2 of 4 of stage1"):
        run(tmp_path, "run", StopRequest(), "1h", checkpoint_every=100)
    assert (tmp_path / "run" / "checkpoints" / "stage1" / "step_2" / "model").is_dir()


def test_an_evaluation_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage: dict[str, Any] = {"evaluate": ["watch"], "steps": 1}
    straight = run(tmp_path, "straight", StopAfter(), **stage)
    with monkeypatch.context() as patch:
        Terminated(patch, 1, 2)
        with pytest.raises(Interrupted, match="stopped outside of a step"):
            run(tmp_path, "run", StopRequest(), "1h", **stage)
    assert status(tmp_path / "run") == "interrupted"
    again = run(tmp_path, "run", StopRequest(), **stage)
    for entry in ("evals/base.json", "evals/stage1.json"):
        suites = [json.loads((folder / entry).read_text())["suites"] for folder in (straight, again)]
        assert suites[0] == suites[1]
    assert logged_steps(again, "stage1") == logged_steps(straight, "stage1")


def test_a_stage_that_samples_ahead_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage: dict[str, Any] = {"schedule": {"kind": "async"}, "checkpoint_every": 100}
    straight = run(tmp_path, "straight", StopAfter(), **stage)
    with monkeypatch.context() as patch:
        Terminated(patch, 3, 2)  # the third call samples for step 3 while step 2 trains
        with pytest.raises(Interrupted, match=r"^stopped in step [23] of 4 of stage1; |^stopped after step"):
            run(tmp_path, "run", StopRequest(), "3s", **stage)
    again = run(tmp_path, "run", StopRequest(), **stage)
    assert logged_steps(again, "stage1") == logged_steps(straight, "stage1") and weights(again) == weights(straight)


def test_samples_whose_file_is_damaged_or_of_another_step_are_sampled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage: dict[str, Any] = {"checkpoint_every": 100}
    straight = run(tmp_path, "straight", StopAfter(), **stage)
    with monkeypatch.context() as patch:
        Terminated(patch, 2, -1)
        with pytest.raises(Interrupted):
            run(tmp_path, "run", StopRequest(), "0.02s", **stage)
    kept = tmp_path / "run" / "work" / "stage1" / "step_samples.json.gz"
    kept.write_bytes(kept.read_bytes()[:-9])
    again = run(tmp_path, "run", StopRequest(), **stage)
    printed = capsys.readouterr()
    assert "its samples are sampled again" in printed.out + printed.err
    assert weights(again) == weights(straight)

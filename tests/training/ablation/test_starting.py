"""Runs of an ablation that go on at a time: order, waiting for stages that are reused, stopping."""

import os
import signal
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.ablation.starting import Run, RunProcesses, run_all
from openqwq.training.errors import Interrupted, RunFolderError


def nothing() -> None:
    """No process to stop."""


def test_as_many_runs_as_asked_for_go_on_at_a_time() -> None:
    both = threading.Barrier(2, timeout=20)

    def run(one: Run) -> None:
        both.wait()

    run_all([("a", 0), ("b", 0), ("a", 1), ("b", 1)], {}, run, 2, nothing)


@given(st.integers(1, 4), st.lists(st.integers(0, 5), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_run_begins_when_the_one_that_it_reuses_has_ended(at_once: int, sources: list[int]) -> None:
    plan = [(f"arm{i}", 0) for i in range(len(sources))]
    after = {plan[i]: plan[source] for i, source in enumerate(sources) if source < i}
    ended: list[Run] = []
    early: list[Run] = []

    def run(one: Run) -> None:
        if one in after and after[one] not in ended:
            early.append(one)
        ended.append(one)

    run_all(plan, after, run, at_once, nothing)
    assert not early and sorted(ended) == sorted(plan)


def test_a_source_that_is_not_in_the_plan_is_not_waited_for() -> None:
    ended: list[Run] = []
    run_all([("b", 0)], {("b", 0): ("a", 0)}, ended.append, 2, nothing)
    assert ended == [("b", 0)]


def test_an_error_stops_the_others_and_is_raised_when_they_have_ended() -> None:
    asked, ended = threading.Event(), []

    def run(one: Run) -> None:
        if one == ("a", 0):
            raise RunFolderError("no folder")
        assert asked.wait(20)
        ended.append(one)

    with pytest.raises(RunFolderError, match="no folder"):
        run_all([("b", 0), ("a", 0), ("c", 0)], {}, run, 2, asked.set)
    assert ended == [("b", 0)], "what went on has ended, and nothing else began"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_request_reaches_every_run(number: signal.Signals) -> None:
    own = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
    asked, begun = threading.Event(), threading.Barrier(2, timeout=20)

    def run(one: Run) -> None:
        if begun.wait() == 0:
            os.kill(os.getpid(), number)
        assert asked.wait(20)

    handler = signal.getsignal(number)
    with pytest.raises(Interrupted):
        run_all([("a", 0), ("b", 0)], {}, run, 2, asked.set)
    assert signal.getsignal(number) is handler
    signal.signal(signal.SIGINT, own)


def test_of_several_runs_each_has_a_log_of_its_own(tmp_path: Path) -> None:
    processes = RunProcesses(at_once=2)
    assert processes(Path("--no-such-option"), tmp_path / "run") == 2
    assert "usage" in (tmp_path / "run.log").read_text()
    processes.stop()
    with pytest.raises(Interrupted):
        processes(Path("--no-such-option"), tmp_path / "run")

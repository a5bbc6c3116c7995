"""A child that answers lines of JSON: what it is asked, how it ends, and what its caller is told."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import openqwq
from openqwq.verifiers.child_process.caller import ChildProcess, Ended, NotStarted
from openqwq.verifiers.child_process.environment import child_environment
from openqwq.verifiers.child_process.shared import Shared

MODULE = """
import os, sys, time
from openqwq.verifiers.child_process.server import serve

def answer(request):
    if request["do"] == "raise":
        raise KeyError("x" * 400)
    if request["do"] == "end":
        os._exit(3)
    if request["do"] == "fill":
        return {"size": len(bytearray(1 << 40))}
    print("what a library prints")
    time.sleep(request.get("sleep", 0))
    return {"text": request.get("text", ""), "seconds": request["seconds"], "arguments": sys.argv[1:]}

def prepare():
    if "broken" in sys.argv:
        raise ImportError("no such library")
    if "silent" in sys.argv:
        time.sleep(60)
    return answer

if __name__ == "__main__":
    if "rude" in sys.argv:
        print('{"hello": 1}', flush=True)
        time.sleep(60)
    if "gone" in sys.argv:
        os._exit(7)
    if "deaf" in sys.argv:
        print('{"ready": 1}', flush=True)
        time.sleep(60)
    if "babbling" in sys.argv:
        print('{"ready": 1}', flush=True)
        while True:
            print("x" * 100, end="", flush=True)
            time.sleep(0.001)
    serve(prepare, 2 << 30)
"""
LONG = 60.0


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ChildProcess]]:
    Path(tmp_path, "answering.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started: list[ChildProcess] = []

    def starter(*arguments: str) -> ChildProcess:
        started.append(ChildProcess("answering", *arguments))
        return started[-1]

    yield starter
    for child in started:
        child.kill()
        assert child.has_ended()


def test_a_child_answers_one_line_to_each_whatever_their_size(start: Callable[..., ChildProcess]) -> None:
    child = start("a", "b")
    child.wait_ready(LONG)
    child.wait_ready(0.0)  # it has said so
    assert child.ask({"do": "echo", "text": "x"}, LONG) == {"text": "x", "seconds": LONG, "arguments": ["a", "b"]}
    large = "é" * (1 << 20)  # many times what a pipe holds, in both directions
    assert child.ask({"do": "echo", "text": large}, LONG)["text"] == large
    assert not child.has_ended()


def test_what_fails_in_a_child_is_an_answer_too(start: Callable[..., ChildProcess]) -> None:
    child = start()
    child.wait_ready(LONG)
    assert child.ask({"do": "raise"}, LONG) == {"problem": ("KeyError: '" + "x" * 400)[:300]}
    assert child.ask({"do": "fill"}, LONG) == {"limit": "memory"}
    with pytest.raises(Ended):
        child.ask({"do": "end"}, LONG)
    with pytest.raises(Ended):
        child.ask({"do": "echo", "text": "x" * (1 << 20)}, LONG)


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [((), {"do": "echo", "sleep": 60}), (("deaf",), {"text": "x" * (1 << 20)}), (("babbling",), {})],
)
def test_a_deadline_holds_for_the_answer_and_for_being_heard(
    start: Callable[..., ChildProcess], arguments: tuple[str, ...], request_: dict[str, object]
) -> None:
    child = start(*arguments)
    child.wait_ready(LONG)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        child.ask(request_, 0.3)
    assert 0.3 <= time.monotonic() - begin < LONG / 2


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("broken", "ImportError: no such library"),
        ("gone", "exit code 7"),
        ("rude", "no greeting"),
        ("silent", "not ready after 5 s"),
    ],
)
def test_a_child_that_gets_not_ready_says_why_and_is_ended(
    start: Callable[..., ChildProcess], fault: str, why: str
) -> None:
    child = start(fault)
    with pytest.raises(NotStarted, match=why):
        child.wait_ready(5.0 if fault == "silent" else LONG)
    assert child.has_ended()


class Counted:
    def __init__(self, settings: int) -> None:
        self.settings = settings
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def _send_held(connection: "multiprocessing.connection.Connection", shared: Shared[int, Counted]) -> None:
    connection.send((len(shared._held), shared._lock.acquire(timeout=5)))


def test_a_process_holds_one_for_each_settings_and_its_forked_child_none() -> None:
    shared: Shared[int, Counted] = Shared(Counted)
    one, two = shared.get(1), shared.get(2)
    assert (shared.get(1) is one, one.settings, two.settings) == (True, 1, 2)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with shared._lock:  # as another thread may do at the fork
        child = context.Process(target=_send_held, args=(theirs, shared))
        child.start()
    assert ours.poll(LONG)
    assert ours.recv() == (0, True)
    child.join(LONG)
    shared.close()
    assert (one.closed, two.closed) == (1, 1)
    assert shared.get(2) is two


def test_a_child_imports_the_openqwq_of_its_parent_before_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/one:/two")
    root, *others = child_environment({"A": "b"})["PYTHONPATH"].split(":")
    assert Path(root, "openqwq", "__init__.py").samefile(openqwq.__file__)
    assert others == ["/one", "/two"]
    assert child_environment({"A": "b"}).items() >= {"A": "b", "HOME": os.environ["HOME"]}.items()
    assert child_environment({"PYTHONPATH": "/mine"})["PYTHONPATH"] == "/mine"
    monkeypatch.delenv("PYTHONPATH")
    assert child_environment({})["PYTHONPATH"] == root

"""The tests' side of an assert-style test: runs the test texts in a jail of their own, apart from the program.

The texts reach the program by proxies (`remote.py`), so every comparison is made here on types of this interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from openqwq.sandbox.inside import runner
from openqwq.sandbox.inside.judge import cases, collecting, errors, imports, link, numpy_guard, operators, patches
from openqwq.sandbox.inside.judge.names import Checks, Names, asked_names
from openqwq.sandbox.inside.judge.pytest_forms import NotHere
from openqwq.sandbox.inside.judge.text import Text, read

_RESULT = 3
_MAX_STACK = 3000
"""Frames of a test text: comparing what a program nested must not end before reading it did."""


_LAST = ("gone", "time_limit", "unsupported", "broken_test")
"""Endings after which no text can be run."""


class _Ending(NamedTuple):
    status: str
    detail: str = ""


class _Broken(Exception):
    """A text that is not Python."""


def run(order_json: str, entry_point: str) -> None:
    """Run each test text in order; write one JSON line each: {"status": ..., "detail": ...}.

    The order is {"asserts": [text, ...], "setup": text, "stop": stop at the first failure, "wall_seconds": for one
    text}.
    """
    order = json.loads(order_json)
    signal.signal(signal.SIGALRM, _on_alarm)
    try:
        setup, *texts = _read_all(order)
    except _Broken as problem:
        _write(_Ending("broken_test", str(problem)))
        return
    _furnish("\n".join((order["setup"], *order["asserts"])))
    errors.Exits.are_wanted = any(text.wants_exit for text in texts)
    names = Names(entry_point, [setup, *texts])
    for index, text in enumerate(texts):
        before = setup if index == 0 else None
        ending = _timed(order["wall_seconds"], partial(_of_text, before, text, names, entry_point))
        if ending.status in _LAST:
            ending = ending._replace(detail=f"asserts[{index}]: {ending.detail}")
        elif ending.status == "pass" and index == len(texts) - 1:
            ending = _believed([setup, *texts])
        _write(ending)
        if ending.status in _LAST:
            return
        if ending.status != "pass" and order["stop"]:
            return


runner.judges.append(run)


def _furnish(whole: str) -> None:
    """What the texts find in this process, beside their names."""
    sys.setrecursionlimit(_MAX_STACK)
    imports.install()
    operators.install()
    numpy_guard.install()
    if "unittest" in whole or "TestCase" in whole:
        cases.prepare()
    if "patch" in whole or "seed" in whole:
        patches.install("mock" in whole or "patch" in whole)


def _read_all(order: dict[str, Any]) -> list[Text]:
    named = [("setup", order["setup"]), *((f"asserts[{n}]", text) for n, text in enumerate(order["asserts"]))]
    return [_read(text, name) for name, text in named]


def _read(text: str, name: str) -> Text:
    try:
        return read(text, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise _Broken(f"{name} is not valid Python: {problem}") from problem


def _write(ending: _Ending) -> None:
    detail = ending.detail.encode(errors="backslashreplace").decode()[:500]
    os.write(_RESULT, json.dumps({"status": ending.status, "detail": detail}).encode() + b"\n")


def _timed(seconds: float, step: Callable[[], _Ending]) -> _Ending:
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        ending = step()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except link.NoVerdict:  # the alarm came while the text was ending
        return _trouble()
    return ending


def _of_text(setup: Text | None, text: Text, names: Names, entry_point: str) -> _Ending:
    if setup is not None:
        ending = _ran(setup, names, lambda: None)
        if ending.status != "pass":
            return _of_setup(ending)
        names.pop(entry_point, None)  # the prompt may hold it without a body
        names.pop("check", None)
    before = {name: id(value) for name, value in names.items()}
    names.pop("check", None)
    return _ran(text, names, lambda: _call_what_is_defined(text, names, before, entry_point))


def _ran(text: Text, names: Names, afterwards: Callable[[], None]) -> _Ending:
    """How a text ended, and what is called after it. The trouble of an earlier request wins, also when the text caught
    it with a bare `except:`."""
    try:
        ending = _executed(text, names, afterwards)
    except link.NoVerdict:
        return _trouble()
    if link.trouble:
        return _trouble()
    if ending.status in ("wrong_output", "runtime_error"):
        if not link.Count.asked:
            return _Ending("broken_test", f"it fails without asking the program anything: {ending.detail}")
        if text.is_of_host:
            return _Ending("unsupported", f"its files, environment or logs are not the program's: {ending.detail}")
    return ending


def _trouble() -> _Ending:
    status, detail = link.trouble[0]
    if status == "time_limit" and not link.Count.asked:
        return _Ending("broken_test", "it takes too long without asking the program anything")
    return _Ending(status, detail)


def _executed(text: Text, names: Names, afterwards: Callable[[], None]) -> _Ending:
    try:
        try:
            exec(text.code, names)
        except SystemExit as request:
            if request.code not in (None, 0, False) or errors.was_raised(request):
                raise
        afterwards()
    except AssertionError as problem:
        return _Ending("wrong_output", f"assertion failed {_words(problem)}".strip())
    except NotHere as problem:
        return _Ending("unsupported", f"the tests need what is not here: {_words(problem)}")
    except ImportError as problem:
        is_fault = not (errors.is_of_program(problem) or imports.is_programs(problem))
        return _Ending("broken_test" if is_fault else "runtime_error", f"{type(problem).__name__}: {_words(problem)}")
    except link.NoVerdict:
        raise
    except BaseException as problem:
        return _Ending("runtime_error", f"{type(problem).__name__}: {_words(problem)}")
    return _Ending("pass")


def _of_setup(ending: _Ending) -> _Ending:
    """A setup that fails by itself allows no verdict; one that misses a name of the program, or meets its exception,
    fails with it."""
    if ending.status in ("wrong_output", "runtime_error") and not link.Count.asked:
        return _Ending("broken_test", f"setup: {ending.detail}")
    return ending


def _call_what_is_defined(text: Text, names: Names, before: dict[str, int], entry_point: str) -> None:
    """Call `check` and run the test functions and classes that the text has defined."""
    if "check" in names and "check" in text.code.co_names and entry_point and not text.calls_check:
        names["check"](names.tested())
    new = {name: value for name, value in names.items() if before.get(name) != id(value)}
    if collecting.is_collected(new):
        Checks.collected = True
        Checks.ran += collecting.run(names, new, names.entered)


def _believed(texts: Sequence[Text]) -> _Ending:
    """The ending of texts that have all passed: they must have asked the program, and compared."""
    is_checked = any(not asked_names.isdisjoint(text.checked) for text in texts)  # such as `assert callable(f)`
    if not link.Count.asked or not (link.Count.used or is_checked):
        return _Ending("broken_test", "the tests never ask the program anything")
    if not any(text.has_checks for text in texts):
        return _Ending("broken_test", "the tests compare nothing")
    if Checks.collected and not Checks.ran and not Checks.reached:
        return _Ending("broken_test", "no test was run: all are skipped")
    if not Checks.reached and not any(text.has_uncounted_checks for text in texts):
        return _Ending("wrong_output", "no comparison was reached")
    return _Ending("pass")


def _words(problem: BaseException) -> str:
    try:
        return str(problem)
    except BaseException:  # the text may be an answer of the program
        return ""


def _on_alarm(number: int, frame: FrameType | None) -> None:
    link.give_up("time_limit", "no answer within the time limit")

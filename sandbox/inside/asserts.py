"""The tests' side of an assert-style test: runs the test text in a jail of its own, apart from the program.

The text reaches the program by proxies (`remote.py`), so every comparison is made here on types of this interpreter.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
from types import CodeType, FrameType
from typing import Any

from openqwq.sandbox.inside import remote

_RESULT = 3


class _Names(dict[str, Any]):
    """Globals of a test text: a name that it does not define is the entry point, a built-in or a global of the
    program."""

    def __init__(self, entry_point: str) -> None:
        super().__init__(__name__="tests")
        self._entry_point = entry_point

    def __missing__(self, name: str) -> Any:
        if name != self._entry_point and hasattr(builtins, name):
            return getattr(builtins, name)
        try:
            return remote.ask("global", name)
        except Exception as problem:
            raise NameError(f"the program defines no {name!r}") from problem


def run(order_json: str, entry_point: str) -> None:
    """Run each test text in order; write one JSON line each: {"status": ..., "detail": ...}.

    The order is {"asserts": [text, ...], "stop": stop at the first failure, "wall_seconds": for one text}.
    """
    order = json.loads(order_json)
    names = _Names(entry_point)
    signal.signal(signal.SIGALRM, _on_alarm)
    for index, text in enumerate(order["asserts"]):
        try:
            signal.setitimer(signal.ITIMER_REAL, order["wall_seconds"])
            status, detail = _run_text(text, index, names, entry_point)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except remote.NoVerdict:  # the alarm came while the text was ending
            status, detail = _trouble(index)
        os.write(_RESULT, json.dumps({"status": status, "detail": detail[:500]}).encode() + b"\n")
        if status in ("gone", "time_limit", "unsupported", "broken_test"):
            return
        if status != "pass" and order["stop"]:
            return


def _run_text(text: str, index: int, names: _Names, entry_point: str) -> tuple[str, str]:
    try:
        code = compile(text, f"asserts[{index}]", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        return "broken_test", f"asserts[{index}] is not valid Python: {problem}"
    names.pop("check", None)
    status, detail = _execute(code, names, entry_point, calls_check="\ncheck(" in "\n" + text)
    if remote.trouble:  # also when the text caught it with a bare `except:`
        return _trouble(index)
    return status, detail


def _trouble(index: int) -> tuple[str, str]:
    status, words = remote.trouble[0]
    return status, f"asserts[{index}]: {words}"


def _execute(code: CodeType, names: _Names, entry_point: str, calls_check: bool) -> tuple[str, str]:
    try:
        exec(code, names)
        if "check" in names and "check" in code.co_names and entry_point and not calls_check:
            names["check"](names[entry_point])
    except AssertionError as problem:
        return "wrong_output", f"assertion failed {_words(problem)}".strip()
    except BaseException as problem:
        return "runtime_error", f"{type(problem).__name__}: {_words(problem)}"
    return "pass", ""


def _words(problem: BaseException) -> str:
    try:
        return str(problem)
    except BaseException:  # the text may be an answer of the program
        return ""


def _on_alarm(number: int, frame: FrameType | None) -> None:
    remote.give_up("time_limit", "no answer within the time limit")

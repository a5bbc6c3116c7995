"""The judge's side of an assert-style test: runs the test text in a jail of its own, apart from the program.

The candidate is a proxy: calls go over a socket, only plain data comes back, so every comparison is made here on
built-in types. An object of the program stays on the other side; it equals nothing and is neither true nor false.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

from openqwq.sandbox.codec import NotPlainData, Reference
from openqwq.sandbox.inside import channel

_PEER, _RESULT = 4, 3
_trouble: list[tuple[str, str]] = []
"""What makes the rest of the run meaningless: (status, words)."""

_NEVER_RAISED_AS_THEMSELVES = ("AssertionError", "BaseException", "StopIteration")


class Unsupported(BaseException):
    """The test asks for something that cannot cross the wall. Not an Exception: no test may swallow it."""


class OutOfTime(BaseException):
    """One test text used up its wall time."""


class Remote:
    """An object in the program's process."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return _ask("call", self, list(arguments), keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask("attribute", self, [name], {})

    def __getitem__(self, key: Any) -> Any:
        return _ask("item", self, [key], {})

    def __len__(self) -> int:
        return int(_ask("length", self, [], {}))

    def __iter__(self) -> Iterator[Any]:
        iterator = _ask("iterate", self, [], {})
        while True:
            try:
                yield _ask("next", iterator, [], {})
            except _Exhausted:
                return

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)

    def __bool__(self) -> bool:
        raise TypeError("the program returned an object that is not plain data, where a truth value is needed")


class _Exhausted(Exception):
    pass


class _Names(dict[str, Any]):
    """Globals of a test text: what it does not define itself is a built-in or a name of the program."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return _ask("global", name, [], {})


def _reduce(value: object) -> object:
    if isinstance(value, Remote):
        return Reference(value._number)
    problem = f"the test hands a {type(value).__name__} to the program; only plain data can be handed over"
    _trouble.append(("unsupported", problem))
    raise Unsupported(problem)


def _ask(operation: str, target: object, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    try:
        channel.send(_PEER, (operation, target, arguments, keywords), _reduce)
        kind, value, extra = channel.receive(_PEER, Remote)
    except channel.PeerGone:
        _trouble.append(("gone", "the program ended before it answered"))
        raise
    if kind == "raise":
        if operation == "next" and value == "StopIteration":
            raise _Exhausted
        if operation == "global":
            raise NameError(f"the program defines no {target!r}")
        raise _exception(str(value), str(extra))
    if isinstance(extra, list) and len(extra) == len(arguments):
        for mine, changed in zip(arguments, extra, strict=True):
            _update(mine, changed)
    return value


def _update(mine: Any, changed: Any) -> None:
    if type(mine) is not type(changed):
        return
    if isinstance(mine, list):
        mine[:] = changed
    elif isinstance(mine, dict | set):
        mine.clear()
        mine.update(changed)


def _exception(name: str, message: str) -> Exception:
    kind = getattr(builtins, name, None)
    good = isinstance(kind, type) and issubclass(kind, Exception) and name not in _NEVER_RAISED_AS_THEMSELVES
    try:
        return kind(message) if good and kind is not None else RuntimeError(f"{name}: {message}")
    except TypeError:  # such as UnicodeDecodeError, which wants five arguments
        return RuntimeError(f"{name}: {message}")


def run(order_json: str, entry_point: str) -> None:
    """Run each test text in order; write one JSON line each: {"status": ..., "detail": ...}.

    The order is {"asserts": [text, ...], "stop": stop at the first failure, "wall_seconds": for one text}.
    """
    order = json.loads(order_json)
    names = _Names(__name__="tests")
    signal.signal(signal.SIGALRM, _on_alarm)
    for index, text in enumerate(order["asserts"]):
        signal.setitimer(signal.ITIMER_REAL, order["wall_seconds"])
        status, detail = _run_text(text, index, names, entry_point)
        signal.setitimer(signal.ITIMER_REAL, 0)
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
    if _trouble:  # also when the text caught it with a bare `except:`
        return _trouble[0][0], f"asserts[{index}]: {_trouble[0][1]}"
    return status, detail


def _execute(code: CodeType, names: _Names, entry_point: str, calls_check: bool) -> tuple[str, str]:
    try:
        exec(code, names)
        if "check" in names and "check" in code.co_names and entry_point and not calls_check:
            names["check"](names[entry_point])
    except AssertionError as problem:
        return "wrong_output", f"assertion failed {problem}".strip()
    except NotPlainData as problem:
        return "wrong_output", f"the program's answer is not plain data: {problem}"
    except BaseException as problem:
        return "runtime_error", f"{type(problem).__name__}: {problem}"
    return "pass", ""


def _on_alarm(number: int, frame: FrameType | None) -> None:
    _trouble.append(("time_limit", "no answer within the time limit"))
    raise OutOfTime

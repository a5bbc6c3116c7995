"""Plays the cells of a Python session: earlier ones in silence, the last one aloud.

The text of this file runs inside the jail, with nothing of openqwq around it.
"""

import ast
import io
import linecache
import os
import random
import sys
import traceback
import types
from collections.abc import Sequence
from typing import Any


class _Sink(io.TextIOBase):
    """What the cells take for their standard output and error; a cell that keeps it speaks as later cells do."""

    encoding = "utf-8"

    def __init__(self, out: Any) -> None:
        self._out = out
        self.is_silent = True
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        if not self.is_silent:
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def fileno(self) -> int:
        return 1

    def writable(self) -> bool:
        return True


class _Bytes:
    """The binary side of a sink."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._sink.flush()


def play(cells: Sequence[str], seed: int, mark: str) -> None:
    """Run the cells in one namespace. Values of the last one's last expression are shown as in a notebook; `mark` is
    printed behind everything."""
    _seed(cells, seed)
    out = sys.stdout
    sink = _Sink(out)
    sys.stdout = sys.stderr = sink
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]  # as Python itself puts it there
    sys.modules["__main__"] = module
    aloud, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)  # for what cells write without Python's streams
    os.dup2(nowhere, 1)
    for number, cell in enumerate(cells, 1):
        if number == len(cells):
            os.dup2(aloud, 1)
            sink.is_silent = False
        _run(cell, f"<cell {number}>", module.__dict__)
    sink.is_silent = True
    out.write(mark)
    out.flush()


def _seed(cells: Sequence[str], seed: int) -> None:
    """The same draws in each replay."""
    if any("numpy" in cell for cell in cells):
        try:
            numpy: Any = __import__("numpy")
            numpy.random.seed(seed % 2**32)
        except Exception:
            pass  # the cell that imports it will say what is wrong
    random.seed(seed)


def _run(cell: str, name: str, names: dict[str, Any]) -> None:
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    try:
        body = ast.parse(cell, name)
        last = body.body.pop() if body.body and isinstance(body.body[-1], ast.Expr) else None
        exec(compile(body, name, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)
            if value is not None:
                print(repr(value))
    except BaseException as error:
        _tell(error)


def _tell(error: BaseException) -> None:
    """The traceback, from the first frame of a cell on."""
    try:
        frame = error.__traceback__
        while frame is not None and not frame.tb_frame.f_code.co_filename.startswith("<cell"):
            frame = frame.tb_next
        print("".join(traceback.format_exception(type(error), error, frame)).rstrip())
    except BaseException:  # of an exception whose own text fails
        print(type(error).__name__)

"""The first lines that run in a test's process, already locked down: run the program as an interpreter would.

This code shares a process with hostile code, so it decides nothing: at worst a program gives another answer of its own.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # not in typeshed
import _sitebuiltins
import atexit
import builtins
import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from openqwq.sandbox.codec import NotPlainData, base_value, decode, encode
from openqwq.sandbox.inside import arrays, entry, joining, solution, usual_imports
from openqwq.sandbox.inside.compiled import FILE_NAME
from openqwq.sandbox.protocol import Order

_usual_names: dict[str, Any] = {}
RESULT_DESCRIPTOR, PEER_DESCRIPTOR = 3, 4
judges: list[Callable[[str, str], None]] = []
"""What runs assert texts: put here by `asserts.py`, which only the workers of tests load."""


def run(order: Order, program: bytes | types.CodeType, data: bytes) -> NoReturn:
    """Run one test of a program, its text or its code object, and end the process with the program's exit status in
    every case: no exception may reach the worker's code, of which this process is a copy."""
    exit_now, status = os._exit, 1
    try:
        gc.enable()
        if order.role == "execute":
            _execute(order.command)
        # By `_signal`, since the enums of `signal` cost half a millisecond.
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        _renew_random_state()
        if order.role == "asserts":
            assert isinstance(program, bytes)
            _judge()(program.decode("utf-8", "surrogatepass"), order.entry_point)
            status = 0
        else:
            status = _run_program(order, program, data)
        if order.role == "stdin":
            status = _finish(status)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        exit_now(status)


def _judge() -> Callable[[str, str], None]:
    if judges:
        return judges[0]
    run: Callable[[str, str], None] = importlib.import_module("openqwq.sandbox.inside.asserts").run
    return run


def _execute(command: tuple[str, ...]) -> NoReturn:
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # Python ignores it, a program of C++ expects the default
    try:
        os.execve(command[0], command, os.environ)
    except OSError as problem:
        os.write(2, f"cannot start {command[0]}: {problem}".encode())
        os._exit(127)


def _renew_random_state() -> None:
    """Seed again, as a fork with handlers does: two programs must not draw the same numbers."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed()


def _run_program(order: Order, program: bytes | types.CodeType, data: bytes) -> int:
    """Run the program and turn its end into an exit status, as `python main.py` does. Its objects are released with
    this call."""
    try:
        namespace = _new_module("__main__" if order.role == "stdin" else "solution")
        flags = 0
        if order.usual_imports:
            namespace["__builtins__"].__dict__.update(_usual_names)  # where no test takes them for the program's own
            sys.setrecursionlimit(usual_imports.RECURSION_LIMIT)
        if isinstance(program, bytes):
            if order.prompt_bytes:
                program, flags = _with_prompt(order, program, namespace)
            program = compile(program, FILE_NAME, "exec", flags, dont_inherit=True)
        exec(program, namespace)
        if order.role == "call":
            _write_all(RESULT_DESCRIPTOR, _returned(namespace, order.entry_point, decode(data), order.node_kinds))
        elif order.role == "solution":
            solution.serve(namespace, PEER_DESCRIPTOR)
    except SystemExit as request:
        return _status_of(request)
    except BaseException as problem:
        _report(problem)
        return 1
    return 0


def _with_prompt(order: Order, source: bytes, namespace: dict[str, Any]) -> tuple[bytes, int]:
    """The program's own text and its flags, once the finished statements of the prompt have run."""
    head, program, flags = joining.joined(source[: order.prompt_bytes], source[order.prompt_bytes :], order.entry_point)
    with open(FILE_NAME, "wb") as file:  # what `inspect` reads
        file.write(program)
    if head is not None:
        given = {**namespace}
        with contextlib.suppress(Exception):  # a program that needs what failed fails by itself
            exec(head, given)
        # Behind the program's names, so that what it does not define is not taken for its own.
        namespace["__builtins__"].__dict__.update({name: given[name] for name in given if name not in namespace})
    return program, flags


def prepare(work_folder: str) -> None:
    """Prepare once, in the worker, what all test processes need and no test changes for another."""
    # A stream holds only the number of its descriptor, and a test's process replaces what the number means.
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    _put_pipe(1)  # a stream stores whether it can seek, and the output of a test cannot
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = [FILE_NAME]
    sys.path.insert(0, work_folder)
    sys.setrecursionlimit(1000 + 7)  # our own frames below the program must not shorten its stack
    # `site` defines these; it is not loaded because it would read the host's packages.
    for word in ("exit", "quit"):
        setattr(builtins, word, _sitebuiltins.Quitter(word, "Ctrl-D (i.e. EOF)"))
    signal.signal(
        signal.SIGXFSZ, signal.SIG_DFL
    )  # Python ignores it; a program that exceeds its file size should end at once
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no handler here: it would run in a jail's first process
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _usual_names.update(usual_imports.names())
    # A program that changes built-ins changes a copy; the answer is encoded with the originals.
    copied = types.ModuleType("builtins")
    copied.__dict__.update(builtins.__dict__)
    sys.modules["builtins"] = copied
    for name in [name for name in sys.modules if name.partition(".")[0] == "openqwq"]:
        del sys.modules[name]


def _put_pipe(number: int) -> None:
    for descriptor in os.pipe():
        os.dup2(descriptor, number)
        os.close(descriptor)


def _new_module(name: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    module.__file__ = f"{sys.path[0]}/{FILE_NAME}"
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules[name] = module
    return module.__dict__


def _returned(namespace: dict[str, Any], entry_point: str, arguments: Any, kinds: tuple[str, ...] = ()) -> bytes:
    """The encoded return value of the function, or of the method of a class `Solution` as LeetCode's format has it."""
    result = entry.called(namespace, entry_point, arguments, kinds, _usual_names)
    try:
        return encode(result, _plain)
    except (NotPlainData, RecursionError) as problem:
        raise TypeError(f"{entry_point} returned something that is not plain data: {problem}") from None


def _plain(value: object) -> object:
    """Numbers and arrays of numpy as plain data. NotPlainData for other objects."""
    plain = arrays.plain(value)
    return base_value(value) if plain is None else plain


def _status_of(request: SystemExit) -> int:
    """The exit status that `sys.exit` asks for; a code that is not a number is printed, and the status is 1."""
    code = request.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if code.bit_length() < 64 else 0xFF
    _is_done(lambda: print(code, file=getattr(sys, "stderr", None) or sys.__stderr__))
    return 1


def _report(problem: BaseException) -> None:
    trace = problem.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE_NAME:
        trace = trace.tb_next
    problem.__traceback__ = trace
    try:
        sys.excepthook(type(problem), problem, trace)
    except BaseException:
        traceback.print_exception(type(problem), problem, trace, file=sys.__stderr__)


def _finish(status: int) -> int:
    """End as the interpreter does (Py_FinalizeEx): threads, exit handlers, output, and the main module's objects.

    Only lost output changes the status. A step that fails does not skip the others.
    """
    _is_done(threading._shutdown)  # type: ignore[attr-defined]
    _is_done(atexit._run_exitfuncs)
    flushed = [_is_done(lambda: _flush("stdout")), _is_done(lambda: _flush("stderr"))]
    _is_done(_clear_main)
    _is_done(lambda: _flush("stdout"))  # the original stream again
    return status if all(flushed) else 120


def _is_done(step: Callable[[], object]) -> bool:
    """Run a step; print what it raises, as the interpreter does for exceptions that it ignores."""
    try:
        step()
        return True
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc(file=sys.__stderr__)
        return False


def _flush(name: str) -> None:
    stream = getattr(sys, name, None)
    if stream is not None and not _is_closed(stream):
        stream.flush()


def _is_closed(stream: object) -> bool:
    try:
        return bool(stream.closed)  # type: ignore[attr-defined]
    except BaseException:  # only for a standard output that the program made itself
        return False


def _clear_main() -> None:
    """Run the remaining destructors, with the original standard streams.

    The collector visits only objects of the program, since all older ones are frozen. A full collection also frees
    memory lists, at 0.1 ms of page faults, so it runs only when the program has old objects.
    """
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    sys.modules.pop("__main__", None)
    gc.collect(2 if gc.get_objects(generation=2) else 1)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]

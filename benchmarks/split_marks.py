"""Marks in a sandbox worker for `sandbox_split`: what each stage of a test's life costs its own process, and what the
worker pays around it. Loaded in the worker instead of its usual start; imports little: every page costs at a fork.
"""

from __future__ import annotations

import mmap
import os
import resource
import struct
import time
from collections.abc import Callable
from typing import Any

STAGES = ("fork", "settle", "files", "lock", "order", "program", "finish")
"""Of a test's process, each up to its mark; what is left up to its end is `exit`."""
MAX_ROWS, ROW_BYTES, HEAD_BYTES = 8192, 256, 64
_PAIR = struct.Struct("<qq")
_END, _BUILD, _ENDING = len(STAGES), len(STAGES) + 1, len(STAGES) + 2
"""Places behind the stages: the process's totals, and the worker's cost to build and to end the jail."""
_NUM_BARE = 200


def file_bytes() -> int:
    return HEAD_BYTES + MAX_ROWS * ROW_BYTES


def read(data: bytes, row: int) -> dict[str, tuple[int, int]] | None:
    """(nanoseconds of CPU, page faults) of each stage of a test; None when the row is not whole."""
    found: dict[str, tuple[int, int]] = {}
    before = (0, 0)
    for place, name in enumerate((*STAGES, "exit")):
        mark = _PAIR.unpack_from(data, HEAD_BYTES + row * ROW_BYTES + place * _PAIR.size)
        if not mark[0]:
            return None
        found[name], before = (mark[0] - before[0], mark[1] - before[1]), mark
    for place, name in ((_BUILD, "worker: build the jail"), (_ENDING, "worker: end the jail")):
        found[name] = _PAIR.unpack_from(data, HEAD_BYTES + row * ROW_BYTES + place * _PAIR.size)
    return found


def num_rows(data: bytes) -> int:
    return int(_PAIR.unpack_from(data, 0)[0])


def bare(data: bytes) -> dict[str, float]:
    """Microseconds of CPU and page faults of a jail in which nothing runs, in the worker and in the process."""
    worker, process = _PAIR.unpack_from(data, 16), _PAIR.unpack_from(data, 32)
    return {
        "worker_us": worker[0] / _NUM_BARE / 1e3,
        "worker_faults": worker[1] / _NUM_BARE,
        "process_us": process[0] / _NUM_BARE / 1e3,
        "process_faults": process[1] / _NUM_BARE,
    }


class _Marks:
    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self.table = mmap.mmap(file.fileno(), file_bytes())
        self.row = 0

    def used(self) -> tuple[int, int]:
        # The only call of getrusage in a worker: a trace of system calls finds the marks by it. The clock of the one
        # thread, since that of a process with a CPU limit lags by a tick.
        return time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID), resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    def put(self, place: int, pair: tuple[int, int]) -> None:
        _PAIR.pack_into(self.table, HEAD_BYTES + self.row * ROW_BYTES + place * _PAIR.size, *pair)

    def mark(self, stage: str) -> None:
        self.put(STAGES.index(stage), self.used())

    def next_row(self) -> None:
        self.row = _PAIR.unpack_from(self.table, 0)[0] % MAX_ROWS
        _PAIR.pack_into(self.table, 0, self.row + 1, 0)

    def around(self, call: Callable[..., Any], before: str = "", after: str = "") -> Callable[..., Any]:
        def marked(*arguments: Any) -> Any:
            if before:
                self.mark(before)
            try:
                return call(*arguments)
            finally:
                if after:
                    self.mark(after)

        return marked


def install(path: str) -> None:
    """Put the marks into the modules of a worker that is about to start."""
    from openqwq.sandbox.inside import runner, supervisor, test_process, zygote
    from openqwq.sandbox.isolation.namespaces import NamespaceIsolation

    marks = _Marks(path)
    backend: Any = NamespaceIsolation
    child: Any = test_process
    program: Any = runner
    backend.settle = marks.around(backend.settle, after="settle")
    backend.lock_down = marks.around(backend.lock_down, "files", "lock")
    program.run = marks.around(program.run, "order")
    program._run_program = marks.around(program._run_program, after="program")
    stand_by, exit_now, fork_test, end = child.stand_by, os._exit, backend.fork_test, supervisor.Standby.end

    def marked_exit(status: int) -> None:
        marks.mark("finish")
        exit_now(status)

    def marked_stand_by(*arguments: Any) -> None:
        marks.mark("fork")
        vars(os)["_exit"] = marked_exit
        stand_by(*arguments)

    def marked_fork(*arguments: Any) -> Any:
        marks.next_row()
        before = marks.used()
        jail = fork_test(*arguments)
        if jail is not None:
            marks.put(_BUILD, _minus(marks.used(), before))
        return jail

    def marked_end(test: Any, *arguments: Any) -> Any:
        before = marks.used()
        status, spent = end(test, *arguments)
        # Of the test that has run: the next one's jail is built later.
        marks.put(_ENDING, _minus(marks.used(), before))
        marks.put(_END, (int((spent.ru_utime + spent.ru_stime) * 1e9), spent.ru_minflt))
        return status, spent

    child.stand_by, backend.fork_test = marked_stand_by, marked_fork
    vars(supervisor)["Standby"].end = marked_end
    vars(zygote)["Supervisor"] = _with_bare_jails(supervisor.Supervisor, marks, exit_now)


def _with_bare_jails(kind: Any, marks: _Marks, exit_now: Callable[[int], None]) -> Any:
    """A supervisor that first builds and ends jails in which nothing runs."""

    def started(backend: Any, cgroup: int = -1) -> Any:
        made = kind(backend, cgroup)
        from_now = vars(type(backend))
        fork_test = from_now["fork_test"]

        def fork_and_exit(*arguments: Any) -> Any:
            jail = fork_test(*arguments)
            if jail is None:
                exit_now(0)
            return jail

        type(backend).fork_test = fork_and_exit
        for _ in range(20):
            _one_bare_jail(made)
        before, children = marks.used(), resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(_NUM_BARE):
            _one_bare_jail(made)
        after, ended = marks.used(), resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ended.ru_utime + ended.ru_stime - children.ru_utime - children.ru_stime
        _PAIR.pack_into(marks.table, 16, *_minus(after, before))
        _PAIR.pack_into(marks.table, 32, int(seconds * 1e9), ended.ru_minflt - children.ru_minflt)
        type(backend).fork_test = fork_test
        return made

    return started


def _one_bare_jail(supervisor: Any) -> None:
    test = supervisor.prepare()
    supervisor._next = None
    os.waitid(os.P_PID, test.jail.pid, os.WEXITED | os.WNOWAIT)
    test.end(True)
    test.close()


def _minus(after: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
    return after[0] - before[0], after[1] - before[1]

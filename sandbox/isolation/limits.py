"""Resource limits of the process of a test, and of the files it may leave."""

from __future__ import annotations

import resource

MAX_PROCESSES = 128
MAX_OPEN_FILES = 256
STACK_BYTES = 256 << 20
TEMPORARY_BYTES = 64 << 20
"""Size of the temporary files of one test."""
SCRATCH_BYTES = TEMPORARY_BYTES + (256 << 20)
"""The same with its input and output."""
MAX_FILES = 4096


def set_worker_limits(max_processes: int = MAX_PROCESSES) -> None:
    """The limits that are the same for every program, inherited from the worker."""
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, hard))  # programs may ask for more, and some need it
    _set(resource.RLIMIT_NPROC, max_processes)
    _set(resource.RLIMIT_SIGPENDING, 1024)  # timers count here
    _set(resource.RLIMIT_MSGQUEUE, 0)
    _set(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_MEMLOCK, 1 << 20)


def set_test_limits(time_seconds: float, memory_mb: int | None, output_bytes: int) -> None:
    """Limits of each process of a test. The worker polls the totals of memory and CPU time; these bound what one
    process can use between two looks. Address space is generous because threads reserve far more of it than they
    use."""
    if memory_mb is not None:
        _set(resource.RLIMIT_AS, (2 * memory_mb + 1024) << 20)
    _set(resource.RLIMIT_CPU, int(time_seconds) + 2)
    _set(resource.RLIMIT_FSIZE, max(output_bytes, TEMPORARY_BYTES))


def _set(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))

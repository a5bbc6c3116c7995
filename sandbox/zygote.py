"""A worker: a warm interpreter inside its own namespaces that forks one jail per program on request.

Started by the pool as `python -c ... <control descriptor>`. It never reads a byte of a program; it only hands
descriptors to the jails it starts. A request is one byte with two or three descriptors: payload, answers[, peer].
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys

from openqwq.sandbox import jail, jail_root, runner, seccomp, supervisor

# fmt: off
WARM_MODULES = (
    "array", "bisect", "cmath", "collections", "contextlib", "copy", "dataclasses", "datetime",
    "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "io", "itertools", "json", "math",
    "numbers", "operator", "queue", "random", "re", "statistics", "string", "struct", "textwrap",
    "threading", "time", "traceback", "types", "typing",
)
"""What programs import most, loaded once and shared by every fork. Few on purpose: each page costs at a fork."""
# fmt: on
LIBRARY_MODULES = ("bz2", "ctypes", "hashlib", "lzma", "readline", "sqlite3", "ssl", "uuid", "zlib")
"""Modules with shared libraries behind them, loaded only to learn which of those the jail must show."""
READY = b"ready"
REQUEST = b"J"


def main(control_descriptor: int) -> None:
    _import(WARM_MODULES)
    control = socket.socket(fileno=control_descriptor)
    try:
        filter_ = seccomp.build_filter()
        paths = _paths_needed()
        pid, identity = jail.enter_namespaces()
        if pid == 0:
            jail.build_worker_root(paths)
    except (jail.JailUnavailable, NotImplementedError, OSError) as problem:
        control.send(f"failed: {problem}".encode()[:4000])
        os._exit(3)
    if pid:
        control.close()
        _wait_for(pid)
    control.send(READY)
    _serve(control, identity, filter_)


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        with contextlib.suppress(ImportError):  # an interpreter built without this library
            __import__(name)


def _paths_needed() -> list[str]:
    """`jail_root.needed_paths`, found in a child so that the libraries do not stay loaded here."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            _import(LIBRARY_MODULES)
            os.write(writer, json.dumps(jail_root.needed_paths()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        text = answer.read()
    os.wait()
    if not text:
        raise jail.JailUnavailable("cannot find which files the interpreter needs")
    paths: list[str] = json.loads(text)
    return paths


def _wait_for(pid: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.waitpid(pid, 0)
    os._exit(0)


def _serve(control: socket.socket, identity: jail.Identity, filter_: bytes) -> None:
    """Answer requests until the pool closes its end; our death as pid 1 then ends every jail below."""
    # Ctrl-C reaches the whole process group; the pool decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended jails need no wait
    null = os.open("/dev/null", os.O_RDWR)
    sys.path[:] = [path for path in sys.path if os.path.isdir(path)]  # the checkout is out of sight now
    sys.dont_write_bytecode = True
    runner.prepare()
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 3)
        if not message:
            os._exit(0)
        try:
            pid = jail.clone_program_jail()
        except OSError:
            pid = -1  # the pool sees the answers' end closed without a record
        if pid == 0:
            control.close()
            peer = descriptors[2] if len(descriptors) > 2 else None
            supervisor.run_jail(descriptors[0], descriptors[1], peer, null, identity, filter_)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)

"""The zygote: the process of a worker, a warm interpreter isolated from the host, from which all tests are forked.

The pool starts it as `python -c ... <control descriptor> <plan>`. It never reads a byte of a program and only passes
descriptors on. A request is one byte with two or three descriptors: payload, answers[, peer].
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from openqwq.sandbox.inside import runner, test_process
from openqwq.sandbox.inside.supervisor import JailBroken, Supervisor
from openqwq.sandbox.isolation import root
from openqwq.sandbox.isolation.backend import IsolationBackend, IsolationUnavailable
from openqwq.sandbox.isolation.build import build_isolation

# fmt: off
WARM_MODULES = (
    "array", "bisect", "cmath", "collections", "contextlib", "copy", "datetime",
    "decimal", "enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math",
    "numbers", "operator", "queue", "random", "re", "statistics", "string", "struct", "textwrap",
    "threading", "time", "traceback", "types", "typing",
)
"""The modules that programs import most, loaded once and shared by every fork. Few, since each page costs at a fork."""
# fmt: on
LIBRARY_MODULES = ("bz2", "ctypes", "hashlib", "lzma", "readline", "sqlite3", "ssl", "uuid", "zlib")
"""Modules with shared libraries behind them, loaded only to learn which of those the jail must show."""
_FRESH_TEST = (
    f"import sys; sys.path.append({root.PACKAGES!r}); "
    "from openqwq.sandbox.inside.fresh_test import main; main(*map(int, sys.argv[1:]))"
)
"""The code of an interpreter that becomes the process of a test, where none can be forked. Its modules are not loaded
here: every library costs at a fork."""
READY = b"ready"
REQUEST = b"J"


class Plan(NamedTuple):
    """Settings of a worker."""

    backend: str
    """One of `build.KINDS`."""
    warm: tuple[str, ...] = ()
    """Modules to load beside WARM_MODULES."""
    paths: tuple[str, ...] = ()
    """Files and folders of the host to show beside the interpreter."""
    packages: Mapping[str, str] = MappingProxyType({})
    """Importable packages to show: name and folder on the host."""
    cgroup: int = -1
    """Descriptor of the `cgroup.procs` that tests join, where the host lends a group; -1 for none."""

    def to_json(self) -> str:
        return json.dumps({**self._asdict(), "packages": dict(self.packages)})


def main(control_descriptor: int, plan_json: str) -> NoReturn:
    """Answer requests until the pool closes its end; the end of this process as pid 1 then ends every jail below."""
    control, backend, cgroup = _isolate(control_descriptor, Plan(**json.loads(plan_json)))
    runner.prepare(f"{root.SCRATCH}/work")
    os.umask(0)  # the program may change the files that are put into its scratch folder
    gc.collect()
    gc.freeze()
    gc.disable()
    supervisor = Supervisor(backend, cgroup)
    while True:
        with contextlib.suppress(JailBroken, OSError):  # reported to the job that needs the jail
            supervisor.prepare()
        message, descriptors, _, _ = socket.recv_fds(control, 16, 3)
        if not message:
            supervisor.close()
            os._exit(0)
        payload, answers = descriptors[:2]
        with socket.socket(fileno=answers) as channel:
            supervisor.run(payload, channel, descriptors[2] if len(descriptors) > 2 else None)
        os.close(payload)


def _isolate(control_descriptor: int, plan: Plan) -> tuple[socket.socket, IsolationBackend, int]:
    """Separate the worker from the host. Returns in the worker alone: its launcher waits for it, cleans up and ends."""
    os.environ.pop("LD_BIND_NOW", None)  # read by the loader at the start; a program's environment is without it
    _load(WARM_MODULES)
    plan = plan._replace(cgroup=_raised(plan.cgroup))
    control = _moved_up(control_descriptor)
    _load(tuple(name for name in plan.warm if name.startswith("openqwq.")))  # the checkout is hidden later
    backend = build_isolation(plan.backend, _FRESH_TEST)
    try:
        pid = backend.enter(_paths_needed(plan), plan.packages)
        if pid == 0:
            _warm_up(plan, backend)
            backend.seal()
    except (IsolationUnavailable, NotImplementedError, ImportError, OSError) as problem:
        control.send(f"failed: {problem}".encode()[:4000])
        os._exit(3)
    if pid:
        control.close()
        os.waitpid(pid, 0)
        backend.clean_up()
        os._exit(0)
    control.send(READY)
    return control, backend, plan.cgroup


def _moved_up(control_descriptor: int) -> socket.socket:
    """Move the control socket above the descriptors of tests, so that all that the worker opens later lies above them
    too."""
    null, high = _raised(os.open("/dev/null", os.O_RDWR)), _raised(control_descriptor)
    for number in range(test_process.NUM_FIXED_DESCRIPTORS):
        if number != 2:
            os.dup2(null, number, inheritable=number < 2)
    os.close(null)
    return socket.socket(fileno=high)


def _raised(descriptor: int) -> int:
    """The same open file under a descriptor that no test uses."""
    while 0 <= descriptor < test_process.NUM_FIXED_DESCRIPTORS:
        descriptor = os.dup(descriptor)
    return descriptor


def _load(names: tuple[str, ...]) -> None:
    for name in names:
        with contextlib.suppress(ImportError):  # an interpreter built without this library
            importlib.import_module(name)


def _paths_needed(plan: Plan) -> list[str]:
    """`root.needed_paths`, found in a child so that the libraries do not stay loaded here."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            _load(LIBRARY_MODULES)
            os.write(writer, json.dumps(root.needed_paths(plan.paths)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        text = answer.read()
    os.wait()
    if not text:
        raise IsolationUnavailable("cannot find which files the interpreter needs")
    paths: list[str] = json.loads(text)
    return paths


def _warm_up(plan: Plan, backend: IsolationBackend) -> None:
    """Load the plan's modules, in the worker's own view of the files: the checkout is hidden, the packages are
    visible."""
    sys.path[:] = [path for path in sys.path if os.path.isdir(path)]
    sys.path += backend.import_folders(plan.packages)
    sys.dont_write_bytecode = True
    for name in plan.warm:
        importlib.import_module(name)

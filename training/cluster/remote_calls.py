"""Calls of remote workers. Each wait has a deadline and a name; after the deadline, the stacks of all are written."""

import contextlib
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import (
    ActorUnschedulableError,
    GetTimeoutError,
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

from openqwq.training.errors import ClusterError, DeadlineExpired, OpenqwqError, WorkerLost

START_SECONDS = 180.0
"""Deadline of starting workers, imports included."""
STACK_SECONDS = 5.0
"""Deadline of one actor's stacks."""
NOWHERE = ("127.0.0.1", 9)
"""In place of the address of an actor that has not answered."""
LOST = (
    RayActorError,  # an actor died or cannot be reached; one whose __init__ raised is a fault of the program
    ObjectLostError,  # a result was on a lost machine, or its owner died
    OutOfMemoryError,  # Ray killed the worker because its machine ran short of memory
    NodeDiedError,
    WorkerCrashedError,
    LocalRayletDiedError,
    ActorUnschedulableError,  # its bundle was on a lost machine
    RuntimeEnvSetupError,  # the machine cannot prepare a process, for example because its disk is full
    ObjectStoreFullError,
    OutOfDiskError,
)
"""Ray's errors by which a worker, its machine or its data is gone. The work itself did not fail."""


def _cause(error: BaseException) -> BaseException:
    """The error that was raised first. A call whose argument is the result of a failed call fails with its error."""
    while isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return error


class RemoteCalls:
    """`ray.get` and `ray.put` with deadlines, and with the errors of this project."""

    def __init__(self, deadline: float, folder: Path | None) -> None:
        self.deadline, self._folder = deadline, folder
        self._stack_addresses: dict[str, Any] = {}

    def note(self, name: str, actor: Any) -> None:
        """Request the address of an actor's stacks; it is read when a deadline expires."""
        self._stack_addresses[name] = actor.serve_stacks.remote()

    def get(self, refs: Any, what: str, deadline: float | None = None) -> Any:
        """The results. Errors of this project that a worker raises are raised here unchanged.

        Raises:
            WorkerLost: a process or its machine is gone.
            DeadlineExpired: the worker did not answer in time.
            ClusterError: every other error of a worker or of Ray.
        """
        seconds = deadline or self.deadline
        try:
            return ray.get(refs, timeout=seconds)
        except GetTimeoutError as error:
            raise self.expired(what, seconds) from error
        except RayError as error:
            cause = _cause(error)
            if isinstance(cause, OpenqwqError):
                raise cause from error
            if isinstance(cause, LOST) and not getattr(cause, "actor_init_failed", False):
                raise self._lost(what, cause) from error
            raise ClusterError(f"{what} failed: {type(cause).__name__}: {cause}\n{error}") from error

    def put(self, value: Any, what: str) -> Any:
        """A reference to a value in the object store.

        Raises:
            WorkerLost: the store is full, or gone.
        """
        try:
            return ray.put(value)
        except LOST as error:
            raise self._lost(what, error) from error

    @staticmethod
    def _lost(what: str, error: BaseException) -> WorkerLost:
        return WorkerLost(f"{what} is lost ({type(error).__name__}): {' '.join(str(error).split())[:400]}")

    def expired(self, what: str, seconds: float) -> DeadlineExpired:
        """Write the stacks of all processes; returns the error for a wait that took too long."""
        where = ""
        if self._folder is not None:
            path = self._folder / f"stacks-{time.strftime('%Y%m%d-%H%M%S')}.txt"
            path.write_text(collect_stacks(self._addresses()))
            where = f"; where each process stands is in {path}"
        return DeadlineExpired(f"{what} did not answer in {seconds:g} s{where}")

    def _addresses(self) -> dict[str, tuple[str, int]]:
        known, _ = ray.wait(
            list(self._stack_addresses.values()), num_returns=len(self._stack_addresses), timeout=STACK_SECONDS
        )
        found = {}
        for name, call in self._stack_addresses.items():
            with contextlib.suppress(RayTaskError, *LOST):
                found[name] = ray.get(call) if call in known else NOWHERE
        return found


def collect_stacks(addresses: Mapping[str, tuple[str, int]]) -> str:
    """The stacks of this process and of the actors; where an actor does not answer, the error."""
    parts = [f"===== driver =====\n{stacks_of_this_process()}"]
    for name, address in addresses.items():
        try:
            with socket.create_connection(address, timeout=STACK_SECONDS) as connection:
                connection.settimeout(STACK_SECONDS)
                text = b"".join(iter(lambda connection=connection: connection.recv(65536), b"")).decode()  # type: ignore[misc]
        except OSError as error:
            text = f"does not answer ({error})\n"
        parts.append(f"===== {name} ({address[0]}) =====\n{text}")
    return "\n".join(parts)


def stacks_of_this_process() -> str:
    """The stack of every thread of this process."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return "\n".join(
        f"thread {names.get(ident, ident)}\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames
    )


def serve_stacks() -> tuple[str, int]:
    """Serve the stacks of this process to every connection, in a thread of its own; returns the address."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(stacks_of_this_process().encode())

    address = ray.util.get_node_ip_address()
    server = socketserver.ThreadingTCPServer((address, 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="stacks").start()
    return address, int(server.server_address[1])

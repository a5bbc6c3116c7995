"""Calls of remote workers: each wait has a deadline and a name; when it expires, the stacks of all actors are kept."""

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
"""How long one actor may take to send its stacks."""


NOWHERE = ("127.0.0.1", 9)
"""Of an actor that has not said where it serves its stacks."""
LOST = (
    RayActorError,  # an actor died or cannot be reached; one whose __init__ raised is a fault of the program
    ObjectLostError,  # a result went with the process or the machine that held it; the base of OwnerDiedError
    OutOfMemoryError,  # Ray killed a worker, because memory of its machine ran short
    NodeDiedError,
    WorkerCrashedError,
    LocalRayletDiedError,
    ActorUnschedulableError,  # its bundle went with a machine
    RuntimeEnvSetupError,  # the machine cannot prepare a process, for example because its disk is full
    ObjectStoreFullError,
    OutOfDiskError,
)
"""Ray's errors that mean that a worker, its machine or its data is gone. The work itself did not fail."""


def _cause(error: BaseException) -> BaseException:
    """What was raised first: a call fails with the error of its arguments, which are results of other calls."""
    while isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return error


class RemoteCalls:
    """ray.get for the workers of a run."""

    def __init__(self, deadline: float, folder: Path | None) -> None:
        self.deadline, self._folder = deadline, folder
        self._stack_addresses: dict[str, Any] = {}

    def note(self, name: str, actor: Any) -> None:
        """Ask an actor where it serves its stacks; the answer is read when it is needed."""
        self._stack_addresses[name] = actor.serve_stacks.remote()

    def get(self, refs: Any, what: str, deadline: float | None = None) -> Any:
        """The results; our own errors come back as themselves.

        Raises:
            WorkerLost: a process or its machine is gone.
            DeadlineExpired: it did not answer in time.
            ClusterError: it failed otherwise; no other error of Ray leaves this call.
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
        """The error of a wait that took too long, after writing down the stacks of all processes."""
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
    """The stacks of this process and of every actor that answers."""
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
    """Where every thread of this process is."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return "\n".join(
        f"thread {names.get(ident, ident)}\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames
    )


def serve_stacks() -> tuple[str, int]:
    """Answer every connection to this process with its stacks, from a thread of its own, whatever the others do."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(stacks_of_this_process().encode())

    address = ray.util.get_node_ip_address()
    server = socketserver.ThreadingTCPServer((address, 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="stacks").start()
    return address, int(server.server_address[1])

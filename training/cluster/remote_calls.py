"""Calls of remote workers. Each wait has a deadline and a name; after the deadline, the stacks of all are written."""

import contextlib
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from openqwq.training.cluster.ray_errors import LOST as LOST
from openqwq.training.cluster.ray_errors import meaning
from openqwq.training.errors import ClusterError, DeadlineExpired
from openqwq.training.run_folder.failures import written

START_SECONDS = 180.0
"""Deadline of starting workers, imports included."""
STACK_SECONDS = 5.0
"""Deadline of one actor's stacks."""
NOWHERE = ("127.0.0.1", 9)
"""In place of the address of an actor that has not answered."""


class RemoteCalls:
    """`ray.get` and `ray.put` with deadlines, and with the errors of this project."""

    def __init__(self, deadline: float, folder: Path | None, warn: Callable[[str], None] = lambda text: None) -> None:
        """`warn` is told what was lost and is replaced."""
        self.deadline, self._folder, self.warn = deadline, folder, warn
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
        with self.reading(what, seconds):
            return ray.get(refs, timeout=seconds)

    def put(self, value: Any, what: str) -> Any:
        """A reference to a value in the object store.

        Raises:
            WorkerLost: the store is full, or gone.
        """
        with self.reading(what):
            return ray.put(value)

    @contextlib.contextmanager
    def reading(self, what: str, seconds: float | None = None) -> Iterator[None]:
        """Raise the errors that Ray raises inside the `with` block as those of `get`. `seconds`: the deadline of a wait
        in it."""
        try:
            yield
        except GetTimeoutError as error:
            raise self.expired(what, seconds or self.deadline) from error
        except RayError as error:
            found = meaning(error, what)
            if type(found) is ClusterError:  # nobody of the run expects it
                found = ClusterError(f"{found}. {written(error, self._folder)}")
            raise found from error

    def expired(self, what: str, seconds: float) -> DeadlineExpired:
        """Write the stacks of all processes; returns the error for a wait that took too long."""
        where = ""
        if self._folder is not None:
            path = self._folder / f"stacks-{time.strftime('%Y%m%d-%H%M%S')}.txt"
            with contextlib.suppress(OSError):
                path.write_text(collect_stacks(self._addresses()))
                where = f"; where each process stands is in {path}"
        return DeadlineExpired(f"{what} did not answer in {seconds:g} s{where}")

    def _addresses(self) -> dict[str, tuple[str, int]]:
        """Of what Ray still finds; the others have none."""
        found = dict.fromkeys(self._stack_addresses, NOWHERE)
        calls = list(self._stack_addresses.values())
        with contextlib.suppress(RayError):
            known, _ = ray.wait(calls, num_returns=len(calls), timeout=STACK_SECONDS) if calls else ([], [])
            for name, call in self._stack_addresses.items():
                with contextlib.suppress(RayError):
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

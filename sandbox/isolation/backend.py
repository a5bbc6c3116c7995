"""The contract of all isolation backends: what a worker asks of one, and what it sees of a jail.

Nothing here knows a kind, a test or a verdict.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Protocol


class IsolationUnavailable(RuntimeError):
    """This host does not let us use this backend; the message says which step failed and what usually helps."""


class Jail(Protocol):
    """What one test's processes can reach, seen from the worker that started them. All but `pid`, `kill`, `reap` and
    `close` only once the test's process has settled."""

    pid: int
    """The test's process; a child of the worker."""
    is_fleeting: bool
    """True when `proc` and `scratch` cannot be opened any more once the test's process has ended."""

    @property
    def proc(self) -> int:
        """Folder descriptor of a /proc in which `living` names the processes."""
        ...

    @property
    def scratch(self) -> int:
        """Folder descriptor of the writable part, with the folders of `scratch.FOLDERS`."""
        ...

    def living(self) -> list[str]:
        """Names in `proc` of the jail's processes, ended ones that nobody waited for included."""
        ...

    def used_bytes(self) -> int:
        """Bytes of the files in the scratch folder; where it is a tmpfs of its own, also of those without a name."""
        ...

    def kill(self) -> None:
        """Start to end all processes of the jail."""
        ...

    def reap(self) -> None:
        """After `kill`, and after the test's own process was waited for: returns when no process is left."""
        ...

    def close(self) -> None:
        """Last: give back what the jail took of the host."""
        ...


class IsolationBackend(Protocol):
    """Methods in the order of their call: the first two once a worker, the others once a test."""

    def enter(self, paths: list[str], packages: Mapping[str, str]) -> int:
        """Separate a new process from the host. Its pid in the caller, 0 in the process; IsolationUnavailable."""
        ...

    def clean_up(self) -> None:
        """In the caller of `enter`, after the process ended: leave nothing of it on the host."""
        ...

    def import_folders(self, packages: Mapping[str, str]) -> list[str]:
        """Where programs import the packages from."""
        ...

    def seal(self) -> None:
        """Last step of a worker: from here on nothing it starts can gain a right."""
        ...

    def fork_test(self, connection: socket.socket, output: int, errors: int) -> Jail | None:
        """Start a test's process, which talks to its worker over `connection` and prints into the other two. None in
        that process, unless it goes on as another interpreter."""
        ...

    def settle(self) -> None:
        """In the test's process: build its own view of the host and go to the empty scratch folder."""
        ...

    def lock_down(self) -> None:
        """In the test's process: give up everything, for good."""
        ...

"""The contract of all isolation backends: the calls of a worker, and its view of a jail.

Independent of any one backend, of tests and of verdicts.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Protocol


class IsolationUnavailable(RuntimeError):
    """This host does not allow this backend; the message names the step that failed and what usually helps."""


class Jail(Protocol):
    """The processes of one test, seen from the worker that started them. Until the process of the test has settled only
    `pid`, `kill`, `reap` and `close` may be used."""

    pid: int
    """The process of the test, a child of the worker."""
    is_fleeting: bool
    """True when `proc` and `scratch` cannot be opened any more once the process of the test has ended."""

    @property
    def proc(self) -> int:
        """Folder descriptor of a /proc in which `living` names the processes."""
        ...

    @property
    def scratch(self) -> int:
        """Folder descriptor of the writable part, with the folders of `scratch.FOLDERS`."""
        ...

    def living(self) -> list[str]:
        """Names in `proc` of the jail's processes, also of ended ones that were not waited for."""
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
        """Called last: release what the jail uses on the host."""
        ...


class IsolationBackend(Protocol):
    """The first four methods are called once for each worker, the others once for each test."""

    def enter(self, paths: list[str], packages: Mapping[str, str]) -> int:
        """Separate a new process from the host. Its pid in the caller, 0 in the process; IsolationUnavailable."""
        ...

    def clean_up(self) -> None:
        """Called where `enter` was, after the process has ended: leave nothing of it on the host."""
        ...

    def import_folders(self, packages: Mapping[str, str]) -> list[str]:
        """The folders from which programs import the packages."""
        ...

    def seal(self) -> None:
        """Last step of a worker: no process that it starts later can gain a right."""
        ...

    def fork_test(self, connection: socket.socket, output: int, errors: int) -> Jail | None:
        """Start the process of a test, which talks to its worker over `connection` and prints into the other two. None
        in that process, unless it continues as another interpreter."""
        ...

    def settle(self) -> None:
        """In the process of the test: build its own view of the host and change to the empty scratch folder."""
        ...

    def lock_down(self) -> None:
        """In the process of the test: give up all rights, for good."""
        ...

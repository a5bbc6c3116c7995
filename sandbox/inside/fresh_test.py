"""The process of a test as a fresh interpreter, for `bubblewrap`, which cannot fork a warm one."""

from __future__ import annotations

import socket
from typing import NoReturn

from openqwq.sandbox.inside import runner, test_process
from openqwq.sandbox.isolation import root
from openqwq.sandbox.isolation.bubblewrap import BubblewrapIsolation


def main(connection: int, output: int, errors: int) -> NoReturn:
    """Runs in the jail that `bubblewrap` built, before it is locked down."""
    test_process.occupy_fixed_descriptors()
    runner.prepare(f"{root.SCRATCH}/work")
    test_process.stand_by(BubblewrapIsolation(""), socket.socket(fileno=connection), output, errors)

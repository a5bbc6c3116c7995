"""Workers that answer as a real one cannot be made to: lost, stuck, killed twice, without a jail."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from openqwq.sandbox.languages import PYTHON, Runtime
from openqwq.sandbox.protocol import Ending, Order, Record, read_order, read_part
from openqwq.sandbox.worker import Answer, Answers
from openqwq.sandbox.worker_slot import WorkerSlot

SIGNALLED = 9
"""The wait status of a process that was ended by SIGKILL."""


def answer(output: bytes = b"", ending: Ending = "exited", wait_status: int = 0, stderr: bytes = b"") -> Answer:
    """An answer whose numbers all differ: 0.25 s of CPU time, 0.75 s in all, 12.5 MB."""
    record = Record(ending, wait_status, 0.25, 0.75, 12.5, len(output), len(stderr))
    return Answer(record, output, stderr)


def exits(code: int, output: bytes = b"", stderr: bytes = b"") -> Answer:
    return answer(output, wait_status=code << 8, stderr=stderr)


def killed(output: bytes = b"") -> Answer:
    return answer(output, wait_status=SIGNALLED)


@dataclass
class ScriptedWorker:
    """Answers one jail after the other by its script, and keeps what it was given."""

    jails: list[Sequence[Answer]]
    num_kills: list[int] = field(default_factory=lambda: [0])
    """What `num_memory_kills` says one call after the other; the last number again and again."""
    is_stuck: bool = False
    """After its answers a jail says nothing more, instead of closing its connection."""
    orders: list[Order] = field(default_factory=list)
    parts: list[list[bytes]] = field(default_factory=list)
    """Code and inputs of each jail."""
    peers: list[int | None] = field(default_factory=list)
    kept: list[socket.socket] = field(default_factory=list)
    group: None = None

    def num_memory_kills(self) -> int:
        return self.num_kills.pop(0) if len(self.num_kills) > 1 else self.num_kills[0]

    def open_jail(self, payload: int, peer: int | None = None) -> Answers:
        order = read_order(payload)
        self.orders.append(order)
        self.parts.append([read_part(payload, place) for place in (order.code, *order.inputs)])
        self.peers.append(None if peer is None else os.fstat(peer).st_ino)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        for one in self.jails.pop(0):
            theirs.sendall(one.record.pack() + one.output + one.stderr)
        if self.is_stuck:
            self.kept.append(theirs)
        else:
            theirs.close()
        return Answers(ours)


class ScriptedSlot:
    """A slot with one scripted worker for each runtime that is asked for."""

    def __init__(self, python: ScriptedWorker | None = None, **others: ScriptedWorker) -> None:
        self.workers = others | ({PYTHON.name: python} if python else {})
        self.asked: list[str] = []

    async def worker(self, runtime: Runtime = PYTHON) -> ScriptedWorker:
        self.asked.append(runtime.name)
        return self.workers[runtime.name]

    def as_slot(self) -> WorkerSlot:
        return cast(Any, self)

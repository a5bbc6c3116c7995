"""The handle of a worker in the server: start it, let it run programs, notice its end. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from openqwq.sandbox.inside import zygote
from openqwq.sandbox.inside.zygote import Plan
from openqwq.sandbox.isolation import root
from openqwq.sandbox.isolation.cgroup import ControlGroup
from openqwq.sandbox.protocol import RECORD_BYTES, Record

START_SECONDS = 30.0
_STOP_SECONDS = 0.5
_IMPORT_ROOT = Path(__file__).absolute().parents[2]
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from openqwq.sandbox.inside.zygote import main; main(int(sys.argv[2]), sys.argv[3])"
)
_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH", "PYTHONHOME", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "LD_BIND_NOW": "1",  # else every fork looks the same functions up and writes them down; taken away in the worker
    "PYTHONUTF8": "1",
    "PATH": "/usr/bin:/bin",
    "HOME": "/box/work",
    # A worker that forks must have one thread; a program has one core.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENSSL_CONF": "/dev/null",  # node ends when it cannot read the configuration of the host
}


class WorkerLost(RuntimeError):
    """The worker ended without an answer, or could not build a jail; this is no statement on the program."""


class CannotIsolate(RuntimeError):
    """No jail can be built on this host; the message says why."""


@dataclass(frozen=True)
class Answer:
    """How one test ended, with its output."""

    record: Record
    output: bytes
    """Standard output, or the encoded return value."""
    stderr: bytes
    """The end of standard error."""
    fetched: bytes = b""
    """The files asked for, as `supervisor` packs them."""


class Answers:
    """The answers of one jail, read as they come. Closing ends the jail."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    async def read(self) -> Answer:
        """The answer of the next test; WorkerLost when the jail is gone."""
        loop = asyncio.get_running_loop()
        while (num_missing := _num_missing_bytes(self._buffer)) > 0:
            try:
                part = await loop.sock_recv(self._connection, max(65536, min(num_missing, 1 << 20)))
            except ConnectionError as problem:
                raise WorkerLost("the jail closed its connection") from problem
            if not part:
                raise WorkerLost("the jail ended without an answer")
            self._buffer += part
        return _take_answer(self._buffer)

    def close(self) -> None:
        self._connection.close()


def _num_missing_bytes(buffer: bytearray) -> int:
    """Bytes missing from the first answer in the buffer; from its record alone while that is incomplete."""
    if len(buffer) < RECORD_BYTES:
        return RECORD_BYTES - len(buffer)
    return RECORD_BYTES + Record.unpack(buffer[:RECORD_BYTES]).num_following_bytes - len(buffer)


def _take_answer(buffer: bytearray) -> Answer:
    """Remove the first answer, which is complete, from the buffer and return it."""
    record = Record.unpack(buffer[:RECORD_BYTES])
    ends = [*accumulate((record.output_bytes, record.stderr_bytes, record.fetched_bytes), initial=RECORD_BYTES)]
    output, stderr, fetched = (bytes(buffer[start:end]) for start, end in pairwise(ends))
    del buffer[: ends[-1]]
    return Answer(record, output, stderr, fetched)


class Worker:
    """A warm interpreter in its own namespaces; runs one job at a time."""

    def __init__(self, plan: Plan, group: ControlGroup | None = None) -> None:
        self.plan, self.group = plan, group
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        environment |= _ENVIRONMENT
        plan = self.plan._replace(cgroup=self.group.procs) if self.group else self.plan
        with theirs:
            self._process = subprocess.Popen(
                [
                    root.interpreter(),
                    "-s",
                    "-S",
                    "-P",
                    "-c",
                    _BOOT,
                    str(_IMPORT_ROOT),
                    str(theirs.fileno()),
                    plan.to_json(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *([self.group.procs] if self.group else [])],
                env=environment,
                start_new_session=True,
            )
        self._control = ours
        try:
            async with asyncio.timeout(START_SECONDS):
                answer = await asyncio.get_running_loop().sock_recv(ours, 4096)
        except TimeoutError:
            await self.stop()
            raise WorkerLost(f"a sandbox worker did not start within {START_SECONDS:g} s") from None
        if answer != zygote.READY:
            await self.stop()
            text = answer.decode(errors="replace").removeprefix("failed: ")
            raise CannotIsolate(text or "a sandbox worker ended while starting; see its message above")

    def num_memory_kills(self) -> int:
        """Number of processes that the kernel killed for the memory limit of the control group; 0 without one."""
        return 0 if self.group is None else self.group.num_kills()

    def open_jail(self, payload: int, peer: int | None = None) -> Answers:
        """Start the jail of one program. The caller closes the payload."""
        if self._control is None:
            raise WorkerLost("the sandbox worker is not running")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        descriptors = [payload, theirs.fileno()] + ([] if peer is None else [peer])
        try:
            socket.send_fds(self._control, [zygote.REQUEST], descriptors)
        except OSError as problem:
            ours.close()
            raise WorkerLost(f"the sandbox worker cannot be reached: {problem}") from problem
        finally:
            theirs.close()
        return Answers(ours)

    async def stop(self) -> None:
        """End the worker and every jail below it: first by closing its socket, then by SIGKILL."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            deadline = time.monotonic() + _STOP_SECONDS
            while self._process.poll() is None:
                if time.monotonic() > deadline:
                    self._process.kill()
                await asyncio.sleep(0.002)
            self._process = None
        if self.group is not None:
            self.group.close()
            self.group = None

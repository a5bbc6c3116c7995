"""One zygote seen from the server: start it, have it open jails, notice its death. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from pathlib import Path

from openqwq.sandbox import jail_root, zygote
from openqwq.sandbox.protocol import RECORD_BYTES, Record

START_SECONDS = 30.0
_IMPORT_ROOT = Path(__file__).absolute().parents[2]
_BOOT = "import sys; sys.path.append(sys.argv[1]); from openqwq.sandbox.zygote import main; main(int(sys.argv[2]))"
_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH", "PYTHONHOME")


class WorkerLost(RuntimeError):
    """The zygote or a jail's pid 1 ended without an answer."""


class CannotIsolate(RuntimeError):
    """No jail can be built on this host; the message says why."""


class Answers:
    """The records of one jail, read as they come. Closing it ends the jail."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    async def read(self) -> tuple[Record, bytes, bytes]:
        """The next test's record, output and end of stderr; WorkerLost when the jail is gone."""
        record = Record.unpack(await self._take(RECORD_BYTES))
        return record, await self._take(record.output_bytes), await self._take(record.stderr_bytes)

    async def _take(self, count: int) -> bytes:
        loop = asyncio.get_running_loop()
        while len(self._buffer) < count:
            try:
                part = await loop.sock_recv(self._connection, max(65536, min(count, 1 << 20)))
            except ConnectionError as problem:
                raise WorkerLost("the jail closed its connection") from problem
            if not part:
                raise WorkerLost("the jail ended without an answer")
            self._buffer += part
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def close(self) -> None:
        self._connection.close()


class Worker:
    """A warm interpreter in its own namespaces; runs one job at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        environment |= {
            "PYTHONHASHSEED": "0",
            "PYTHONUTF8": "1",
            "PATH": "/usr/bin:/bin",
            "HOME": "/box/work",
        }
        with theirs:
            self._process = subprocess.Popen(
                [
                    jail_root.interpreter(),
                    "-s",
                    "-S",
                    "-P",
                    "-c",
                    _BOOT,
                    str(_IMPORT_ROOT),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
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

    def open_jail(self, payload: int, peer: int | None = None) -> Answers:
        """Start the jail of one program. The payload stays the caller's to close."""
        if self._control is None:
            raise WorkerLost("the sandbox worker is not running")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        descriptors = [payload, theirs.fileno()] + ([] if peer is None else [peer])
        try:
            socket.send_fds(self._control, [zygote.REQUEST], descriptors)
        except OSError as problem:
            ours.close()
            raise WorkerLost(f"the sandbox worker does not listen: {problem}") from problem
        finally:
            theirs.close()
        return Answers(ours)

    async def stop(self) -> None:
        """Kill the worker; the kernel ends every jail below it."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            while self._process.poll() is None:
                await asyncio.sleep(0.002)
            self._process = None

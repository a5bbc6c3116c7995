"""The sandbox's server process: `python -m openqwq.sandbox.server --port 8080`. Its routes stand in `http_api.py`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from openqwq.sandbox.connections import Intake, bound_to, descriptors_allowed
from openqwq.sandbox.gate import Gate, TokenUnusable, read_tokens
from openqwq.sandbox.http_api import create_app
from openqwq.sandbox.isolation.build import KINDS
from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.probe import IsolationTooWeak, open_pool

_BACKLOG = 1024
_PARENT = os.getppid()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that is declared as TCP: asyncio disables Nagle's delay (40 ms for each answer) only for
    those."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: uvicorn raises a signal again after its own end, before the pool has stopped."""
        yield


async def serve(arguments: argparse.Namespace) -> int:
    """Open the pool, listen, print one line, and run until stopped; the exit status."""
    try:
        gate = Gate(read_tokens(arguments.token_file) if arguments.token_file else ())
        listener = _listen(arguments.host, arguments.port)
    except TokenUnusable as problem:
        print(problem, file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"cannot listen on {arguments.host}:{arguments.port}: {problem}; choose another --port", file=sys.stderr)
        return 2
    num_descriptors = descriptors_allowed()
    with listener:
        try:
            kinds = None if arguments.backend == "auto" else (arguments.backend,)
            pool = await open_pool(arguments.workers, arguments.queue_limit, arguments.require_isolation, kinds)
        except IsolationTooWeak as problem:
            print(problem, file=sys.stderr)
            return 3
        try:
            await _serve_pool(arguments, pool, gate, Intake.for_workers(pool.num_workers, num_descriptors), listener)
        finally:
            await pool.stop()
    return 0


async def _serve_pool(
    arguments: argparse.Namespace, pool: SandboxPool, gate: Gate, intake: Intake, listener: socket.socket
) -> None:
    """Answer requests until the server is stopped, in order or at once."""
    config = uvicorn.Config(
        create_app(pool, gate, intake),
        http=bound_to(intake),
        ws="none",
        lifespan="off",
        backlog=intake.accepted_at_once,  # asyncio takes so many before it hands over the first
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    draining: list[asyncio.Task[None]] = []

    def stop() -> None:
        """The first signal ends the server in order, the second at once."""
        if gate.is_draining:
            gate.is_hurried = True
        else:
            gate.is_draining = True
            draining.append(asyncio.create_task(_drain(server, gate, intake, pool, arguments.drain_seconds)))

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(_announce(server, arguments, listener, pool.isolation, gate.has_token)),
        *([asyncio.create_task(_watch_parent(stop))] if arguments.die_with_parent else []),
        asyncio.create_task(intake.sweep()),
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in (*tasks, *draining):
            task.cancel()


async def _drain(server: uvicorn.Server, gate: Gate, intake: Intake, pool: SandboxPool, seconds: float) -> None:
    """Let the server end once what it has begun is answered. After this time, what still runs is answered as an `error`
    that another server may judge."""
    deadline = time.monotonic() + seconds
    while gate.num_under_way and not gate.is_hurried and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    intake.drop_arriving()
    await pool.stop()
    server.should_exit = True


async def _watch_parent(stop: Callable[[], None]) -> None:
    """End the server at once when the process that started it has ended."""
    while os.getppid() == _PARENT:
        await asyncio.sleep(0.2)
    stop()
    stop()


async def _announce(
    server: uvicorn.Server, arguments: argparse.Namespace, listener: socket.socket, isolation: str, has_token: bool
) -> None:
    port = listener.getsockname()[1]
    while not server.started:
        await asyncio.sleep(0.01)
    listener.listen(_BACKLOG)  # uvicorn asks the kernel for as few as it takes at once
    if not has_token and not _is_loopback(listener):
        words = "whoever reaches this address may run programs here; --token-file asks them for a token"
        print(f"serving {arguments.host} without a token: {words}", file=sys.stderr, flush=True)
    print(f"listening on http://{arguments.host}:{port} isolation {isolation}", flush=True)
    if arguments.port_file:
        temporary = Path(f"{arguments.port_file}.{os.getpid()}")
        temporary.write_text(f"{port}\n")
        temporary.replace(arguments.port_file)


def _is_loopback(listener: socket.socket) -> bool:
    address = str(listener.getsockname()[0])
    return address.startswith("127.") or address == "::1"


def parse_arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="openqwq sandbox serve", description="Serve the code sandbox.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--workers", type=int, default=None, help="programs at a time (default: one a core)")
    parser.add_argument("--queue-limit", type=int, default=1024, help="jobs waiting before 429 is answered")
    parser.add_argument("--require-isolation", default="L2", help="refuse to start below this level")
    kinds = ("auto", *KINDS)
    parser.add_argument("--backend", default="auto", choices=kinds, help="isolation backend (default: what holds most)")
    parser.add_argument("--walls", choices=kinds, help=argparse.SUPPRESS)  # the name of version 0.1
    parser.add_argument("--port-file", default=None, help="write the port here once listening")
    parser.add_argument("--die-with-parent", action="store_true", help="stop when the starting process ends")
    parser.add_argument("--token-file", help="ask for one of this file's tokens, one a line (default: no token)")
    parser.add_argument(
        "--drain-seconds", type=float, default=25.0, help="after SIGTERM, time for requests under way (default: 25)"
    )
    arguments = parser.parse_args(words)
    if arguments.walls is not None:
        print("--walls is now --backend; the old name goes with the next version", file=sys.stderr)
        arguments.backend = arguments.walls
    if not 0 <= arguments.drain_seconds <= 3600:
        parser.error(f"--drain-seconds is {arguments.drain_seconds:g}; allowed: 0 to 3600")
    if arguments.workers is not None and arguments.workers < 1:
        parser.error(f"--workers is {arguments.workers}; allowed: 1 or more")
    return arguments


def main(words: list[str] | None = None) -> int:
    return asyncio.run(serve(parse_arguments(words)))


if __name__ == "__main__":
    sys.exit(main())

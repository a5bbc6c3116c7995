"""The sandbox's server process: `python -m openqwq.sandbox.server --port 8080`. Its routes stand in `http_api.py`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from openqwq.sandbox.http_api import create_app
from openqwq.sandbox.isolation.build import KINDS
from openqwq.sandbox.probe import IsolationTooWeak, open_pool


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that is declared as TCP: asyncio disables Nagle's delay (40 ms for each answer) only for
    those."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
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
        listener = _listen(arguments.host, arguments.port)
    except OSError as problem:
        print(f"cannot listen on {arguments.host}:{arguments.port}: {problem}", file=sys.stderr)
        return 4
    parent = os.getppid()
    with listener:
        try:
            kinds = None if arguments.backend == "auto" else (arguments.backend,)
            pool = await open_pool(arguments.workers, arguments.queue_limit, arguments.require_isolation, kinds)
        except IsolationTooWeak as problem:
            print(problem, file=sys.stderr)
            return 3
        port = listener.getsockname()[1]
        config = uvicorn.Config(create_app(pool), log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        server = _Server(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        watch = asyncio.create_task(_announce(server, arguments, port, pool.isolation, parent))
        try:
            await server.serve(sockets=[listener])
        finally:
            watch.cancel()
            await pool.stop()
    return 0


async def _announce(
    server: uvicorn.Server, arguments: argparse.Namespace, port: int, isolation: str, parent: int
) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    print(f"listening on http://{arguments.host}:{port} isolation {isolation}", flush=True)
    if arguments.port_file:
        temporary = Path(f"{arguments.port_file}.{os.getpid()}")
        temporary.write_text(f"{port}\n")
        temporary.replace(arguments.port_file)
    while arguments.die_with_parent:
        await asyncio.sleep(0.2)
        if os.getppid() != parent:
            server.should_exit = True
            return


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
    arguments = parser.parse_args(words)
    if arguments.walls is not None:
        print("--walls is now --backend; the old name goes with the next version", file=sys.stderr)
        arguments.backend = arguments.walls
    if arguments.workers is not None and arguments.workers < 1:
        parser.error(f"--workers is {arguments.workers}; allowed: 1 or more")
    return arguments


def main(words: list[str] | None = None) -> int:
    return asyncio.run(serve(parse_arguments(words)))


if __name__ == "__main__":
    sys.exit(main())

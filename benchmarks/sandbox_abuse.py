"""Clients that hold a server up: are honest ones answered within two seconds, and is its memory bounded? Prints JSON.

`python -m benchmarks.sandbox_abuse [--scenes half_open slow held unread flood] [--seconds 25] [--descriptors 1024]`

Each scene has a server of its own with that many descriptors. An honest client opens a new connection for each of its
programs, ten a second, while the others
half_open: send half of a request's head on 1,100 connections, and open them again when they are closed;
slow: upload 4 MB of 60 at once and then some bytes each second, on 100 connections;
held: upload all of 60 MB but the last byte and wait, on 10 connections;
unread: ask for answers of 16 MB and never read them, on 60 connections;
keys: send requests with 100,000 unknown fields, on 4 connections.
Exit status 1 when an honest client waits longer, gets no answer, or the server grows beyond its bound.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measuring import BadAnswer, KeepAliveClient, machine, milliseconds, print_report, request, run_request
from benchmarks.processes import rss_bytes
from benchmarks.server_process import Served, serving, wait_until
from openqwq.sandbox import Job, TestCase

LIMIT = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))\n"
PROGRAM = run_request(Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),)))
PRINTS = Job("print('x' * 16000000)", tests=(TestCase("", ""),))
BOUND_MB = {"unread": 256 + 512}
DEFAULT_BOUND_MB = 256 + 256
"""What requests, or unread answers, may hold together, and what the server needs to read and answer large ones."""
UPLOAD_MB, NUM_UNREAD = 60, 60
WAIT_SECONDS = 2.0
_PAUSE_SECONDS = 0.1


class Attack:
    """Connections that are kept busy by one thread; `step` acts on one of them and returns False to open it again."""

    def __init__(self, served: Served, count: int, head: bytes, step: Callable[[socket.socket, int], bool]) -> None:
        parts = urlsplit(served.url)
        self._address, self._count, self._head, self._step = (parts.hostname, parts.port), count, head, step
        self.reopened, self.refused = 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _open(self) -> socket.socket | None:
        try:
            connection = socket.create_connection(self._address, 5)
            connection.settimeout(0.5)
            connection.sendall(self._head)
            connection.setblocking(False)
        except OSError:
            self.refused += 1
            return None
        return connection

    def _run(self) -> None:
        connections = [self._open() for _ in range(self._count)]
        number = 0
        while not self._stop.is_set():
            number += 1
            for index, connection in enumerate(connections):
                if connection is None or not self._is_kept(connection, number):
                    if connection is not None:
                        connection.close()
                        self.reopened += 1
                    connections[index] = self._open()
                if self._stop.is_set():
                    break
            self._stop.wait(0.05)
        for connection in connections:
            if connection is not None:
                connection.close()

    def _is_kept(self, connection: socket.socket, number: int) -> bool:
        try:
            return self._step(connection, number)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def __enter__(self) -> Attack:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stop.set()
        self._thread.join()


def post_head(length: int, path: str = "/v1/run") -> bytes:
    lines = (f"POST {path} HTTP/1.1", "host: a", "content-type: application/json", f"content-length: {length}", "", "")
    return "\r\n".join(lines).encode()


def is_open(connection: socket.socket, number: int) -> bool:
    return bool(connection.recv(65536))


def drips(connection: socket.socket, number: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        if not connection.recv(65536):
            return False
    if number % 20 == 0:
        connection.send(b" " * 64)
    return True


class Upload:
    """Sends so many blanks on each connection, then keeps it."""

    def __init__(self, num_bytes: int) -> None:
        self._num_bytes = num_bytes
        self._sent: Counter[socket.socket] = Counter()

    def __call__(self, connection: socket.socket, number: int) -> bool:
        left = self._num_bytes - self._sent[connection]
        while left > 0:
            count = connection.send(b" " * min(left, 1 << 18))
            self._sent[connection] += count
            left -= count
        return drips(connection, 1)


def unread(connection: socket.socket, number: int) -> bool:
    return True


def scene(name: str, served: Served) -> Attack:
    if name == "half_open":
        return Attack(served, 1100, b"POST /v1/run HTTP/1.1\r\nhost: a\r\n", is_open)
    if name == "slow":
        return Attack(served, 100, post_head(UPLOAD_MB << 20) + b" " * (4 << 20), drips)
    if name == "held":
        return Attack(served, 10, post_head(UPLOAD_MB << 20), Upload((UPLOAD_MB << 20) - 1))
    if name == "unread":
        order = json.dumps({"code": PRINTS.code, "language": "python"}).encode()
        return Attack(served, NUM_UNREAD, post_head(len(order), "/run_code") + order, unread)
    keys = json.dumps({**dict.fromkeys(map(str, range(100_000)), 1), "code": "", "tests": []}).encode()
    return Attack(served, 4, post_head(len(keys)) + keys, is_open)


SCENES = ("half_open", "slow", "held", "unread", "keys")


def ask_honestly(served: Served, seconds: float) -> Iterator[tuple[float, float, str]]:
    """Seconds until each answer, resident MB of the server then, and what went wrong or nothing."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        started = time.monotonic()
        client, problem = KeepAliveClient(served.url, 30.0), ""
        try:
            answer = client.send(PROGRAM)
            if answer.status != 200 or b'"verdict":"pass"' not in answer.body:
                problem = f"status {answer.status}: {answer.body[:100]!r}"
        except (OSError, BadAnswer) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            client.close()
        yield time.monotonic() - started, rss_bytes(served.pid) / 2**20, problem
        time.sleep(_PAUSE_SECONDS)


def has_no_work(served: Served) -> bool:
    client = KeepAliveClient(served.url, 30.0)
    text = client.send(request("GET", "/metrics")).body.decode()
    client.close()
    time.sleep(0.2)
    return f"sandbox_raw_runs_total {NUM_UNREAD}\n" in text and "sandbox_workers_busy 0\n" in text


def measure(name: str, seconds: float, descriptors: int) -> tuple[dict[str, Any], list[str]]:
    with serving(["--workers", "2"], preparation=LIMIT.format(descriptors)) as served:
        before_mb = rss_bytes(served.pid) / 2**20
        with scene(name, served) as attack:
            if name == "unread":  # its programs are work like any other; what follows them is measured
                wait_until(lambda: has_no_work(served), 60)
            answers = list(ask_honestly(served, seconds))
        printed = served.printed()
    waits = [wait for wait, _, _ in answers]
    peak_mb = max(resident for _, resident, _ in answers)
    wrong = [problem for _, _, problem in answers if problem]
    report = {
        "honest": {
            "asked": len(answers),
            "wrong": len(wrong),
            "max_seconds": round(max(waits), 3),
            **milliseconds(waits),
        },
        "server_mb": {"before": round(before_mb), "peak": round(peak_mb)},
        "attack": {"reopened": attack.reopened, "refused": attack.refused},
        "lines_printed": printed.count("\n"),
    }
    bound_mb = BOUND_MB.get(name, DEFAULT_BOUND_MB)
    violations = [f"{name}: {problem}" for problem in wrong[:3]]
    violations += [f"{name}: an honest client waited {max(waits):.1f} s"] if max(waits) > WAIT_SECONDS else []
    violations += [f"{name}: the server grew to {peak_mb:.0f} MB"] if peak_mb - before_mb > bound_mb else []
    violations += [f"{name}: a traceback was printed"] if "Traceback" in printed else []
    return report, violations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=SCENES)
    parser.add_argument("--seconds", type=float, default=25.0, help="of each scene")
    parser.add_argument("--descriptors", type=int, default=1024, help="of the server")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "descriptors": options.descriptors}
    violations: list[str] = []
    for name in options.scenes:
        report[name], found = measure(name, options.seconds, options.descriptors)
        violations += found
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

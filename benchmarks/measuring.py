"""Shared by the benchmarks: a cheap HTTP client, interleaved rounds, medians, the facts of the machine.

The client shares the cores with the server it measures, so it sends hand-made requests over one kept connection and
reads only the status line and the length of an answer.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from openqwq.sandbox.jobs import Job
from openqwq.sandbox.wire import job_to_json

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"retry-after:\s*(\d+)", re.IGNORECASE)


class BadAnswer(RuntimeError):
    """The server closed the connection or sent something that is not an HTTP answer with a length."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. Example: `Answer(200, b"{...}", 0.0)`."""

    status: int
    body: bytes
    retry_after_seconds: float
    """What the server asks to wait, 0 when it does not say."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def verdict(self) -> str:
        """The verdict of `/v1/run`, or `HTTP <status>`."""
        return str(self.json["verdict"]) if self.status == 200 else f"HTTP {self.status}"


def run_request(job: Job | Mapping[str, Any], path: str = "/v1/run") -> bytes:
    """The bytes that ask for one job; made once, sent many times."""
    return request("POST", path, json.dumps(job_to_json(job) if isinstance(job, Job) else job).encode())


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: sandbox\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class KeepAliveClient:
    """One connection, one request at a time. Example: `KeepAliveClient(url).send(run_request(job)).verdict`."""

    def __init__(self, url: str, timeout_seconds: float = 300.0) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None

    def send(self, data: bytes) -> Answer:
        """The answer; a kept connection that the server closed meanwhile is opened again once."""
        if self._socket is not None:
            try:
                return self._exchange(self._socket, data)
            except (BadAnswer, ConnectionError):
                self.close()
        self._socket = socket.create_connection(self._address, self._timeout_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._exchange(self._socket, data)

    @staticmethod
    def _exchange(connection: socket.socket, data: bytes) -> Answer:
        connection.sendall(data)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            part = connection.recv(65536)
            if not part:
                raise BadAnswer(f"the connection ended after {len(got)} bytes of an answer's head")
            got += part
        head, body = got[:end], bytearray(got[end + 4 :])
        length = _LENGTH.search(head)
        if length is None:
            raise BadAnswer(f"an answer without content-length: {head[:200]!r}")
        while len(body) < int(length[1]):
            part = connection.recv(65536)
            if not part:
                raise BadAnswer(f"the connection ended after {len(body)} of {int(length[1])} bytes")
            body += part
        after = _RETRY_AFTER.search(head)
        return Answer(int(head.split(None, 2)[1]), bytes(body), float(after[1]) if after else 0.0)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def in_threads(num_threads: int, work: Callable[[int], None]) -> float:
    """Run `work(number)` in so many threads and wait; wall seconds. The first exception travels up."""
    problems: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(num_threads)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return time.perf_counter() - started


def interleave(measurements: Mapping[str, Callable[[], float]], num_rounds: int) -> dict[str, list[float]]:
    """A B A B ...: every measurement once a round, so that a drift of the machine hits all alike."""
    values: dict[str, list[float]] = {name: [] for name in measurements}
    for number in range(num_rounds):
        for name, measure in measurements.items():
            values[name].append(measure())
            print(f"round {number + 1}/{num_rounds} {name}: {values[name][-1]:.4g}", file=sys.stderr, flush=True)
    return values


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies (nearest rank); 0 for no values."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def summary(values: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """Median and every round."""
    return {
        "median": round(statistics.median(values), digits) if values else None,
        "rounds": [round(value, digits) for value in values],
    }


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "p50_ms": round(percentile(seconds, 0.5) * 1e3, 2),
        "p99_ms": round(percentile(seconds, 0.99) * 1e3, 2),
    }


def machine() -> dict[str, Any]:
    """What every report starts with."""
    return {"num_cores": len(os.sched_getaffinity(0)), "load_average_at_start": round(os.getloadavg()[0], 2)}


def print_report(report: Mapping[str, Any], violations: Sequence[str]) -> int:
    """Print the one JSON document; exit status 1 when something that must hold does not."""
    print(json.dumps({**report, "violations": list(violations)}, indent=1))
    return 1 if violations else 0

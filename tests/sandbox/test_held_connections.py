"""Clients that hold connections, bytes or answers: they are let go, and others are served."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx2
import pytest

from benchmarks.server_process import Served, serving, wait_until
from openqwq.sandbox import Job, TestCase
from openqwq.sandbox.connections import Intake, descriptors_allowed
from openqwq.sandbox.wire import job_to_json

DOUBLE = job_to_json(Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),)))
SMALL = (
    "import resource\nimport openqwq.sandbox.connections as c\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
    "c.READ_SECONDS, c._REFUSED_SECONDS, c._YOUNG_SECONDS, c._SWEEP_SECONDS = 1.5, 0.5, 0.2, 0.1\n"
    "c._LEAST_HELD_BYTES, c._HELD_BYTES_A_WORKER = 8 << 20, 0\n"
)


@pytest.fixture(scope="module")
def small() -> Iterator[Served]:
    """A server with 256 descriptors, which holds 8 MB and waits 1.5 s for a request."""
    with serving(["--workers", "1"], preparation=SMALL) as served:
        yield served


def connected(served: Served, data: bytes = b"") -> socket.socket:
    parts = urlsplit(served.url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), 10)
    connection.sendall(data)
    return connection


def head(length: int) -> bytes:
    return b"POST /v1/run HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % length


def is_well(served: Served) -> bool:
    return bool(httpx2.post(f"{served.url}/v1/run", json=DOUBLE, timeout=30).json()["verdict"] == "pass")


def metric(served: Served, name: str) -> int:
    lines = httpx2.get(f"{served.url}/metrics", timeout=30).text.splitlines()
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST",
        b"POST /v1/run HTTP/1.1\r\nhost: a\r\n",
        head(100),
        head(100) + b"{" * 99,
        b"GET /health HTTP/1.1\r\nx: ",
    ],
    ids=range(6),
)
def test_a_request_that_does_not_arrive_is_answered_408(small: Served, data: bytes) -> None:
    with connected(small, data) as connection:
        answer, _, body = connection.recv(4096).partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ") and b"content-length: %d" % len(body) in answer
        assert json.loads(body)["error"]
        assert connection.recv(4096) == b""
    assert is_well(small)


def test_a_request_that_drips_is_let_go_and_one_that_streams_is_not(small: Served) -> None:
    body = json.dumps(DOUBLE).encode()
    with (
        connected(small, head(len(body) + 300_000)) as dripping,
        connected(small, head(len(body) + 300_000)) as streaming,
    ):
        with pytest.raises(OSError):
            for _ in range(100):
                dripping.sendall(b" ")
                streaming.sendall(b" " * 3000)
                time.sleep(0.03)
        streaming.sendall(b" " * 300_000 + body)  # more than it said, and none too few
        assert streaming.recv(4096)
    assert is_well(small)


def test_more_connections_than_descriptors_leave_room_for_honest_clients(small: Served) -> None:
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(connected(small, b"POST /v1/run HTTP/1.1\r\n"))
        for _ in range(5):
            assert is_well(small)
    assert metric(small, 'sandbox_connections_dropped_total{reason="room"}') > 0
    assert "Traceback" not in small.printed() and "out of system resource" not in small.printed()


def test_uploads_that_are_held_make_room_when_there_is_none(small: Served) -> None:
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(connected(small, head(60 << 20) + b" " * (1 << 20)))
        assert is_well(small)
        assert wait_until(lambda: metric(small, "sandbox_request_bytes ") <= 9 << 20, 10)
    assert wait_until(lambda: metric(small, "sandbox_request_bytes ") < 1000, 10)


def test_an_upload_that_is_broken_off_is_quiet_and_leaves_nothing(small: Served) -> None:
    for _ in range(5):
        connected(small, head(1 << 20) + b" " * 1000).close()
        connected(small, b"GET /health HTTP/1.1\r\n\r\nGET\r\n\r\n\0\xff").close()
        connected(small, b"\x16\x03\x01\x02\x00" * 100).close()
    assert is_well(small)
    assert wait_until(lambda: metric(small, "sandbox_connections ") <= 1, 10)
    assert len(small.printed().splitlines()) == 1, small.printed()


def test_a_kept_connection_serves_one_request_after_the_other(small: Served) -> None:
    with httpx2.Client(timeout=30) as client:
        for pause in (0.0, 0.0, 2.0, 0.0):
            time.sleep(pause)
            assert client.post(f"{small.url}/v1/run", json=DOUBLE).json()["verdict"] == "pass"


def test_a_job_may_run_longer_than_a_request_may_take_to_arrive(small: Served) -> None:
    slow = job_to_json(Job("import time; time.sleep(2.5); print(8)", tests=(TestCase("", "8"),)))
    slow["limits"]["time_s"] = 5
    assert httpx2.post(f"{small.url}/v1/run", json=slow, timeout=30).json()["verdict"] == "pass"


def test_a_request_of_many_unknown_fields_is_read_as_without_them(small: Served) -> None:
    body = {**dict.fromkeys(map(str, range(100_000)), 1), **DOUBLE, "limits": {**dict.fromkeys("abcd" * 9, 1)}}
    assert httpx2.post(f"{small.url}/v1/run", json=body, timeout=30).json()["verdict"] == "pass"


def test_bounds_follow_from_workers_and_descriptors() -> None:
    assert Intake.for_workers(2, 1024).max_connections == 800
    assert Intake.for_workers(64, 1024).max_connections == 32
    assert Intake.for_workers(64, 65536).max_connections == 4096
    assert [Intake(count).accepted_at_once for count in (4, 32, 4096)] == [1, 4, 64]
    assert (Intake.for_workers(2, 1024).max_bytes, Intake.for_workers(64, 1024).max_bytes) == (256 << 20, 2 << 30)
    assert descriptors_allowed() >= 256

"""Requests to a server, and programs that can be found from outside by their name."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from benchmarks.server_process import wait_until
from openqwq.sandbox import Job, Limits, ServerHandle, TestCase
from openqwq.sandbox.wire import job_to_json
from tests.sandbox.host_processes import named

HTTP = httpx2.Client(
    verify=False, trust_env=False, timeout=60.0, limits=httpx2.Limits(max_keepalive_connections=0)
)  # one client, because certificates take 20 ms to load; a new connection each time, so that none is about to close
DOUBLE = job_to_json(Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),)))
ENDLESS = job_to_json(Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(60.0)))
MARKED = "import ctypes\nctypes.CDLL(None).prctl(15, {mark!r}.encode())\n"


def run(server: ServerHandle, body: Any, timeout: float = 30.0) -> dict[str, Any]:
    answer = HTTP.post(f"{server.url}/v1/run", json=body, timeout=timeout)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    return data


def post(server: ServerHandle, content: str | bytes, path: str = "/v1/run") -> httpx2.Response:
    return HTTP.post(f"{server.url}{path}", content=content, timeout=30)


def is_well(server: ServerHandle) -> bool:
    return run(server, DOUBLE)["verdict"] == "pass"


def marked(mark: str, rest: str, **options: Any) -> dict[str, Any]:
    """A program that can be told from outside by its name."""
    tests = options.pop("tests", (TestCase("", "9"),))
    return job_to_json(Job(MARKED.format(mark=mark) + rest, tests=tests, **options))


@contextmanager
def running(server: ServerHandle, mark: str) -> Iterator[None]:
    """While a program of this name keeps a worker busy, for a client that leaves at the end."""
    job = marked(mark, "while True: pass", limits=Limits(60.0))
    connection = http.client.HTTPConnection(httpx2.URL(server.url).netloc.decode(), timeout=30)
    connection.request("POST", "/v1/run", json.dumps(job))
    try:
        assert wait_until(lambda: named(mark), 20)
        yield
    finally:
        connection.close()
    assert wait_until(lambda: not named(mark), 10)

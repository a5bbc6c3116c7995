"""An HTTP server that misbehaves as a real sandbox cannot be made to, and the jobs that its client sends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from openqwq.sandbox import (
    Job,
    Limits,
    Outcome,
    TestCase,
)
from openqwq.sandbox.jobs import error_outcome
from openqwq.sandbox.wire import outcome_to_json

DOUBLE = Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),))
WRONG = Job("print(1)", tests=(TestCase("4", "8"),))
ENDLESS = Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(60.0))
BAD_TEST = Job("x = 1", mode="asserts", asserts=("assert (",))
PASS = outcome_to_json(Outcome("pass", isolation="L2"))


def numbered(count: int, time_seconds: float = 2.0) -> list[Job]:
    return [Job(str(number), tests=(TestCase("", ""),), limits=Limits(time_seconds)) for number in range(count)]


@dataclass
class Request:
    path: str
    data: dict[str, Any]
    connection: tuple[str, int]
    at: float

    @property
    def codes(self) -> list[str]:
        return [job["code"] for job in self.data.get("jobs", [self.data])]


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """The connection breaks in the middle of the body."""


def well(request: Request, outcome: Callable[[str], dict[str, Any]] = lambda code: PASS) -> Reply:
    """What a sound server answers."""
    if request.path == "/health":
        return Reply(body=b'{"isolation": "L2"}')
    if request.path == "/v1/run":
        return Reply(body=json.dumps(outcome(request.codes[0])).encode())
    lines = [json.dumps({"index": index, **outcome(code)}) for index, code in enumerate(request.codes)]
    return Reply(body="".join(line + "\n" for line in lines).encode())


class Remote:
    """An HTTP server that answers as `behave` says, and remembers what it was asked."""

    def __init__(self, behave: Callable[[Request], Reply] = well) -> None:
        self.behave, self.requests, self.is_over = behave, list[Request](), threading.Event()
        remote = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("content-length", 0)))
                request = Request(self.path, json.loads(text or b"{}"), self.client_address, time.monotonic())
                remote.requests.append(request)
                reply = remote.behave(request)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body) + reply.is_cut))
                self.end_headers()
                self.wfile.write(reply.body)
                self.close_connection = reply.is_cut

            do_GET = do_POST

            def log_message(self, format: str, *words: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, address: object) -> None:
                pass  # a client that leaves

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def hang(self, request: Request) -> Reply:
        self.is_over.wait(60)
        return Reply(500)

    def __enter__(self) -> Remote:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._http.shutdown()
        self._http.server_close()


def first(*replies: Reply) -> Callable[[Request], Reply]:
    """These replies, and then those of a sound server."""
    left = list(replies)
    return lambda request: left.pop(0) if left and request.path != "/health" else well(request)


def lost(code: str) -> dict[str, Any]:
    return outcome_to_json(error_outcome(f"WorkerLost: {code}"))

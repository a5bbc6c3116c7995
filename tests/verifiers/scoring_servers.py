"""Real servers on loopback that score, and fail in the ways that a test asks for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, bytes] | None
"""Status and body; None closes the connection without an answer."""


class Told(ThreadingHTTPServer):
    """Answers with what `reply` says, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, reply: Callable[[str, Any], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply, self.asked, self.paths, self.sizes = reply, list[Any](), list[str](), list[int]()
        self.num_now = self.most_at_once = 0
        self.lock = threading.Lock()
        self.retry_after = "0"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Told
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        body = json.loads(content)
        with self.server.lock:
            self.server.asked.append(body)
            self.server.paths.append(self.path)
            self.server.sizes.append(len(content))
            self.server.num_now += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.num_now)
        try:
            reply = self.server.reply(self.path, body)
        finally:
            with self.server.lock:
                self.server.num_now -= 1
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply[0])
        self.send_header("content-length", str(len(reply[1])))
        self.send_header("retry-after", self.server.retry_after)
        self.end_headers()
        try:
            self.wfile.write(reply[1])
            self.wfile.flush()
        except OSError:  # the client went away
            self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def told(reply: Callable[[str, Any], Reply]) -> Iterator[Told]:
    """A server that answers as `reply(path, body)` says."""
    server = Told(reply)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lengths(_: str, body: Any) -> Reply:
    """Our own service: the length of each answer is its score."""
    return scores([float(len(item["response"])) for item in body["items"]])


def scores(values: list[Any]) -> Reply:
    return 200, json.dumps({"scores": values}).encode()


def failing_on(bad: str, reply: Callable[[Any], Reply], seconds: float = 0.0) -> Callable[[str, Any], Reply]:
    """`lengths`, but for requests that hold the answer `bad`: after so many seconds, `reply(body)`."""

    def answer(path: str, body: Any) -> Reply:
        if any(item["response"] == bad for item in body["items"]):
            time.sleep(seconds)
            return reply(body)
        return lengths(path, body)

    return answer

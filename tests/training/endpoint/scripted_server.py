"""A chat server on loopback that answers as a script says: statuses, lost connections, half bodies, slow answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MODEL = "qwq"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float

    @property
    def question(self) -> str:
        """The first message's text."""
        return str(self.body["messages"][0]["content"])


@dataclass
class Reply:
    """What the server does; `body` is written as it is."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """The connection ends in the middle of the body."""
    is_dropped: bool = False
    """The connection ends before anything is answered."""
    seconds: float = 0.0
    """How long the answer takes."""


def says(
    content: Any = "yes", reason: str | None = "stop", tokens: int | None = 3, prompt: int = 5, **message: Any
) -> Reply:
    """A sound reply with this message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": reason}
    usage = {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + (tokens or 0)}
    tree = {"object": "chat.completion", "choices": [choice], **({} if tokens is None else {"usage": usage})}
    return Reply(body=json.dumps(tree).encode())


def refuses(status: int, message: str, headers: Mapping[str, str] | None = None, **marks: Any) -> Reply:
    """An error in OpenAI's form."""
    tree = {"error": {"message": message, "type": "invalid_request_error", **marks}}
    return Reply(status, json.dumps(tree).encode(), dict(headers or {}))


def call(name: str, arguments: Any, number: int = 0) -> dict[str, Any]:
    """A call as a server gives it."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": f"id{number}", "type": "function", "function": {"name": name, "arguments": written}}


class ChatServer:
    """Answers chats as `behave` says and lists `models`; remembers what it was asked."""

    def __init__(self, behave: Callable[[Asked], Reply], models: tuple[str, ...] | Reply = (MODEL,)) -> None:
        self.chats: list[Asked] = []
        self.lists: list[Asked] = []
        self.num_at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        listed = {"object": "list", "data": [{"id": name} for name in models]} if isinstance(models, tuple) else {}
        of_list = models if isinstance(models, Reply) else Reply(body=json.dumps(listed).encode())
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body at once: two small packets wait for each other

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, body, headers, time.monotonic())
                is_chat = self.command == "POST"
                with server._lock:
                    (server.chats if is_chat else server.lists).append(asked)
                    server.num_at_once += 1
                    server.most_at_once = max(server.most_at_once, server.num_at_once)
                try:
                    reply = behave(asked) if is_chat else of_list
                    server.is_over.wait(reply.seconds)
                finally:
                    with server._lock:
                        server.num_at_once -= 1
                self.close_connection = reply.is_dropped or reply.is_cut
                if reply.is_dropped:
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body) + reply.is_cut))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST

            def log_message(self, format: str, *words: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, address: object) -> None:
                pass  # a client that leaves

        self.is_over = threading.Event()
        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._http.shutdown()
        self._http.server_close()


def then(*replies: Reply) -> Callable[[Asked], Reply]:
    """These replies one after another; the last for ever."""
    left = list(replies)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]

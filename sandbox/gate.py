"""What stands before the routes of a server: the token, the end of service, and counts of requests."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = ("/health",)
"""Paths for probes, which have no token."""
COUNTED_PATHS = ("/v1/run", "/v1/batch", "/run_code", "/health", "/metrics", "/v1/languages")
_TOKEN = re.compile(r"[!-~]{8,}")
_HEADER_LIMIT = 8192


class TokenUnusable(ValueError):
    """The token file cannot be used; the message says why and holds nothing of its content."""


class Gate:
    """The state of one server's service. `middleware` puts it before an app."""

    def __init__(self, tokens: tuple[str, ...] = ()) -> None:
        self._tokens = [token.encode() for token in tokens]
        self.is_draining = False
        """True once the server should end: what it has begun is finished, nothing new is taken. With `is_hurried` it is
        not waited for."""
        self.is_hurried = False
        self.num_under_way = 0
        """Requests with jobs that are not answered yet."""
        self.requests: Counter[tuple[str, int]] = Counter()
        """Number of answers by path and HTTP status."""

    @property
    def has_token(self) -> bool:
        return bool(self._tokens)

    def allows(self, authorization: bytes) -> bool:
        """True for a header `Bearer TOKEN` with one of the tokens. Each is compared, in a time that does not depend on
        where they differ."""
        kind, _, presented = authorization[:_HEADER_LIMIT].partition(b" ")
        same = [hmac.compare_digest(token, presented.strip()) for token in self._tokens]
        return kind.lower() == b"bearer" and any(same)

    def refusal(self, scope: Scope) -> JSONResponse | None:
        """Why a request is refused before its body is read, or None."""
        if self._tokens and scope["path"] not in OPEN_PATHS:
            authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not self.allows(authorization):
                words = "this server needs a token: send the header `Authorization: Bearer TOKEN`"
                return JSONResponse({"error": words}, 401, {"WWW-Authenticate": "Bearer"})
        if self.is_draining and scope["method"] == "POST":
            headers = {"Retry-After": "1", "Connection": "close"}
            return JSONResponse({"error": "this server is about to end; ask another one"}, 503, headers)
        return None

    def finished(self, task: asyncio.Task[Any]) -> None:
        self.num_under_way -= 1


class GateMiddleware:
    """An ASGI app behind a gate. A plain function, since a coroutine would stand in the stack of every request."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        gate = self._gate
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        path = scope["path"] if scope["path"] in COUNTED_PATHS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                gate.requests[path, message["status"]] += 1
            await send(message)

        refusal = gate.refusal(scope)
        if refusal is not None:
            return refusal(scope, receive, counted)
        task = asyncio.current_task()
        if scope["method"] == "POST" and task is not None:  # each request has a task of its own
            gate.num_under_way += 1
            task.add_done_callback(gate.finished)
        return self._app(scope, receive, counted)


def read_tokens(path: str | Path) -> tuple[str, ...]:
    """The tokens of a file, one a line: two while one replaces the other. Raises TokenUnusable."""
    try:
        lines = Path(path).read_text(encoding="ascii").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it holds characters beyond ASCII"
        raise TokenUnusable(f"cannot read the token file {path}: {why}") from None
    tokens = tuple(line.strip() for line in lines if line.strip())
    if not tokens:
        raise TokenUnusable(f"the token file {path} holds no token")
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        raise TokenUnusable(f"the token file {path} needs one token a line, 8 or more characters without spaces")
    return tokens

"""One sandbox server from its client: connections, one request with its answers, and the health check."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx2

from openqwq.sandbox.jobs import Outcome
from openqwq.sandbox.wire import outcome_from_json

_CONNECT_SECONDS = 5.0
_HEALTH_SECONDS = 2.0
_MAX_CONNECTIONS = 256
_KEEP_ALIVE_SECONDS = 4.0
"""Below the 5 s after which uvicorn closes an idle connection: no request meets one that is about to close."""
_PASSING_STATUSES = (429, 502, 503, 504)
_CONTENT_STATUSES = (413, 422)

Answer = Callable[[int, Outcome], None]


class TryAgain(Exception):
    """This attempt failed for a reason that may pass, at the earliest after `after_seconds`.

    is_invitation: the server works and has no room now.
    """

    def __init__(self, reason: str, after_seconds: float = 0.0, is_invitation: bool = False) -> None:
        super().__init__(reason)
        self.after_seconds, self.is_invitation = after_seconds, is_invitation


class Refused(Exception):
    """The server refuses this request, and would at every retry; `is_content`: because of what the request holds."""

    def __init__(self, reason: str, is_content: bool) -> None:
        super().__init__(reason)
        self.is_content = is_content


class ServerFault(Exception):
    """The server failed while it handled the request."""


class Server:
    """One address. Belongs to one event loop. Example: `Server("http://127.0.0.1:8080")`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = _without_password(url)
        """Its name in messages."""
        self.is_silent = False
        """True when it gave no answer during the last call that tried."""
        self.heard_at = -math.inf
        """When its last answer came; time.monotonic seconds."""
        self.free_at = -math.inf
        """Until when it asked for a pause; time.monotonic seconds."""
        self.looked_at = -math.inf
        """When its health was last checked; time.monotonic seconds."""
        self.num_requests = 0
        """Requests under way."""
        self._run_url, self._batch_url, self._health_url = (
            httpx2.URL(f"{url}{path}") for path in ("/v1/run", "/v1/batch", "/health")
        )
        self._headers = {"content-type": "application/json", **_authorization(self._run_url, token)}
        self._room = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._idle: list[httpx2.AsyncHTTPTransport] = []

    @contextlib.asynccontextmanager
    async def _send(self, method: str, url: httpx2.URL, body: bytes = b"") -> AsyncIterator[httpx2.Response]:
        """One request on an idle connection, or on a new one.

        httpx2.AsyncClient scans all its connections at each request: with 32 of them a request costs 2.5 times as much.
        Here each connection has a transport of its own, and the last used is used next.
        """
        # Connecting has a limit of its own; the call's deadline bounds the rest.
        extensions = {"timeout": {"connect": _CONNECT_SECONDS}}
        request = httpx2.Request(method, url, content=body, headers=self._headers, extensions=extensions)
        async with self._room:
            transport = self._idle.pop() if self._idle else self._transport()
            try:
                response = await transport.handle_async_request(request)
                try:
                    yield response
                finally:
                    await response.aclose()
            except BaseException:
                await transport.aclose()
                raise
            self._idle.append(transport)

    def _transport(self) -> httpx2.AsyncHTTPTransport:
        """A new connection. Proxies of the environment are not used, since a sandbox is near."""
        return httpx2.AsyncHTTPTransport(
            trust_env=False,
            verify=self._run_url.scheme == "https",  # certificates take 20 ms to load
            limits=httpx2.Limits(max_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS),
        )

    async def ask(self, jobs: Sequence[bytes], deadline: float, answer: Answer) -> None:
        """Send encoded jobs (JSON objects) and hand each outcome over with its index as it comes.

        Returns at the end of the answer, which may come before all outcomes. Raises TryAgain, Refused, ServerFault.
        """
        head = b'{"deadline_s":%.3f,' % max(0.0, deadline - time.monotonic())
        try:
            if len(jobs) == 1:
                await self._ask_one(head + jobs[0][1:], answer)
            else:
                await self._ask_many(head + b'"jobs":[' + b",".join(jobs) + b"]}", answer)
        except httpx2.HTTPError as problem:
            raise TryAgain(f"{type(problem).__name__}: {problem}".rstrip(": ")) from problem
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as problem:
            raise TryAgain(f"not the answer of a sandbox server: {problem!r}") from problem

    async def _ask_one(self, body: bytes, answer: Answer) -> None:
        async with self._send("POST", self._run_url, body) as response:
            content = await response.aread()
        self._check(response, content)
        outcome = outcome_from_json(json.loads(content))
        self.heard_at = time.monotonic()
        answer(0, outcome)

    async def _ask_many(self, body: bytes, answer: Answer) -> None:
        async with self._send("POST", self._batch_url, body) as response:
            if response.status_code != 200:
                self._check(response, await response.aread())
            async for line in _lines(response.aiter_bytes()):
                data = json.loads(line)
                outcome = outcome_from_json(data)
                self.heard_at = time.monotonic()
                answer(int(data["index"]), outcome)

    def _check(self, response: httpx2.Response, content: bytes) -> None:
        status = response.status_code
        if status == 200:
            return
        reason = f"HTTP {status}: {content.decode(errors='replace')[:300]}"
        if status in _PASSING_STATUSES:
            after = response.headers.get("retry-after", "")
            after_seconds = float(after) if after.isascii() and after.isdigit() else 0.0
            is_invitation = status == 429 or bool(after)
            if is_invitation:
                self.heard_at = time.monotonic()
                self.free_at = self.heard_at + after_seconds
            raise TryAgain(reason, after_seconds, is_invitation)
        self.heard_at = time.monotonic()
        if status >= 500:
            raise ServerFault(reason)
        raise Refused(reason, status in _CONTENT_STATUSES)

    async def isolation(self) -> str | None:
        """The isolation level, when the health check passes within two seconds; else None."""
        self.looked_at = time.monotonic()
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                async with self._send("GET", self._health_url) as response:
                    content = await response.aread()
            return str(json.loads(content)["isolation"]) if response.status_code == 200 else None
        except (httpx2.HTTPError, TimeoutError, ValueError, KeyError, TypeError):
            return None

    async def close(self) -> None:
        await asyncio.gather(*(transport.aclose() for transport in self._idle))


def _authorization(url: httpx2.URL, token: str | None = None) -> dict[str, str]:
    """The header for a token, or for an address of the form http://user:password@host."""
    if url.userinfo:
        secret = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        return {"authorization": f"Basic {secret}"}
    return {"authorization": f"Bearer {token}"} if token else {}


def _without_password(url: str) -> str:
    head, at, rest = url.rpartition("@")
    return f"{head.split('://')[0]}://{rest}" if at else url


def check_token(token: str | None) -> str | None:
    """The token as it can stand in a header, None for none; ValueError, without its text, when it cannot."""
    token = (token or "").strip()
    if not all("!" <= character <= "~" for character in token):
        raise ValueError("the sandbox token holds spaces or characters beyond ASCII; take it from the server's file")
    return token or None


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines that end in a newline, and nothing else: a text in JSON may hold characters at which str.splitlines splits.

    An unfinished last line is dropped: the connection broke there.
    """
    rest: list[bytes] = []
    async for part in parts:
        first, *others = part.split(b"\n")
        rest.append(first)
        for other in others:
            line = b"".join(rest)
            if line.strip():
                yield line
            rest = [other]


def check_url(url: Any) -> str:
    """The address without its last slash; ValueError when it is invalid."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as problem:
        raise ValueError(f"a sandbox url is {url!r}: {problem}; give it as http://host:port") from problem
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"a sandbox url is {url!r}; give it as http://host:port")
    return str(url).rstrip("/")

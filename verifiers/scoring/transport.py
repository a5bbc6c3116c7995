"""JSON requests to a scoring service, and what its answers mean for the items that were sent."""

from __future__ import annotations

import asyncio
import json
import math
import os
from typing import Any
from urllib.parse import urlsplit

import httpx2

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.scoring.delivery import ItemsFailed, ServiceRefuses, Unavailable

CONNECT_SECONDS = 10.0
KEEP_IDLE_SECONDS = 4.0
"""Below the 5 s after which many servers close an idle connection."""
MAX_BYTES = 64 << 20
LONGEST_ASKED_SECONDS = 60.0
_OF_CONTENT = (400, 413, 414, 422)
_PASSING = (408, 409, 425)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def checked_url(url: str) -> str:
    """The address of a service.

    Raises:
        VerifierError: it is none, or holds a password.
    """
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        raise VerifierError(f"url must start with http:// or https:// and name a host, got {url!r}")
    if parts.username or parts.password:
        raise VerifierError("url holds a password; name an environment variable that holds the key: key_variable")
    return url


def with_route(url: str, route: str) -> str:
    """The address of a route of a server, where `url` names the server, its `/v1` or the route itself."""
    parts = urlsplit(checked_url(url))
    path = parts.path.rstrip("/")
    if not path.endswith(route):
        path = path.removesuffix("/v1") + route
    return parts._replace(path=path, fragment="").geturl()


def read_key(variable: str | None) -> str | None:
    """The key in an environment variable, None without one.

    Raises:
        VerifierError: it is not set, or cannot stand in a header; the message does not hold it.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key or not all("!" <= character <= "~" for character in key):
        raise VerifierError(f"${variable} holds no key, or blanks and characters beyond ASCII; set it")
    return key


class JsonClient:
    """Connections to one address. Belongs to one event loop."""

    def __init__(self, url: str, parallel: int, key: str | None = None) -> None:
        self._url = url
        self.room = asyncio.Semaphore(parallel)
        """Places for requests: a request that waits for one spends no time of its own."""
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        """The address in messages, without its query, which may hold a secret."""
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        self._http = httpx2.AsyncClient(
            headers=headers | ({"authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=parallel, keepalive_expiry=KEEP_IDLE_SECONDS),
            trust_env=parts.hostname not in _LOOPBACK,
            verify=parts.scheme == "https",  # certificates take 20 ms to load
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(self, body: bytes) -> Any:
        """The JSON answer to `body`.

        Raises:
            Unavailable, ItemsFailed, ServiceRefuses: as `delivery` reads them.
        """
        try:
            async with self._http.stream("POST", self._url, content=body) as response:
                content = await self._content(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as problem:
            raise Unavailable(f"{self.name}: {_words(problem)}") from problem
        except httpx2.HTTPError as problem:  # lost after it was sent: perhaps these items brought the service down
            raise ItemsFailed(f"{self.name}: {_words(problem)}", may_pass=True) from problem
        self._check(response, content)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as problem:
            raise ItemsFailed(f"{self.name}: its answer is no JSON: {content[:60]!r}", may_pass=True) from problem

    async def _content(self, response: httpx2.Response) -> bytes:
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MAX_BYTES:
                raise ItemsFailed(f"{self.name}: an answer of more than {MAX_BYTES >> 20} MB", may_pass=False)
        return bytes(content)

    def _check(self, response: httpx2.Response, content: bytes) -> None:
        status = response.status_code
        if status == 200:
            return
        said = " ".join(content[:200].decode("utf-8", "replace").split())
        words = f"{self.name}: HTTP {status} {said}".rstrip()
        if status == 429:
            raise Unavailable(words, retry_after(response.headers.get("retry-after")))
        if status in _OF_CONTENT or status in _PASSING or status >= 500:
            raise ItemsFailed(words, may_pass=status not in _OF_CONTENT)
        raise ServiceRefuses(words)


def retry_after(value: str | None) -> float:
    """Seconds of a `Retry-After`; 0 where there is none, or a date."""
    try:
        seconds = float(value or 0.0)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_ASKED_SECONDS) if math.isfinite(seconds) else 0.0


def _words(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}".rstrip(": ")

"""Requests to a chat server until an answer comes: connections, retries, pauses, deadlines. Knows nothing of chats.

Answers are not streamed: a whole JSON text is there or it is not, so a broken connection never leaves half an answer
that would be judged. A proxy that cuts silent connections has to be told to wait.
"""

import asyncio
import json
import random
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx2

from openqwq.training.endpoint.pacing import Pace, retry_after
from openqwq.training.endpoint.refusals import Refused, words_of
from openqwq.training.endpoint.settings import EndpointSettings, base_url, is_loopback, read_key, shown
from openqwq.training.errors import EndpointError
from openqwq.verifiers.json_safe import json_safe

CONNECT_SECONDS = 10.0
KEEP_IDLE_SECONDS = 4.0
"""Below the 5 s after which uvicorn closes an idle connection."""
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_ASKED_SECONDS = 600.0
"""A server that asks for a longer pause has a quota for the day, not for the minute."""
TIMEOUTS = 2
"""So many answers of one request may take too long; each costs `request_seconds`."""
MAX_BYTES = 64 << 20
_PASSING = (408, 409, 425, 429)
_ASK_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), 30)
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL")
        if hasattr(socket, name)
    ),
]
"""Signs of life every 30 s: routers forget connections that are silent for minutes, as thinking is."""

T = TypeVar("T")


class TryAgain(Exception):
    """This attempt failed for a reason that may pass. `is_busy`: the server works and has no room now."""

    def __init__(self, reason: str, after_seconds: float | None = None, is_busy: bool = False) -> None:
        super().__init__(reason)
        self.after_seconds, self.is_busy = after_seconds, is_busy


class GaveUp(Exception):
    """No attempt of a request brought an answer."""


class Transport:
    """Connections to one server. Belongs to one event loop."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings, self._base = settings, base_url(settings.url)
        self.url = shown(self._base)
        """Its name in messages."""
        self.pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
        self._key = read_key(settings.key_variable)
        self.has_key = self._key is not None
        self._room = asyncio.Semaphore(settings.concurrency)
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx2.Limits(max_connections=settings.concurrency, keepalive_expiry=KEEP_IDLE_SECONDS)
        is_https = self._base.scheme == "https"  # certificates take 20 ms to load
        self._http = httpx2.AsyncClient(
            headers={"content-type": "application/json", "accept-encoding": "identity", **headers},
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            limits=limits,
            transport=None
            if _needs_proxy(self._base)
            else httpx2.AsyncHTTPTransport(verify=is_https, limits=limits, socket_options=_ASK_KEEPALIVE),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        route: str,
        body: Mapping[str, Any] | None,
        read: Callable[[Any], T],
        awaited: str,
        retries: int,
        seconds: float,
        most_tokens: int = 0,
    ) -> T:
        """The answer as `read` understands it. `awaited` names what is waited for, at most `seconds` at a time;
        `most_tokens` it may cost.

        `read` gets plain JSON and raises ValueError for what is no answer; the request is then sent again.

        Raises:
            Refused: the server refuses the request itself.
            GaveUp: it did not answer after all retries.
            EndpointError: it asks for a pause of hours.
        """
        content = b"" if body is None else json.dumps(body).encode()
        failures = timeouts = attempts = 0
        busy_since: float | None = None
        while True:
            try:
                return await self._once(method, route, content, read, seconds, most_tokens)
            except TimeoutError:
                timeouts += 1
                problem = TryAgain(f"no answer within {seconds:g} s")
            except TryAgain as passing:
                problem = passing
            now = time.monotonic()
            busy_since = (busy_since or now) if problem.is_busy else None
            is_late = busy_since is not None and now - busy_since > self._settings.busy_seconds
            attempts += 1
            failures += not problem.is_busy
            if failures > retries or timeouts >= TIMEOUTS or is_late:
                raise GaveUp(f"{self.url} gave no {awaited} after {attempts} attempts: {problem}") from problem
            await self._pause(problem, attempts)

    async def _pause(self, problem: TryAgain, attempts: int) -> None:
        """Wait before the next attempt: twice as long each time, with jitter, and as long as the server asks."""
        asked = problem.after_seconds or 0.0
        if asked > LONGEST_ASKED_SECONDS:
            raise EndpointError(
                f"{self.url} asks to wait {asked:.0f} s ({problem}); run the same command again when its quota allows"
            )
        if asked:
            self.pace.hold(asked)
        own = min(LONGEST_PAUSE_SECONDS, self._settings.pause_seconds * 2.0 ** min(attempts - 1, 20))
        await asyncio.sleep(asked + own * random.uniform(0.5, 1.0))

    async def _once(
        self, method: str, route: str, content: bytes, read: Callable[[Any], T], seconds: float, most_tokens: int
    ) -> T:
        async with self._room:
            expected, spent = await self.pace.turn(most_tokens), None
            try:
                async with asyncio.timeout(seconds):
                    response, answer = await self._exchange(method, route, content)
                self._check(response, answer)
                tree = json_safe(json.loads(answer), "answer")
                self._check_error_inside(tree)
                result = read(tree)
                spent = _total_tokens(tree, expected)
                return result
            except httpx2.HTTPError as problem:
                raise TryAgain(f"{type(problem).__name__}: {problem}".rstrip(": ")) from problem
            except (ValueError, RecursionError) as problem:
                raise TryAgain(f"not the answer of a chat server: {problem}"[:400]) from problem
            finally:
                self.pace.settle(expected, spent)

    async def _exchange(self, method: str, route: str, content: bytes) -> tuple[httpx2.Response, bytes]:
        url = self._base.copy_with(path=self._base.path + route)
        async with self._http.stream(method, url, content=content) as response:
            parts, size = [], 0
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise TryAgain(f"an answer of more than {MAX_BYTES >> 20} MiB")
            return response, b"".join(parts)

    def _check(self, response: httpx2.Response, content: bytes) -> None:
        if response.is_success:
            return
        if response.is_redirect:
            raise Refused(response.status_code, "the server sends elsewhere; give the address that it is at now")
        self._refuse(response.status_code, content, retry_after(response.headers.get("retry-after")))

    def _check_error_inside(self, tree: Any) -> None:
        """Some services answer 200 with an error in it."""
        error = tree.get("error") if isinstance(tree, dict) and not tree.get("choices") else None
        if error:
            code = error.get("code") if isinstance(error, dict) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            self._refuse(status, json.dumps(tree).encode(), None)

    def _refuse(self, status: int, content: bytes, after_seconds: float | None) -> None:
        words, marks = words_of(content, self._key)
        refusal = Refused(status, words, marks)
        if (status in _PASSING or (status >= 500 and status != 501)) and "insufficient_quota" not in marks:
            is_busy = status == 429 or (status == 503 and after_seconds is not None)
            raise TryAgain(str(refusal), after_seconds, is_busy)
        raise refusal


def _total_tokens(tree: Any, expected: float) -> float:
    """The tokens that an answer says it took; what was expected where it does not say."""
    usage = tree.get("usage") if isinstance(tree, dict) else None
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return float(total) if type(total) is int else expected


def _needs_proxy(url: httpx2.URL) -> bool:
    """Whether the environment names a proxy for this address; httpx2 uses it only with a transport of its own."""
    if is_loopback(url):
        return False
    proxies = urllib.request.getproxies()
    return bool(proxies.get(url.scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(url.host)

"""When the next request may begin: limits per minute, and pauses that a server asks for. No HTTP but a header."""

import asyncio
import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Pace:
    """Spreads requests evenly over time. Belongs to one event loop; `clock` gives seconds.

    Tokens are known only afterwards, so a request reserves the mean of those before it and `settle` corrects it.
    """

    def __init__(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._seconds_per_request = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._seconds_per_token = 60.0 / tokens_per_minute if tokens_per_minute else 0.0
        self._request_at = self._token_at = self._held_until = -math.inf
        self._tokens, self._settled = 0.0, 0

    async def turn(self, most_tokens: int) -> float:
        """Wait until a request may begin. Returns the tokens reserved for it, at most `most_tokens`."""
        expected = self._expected(most_tokens)
        start = max(self._clock(), self._request_at, self._token_at, self._held_until)
        self._request_at = start + self._seconds_per_request
        self._token_at = start + expected * self._seconds_per_token
        while (wait := max(start, self._held_until) - self._clock()) > 0:
            await asyncio.sleep(wait)
        return expected

    def _expected(self, most_tokens: int) -> float:
        return min(most_tokens, self._tokens / self._settled) if self._settled else float(most_tokens)

    def settle(self, expected: float, tokens: float | None) -> None:
        """Replace what a request reserved by what it took; None: it failed and took nothing."""
        self._token_at += ((tokens or 0.0) - expected) * self._seconds_per_token
        if tokens is not None:
            self._tokens += tokens
            self._settled += 1

    def hold(self, seconds: float) -> None:
        """No request begins within the next `seconds`."""
        self._held_until = max(self._held_until, self._clock() + seconds)


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for, given as seconds or as a date (RFC 9110, 10.2.3); None without."""
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())

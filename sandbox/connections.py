"""The bounds of what a server holds for its clients: connections, bytes of requests, and the time in which a request
must arrive. Knows nothing of jobs.

uvicorn bounds neither the time in which a request must arrive nor what all of them hold together, so these lie in its
protocol class, where bytes come in. Where room is short, the request that has been arriving for longest makes it: an
honest one arrives at once, and one that is held back is held back for as long as it can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import time
from collections import Counter
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

READ_SECONDS = 20.0
"""For a request to arrive, and beyond it as long as `_SLOWEST_BYTES_PER_SECOND` need for its bytes."""
_SLOWEST_BYTES_PER_SECOND = 64 << 10
_REFUSED_SECONDS = 3.0
"""For the rest of a request that is answered already: a client reads the answer only after it has sent all."""
_STALLED_SECONDS = 60.0
"""For a client to read on in its answer."""
_YOUNG_SECONDS = 2.0
"""A request this young is not given up for others: an honest one arrives in this time."""
_SMALL_BYTES = 64 << 10
_SWEEP_SECONDS = 0.5
_ACCEPTED_AT_ONCE = 64
MAX_CONNECTIONS = 4096
_MIN_CONNECTIONS = 32
_OWN_DESCRIPTORS, _DESCRIPTORS_A_WORKER = 192, 16
_LEAST_HELD_BYTES, _HELD_BYTES_A_WORKER = 256 << 20, 32 << 20


def _answer(status: str, words: str, header: str = "") -> bytes:
    """A whole answer, for a connection whose request no handler has seen."""
    body = json.dumps({"error": words}) + "\n"
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n{header}"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


_TOO_SLOW = _answer("408 Request Timeout", "the request took too long to arrive")
_NOT_NOW = _answer("503 Service Unavailable", "no room; try again, or elsewhere", "retry-after: 1\r\n")


def descriptors_allowed() -> int:
    """Raise this process's limit of open files to what it may have, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


class Intake:
    """The open connections of a server, and what their requests hold until they are answered."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS, max_bytes: int = _LEAST_HELD_BYTES) -> None:
        self.max_connections, self.max_bytes = max_connections, max_bytes
        self.num_bytes = 0
        """Bytes of all requests that are arriving or not answered yet."""
        self.dropped: Counter[str] = Counter()
        """Connections that were closed by the server, by the reason."""
        self._by_age: dict[Connection, None] = {}
        """All connections, that which waits for its request since the earliest moment first."""
        self._unread: dict[Connection, None] = {}
        """Connections whose client does not read its answer, the first of them first."""

    @classmethod
    def for_workers(cls, num_workers: int, num_descriptors: int) -> Intake:
        """Bounds for a server of this size: descriptors are left to its workers, and each worker adds bytes."""
        free = num_descriptors - _OWN_DESCRIPTORS - _DESCRIPTORS_A_WORKER * num_workers
        max_connections = max(_MIN_CONNECTIONS, min(MAX_CONNECTIONS, free))
        return cls(max_connections, max(_LEAST_HELD_BYTES, _HELD_BYTES_A_WORKER * num_workers))

    @property
    def accepted_at_once(self) -> int:
        """How many new connections may be taken before those taken earlier have been read: few of all that fit, since
        the oldest makes room, and an honest one must have been read by then."""
        return max(1, min(_ACCEPTED_AT_ONCE, self.max_connections // 8))

    @property
    def num_connections(self) -> int:
        return len(self._by_age)

    @property
    def is_full(self) -> bool:
        """True when the requests hold as much as they may together, and none of them is to be given up."""
        return self.num_bytes > self.max_bytes

    def opened(self, connection: Connection) -> None:
        self._by_age[connection] = None
        if len(self._by_age) > self.max_connections:
            oldest = next((one for one in self._by_age if one.is_arriving), connection)
            self.drop(oldest, "room", _NOT_NOW)

    def closed(self, connection: Connection) -> None:
        self.release(connection)
        self._by_age.pop(connection, None)
        self._unread.pop(connection, None)

    def received(self, connection: Connection, count: int) -> None:
        connection.num_bytes += count
        self.num_bytes += count
        if self.is_full:
            self._make_room(time.monotonic() - _YOUNG_SECONDS)

    def _make_room(self, before: float) -> None:
        for connection in list(self._by_age):
            if connection.since > before or not self.is_full:
                return
            if connection.is_arriving and connection.num_bytes > _SMALL_BYTES:
                self.drop(connection, "bytes", _TOO_SLOW)

    def release(self, connection: Connection) -> None:
        """The connection holds no bytes any more, and waits from now on."""
        self.num_bytes -= connection.num_bytes
        connection.num_bytes, connection.since = 0, time.monotonic()
        if connection in self._by_age:
            del self._by_age[connection]
            self._by_age[connection] = None

    def stalled(self, connection: Connection) -> None:
        """Its client does not read. All answers that wait to be read are bounded like all requests."""
        self._unread[connection] = None
        num_bytes = sum(one.num_unread_bytes for one in self._unread)
        for one in list(self._unread):
            if num_bytes <= self.max_bytes:
                return
            num_bytes -= one.num_unread_bytes
            self.drop(one, "slow reader")

    def resumed(self, connection: Connection) -> None:
        self._unread.pop(connection, None)

    def drop(self, connection: Connection, reason: str, words: bytes = b"") -> None:
        self.dropped[reason] += 1
        connection.drop(words)
        self.closed(connection)

    def drop_arriving(self) -> None:
        """Close what waits for a request: the server is about to end."""
        for connection in [one for one in self._by_age if one.is_arriving]:
            self.drop(connection, "end", _NOT_NOW)

    async def sweep(self) -> None:
        """Drop what takes too long, for as long as the server runs."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            self._make_room(now - _YOUNG_SECONDS)
            for connection in list(self._by_age):
                if reason := connection.why_late(now):
                    self.drop(connection, reason, _TOO_SLOW if reason == "slow request" else b"")


class Connection(H11Protocol):
    """One connection of the server's intake; `bound_to` makes the class that uvicorn takes."""

    intake: ClassVar[Intake]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.num_bytes = 0
        """Bytes of the request that is arriving or not answered yet."""
        self.since = time.monotonic()
        """Since when it waits for the end of a request."""
        self._stalled_since: float | None = None

    @property
    def is_arriving(self) -> bool:
        """True while a request, or its first byte, is missing."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    @property
    def num_unread_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def why_late(self, now: float) -> str:
        """Why this connection should be dropped, or nothing."""
        if self._stalled_since is not None and now - self._stalled_since > _STALLED_SECONDS:
            return "slow reader"
        is_answered = self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY
        allowed = _REFUSED_SECONDS if is_answered else READ_SECONDS + self.num_bytes / _SLOWEST_BYTES_PER_SECOND
        return "slow request" if self.is_arriving and now - self.since > allowed else ""

    def drop(self, words: bytes) -> None:
        """Close, with these words when no answer has begun."""
        has_begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if words and not has_begun and self.is_arriving and not self.transport.is_closing():
            self.transport.write(words)
            self.transport.close()
        else:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.intake.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.intake.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self.intake.received(self, len(data))
        with contextlib.suppress(h11.LocalProtocolError):
            super().data_received(data)
            if self.conn.our_state is h11.DONE:  # the answer is given: what still comes is thrown away
                self.intake.num_bytes -= self.num_bytes
                self.num_bytes = 0
            return
        self.intake.drop(self, "broken request")

    def on_response_complete(self) -> None:
        self.intake.release(self)
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._stalled_since = time.monotonic()
        super().pause_writing()
        self.intake.stalled(self)

    def resume_writing(self) -> None:
        self._stalled_since = None
        self.intake.resumed(self)
        super().resume_writing()


def bound_to(intake: Intake) -> type[Connection]:
    """The protocol class of a server with this intake."""
    return type("Connection", (Connection,), {"intake": intake})

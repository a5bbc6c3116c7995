"""One request to a server: addresses, lines of an answer, and what each status means."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from openqwq.sandbox.exchange import Refused, Server, ServerFault, TryAgain, _authorization, _lines, check_url
from tests.sandbox.remote_server import Remote, Reply


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://a:1", "http://a:1"),
        ("http://a:1/", "http://a:1"),
        ("https://a/x//", "https://a/x"),
        ("http://u:p@a", "http://u:p@a"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(url: str, kept: str) -> None:
    assert check_url(url) == kept


@pytest.mark.parametrize("url", ["", "a:1", "ftp://a", "http://", "http:///x", 5, None, "http://a:b"])
def test_what_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(ValueError, match=r"a sandbox url is .*give it as http://host:port"):
        check_url(url)


def test_a_password_in_an_address_becomes_a_header() -> None:
    assert _authorization(httpx2.URL("http://a:1")) == {}
    header = _authorization(httpx2.URL("http://me:secret@a:1"))["authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"me:secret"


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\nc", b"\n"], [b"ab", b"c"]),
        ([b"a\n\n \nb\n"], [b"a", b"b"]),
        ([b"a\nb"], [b"a"]),
        ([b"a\rb\x0cc\xe2\x80\xa8d\n"], [b"a\rb\x0cc\xe2\x80\xa8d"]),
        ([b"\n", b"a\n"], [b"a"]),
        ([], []),
    ],
)
def test_lines_end_in_a_newline_and_nothing_else(parts: list[bytes], lines: list[bytes]) -> None:
    async def arrive() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def collect() -> list[bytes]:
        return [line async for line in _lines(arrive())]

    assert asyncio.run(collect()) == lines


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after", "is_invitation", "has_heard"),
    [
        (429, {}, TryAgain, 0.0, True, True),
        (429, {"retry-after": "3"}, TryAgain, 3.0, True, True),
        (503, {}, TryAgain, 0.0, False, False),
        (503, {"retry-after": "7"}, TryAgain, 7.0, True, True),
        (503, {"retry-after": "soon"}, TryAgain, 0.0, True, True),
        (503, {"retry-after": "٣"}, TryAgain, 0.0, True, True),
        (502, {}, TryAgain, 0.0, False, False),
        (504, {}, TryAgain, 0.0, False, False),
        (500, {}, ServerFault, None, None, True),
        (501, {}, ServerFault, None, None, True),
        (413, {}, Refused, None, True, True),
        (422, {}, Refused, None, True, True),
        (400, {}, Refused, None, False, True),
        (404, {}, Refused, None, False, True),
        (499, {}, Refused, None, False, True),
    ],
)
def test_a_status_says_whether_to_try_again(
    status: int,
    headers: dict[str, str],
    kind: type[Exception],
    after: float | None,
    is_invitation: bool,
    has_heard: bool,
) -> None:
    async def check() -> tuple[Server, Exception]:
        server = Server("http://127.0.0.1:9")
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        with pytest.raises(kind, match=f"^HTTP {status}: {'x' * 300}$") as caught:
            server._check(httpx2.Response(status, headers=encoded), b"x" * 400)
        return server, caught.value

    before = time.monotonic()
    server, problem = asyncio.run(check())
    assert (server.heard_at >= before) is has_heard
    if isinstance(problem, TryAgain):
        assert (problem.after_seconds, problem.is_invitation) == (after, is_invitation)
        assert (server.free_at > float("-inf")) is is_invitation
        if is_invitation:
            assert server.free_at == server.heard_at + (after or 0.0)
    elif isinstance(problem, Refused):
        assert problem.is_content is is_invitation


@pytest.mark.parametrize(
    ("reply", "level"),
    [
        (Reply(200, b'{"isolation": "L2"}'), "L2"),
        (Reply(503, b'{"isolation": "L2"}'), None),
        (Reply(200, b"hello"), None),
        (Reply(200, b"{}"), None),
        (Reply(200, b"[]"), None),
    ],
)
def test_the_health_check_gives_the_level_of_a_well_server(reply: Reply, level: str | None) -> None:
    async def ask(url: str) -> tuple[str | None, Server]:
        server = Server(url)
        found = await server.isolation()
        await server.close()
        return found, server

    with Remote(lambda request: reply) as remote:
        found, server = asyncio.run(ask(remote.url))
    assert (found, [request.path for request in remote.requests]) == (level, ["/health"])
    assert server.looked_at > float("-inf") and not server.is_silent
    assert asyncio.run(ask("http://127.0.0.1:9"))[0] is None

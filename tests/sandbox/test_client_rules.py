"""Whom a client asks, how long it waits after a failure, and when a server counts as silent."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from openqwq.sandbox import Job, Outcome, SandboxClient, TestCase, client
from openqwq.sandbox.client import _ServerCall
from openqwq.sandbox.dispatch import Dispatch
from openqwq.sandbox.exchange import Server, TryAgain
from tests.sandbox.remote_server import Remote, Reply, Request, numbered, well


def in_loop(body: Callable[[], Any]) -> Any:
    async def run() -> Any:
        return body()

    return asyncio.run(run())


def servers(*named: tuple[str, bool, int, float]) -> list[Server]:
    """By url: silent or not, requests under way, when its health was looked at."""
    found = []
    for url, is_silent, num_requests, looked_at in named:
        server = Server(f"http://{url}")
        server.is_silent, server.num_requests, server.looked_at = is_silent, num_requests, looked_at
        found.append(server)
    return found


def test_a_client_has_patience_by_default_and_each_server_once() -> None:
    usual = SandboxClient(["http://a:1/", "http://b:2", "http://a:1"])
    assert usual.urls == ["http://a:1", "http://b:2"]
    assert (usual.timeout_seconds, usual.retries, usual.error_retries) == (120.0, 8, 2)
    own = SandboxClient("http://a:1", 3.0, 4, 5)
    assert (own.urls, own.timeout_seconds, own.retries, own.error_retries) == (["http://a:1"], 3.0, 4, 5)


@pytest.mark.parametrize(
    ("turn", "named", "asked"),
    [
        (0, [("a", False, 0, 0), ("b", False, 0, 0), ("c", False, 0, 0)], "abc"),
        (1, [("a", False, 0, 0), ("b", False, 0, 0), ("c", False, 0, 0)], "bca"),
        (5, [("a", False, 0, 0), ("b", False, 0, 0), ("c", False, 0, 0)], "cab"),
        (0, [("a", False, 2, 0), ("b", False, 0, 0), ("c", False, 1, 0)], "bca"),
        (0, [("a", True, 0, 0.5), ("b", False, 9, 0)], "b"),
        (0, [("a", True, 0, -1.5), ("b", False, 9, 0)], "ba"),
        (0, [("a", True, 3, 0.5), ("b", True, 1, 0.5)], "ba"),
        (1, [("a", True, 0, 0.5), ("b", True, 0, 0.5)], "ba"),
    ],
)
def test_answering_servers_come_first_then_the_least_busy_then_in_turn(
    turn: int, named: list[tuple[str, bool, int, float]], asked: str
) -> None:
    def body() -> str:
        built = SandboxClient([f"http://{url}" for url, *_ in named])
        built._turn = itertools.count(turn)
        now = time.monotonic()
        given = servers(*[(url, silent, busy, now + looked) for url, silent, busy, looked in named])
        return "".join(server.url[-1] for server in built._worth_asking(given))

    assert in_loop(body) == asked


def call(retries: int = 8, deadline: float = 60.0) -> _ServerCall:
    server = Server("http://a:1")
    return _ServerCall(server, Dispatch([1], [1.0], [server.url], 2), [b"{}"], time.monotonic() + deadline, retries)


def test_a_client_waits_longer_after_each_failure_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    ceilings: list[float] = []
    monkeypatch.setattr(client.random, "uniform", lambda low, high: ceilings.append(high - low) or high)

    def body() -> None:
        one = call()
        for number in range(8):
            one._back_off(TryAgain("broken", 3.0), time.monotonic(), has_answers=False)
            assert one._free_at == pytest.approx(one._failed_at + 3.0 + ceilings[-1])
            assert (one._num_failures, one._num_pauses) == (number + 1, number + 1)
        assert one._dispatch.reason == "http://a:1: broken"
        assert one._dispatch._able == {"http://a:1": False}

    in_loop(body)
    assert ceilings == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_an_invitation_or_a_partial_answer_is_no_failure_of_the_server() -> None:
    def body() -> None:
        one = call()
        one._back_off(TryAgain("full", 0.0, is_invitation=True), time.monotonic(), has_answers=False)
        one._back_off(TryAgain("cut"), time.monotonic(), has_answers=True)
        assert (one._num_failures, one._num_pauses) == (0, 2)
        one._back_off(TryAgain("cut"), time.monotonic(), has_answers=False)
        assert (one._num_failures, one._num_pauses) == (1, 3)

    in_loop(body)


def test_requests_that_failed_together_count_once() -> None:
    def body() -> None:
        one = call()
        sent_at = time.monotonic()
        one._back_off(TryAgain("first"), sent_at, has_answers=False)
        free_at = one._free_at
        one._back_off(TryAgain("second"), sent_at - 1.0, has_answers=False)
        assert (one._num_failures, one._num_pauses, one._free_at) == (1, 1, free_at)
        assert one._dispatch.reason == "http://a:1: second"

    in_loop(body)


@pytest.mark.parametrize(
    ("was_silent", "has_heard", "pauses", "has_asked", "deadline", "is_silent"),
    [
        (True, True, 3, True, -1.0, False),
        (False, False, 1, True, 60.0, True),
        (False, False, 0, True, -1.0, True),
        (False, False, 0, False, -1.0, False),
        (False, False, 0, True, 60.0, False),
        (True, False, 0, False, 60.0, True),
    ],
)
def test_a_server_is_silent_when_it_was_asked_in_vain(
    was_silent: bool, has_heard: bool, pauses: int, has_asked: bool, deadline: float, is_silent: bool
) -> None:
    def body() -> bool:
        one = call(deadline=deadline)
        server = one._server
        server.is_silent, one._num_pauses, one._has_asked = was_silent, pauses, has_asked
        if has_heard:
            server.heard_at = time.monotonic()
        one.note_silence()
        return server.is_silent

    assert in_loop(body) is is_silent


def test_the_jobs_of_a_stuck_server_make_it_silent() -> None:
    def body() -> bool:
        one = call()
        one._dispatch._stuck.add("http://a:1")
        one.note_silence()
        return one._server.is_silent

    assert in_loop(body)


@pytest.mark.parametrize(
    ("levels", "level"), [(["L2", "L3"], "L2"), (["L3"], "L3"), ([None, "L3"], "L3"), ([None, None], "unknown")]
)
def test_the_isolation_of_several_servers_is_that_of_the_weakest_that_answers(
    levels: list[str | None], level: str
) -> None:
    def healthy(name: str | None) -> Callable[[Request], Reply]:
        return lambda request: Reply(200, b'{"isolation": "%s"}' % name.encode()) if name else Reply(503)

    remotes = [Remote(healthy(name)) for name in levels]
    for remote in remotes:
        remote.__enter__()
    with SandboxClient([remote.url for remote in remotes]) as built:
        assert built.isolation == level
        assert [built.is_healthy(f"{remote.url}/") for remote in remotes] == [bool(name) for name in levels]
    for remote in remotes:
        remote.__exit__(None, None, None)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_server_is_given_up_after_so_many_failures_in_a_row(monkeypatch: pytest.MonkeyPatch, retries: int) -> None:
    monkeypatch.setattr(client, "_FIRST_PAUSE_SECONDS", 0.001)
    with (
        Remote(lambda request: Reply(502, b"bad gateway")) as remote,
        SandboxClient(remote.url, retries=retries) as one,
    ):
        outcome = one.run(Job("x", tests=(TestCase("", ""),)))
    assert (outcome.verdict, outcome.is_retryable, len(remote.requests)) == ("error", True, retries + 1)
    assert outcome.reason == f"no sandbox answered: {remote.url}: HTTP 502: bad gateway"


def test_an_answer_forgives_the_failures_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_PAUSE_SECONDS", 0.001)
    seen = itertools.count()

    def every_second_one(request: Request) -> Reply:
        lines = well(request).body.splitlines(keepends=True)
        return Reply(502) if next(seen) % 2 == 0 else Reply(200, lines[0])

    with Remote(every_second_one) as remote, SandboxClient(remote.url, retries=1) as one:
        outcomes = one.run_many(numbered(4))
    assert [outcome.verdict for outcome in outcomes] == ["pass"] * 4


def test_a_call_that_runs_out_of_time_names_whom_it_waited_for() -> None:
    remote = Remote()
    remote.behave = remote.hang
    with remote, SandboxClient(remote.url, timeout_seconds=0.3) as one:
        outcomes = one.run_many(numbered(2))
        remote.is_over.set()
    assert {outcome.verdict for outcome in outcomes} == {"error"} and all(one.is_retryable for one in outcomes)
    assert outcomes[0].reason == f"no sandbox answered: {remote.url}: no answer within 0.3 s"
    assert isinstance(outcomes[0], Outcome)


def test_a_job_that_json_would_change_is_an_error_of_its_own_and_not_sent() -> None:
    odd = Job("odd", mode="call", entry_point="f", tests=(TestCase([(1, 2)], 1),))
    with Remote() as remote, SandboxClient(remote.url) as client:
        outcomes = client.run_many([odd, *numbered(3), odd])
        assert client.run(odd) == outcomes[0]
    assert [outcome.verdict for outcome in outcomes] == ["error", "pass", "pass", "pass", "error"]
    assert "tests[0].input is [(1, 2)]" in outcomes[0].reason and not outcomes[0].is_retryable
    assert "odd" not in {code for request in remote.requests for code in request.codes}

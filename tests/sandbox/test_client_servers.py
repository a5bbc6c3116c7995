"""Several servers behind one client, and servers that hang or go."""

from __future__ import annotations

import time

from openqwq.sandbox import (
    SandboxClient,
    ServerHandle,
    start_server,
)
from openqwq.sandbox.dispatch import MAX_ASSIGNED_JOBS
from tests.sandbox.remote_server import (
    DOUBLE,
    WRONG,
    Remote,
    Reply,
    Request,
    first,
    lost,
    numbered,
    well,
)


def test_one_living_server_of_two_is_enough(server: ServerHandle) -> None:
    with SandboxClient(["http://127.0.0.1:9", server.url], timeout_seconds=30) as two:
        assert [outcome.verdict for outcome in two.run_many([DOUBLE] * 6)] == ["pass"] * 6
        assert [two.run(DOUBLE).verdict for _ in range(4)] == ["pass"] * 4


def test_a_stopped_server_gives_an_error_never_a_failure() -> None:
    with start_server(workers=1) as gone:
        url = gone.url
    with SandboxClient(url, timeout_seconds=5.0, retries=2) as client:
        outcomes = client.run_many([DOUBLE, WRONG])
        assert client.isolation == "unknown" and not client.is_healthy(url)
    assert [(outcome.verdict, outcome.is_retryable) for outcome in outcomes] == [("error", True)] * 2
    assert url in outcomes[0].reason


def test_an_error_is_run_again_at_another_server_first() -> None:
    with (
        Remote(lambda request: well(request, lost)) as sick,
        Remote() as sound,
        SandboxClient([sick.url, sound.url]) as client,
    ):
        assert [client.run(DOUBLE).verdict for _ in range(6)] == ["pass"] * 6
        assert 1 <= len(sick.requests) <= 6 and len(sound.requests) == 6
        assert [outcome.verdict for outcome in client.run_many(numbered(40))] == ["pass"] * 40


def test_a_server_that_hangs_does_not_hold_the_batch() -> None:
    with Remote() as sound, Remote() as stuck:
        stuck.behave = stuck.hang
        with SandboxClient([stuck.url, sound.url], timeout_seconds=60.0) as client:
            started = time.monotonic()
            outcomes = client.run_many(numbered(100, time_seconds=0.01))
            assert [outcome.verdict for outcome in outcomes] == ["pass"] * 100
            assert time.monotonic() - started < 30
            # From now on it is known as silent: a look at its health, and no work.
            before = len(stuck.requests)
            assert {outcome.verdict for outcome in client.run_many(numbered(40))} == {"pass"}
            assert {request.path for request in stuck.requests[before:]} <= {"/health"}


def test_a_job_that_erred_at_one_server_comes_back_to_it_when_the_other_one_hangs() -> None:
    sick = first(well(Request("/v1/run", {"code": "0"}, ("", 0), 0.0), lost))
    with Remote(sick) as mended, Remote() as stuck:
        stuck.behave = stuck.hang
        with SandboxClient([mended.url, stuck.url], timeout_seconds=60.0) as client:
            started = time.monotonic()
            assert [client.run(job).verdict for job in numbered(2, time_seconds=0.01)] == ["pass"] * 2
            assert time.monotonic() - started < 30
    assert [request.codes for request in stuck.requests if request.path != "/health"] == [["0"]]


def test_a_server_that_was_silent_gets_one_look_a_call_until_it_is_back() -> None:
    with Remote() as remote, SandboxClient(remote.url, timeout_seconds=1.0) as client:
        remote.behave = remote.hang
        assert client.run(DOUBLE).verdict == "error"
        remote.behave = lambda request: Reply(503)
        for _ in range(2):
            assert "still silent" in client.run(DOUBLE).reason
        remote.behave = well
        assert [client.run(DOUBLE).verdict for _ in range(2)] == ["pass"] * 2
    paths = [request.path for request in remote.requests]
    assert paths == ["/v1/run", "/health", "/health", "/health", "/v1/run", "/v1/run"]


def test_the_whole_call_has_one_deadline_and_keeps_what_came_before_it() -> None:
    with Remote() as remote, SandboxClient(remote.url, timeout_seconds=1.0) as client:
        remote.behave = lambda request: remote.hang(request) if "64" in request.codes else well(request)
        started = time.monotonic()
        outcomes = client.run_many(numbered(70))
    assert time.monotonic() - started < 20
    assert [outcome.verdict for outcome in outcomes] == ["pass"] * 64 + ["error"] * 6
    assert outcomes[64].reason == f"no sandbox answered: {remote.url}: no answer within 1 s"


def test_no_request_of_a_large_batch_is_large() -> None:
    with Remote() as one, Remote() as two, SandboxClient([one.url, two.url]) as client:
        assert {outcome.verdict for outcome in client.run_many(numbered(500))} == {"pass"}
        asked = [request.codes for remote in (one, two) for request in remote.requests]
    assert max(map(len, asked)) <= MAX_ASSIGNED_JOBS
    assert sorted(code for codes in asked for code in codes) == sorted(str(number) for number in range(500))
    assert one.requests and two.requests

"""What the client makes of answers that are late, broken, refused or errors."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import pytest

from openqwq.sandbox import (
    Outcome,
    SandboxClient,
)
from openqwq.sandbox.jobs import error_outcome
from openqwq.sandbox.wire import outcome_from_json, outcome_to_json
from tests.sandbox.remote_server import (
    DOUBLE,
    PASS,
    WRONG,
    Remote,
    Reply,
    Request,
    first,
    lost,
    numbered,
    well,
)


@pytest.mark.parametrize("urls", [[], "localhost:8080", "ftp://a", ["http://a:1", 5], "http://"])
def test_an_address_that_is_none_is_refused_at_once(urls: Any) -> None:
    with pytest.raises(ValueError, match=r"http://host:port|at least one"):
        SandboxClient(urls)


def test_one_job_goes_by_run_and_many_by_batch_each_with_the_time_that_is_left() -> None:
    with Remote() as remote, SandboxClient(remote.url, timeout_seconds=20.0) as client:
        client.run(DOUBLE)
        client.run_many([DOUBLE, WRONG])
    assert [request.path for request in remote.requests] == ["/v1/run", "/v1/batch"]
    assert all(0 < request.data["deadline_s"] <= 20.0 for request in remote.requests)
    assert [request.codes for request in remote.requests] == [[DOUBLE.code], [DOUBLE.code, WRONG.code]]


def test_calls_one_after_the_other_share_a_connection() -> None:
    with Remote() as remote, SandboxClient(remote.url) as client:
        for _ in range(10):
            client.run(DOUBLE)
        client.run_many([DOUBLE] * 3)
    assert len({request.connection for request in remote.requests}) == 1


def test_a_503_is_tried_again_when_its_server_says() -> None:
    with Remote(first(Reply(503, headers={"retry-after": "1"}))) as remote, SandboxClient(remote.url) as client:
        assert client.run(DOUBLE).verdict == "pass"
    refused, taken = remote.requests
    assert taken.at - refused.at >= 1.0


def test_a_full_server_is_no_failing_one_and_is_asked_until_the_time_is_over() -> None:
    with Remote(first(*[Reply(429, b"full")] * 4)) as remote, SandboxClient(remote.url, retries=1) as client:
        assert [outcome.verdict for outcome in client.run_many(numbered(3))] == ["pass"] * 3
    assert len(remote.requests) == 5


def test_a_server_that_wants_more_time_than_there_is_ends_the_call_at_once() -> None:
    later = Reply(503, b"starting", {"retry-after": "600"})
    with Remote(lambda request: later) as remote, SandboxClient(remote.url, timeout_seconds=60.0) as client:
        started = time.monotonic()
        outcome = client.run(DOUBLE)
    assert (outcome.verdict, outcome.is_retryable) == ("error", True)
    assert "starting" in outcome.reason
    assert time.monotonic() - started < 30


BROKEN = [
    Reply(502),
    Reply(504),
    Reply(200, b"<html>hello</html>"),
    Reply(200, b"[]"),
    Reply(200, b'{"verdict": "maybe"}\n'),
    Reply(200, b'{"verdict": "fail", "tests": [{"status": "pa', is_cut=True),
    Reply(200, b""),
]
WRONG_INDEX = [Reply(200, b'{"index": %s, "verdict": "fail"}\n' % index) for index in (b"99", b"-1", b'"one"', b"[]")]


@pytest.mark.parametrize(
    ("count", "broken"), [(1, reply) for reply in BROKEN] + [(3, reply) for reply in BROKEN + WRONG_INDEX]
)
def test_gateways_garbage_and_broken_answers_are_tried_again(count: int, broken: Reply) -> None:
    with Remote(first(broken, broken)) as remote, SandboxClient(remote.url, retries=2) as client:
        assert [outcome.verdict for outcome in client.run_many(numbered(count))] == ["pass"] * count
    assert len(remote.requests) == 3


def test_garbage_without_end_is_an_error_that_shows_it() -> None:
    with Remote(lambda request: Reply(200, b"hello")) as remote, SandboxClient(remote.url, retries=1) as client:
        outcome = client.run(DOUBLE)
    assert (outcome.verdict, len(remote.requests)) == ("error", 2)
    assert "not the answer of a sandbox server" in outcome.reason


def test_only_what_is_missing_of_a_batch_that_ended_early_is_asked_again() -> None:
    def one_answer_at_most(request: Request) -> Reply:
        whole = well(request)
        lines = whole.body.splitlines(keepends=True)
        return Reply(200, lines[0] + b'{"index": 1, "verd', is_cut=True) if len(lines) > 1 else whole

    with Remote(one_answer_at_most) as remote, SandboxClient(remote.url, retries=0) as client:
        outcomes = client.run_many(numbered(4))
    assert [request.codes for request in remote.requests] == [list("0123"), list("123"), list("23"), list("3")]
    assert [outcome.verdict for outcome in outcomes] == ["pass"] * 4


def test_answers_in_any_order_and_twice_find_their_jobs() -> None:
    def shuffled(request: Request) -> Reply:
        lines = well(request, lambda code: {**PASS, "reason": f"{code}\u2028\x85"}).body.splitlines(keepends=True)
        text = [line.replace(b"\\u2028", "\u2028".encode()).replace(b"\\u0085", "\x85".encode()) for line in lines * 2]
        random.Random(0).shuffle(text)
        return Reply(200, b"".join(text))

    with Remote(shuffled) as remote, SandboxClient(remote.url) as client:
        reasons = [outcome.reason for outcome in client.run_many(numbered(50))]
    assert reasons == [f"{number}\u2028\x85" for number in range(50)]


@pytest.mark.parametrize("status", [413, 422])
def test_a_refused_job_is_an_error_in_the_servers_words_and_not_asked_again(status: int) -> None:
    with Remote(lambda request: Reply(status, b"no COBOL here")) as remote, SandboxClient(remote.url) as client:
        outcome = client.run(DOUBLE)
        assert client.run(DOUBLE) == outcome
    assert (outcome.verdict, outcome.is_retryable, len(remote.requests)) == ("error", False, 2)
    assert "no COBOL here" in outcome.reason and str(status) in outcome.reason


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_server_that_refuses_every_job_leaves_them_to_another_one(status: int) -> None:
    with Remote(lambda request: Reply(status, b"no COBOL here")) as wrong, SandboxClient(wrong.url) as client:
        outcome = client.run(DOUBLE)
        with Remote() as remote, SandboxClient([wrong.url, remote.url]) as both:
            assert [outcome.verdict for outcome in both.run_many(numbered(20))] == ["pass"] * 20
    assert (outcome.verdict, outcome.is_retryable) == ("error", True)
    assert "no COBOL here" in outcome.reason and str(status) in outcome.reason


def test_a_job_that_its_server_refuses_does_not_take_its_batch_along() -> None:
    def no_seven(request: Request) -> Reply:
        return Reply(422, b"jobs[7] is unlucky") if "7" in request.codes else well(request)

    with Remote(no_seven) as remote, SandboxClient(remote.url) as client:
        outcomes = client.run_many(numbered(10))
    assert [outcome.verdict for outcome in outcomes] == ["pass"] * 7 + ["error"] + ["pass"] * 2
    assert "unlucky" in outcomes[7].reason
    assert Counter(code for request in remote.requests for code in request.codes) == Counter("0123456789" * 2)


@pytest.mark.parametrize(("error_retries", "asked"), [(0, 1), (2, 3)])
def test_an_error_that_may_pass_is_run_again_a_few_times(error_retries: int, asked: int) -> None:
    with (
        Remote(lambda request: well(request, lambda code: lost(code) if code == "1" else PASS)) as remote,
        SandboxClient(remote.url, error_retries=error_retries) as client,
    ):
        outcomes = client.run_many(numbered(3))
    assert [outcome.verdict for outcome in outcomes] == ["pass", "error", "pass"]
    assert outcomes[1].reason == "WorkerLost: 1"
    assert Counter(code for request in remote.requests for code in request.codes) == Counter("02" + "1" * asked)


def test_an_error_that_cannot_pass_is_not_run_again() -> None:
    final = outcome_to_json(Outcome("error", reason="the test is not Python"))
    with Remote(lambda request: well(request, lambda code: final)) as remote, SandboxClient(remote.url) as client:
        assert client.run(DOUBLE).reason == "the test is not Python"
    assert len(remote.requests) == 1


def test_a_server_that_breaks_on_a_job_is_asked_again_as_for_an_error() -> None:
    with Remote(lambda request: Reply(500, b"Traceback")) as remote, SandboxClient(remote.url) as client:
        outcome = client.run(DOUBLE)
    assert (outcome.verdict, len(remote.requests)) == ("error", 3)
    assert "Traceback" in outcome.reason


def test_is_retryable_crosses_the_wire_and_is_false_where_a_server_does_not_say() -> None:
    outcome = error_outcome("lost")
    assert outcome.is_retryable and outcome_from_json(outcome_to_json(outcome)) == outcome
    assert not outcome_from_json({"verdict": "error"}).is_retryable

"""One interface in process and over HTTP; what the client makes of servers that are full, broken, slow or gone."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.sandbox import (
    InvalidJob,
    Job,
    Limits,
    LocalSandbox,
    Outcome,
    SandboxClient,
    ServerHandle,
    TestCase,
    start_server,
)
from openqwq.sandbox.dispatch import MAX_ASSIGNED_BYTES, MAX_ASSIGNED_JOBS, Assignment, Dispatch
from openqwq.sandbox.interface import Sandbox
from openqwq.sandbox.jobs import error_outcome, outcome_from_json, outcome_to_json
from openqwq.sandbox.loop_thread import SandboxClosed

DOUBLE = Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),))
WRONG = Job("print(1)", tests=(TestCase("4", "8"),))
ENDLESS = Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(60.0))
BAD_TEST = Job("x = 1", mode="asserts", asserts=("assert (",))
PASS = outcome_to_json(Outcome("pass", isolation="L2"))


def numbered(count: int, time_seconds: float = 2.0) -> list[Job]:
    return [Job(str(number), tests=(TestCase("", ""),), limits=Limits(time_seconds)) for number in range(count)]


# One interface.


@pytest.fixture(scope="module")
def client(server: ServerHandle) -> Iterator[SandboxClient]:
    with SandboxClient(server.url) as opened:
        yield opened


@pytest.fixture(params=["in_process", "over_http"])
def either(request: pytest.FixtureRequest, sandbox: LocalSandbox, client: SandboxClient) -> Sandbox:
    return sandbox if request.param == "in_process" else client


def test_either_sandbox_states_its_isolation_as_its_outcomes_do(either: Sandbox) -> None:
    assert either.isolation == either.run(DOUBLE).isolation == "L2"


def test_either_sandbox_keeps_the_order_of_many_jobs(either: Sandbox) -> None:
    outcomes = either.run_many([DOUBLE, WRONG, BAD_TEST] * 8)
    assert [outcome.verdict for outcome in outcomes] == ["pass", "fail", "error"] * 8
    assert either.run_many([]) == []


def test_either_sandbox_raises_for_a_job_that_no_server_would_take(either: Sandbox) -> None:
    with pytest.raises(InvalidJob, match="language"):
        either.run(Job("", language="cobol"))
    with pytest.raises(InvalidJob, match="tests"):
        asyncio.run(either.arun_many([DOUBLE, Job("")]))


def test_either_sandbox_says_that_a_test_which_is_not_python_never_can_be_judged(either: Sandbox) -> None:
    outcome = either.run(BAD_TEST)
    assert (outcome.verdict, outcome.is_retryable) == ("error", False)


def test_either_sandbox_serves_many_threads_at_once(either: Sandbox) -> None:
    with ThreadPoolExecutor(16) as threads:
        verdicts = list(threads.map(lambda job: either.run(job).verdict, [DOUBLE, WRONG] * 16))
    assert verdicts == ["pass", "fail"] * 16


def test_either_sandbox_serves_one_event_loop_after_the_other(either: Sandbox) -> None:
    async def ask() -> list[str]:
        single, many = await asyncio.gather(either.arun(DOUBLE), either.arun_many([WRONG, DOUBLE]))
        return [outcome.verdict for outcome in (single, *many)]

    assert [asyncio.run(ask()) for _ in range(2)] == [["pass", "fail", "pass"]] * 2


def test_either_sandbox_blocks_inside_a_running_event_loop_when_asked_to(either: Sandbox) -> None:
    async def cell_of_a_notebook() -> str:
        return either.run(DOUBLE).verdict

    assert asyncio.run(cell_of_a_notebook()) == "pass"


def test_a_cancelled_caller_frees_the_worker_of_either_sandbox(either: Sandbox) -> None:
    async def give_up() -> None:
        async with asyncio.timeout(0.3):
            await either.arun_many([ENDLESS] * 4)  # twice as many as there are workers

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    started = time.monotonic()
    assert either.run(DOUBLE).verdict == "pass"
    assert time.monotonic() - started < 30  # ENDLESS may last 120 s


@pytest.mark.parametrize("kind", ["in_process", "over_http"])
def test_closing_either_sandbox_ends_its_calls_and_refuses_new_ones(kind: str, server: ServerHandle) -> None:
    opened: Sandbox = LocalSandbox(workers=1) if kind == "in_process" else SandboxClient(server.url)
    with ThreadPoolExecutor(1) as threads:
        assert opened.run(DOUBLE).verdict == "pass"
        running = threads.submit(opened.run, ENDLESS)
        while not running.running():
            threading.Event().wait(0.01)
        opened.close()
        with pytest.raises(SandboxClosed):
            running.result(30)
    opened.close()
    with pytest.raises(SandboxClosed, match="closed"):
        opened.run(DOUBLE)


def test_a_forked_child_connects_anew_and_leaves_its_parents_connections_alone(
    client: SandboxClient, sandbox: LocalSandbox
) -> None:
    assert client.run(DOUBLE).verdict == "pass"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            is_good = [client.run(job).verdict for job in (DOUBLE, WRONG)] == ["pass", "fail"]
            try:
                sandbox.run(DOUBLE)
            except SandboxClosed as problem:  # its workers answer to the parent
                status = 0 if is_good and "fork" in str(problem) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (client.run(DOUBLE).verdict, sandbox.run(DOUBLE).verdict) == ("pass", "pass")


def test_an_interpreter_ends_cleanly_with_both_sandboxes_left_open(server: ServerHandle) -> None:
    code = (
        "import asyncio, threading\n"
        "from openqwq.sandbox import Job, LocalSandbox, SandboxClient, TestCase\n"
        "job = Job('print(1)', tests=(TestCase('', '1'),))\n"
        f"for box in (SandboxClient({server.url!r}), LocalSandbox(workers=1)):\n"
        "    print(box.run(job).verdict, asyncio.run(box.arun(job)).verdict)\n"
        "    threading.kept = getattr(threading, 'kept', []) + [box]\n"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "pass pass\n" * 2, "")


def test_a_client_that_nobody_holds_ends_its_thread(server: ServerHandle) -> None:
    SandboxClient(server.url).run(DOUBLE)
    deadline = time.monotonic() + 10
    while sum(thread.name == "SandboxClient" for thread in threading.enumerate()) > 1:  # one is the fixture's
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


# Several servers, and servers that go.


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


@pytest.mark.parametrize("urls", [[], "localhost:8080", "ftp://a", ["http://a:1", 5], "http://"])
def test_an_address_that_is_none_is_refused_at_once(urls: Any) -> None:
    with pytest.raises(ValueError, match=r"http://host:port|at least one"):
        SandboxClient(urls)


# Remote servers that misbehave as a real sandbox cannot be made to.


@dataclass
class Request:
    path: str
    data: dict[str, Any]
    connection: tuple[str, int]
    at: float

    @property
    def codes(self) -> list[str]:
        return [job["code"] for job in self.data.get("jobs", [self.data])]


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """The connection breaks in the middle of the body."""


def well(request: Request, outcome: Callable[[str], dict[str, Any]] = lambda code: PASS) -> Reply:
    """What a sound server answers."""
    if request.path == "/health":
        return Reply(body=b'{"isolation": "L2"}')
    if request.path == "/v1/run":
        return Reply(body=json.dumps(outcome(request.codes[0])).encode())
    lines = [json.dumps({"index": index, **outcome(code)}) for index, code in enumerate(request.codes)]
    return Reply(body="".join(line + "\n" for line in lines).encode())


class Remote:
    """An HTTP server that answers as `behave` says, and remembers what it was asked."""

    def __init__(self, behave: Callable[[Request], Reply] = well) -> None:
        self.behave, self.requests, self.is_over = behave, list[Request](), threading.Event()
        remote = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("content-length", 0)))
                request = Request(self.path, json.loads(text or b"{}"), self.client_address, time.monotonic())
                remote.requests.append(request)
                reply = remote.behave(request)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body) + reply.is_cut))
                self.end_headers()
                self.wfile.write(reply.body)
                self.close_connection = reply.is_cut

            do_GET = do_POST

            def log_message(self, format: str, *words: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, address: object) -> None:
                pass  # a client that leaves

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def hang(self, request: Request) -> Reply:
        self.is_over.wait(60)
        return Reply(500)

    def __enter__(self) -> Remote:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._http.shutdown()
        self._http.server_close()


def first(*replies: Reply) -> Callable[[Request], Reply]:
    """These replies, and then those of a sound server."""
    left = list(replies)
    return lambda request: left.pop(0) if left and request.path != "/health" else well(request)


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


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refused_job_is_an_error_in_the_servers_words_and_not_asked_again(status: int) -> None:
    with Remote(lambda request: Reply(status, b"no COBOL here")) as remote, SandboxClient(remote.url) as client:
        outcome = client.run(DOUBLE)
        assert client.run(DOUBLE) == outcome
    assert (outcome.verdict, outcome.is_retryable, len(remote.requests)) == ("error", False, 2)
    assert "no COBOL here" in outcome.reason and str(status) in outcome.reason


def test_a_job_that_its_server_refuses_does_not_take_its_batch_along() -> None:
    def no_seven(request: Request) -> Reply:
        return Reply(422, b"jobs[7] is unlucky") if "7" in request.codes else well(request)

    with Remote(no_seven) as remote, SandboxClient(remote.url) as client:
        outcomes = client.run_many(numbered(10))
    assert [outcome.verdict for outcome in outcomes] == ["pass"] * 7 + ["error"] + ["pass"] * 2
    assert "unlucky" in outcomes[7].reason
    assert Counter(code for request in remote.requests for code in request.codes) == Counter("0123456789" * 2)


def lost(code: str) -> dict[str, Any]:
    return outcome_to_json(error_outcome(f"WorkerLost: {code}"))


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


def test_an_error_is_run_again_at_another_server_first() -> None:
    with (
        Remote(lambda request: well(request, lost)) as sick,
        Remote() as sound,
        SandboxClient([sick.url, sound.url]) as client,
    ):
        assert [client.run(DOUBLE).verdict for _ in range(6)] == ["pass"] * 6
        assert 1 <= len(sick.requests) <= 6 and len(sound.requests) == 6
        assert [outcome.verdict for outcome in client.run_many(numbered(40))] == ["pass"] * 40


def test_is_retryable_crosses_the_wire_and_is_false_where_a_server_does_not_say() -> None:
    outcome = error_outcome("lost")
    assert outcome.is_retryable and outcome_from_json(outcome_to_json(outcome)) == outcome
    assert not outcome_from_json({"verdict": "error"}).is_retryable


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


# The book-keeping alone: no server, no clock.


def take_all(dispatch: Dispatch, url: str, now: float = 0.0) -> list[Assignment]:
    return list(iter(lambda: dispatch.take(url, now), None))


def test_servers_get_work_in_proportion_to_their_speed() -> None:
    async def simulate() -> Counter[str]:
        urls = ["fast", "slow"]
        dispatch, done = Dispatch([100] * 1000, [1.0] * 1000, urls, 2), Counter[str]()
        assignments: dict[str, list[Assignment]] = {url: [] for url in urls}
        while not dispatch.finished.is_set():
            for url, speed in (("fast", 9), ("slow", 1)):
                assignments[url] += take_all(dispatch, url)
                for _ in range(speed):
                    if assignments[url]:
                        assignment = assignments[url][0]
                        dispatch.answer(assignment, min(assignment.unanswered), Outcome("pass"), 0.0)
                        done[url] += 1
                        if not assignment.unanswered:
                            dispatch.end(assignments[url].pop(0))
        return done

    done = asyncio.run(simulate())
    assert done["fast"] + done["slow"] == 1000
    assert 800 <= done["fast"] <= 920


def test_a_small_batch_is_shared_evenly_and_a_heavy_one_by_its_bytes() -> None:
    small = Dispatch([100] * 6, [1.0] * 6, ["a", "b"], 2)
    assert [small.take(url, 0.0).places for url in ("a", "b")] == [(0, 1, 2), (3, 4, 5)]  # type: ignore[union-attr]
    heavy = Dispatch([MAX_ASSIGNED_BYTES // 2] * 3 + [2 * MAX_ASSIGNED_BYTES], [1.0] * 4, ["a"], 2)
    assert [assignment.places for assignment in take_all(heavy, "a")] == [(0, 1), (2,), (3,)]


def test_a_silent_servers_jobs_are_tried_elsewhere_once_when_a_test_cannot_last_so_long() -> None:
    dispatch = Dispatch([100] * 4, [3.0] * 4, ["a", "b", "c"], 2)
    stuck = dispatch.take("a", 0.0)
    assert stuck is not None and stuck.places == (0, 1)
    other = dispatch.take("b", 0.0)
    assert other is not None and other.places == (2, 3)
    assert dispatch.take("c", 3.9) is None
    assert [assignment.places for assignment in take_all(dispatch, "c", 4.0)] == [(0, 1), (2, 3)]
    assert dispatch.take("b", 9.0) is None and dispatch.take("a", 9.0) is None
    assert [dispatch.is_stuck(url) for url in ("a", "b", "c")] == [True, True, False]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.integers(1, 3), st.integers(0, 10**6))
def test_whatever_servers_do_every_job_gets_one_answer_in_its_place(num_jobs: int, num_urls: int, seed: int) -> None:
    dice = random.Random(seed)

    async def simulate() -> list[Outcome]:
        urls = [f"s{number}" for number in range(num_urls)]
        dispatch = Dispatch([dice.randrange(1, MAX_ASSIGNED_BYTES) for _ in range(num_jobs)], [1.0] * num_jobs, urls, 2)
        assignments: list[Assignment] = []
        for now in range(10**9):
            if dispatch.finished.is_set():
                return dispatch.outcomes()
            await asyncio.sleep(0)
            url = dice.choice(urls)
            assignment = dispatch.take(url, now / 10)
            assignments += [assignment] if assignment else []
            if assignments:
                chosen = dice.choice(assignments)
                for place in sorted(chosen.unanswered)[: dice.randrange(4)]:
                    is_lost = dice.random() < 0.05
                    outcome = error_outcome(str(place)) if is_lost else Outcome("pass", reason=str(place))
                    dispatch.answer(chosen, place, outcome, now / 10)
                if not chosen.unanswered or dice.random() < 0.2:
                    if dice.random() < 0.1:
                        dispatch.split(chosen)
                    dispatch.end(chosen)
                    assignments.remove(chosen)
            if dice.random() < 0.05:
                dispatch.set_able(url, dice.random() < 0.5)
        raise AssertionError

    assert [outcome.reason for outcome in asyncio.run(simulate())] == [str(place) for place in range(num_jobs)]

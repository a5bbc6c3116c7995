"""One interface in process and over HTTP: threads, event loops, forks, ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from openqwq.sandbox import (
    InvalidJob,
    Job,
    LocalSandbox,
    SandboxClient,
    ServerHandle,
    TestCase,
)
from openqwq.sandbox.interface import Sandbox
from openqwq.sandbox.loop_thread import SandboxClosed
from tests.sandbox.remote_server import (
    BAD_TEST,
    DOUBLE,
    ENDLESS,
    WRONG,
)


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


def test_either_sandbox_runs_a_program_for_its_output(either: Sandbox) -> None:
    program = "word = input()\nprint('é', word)\nif word == 'bad':\n    raise ValueError(word)"
    tests = (TestCase("bad", None), TestCase("good", None))
    outcome = either.run(Job(program, mode="run", tests=tests, stop_on_first_failure=False))
    assert outcome.verdict == "fail" and [test.output for test in outcome.tests] == ["é bad\n", "é good\n"]
    assert [test.status for test in outcome.tests] == ["runtime_error", "pass"]
    assert outcome.tests[0].detail.endswith("ValueError: bad")


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

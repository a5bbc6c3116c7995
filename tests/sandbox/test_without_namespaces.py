"""A server on a host without user namespaces: refused, or served as what it is."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.server_process import Served, serving, wait_until
from openqwq.sandbox import Job, Limits, LocalSandbox, SandboxClient, TestCase
from openqwq.sandbox.loop_thread import SandboxClosed
from openqwq.sandbox.wire import job_to_json
from tests.sandbox.corpus import CORRECT, ESCAPES, EXHAUSTION, HACKS, Program
from tests.sandbox.host_processes import below, named
from tests.sandbox.isolation_samples import MODE_VERDICTS, MODES, OPEN_SETTINGS, sample, wrong_verdicts
from tests.sandbox.requests_of_jobs import HTTP
from tests.sandbox.weak_hosts import NO_USER_NAMESPACES, end_of


@pytest.fixture(scope="module")
def plain() -> Iterator[Served]:
    words = ["--workers", "2", "--require-isolation", "L1"]
    with serving(words, NO_USER_NAMESPACES) as served:
        yield served


@pytest.fixture(scope="module")
def client(plain: Served) -> Iterator[SandboxClient]:
    with SandboxClient(plain.url) as opened:
        yield opened


def test_a_server_without_user_namespaces_refuses_and_says_why() -> None:
    result = end_of([], NO_USER_NAMESPACES)
    assert result.returncode == 3, result.stderr
    assert "user.max_user_namespaces is 0" in result.stderr
    assert "isolation L2" in result.stderr and "with namespaces: build a jail" in result.stderr
    assert "with bubblewrap: " in result.stderr and "--require-isolation" in result.stderr
    assert result.stdout == ""


def test_a_server_that_may_be_weaker_says_everywhere_how_weak_it_is(plain: Served, client: SandboxClient) -> None:
    assert "isolation L1" in plain.printed()
    assert client.isolation == client.run(MODES[0]).isolation == "L1"
    assert 'sandbox_isolation{level="L1"} 1' in HTTP.get(f"{plain.url}/metrics").text
    for path in ("/health", "/v1/languages"):
        assert HTTP.get(f"{plain.url}{path}").json()["isolation"] == "L1"


def test_all_modes_are_judged_without_namespaces(client: SandboxClient) -> None:
    assert [outcome.verdict for outcome in client.run_many(MODES)] == MODE_VERDICTS


@pytest.mark.parametrize(
    "programs",
    [
        sample(tuple(one for one in HACKS if one.job.mode in ("call", "asserts")), 10),
        sample(ESCAPES, 4),
        sample(EXHAUSTION, 8),
        sample(CORRECT, 12),
    ],
    ids=["hacks", "escapes", "exhaustion", "correct"],
)
def test_programs_get_their_verdicts_without_namespaces(client: SandboxClient, programs: list[Program]) -> None:
    assert len(programs) >= 8
    assert wrong_verdicts(client, programs) == []


@pytest.mark.parametrize("step", ["pass", "os.setsid()"], ids=["in_one_group", "in_groups_of_their_own"])
def test_processes_that_flee_from_their_parents_are_ended_without_namespaces(plain: Served, step: str) -> None:
    """Each starts the next one and ends, for a bounded time. What flees is nobody's child that could be found."""
    flight = (
        "import os, time, ctypes\nctypes.CDLL(None).prctl(15, b'L1-flight')\nends = time.time() + 9\n"
        "if os.fork(): time.sleep(60)\nwhile time.time() < ends:\n    if os.fork(): os._exit(0)\n"
        f"    {step}\n"
    )
    job = Job(flight, tests=(TestCase("", ""),), limits=Limits(0.1, 256))
    answer = HTTP.post(f"{plain.url}/v1/run", json=job_to_json(job)).json()
    is_gone = wait_until(lambda: not named("L1-flight"), 2)
    wait_until(lambda: not named("L1-flight"), 10)  # leave none to the tests that follow
    assert is_gone and answer["verdict"] == "fail", answer


def test_a_daemon_does_not_survive_its_test_without_namespaces(client: SandboxClient) -> None:
    code = (
        "import os, time, ctypes\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        ctypes.CDLL(None).prctl(15, b'L1-daemon'); print('up', flush=True); time.sleep(60)\n    os._exit(0)\n"
        "os.wait()\n"
        "time.sleep(0.1)\n"
    )
    assert client.run(Job(code, tests=(TestCase("", "up"),))).verdict == "pass"
    assert wait_until(lambda: not named("L1-daemon"), 5)


def test_tests_of_one_program_share_no_files_without_namespaces(client: SandboxClient) -> None:
    code = (
        "import os, tempfile\nplaces = [f'{folder}/mark' for folder in ('.', '..', tempfile.gettempdir())]\n"
        "print([place for place in places if os.path.exists(place)])\n"
        "for place in places:\n    try: open(place, 'w').close()\n    except OSError: pass\n"
    )
    assert client.run(Job(code, tests=(TestCase("", "[]"),) * 3)).verdict == "pass"


def test_nothing_is_left_of_a_server_without_namespaces() -> None:
    endless = Job("import os\nos.fork()\nwhile True: pass", tests=(TestCase("", ""),), limits=Limits(30.0))
    with (
        serving(["--workers", "1", "--require-isolation", "L1", "--backend", "process"], NO_USER_NAMESPACES) as served,
        ThreadPoolExecutor(1) as threads,
        SandboxClient(served.url, timeout_seconds=60) as client,
    ):
        place = client.run(Job("import os\nraise SystemExit(os.getcwd())", tests=(TestCase("", ""),)))
        (folder,) = re.findall(r"/\S*/openqwq-scratch[^/]*", place.tests[0].detail)
        assert os.path.isdir(folder)
        before = len(below(served.pid))
        running = threads.submit(client.run, endless)
        assert wait_until(lambda: len(below(served.pid)) > before, 10)
        family = [served.pid, *below(served.pid)]
        os.kill(served.pid, signal.SIGTERM)
        client.close()
        assert wait_until(lambda: not any(map(is_running, family)), 15), [*filter(is_running, family)]
        assert wait_until(lambda: not os.path.exists(folder), 5)
        with pytest.raises(SandboxClosed):
            running.result(30)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_no_setting_of_the_host_can_be_opened_to_write(sandbox: LocalSandbox, client: SandboxClient) -> None:
    for one in (sandbox, client):
        outcome = one.run(Job(OPEN_SETTINGS, tests=(TestCase("", "[]"),)))
        assert outcome.verdict == "pass", outcome

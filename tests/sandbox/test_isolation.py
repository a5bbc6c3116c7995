"""What the host can hold is found by trying; a host that holds less is refused in words, or served as what it is."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox import Job, Limits, LocalSandbox, SandboxClient, TestCase, check_host
from openqwq.sandbox.attacks import ATTACKS
from openqwq.sandbox.isolation.build import KINDS
from openqwq.sandbox.jobs import job_to_json
from openqwq.sandbox.languages import languages
from openqwq.sandbox.launch import ServerNotStarted, start_server
from openqwq.sandbox.loop_thread import SandboxClosed
from openqwq.sandbox.probe import LEVELS, ProbeResult, level_of
from tests.sandbox.corpus import CORRECT, ESCAPES, EXHAUSTION, HACKS, Program
from tests.sandbox.server_process import (
    HTTP,
    NO_LANDLOCK,
    NO_USER_NAMESPACES,
    ROOT,
    Served,
    below,
    end_of,
    named,
    serving,
    wait_until,
)

NOBODY = 65534
HAS_BUBBLEWRAP = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin") is not None
MODES = (
    Job("print(int(input()) * 2)", tests=(TestCase("4", "8"), TestCase("5", "10"))),
    Job("print(int(input()) * 3)", tests=(TestCase("4", "8"),)),
    Job("def twice(n): return n * 2", mode="call", entry_point="twice", tests=(TestCase([4], 8),)),
    Job("def twice(n): return n * 3", mode="call", entry_point="twice", tests=(TestCase([4], 8),)),
    Job("def twice(n): return n * 2", mode="asserts", entry_point="twice", asserts=("assert twice(4) == 8",)),
    Job("def twice(n): return n * 3", mode="asserts", entry_point="twice", asserts=("assert twice(4) == 8",)),
)
MODE_VERDICTS = ["pass", "fail"] * 3
SUM_CPP = Job(
    '#include <cstdio>\nint main() { int a, b; if (scanf("%d %d", &a, &b) == 2) printf("%d\\n", a + b); }',
    language="cpp",
    tests=(TestCase("1 2", "3"), TestCase("2 3", "5")),
)
OPEN_SETTINGS = """
import os
opened = []
for name in ("sys/kernel/core_pattern", "sys/kernel/pid_max", "sys/user/max_user_namespaces", "sysrq-trigger"):
    try: os.close(os.open(f"/proc/{name}", os.O_WRONLY)); opened.append(name)
    except OSError: pass
print(opened)
"""
"""Opened only: what a program writes there would be the host's."""
SEEN_NOT_TOUCHED = {
    "read the test that judges it",
    "read the folder that the server runs in",
    "find a shell",
    "find /sys",
    "know the host by its name",
    "write to any file of the interpreter",
}
"""They only look whether something is there, or what its mode says."""
ROOT_WITHOUT_RIGHTS = {
    "become root",
    "become root for real, in effect and saved",
    "join root's group",
    "be root",
    "the user and the home folder",
}
"""Where root alone is mapped, a program has its number, and none of its rights."""
NEED_A_VIEW_OF_THEIR_OWN = {
    "memory in files without a name",
    "memory in socket buffers of many children",
    "processes in a pool",
    "processes by the futures module",
    "a process, a queue and a shared value",
    "a process that is spawned",
    "shared memory between processes",
    "a function that uses processes",
    "children whose parent has ended, in a storm",  # below, bounded
}
"""What has no name is not counted, and there is no /dev/shm."""
NOT_AT_L1 = SEEN_NOT_TOUCHED | ROOT_WITHOUT_RIGHTS | NEED_A_VIEW_OF_THEIR_OWN


def travels(program: Program) -> bool:
    """JSON knows no sets, bytes or keys that are numbers."""
    words = " ".join(repr(part) for test in program.job.tests for part in (test.input, test.output))
    return program.job.mode != "call" or not any(sign in words for sign in ("{", "b'", "set(", "(", "j"))


def sample(programs: tuple[Program, ...], step: int) -> list[Program]:
    return [program for program in programs if travels(program) and program.name not in NOT_AT_L1][::step]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )


def wrong_verdicts(client: SandboxClient, programs: list[Program]) -> list[str]:
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(lambda program: client.run(program.job), programs))
    return [
        f"{program.name}: {outcome.verdict} {outcome.reason[-200:]}"
        for program, outcome in zip(programs, outcomes, strict=True)
        if outcome.verdict != program.verdict
    ]


# Levels.


def test_every_isolation_backend_is_attacked_and_tells_what_it_held() -> None:
    checks = {check.walls: check for check in check_host()}
    assert tuple(checks) == KINDS
    assert checks["namespaces"].level >= "L2" and checks["process"].level == "L1"
    assert (checks["bubblewrap"].level >= "L2") == HAS_BUBBLEWRAP
    for check in checks.values():
        assert check.level == level_of(check.results)
        if check.level:
            assert {result.name for result in check.results} == {attack.name for attack in ATTACKS}
        assert all(result.detail for result in check.broken)
    assert {result.level for result in checks["namespaces"].broken} <= {"L3"}


RESULTS = st.lists(st.builds(ProbeResult, st.text(max_size=3), st.sampled_from(LEVELS), st.booleans()), max_size=8)


@given(RESULTS)
def test_an_attack_that_works_at_a_level_leaves_a_lower_one(results: list[ProbeResult]) -> None:
    level = level_of(results)
    assert all(level < result.level for result in results if not result.is_held)
    above = [lowest for lowest in LEVELS if lowest > level]
    assert not above or any(not result.is_held and result.level == above[0] for result in results)


@given(RESULTS, RESULTS)
def test_more_attacks_that_work_never_raise_the_level(results: list[ProbeResult], more: list[ProbeResult]) -> None:
    worked = [ProbeResult(result.name, result.level, False) for result in more]
    assert level_of([*results, *worked]) <= level_of(results)
    held = [ProbeResult(result.name, result.level, True) for result in more]
    assert level_of([*results, *held]) == level_of(results)


def test_a_level_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ServerNotStarted, match="L3"):
        start_server(workers=1, require_isolation="L3")
    with pytest.raises(ServerNotStarted, match=r"status 3.*allowed: L0, L1, L2, L3"):
        start_server(workers=1, require_isolation="strong")


# A host without user namespaces.


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
        serving(["--workers", "1", "--require-isolation", "L1", "--walls", "process"], NO_USER_NAMESPACES) as served,
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


# Backends by name.


def test_a_backend_without_namespaces_is_refused_where_more_is_required() -> None:
    result = end_of(["--walls", "process"])
    assert result.returncode == 3, result.stderr
    assert "this host reaches L1" in result.stderr and "see that a file of the host exists" in result.stderr


def test_a_backend_without_namespaces_reaches_l1_here() -> None:
    with start_server(1, require_isolation="L1", walls="process") as server, SandboxClient(server.url) as client:
        assert client.isolation == "L1"
        assert [outcome.verdict for outcome in client.run_many(MODES)] == MODE_VERDICTS


def test_a_host_without_landlock_is_used_where_no_level_is_asked_for() -> None:
    result = end_of(["--walls", "process", "--require-isolation", "L1"], NO_LANDLOCK)
    is_marked = os.path.exists("/dev/shm/mark")
    if is_marked:  # by the attack that leaves a file for the next test: every later attack would find it
        os.unlink("/dev/shm/mark")
    assert result.returncode == 3, result.stderr
    assert "this host reaches L0" in result.stderr and "read a file of the host" in result.stderr
    words = ["--workers", "1", "--walls", "process", "--require-isolation", "L0"]
    with serving(words, NO_LANDLOCK) as served, SandboxClient(served.url) as client:
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/dev/shm/mark")
        assert client.isolation == "L0"
        assert [outcome.verdict for outcome in client.run_many(MODES)] == MODE_VERDICTS
    assert not is_marked, "trying the attacks left a file on the host"


@pytest.fixture(scope="module")
def wrapped() -> Iterator[SandboxClient]:
    if not HAS_BUBBLEWRAP:
        pytest.skip("bwrap is not installed")
    with start_server(1, walls="bubblewrap") as server, SandboxClient(server.url) as client:
        yield client


@pytest.mark.skipif(HAS_BUBBLEWRAP, reason="bwrap is installed")
def test_bubblewrap_that_is_absent_is_refused_as_such() -> None:
    result = end_of(["--walls", "bubblewrap"])
    assert result.returncode == 3 and "bwrap is not installed" in result.stderr


def test_bubblewrap_holds_as_much_as_our_own_namespaces(wrapped: SandboxClient) -> None:
    assert wrapped.isolation >= "L2"
    assert [outcome.verdict for outcome in wrapped.run_many(MODES)] == MODE_VERDICTS
    if any(one.name == "cpp" and one.version for one in languages()):
        assert wrapped.run(SUM_CPP).verdict == "pass"
    assert wrong_verdicts(wrapped, [one for one in ESCAPES if "/proc/sys" not in one.job.code][::20]) == []


def test_no_setting_of_the_host_can_be_opened_to_write_behind_bubblewrap(wrapped: SandboxClient) -> None:
    outcome = wrapped.run(Job(OPEN_SETTINGS, tests=(TestCase("", "[]"),)))
    assert outcome.verdict == "pass", outcome


def test_no_setting_of_the_host_can_be_opened_to_write(sandbox: LocalSandbox, client: SandboxClient) -> None:
    for one in (sandbox, client):
        outcome = one.run(Job(OPEN_SETTINGS, tests=(TestCase("", "[]"),)))
        assert outcome.verdict == "pass", outcome


def test_a_backend_that_does_not_exist_is_refused() -> None:
    result = end_of(["--walls", "paper"])
    assert result.returncode == 2 and "namespaces" in result.stderr


# A server without rights.


def interpreter_for_nobody() -> str:
    """One of this version that any user can start: a virtual environment in root's home is out of reach."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for interpreter in (sys.executable, *(f"{folder}/{version}" for folder in ("/usr/bin", "/usr/local/bin"))):
        command = [interpreter, "-c", "import sys; print(sys.version_info[:2])"]
        try:
            answer = subprocess.run(
                command,
                capture_output=True,
                text=True,
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                cwd="/",
                check=False,
            )
        except OSError:
            continue
        if answer.stdout.strip() == str(sys.version_info[:2]):
            return interpreter
    return ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as another user")
@pytest.mark.parametrize(("walls", "level"), [("auto", "L2"), ("process", "L1")])
def test_a_server_without_rights_holds_the_same_programs(walls: str, level: str) -> None:
    interpreter = interpreter_for_nobody()
    if not interpreter:
        with pytest.raises((RuntimeError, OSError), match=r"did not start|Permission denied"), serving([], user=NOBODY):
            pass
        return
    packages = str(Path(httpx.__file__).parents[1])
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{packages}", "PATH": "/usr/bin:/bin"}
    words = ["--workers", "2", "--require-isolation", level, "--walls", walls]
    with (
        serving(words, interpreter=interpreter, environment=environment, user=NOBODY) as served,
        SandboxClient(served.url) as client,
    ):
        assert client.isolation == level
        assert Path(f"/proc/{served.pid}").stat().st_uid == NOBODY
        assert [outcome.verdict for outcome in client.run_many(MODES)] == MODE_VERDICTS
        chosen = sample(HACKS, 40) + sample(ESCAPES, 8) + sample(EXHAUSTION, 20) + sample(CORRECT, 30)
        assert wrong_verdicts(client, chosen) == []


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, openqwq.sandbox\n"
        "heavy = {'fastapi', 'uvicorn', 'httpx', 'torch', 'ray', 'asyncio'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    assert run_python(code).stdout.strip() == "[]"


def test_importing_the_folder_by_its_bare_name_names_the_right_import() -> None:
    assert "import openqwq.sandbox" in run_python("import sandbox").stderr

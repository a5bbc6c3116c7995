"""Isolation backends by name: what each reaches, and what it is refused for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from benchmarks.server_process import serving
from openqwq.sandbox import Job, SandboxClient, TestCase
from openqwq.sandbox.languages import languages
from openqwq.sandbox.launch import start_server
from openqwq.sandbox.probe import HostCheck
from tests.sandbox.corpus import ESCAPES
from tests.sandbox.isolation_samples import HAS_BUBBLEWRAP, MODE_VERDICTS, MODES, OPEN_SETTINGS, wrong_verdicts
from tests.sandbox.weak_hosts import NO_LANDLOCK, end_of

SUM_CPP = Job(
    '#include <cstdio>\nint main() { int a, b; if (scanf("%d %d", &a, &b) == 2) printf("%d\\n", a + b); }',
    language="cpp",
    tests=(TestCase("1 2", "3"), TestCase("2 3", "5")),
)


def test_a_backend_without_namespaces_is_refused_where_more_is_required() -> None:
    result = end_of(["--backend", "process"])
    assert result.returncode == 3, result.stderr
    assert "this host reaches L1" in result.stderr and "see that a file of the host exists" in result.stderr


def test_a_backend_without_namespaces_reaches_l1_here() -> None:
    with start_server(1, require_isolation="L1", backend="process") as server, SandboxClient(server.url) as client:
        assert client.isolation == "L1"
        assert [outcome.verdict for outcome in client.run_many(MODES)] == MODE_VERDICTS


def test_a_host_without_landlock_is_used_where_no_level_is_asked_for() -> None:
    result = end_of(["--backend", "process", "--require-isolation", "L1"], NO_LANDLOCK)
    is_marked = os.path.exists("/dev/shm/mark")
    if is_marked:  # by the attack that leaves a file for the next test: every later attack would find it
        os.unlink("/dev/shm/mark")
    assert result.returncode == 3, result.stderr
    assert "this host reaches L0" in result.stderr and "read a file of the host" in result.stderr
    words = ["--workers", "1", "--backend", "process", "--require-isolation", "L0"]
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
    with start_server(1, backend="bubblewrap") as server, SandboxClient(server.url) as client:
        yield client


@pytest.mark.skipif(HAS_BUBBLEWRAP, reason="bwrap is installed")
def test_bubblewrap_that_is_absent_is_refused_as_such() -> None:
    result = end_of(["--backend", "bubblewrap"])
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


def test_a_backend_that_does_not_exist_is_refused() -> None:
    result = end_of(["--backend", "paper"])
    assert result.returncode == 2 and "namespaces" in result.stderr


def test_the_old_names_of_the_backend_are_taken_with_a_warning() -> None:
    result = end_of(["--walls", "process"])
    assert result.returncode == 3 and "--walls is now --backend" in result.stderr
    with pytest.warns(FutureWarning, match="now start_server"):
        start_server(1, require_isolation="L1", walls="process").stop()
    with pytest.warns(FutureWarning, match=r"now HostCheck\.backend"):
        assert HostCheck("process", "L1", ()).walls == "process"

"""What programs that run at the same time see of each other through files that the host shows to all of them."""

from __future__ import annotations

import pytest

from openqwq.sandbox import Job, Limits, LocalSandbox, TestCase

LOCK = """
import fcntl, os, struct, sys, time
path = {path}
kept = os.open(path, os.O_RDONLY)
seen = []
try: fcntl.flock(kept, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError: seen.append('flock')
kind, *_ = struct.unpack('hhqqi4x', fcntl.fcntl(kept, fcntl.F_GETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)))
if kind != fcntl.F_UNLCK: seen.append('getlk')
fcntl.fcntl(kept, fcntl.F_SETLK, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 0, 0, 0))
time.sleep(0.4)
print(*seen or ['alone'])
"""
PATHS = ("os.__file__", "sys.executable", "'/usr/lib'", "os.path.dirname(os.__file__)", "'/'", "'/etc'")


def printed(sandbox: LocalSandbox, code: str, wanted: str, count: int) -> set[str]:
    """What the tests of one program, spread over both workers, found."""
    tests = (TestCase("", wanted),) * count
    outcome = sandbox.run(Job(code, tests=tests, limits=Limits(4.0), stop_on_first_failure=False))
    return {test.detail for test in outcome.tests}


@pytest.fixture(scope="module")
def has_overlays(sandbox: LocalSandbox) -> None:
    code = "print('overlay' if ' - overlay overlay ' in open('/proc/self/mountinfo').read() else 'bound')"
    if printed(sandbox, code, "overlay", 1) != {""}:
        pytest.skip("this host mounts no overlays in a user namespace")


@pytest.mark.parametrize("path", PATHS)
def test_a_lock_on_a_file_of_the_host_is_not_seen_by_others(
    sandbox: LocalSandbox, has_overlays: None, path: str
) -> None:
    assert printed(sandbox, LOCK.format(path=path), "alone", 4) == {""}


def test_the_list_of_mounts_names_no_path_of_the_host(sandbox: LocalSandbox, has_overlays: None) -> None:
    code = "import os, sys\nlines = open('/proc/self/mountinfo').read().splitlines()\n"
    code += "homes = {os.path.dirname(os.__file__), os.path.dirname(sys.executable)}\n"
    code += "print(*({line.split()[3] for line in lines} & homes or ['none']))"
    assert printed(sandbox, code, "none", 1) == {""}


def test_a_program_locks_its_own_files_and_is_kept_out_by_its_own_locks(sandbox: LocalSandbox) -> None:
    code = (
        "import fcntl, sqlite3\nfirst, second = open('own', 'w'), open('own', 'w')\n"
        "fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "try: fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept BlockingIOError: print('kept out')\n"
        "sqlite3.connect('base').execute('create table a (b)')\n"
    )
    assert printed(sandbox, code, "kept out", 2) == {""}


def test_to_flush_all_disks_does_nothing(sandbox: LocalSandbox) -> None:
    assert printed(sandbox, "import os\nos.sync()\nprint('on')", "on", 1) == {""}

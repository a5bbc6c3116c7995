"""What the host can hold is found by trying, and a host that holds less is refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openqwq.sandbox import check_host
from openqwq.sandbox.launch import ServerNotStarted, start_server

ROOT = Path(__file__).absolute().parents[2]
NO_NAMESPACES = (
    "import os, sys, runpy\n"
    "from openqwq.sandbox import syscalls\n"
    "user, group = os.geteuid(), os.getegid()\n"
    "syscalls._check(syscalls._libc.unshare(syscalls.CLONE_NEWUSER), 'unshare')\n"
    "open('/proc/self/setgroups', 'w').write('deny')\n"
    "open('/proc/self/uid_map', 'w').write(f'0 {user} 1')\n"
    "open('/proc/self/gid_map', 'w').write(f'0 {group} 1')\n"
    "open('/proc/sys/user/max_user_namespaces', 'w').write('0')\n"
    "from openqwq.sandbox.server import main\n"
    "sys.exit(main(['--port', '0', '--workers', '1']))\n"
)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )


def test_every_attack_on_this_host_is_held() -> None:
    broken = [result for result in check_host() if not result.is_held]
    assert broken == []


def test_a_server_without_user_namespaces_refuses_and_says_why() -> None:
    result = run_python(NO_NAMESPACES)
    assert result.returncode == 3, result.stderr
    assert "user.max_user_namespaces is 0" in result.stderr
    assert "isolation L2" in result.stderr


def test_a_level_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ServerNotStarted, match="L3"):
        start_server(workers=1, require_isolation="L3")


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, openqwq.sandbox\n"
        "heavy = {'fastapi', 'uvicorn', 'httpx', 'torch', 'ray', 'asyncio'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    assert run_python(code).stdout.strip() == "[]"


def test_importing_the_folder_by_its_bare_name_names_the_right_import() -> None:
    assert "import openqwq.sandbox" in run_python("import sandbox").stderr

"""`make test` runs in several processes: every file that starts Ray goes to the same one, and a failure is readable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import IN_ONE_PROCESS, SLOW

ROOT = Path(__file__).absolute().parents[1]
STARTS_RAY = re.compile(
    r"ray\.init\(|initialize_head|RayWorkerGroup\(|start_ray\(|^def test_a_run_on_ray", re.MULTILINE
)
INNER = """
import os

def test_right():
    print(__name__.rpartition(".")[2], "of", os.environ["PYTEST_XDIST_WORKER"])

def test_wrong():
    assert 6 * 7 == int("41"), "the sum is wrong"
"""


def test_every_file_that_starts_ray_is_run_by_one_process() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    starting = [name for name in files if name != "tests/test_processes_of_the_tests.py"
                and STARTS_RAY.search((ROOT / name).read_text())]  # fmt: skip
    assert len(starting) >= 5
    assert [name for name in starting if not name.startswith(IN_ONE_PROCESS)] == []


def test_the_files_that_are_named_exist() -> None:
    assert [name for name in (*IN_ONE_PROCESS, *SLOW) if not (ROOT / name).exists()] == []


def test_files_that_start_ray_share_a_process_and_a_failure_is_shown_with_its_values(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name in ("a_first/test_one.py", "training/cluster/test_two.py", "training/cluster/test_three.py"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).write_text(INNER)
    (tmp_path / "tests" / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-rA", "-q"]
    done = subprocess.run(command, cwd=tmp_path, env=outside, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1 and "3 failed, 3 passed" in done.stdout
    assert (
        "FAILED tests/training/cluster/test_two.py::test_wrong - " in done.stdout and "the sum is wrong" in done.stdout
    )
    assert "assert (6 * 7) == 41" in done.stdout
    workers = dict(re.findall(r"^(test_\w+) of (gw\d)$", done.stdout, re.MULTILINE))
    assert workers["test_two"] == workers["test_three"] != workers["test_one"]

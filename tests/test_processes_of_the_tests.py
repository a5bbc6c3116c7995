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
    print("of", os.environ["PYTEST_XDIST_WORKER"])

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


def test_files_stay_whole_and_a_failure_in_a_process_is_shown_with_its_values(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(INNER)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-rA", "-q"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=tmp_path, env=outside, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "2 failed, 2 passed" in done.stdout
    assert "FAILED test_one.py::test_wrong - AssertionError: the sum is wrong" in done.stdout
    assert "assert (6 * 7) == 41" in done.stdout
    workers = re.findall(r"^of (gw\d)$", done.stdout, re.MULTILINE)
    assert sorted(workers) == ["gw0", "gw1"]

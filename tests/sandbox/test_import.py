"""Importing the package is light, and only by its full name."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.server_process import ROOT


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, openqwq.sandbox\n"
        "heavy = {'starlette', 'uvicorn', 'httpx2', 'httpx', 'torch', 'ray', 'asyncio'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    assert run_python(code).stdout.strip() == "[]"


def test_importing_the_folder_by_its_bare_name_names_the_right_import() -> None:
    assert "import openqwq.sandbox" in run_python("import sandbox").stderr

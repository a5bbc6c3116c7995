"""The launch scripts as programs, for the tests of this folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts" / "cluster"


def run(script: str, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A script with arguments; `path` is a folder of stand-ins for the programs that it calls, and its home."""
    environment = dict(os.environ)
    if path is not None:
        environment = {name: value for name, value in environment.items() if not name.startswith("RAY_")}
        environment |= {"PATH": f"{path}:{environment['PATH']}", "HOME": str(path)}
    return subprocess.run(
        ["bash", str(SCRIPTS / script), *words], capture_output=True, text=True, env=environment, timeout=30
    )


def planner_that(answers: str, folder: Path) -> Path:
    """A stand-in for `openqwq`."""
    folder.joinpath("openqwq").write_text(f"#!/bin/sh\n[ $1 = plan ] && {answers}\n")
    folder.joinpath("openqwq").chmod(0o755)
    return folder

"""A server that runs as nobody holds the same programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from benchmarks.server_process import ROOT, serving
from openqwq.sandbox import SandboxClient
from tests.sandbox.corpus import CORRECT, ESCAPES, EXHAUSTION, HACKS
from tests.sandbox.isolation_samples import MODE_VERDICTS, MODES, sample, wrong_verdicts

NOBODY = 65534


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
@pytest.mark.parametrize(("backend", "level"), [("auto", "L2"), ("process", "L1")])
def test_a_server_without_rights_holds_the_same_programs(backend: str, level: str) -> None:
    interpreter = interpreter_for_nobody()
    if not interpreter:
        with pytest.raises((RuntimeError, OSError), match=r"did not start|Permission denied"), serving([], user=NOBODY):
            pass
        return
    packages = str(Path(httpx2.__file__).parents[1])
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{packages}", "PATH": "/usr/bin:/bin"}
    words = ["--workers", "2", "--require-isolation", level, "--backend", backend]
    with (
        serving(words, interpreter=interpreter, environment=environment, user=NOBODY) as served,
        SandboxClient(served.url) as client,
    ):
        assert client.isolation == level
        assert Path(f"/proc/{served.pid}").stat().st_uid == NOBODY
        assert [outcome.verdict for outcome in client.run_many(MODES)] == MODE_VERDICTS
        chosen = sample(HACKS, 40) + sample(ESCAPES, 8) + sample(EXHAUSTION, 20) + sample(CORRECT, 30)
        assert wrong_verdicts(client, chosen) == []

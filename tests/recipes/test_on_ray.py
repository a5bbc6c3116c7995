"""The whole recipe on Ray: killed with its work under way, resumed, and a step of it replayed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from openqwq.training.answers.files import read_answers
from openqwq.training.cli import main
from tests.recipes.small_rl import SHORT, steps_of

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 600.0
"""Only for what hangs."""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[list[str]]:
    """The smoke recipe on Ray, with a Stage 1 long enough to be killed in its middle while workers sample later steps;
    the paths of the interpreter and of the run folder contain spaces."""
    prefix = tmp_path / "an interpreter"
    prefix.symlink_to(sys.prefix)
    python = str(prefix / "bin" / "python")
    yield [python, "-m", "openqwq.training.cli", "run", "smoke", *SHORT, "stages.stage1.steps=4",
           "stages.stage1.prompts_per_step=4", "stages.stage1.schedule={kind: async, max_staleness: 2}",
           "stages.stage2.schedule={kind: partial}", "--run-dir", str(tmp_path / "run on ray")]  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not path.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"{path} did not appear: {log.read_text()}"
        time.sleep(0.05)


def test_a_run_on_ray_that_is_killed_in_stage_1_goes_on_from_its_last_checkpoint(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, log = tmp_path / "run on ray", tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
        wait_for(run / "checkpoints" / "stage1" / "step_2", process, log)
        family = {}
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # a jail's processes come and go
                family[child] = child.cmdline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    # Ray's own idle agents notice after a minute; everything that works or holds the folder must be gone by then.
    workers = [child for child, words in family.items() if words and not words[0].endswith("Agent")]
    _, left = psutil.wait_procs(workers, timeout=60)
    assert not left, [family[child] for child in left]
    assert json.loads((run / "summary.json").read_text())["status"] == "running"
    again = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "cold_start: done in an earlier session" in again.stdout
    resumed = [line for line in again.stdout.splitlines() if line.startswith("stage1: resuming after step")]
    assert len(resumed) == 1 and int(resumed[0].split()[-1]) >= 2
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "completed"
    assert [stage["name"] for stage in summary["stages"]] == ["cold_start", "stage1", "reward_model", "stage2"]
    assert steps_of(run, "stage1") == [1, 2, 3, 4]
    sampled = list(read_answers(run / "rollouts" / "stage1" / "step_4.jsonl.gz"))
    assert {rollout.weights_version for rollout in sampled} == {2}  # sampled while step 3 was trained
    assert main(["replay", str(run), "--step", "4", "--stage", "stage1"]) == 0
    assert "stage1 step 4: identical" in capsys.readouterr().out

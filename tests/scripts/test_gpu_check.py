"""The GPU check, rehearsed on a CPU with tiny shapes: what it writes, resumes and prints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_measurements
from scripts import gpu_check

REHEARSAL = gpu_measurements.Machine("cpu", gpu_measurements.GPUS["h100"], is_rehearsal=True)


@pytest.fixture(autouse=True)
def few_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = (
        "calibration",
        "head H=896 T=4096",
        "two layers of 32B",
        "decode 1.5B batch=1",
        "sync 1.5B through the host",
    )
    every = gpu_check.checks()
    monkeypatch.setattr(gpu_check, "checks", lambda: {name: every[name] for name in wanted})


def test_every_record_is_written_and_a_second_call_takes_only_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "check.jsonl"
    assert gpu_check.measure(REHEARSAL, out, time.monotonic() + 600) == 0
    lines = out.read_text().splitlines()
    assert len(lines) == len(gpu_check.checks())
    out.write_text("\n".join(lines[1:]) + "\n")
    assert gpu_check.measure(REHEARSAL, out, time.monotonic() + 600) == 0
    again = out.read_text().splitlines()
    assert again[:-1] == lines[1:] and json.loads(again[-1])["name"] == "calibration"
    assert gpu_check.table(out).count("\n| ") == len(lines) + 1


def test_nothing_is_begun_that_would_end_after_the_time_given(tmp_path: Path) -> None:
    assert gpu_check.measure(REHEARSAL, tmp_path / "check.jsonl", time.monotonic() + 1) == 0
    assert not (tmp_path / "check.jsonl").exists()


def test_a_measurement_that_fails_is_a_record_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(machine: gpu_measurements.Machine) -> gpu_measurements.Record:
        raise RuntimeError("out of memory")

    checks = {"first": (1.0, fails), "second": (1.0, gpu_measurements.calibration)}
    monkeypatch.setattr(gpu_check, "checks", lambda: checks)
    assert gpu_check.measure(REHEARSAL, tmp_path / "check.jsonl", time.monotonic() + 60) == 1
    first, second = gpu_check.read(tmp_path / "check.jsonl")
    assert "out of memory" in first["error"] and second["matmul_tflops"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")
def test_without_cuda_it_says_so() -> None:
    script = Path(__file__).parents[2] / "scripts" / "gpu_check.py"
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 2 and "no CUDA device" in ended.stderr

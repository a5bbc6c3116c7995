"""The launch scripts without their schedulers: rendered, parsed, and run against stand-ins for their programs."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

SCRIPTS = Path(__file__).parents[2] / "scripts" / "cluster"
COMMANDS = ("start_ray.sh", "slurm.sh", "kuberay.sh", "ray_job.sh")


def run(script: str, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if path is not None:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(
        ["bash", str(SCRIPTS / script), *words], capture_output=True, text=True, env=environment, timeout=30
    )


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """Programs named `ray` and `sbatch` that print their arguments, their settings and what they are given."""
    for name in ("ray", "sbatch"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "$0 $*"\nenv | grep "^RAY_\\|^NCCL_"\n[ -t 0 ] || cat\n')
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("script", [*COMMANDS, "environment.sh"])
def test_every_script_is_valid_bash(script: str) -> None:
    assert subprocess.run(["bash", "-n", str(SCRIPTS / script)], capture_output=True).returncode == 0


@pytest.mark.parametrize("script", COMMANDS)
def test_every_script_helps_and_refuses_nonsense(script: str) -> None:
    helped = run(script, "--help")
    assert helped.returncode == 0 and helped.stdout.startswith(f"usage: {script}")
    refused = run(script, "--nonsense")
    assert refused.returncode == 2 and "usage:" in refused.stderr


def test_ray_is_started_with_tight_health_checks_and_without_statistics(stand_ins: Path) -> None:
    head = run("start_ray.sh", "head", "--port", "7000", "--num-cpus=2", path=stand_ins).stdout
    assert "ray start --head --port=7000 --include-dashboard=false --disable-usage-stats --num-cpus=2" in head
    assert (
        "RAY_USAGE_STATS_ENABLED=0" in head and "RAY_health_check_period_ms=1000" in head and "NCCL_DEBUG=WARN" in head
    )
    worker = run("start_ray.sh", "worker", "10.0.0.1:7000", path=stand_ins).stdout
    assert "ray start --address=10.0.0.1:7000 --disable-usage-stats" in worker


def test_a_slurm_job_starts_one_ray_a_node_and_the_run_on_the_first(stand_ins: Path) -> None:
    submitted = run("slurm.sh", "--nodes", "4", "--partition", "gpu", "smoke", "name=a b", path=stand_ins)
    job = submitted.stdout
    for line in (
        "#SBATCH --nodes=4",
        "#SBATCH --gpus-per-node=8",
        "#SBATCH --partition=gpu",
        "#SBATCH --signal=B:TERM@300",
        "openqwq run smoke name=a\\ b  cluster.address=auto &",
    ):
        assert line in job, job
    text = run("slurm.sh", "--nodes", "4", "--print", "smoke").stdout
    assert "#SBATCH --partition" not in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).returncode == 0


def test_a_rayjob_has_a_head_without_gpus_and_as_many_workers_as_asked() -> None:
    rendered = run("kuberay.sh", "--workers", "16", "--image", "img:1", "--claim", "runs", "qwq_32b/nodes_16", "seed=1")
    manifest = yaml.safe_load(rendered.stdout)
    cluster = manifest["spec"]["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    assert manifest["kind"] == "RayJob" and group["replicas"] == 16
    assert shlex.split(manifest["spec"]["entrypoint"])[:5] == [
        "openqwq", "run", "qwq_32b/nodes_16", "seed=1", "cluster.address=auto"
    ]  # fmt: skip
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-gpus": "0"}
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 8
    names = {entry["name"] for entry in container["env"]}
    assert {"RAY_USAGE_STATS_ENABLED", "RAY_health_check_period_ms", "NCCL_DEBUG", "HF_HOME"} <= names


def test_a_job_is_submitted_with_this_checkout_as_its_working_directory() -> None:
    words = shlex.split(run("ray_job.sh", "--address", "http://h:8265", "--print", "smoke", "seed=2").stdout)
    assert words[:5] == ["ray", "job", "submit", "--address", "http://h:8265"]
    assert words[words.index("--working-dir") + 1] == str(SCRIPTS.parents[1])
    assert words[-3:] == ["smoke", "seed=2", "cluster.address=auto"]

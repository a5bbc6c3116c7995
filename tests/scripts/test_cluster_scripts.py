"""The launch scripts without their schedulers: rendered, parsed, and run against stand-ins for their programs."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.cluster_scripts import SCRIPTS, planner_that, run

COMMANDS = ("start_ray.sh", "slurm.sh", "kuberay.sh", "ray_job.sh")


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """Programs named `ray` and `sbatch` that print their arguments, their settings and what they are given."""
    for name in ("ray", "sbatch"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "$0 $*"\nenv | grep "^RAY_\\|^NCCL_"\n[ -t 0 ] || cat\n')
        program.chmod(0o755)
    planner_that("echo 1200", tmp_path)
    return tmp_path


@pytest.mark.parametrize("script", [*COMMANDS, "environment.sh", "stop_bound.sh"])
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
    assert "RAY_AUTH_MODE=token" in head
    token = stand_ins / ".ray" / "auth_token"
    assert len(token.read_text()) == 64 and token.stat().st_mode & 0o077 == 0
    assert "wrote" not in run("start_ray.sh", "head", path=stand_ins).stderr, "a token that is there is kept"


@pytest.fixture
def head() -> Iterator[str]:
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_machine_joins_with_the_token_of_the_head(stand_ins: Path, head: str) -> None:
    run("start_ray.sh", "head", path=stand_ins)
    worker = run("start_ray.sh", "worker", head, path=stand_ins).stdout
    assert f"ray start --address={head} --disable-usage-stats" in worker and "RAY_AUTH_MODE=token" in worker


@pytest.mark.parametrize(
    ("ray", "has_token", "said"),
    [
        ("true", False, "auth_token is missing; copy it from the machine of the head"),
        ("echo 'AuthenticationError: InvalidAuthToken' >&2; exit 1", True, "has another token than this machine"),
        ("echo 'lines'; echo 'no version' >&2; exit 1", True, "no Ray answers at 127.0.0.1:"),
    ],
)
def test_a_machine_that_may_not_join_says_why_in_one_line(
    stand_ins: Path, head: str, ray: str, has_token: bool, said: str
) -> None:
    if has_token:
        run("start_ray.sh", "head", path=stand_ins)
    (stand_ins / "ray").write_text(f"#!/bin/sh\n{ray}\n")
    refused = run("start_ray.sh", "worker", head, path=stand_ins)
    assert refused.returncode == 1 and refused.stdout == ""
    assert refused.stderr.count("\n") == 1 and said in refused.stderr


@pytest.mark.parametrize(("address", "said"), [("127.0.0.1:1", "nothing answers"), ("somewhere", "HOST:PORT")])
def test_a_machine_does_not_wait_for_a_wrong_address(stand_ins: Path, address: str, said: str) -> None:
    run("start_ray.sh", "head", path=stand_ins)
    refused = run("start_ray.sh", "worker", address, path=stand_ins)
    assert refused.returncode == 1 and said in refused.stderr


def test_a_slurm_job_starts_one_ray_a_node_and_the_run_on_the_first(stand_ins: Path) -> None:
    submitted = run("slurm.sh", "--nodes", "4", "--partition", "gpu", "smoke", "name=a b", path=stand_ins)
    job = submitted.stdout
    for line in (
        "#SBATCH --nodes=4",
        "#SBATCH --gpus-per-node=8",
        "#SBATCH --partition=gpu",
        "#SBATCH --signal=B:TERM@1260",
        "openqwq run smoke name=a\\ b --run-dir runs/smoke  cluster.address=auto cluster.stop_within=1200s &",
        "#SBATCH --requeue",
    ):
        assert line in job, job
    text = run("slurm.sh", "--nodes", "4", "--print", "smoke", path=stand_ins).stdout
    assert "#SBATCH --partition" not in text and "singleton" not in text and "\n\n" not in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).returncode == 0


def test_a_run_longer_than_a_job_is_queued_as_several_of_one_name(stand_ins: Path) -> None:
    words = ("--nodes", "2", "--jobs", "3", "--account", "a", "--qos", "q", "--lead", "1800", "--log", "logs/%j.out",
             "--run-dir", "runs/mine", "--sbatch", "--constraint=h100", "qwq_32b/nodes_16")  # fmt: skip
    submitted = run("slurm.sh", *words, path=stand_ins).stdout
    assert submitted.count("#SBATCH --dependency=singleton") == 3
    for line in (
        "#SBATCH --job-name=openqwq-nodes_16",
        "#SBATCH --account=a",
        "#SBATCH --qos=q",
        "#SBATCH --constraint=h100",
        "#SBATCH --output=logs/%j.out",
        "#SBATCH --signal=B:TERM@1800",
        "--run-dir runs/mine",
    ):
        assert submitted.count(f"{line}\n") == 3 or line.startswith("--run-dir"), submitted


@pytest.mark.parametrize(
    ("words", "lead", "within"),
    [
        ([], 1260, " cluster.stop_within=1200s"),
        (["cluster.stop_within=null"], 1260, " cluster.stop_within=1200s"),
        (["cluster.stop_within=2m"], 180, ""),
        (["cluster.stop_within=1h30m"], 5460, ""),
        (["cluster.stop_within=45"], 105, ""),
        (["cluster.stop_within=1.5 hours"], 5460, ""),
        (["--lead", "1800"], 1800, " cluster.stop_within=1740s"),
        (["--lead", "60"], 60, " cluster.stop_within=30s"),
        (["--lead", "200", "cluster.stop_within=2m"], 200, ""),
    ],
)
def test_a_slurm_job_is_told_to_stop_a_minute_before_its_run_needs_it(
    words: list[str], lead: int, within: str, stand_ins: Path
) -> None:
    options, changes = [w for w in words if "=" not in w], [w for w in words if "=" in w]
    job = run("slurm.sh", "--nodes", "1", "--print", *options, "smoke", *changes, path=stand_ins).stdout
    assert f"#SBATCH --signal=B:TERM@{lead}\n" in job and f"cluster.address=auto{within} &\n" in job


def test_a_bound_that_a_recipe_file_says_is_taken_from_it(tmp_path: Path, stand_ins: Path) -> None:
    mine = tmp_path / "mine.yaml"
    for text, lead in (
        ("extends: smoke\ncluster: {address: auto, stop_within: '10m'}  # a large model\n", 660),
        ("extends: smoke\n# stop_within: 10m\ncluster: {stop_within: null}\n", 1260),
    ):
        mine.write_text(text)
        assert f"TERM@{lead}\n" in run("slurm.sh", "--nodes", "1", "--print", str(mine), path=stand_ins).stdout


@pytest.mark.parametrize("answers", ["exit 1", "echo nonsense", "echo"])
def test_without_an_answer_of_the_planner_the_job_says_which_bound_it_took(answers: str, tmp_path: Path) -> None:
    made = run("slurm.sh", "--nodes", "1", "--print", "smoke", path=planner_that(answers, tmp_path))
    assert "TERM@300\n" in made.stdout and "cluster.stop_within=240s &\n" in made.stdout
    assert made.stderr.count("\n") == 1 and "so cluster.stop_within is 240 s" in made.stderr


def test_a_lead_that_is_too_short_or_a_bound_that_is_no_duration_is_refused() -> None:
    short = run("slurm.sh", "--nodes", "1", "--print", "--lead", "100", "smoke", "cluster.stop_within=2m")
    assert short.returncode == 2 and "--lead 100 is not longer than cluster.stop_within=2m" in short.stderr
    wrong = run("slurm.sh", "--nodes", "1", "--print", "smoke", "cluster.stop_within=soon")
    assert wrong.returncode == 2 and "cluster.stop_within=soon is no duration" in wrong.stderr


def test_a_job_is_submitted_with_this_checkout_as_its_working_directory() -> None:
    words = shlex.split(run("ray_job.sh", "--address", "http://h:8265", "--print", "smoke", "seed=2").stdout)
    assert words[:5] == ["ray", "job", "submit", "--address", "http://h:8265"]
    assert words[words.index("--working-dir") + 1] == str(SCRIPTS.parents[1])
    assert words[-3:] == ["smoke", "seed=2", "cluster.address=auto"]

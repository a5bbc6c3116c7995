"""The first hour of docs/running_on_a_cluster.md as far as it goes without a Ray: commands print what the page says.
`python -m benchmarks.first_hour` walks the rest on network namespaces."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.first_hour import absent, table
from openqwq.training.cli import main
from tests.scripts.cluster_scripts import run


@pytest.fixture
def head() -> Iterator[str]:
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_the_page_has_its_steps_in_order() -> None:
    rows = table()
    assert list(rows) == list(range(1, 9))
    assert [number for number, row in rows.items() if "start_ray.sh" in row.command] == [3, 4]
    assert absent(rows[5].prints, "18 processes find a place on the 3 node(s)\n") == []
    assert absent(rows[5].prints, "processes find a place on the 3 node(s)\n") != []


def test_a_plan_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "smoke", "--nodes", "4"]) == 0
    assert absent(table()[2].prints, capsys.readouterr().out) == []


def test_a_head_and_a_machine_that_may_not_join_print_what_the_page_says(tmp_path: Path, head: str) -> None:
    ray = tmp_path / "ray"
    ray.write_text("#!/bin/sh\n[ $1 = start ] || { echo InvalidAuthToken >&2; exit 1; }\n")
    ray.chmod(0o755)
    told = [run("start_ray.sh", "worker", head, path=tmp_path)]
    started = run("start_ray.sh", "head", path=tmp_path)
    told += [run("start_ray.sh", "worker", address, path=tmp_path) for address in (head, "127.0.0.1:1")]
    assert absent(table()[3].prints, started.stdout + started.stderr, tmp_path) == []
    assert absent(table()[4].otherwise, "".join(one.stderr for one in told)) == []
    assert all(one.returncode == 1 and one.stderr.count("\n") == 1 for one in told)

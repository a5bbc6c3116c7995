"""A server with several clients: fair to all, healthy when busy, free again when one leaves."""

from __future__ import annotations

import json

from benchmarks.server_process import wait_until
from openqwq.sandbox import Job, Limits, ServerHandle, TestCase
from openqwq.sandbox.wire import job_to_json
from tests.sandbox.host_processes import named
from tests.sandbox.requests_of_jobs import DOUBLE, HTTP, is_well, marked, running


def test_a_large_batch_does_not_keep_another_clients_job_waiting_behind_it(lonely: ServerHandle) -> None:
    slow = job_to_json(Job("import time; time.sleep(0.03); print(9)", tests=(TestCase("", "9"),)))
    with HTTP.stream("POST", f"{lonely.url}/v1/batch", json={"jobs": [slow] * 200}, timeout=30) as batch:
        lines = batch.iter_lines()
        next(lines)
        before = num_judged(lonely)
        assert is_well(lonely)
        assert num_judged(lonely) - before < 50
        assert json.loads(next(lines))["verdict"] == "pass"
    assert is_well(lonely)


def num_judged(server: ServerHandle) -> int:
    lines = HTTP.get(f"{server.url}/metrics").text.splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("sandbox_runs_total{"))


def test_a_busy_server_is_healthy(lonely: ServerHandle) -> None:
    assert is_well(lonely)
    with running(lonely, "health-busy"):
        for _ in range(3):
            answer = HTTP.get(f"{lonely.url}/health", timeout=5)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert HTTP.get(f"{lonely.url}/metrics", timeout=5).status_code == 200
        assert HTTP.get(f"{lonely.url}/v1/languages", timeout=5).status_code == 200
        assert named("health-busy")


def test_a_client_that_leaves_in_the_middle_of_a_batch_frees_the_workers(server: ServerHandle) -> None:
    endless = marked("batch-left", "while True: pass", limits=Limits(60.0))
    jobs = [DOUBLE, *[endless] * 20]
    with HTTP.stream("POST", f"{server.url}/v1/batch", json={"jobs": jobs}, timeout=30) as batch:
        lines = batch.iter_lines()
        assert json.loads(next(lines))["index"] == 0
        assert wait_until(lambda: len(named("batch-left")) == 2, 20)
    assert is_well(server)
    assert wait_until(lambda: not named("batch-left"), 5)

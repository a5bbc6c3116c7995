"""A real server on loopback: its routes, what it refuses, and what it does when workers, clients or parents go."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from openqwq.sandbox import Job, Limits, SandboxClient, ServerHandle, TestCase, start_server
from openqwq.sandbox.wire import job_to_json

DOUBLE = Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),))
WRONG = Job("print(1)", tests=(TestCase("4", "8"),))


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_a_run_answers_verdict_tests_and_isolation(server: ServerHandle) -> None:
    answer = httpx2.post(f"{server.url}/v1/run", json=job_to_json(DOUBLE)).json()
    assert answer["verdict"] == "pass"
    assert answer["isolation"] == "L2"
    assert [test["status"] for test in answer["tests"]] == ["pass"]


@pytest.mark.parametrize("form", ["object", "list", "lines"])
def test_a_batch_in_any_form_answers_each_index_once(server: ServerHandle, form: str) -> None:
    jobs = [job_to_json(job) for job in (DOUBLE, WRONG, DOUBLE)]
    bodies = {
        "object": json.dumps({"jobs": jobs}),
        "list": json.dumps(jobs),
        "lines": "\n".join(json.dumps(job) for job in jobs),
    }
    lines = httpx2.post(f"{server.url}/v1/batch", content=bodies[form]).text.splitlines()
    verdicts = {json.loads(line)["index"]: json.loads(line)["verdict"] for line in lines}
    assert verdicts == {0: "pass", 1: "fail", 2: "pass"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"language": "cobol"}, "language"),
        ({"code": None}, "code"),
        ({"code": "x" * (2 << 20)}, "code"),
        ({"tests": []}, "tests"),
        ({"tests": [{"input": 5, "output": ""}]}, "tests[0].input"),
        ({"limits": {"time_s": -1}}, "limits.time_s"),
        ({"limits": {"memory_mb": 1e12}}, "limits.memory_mb"),
        ({"compare": {"float_tol": "big"}}, "compare.float_tol"),
        ({"mode": "call"}, "entry_point"),
        ({"mode": "telepathy"}, "mode"),
        ({"limit": {"time_s": 1}, "limits": None}, None),
    ],
)
def test_a_bad_job_is_refused_with_the_field_its_value_and_what_is_allowed(
    server: ServerHandle, change: dict[str, object], field: str | None
) -> None:
    body = {**job_to_json(DOUBLE), **change}
    if field is None:
        del body["limits"]
    answer = httpx2.post(f"{server.url}/v1/run", json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == (field or "limit")
    assert answer.json()["allowed"]


def test_invalid_json_and_too_large_bodies_are_refused(server: ServerHandle) -> None:
    assert httpx2.post(f"{server.url}/v1/run", content=b"{").status_code == 422
    assert httpx2.post(f"{server.url}/v1/run", content=b"[" * 100_000).status_code == 422
    connection = http.client.HTTPConnection(httpx2.URL(server.url).netloc.decode(), timeout=10)
    connection.putrequest("POST", "/v1/run")
    connection.putheader("content-length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_health_metrics_and_languages_name_the_isolation(server: ServerHandle) -> None:
    assert httpx2.get(f"{server.url}/health").json()["isolation"] == "L2"
    assert 'sandbox_isolation{level="L2"} 1' in httpx2.get(f"{server.url}/metrics").text
    assert httpx2.get(f"{server.url}/v1/languages").json()["languages"][0]["name"] == "python"


def test_a_full_queue_answers_429_with_retry_after_and_the_client_gets_through() -> None:
    slow = Job("import time; time.sleep(0.4); print(1)", tests=(TestCase("", "1"),))
    with start_server(workers=1, queue_limit=1) as small, ThreadPoolExecutor(8) as threads:
        url = f"{small.url}/v1/run"
        answers = list(threads.map(lambda _: httpx2.post(url, json=job_to_json(slow), timeout=30), range(6)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused and all(answer.headers["retry-after"] for answer in refused)
        with SandboxClient(small.url, timeout_seconds=30) as client:
            assert [client.run(slow).verdict for _ in range(2)] == ["pass"] * 2


def test_a_killed_worker_is_replaced_and_its_job_is_answered() -> None:
    slow = Job("import time; time.sleep(0.5); print(1)", tests=(TestCase("", "1"),))
    with (
        start_server(workers=1) as lonely,
        SandboxClient(lonely.url) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        running = threads.submit(client.run, slow)
        threading.Event().wait(0.2)
        for worker in children_of(lonely.pid):
            os.kill(worker, signal.SIGKILL)
        assert running.result(20).verdict == "pass"
        assert client.run(DOUBLE).verdict == "pass"
        assert "sandbox_worker_restarts_total 1" in httpx2.get(f"{lonely.url}/metrics").text


def test_a_client_that_leaves_frees_its_worker() -> None:
    endless = Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(60.0))
    with start_server(workers=1) as lonely:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{lonely.url}/v1/run", json=job_to_json(endless), timeout=0.5)
        started = time.monotonic()
        with SandboxClient(lonely.url, timeout_seconds=30) as client:
            assert client.run(DOUBLE).verdict == "pass"
        assert time.monotonic() - started < 20


def test_nothing_is_left_of_a_server_whose_parent_was_killed() -> None:
    code = (
        "import sys, time\nfrom openqwq.sandbox import start_server\n"
        "server = start_server(workers=1)\nprint(server.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        family = [pid, *children_of(pid)]
        parent.kill()
    deadline = time.monotonic() + 15
    while any(os.path.exists(f"/proc/{member}") for member in family):
        assert time.monotonic() < deadline, f"still alive: {family}"
        threading.Event().wait(0.05)

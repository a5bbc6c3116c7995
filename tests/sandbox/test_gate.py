"""A server with a token, and a server that is about to end."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from benchmarks.server_process import Served, serving, wait_until
from openqwq.sandbox import Job, Limits, SandboxClient, TestCase
from openqwq.sandbox.gate import Gate, TokenUnusable, read_tokens
from openqwq.sandbox.server import main
from openqwq.sandbox.wire import job_to_json

FIRST, SECOND = "first-token-0123", "second-token-4567"
DOUBLE = Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),))
SLOW = Job("import time; time.sleep(1.5); print(8)", tests=(TestCase("", "8"),), limits=Limits(10.0))
ENDLESS = Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(60.0))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text(f"{FIRST}\n\n  {SECOND} \n")
    with serving(["--workers", "1", "--token-file", str(path)]) as served:
        yield served


def ask(served: Served, path: str, token: str | None, method: str = "POST") -> httpx2.Response:
    headers = {} if token is None else {"authorization": token}
    return httpx2.request(method, f"{served.url}{path}", json=job_to_json(DOUBLE), headers=headers, timeout=30)


WRONG = [None, "", "Bearer", f"Bearer {FIRST}x", f"Bearer {FIRST[:-1]}", f"Basic {FIRST}", FIRST, "Bearer x" * 400]


@pytest.mark.parametrize("token", WRONG, ids=range(len(WRONG)))
def test_a_request_without_the_token_is_refused_on_every_path_but_health(guarded: Served, token: str | None) -> None:
    for method, path in (("POST", "/v1/run"), ("POST", "/v1/batch"), ("POST", "/run_code"), ("GET", "/metrics")):
        answer = ask(guarded, path, token, method)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert ask(guarded, "/nothing", token, "GET").status_code == 401
    assert httpx2.get(f"{guarded.url}/health").status_code == 200


def test_each_token_of_the_file_opens_the_server(guarded: Served) -> None:
    for token in (f"Bearer {FIRST}", f"bearer {SECOND}", f"Bearer  {FIRST}"):
        assert ask(guarded, "/v1/run", token).json()["verdict"] == "pass"
    assert FIRST not in guarded.printed() and SECOND not in guarded.printed()


def test_a_large_body_without_a_token_is_answered_and_not_kept(guarded: Served) -> None:
    answer = httpx2.post(f"{guarded.url}/v1/run", content=b" " * (8 << 20), timeout=30)
    assert answer.status_code == 401


def test_a_client_brings_its_token_from_the_argument_or_the_environment(
    guarded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENQWQ_SANDBOX_TOKEN", f"{SECOND}\n")
    for token in (FIRST, None):
        with SandboxClient(guarded.url, token=token) as client:
            assert [outcome.verdict for outcome in client.run_many([DOUBLE] * 3)] == ["pass"] * 3
    with SandboxClient(guarded.url, token="another-token-89", timeout_seconds=20) as client:
        outcome = client.run(DOUBLE)
    assert outcome.verdict == "error" and "HTTP 401" in outcome.reason and "another-token" not in outcome.reason


def test_a_password_in_an_address_is_not_told() -> None:
    with SandboxClient("http://someone:secret@127.0.0.1:1", timeout_seconds=0.5, retries=0) as client:
        reason = client.run(DOUBLE).reason
    assert "http://127.0.0.1:1" in reason and "secret" not in reason


def test_a_token_that_no_header_can_hold_is_refused_without_its_text() -> None:
    for token in ("two words", "line\nline", "ünicode"):
        with pytest.raises(ValueError, match="sandbox token") as caught:
            SandboxClient("http://127.0.0.1:1", token=token)
        assert token not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "\n \n", "short\n", "has a space in it\n", f"{FIRST}\nbad\n", "ünïcödé-töken\n"]
)
def test_a_token_file_that_cannot_be_used_is_told_without_its_content(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(TokenUnusable) as caught:
        read_tokens(path)
    assert (str(path) in str(caught.value) and not content.strip()) or content.strip() not in str(caught.value)
    assert main(["--port", "0", "--token-file", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_missing_token_file_is_no_server_without_a_token(tmp_path: Path) -> None:
    assert main(["--port", "0", "--token-file", str(tmp_path / "none")]) == 2
    assert Gate(()).has_token is False and not Gate((FIRST,)).allows(b"")


def test_a_server_that_should_end_finishes_what_it_has_and_takes_nothing_new() -> None:
    with serving(["--workers", "1"]) as served, ThreadPoolExecutor(1) as threads:
        client = httpx2.Client(timeout=30)
        assert client.get(f"{served.url}/health").json()["status"] == "ok"
        running = threads.submit(httpx2.post, f"{served.url}/v1/run", json=job_to_json(SLOW), timeout=30)
        assert wait_until(lambda: "sandbox_workers_busy 1\n" in client.get(f"{served.url}/metrics").text, 10)
        os.kill(served.pid, signal.SIGTERM)
        assert wait_until(lambda: client.get(f"{served.url}/health").status_code == 503, 5)
        assert client.get(f"{served.url}/health").json()["status"] == "draining"
        refused = client.post(f"{served.url}/v1/run", json=job_to_json(DOUBLE))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert running.result().json()["verdict"] == "pass"
        assert wait_until(lambda: not is_there(served.pid), 10)
        assert "Traceback" not in served.printed()


def test_the_end_comes_although_a_program_runs_on() -> None:
    with serving(["--workers", "1", "--drain-seconds", "0.3"]) as served, ThreadPoolExecutor(1) as threads:
        running = threads.submit(httpx2.post, f"{served.url}/v1/run", json=job_to_json(ENDLESS), timeout=30)
        threading.Event().wait(0.5)
        os.kill(served.pid, signal.SIGTERM)
        answer = running.result().json()
        assert (answer["verdict"], answer["is_retryable"]) == ("error", True)
        assert wait_until(lambda: not is_there(served.pid), 10)
        assert "Traceback" not in served.printed()


def test_a_second_signal_ends_a_server_at_once() -> None:
    with serving(["--workers", "1", "--drain-seconds", "60"]) as served, ThreadPoolExecutor(1) as threads:
        running = threads.submit(httpx2.post, f"{served.url}/v1/run", json=job_to_json(ENDLESS), timeout=30)
        threading.Event().wait(0.5)
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(served.pid, number)
            threading.Event().wait(0.2)
        assert running.result().json()["is_retryable"]
        assert wait_until(lambda: not is_there(served.pid), 10)
        assert "Traceback" not in served.printed()


def test_an_upload_that_is_held_does_not_hold_up_the_end() -> None:
    with serving(["--workers", "1", "--drain-seconds", "0.5"]) as served:
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), 10) as connection:
            connection.sendall(b"POST /v1/run HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{")
            threading.Event().wait(0.3)
            os.kill(served.pid, signal.SIGTERM)
            assert connection.recv(4096).startswith(b"HTTP/1.1 503 ")
        assert wait_until(lambda: not is_there(served.pid), 10)
        assert "Traceback" not in served.printed()


def test_a_batch_goes_on_at_another_server_when_its_own_ends() -> None:
    jobs = [Job(f"import time; time.sleep(0.05); print({n})", tests=(TestCase("", str(n)),)) for n in range(60)]
    with (
        serving(["--workers", "1"]) as ending,
        serving(["--workers", "1"]) as staying,
        ThreadPoolExecutor(1) as threads,
    ):
        with SandboxClient([ending.url, staying.url], timeout_seconds=60) as client:
            running = threads.submit(client.run_many, jobs)
            metrics = f"{ending.url}/metrics"
            assert wait_until(lambda: 'sandbox_runs_total{verdict="pass"} 2' in httpx2.get(metrics).text, 20)
            os.kill(ending.pid, signal.SIGTERM)
            assert {outcome.verdict for outcome in running.result()} == {"pass"}
        assert "Traceback" not in ending.printed()


def is_there(pid: int) -> bool:
    """False once the process has ended, also before its parent has looked."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_metrics_tell_each_name_and_count_by_language_mode_and_status(guarded: Served) -> None:
    wrong = Job("def f(x): return x", mode="call", entry_point="f", tests=(TestCase([1], 2),))
    headers = {"authorization": f"Bearer {FIRST}"}
    for job in (DOUBLE, wrong):
        httpx2.post(f"{guarded.url}/v1/run", content=json.dumps(job_to_json(job)), headers=headers, timeout=30)
    lines = httpx2.get(f"{guarded.url}/metrics", headers=headers).text.splitlines()
    helped = {line.split()[2] for line in lines if line.startswith("# HELP ")}
    typed = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE ")}
    named = {line.partition("{")[0].split()[0] for line in lines if not line.startswith("#")}
    histograms = {f"{name}_{end}" for name in typed for end in ("bucket", "sum", "count") if typed[name] == "histogram"}
    assert helped == set(typed) and named <= set(typed) | histograms
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in typed.items())
    counts = {line.rpartition(" ")[0] for line in lines}
    assert 'sandbox_jobs_total{language="python",mode="call",verdict="fail"}' in counts
    assert 'sandbox_tests_total{status="wrong_output"}' in counts
    assert 'sandbox_requests_total{path="/v1/run",status="200"}' in counts

"""A server under load and under bad requests: deadlines, fairness, programs that flee or are killed, and odd JSON."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.sandbox import Job, Limits, ServerHandle, TestCase, start_server
from openqwq.sandbox.jobs import job_to_json
from tests.sandbox.server_process import HTTP, below, named, wait_until

DOUBLE = job_to_json(Job("print(int(input()) * 2)", tests=(TestCase("4", "8"),)))
ENDLESS = job_to_json(Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(60.0)))
MARKED = "import ctypes\nctypes.CDLL(None).prctl(15, {mark!r}.encode())\n"


@pytest.fixture(scope="module")
def lonely() -> Iterator[ServerHandle]:
    """A server that runs one program at a time."""
    with start_server(workers=1) as handle:
        yield handle


def run(server: ServerHandle, body: Any, timeout: float = 30.0) -> dict[str, Any]:
    answer = HTTP.post(f"{server.url}/v1/run", json=body, timeout=timeout)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    return data


def post(server: ServerHandle, content: str | bytes, path: str = "/v1/run") -> httpx.Response:
    return HTTP.post(f"{server.url}{path}", content=content, timeout=30)


def is_well(server: ServerHandle) -> bool:
    return run(server, DOUBLE)["verdict"] == "pass"


def marked(mark: str, rest: str, **options: Any) -> dict[str, Any]:
    """A program that can be told from outside by its name."""
    tests = options.pop("tests", (TestCase("", "9"),))
    return job_to_json(Job(MARKED.format(mark=mark) + rest, tests=tests, **options))


@contextmanager
def running(server: ServerHandle, mark: str) -> Iterator[None]:
    """While a program of this name keeps a worker busy, for a client that leaves at the end."""
    job = marked(mark, "while True: pass", limits=Limits(60.0))
    connection = http.client.HTTPConnection(httpx.URL(server.url).netloc.decode(), timeout=30)
    connection.request("POST", "/v1/run", json.dumps(job))
    try:
        assert wait_until(lambda: named(mark), 20)
        yield
    finally:
        connection.close()
    assert wait_until(lambda: not named(mark), 10)


# Deadlines.


def test_a_run_is_answered_by_its_deadline_and_its_worker_is_free_again(lonely: ServerHandle) -> None:
    answer = run(lonely, {**ENDLESS, "deadline_s": 0.5}, timeout=20)
    assert (answer["verdict"], answer["is_retryable"]) == ("error", True)
    assert "deadline of 0.5 s" in answer["reason"] and answer["isolation"] == "L2"
    assert run(lonely, {**DOUBLE, "deadline_s": 20})["verdict"] == "pass"


def test_a_batch_is_answered_by_its_deadline_and_its_worker_is_free_again(lonely: ServerHandle) -> None:
    body = {"jobs": [DOUBLE, ENDLESS, DOUBLE, ENDLESS], "deadline_s": 0.7}
    lines = HTTP.post(f"{lonely.url}/v1/batch", json=body, timeout=20).text.splitlines()
    answers = {answer["index"]: answer for answer in map(json.loads, lines)}
    assert sorted(answers) == [0, 1, 2, 3]
    assert answers[0]["verdict"] == "pass"
    for index in (1, 2, 3):
        assert answers[index]["verdict"] == "error" and "deadline" in answers[index]["reason"]
    assert is_well(lonely)


@pytest.mark.parametrize(
    "value", ["0", "-1", '"1"', "true", "[1]", "{}", "86401", "1e999", "NaN", "-Infinity", "9" * 400]
)
def test_a_deadline_that_is_none_is_refused(lonely: ServerHandle, value: str) -> None:
    for path, body in (("/v1/run", json.dumps(DOUBLE)[:-1]), ("/v1/batch", f'{{"jobs": [{json.dumps(DOUBLE)}]')):
        answer = post(lonely, f'{body}, "deadline_s": {value}}}', path)
        assert (answer.status_code, answer.json()["field"]) == (422, "deadline_s")
        assert answer.json()["value"] and "86400" in answer.json()["allowed"]


# Many clients.


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


# Programs that are killed, and programs that flee.


def test_a_program_killed_from_outside_is_asked_once_more(lonely: ServerHandle) -> None:
    job = marked("killed-outside", "import time; time.sleep(1); print(9)", limits=Limits(10.0))
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(run, lonely, job)
        assert wait_until(lambda: named("killed-outside"), 20)
        (victim,) = named("killed-outside")
        assert victim in below(lonely.pid)
        os.kill(victim, signal.SIGKILL)
        assert answer.result()["verdict"] == "pass", answer.result()


def test_a_program_that_kills_itself_fails(lonely: ServerHandle) -> None:
    code = "import os\nprint(9, flush=True)\nos.kill(os.getpid(), 9)\n"
    answer = run(lonely, job_to_json(Job(code, tests=(TestCase("", "9"),))))
    assert (answer["verdict"], answer["tests"][0]["status"]) == ("fail", "runtime_error")
    assert "SIGKILL" in answer["tests"][0]["detail"]
    function = job_to_json(
        Job("import os\ndef f(): os.kill(0, 9)", mode="call", entry_point="f", tests=(TestCase([], 9),))
    )
    assert run(lonely, function)["verdict"] == "fail"


def test_memory_that_sockets_hold_is_counted_for_their_program_alone(lonely: ServerHandle) -> None:
    hold = (
        "import socket, time\nkept = []\nfor _ in range({pairs}):\n    pair = socket.socketpair()\n"
        "    kept.append(pair)\n    for end in pair:\n        end.setblocking(False)\n        try:\n"
        "            while True: end.send(b'x' * 65536)\n        except BlockingIOError: pass\n"
        "time.sleep({seconds})\nprint(9)\n"
    )
    for pairs, seconds, status in ((4, 0, "pass"), (100, 1, "memory_limit"), (4, 0, "pass")):
        job = Job(hold.format(pairs=pairs, seconds=seconds), tests=(TestCase("", "9"),), limits=Limits(4.0, 64))
        assert run(lonely, job_to_json(job))["tests"][0]["status"] == status


def test_a_program_cannot_outlive_its_test(lonely: ServerHandle) -> None:
    daemon = (
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        for n in range(1, 32):\n            try: signal.signal(n, signal.SIG_IGN)\n"
        "            except OSError: pass\n        os.write(1, b'9'); time.sleep(60)\n    os._exit(0)\nos.wait()\n"
        "time.sleep(0.1)\n"
    )
    for mode in ("stdin", "call", "asserts"):
        mark = f"outlive-{mode}"
        if mode == "stdin":
            job = marked(mark, daemon)
        elif mode == "call":
            body = f"{MARKED.format(mark=mark)}{daemon}def f(): return 9\n"
            job = job_to_json(Job(body, mode="call", entry_point="f", tests=(TestCase([], 9),)))
        else:
            body = f"{MARKED.format(mark=mark)}{daemon}def f(): return 9\n"
            job = job_to_json(Job(body, mode="asserts", entry_point="f", asserts=("assert f() == 9",)))
        assert run(lonely, job)["verdict"] == "pass"
        assert wait_until(lambda: not named(mark), 5)  # noqa: B023  # asked at once


# Odd JSON.


def changed(**change: Any) -> str:
    return json.dumps({**DOUBLE, **change})


REFUSED = [
    (changed(code="x" * ((1 << 20) + 1)), "code"),
    (changed(code="é" * (1 << 19) + "x"), "code"),
    (changed(code=["print(1)"]), "code"),
    (changed(limits={"time_s": float("nan")}), "limits.time_s"),
    (changed(limits={"time_s": float("inf")}), "limits.time_s"),
    (changed(limits={"time_s": -1}), "limits.time_s"),
    (changed(limits={"time_s": 1e300}), "limits.time_s"),
    (changed(limits={"time_s": 10**400}), "limits.time_s"),
    (changed(limits={"time_s": True}), "limits.time_s"),
    (changed(limits={"time_s": "2"}), "limits.time_s"),
    (changed(limits={"memory_mb": 100.5}), "limits.memory_mb"),
    (changed(limits={"memory_mb": 1024.0}), "limits.memory_mb"),
    (changed(limits={"memory_mb": -1}), "limits.memory_mb"),
    (changed(limits={"memory_mb": 10**400}), "limits.memory_mb"),
    (changed(limits={"memory_mb": [512]}), "limits.memory_mb"),
    (changed(limits={"output_bytes": 0}), "limits.output_bytes"),
    (changed(limits={"output_bytes": 1e300}), "limits.output_bytes"),
    (changed(limits={"output_bytes": 2e8 + 0.5}), "limits.output_bytes"),
    (changed(limits=[1]), "limits"),
    (changed(tests={}), "tests"),
    (changed(tests="4"), "tests"),
    (changed(tests=[]), "tests"),
    (changed(tests=[4]), "tests[0]"),
    (changed(tests=[{"input": "4"}]), "tests[0]"),
    (changed(tests=[{"input": "4", "output": 8}]), "tests[0].output"),
    (changed(tests=[{"input": None, "output": "8"}]), "tests[0].input"),
    (changed(tests=[{"input": "4", "output": "8"}] * 1001), "tests"),
    (changed(tests=[{"input": {}, "output": 8}], mode="call", entry_point="f"), "tests[0].input"),
    (changed(mode="call", entry_point="f()"), "entry_point"),
    (changed(mode="call", entry_point=5), "entry_point"),
    (changed(mode="asserts", asserts=[5]), "asserts[0]"),
    (changed(mode="asserts", asserts=[]), "asserts"),
    (changed(compare={"float_tol": float("nan")}), "compare.float_tol"),
    (changed(compare={"float_tol": True}), "compare.float_tol"),
    (changed(compare={"rel": 1}), "compare.rel"),
    (changed(compare="exact"), "compare"),
    (changed(stop_on_first_failure="no"), "stop_on_first_failure"),
    (changed(language=5), "language"),
    (changed(language="PYTHON2"), "language"),
    ("[]", "job"),
    ("null", "job"),
    ('"print(1)"', "job"),
    ("1e999", "job"),
]
NOT_JSON = [
    b"",
    b"{",
    b"\xff\xfe\xfd",
    b'{"code": "\xff"}',
    b'{"code": "\xc3\x28"}',
    b"\x00",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b'{"code": "print(1)", "tests": [' + b"9" * 5001 + b"]}",
    json.dumps(DOUBLE).encode("utf-16")[:-1],
]


@pytest.mark.parametrize(("body", "field"), REFUSED, ids=[f"{n}-{field}" for n, (_, field) in enumerate(REFUSED)])
def test_a_request_that_cannot_be_run_is_refused_by_field_value_and_what_is_allowed(
    lonely: ServerHandle, body: str, field: str
) -> None:
    answer = post(lonely, body)
    assert answer.status_code == 422, answer.text
    refusal = answer.json()
    assert refusal["field"] == field
    assert refusal["allowed"] and 0 < len(refusal["value"]) <= 120
    in_batch = post(lonely, f"[{json.dumps(DOUBLE)}, {body}]", "/v1/batch")
    assert (in_batch.status_code, in_batch.json()["field"]) == (422, f"jobs[1].{field}")


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_a_body_that_is_no_json_is_refused_on_every_route(lonely: ServerHandle, body: bytes) -> None:
    for path in ("/v1/run", "/v1/batch", "/run_code"):
        answer = post(lonely, body, path)
        assert answer.status_code == 422, (path, answer.text)
        assert answer.json()["field"] in ("body", "jobs") and answer.json()["allowed"]
    assert is_well(lonely)


def test_a_field_of_broken_text_is_refused_in_text_that_can_be_sent(lonely: ServerHandle) -> None:
    body = '{"languag\\ud800": "python", "code": "print(8)", "tests": [{"input": "", "output": "8"}]}'
    answer = post(lonely, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["allowed"].endswith("did you mean language?")


def call(argument: str, wanted: str, code: str = "def f(x): return x") -> str:
    tests = f'[{{"input": [{argument}], "output": {wanted}}}]'
    return f'{{"code": {json.dumps(code)}, "mode": "call", "entry_point": "f", "tests": {tests}}}'


@pytest.mark.parametrize(
    ("body", "verdicts"),
    [
        (call("1e999", "1e999"), ("pass", "fail")),
        (call("-Infinity", "Infinity"), ("fail",)),
        (call("NaN", "NaN"), ("pass", "fail")),
        (call("9" * 4000, "9" * 4000), ("pass",)),
        (call("9" * 4000, "9" * 3999 + "8"), ("fail",)),
        (call("-0.0", "0"), ("pass", "fail")),
        (call("[" * 300 + "]" * 300, "[" * 300 + "]" * 300), ("pass",)),
        (call("[" * 900 + "]" * 900, "1"), ("error", "fail")),
        (call("1", "[" * 900 + "]" * 900), ("error", "fail")),
        (call('"\\ud800"', '"\\ud800"'), ("pass",)),
        (call('{"a": 1, "a": 2}', '{"a": 2}'), ("pass",)),
        (call("1", "10", "def f(x): return int('9' * 4000 + str(x))"), ("fail",)),
        (call("1", "10", "import sys\nsys.set_int_max_str_digits(0)\ndef f(x): return 10 ** 100000"), ("fail",)),
        (changed(tests=[{"input": "\ud800", "output": "\udfff"}]), ("fail",)),
        (changed(code="print('\ud800')"), ("fail",)),
        (changed(code="import sys; sys.stdout.buffer.write(b'\\xff')"), ("fail",)),
        (changed(code="raise ValueError(chr(0xdfff) + chr(0))"), ("fail",)),
        (changed(code="print(8)\0"), ("fail",)),
        (changed()[:-1] + ', "code": "print(7)"}', ("fail",)),
        (changed(compare={"float_tol": 0, "rel": None}), ("pass",)),
        (changed(comment="an unknown word", difficulty=5), ("pass",)),
    ],
    ids=range(21),
)
def test_odd_values_are_judged_and_leave_the_server_well(
    lonely: ServerHandle, body: str, verdicts: tuple[str, ...]
) -> None:
    answer = post(lonely, body)
    if answer.status_code == 422 and "pass" not in verdicts:
        assert answer.json()["field"] and answer.json()["allowed"]
    else:
        assert answer.status_code == 200, answer.text
        assert answer.json()["verdict"] in verdicts, answer.json()
        assert not answer.json()["is_retryable"]  # it is no trouble of the server's
    assert is_well(lonely)


@pytest.mark.parametrize("place", ["compare", "limits"])
def test_an_unknown_key_inside_changes_nothing_or_is_refused(lonely: ServerHandle, place: str) -> None:
    answer = post(lonely, changed(**{place: {"tolerance": 100, "seconds": -1}}))
    if answer.status_code == 200:
        assert answer.json()["verdict"] == "pass"
    else:
        assert answer.status_code == 422 and answer.json()["field"].startswith(place)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [(name,) for name in DOUBLE]
    + [("limits", name) for name in DOUBLE["limits"]]
    + [("compare", name) for name in DOUBLE["compare"]]
    + [("tests", 0, name) for name in ("input", "output")]
)


@settings(max_examples=60)
@given(place=PLACES, value=JSON_VALUES)
def test_any_value_anywhere_gets_a_refusal_or_a_verdict(
    lonely: ServerHandle, place: tuple[str | int, ...], value: object
) -> None:
    body = json.loads(json.dumps(DOUBLE))
    target = body
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    answer = post(lonely, json.dumps(body))
    assert answer.status_code in (200, 422), (body, answer.text)
    if answer.status_code == 200:
        assert answer.json()["verdict"] in ("pass", "fail"), (body, answer.json())
    else:
        assert answer.json()["field"] and answer.json()["allowed"], answer.json()

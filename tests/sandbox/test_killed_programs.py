"""Programs that are killed, that use up what is not theirs, and that flee."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from benchmarks.server_process import wait_until
from openqwq.sandbox import Job, Limits, ServerHandle, TestCase
from openqwq.sandbox.wire import job_to_json
from tests.sandbox.host_processes import below, named
from tests.sandbox.requests_of_jobs import MARKED, marked, run


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

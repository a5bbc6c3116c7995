"""How many of our own functions a reader passes on one path through the code. Prints JSON.

`python -m benchmarks.call_depth sandbox [--at-most 15]`, `python -m benchmarks.call_depth training [--at-most 12]`

sandbox: from the server's handler of one `POST /v1/run` to the program under test, over all processes that take part.
The frames are looked at while the program runs, so each is a call that waits for the verdict:

- server: the stacks of all asyncio tasks that work for the request, each frame once. The task that only waits for the
  client to hang up is none of them;
- worker: its stack while it waits for the test's process (a profile function notes it at the call of `poll`);
- test: the stack that the program itself sees, by `POST /run_code`, which answers what a program prints. Of those
  frames the ones that the process was forked with are the worker's already.

training: from `launch`, which `openqwq run` calls, to the loss of a micro-batch: in one process, and with Ray, where
the frames of the driver and of the trainer's actor are added (`call_depth_training.py`). A comprehension is no function
of its own to a reader, nor a frame to Python 3.12: it is not counted.

A frame counts when its file lies in this package. Exit status 1 when there are more than `--at-most`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from types import CodeType
from typing import Any

import httpx2

import openqwq.sandbox
from benchmarks.measuring import print_report
from openqwq.sandbox import Job, TestCase, worker
from openqwq.sandbox.http_api import create_app
from openqwq.sandbox.probe import open_pool
from openqwq.sandbox.wire import job_to_json

PACKAGE = os.path.dirname(openqwq.sandbox.__file__)
BYSTANDERS = {"watch_for_hang_up"}
"""Tasks beside the path."""
SECONDS = 0.5
AT_MOST = {"sandbox": 15, "training": 12}
PROGRAM = f"""
import sys, time
frame, names = sys._getframe(), []
while frame:
    names.append([frame.f_code.co_filename, frame.f_code.co_name])
    frame = frame.f_back
time.sleep({SECONDS})
print(__import__("json").dumps(names))
"""
NOTE_STACK = """
import sys, os, json
def note(frame, event, function):
    if event == "c_call" and function.__name__ == "poll" and frame.f_code.co_name != "wait_until_ready":
        names = []
        while frame:
            names.append([frame.f_code.co_filename, frame.f_code.co_name])
            frame = frame.f_back
        os.write(2, (json.dumps(names) + chr(10)).encode())
sys.setprofile(note)
"""


def own(names: list[list[str]]) -> list[str]:
    """The package's own frames of a stack that begins with the innermost, outermost first: module.function."""
    inside = [(path, name) for path, name in reversed(names) if path.startswith(PACKAGE)]
    return [f"{os.path.relpath(path, PACKAGE).removesuffix('.py')}.{name}" for path, name in inside]


def stack_of(task: asyncio.Task[Any]) -> list[list[str]]:
    """The frames of a task and of all coroutines that it awaits, innermost first."""
    codes: list[CodeType] = []
    waiting: Any = task.get_coro()
    while waiting is not None:
        for kind in ("cr", "ag", "gi"):
            if hasattr(waiting, f"{kind}_code"):
                codes.append(getattr(waiting, f"{kind}_code"))
                waiting = getattr(waiting, f"{kind}_await" if kind != "gi" else "gi_yieldfrom")
                break
        else:
            break
    return [[code.co_filename, code.co_name] for code in reversed(codes)]


def stacks_of_server() -> Iterator[list[str]]:
    for task in asyncio.all_tasks():
        stack = own(stack_of(task))
        if task is not asyncio.current_task() and stack and stack[0].rpartition(".")[2] not in BYSTANDERS:
            yield stack


async def send_one() -> tuple[list[list[str]], str]:
    """The server's stacks while the program runs, and what the program printed."""
    pool = await open_pool(1, 8, "L2")
    try:
        transport = httpx2.ASGITransport(app=create_app(pool))
        async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            job = job_to_json(Job(PROGRAM, tests=(TestCase("", ""),)))
            asking = asyncio.create_task(client.post("/v1/run", json=job, timeout=60))
            await asyncio.sleep(SECONDS / 2)
            stacks = sorted(stacks_of_server())
            await asking
            answer = (await client.post("/run_code", json={"code": PROGRAM}, timeout=60)).json()
    finally:
        await pool.stop()
    return stacks, answer["run_result"]["stdout"]


def sandbox() -> dict[str, list[str]]:
    """The own frames of each process, outermost first."""
    boot, worker._BOOT = worker._BOOT, NOTE_STACK + worker._BOOT
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            server, printed = asyncio.run(send_one())
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            worker._BOOT = boot
        notes.seek(0)
        lines = [line for line in notes.read().decode().splitlines() if line.startswith("[[")]
    in_worker = own(json.loads(lines[-1]))
    in_test = own(json.loads(printed))
    num_shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(in_worker, in_test, strict=False)))
    return {
        "server": [name for stack in server for name in stack],
        "worker": in_worker,
        "test": in_test[num_shared:],
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", choices=tuple(AT_MOST), help="which path through the code")
    parser.add_argument("--at-most", type=int, help=f"frames in all processes of a path together (default {AT_MOST})")
    arguments = parser.parse_args(words)
    at_most = arguments.at_most or AT_MOST[arguments.path]
    if arguments.path == "sandbox":
        frames = sandbox()
        totals = {"all processes": sum(map(len, frames.values()))}
    else:
        from benchmarks.call_depth_training import training

        frames = training()
        totals = {"inline": len(frames["inline"]), "ray": len(frames["driver"]) + len(frames["trainer actor"])}
    report = {"benchmark": "call_depth", "path": arguments.path, "frames": frames, "totals": totals}
    violations = [f"{name}: {total} frames, at most {at_most}" for name, total in totals.items() if total > at_most]
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

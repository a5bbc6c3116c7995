"""The sandbox over HTTP: `python -m openqwq.sandbox.server --port 8080`.

Routes only: what a job is stands in `jobs.py`, how it is judged in `verdict.py`, who runs it in `pool.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from openqwq.sandbox import fusion
from openqwq.sandbox.isolation.build import KINDS
from openqwq.sandbox.jobs import (
    InvalidJob,
    Job,
    Outcome,
    TestCase,
    job_from_json,
    outcome_to_json,
)
from openqwq.sandbox.languages import check_language, languages, numpy_runtime
from openqwq.sandbox.metrics import prometheus_text
from openqwq.sandbox.pool import QueueFull, SandboxPool
from openqwq.sandbox.probe import IsolationTooWeak, open_pool

MAX_BODY_BYTES = 64 << 20
MAX_BATCH_JOBS = 10_000
MAX_DEADLINE_SECONDS = 86_400
_HEALTH_SECONDS = 1.0
_BUSY_HEALTH_SECONDS = 30.0
_BATCH_WINDOW = 2
"""Jobs of one batch for each worker: one runs, one waits."""
_RETRY_AFTER_SECONDS = 1


class _TooLarge(Exception):
    pass


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise _TooLarge
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _TooLarge
        parts.append(part)
    return b"".join(parts)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise InvalidJob("body", data[:100], f"JSON ({problem})") from problem


def _batch_jobs(data: bytes) -> tuple[list[Any], float | None]:
    """`{"jobs": [...], "deadline_s": seconds}`, a JSON list, or one job a line (NDJSON); the jobs and the deadline."""
    try:
        parsed = json.loads(data)
    except RecursionError as problem:
        raise InvalidJob("body", data[:100], "JSON of a sane depth") from problem
    except ValueError:
        parsed = [_json(line) for line in data.splitlines() if line.strip()]
    jobs = parsed.get("jobs", [parsed]) if isinstance(parsed, dict) else parsed
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MAX_BATCH_JOBS:
        size = f"{len(jobs)} jobs" if isinstance(jobs, list) else jobs
        raise InvalidJob("jobs", size, f"a list of 1 to {MAX_BATCH_JOBS} jobs")
    return jobs, _deadline(parsed)


def _deadline(data: object) -> float | None:
    """`deadline_s`: seconds from now after which nobody waits for the answer."""
    value = data.get("deadline_s") if isinstance(data, dict) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_DEADLINE_SECONDS:
        raise InvalidJob("deadline_s", value, f"seconds, above 0 and up to {MAX_DEADLINE_SECONDS}")
    return float(value)


def _job_at(index: int, data: object) -> Job:
    try:
        return check_language(job_from_json(data))
    except InvalidJob as problem:
        raise InvalidJob(f"jobs[{index}].{problem.field}", problem.value, problem.allowed) from problem


class _HungUp(Exception):
    """The client left before its answer."""


@contextlib.asynccontextmanager
async def _until_hung_up(request: Request) -> AsyncIterator[None]:
    """Cancel the body when the client hangs up, and raise _HungUp."""

    async def watch_for_hang_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        scope.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as scope:  # a client that leaves is a deadline that is over
            watching = asyncio.create_task(watch_for_hang_up())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError as problem:
        raise _HungUp from problem


def create_app(pool: SandboxPool) -> FastAPI:
    """Routes on a started pool."""
    app = FastAPI(title="openqwq sandbox", docs_url=None, redoc_url=None)
    health_lock = asyncio.Lock()

    @app.exception_handler(InvalidJob)
    async def invalid(request: Request, problem: InvalidJob) -> Response:
        detail = {"field": problem.field, "value": problem.value, "allowed": problem.allowed}
        return JSONResponse({"error": str(problem), **detail}, 422)

    @app.exception_handler(_TooLarge)
    async def too_large(request: Request, problem: _TooLarge) -> Response:
        return JSONResponse({"error": f"the body is larger than {MAX_BODY_BYTES} bytes"}, 413)

    @app.exception_handler(QueueFull)
    async def full(request: Request, problem: QueueFull) -> Response:
        return JSONResponse({"error": str(problem)}, 429, {"Retry-After": str(_RETRY_AFTER_SECONDS)})

    @app.exception_handler(_HungUp)
    async def hung_up(request: Request, problem: _HungUp) -> Response:
        return Response(status_code=499)  # nobody reads it

    @app.post("/v1/run")
    async def run(request: Request) -> Response:
        data = _json(await _body(request))
        job, deadline = check_language(job_from_json(data)), _deadline(data)
        async with _until_hung_up(request):
            outcome = await pool.run(job, deadline_seconds=deadline)
        return JSONResponse(outcome_to_json(outcome))

    @app.post("/v1/batch")
    async def batch(request: Request) -> Response:
        data = await _body(request)
        rows, deadline = _batch_jobs(data)
        jobs = [_job_at(index, row) for index, row in enumerate(rows)]
        if pool.queue.num_waiting >= pool.queue.limit:
            raise QueueFull(f"{pool.queue.limit} jobs are waiting already")
        return StreamingResponse(_answer_lines(pool, jobs, deadline), media_type="application/x-ndjson")

    @app.post("/run_code")
    async def run_code(request: Request) -> Response:
        order = fusion.read_order(_json(await _body(request)))
        async with _until_hung_up(request):
            answer = await fusion.run(order, pool)
        return JSONResponse(answer)

    async def not_served(request: Request) -> Response:
        return JSONResponse({"error": f"{request.url.path} is not served: {fusion.NOT_SERVED_WORDS}"}, 404)

    for path in fusion.NOT_SERVED:
        app.add_api_route(path, not_served, methods=["GET", "POST"])

    @app.get("/health")
    async def healthy() -> Response:
        async with health_lock:
            reason = await _why_unhealthy(pool)
        body = {"status": "failing" if reason else "ok", "isolation": pool.isolation, "reason": reason}
        return JSONResponse(body, 503 if reason else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(prometheus_text(pool), media_type="text/plain; version=0.0.4")

    @app.get("/v1/languages")
    async def all_languages() -> Response:
        found = [
            {"name": one.name, "is_available": bool(one.version), "version": one.version, "reason": one.absence}
            for one in await asyncio.to_thread(languages)
        ]
        packages = {"python": ["numpy"] if numpy_runtime() else []}
        return JSONResponse({"languages": found, "packages": packages, "isolation": pool.isolation})

    return app


async def _why_unhealthy(pool: SandboxPool) -> str:
    """Nothing when a jailed program was judged a moment ago; otherwise one is run now. A busy server is healthy as
    long as it judges: a probe that waits behind its jobs would call it dead."""
    is_busy = pool.queue.num_running >= pool.num_workers
    if time.monotonic() - pool.last_judged_at < (_BUSY_HEALTH_SECONDS if is_busy else _HEALTH_SECONDS):
        return ""
    job = Job("print(int(input()) * 2)", tests=(TestCase("21", "42"),))
    outcome = await pool.run(job, wait_for_room=True, deadline_seconds=_BUSY_HEALTH_SECONDS)
    return "" if outcome.verdict == "pass" else outcome.reason


async def _answer_lines(pool: SandboxPool, jobs: list[Job], deadline_seconds: float | None) -> AsyncIterator[bytes]:
    """One line a job as it ends: its `index` and its outcome. Ends all that is left when the client leaves.

    A batch has a few jobs in the queue at a time, so that other clients find room beside it.
    """
    finished: asyncio.Queue[tuple[int, Outcome]] = asyncio.Queue()
    rows = iter(enumerate(jobs))
    ends_at = math.inf if deadline_seconds is None else time.monotonic() + deadline_seconds

    async def feed() -> None:
        for index, job in rows:
            left = None if ends_at == math.inf else max(0.001, ends_at - time.monotonic())
            finished.put_nowait((index, await pool.run(job, wait_for_room=True, deadline_seconds=left)))

    tasks = [asyncio.create_task(feed()) for _ in range(min(len(jobs), _BATCH_WINDOW * pool.num_workers))]
    try:
        left = len(jobs)
        while left:
            ready = [await finished.get()]
            while not finished.empty():
                ready.append(finished.get_nowait())
            left -= len(ready)
            lines = (json.dumps({"index": index, **outcome_to_json(outcome)}) for index, outcome in ready)
            yield ("\n".join(lines) + "\n").encode()
    finally:
        for task in tasks:
            task.cancel()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that says it is TCP: asyncio turns Nagle's delay (40 ms an answer) off only for those."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours: uvicorn raises a signal once more after its own end, before the pool could stop in order."""
        yield


async def serve(arguments: argparse.Namespace) -> int:
    """Open the pool, listen, print one line, and run until told to stop; the exit status."""
    try:
        listener = _listen(arguments.host, arguments.port)
    except OSError as problem:
        print(f"cannot listen on {arguments.host}:{arguments.port}: {problem}", file=sys.stderr)
        return 4
    parent = os.getppid()
    with listener:
        try:
            kinds = None if arguments.walls == "auto" else (arguments.walls,)
            pool = await open_pool(arguments.workers, arguments.queue_limit, arguments.require_isolation, kinds)
        except IsolationTooWeak as problem:
            print(problem, file=sys.stderr)
            return 3
        port = listener.getsockname()[1]
        config = uvicorn.Config(create_app(pool), log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        server = _Server(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        watch = asyncio.create_task(_announce(server, arguments, port, pool.isolation, parent))
        try:
            await server.serve(sockets=[listener])
        finally:
            watch.cancel()
            await pool.stop()
    return 0


async def _announce(
    server: uvicorn.Server, arguments: argparse.Namespace, port: int, isolation: str, parent: int
) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    print(f"listening on http://{arguments.host}:{port} isolation {isolation}", flush=True)
    if arguments.port_file:
        temporary = Path(f"{arguments.port_file}.{os.getpid()}")
        temporary.write_text(f"{port}\n")
        temporary.replace(arguments.port_file)
    while arguments.die_with_parent:
        await asyncio.sleep(0.2)
        if os.getppid() != parent:
            server.should_exit = True
            return


def parse_arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="openqwq sandbox serve", description="Serve the code sandbox.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--workers", type=int, default=None, help="programs at a time (default: one a core)")
    parser.add_argument("--queue-limit", type=int, default=1024, help="jobs waiting before 429 is answered")
    parser.add_argument("--require-isolation", default="L2", help="refuse to start below this level")
    parser.add_argument(
        "--walls", default="auto", choices=("auto", *KINDS), help="isolation backend (default: what holds most)"
    )
    parser.add_argument("--port-file", default=None, help="write the port here once listening")
    parser.add_argument("--die-with-parent", action="store_true", help="stop when the starting process ends")
    arguments = parser.parse_args(words)
    if arguments.workers is not None and arguments.workers < 1:
        parser.error(f"--workers is {arguments.workers}; allowed: 1 or more")
    return arguments


def main(words: list[str] | None = None) -> int:
    return asyncio.run(serve(parse_arguments(words)))


if __name__ == "__main__":
    sys.exit(main())

"""The routes of the sandbox's server: read a request, answer with an outcome.

`jobs.py` says what a job is, `verdict.py` how it is judged, `pool.py` where it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from openqwq.sandbox import fusion
from openqwq.sandbox.connections import Intake
from openqwq.sandbox.gate import Gate, GateMiddleware
from openqwq.sandbox.jobs import InvalidJob, Job, Outcome, TestCase
from openqwq.sandbox.languages import check_language, languages, numpy_runtime
from openqwq.sandbox.metrics import prometheus_text
from openqwq.sandbox.pool import QueueFull, SandboxPool
from openqwq.sandbox.wire import job_from_json, outcome_to_json

T = TypeVar("T")
MAX_BODY_BYTES = 64 << 20
MAX_BATCH_JOBS = 10_000
MAX_DEADLINE_SECONDS = 86_400
_HEALTH_SECONDS = 1.0
_BUSY_HEALTH_SECONDS = 30.0
_BATCH_WINDOW = 2
"""Jobs of one batch in the queue for each worker: one runs, one waits."""
_RETRY_AFTER_SECONDS = 1
_LARGE_BYTES = 1 << 20
_JOBS_A_TURN = 64
"""Jobs of a batch that are read before other requests have their turn."""


class AsciiJSONResponse(JSONResponse):
    """JSON in which lone surrogates are escapes, and so can be sent."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


def create_app(pool: SandboxPool, gate: Gate | None = None, intake: Intake | None = None) -> Starlette:
    """The routes of a started pool, behind a gate; `intake` bounds what the requests hold together."""
    gate, intake = gate or Gate(), intake or Intake()
    api = _Api(pool, gate, intake)
    routes = [
        Route("/v1/run", api.run, methods=["POST"]),
        Route("/v1/batch", api.batch, methods=["POST"]),
        Route("/run_code", api.run_code, methods=["POST"]),
        *(Route(path, _not_served, methods=["GET", "POST"]) for path in fusion.NOT_SERVED),
        Route("/health", api.health),
        Route("/metrics", api.metrics),
        Route("/v1/languages", api.languages),
    ]
    refused = (InvalidJob, QueueFull, HTTPException, _TooLarge, _HungUp, ClientDisconnect)
    return Starlette(
        routes=routes,
        exception_handlers={kind: _refuse for kind in refused},
        middleware=[Middleware(GateMiddleware, gate)],
    )


class _Api:
    """The handlers that need the pool."""

    def __init__(self, pool: SandboxPool, gate: Gate, intake: Intake) -> None:
        self._pool, self._gate, self._intake = pool, gate, intake
        self._health_lock = asyncio.Lock()
        self._large = asyncio.Lock()

    async def run(self, request: Request) -> Response:
        data = await self._json(request)
        job, deadline = check_language(job_from_json(data)), _deadline(data)
        async with _until_hung_up(request):
            outcome = await self._pool.run(job, deadline_seconds=deadline)
        return AsciiJSONResponse(outcome_to_json(outcome))

    async def batch(self, request: Request) -> Response:
        rows, deadline = await self._read(request, _batch_jobs)
        jobs = []
        for index, row in enumerate(rows):
            jobs.append(_job_at(index, row))
            if index % _JOBS_A_TURN == 0:
                await asyncio.sleep(0)
        queue = self._pool.queue
        if queue.num_waiting >= queue.limit:
            raise QueueFull(f"{queue.limit} jobs are waiting already")
        lines = _answer_lines(self._pool, self._gate, jobs, deadline)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def run_code(self, request: Request) -> Response:
        order = fusion.read_order(await self._json(request))
        async with _until_hung_up(request):
            answer = await fusion.run(order, self._pool)
        return AsciiJSONResponse(answer)

    async def _json(self, request: Request) -> Any:
        return await self._read(request, _json)

    async def _read(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """The parsed body. Of large ones one is parsed at a time, with a turn for other requests before it."""
        body = await _body(request, self._intake)
        if len(body) < _LARGE_BYTES:
            return parse(body)
        async with self._large:
            await asyncio.sleep(0.01)
            return parse(body)

    async def health(self, request: Request) -> Response:
        if self._gate.is_draining:
            return AsciiJSONResponse({"status": "draining", "isolation": self._pool.isolation}, 503)
        async with self._health_lock:
            reason = await _why_unhealthy(self._pool)
        body = {"status": "failing" if reason else "ok", "isolation": self._pool.isolation, "reason": reason}
        return AsciiJSONResponse(body, 503 if reason else 200)

    async def metrics(self, request: Request) -> Response:
        text = prometheus_text(self._pool, self._gate, self._intake)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def languages(self, request: Request) -> Response:
        found = [
            {"name": one.name, "is_available": bool(one.version), "version": one.version, "reason": one.absence}
            for one in await asyncio.to_thread(languages)
        ]
        packages = {"python": ["numpy"] if numpy_runtime() else []}
        return AsciiJSONResponse({"languages": found, "packages": packages, "isolation": self._pool.isolation})


async def _not_served(request: Request) -> Response:
    return AsciiJSONResponse({"error": f"{request.url.path} is not served: {fusion.NOT_SERVED_WORDS}"}, 404)


async def _refuse(request: Request, problem: Exception) -> Response:
    """The answer to a request that its handler could not answer."""
    match problem:
        case InvalidJob():
            detail = {"field": problem.field, "value": problem.value, "allowed": problem.allowed}
            return AsciiJSONResponse({"error": str(problem), **detail}, 422)
        case QueueFull():
            return AsciiJSONResponse({"error": str(problem)}, 429, {"Retry-After": str(_RETRY_AFTER_SECONDS)})
        case HTTPException():
            return AsciiJSONResponse({"detail": problem.detail}, problem.status_code, problem.headers)
        case _TooLarge():
            return AsciiJSONResponse({"error": f"the body is larger than {MAX_BODY_BYTES} bytes"}, 413)
    return Response(status_code=499)  # the client has hung up


class _TooLarge(Exception):
    pass


async def _body(request: Request, intake: Intake) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise _TooLarge
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _TooLarge
        if size > _LARGE_BYTES and intake.is_full:
            raise QueueFull(f"requests of {intake.max_bytes >> 20} MB are waiting already")
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
        raise InvalidJob("body", data[:100], "JSON that is not nested this deep") from problem
    except ValueError:
        parsed = [_json(line) for line in data.splitlines() if line.strip()]
    jobs = parsed.get("jobs", [parsed]) if isinstance(parsed, dict) else parsed
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MAX_BATCH_JOBS:
        size = f"{len(jobs)} jobs" if isinstance(jobs, list) else jobs
        raise InvalidJob("jobs", size, f"a list of 1 to {MAX_BATCH_JOBS} jobs")
    return jobs, _deadline(parsed)


def _deadline(data: object) -> float | None:
    """`deadline_s`: seconds from now after which the answer is not needed any more."""
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
        async with asyncio.timeout(None) as scope:  # a hang-up ends the body like an expired deadline
            watching = asyncio.create_task(watch_for_hang_up())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError as problem:
        raise _HungUp from problem


async def _why_unhealthy(pool: SandboxPool) -> str:
    """Why the server is unhealthy, or nothing. A job that was judged a moment ago is enough; otherwise one is run now.

    A busy server is healthy as long as it judges, since a probe that waits behind its jobs would fail.
    """
    is_busy = pool.queue.num_running >= pool.num_workers
    if time.monotonic() - pool.last_judged_at < (_BUSY_HEALTH_SECONDS if is_busy else _HEALTH_SECONDS):
        return ""
    job = Job("print(int(input()) * 2)", tests=(TestCase("21", "42"),))
    outcome = await pool.run(job, wait_for_room=True, deadline_seconds=_BUSY_HEALTH_SECONDS)
    return "" if outcome.verdict == "pass" else outcome.reason


async def _answer_lines(
    pool: SandboxPool, gate: Gate, jobs: list[Job], deadline_seconds: float | None
) -> AsyncIterator[bytes]:
    """One line for each job as it ends: its `index` and its outcome. The rest is cancelled when the client hangs up.

    A batch has a few jobs in the queue at a time, so that the jobs of other clients find room. When the server is about
    to end, those are its last ones: an answer that ends early is asked for again elsewhere.
    """
    finished: asyncio.Queue[tuple[int, Outcome] | None] = asyncio.Queue()
    rows = iter(enumerate(jobs))
    ends_at = math.inf if deadline_seconds is None else time.monotonic() + deadline_seconds

    async def feed() -> None:
        try:
            for index, job in rows:
                if gate.is_draining:
                    return
                left = None if ends_at == math.inf else max(0.001, ends_at - time.monotonic())
                finished.put_nowait((index, await pool.run(job, wait_for_room=True, deadline_seconds=left)))
        finally:
            finished.put_nowait(None)

    tasks = [asyncio.create_task(feed()) for _ in range(min(len(jobs), _BATCH_WINDOW * pool.num_workers))]
    num_feeding = len(tasks)
    try:
        while num_feeding:
            ready = [await finished.get()]
            while not finished.empty():
                ready.append(finished.get_nowait())
            num_feeding -= ready.count(None)
            answers = [one for one in ready if one is not None]
            lines = [json.dumps({"index": index, **outcome_to_json(outcome)}) + "\n" for index, outcome in answers]
            if lines:
                yield "".join(lines).encode()
    finally:
        for task in tasks:
            task.cancel()

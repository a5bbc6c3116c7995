"""The sandbox inside this process: the same workers and verdicts as behind the server, without HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, TypeVar

from openqwq.sandbox.jobs import Job, Outcome, validate_job
from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.probe import open_pool

T = TypeVar("T")


class LocalSandbox:
    """Example: `with LocalSandbox(workers=2) as sandbox: outcome = sandbox.run(Job(...))`. Thread-safe.

    Raises `probe.IsolationTooWeak` when this host does not hold the required level.
    """

    def __init__(self, workers: int | None = None, require_isolation: str = "L2") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-sandbox", daemon=True)
        self._thread.start()
        try:
            self._pool: SandboxPool = self._wait(open_pool(workers, 1024, require_isolation))
        except BaseException:
            self._end_loop()
            raise

    @property
    def isolation(self) -> str:
        return self._pool.isolation

    def run(self, job: Job) -> Outcome:
        return self._wait(self._pool.run(validate_job(job), wait_for_room=True))

    def run_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Outcomes in the order of the jobs."""
        return self._wait(self._run_all([validate_job(job) for job in jobs]))

    async def arun(self, job: Job) -> Outcome:
        return (await self.arun_many([job]))[0]

    async def arun_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        checked = [validate_job(job) for job in jobs]
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._run_all(checked), self._loop))

    async def _run_all(self, jobs: Sequence[Job]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._pool.run(job, wait_for_room=True) for job in jobs)))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._wait(self._pool.stop())
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> LocalSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

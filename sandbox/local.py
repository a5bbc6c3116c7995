"""The sandbox inside this process: the same workers and verdicts as behind the server, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from openqwq.sandbox.interface import LoopSandbox
from openqwq.sandbox.jobs import Job, Outcome
from openqwq.sandbox.languages import check_language
from openqwq.sandbox.loop_thread import LoopThread
from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.probe import open_pool

_QUEUE_LIMIT = 1024


class LocalSandbox(LoopSandbox[SandboxPool]):
    """Example: `with LocalSandbox(workers=2) as sandbox: outcome = sandbox.run(Job(...))`. A `Sandbox`.

    Raises `probe.IsolationTooWeak` when this host does not reach the required level. Not for use after a fork: the
    workers belong to the process that started them.
    """

    def __init__(self, workers: int | None = None, require_isolation: str = "L2") -> None:
        open_workers = partial(open_pool, workers, _QUEUE_LIMIT, require_isolation)
        super().__init__(LoopThread("LocalSandbox", open_workers, SandboxPool.stop, is_for_forks=False))
        self._isolation = self._home.wait(_isolation)

    @property
    def isolation(self) -> str:
        return self._isolation

    def _work(self, jobs: list[Job]) -> Callable[[SandboxPool], Coroutine[Any, Any, list[Outcome]]]:
        for job in jobs:
            check_language(job)

        async def run_all(pool: SandboxPool) -> list[Outcome]:
            return await asyncio.gather(*(pool.run(job, wait_for_room=True) for job in jobs))

        return run_all


async def _isolation(pool: SandboxPool) -> str:
    return pool.isolation

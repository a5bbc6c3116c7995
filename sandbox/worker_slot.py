"""One slot of the pool: runs one job at a time, on a worker with the runtime that the job needs."""

from __future__ import annotations

import asyncio

from openqwq.sandbox.inside.zygote import Plan
from openqwq.sandbox.isolation.cgroup import ControlGroups
from openqwq.sandbox.languages import PYTHON, Runtime
from openqwq.sandbox.worker import Worker


class WorkerSlot:
    """The Python worker starts with the pool, the others with the first job that needs them."""

    def __init__(self, backend: str, groups: ControlGroups | None = None) -> None:
        self.backend, self._groups = backend, groups
        self._workers: dict[str, Worker] = {}

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers.values()]

    async def worker(self, runtime: Runtime = PYTHON) -> Worker:
        """A started worker with this runtime."""
        worker = self._workers.get(runtime.name)
        if worker is None:
            plan = Plan(self.backend, runtime.warm, runtime.paths, runtime.packages)
            worker = Worker(plan, self._groups.new() if self._groups else None)
            await worker.start()
            self._workers[runtime.name] = worker
        return worker

    async def stop(self) -> None:
        """End all workers; the next use starts fresh ones."""
        workers, self._workers = list(self._workers.values()), {}
        await asyncio.gather(*(worker.stop() for worker in workers))

"""From jobs to outcomes: splits a job over idle worker slots, keeps its deadline, and turns trouble into an outcome.

Belongs to one event loop. `http_api.py` uses it over HTTP, `local.py` in process. Slots, queue and retries stand in
`worker_queue.py`.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial

from openqwq.sandbox.execution import Compiler, run_raw
from openqwq.sandbox.isolation.cgroup import find_control_groups
from openqwq.sandbox.jobs import Job, Outcome, error_outcome
from openqwq.sandbox.parts import join, split
from openqwq.sandbox.verdict import form_verdict
from openqwq.sandbox.worker import Answer, CannotIsolate, WorkerLost
from openqwq.sandbox.worker_queue import PoolClosed, QueueFull, WorkerQueue
from openqwq.sandbox.worker_slot import WorkerSlot


class SandboxPool:
    """Example: `pool = SandboxPool(2); await pool.start(); outcome = await pool.run(job); await pool.stop()`."""

    def __init__(self, num_workers: int | None = None, queue_limit: int = 1024, backend: str = "namespaces") -> None:
        self.num_workers = num_workers or len(os.sched_getaffinity(0))
        self.backend = backend
        self.isolation = "unknown"
        """The level, set by `probe.open_pool`, which tries the attacks."""
        self.verdicts: Counter[str] = Counter()
        """Number of outcomes by verdict."""
        self.jobs: Counter[tuple[str, str, str]] = Counter()
        """Number of outcomes by language, mode and verdict; `tests` the number of tests by status."""
        self.tests: Counter[str] = Counter()
        self.num_raw_runs = 0
        self.last_judged_at = -math.inf
        """When the last job was judged; time.monotonic seconds."""
        groups = find_control_groups() if backend == "namespaces" else None
        self.has_control_groups = groups is not None
        self.queue = WorkerQueue([WorkerSlot(backend, groups) for _ in range(self.num_workers)], queue_limit)
        self._compiler = Compiler()

    async def start(self) -> None:
        """Start all workers; CannotIsolate when no jail can be built on this host."""
        await self.queue.start()

    async def stop(self) -> None:
        await self.queue.stop()

    async def run(self, job: Job, wait_for_room: bool = False, deadline_seconds: float | None = None) -> Outcome:
        """Judge a job within the deadline, which starts now. Raises QueueFull; all other trouble is an outcome with
        verdict `error`."""
        results: list[asyncio.Future[Outcome]] = []
        outcomes: list[Outcome] = []
        try:
            async with asyncio.timeout(deadline_seconds) as deadline:
                for part in split(job, self.queue.num_idle):
                    work = partial(form_verdict, part, compiler=self._compiler, isolation=self.isolation)
                    results.append(await self.queue.submit(work, wait_for_room))
                for result in results:
                    outcomes.append(await result)
                    if outcomes[-1].verdict != "pass" and job.stop_on_first_failure:
                        break
            outcome = join(job, outcomes)
            self.last_judged_at = time.monotonic()
        except QueueFull:
            raise
        except (WorkerLost, TimeoutError, PoolClosed, CannotIsolate) as problem:
            words = f"{type(problem).__name__}: {problem}"
            if deadline.expired():
                words = f"no answer within the deadline of {deadline_seconds:g} s"
            outcome = error_outcome(words, self.isolation)
        except Exception as problem:  # an error of the sandbox says nothing of the program
            outcome = error_outcome(f"internal error, {type(problem).__name__}: {problem}", self.isolation)
        finally:
            for result in results:
                result.cancel()
            await asyncio.gather(*results, return_exceptions=True)
        self.verdicts[outcome.verdict] += 1
        self.jobs[job.language, job.mode, outcome.verdict] += 1
        self.tests.update(test.status for test in outcome.tests)
        return outcome

    async def run_raw(
        self, job: Job, files: Mapping[str, bytes] | None = None, fetch: tuple[str, ...] = ()
    ) -> tuple[Answer, dict[str, bytes]]:
        """Run a program for its output. Errors travel up."""
        self.num_raw_runs += 1
        work = partial(run_raw, job, compiler=self._compiler, files=files or {}, fetch=fetch)
        return await (await self.queue.submit(work))


__all__ = ["CannotIsolate", "PoolClosed", "QueueFull", "SandboxPool"]

"""Work on worker slots: what happens to it when its owner leaves, or when the queue stops."""

from __future__ import annotations

import asyncio

import pytest

from openqwq.sandbox.worker_queue import PoolClosed, WorkerQueue
from openqwq.sandbox.worker_slot import WorkerSlot


async def endless(slot: WorkerSlot) -> None:
    await asyncio.Event().wait()


async def opened() -> WorkerQueue:
    queue = WorkerQueue([WorkerSlot("namespaces")], 8)
    await queue.start()
    return queue


def test_a_queue_stops_in_the_moment_when_the_owner_of_its_work_leaves() -> None:
    async def leave_and_stop(num_turns: int) -> None:
        queue = await opened()
        result = await queue.submit(endless)
        while not queue.num_running:
            await asyncio.sleep(0)
        result.cancel()
        for _ in range(num_turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await queue.stop()

    for num_turns in range(4):
        asyncio.run(leave_and_stop(num_turns))


def test_stopping_fails_the_work_that_runs_and_the_work_that_waits() -> None:
    async def stop() -> None:
        queue = await opened()
        results = [await queue.submit(endless) for _ in range(2)]
        while not queue.num_running:
            await asyncio.sleep(0)
        await queue.stop()
        for result in results:
            with pytest.raises(PoolClosed):
                await result

    asyncio.run(stop())

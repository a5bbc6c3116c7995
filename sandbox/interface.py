"""The interface of every sandbox, in this process or over HTTP: blocking and asyncio calls with the same names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from openqwq.sandbox.jobs import Job, Outcome, validate_job
from openqwq.sandbox.loop_thread import LoopThread

R = TypeVar("R")


class Sandbox(Protocol):
    """`LocalSandbox` and `SandboxClient`. Any thread, any event loop.

    An invalid job raises InvalidJob, a closed sandbox raises SandboxClosed; all other trouble is an Outcome with
    verdict `error`.
    """

    @property
    def isolation(self) -> str:
        """The level at which programs run: L0 (weakest) to L3, or unknown."""
        ...

    def run(self, job: Job) -> Outcome: ...

    def run_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome a job, in the order of the jobs."""
        ...

    async def arun(self, job: Job) -> Outcome:
        """As `run`, without blocking the event loop of the caller; cancelling it ends the program."""
        ...

    async def arun_many(self, jobs: Sequence[Job]) -> list[Outcome]: ...

    def close(self) -> None:
        """End all that was started; calls under way raise SandboxClosed. Safe to call twice."""
        ...


class LoopSandbox(Sandbox, ABC, Generic[R]):
    """The calls of `Sandbox` for one that works on a background event loop with a resource `R` there."""

    def __init__(self, home: LoopThread[R]) -> None:
        self._home = home

    @abstractmethod
    def _work(self, jobs: list[Job]) -> Callable[[R], Coroutine[Any, Any, list[Outcome]]]:
        """What to run on the loop for these checked jobs (1 or more); called in the caller's thread."""

    def run(self, job: Job) -> Outcome:
        return self.run_many([job])[0]

    def run_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        checked = [validate_job(job) for job in jobs]
        return self._home.wait(self._work(checked)) if checked else []

    async def arun(self, job: Job) -> Outcome:
        return (await self.arun_many([job]))[0]

    async def arun_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        checked = [validate_job(job) for job in jobs]
        return await self._home.join(self._work(checked)) if checked else []

    def close(self) -> None:
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

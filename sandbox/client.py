"""The sandbox over HTTP from the caller's side: retries with back-off, several servers, order kept.

Infrastructure trouble is an `Outcome` with verdict `error`: never an exception, never `fail`. `dispatch.py` decides
which server gets which job, `exchange.py` makes one request.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from openqwq.sandbox.dispatch import Assignment, Dispatch
from openqwq.sandbox.exchange import Refused, Server, ServerFault, TryAgain, check_token, check_url
from openqwq.sandbox.interface import LoopSandbox
from openqwq.sandbox.jobs import InvalidJob, Job, Outcome, error_outcome
from openqwq.sandbox.loop_thread import LoopThread
from openqwq.sandbox.wire import job_to_text

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_LOOK_SECONDS = 1.0
TOKEN_VARIABLE = "OPENQWQ_SANDBOX_TOKEN"


class SandboxClient(LoopSandbox[list[Server]]):
    """Example: `SandboxClient("http://127.0.0.1:8080").run(Job("print(1)", tests=(TestCase("", "1"),)))`. A `Sandbox`.

    Several servers share the work in proportion to their speed. Any thread and any event loop may call; a forked child
    opens connections of its own.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        timeout_seconds: float = 120.0,
        retries: int = 8,
        error_retries: int = 2,
        token: str | None = None,
    ) -> None:
        """`timeout_seconds` bounds one call of `run` or `run_many`, its retries included.

        retries: failures in a row (broken connection, 5xx, garbage) after which a call stops asking a server; a server
        that answers with 429 or Retry-After is asked until the time is over. error_retries: how often a job with a
        retryable `error` is run again. token: of servers that ask for one, default from OPENQWQ_SANDBOX_TOKEN.
        Raises ValueError for an invalid url or token.
        """
        self.urls = list(dict.fromkeys(check_url(url) for url in ([urls] if isinstance(urls, str) else urls)))
        if not self.urls:
            raise ValueError("urls is empty; give the address of at least one sandbox server")
        token = check_token(os.environ.get(TOKEN_VARIABLE) if token is None else token)
        self.timeout_seconds, self.retries, self.error_retries = timeout_seconds, retries, error_retries
        self._turn = itertools.count(random.randrange(len(self.urls)))
        super().__init__(LoopThread("SandboxClient", partial(_connect, self.urls, token), _disconnect))

    @property
    def isolation(self) -> str:
        """The weakest level of the servers that answer their health check within two seconds; unknown without any."""
        return min((level for level in self._home.wait(_isolations) if level), default="unknown")

    def is_healthy(self, url: str) -> bool:
        """True when the server, one of `urls`, passes its health check within two seconds."""
        place = self.urls.index(check_url(url))
        return self._home.wait(lambda servers: servers[place].isolation()) is not None

    def _work(self, jobs: list[Job]) -> Callable[[list[Server]], Coroutine[Any, Any, list[Outcome]]]:
        wires: list[bytes] = []
        wall_seconds: list[float] = []
        unsent: dict[int, Outcome] = {}
        for place, job in enumerate(jobs):
            try:
                wires.append(job_to_text(job).encode())
                wall_seconds.append(job.limits.wall_seconds)
            except InvalidJob as problem:  # it holds what JSON would change, and costs no other job its outcome
                unsent[place] = Outcome("error", reason=str(problem))
        deadline = time.monotonic() + self.timeout_seconds

        async def run(servers: list[Server]) -> list[Outcome]:
            outcomes = await self._run_on(wires, wall_seconds, deadline, servers) if wires else []
            for place in sorted(unsent):
                outcomes.insert(place, unsent[place])
            return outcomes

        return run

    async def _run_on(
        self, wires: list[bytes], wall_seconds: list[float], deadline: float, servers: list[Server]
    ) -> list[Outcome]:
        servers = self._worth_asking(servers)
        dispatch = Dispatch(
            [len(wire) for wire in wires], wall_seconds, [server.url for server in servers], self.error_retries
        )
        server_calls = [_ServerCall(server, dispatch, wires, deadline, self.retries) for server in servers]
        tasks = [asyncio.create_task(server_call.run()) for server_call in server_calls]
        over = asyncio.gather(*tasks)
        finished = asyncio.create_task(dispatch.finished.wait())
        try:
            await asyncio.wait(
                (over, finished), timeout=deadline - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
            if over.done():
                over.result()  # an error of this client travels up
            elif not finished.done():
                where = ", ".join(dispatch.urls_under_way()) or dispatch.reason
                dispatch.reason = f"{where}: no answer within {self.timeout_seconds:g} s"
            for server_call in server_calls:
                server_call.note_silence()
            return dispatch.outcomes()
        finally:
            for task in (finished, *tasks):
                task.cancel()
            await asyncio.gather(finished, over, *tasks, return_exceptions=True)

    def _worth_asking(self, servers: list[Server]) -> list[Server]:
        """The servers in the order in which they get work: answering ones first, then the least busy, then in turn.

        While another server answers, the health of a silent one is checked once a second and not in each call.
        """
        turn = next(self._turn) % len(servers)
        asked = sorted(servers[turn:] + servers[:turn], key=lambda server: (server.is_silent, server.num_requests))
        if asked[0].is_silent:
            return asked
        looked_before = time.monotonic() - _LOOK_SECONDS
        return [server for server in asked if not server.is_silent or server.looked_at < looked_before]


class _ServerCall:
    """The work of one call with one server: sends assignments while it answers, backs off when it does not."""

    def __init__(
        self, server: Server, dispatch: Dispatch, wires: Sequence[bytes], deadline: float, retries: int
    ) -> None:
        self._server, self._dispatch, self._wires = server, dispatch, wires
        self._deadline, self._retries = deadline, retries
        self._started_at = time.monotonic()
        self._failed_at, self._free_at = -1.0, -1.0
        self._num_failures = self._num_pauses = 0
        self._has_asked = False

    async def run(self) -> None:
        server, dispatch = self._server, self._dispatch
        try:
            # One health check instead of a full timeout: the next calls must not wait for a dead server again.
            if server.is_silent:
                if await server.isolation() is None:
                    dispatch.reason = f"{server.url} is still silent"
                    return
                server.is_silent = False
            async with asyncio.TaskGroup() as requests:
                while not dispatch.finished.is_set() and self._num_failures <= self._retries:
                    now = time.monotonic()
                    free_at = max(self._free_at, server.free_at)
                    if free_at > self._deadline:
                        return  # the server has no room before the deadline
                    if free_at > now:
                        await asyncio.sleep(free_at - now)
                    elif assignment := dispatch.take(server.url, now):
                        requests.create_task(self._carry(assignment))
                    else:
                        await dispatch.changed(now)
        finally:
            dispatch.set_able(server.url, False)

    async def _carry(self, assignment: Assignment) -> None:
        server, dispatch = self._server, self._dispatch
        self._has_asked = True
        sent_at = time.monotonic()
        server.num_requests += 1

        def answer(index: int, outcome: Outcome) -> None:
            if index < 0:
                raise IndexError(index)
            dispatch.answer(assignment, assignment.places[index], outcome, time.monotonic())
            if self._num_pauses:
                self._num_failures = self._num_pauses = 0
                dispatch.set_able(server.url, True)

        try:
            await server.ask([self._wires[place] for place in assignment.places], self._deadline, answer)
            if assignment.unanswered:
                raise TryAgain("the answer ended early")
        except TryAgain as problem:
            self._back_off(problem, sent_at, len(assignment.unanswered) < len(assignment.places))
        except Refused as problem:
            if problem.is_content and len(assignment.places) > 1:
                dispatch.split(assignment)
            else:
                # Not because of what the job holds: a token or an address is wrong, and another server may take it.
                words = f"{server.url} refuses the request: {problem}"
                self._give_up(assignment, Outcome("error", reason=words, is_retryable=not problem.is_content))
        except ServerFault as problem:
            self._give_up(assignment, error_outcome(f"{server.url}: {problem}"))
        finally:
            server.num_requests -= 1
            dispatch.end(assignment)

    def _give_up(self, assignment: Assignment, outcome: Outcome) -> None:
        for place in sorted(assignment.unanswered):
            self._dispatch.answer(assignment, place, outcome, time.monotonic())

    def _back_off(self, problem: TryAgain, sent_at: float, has_answers: bool) -> None:
        """Wait with full jitter, so that the clients of one cluster do not retry at the same moment."""
        self._dispatch.reason = f"{self._server.url}: {problem}"
        self._dispatch.set_able(self._server.url, False)
        if sent_at < self._failed_at:
            return  # sent before the last failure: counted already
        self._failed_at = time.monotonic()
        ceiling = min(_FIRST_PAUSE_SECONDS * 2**self._num_pauses, _LONGEST_PAUSE_SECONDS)
        self._free_at = self._failed_at + problem.after_seconds + random.uniform(0.0, ceiling)
        self._num_pauses += 1
        self._num_failures += not (problem.is_invitation or has_answers)

    def note_silence(self) -> None:
        """Update whether the server counts as silent. At the end of the call, before its requests are cancelled."""
        server, dispatch = self._server, self._dispatch
        is_late = self._has_asked and time.monotonic() >= self._deadline
        if server.heard_at >= self._started_at:
            server.is_silent = False
        elif self._num_pauses or is_late or dispatch.is_stuck(server.url):
            server.is_silent = True


async def _connect(urls: list[str], token: str | None) -> list[Server]:
    return [Server(url, token) for url in urls]


async def _disconnect(servers: list[Server]) -> None:
    await asyncio.gather(*(server.close() for server in servers))


async def _isolations(servers: list[Server]) -> list[str | None]:
    return await asyncio.gather(*(server.isolation() for server in servers))


__all__ = ["InvalidJob", "SandboxClient"]

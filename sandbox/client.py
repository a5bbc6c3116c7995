"""The sandbox over HTTP from the caller's side: retries with back-off, several servers, order kept.

Infrastructure trouble is an `Outcome` with verdict `error`: never an exception, never `fail`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import httpx

from openqwq.sandbox.jobs import (
    InvalidJob,
    Job,
    Outcome,
    error_outcome,
    job_to_json,
    outcome_from_json,
    validate_job,
)

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
_HEALTH_SECONDS = 2.0
_RETRIED_STATUSES = (429, 502, 503, 504)


class _TryAgain(Exception):
    """This attempt failed for a reason that may pass; `after_seconds` when the server says how long."""

    def __init__(self, reason: str, after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


class _Refused(Exception):
    """The server answers, and will not take this request however often it is sent."""


class SandboxClient:
    """Example: `SandboxClient("http://127.0.0.1:8080").run(Job("print(1)", tests=(TestCase("", "1"),)))`.

    Several urls share the work. Thread-safe. Proxies of the environment are not used: a sandbox is a near machine.
    """

    def __init__(self, urls: str | Sequence[str], timeout_seconds: float = 120.0, retries: int = 8) -> None:
        """`timeout_seconds` bounds one call of `run` or `run_many`, its retries included."""
        self.urls = [url.rstrip("/") for url in ([urls] if isinstance(urls, str) else urls)]
        if not self.urls:
            raise ValueError("urls is empty; give the address of at least one sandbox server")
        self.timeout_seconds, self.retries = timeout_seconds, retries
        self._turn = itertools.count(random.randrange(len(self.urls)))
        self._silent: set[str] = set()  # servers that a whole call got no answer from
        self._http = httpx.Client(trust_env=False, limits=httpx.Limits(max_connections=256))

    def run(self, job: Job) -> Outcome:
        """One job; InvalidJob is raised for a job that no server would take."""
        return self.run_many([job])[0]

    def run_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Outcomes in the order of the jobs: one batch request a server."""
        jobs = [validate_job(job) for job in jobs]
        if not jobs:
            return []
        deadline = time.monotonic() + self.timeout_seconds
        first = next(self._turn)
        num_shares = min(len(self.urls), len(jobs))
        shares = [range(start, len(jobs), num_shares) for start in range(num_shares)]
        outcomes: list[Outcome | None] = [None] * len(jobs)
        if num_shares == 1:
            self._run_share(jobs, shares[0], first, outcomes, deadline)
        else:
            with ThreadPoolExecutor(num_shares) as threads:
                list(
                    threads.map(
                        lambda number: self._run_share(jobs, shares[number], first + number, outcomes, deadline),
                        range(num_shares),
                    )
                )
        return [outcome or error_outcome("the sandbox gave no answer") for outcome in outcomes]

    async def arun(self, job: Job) -> Outcome:
        return await asyncio.to_thread(self.run, job)

    async def arun_many(self, jobs: Sequence[Job]) -> list[Outcome]:
        return await asyncio.to_thread(self.run_many, jobs)

    def _run_share(
        self, jobs: Sequence[Job], share: range, turn: int, outcomes: list[Outcome | None], deadline: float
    ) -> None:
        """Fill in the outcomes of a share; another server, and only what is missing, at each new attempt."""
        pause_seconds, reason = _FIRST_PAUSE_SECONDS, ""
        for attempt in range(self.retries + 1):
            missing = [index for index in share if outcomes[index] is None]
            url = self.urls[(turn + attempt) % len(self.urls)]
            if url in self._silent and not self.is_healthy(url):
                reason = f"{url} is still silent"
                if self._silent.issuperset(self.urls):
                    break  # callers with more work must not wait out every call: one short look each
                continue
            try:
                for place, outcome in self._stream(url, [jobs[index] for index in missing], deadline):
                    outcomes[missing[place]] = outcome
                self._silent.discard(url)
                if all(outcomes[index] is not None for index in share):
                    return
                reason = f"{url}: the answer ended early"
            except _Refused as problem:
                reason = f"{url} refuses the request: {problem}"
                break
            except _TryAgain as problem:
                reason = f"{url}: {problem}"
                pause_seconds = max(pause_seconds, problem.after_seconds)
            left = deadline - time.monotonic()
            # Jitter: the clients of one cluster must not come back all at once.
            pause = min(pause_seconds * random.uniform(0.5, 1.0), left)
            if pause <= 0 or attempt == self.retries:
                break
            threading.Event().wait(pause)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        self._silent.add(url)
        for index in share:
            if outcomes[index] is None:
                outcomes[index] = error_outcome(f"no sandbox answered: {reason}")

    def is_healthy(self, url: str) -> bool:
        """True when the server says so within two seconds."""
        try:
            return self._http.get(f"{url}/health", timeout=_HEALTH_SECONDS).status_code == 200
        except httpx.HTTPError:
            return False

    def _stream(self, url: str, jobs: Sequence[Job], deadline: float) -> Iterator[tuple[int, Outcome]]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _TryAgain(f"no answer within {self.timeout_seconds:g} s")
        body = json.dumps({"jobs": [job_to_json(job) for job in jobs]}).encode()
        timeout = httpx.Timeout(left, connect=min(left, _CONNECT_SECONDS))
        headers = {"content-type": "application/json"}
        try:
            with self._http.stream(
                "POST", f"{url}/v1/batch", content=body, timeout=timeout, headers=headers
            ) as response:
                self._check(response)
                for line in response.iter_lines():
                    if line:
                        answer = json.loads(line)
                        yield int(answer["index"]), outcome_from_json(answer)
                    if time.monotonic() > deadline:
                        raise _TryAgain(f"no full answer within {self.timeout_seconds:g} s")
        except httpx.HTTPError as problem:
            raise _TryAgain(f"{type(problem).__name__}: {problem}") from problem
        except (ValueError, KeyError, TypeError, IndexError) as problem:
            raise _TryAgain(f"not the answer of a sandbox server: {problem}") from problem

    @staticmethod
    def _check(response: httpx.Response) -> None:
        if response.status_code == 200:
            return
        text = response.read().decode(errors="replace")[:300]
        after = response.headers.get("retry-after", "")
        if response.status_code in _RETRIED_STATUSES:
            raise _TryAgain(f"HTTP {response.status_code}: {text}", float(after) if after.isdigit() else 0.0)
        raise _Refused(f"HTTP {response.status_code}: {text}")

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> SandboxClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["InvalidJob", "SandboxClient"]

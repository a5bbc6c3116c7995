"""Which server gets which jobs of one call: each as many as it answers, failed ones again, order kept.

Book-keeping only, without HTTP. Belongs to one event loop. A job is named by its place in the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from openqwq.sandbox.jobs import Outcome, error_outcome

MAX_ASSIGNED_JOBS = 64
MAX_ASSIGNED_BYTES = 16 << 20
"""A quarter of the body that a server accepts."""
_LEAST_ASSIGNED_JOBS = 8
"""Smaller requests leave a server with several workers idle."""
_SLACK_SECONDS = 1.0
_ERROR_PAUSE_SECONDS = 0.1


@dataclass(eq=False)
class Assignment:
    """The jobs of one request. Example: `Assignment("http://a:1", (0, 1), heard_at=3.5, patience_seconds=5.0)`."""

    url: str
    places: tuple[int, ...]
    """The server's index i is the call's place places[i]."""
    heard_at: float
    """When the request was sent, or the last answer came, whichever is later; time.monotonic seconds."""
    patience_seconds: float
    """A server that is silent for longer than a single test may last is stuck or busy; another server then gets its
    jobs too."""
    unanswered: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.unanswered = set(self.places)


class Dispatch:
    """The state of one call. `sizes_bytes` and `wall_seconds` (limit of one test) hold a number for each job."""

    def __init__(
        self, sizes_bytes: Sequence[int], wall_seconds: Sequence[float], urls: Sequence[str], error_retries: int
    ) -> None:
        self.reason = "the call's time was over before it began"
        """The last problem, for the outcomes of jobs without an answer."""
        self.finished = asyncio.Event()
        self._outcomes: list[Outcome | None] = [None] * len(sizes_bytes)
        self._sizes_bytes, self._wall_seconds, self._error_retries = sizes_bytes, wall_seconds, error_retries
        self._num_open = len(sizes_bytes)
        self._waiting = deque(range(len(sizes_bytes)))
        self._is_waiting = [True] * len(sizes_bytes)
        self._assignments: list[Assignment] = []
        self._errors: dict[int, list[Outcome]] = {}
        self._erred_at: dict[int, str] = {}
        self._alone: set[int] = set()
        self._stuck: set[str] = set()
        self._able = dict.fromkeys(urls, True)
        self._least = min(_LEAST_ASSIGNED_JOBS, math.ceil(len(sizes_bytes) / len(urls)))
        self._changed = asyncio.Event()

    def take(self, url: str, now: float) -> Assignment | None:
        """Jobs for one more request to this server; None when it has enough or no job waits."""
        limit = self._max_jobs()
        if self._load(url) > limit:
            return None
        places = self._pick(url, limit)
        if not places and not self._waiting:
            places = self._take_from_stuck(url, now, limit)
        if not places:
            return None
        patience = _SLACK_SECONDS + max(self._wall_seconds[place] for place in places)
        assignment = Assignment(url, tuple(places), now, patience)
        self._assignments.append(assignment)
        self._wake()  # the other servers wait for at most this assignment's patience
        return assignment

    def answer(self, assignment: Assignment, place: int, outcome: Outcome, now: float) -> None:
        """Keep the first answer to a job. A retryable error is run again, at another server when there is one."""
        assignment.heard_at = now
        if place not in assignment.unanswered:
            return
        assignment.unanswered.discard(place)
        if outcome.verdict == "error" and outcome.is_retryable:
            errors = self._errors.setdefault(place, [])
            errors.append(outcome)
            if len(errors) <= self._error_retries:
                self._erred_at[place] = assignment.url
                pause = random.uniform(0.0, _ERROR_PAUSE_SECONDS * 2 ** len(errors))
                asyncio.get_running_loop().call_later(pause, self._put_back, [place])
                return
        self._outcomes[place] = outcome
        for other in self._assignments:
            other.unanswered.discard(place)
        self._num_open -= 1
        if not self._num_open:
            self.finished.set()
        if self._load(assignment.url) <= self._max_jobs():
            self._wake()

    def end(self, assignment: Assignment) -> None:
        """Drop the assignment; its unanswered jobs wait again."""
        self._assignments.remove(assignment)
        self._put_back(sorted(assignment.unanswered))

    def split(self, assignment: Assignment) -> None:
        """From now on send the jobs of this assignment in requests of their own, since the server refuses them
        together."""
        self._alone |= assignment.unanswered

    def set_able(self, url: str, is_able: bool) -> None:
        """Set whether jobs that erred elsewhere should wait for this server."""
        self._able[url] = is_able
        self._wake()

    async def changed(self, now: float) -> None:
        """Wait until another `take` may return jobs: something changed, or a server has been silent for too long."""
        stuck_at = [
            assignment.heard_at + assignment.patience_seconds
            for assignment in self._assignments
            if assignment.unanswered
        ]
        coming = [at - now for at in stuck_at if at > now]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(coming, default=None)):
                await self._changed.wait()

    def is_stuck(self, url: str) -> bool:
        """True when jobs of this server were given to another one because it was silent."""
        return url in self._stuck

    def outcomes(self) -> list[Outcome]:
        """The outcomes in the order of the jobs; for a job without an answer an error that names the last problem."""
        return [
            outcome or (self._errors.get(place) or [error_outcome(f"no sandbox answered: {self.reason}")])[-1]
            for place, outcome in enumerate(self._outcomes)
        ]

    def urls_under_way(self) -> list[str]:
        return sorted({assignment.url for assignment in self._assignments if assignment.unanswered})

    def _max_jobs(self) -> int:
        """Assignments shrink towards the end, so that all servers end at about the same time."""
        if len(self._able) == 1:
            return MAX_ASSIGNED_JOBS
        fair = math.ceil(len(self._waiting) / (2 * len(self._able)))
        return min(MAX_ASSIGNED_JOBS, max(self._least, fair))

    def _load(self, url: str) -> int:
        return sum(len(assignment.unanswered) for assignment in self._assignments if assignment.url == url)

    def _pick(self, url: str, limit: int) -> list[int]:
        is_other_able = any(able for other, able in self._able.items() if other != url)
        picked: list[int] = []
        passed_over: list[int] = []
        size_bytes = 0
        while self._waiting and len(picked) < limit:
            place = self._waiting[0]
            is_too_much = picked and size_bytes + self._sizes_bytes[place] > MAX_ASSIGNED_BYTES
            if is_too_much or (picked and place in self._alone):
                break
            self._waiting.popleft()
            if self._outcomes[place] is not None:
                continue  # answered by another server after an error
            if is_other_able and self._erred_at.get(place) == url:
                passed_over.append(place)
                continue
            picked.append(place)
            self._is_waiting[place] = False
            size_bytes += self._sizes_bytes[place]
            if place in self._alone:
                break
        self._waiting.extendleft(reversed(passed_over))
        return picked

    def _take_from_stuck(self, url: str, now: float, limit: int) -> list[int]:
        """Jobs that only one other server has and has been silent about for too long."""
        places: list[int] = []
        for assignment in self._assignments:
            if assignment.url != url and now - assignment.heard_at >= assignment.patience_seconds:
                lonely = [place for place in sorted(assignment.unanswered) if self._num_carriers(place) == 1]
                if lonely:
                    self._stuck.add(assignment.url)
                    places += lonely
        return places[:limit]

    def _num_carriers(self, place: int) -> int:
        return sum(place in assignment.unanswered for assignment in self._assignments)

    def _put_back(self, places: Iterable[int]) -> None:
        missing = [
            place
            for place in places
            if self._outcomes[place] is None and not self._is_waiting[place] and not self._num_carriers(place)
        ]
        for place in missing:
            self._is_waiting[place] = True
        self._waiting.extendleft(reversed(missing))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

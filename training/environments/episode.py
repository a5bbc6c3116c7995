"""One sample's environment while it lives: every call in its own thread, under limits, its answers checked.

Nothing that an environment does reaches another sample: whatever is raised, awaited for ever or given in place of an
answer becomes an EpisodeFailure, a line that says which call of which environment it was.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from openqwq.training.config import EnvironmentLimits, EnvironmentUse
from openqwq.training.environments import door
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.environments.contract import Environment, StepResult, most_characters
from openqwq.training.environments.threads import CallThread, CallTimeout
from openqwq.training.environments.turns import plan_turn
from openqwq.training.records import EpisodeNotes, Message
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT

T = TypeVar("T")
POLL_SECONDS = 1.0
"""How often a caller that waits looks whether a call is late."""
MAX_REASON_CHARACTERS = 500


class EpisodeFailure(Exception):
    """The environment failed; its sample is to be masked."""


@dataclass(frozen=True)
class Begun:
    """An episode that has begun."""

    opening: Sequence[Message]
    """Messages that follow the row's own."""
    goes_on: bool = True
    """Whether the environment has the state in which the sample was cut; otherwise the sample has to begin anew."""


class Pending(Generic[T]):
    """What an episode was asked and may not have answered yet."""

    def __init__(self, future: "Future[T]", thread: CallThread | None, late: Callable[[], EpisodeFailure]) -> None:
        self._future, self._thread, self._late = future, thread, late

    @property
    def is_done(self) -> bool:
        """Whether `result` would not block."""
        return self._future.done() or self._is_late()

    def result(self, until: float = math.inf) -> T:
        """Wait for the answer, no longer than the episode's limits allow. `until`: by time.monotonic().

        Raises:
            EpisodeFailure: the environment failed, or hangs, or it is `until`.
            KeyboardInterrupt: raised within the environment.
        """
        while True:
            deadline = self.deadline
            now = time.monotonic()
            wait = max(0.0, min(POLL_SECONDS, until - now, math.inf if deadline is None else deadline - now))
            try:
                return self._future.result(wait + 1e-3)
            except NotYet:
                if self._future.done():
                    return self._future.result()
                if self._thread is not None and self._is_late():
                    self._thread.abandon()
                elif time.monotonic() < until:
                    continue
                raise self._late() from None

    def _is_late(self) -> bool:
        deadline = self.deadline
        return deadline is not None and time.monotonic() > deadline

    @property
    def deadline(self) -> float | None:
        """When the call in progress is late, by time.monotonic(); None between calls."""
        return None if self._thread is None else self._thread.deadline


def wait_for_one(pendings: Sequence[Pending[Any]]) -> None:
    """Wait until one of these is done, or late."""
    while pendings and not any(pending.is_done for pending in pendings):
        now, deadlines = time.monotonic(), [pending.deadline for pending in pendings]
        seconds = min((deadline - now for deadline in deadlines if deadline is not None), default=POLL_SECONDS)
        futures = [pending._future for pending in pendings]
        wait(futures, max(0.0, min(POLL_SECONDS, seconds)) + 1e-3, return_when=FIRST_COMPLETED)


class Episode:
    """The environment of one sample. One thing is asked at a time: `begin`, then turns, then `end` or `cut`."""

    def __init__(
        self,
        name: str,
        factory: Callable[[], Environment],
        limits: EnvironmentLimits | None = None,
        row_tools: Sequence[Mapping[str, Any]] = (),
        call_format: str = DEFAULT_FORMAT,
    ) -> None:
        self.limits = limits or EnvironmentLimits()
        self.notes = EpisodeNotes(environment=name)
        """What the episode came to so far."""
        self._factory, self._row_tools, self._call_format = factory, tuple(row_tools), call_format
        self._thread: CallThread | None = None
        self._environment: Environment | None = None
        self._call = "begin"
        """Name of the call in progress, for messages."""
        self._is_closing = False
        self._is_ended = False
        """Whether the last thing that its thread has to do was submitted."""
        self._last: Pending[Any] | None = None
        self._given_up: Pending[Any] | None = None

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The row's tools; where it has none, those of the environment."""
        return self._row_tools or self.notes.tools

    @property
    def max_answer_characters(self) -> int | None:
        """What of a tool's answer is shown; None where tokens bound it, or nothing."""
        return None if self.limits.max_tool_tokens is not None else most_characters(self._environment)

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left to be done: `end` or `cut` was asked, and the environment's `close` was called."""
        return self._is_ended and (self._is_closing or self._environment is None)

    @property
    def is_over_budget(self) -> bool:
        """Whether there were more invalid calls than the limit allows."""
        most = self.limits.max_invalid_calls
        return most is not None and self.notes.num_invalid_calls > most

    def begin(self, row: Mapping[str, Any], seed: int, before: EpisodeNotes | None = None) -> Pending[Begun]:
        """Make the environment and begin the sample. `before`: the notes of a sample that was cut."""
        return self._submit(lambda: self._begin(row, seed, before))

    def _begin(self, row: Mapping[str, Any], seed: int, before: EpisodeNotes | None) -> Begun:
        environment = self._environment = self._ask("construction", self._factory)
        for part in ("reset", "step", "close"):
            if not callable(getattr(environment, part, None)):
                raise self._failure(f"{type(environment).__name__} has no method {part!r}")
        goes_on = before is None or before.has_state or before.num_steps == 0 or self._is_stateless
        if before is not None and goes_on:
            self.notes = replace(before, state=None, has_state=False)
        if before is not None and before.has_state:
            self._ask("restore", _part(environment, "restore"), row, seed, before.state)
        else:
            given = self._ask("reset", environment.reset, row, seed)
            opening = self._checked(door.opening, given)
            if before is None or not goes_on:
                self.notes = replace(self.notes, opening=tuple(opening))
        if not self._row_tools and hasattr(environment, "tools"):
            self.notes = replace(self.notes, tools=self._checked(door.tools, self._ask("tools", environment.tools)))
        return Begun(self.notes.opening, goes_on)

    def step(self, text: str) -> Pending[StepResult]:
        """Let the environment answer an assistant's turn."""
        return self._submit(lambda: self._step(text))

    def _step(self, text: str) -> StepResult:
        environment, notes = self._environment, self.notes
        assert environment is not None
        most = self.limits.max_calls
        left = None if most is None else max(0, most - notes.num_calls)
        reads_itself = bool(getattr(environment, "reads_calls_itself", False))
        planned = plan_turn(text, self.tools, self._call_format, reads_itself, left)
        self.notes = replace(notes, num_invalid_calls=notes.num_invalid_calls + planned.num_invalid)
        if planned.asked is None or self.is_over_budget:
            return planned.answered(None)
        num_calls = notes.num_calls + planned.num_calls
        self.notes = replace(self.notes, num_steps=notes.num_steps + 1, num_calls=num_calls)
        result = self._checked(door.step_result, self._ask("step", environment.step, planned.asked))
        self.notes = replace(
            self.notes,
            reward=self.notes.reward if result.reward is None else result.reward,
            info=result.info or self.notes.info,
        )
        return self._checked(planned.answered, result)

    def end(self, is_judged: bool) -> Pending[None]:
        """Ask for the reward where the sample is to be judged, and close the environment. Closes it once however often
        it is called."""
        return self._submit(lambda: self._end(is_judged), is_last=True)

    def _end(self, is_judged: bool) -> None:
        environment = self._environment
        if environment is None or self._is_closing:
            return
        try:
            if is_judged and callable(getattr(environment, "reward", None)):
                given = self._checked(door.reward, self._ask("reward", _part(environment, "reward")))
                self.notes = replace(self.notes, reward=self.notes.reward if given is None else given)
        finally:
            self._close(environment)

    def give_up(self) -> None:
        """Begin to close the environment of a sample that nobody waits for any more."""
        if self._thread is None or self.is_closed:
            return
        is_under_way = self._is_ended and not self._thread.is_abandoned
        self._given_up = self._last if is_under_way else self.end(is_judged=False)

    def wait_until_given_up(self, deadline: float) -> None:
        """Wait until the environment is closed, or has failed to be. `deadline`: by time.monotonic()."""
        while self._given_up is not None and time.monotonic() < deadline:
            pending, self._given_up = self._given_up, None
            try:
                pending.result(deadline)
            except EpisodeFailure:
                self.give_up()  # where the call before hung

    def cut(self) -> Pending[EpisodeNotes | None]:
        """Save the state where the environment can, and close it. The notes with which the sample goes on later; None
        where it has to begin anew."""
        return self._submit(self._cut, is_last=True)

    def _cut(self) -> EpisodeNotes | None:
        environment = self._environment
        assert environment is not None
        notes: EpisodeNotes | None = self.notes
        try:
            if callable(getattr(environment, "save", None)) and callable(getattr(environment, "restore", None)):
                state = self._checked(
                    lambda given: door.plain(given, "state"), self._ask("save", _part(environment, "save"))
                )
                notes = replace(self.notes, state=state, has_state=True)
            elif self.notes.num_steps and not self._is_stateless:
                notes = None
        finally:
            self._close(environment)
        return notes

    def _close(self, environment: Environment) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._ask("close", environment.close)

    @property
    def _is_stateless(self) -> bool:
        return getattr(self._environment, "is_stateless", False) is True

    def _submit(self, work: Callable[[], T], is_last: bool = False) -> Pending[T]:
        self._is_ended = is_last
        if self._thread is None or self._thread.is_abandoned:
            try:
                self._thread = CallThread()
            except RuntimeError as error:  # the limit of threads of the process or the machine
                self._is_closing = is_last
                none: Future[T] = Future()
                none.set_exception(self._failure(f"not asked: {error}"))
                return Pending(none, None, lambda: self._failure("not asked"))
        thread = self._thread
        pending = Pending(thread.submit(work), thread, lambda: self._failure("hangs; it was abandoned"))
        if is_last:
            self._last = pending
            thread.end()
        return pending

    def _ask(self, call: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the user's code under the limits."""
        thread, self._call = self._thread, call
        if thread is None or not thread.is_current:  # abandoned: the sample has ended meanwhile
            raise self._failure("hung; it was abandoned")
        limits, is_close = self.limits, call == "close"
        left = limits.episode_seconds - self.notes.seconds
        if left <= 0 and not is_close:
            raise self._failure(f"not asked: the calls of the episode took {limits.episode_seconds:g} s already")
        seconds = limits.call_seconds if is_close else min(limits.call_seconds, left)
        start = time.monotonic()
        try:
            given = thread.ask(function, *arguments, seconds=seconds)
        except KeyboardInterrupt:
            raise
        except CallTimeout:
            raise self._failure(f"took longer than {seconds:g} s") from None
        except BaseException as error:  # SystemExit and CancelledError too: the environment fails, not the run
            raise self._failure(f"{type(error).__name__}: {_words(error)}") from error
        finally:
            if not thread.is_abandoned:
                self.notes = replace(self.notes, seconds=self.notes.seconds + time.monotonic() - start)
        if thread.is_abandoned:  # what comes now comes too late for its sample
            raise self._failure("hung; it was abandoned")
        return given

    def _checked(self, check: Callable[[Any], T], given: Any) -> T:
        try:
            return check(given)
        except door.OddAnswer as error:
            raise self._failure(str(error)) from None
        except Exception as error:  # what is given may raise when it is looked at
            raise self._failure(f"gave what cannot be read: {type(error).__name__}: {_words(error)}") from error

    def _failure(self, words: str) -> EpisodeFailure:
        line = " ".join(f"environment {label_of(self.notes.environment)}, {self._call}: {words}".split())
        return EpisodeFailure(line.encode("utf-8", "replace").decode()[:MAX_REASON_CHARACTERS])


@dataclass(frozen=True)
class EpisodeMaker:
    """Makes the episodes of a task."""

    name: str
    factory: Callable[[], Environment]
    limits: EnvironmentLimits

    def episode(self, row_tools: Sequence[Mapping[str, Any]], call_format: str = DEFAULT_FORMAT) -> Episode:
        """The episode of one sample, which has not begun."""
        return Episode(self.name, self.factory, self.limits, row_tools, call_format)


def episode_makers(
    environments: Mapping[str, EnvironmentUse | str], sandbox_urls: Sequence[str] = ()
) -> dict[str, EpisodeMaker]:
    """Task -> what makes its episodes.

    Raises:
        RecipeError: an environment is not there or does not take its arguments.
    """
    uses = {task: EnvironmentUse.model_validate(use) for task, use in environments.items()}
    return {
        task: EpisodeMaker(use.name, environment_factory(use, sandbox_urls), use.limits) for task, use in uses.items()
    }


def label_of(name: str) -> str:
    """The short name of an environment, without the folder of its file."""
    return name.rpartition("/")[2]


def _part(environment: Environment, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(environment, name)
    return found


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "an error without words"

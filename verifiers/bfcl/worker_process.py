"""The caller's side of the scenarios: one process for each package, started when it is first asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.package import package_folder
from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.child_process.caller import ChildProcess, Ended, NotStarted
from openqwq.verifiers.child_process.shared import Shared

START_SECONDS = 60.0
MEMORY_BYTES = 2 << 30
Turns = Sequence[Sequence[Sequence[Call]]]
"""For each turn of the user the steps of the assistant, and of each step its calls."""


class ScenarioLimit(Exception):
    """The calls took too long or too much memory, or ended the process: they caused it, and no reference does."""


@dataclass(frozen=True)
class ScenarioRow:
    """What a multi-turn row begins with. Example: ScenarioRow(("TradingBot",), {"TradingBot": {}}, False)."""

    classes: tuple[str, ...]
    configuration: Mapping[str, Any]
    is_long_context: bool


class ScenarioWorker:
    """Runs scenarios of one package, one request at a time; any thread may ask."""

    def __init__(self, folder: Path, seconds: float = 10.0) -> None:
        self.folder = folder
        self.seconds = seconds
        self._lock = threading.Lock()
        self._process: ChildProcess | None = None

    def answers(self, row: ScenarioRow, turns: Turns, num_last: int) -> list[str]:
        """What the last calls answered after all before them.

        Raises:
            ScenarioLimit: a call took too long.
            VerifierError: the row's scenario or the process cannot be started.
        """
        reply = self._ask(row, turns, {"num_last": num_last})
        return [str(answer) for answer in reply["answers"]]

    def mismatch(self, row: ScenarioRow, turns: Turns, wanted: Sequence[Sequence[Call]]) -> str:
        """Why the turns do not do what the reference does, or "".

        Raises:
            ScenarioLimit, VerifierError: as `answers`.
        """
        return str(self._ask(row, turns, {"wanted": [_written(calls) for calls in wanted]})["mismatch"])

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _ask(self, row: ScenarioRow, turns: Turns, asked: Mapping[str, Any]) -> dict[str, Any]:
        request = {
            "classes": list(row.classes),
            "configuration": row.configuration,
            "is_long_context": row.is_long_context,
            "turns": [[_written(step) for step in steps] for steps in turns],
            **asked,
        }
        with self._lock:
            try:
                reply = self._reply(request)
            except TimeoutError as error:
                self._kill()
                raise ScenarioLimit(f"the calls took longer than {self.seconds:g} s") from error
            except BaseException:  # also KeyboardInterrupt: a process with an unread reply must not be asked again
                self._kill()
                raise
        if "limit" in reply:
            raise ScenarioLimit(f"the calls passed the limit of {reply['limit']}")
        if "problem" in reply:  # of the row's classes and configuration: what calls raise is an answer
            raise VerifierError(f"the scenario cannot be run: {reply['problem']}")
        return reply

    def _reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        for _ in range(2):  # once more where the process was killed meanwhile
            try:
                return self._running().ask(request, self.seconds)
            except Ended:
                self._kill()
        raise ScenarioLimit("the calls ended the process twice")

    def _running(self) -> ChildProcess:
        if self._process is not None and self._process.has_ended():
            self._kill()
        if self._process is None:
            try:
                self._process = ChildProcess("openqwq.verifiers.bfcl.worker", str(MEMORY_BYTES), str(self.folder))
                self._process.wait_ready(START_SECONDS)
            except NotStarted as error:
                raise VerifierError(f"the process of BFCL's scenarios did not start: {error}") from error
        return self._process

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = None


def _written(calls: Sequence[Call]) -> list[str]:
    return [repr((call.name, call.positional, dict(call.arguments))) for call in calls]


_workers: Shared[tuple[Path, float], ScenarioWorker] = Shared(lambda settings: ScenarioWorker(*settings))


def shared_worker(package: str | None = None, seconds: float = 10.0) -> ScenarioWorker:
    """The one worker of this process for a package and a deadline.

    Raises:
        VerifierError: the package is not there.
    """
    return _workers.get((package_folder(package), seconds))


def close_workers() -> None:
    """Kill the processes; the next request starts new ones."""
    _workers.close()

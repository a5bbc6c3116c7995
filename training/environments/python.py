"""The environment `python`: runs a model's code in the run's sandbox; later calls have the names of earlier ones.

A call plays all cells so far again, earlier ones in silence, in a fresh jail: a sample holds no process, and its state
is the list of its cells. Draws of `random` and of numpy's global generator are the same in each replay; times, other
random numbers and what costs time are not.
"""

import atexit
import os
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openqwq.training.environments import cells
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.environments.functions import CannotAnswer, answered, step_result_of
from openqwq.training.environments.signatures import ToolFunction, tool_function
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message

if TYPE_CHECKING:
    from openqwq.sandbox.interface import Sandbox
    from openqwq.sandbox.jobs import TestResult

URL_VARIABLE = "OPENQWQ_SANDBOX_URL"
OUTPUT_BYTES = 1 << 20
_REPLAY = 1.5
"""Seconds that a replay may take for each that the cells took before; hosts differ, and load does."""


class PythonEnvironment:
    """One tool, `python(code)`, whose answer is what the code printed, the value of its last expression, or the end of
    its traceback. Example: `PythonEnvironment(["http://127.0.0.1:8080"], seconds=5.0)`

    sandbox_urls: servers of the sandbox; without any, those of OPENQWQ_SANDBOX_URL, else one in this process. seconds:
    CPU time of a call (wall time: twice that, at least a second more). session_seconds: that of all calls of a sample
    together.
    """

    def __init__(
        self,
        sandbox_urls: Sequence[str] = (),
        seconds: float = 5.0,
        memory_mb: int = 512,
        session_seconds: float = 60.0,
    ) -> None:
        for name, value, most in (("seconds", seconds, 100), ("session_seconds", session_seconds, 100)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
                raise RecipeError(f"environment python: {name} is {value!r}; allowed: above 0 and up to {most}")
        if isinstance(memory_mb, bool) or not isinstance(memory_mb, int) or not 32 <= memory_mb <= 65536:
            raise RecipeError(f"environment python: memory_mb is {memory_mb!r}; allowed: 32 to 65536")
        self._urls = tuple(sandbox_urls) or tuple(filter(None, os.environ.get(URL_VARIABLE, "").split(",")))
        self._seconds, self._memory_mb, self._session_seconds = seconds, memory_mb, session_seconds
        self._begin(0, (), 0.0)

    def _begin(self, seed: int, cells: Sequence[str], seconds: float) -> None:
        self._seed, self._cells, self._used_seconds = seed, list(cells), seconds

    def tools(self) -> list[dict[str, Any]]:
        """The only offered function, `python(code)`."""
        return [dict(_tool().schema)]

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin an empty session."""
        self._begin(seed, (), 0.0)
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message for each call, one after another; done when the turn has none.

        Raises:
            CannotAnswer: the sandbox could not run a program.
        """
        tools = {"python": ToolFunction("python", _tool().schema, self._run, _tool().read)}
        return step_result_of([await answered(tools, call) for call in turn.calls], turn)

    async def save(self) -> dict[str, Any]:
        """The cells that are played again, and what they took."""
        return {"cells": list(self._cells), "seconds": self._used_seconds}

    async def restore(self, task: Mapping[str, Any], seed: int, state: Mapping[str, Any]) -> list[Message]:
        """Go on with a session."""
        self._begin(seed, state["cells"], state["seconds"])
        return []

    async def close(self) -> None:
        """Holds nothing between calls."""

    async def _run(self, code: str) -> str:
        if self._used_seconds > self._session_seconds:
            raise TimeoutError(f"all calls together took more than {self._session_seconds:g} s; nothing runs any more")
        mark = secrets.token_hex(8)
        result = await self._played([*self._cells, code], mark)
        printed, is_whole, _ = result.output.rpartition(mark)
        if result.status != "pass" or not is_whole:
            raise RuntimeError(f"{_why_ended(result, self._seconds, self._memory_mb)}; nothing of this call is kept")
        self._cells.append(code)
        self._used_seconds = max(result.seconds, result.wall_seconds / 2)
        return printed.rstrip("\n")

    async def _played(self, played: Sequence[str], mark: str) -> "TestResult":
        from openqwq.sandbox.jobs import InvalidJob, Job, Limits, TestCase

        program = f"{_source()}\n\nplay({list(played)!r}, {self._seed}, {mark!r})\n"
        limits = Limits(self._seconds + _REPLAY * self._used_seconds, self._memory_mb, OUTPUT_BYTES)
        job = Job(program, mode="run", tests=(TestCase("", None),), limits=limits)
        try:
            outcome = await _sandbox(self._urls).arun(job)
        except InvalidJob as problem:
            raise RuntimeError(f"the code of all calls together is too long ({problem})") from problem
        if outcome.verdict == "error" or not outcome.tests:
            raise CannotAnswer(f"the sandbox could not run the code: {outcome.reason}")
        return outcome.tests[0]


@lru_cache(maxsize=1)
def _tool() -> ToolFunction:
    def python(code: str) -> str:
        """Run Python code and return what it prints. Names of earlier calls are there; there is no network.

        Args:
            code: statements; the value of a last expression is shown too
        """
        raise NotImplementedError  # the schema is what is meant

    return tool_function(python)


@lru_cache(maxsize=1)
def _source() -> str:
    return Path(cells.__file__).read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def _sandbox(urls: tuple[str, ...]) -> "Sandbox":
    """The sandbox of all samples of this process."""
    if urls:
        from openqwq.sandbox.client import SandboxClient

        return SandboxClient(urls)
    from openqwq.sandbox.local import LocalSandbox

    local = LocalSandbox()
    atexit.register(local.close)
    return local


def _why_ended(result: "TestResult", seconds: float, memory_mb: int) -> str:
    limits = {
        "time_limit": f"it took more than {seconds:g} s of CPU time or {max(2 * seconds, seconds + 1):g} s in all",
        "memory_limit": f"it took more than {memory_mb} MB of memory",
        "process_limit": "it started too many processes",
        "output_limit": f"it printed more than {OUTPUT_BYTES >> 20} MB",
    }
    return limits.get(result.status, f"the process ended before the code did {result.detail[-150:]}".strip())

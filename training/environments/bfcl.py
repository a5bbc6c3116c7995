"""The environment `bfcl`: a multi-turn conversation of the Berkeley Function Calling Leaderboard.

What a call does is in `verifiers/bfcl`; here are the turns. The verifier `bfcl` judges the same record by running it
again.
"""

from collections.abc import Mapping
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.records import Message
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.bfcl.rows import is_multi_turn
from openqwq.verifiers.bfcl.verifier import calls_of_step, scenario_row
from openqwq.verifiers.bfcl.worker_process import ScenarioLimit, shared_worker

MAX_STEPS = 20
"""Of one turn of the user, as in the official runner: the step after them is answered no more."""


class BfclEnvironment:
    """Answers calls by running them on the instances of the row's scenario; a step without calls brings the next turn
    of the user. Done after the last one, after too many steps in a turn, or where calls pass their time.

    A step is answered by running all calls so far on fresh instances, so that a sample holds no process. A class of
    yours that derives from this one may name the folder of `bfcl-eval` in `package`.
    """

    package: str | None = None
    """The folder that `bfcl-eval` was installed to; None where Python finds it."""
    timeout_seconds = 10.0
    reads_calls_itself = True
    """As the official runner does; functions that are held back at first are in no row's `tools`."""
    max_answer_characters: int | None = None
    """The official runner cuts nothing, and `long_context` asks for what stands within."""

    def tools(self) -> list[dict[str, Any]]:
        """None of its own: a row brings them."""
        return []

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin a row. Its first turn is the row's prompt.

        Raises:
            VerifierError: it is not a multi-turn row, or BFCL's package is not there.
        """
        reference = task.get("reference")
        if not isinstance(reference, Mapping) or not is_multi_turn(str(reference.get("category", ""))):
            raise VerifierError(f"row {task.get('id')!r} is no multi-turn row of BFCL; bfcl_rows makes such rows")
        self._row = scenario_row(reference)
        self._style = reference.get("style", "hermes")
        self._later = list(reference["later_turns"])
        self._steps: list[list[Call]] = []
        self._num_steps = 0
        self._worker = shared_worker(self.package, self.timeout_seconds)
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message for each readable call, or the user's next turn."""
        calls = calls_of_step(turn.text, self._style, turn.format)
        if not calls:
            self._num_steps = 0
            return StepResult(self._later.pop(0), done=False) if self._later else StepResult((), done=True)
        self._steps.append(calls)
        self._num_steps += 1
        if self._num_steps > MAX_STEPS:
            return StepResult((), done=True)
        try:
            answers = self._worker.answers(self._row, [self._steps], len(calls))
        except ScenarioLimit as limit:
            return StepResult((), done=True, info={"limit": str(limit)})
        return StepResult([{"role": "tool", "content": answer} for answer in answers], done=False)

    async def save(self) -> dict[str, Any]:
        """What was called so far, which fresh instances can run again."""
        steps = [[[call.name, list(call.positional), call.arguments] for call in calls] for calls in self._steps]
        return {"steps": steps, "num_steps": self._num_steps, "num_later": len(self._later)}

    async def restore(self, task: Mapping[str, Any], seed: int, state: Mapping[str, Any]) -> None:
        """Go on where `save` was asked."""
        await self.reset(task, seed)
        self._steps = [[Call(name, tuple(given), named) for name, given, named in calls] for calls in state["steps"]]
        self._num_steps = state["num_steps"]
        self._later = self._later[len(self._later) - state["num_later"] :]

    async def close(self) -> None:
        """Has nothing of its own to release."""

"""One episode: the environment begins, turns and answers follow each other, the end is judged."""

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, Environment, StepResult, most_characters
from openqwq.training.environments.turns import step_of
from openqwq.training.trying.players import Player
from openqwq.training.trying.screen import Screen


class Failed(Exception):
    """The environment failed; in a run its sample would be masked."""


def play(
    factory: Callable[[], Environment], row: Mapping[str, Any], player: Player, screen: Screen, seed: int, turns: int
) -> float | None:
    """Play an episode to its end and return its reward, None where the environment has none.

    Raises:
        Failed: the environment raised, and what; it was closed.
    """
    with asyncio.Runner() as runner:
        asked = _Asked(factory, runner)
        try:
            return _played(asked, row, player, screen, seed, turns)
        finally:
            asked.closed()


def _played(
    asked: "_Asked", row: Mapping[str, Any], player: Player, screen: Screen, seed: int, turns: int
) -> float | None:
    opening = asked("reset", row, seed)
    opening = [{"role": "user", "content": opening}] if isinstance(opening, str) else list(opening or ())
    tools = list(row.get("tools") or ()) or list(asked("tools") or ())
    messages = [*row["prompt"], *opening]
    screen.tools(tools)
    screen.line()
    for message in messages:
        screen.message(message)
    player.begin(messages, tools)
    reward: float | None = None
    for _ in range(turns):
        text = player.turn()
        if text is None:
            break
        result = asked.answer(text, tools, player.call_format)
        reward = reward if result.reward is None else result.reward
        if result.done or not result.messages:
            break
        for message in result.messages:
            screen.message(message)
        player.hear(result.messages, most_characters(asked.environment))
    else:
        screen.labelled("problem", f"{turns} turns are over")
    judged = asked("reward") if hasattr(asked.environment, "reward") else None
    return reward if judged is None else float(judged)


class _Asked:
    """An environment whose methods may be plain or async; what it raises is Failed, with the call that it raised in."""

    def __init__(self, factory: Callable[[], Environment], runner: asyncio.Runner) -> None:
        self._runner = runner
        self.environment: Any = None
        self.environment = self._safely("construction", factory)

    def __call__(self, call: str, *arguments: Any) -> Any:
        return self._safely(call, getattr(self.environment, call), *arguments)

    def answer(self, text: str, tools: Sequence[Mapping[str, Any]], call_format: str) -> StepResult:
        result: StepResult = self._safely("step", step_of, self, text, tools, call_format)
        return result

    async def step(self, turn: AssistantTurn) -> StepResult:
        result = self.environment.step(turn)
        answer: StepResult = await result if inspect.isawaitable(result) else result
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.environment, name)

    def closed(self) -> None:
        if self.environment is not None:
            self("close")

    def _safely(self, call: str, function: Callable[..., Any], *arguments: Any) -> Any:
        async def waited() -> Any:
            result = function(*arguments)
            return await result if inspect.isawaitable(result) else result

        try:
            return self._runner.run(waited())
        except Exception as error:
            raise Failed(f"the environment failed in {call}: {type(error).__name__}: {error}") from error

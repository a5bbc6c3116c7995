"""The environment `verifiers`: a task of an environment of the Environments Hub, played by the package itself.

The package runs the episode, tools, user and rewards included, and asks the policy for its turns as if it were a model
behind an address. Needs the extra `verifiers`. A row names its task by `extra.verifiers_index`; `verifiers_rows.py`
writes such rows.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.environments.adapters.foreign import checked_range, scaled, text_of_blocks
from openqwq.training.environments.adapters.own_loop import shared_loop
from openqwq.training.environments.adapters.policy_seat import ChatRequest, Seat
from openqwq.training.environments.adapters.verifiers_package import import_verifiers, loaded
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN
from openqwq.verifiers.tool_calls import parse_tool_calls

import_verifiers()  # whoever names this environment without the package is told so at once

INDEX = "verifiers_index"
"""The column of `extra` with a row's place in the environment's tasks."""
OPENING = "Begin."
"""The prompt of a row whose task leaves the opening to its environment."""


class VerifiersEnvironment:
    """One episode.

    `id`: the environment, such as `gsm8k-v1`, which has to be installed. `config`: what it is loaded with: of a taskset
    the configuration of its environment, of one of before the arguments of `load_environment`. `max_turns`: after so
    many turns the environment ends the episode itself and judges it; one that the rollout ends is not.
    `reward_range`: the lowest and highest reward, which are scaled to 0 and 1.
    """

    def __init__(
        self,
        id: str,
        config: Mapping[str, Any] | None = None,
        max_turns: int | None = None,
        reward_range: Sequence[float] = (0.0, 1.0),
    ) -> None:
        self._source = (id, dict(config or {}), max_turns)
        self._bounds = checked_range(reward_range)
        self._loop = shared_loop("verifiers-episodes")
        self._seat: Seat | None = None
        self._run: asyncio.Task[float] | None = None
        self._asked = ChatRequest([], [])

    @staticmethod
    def check(**arguments: Any) -> None:
        """Load the environment and read its first task, before a run.

        Raises:
            RecipeError: it cannot be loaded, or has no task.
        """
        name, config, max_turns = VerifiersEnvironment(**arguments)._source
        try:
            loaded(name, config, max_turns).row(0)
        except IndexError as error:
            raise RecipeError(f"environment {name!r} of verifiers has no task") from error

    def tools(self) -> list[dict[str, Any]]:
        """The tools with which the environment asks the policy."""
        return self._asked.tools

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin the episode, up to the policy's first turn. What is said beyond the row's prompt follows it.

        Raises:
            ValueError: the row names no task, or its prompt is not the environment's.
            RuntimeError: the episode failed.
        """
        extra = task.get("extra")
        index = extra.get(INDEX) if isinstance(extra, Mapping) else None
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise ValueError(f"the row's extra.{INDEX} is {index!r}; make rows with verifiers_rows")
        await self._loop.run(self._begin(index))
        said = [_message(one) for one in self._asked.messages]
        prompt = [_message(one) for one in task.get("prompt", ())]
        if prompt == [{"role": "user", "content": OPENING}]:
            return said
        if list(map(_compared, said[: len(prompt)])) != list(map(_compared, prompt)):
            raise ValueError(f"the row's prompt is not that of task {index} of {self._source[0]!r}; make the rows anew")
        return said[len(prompt) :]

    async def step(self, turn: AssistantTurn) -> StepResult:
        """Hand the turn to the environment. Done when it asks for no further one.

        Raises:
            RuntimeError: the episode failed.
            ValueError: the environment rewrote what was said before.
        """
        before = self._asked.messages
        if not await self._loop.run(self._hand_over(_chat_message(turn, self._asked.tools))):
            return StepResult((), done=True)
        said = [_message(one) for one in self._asked.messages]
        if list(map(_compared, before)) != list(map(_compared, said[: len(before)])) or len(said) <= len(before):
            raise ValueError(f"{self._source[0]!r} rewrote the conversation, which a rollout cannot follow")
        return StepResult(said[len(before) + 1 :], done=False)

    async def reward(self) -> float | None:
        """The environment's reward in [0, 1]; None where it has not judged."""
        if self._run is None or not self._run.done() or self._run.cancelled() or self._run.exception() is not None:
            return None
        return scaled(self._run.result(), self._bounds)

    async def close(self) -> None:
        """End the episode."""
        await self._loop.run(self._end())

    async def _begin(self, index: int) -> None:
        self._seat = Seat()
        self._run = asyncio.create_task(self._episode(index, self._seat))
        if not await self._next():
            raise RuntimeError(f"{self._source[0]!r} ended without a turn of the policy")

    async def _episode(self, index: int, seat: Seat) -> float:
        return await loaded(*self._source).episode(index, seat)

    async def _hand_over(self, message: Mapping[str, Any]) -> bool:
        assert self._seat is not None
        self._seat.answer(message)
        return await self._next()

    async def _next(self) -> bool:
        """Wait for the next request. False when the episode has ended."""
        assert self._seat is not None and self._run is not None
        request = await self._seat.next(self._run)
        if request is None:
            self._run.result()  # raises what failed
            return False
        self._asked = request
        return True

    async def _end(self) -> None:
        if self._seat is not None:
            self._seat.leave()
        if self._run is not None and not self._run.done():
            self._run.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._run


def _message(message: Mapping[str, Any]) -> Message:
    content = message.get("content") or ""
    text = content if isinstance(content, str) else text_of_blocks(content)
    return {"role": message["role"], "content": text}


def _compared(message: Mapping[str, Any]) -> tuple[str, str]:
    """What has to stay the same of a message that was said; an assistant's may lose its thinking."""
    return message["role"], "" if message["role"] == "assistant" else _message(message)["content"]


def _chat_message(turn: AssistantTurn, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A turn as a chat model's message: thinking, text and calls each in their place."""
    parsed = parse_tool_calls(turn.text, turn.format, tools)
    thinking = parsed.thinking.strip().removeprefix(THINK_OPEN).removesuffix(THINK_CLOSE).strip()
    calls = [
        {
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
        }
        for index, call in enumerate(turn.calls if tools else ())
    ]
    return {
        "role": "assistant",
        "content": parsed.text.strip(),
        **({"reasoning_content": thinking} if thinking else {}),
        **({"tool_calls": calls} if calls else {}),
    }

"""The environment `openenv`: a session with a server of OpenEnv for each sample.

A server whose actions are calls of tools (`MCPEnvironment`) offers its tools. Of any other the action is the tool: one
function whose parameters are the action's fields; or, with `text_field`, the model's answer itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from openqwq.training.environments.adapters.foreign import (
    MAX_SEED,
    as_text,
    checked_range,
    error_message,
    scaled,
    text_of_blocks,
    tool_message,
)
from openqwq.training.environments.adapters.openenv_client import (
    MCP_ACTIONS,
    Observed,
    ServerError,
    Session,
    action_schema,
)
from openqwq.training.environments.adapters.own_loop import shared_loop
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.answers import graded_text

OVER = "the episode is over"


class OpenEnvEnvironment:
    """One session.

    `url`: of the server, such as `http://127.0.0.1:8000`. `tool`: the name of the tool that acts, where the action is
    one. `text_field`: the field of the action that takes the model's answer, which is then no tool call; further fields
    keep their defaults. `observation_field`: what the model sees of an observation; None for all of it, as JSON.
    `reward`: the last reward of the episode or the sum of all. `reward_range`: its lowest and highest value, which are
    scaled to 0 and 1.
    """

    def __init__(
        self,
        url: str,
        tool: str = "act",
        text_field: str | None = None,
        observation_field: str | None = None,
        reward: Literal["last", "sum"] = "last",
        reward_range: Sequence[float] = (0.0, 1.0),
    ) -> None:
        parts = urlsplit(str(url))
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
            raise RecipeError(f"environment 'openenv' has the url {url!r}; give one such as http://127.0.0.1:8000")
        if reward not in ("last", "sum"):
            raise RecipeError(f"environment 'openenv' has reward: {reward!r}; it is last or sum")
        self._bounds = checked_range(reward_range)
        self._session = Session(url)
        self._loop = shared_loop("openenv-sessions")
        self._tool = tool
        self._text_field = text_field
        self._observation_field = observation_field
        self._is_summed = reward == "sum"
        self._schemas: list[dict[str, Any]] = []
        self._lists_tools = False
        self._rewards: list[float] = []
        self._is_done = False

    @staticmethod
    def check(**arguments: Any) -> None:
        """Read the arguments, before a run. The server is not asked: it may start later.

        Raises:
            RecipeError: an argument makes no sense.
        """
        OpenEnvEnvironment(**arguments)

    def tools(self) -> list[dict[str, Any]]:
        """The server's tools, or the one that acts; none with `text_field`."""
        return self._schemas

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin an episode with the row's `extra` columns and a seed. What it shows follows the prompt as a message of
        the user.

        Raises:
            ServerError: the server cannot be reached, has no room, or its environment raised.
        """
        extra = task.get("extra")
        given = {"seed": seed % MAX_SEED, **(extra if isinstance(extra, Mapping) else {})}
        seen = await self._loop.run(self._begin(given))
        self._is_done = seen.is_done
        text = self._shown(seen)
        return [{"role": "user", "content": text}] if text else []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """Act, once per call in their order. Done when the episode is, or when a turn has no calls.

        Raises:
            ServerError: the server's environment raised, or the session is gone.
        """
        if self._text_field is not None:
            return await self._answer_text(turn)
        if not turn.calls or self._is_done:
            return StepResult((), done=True)
        messages = [await self._answer_call(call.name, call.arguments) for call in turn.calls]
        return StepResult(messages, done=self._is_done)

    async def reward(self) -> float | None:
        """The last reward of the episode, or their sum, in [0, 1]; None where the server gave none."""
        if not self._rewards:
            return None
        return scaled(sum(self._rewards) if self._is_summed else self._rewards[-1], self._bounds)

    async def close(self) -> None:
        """End the session."""
        await self._loop.run(self._session.close())

    async def _begin(self, given: Mapping[str, Any]) -> Observed:
        schema = await action_schema(self._session.url)
        await self._session.open()
        self._lists_tools = schema.get("title") in MCP_ACTIONS and self._text_field is None
        if self._lists_tools:
            listed = await self._session.step({"type": "list_tools"})
            self._schemas = [_tool_schema(tool) for tool in listed.observation.get("tools") or []]
        elif self._text_field is None:
            self._schemas = [_action_tool(self._tool, schema)]
        elif self._text_field not in schema.get("properties", {}):
            fields = [name for name in schema.get("properties", {}) if name != "metadata"]
            raise ServerError(f"the action of {self._session.url} has no field {self._text_field!r}; it has {fields}")
        return await self._session.reset(given)

    async def _answer_text(self, turn: AssistantTurn) -> StepResult:
        if self._is_done:
            return StepResult((), done=True)
        answer = graded_text(turn.text).text.strip()
        if not answer:
            return StepResult((), done=True)
        try:
            shown = self._shown(await self._act({str(self._text_field): answer}))
        except ServerError as error:
            if error.code != "VALIDATION_ERROR":
                raise
            shown = str(error)
        return StepResult([{"role": "user", "content": shown}], self._is_done)

    async def _answer_call(self, name: str, arguments: Mapping[str, Any]) -> Message:
        if self._is_done:
            return error_message(OVER)
        action = {"type": "call_tool", "tool_name": name, "arguments": arguments} if self._lists_tools else arguments
        try:
            seen = await self._act(action)
        except ServerError as error:
            if error.code != "VALIDATION_ERROR":
                raise
            return error_message(str(error))
        if self._lists_tools:
            return _tool_answer(seen.observation)
        return tool_message(self._shown(seen))

    async def _act(self, action: Mapping[str, Any]) -> Observed:
        seen = await self._loop.run(self._session.step(action))
        if seen.reward is not None:
            self._rewards.append(seen.reward)
        self._is_done = seen.is_done
        return seen

    def _shown(self, seen: Observed) -> str:
        """What the model sees of an observation; nothing of one without fields."""
        if self._observation_field is None:
            shown = {key: value for key, value in seen.observation.items() if key != "metadata"}
            return as_text(shown) if shown else ""
        if self._observation_field not in seen.observation:
            raise ValueError(f"the observation has no {self._observation_field!r}; it has {sorted(seen.observation)}")
        return as_text(seen.observation[self._observation_field])


def _tool_schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    parameters = tool.get("input_schema") or tool.get("inputSchema") or {"type": "object"}
    function = {"name": tool["name"], "description": tool.get("description") or "", "parameters": parameters}
    return {"type": "function", "function": function}


def _action_tool(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an action as a function's. `metadata`, which every action has, is no one's business."""
    parameters = {key: value for key, value in schema.items() if key not in ("title", "description")}
    parameters["properties"] = {key: value for key, value in schema.get("properties", {}).items() if key != "metadata"}
    function = {"name": name, "description": schema.get("description") or "", "parameters": parameters}
    return {"type": "function", "function": function}


def _tool_answer(observation: Mapping[str, Any]) -> Message:
    """The answer of a tool that the server ran: the value of its result where there is one, else its text."""
    error = observation.get("error")
    if error:
        return error_message(str(error.get("message", error)) if isinstance(error, Mapping) else str(error))
    result = observation.get("result")
    if isinstance(result, Mapping) and "content" in result:
        text = text_of_blocks(result["content"] or [])
        if result.get("is_error"):
            return error_message(text)
        return tool_message(text if result["content"] else as_text(result.get("structured_content")))
    return tool_message(as_text(result))

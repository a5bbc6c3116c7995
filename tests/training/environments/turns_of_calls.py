"""What the tests of environments ask with: a turn that holds calls, and an episode of such turns."""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.training.environments.turns import step_of


def said(*calls: tuple[str, Mapping[str, Any]]) -> str:
    """A turn with these calls, in Hermes's form."""
    lines = [json.dumps({"name": name, "arguments": arguments}) for name, arguments in calls]
    return "".join(f"<tool_call>\n{line}\n</tool_call>\n" for line in lines) or "Done."


class Episode:
    """An environment that is asked turn by turn. Example: `Episode(GuessEnvironment, row).ask("guess", number=1)`"""

    def __init__(
        self, make: Callable[[], Any], row: Mapping[str, Any] | None = None, seed: int = 0, state: Any = None
    ) -> None:
        self.environment, self.row, self.seed = make(), row or {}, seed
        if state is None:
            self.opening = self._run(self.environment.reset(self.row, seed))
        else:
            self.opening = self._run(self.environment.restore(self.row, seed, state))

    def turn(self, *calls: tuple[str, Mapping[str, Any]]) -> list[Any]:
        """The answers to the calls of one turn; JSON is read."""
        result = asyncio.run(step_of(self.environment, said(*calls), ()))
        return [_read(message["content"]) for message in result.messages]

    def ask(self, name: str, /, **arguments: Any) -> Any:
        """The answer to one call."""
        (answer,) = self.turn((name, arguments))
        return answer

    def reward(self) -> float | None:
        reward: float | None = self._run(self.environment.reward())
        return reward

    def restored(self, make: Callable[[], Any]) -> "Episode":
        """The episode in a new environment, which gets the state of this one by way of JSON."""
        return Episode(make, self.row, self.seed, json.loads(json.dumps(self._run(self.environment.save()))))

    @staticmethod
    def _run(result: Any) -> Any:
        async def waited() -> Any:
            return await result if inspect.isawaitable(result) else result

        return asyncio.run(waited())


def names(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    return [tool["function"]["name"] for tool in tools]


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

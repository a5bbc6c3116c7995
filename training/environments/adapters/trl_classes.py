"""The environment `trl`: classes written for TRL's `environment_factory`, and functions written for its `tools`.

TRL's contract, read in `trl/trainer/grpo_trainer.py` of 1.16: `reset(**row)` returns None or text for the last user
message; every public method but `reset` and `get_reward` is a tool; an exception of a tool is its answer; where there
is a `get_reward()`, it is the reward. TRL itself is not needed.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from openqwq.training.environments.adapters.foreign import (
    MAX_SEED,
    checked_range,
    error_message,
    found_at,
    row_fields,
    scaled,
    text_of_blocks,
    tool_message,
)
from openqwq.training.environments.adapters.own_loop import OwnLoop
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall

NO_TOOLS = ("reset", "get_reward")
"""Public methods of an environment class that TRL does not offer as tools."""


class TrlEnvironment:
    """One instance of a class for TRL, or none, beside functions that are tools.

    `factory`: a place such as `game.py:Wordle` or `package.module:Wordle`, or several by name, of which a row names one
    in its column `environment`. `tools`: places of functions or of lists of functions. `reward_range`: the lowest and
    the highest value of `get_reward`, which are scaled to 0 and 1.

    Everything of the class runs in one thread, so that a tool that blocks holds its own sample alone.
    """

    def __init__(
        self,
        factory: str | Mapping[str, str] | None = None,
        tools: str | Sequence[str] = (),
        reward_range: Sequence[float] = (0.0, 1.0),
    ) -> None:
        self._bounds = checked_range(reward_range)
        self._factories = _factories(factory)
        self._functions = [function for place in _places(tools) for function in _functions_at(place)]
        if not self._factories and not self._functions:
            raise RecipeError("environment 'trl' has neither `factory` nor `tools`; give one, such as path.py:Class")
        self._tools: dict[str, Callable[..., Any]] = {}
        self._schemas = self._offer(self._sole_class(), self._functions)
        self._instance: Any = None
        self._loop: OwnLoop | None = None

    @staticmethod
    def check(**arguments: Any) -> None:
        """Find everything that the arguments name, before a run.

        Raises:
            RecipeError: something is not there, or is no environment or tool for TRL.
        """
        environment = TrlEnvironment(**arguments)
        for made in environment._factories.values():
            if inspect.isclass(made):
                _schemas(_methods(made).values())

    def tools(self) -> list[dict[str, Any]]:
        """The schemas that TRL renders, from type hints and docstrings."""
        return self._schemas

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Make the instance and reset it with the row's columns. Its text follows the prompt as a message of the user.

        Raises:
            ValueError: the row names no environment of several, or what was made is none.
            Exception: whatever the class raises.
        """
        self._loop = OwnLoop("trl-environment")
        told = await self._loop.run(self._begin(row_fields(task), seed))
        if told is None:
            return []
        return [{"role": "user", "content": text_of_blocks(told) if _is_blocks(told) else str(told)}]

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message per call; done when the turn has no calls."""
        if not turn.calls:
            return StepResult([error_message(reason) for reason in turn.parse_errors], done=not turn.parse_errors)
        return StepResult(await self._loop_of_sample().run(self._answers(turn.calls)), done=False)

    async def reward(self) -> float | None:
        """What `get_reward` says, in [0, 1]; None where the class has none."""
        if not hasattr(type(self._instance), "get_reward"):
            return None
        found = await self._loop_of_sample().run(_called(self._instance.get_reward))
        return scaled(found, self._bounds)

    async def close(self) -> None:
        """Let go of the instance. A class for TRL has nothing that is called at its end."""
        self._instance = None
        if self._loop is not None:
            self._loop.stop()

    def _loop_of_sample(self) -> OwnLoop:
        if self._loop is None:  # stateless functions go on without a reset
            self._loop = OwnLoop("trl-environment")
            self._schemas = self._offer(None, self._functions)
        return self._loop

    async def _begin(self, row: dict[str, Any], seed: int) -> Any:
        if not self._factories:
            return None
        name = row.pop("environment", None) if None not in self._factories else None
        if name not in self._factories:
            raise ValueError(f"the row's `environment` is {name!r}; the recipe's factories are {list(self._factories)}")
        self._instance = self._factories[name]()
        if not callable(getattr(self._instance, "reset", None)):
            raise ValueError(f"{type(self._instance).__name__} has no `reset`, so it is no environment for TRL")
        self._schemas = self._offer(self._instance, self._functions)
        return await _called(self._instance.reset, **_accepted(self._instance.reset, row, seed))

    def _offer(self, owner: Any, functions: Iterable[Callable[..., Any]]) -> list[dict[str, Any]]:
        """Take in the tools of a class or its instance, and the functions. Returns their schemas."""
        methods = {} if owner is None else _methods(owner)
        self._tools = {**{function.__name__: function for function in functions}, **methods}
        return _schemas(self._tools.values())

    def _sole_class(self) -> Any:
        made = self._factories.get(None)
        return made if inspect.isclass(made) else None

    async def _answers(self, calls: Sequence[ParsedCall]) -> list[Message]:
        """In the order of the calls. Like TRL, plain tools run one after another, and then the async ones together."""
        answers: dict[int, Message] = {}
        waiting: list[int] = []
        for index, call in enumerate(calls):
            if inspect.iscoroutinefunction(self._tools[call.name]):
                waiting.append(index)
            else:
                answers[index] = await _answer(self._tools[call.name], call.arguments)
        later = await asyncio.gather(*(_answer(self._tools[calls[i].name], calls[i].arguments) for i in waiting))
        answers |= dict(zip(waiting, later, strict=True))
        return [answers[index] for index in range(len(calls))]


async def _answer(tool: Callable[..., Any], arguments: Mapping[str, Any]) -> Message:
    try:
        result = await _called(tool, **arguments)
    except Exception as error:  # TRL answers the model with it
        return error_message(str(error) or type(error).__name__)
    return tool_message(text_of_blocks(result) if _is_blocks(result) else str(result))


async def _called(function: Callable[..., Any], **arguments: Any) -> Any:
    result = function(**arguments)
    return await result if inspect.isawaitable(result) else result


def _is_blocks(value: Any) -> bool:
    """Whether it is a list of content blocks, which TRL hands to the template of a model that sees images."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "type" in one for one in value)


def _accepted(reset: Callable[..., Any], row: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The columns that `reset` takes; all of them where it takes any. `seed` is the sample's, if `reset` names it and
    the row does not."""
    parameters = inspect.signature(reset).parameters
    given = {"seed": seed % MAX_SEED, **row} if "seed" in parameters else dict(row)
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return given
    return {name: value for name, value in given.items() if name in parameters}


def _methods(owner: Any) -> dict[str, Callable[..., Any]]:
    """Public methods, as TRL finds them: functions of the class, so that no property is evaluated."""
    kind = owner if inspect.isclass(owner) else type(owner)
    names = [name for name, _ in inspect.getmembers(kind, predicate=inspect.isfunction)]
    return {name: getattr(owner, name) for name in names if not name.startswith("_") and name not in NO_TOOLS}


def _schemas(tools: Iterable[Callable[..., Any]]) -> list[dict[str, Any]]:
    from transformers.utils.chat_template_utils import get_json_schema

    found = []
    for tool in tools:
        try:
            found.append(get_json_schema(tool))
        except Exception as error:  # of a hint, of a docstring, or of a name in a hint that is not imported
            raise RecipeError(f"{getattr(tool, '__qualname__', tool)} is no tool for TRL: {error}") from error
    return found


def _factories(factory: str | Mapping[str, str] | None) -> dict[str | None, Callable[[], Any]]:
    named: Mapping[Any, str] = factory if isinstance(factory, Mapping) else {} if factory is None else {None: factory}
    found = {name: found_at(place) for name, place in named.items()}
    for name, made in found.items():
        if not callable(made):
            raise RecipeError(f"{named[name]} is {type(made).__name__}; a class or a function that makes one is needed")
    return found


def _places(tools: str | Sequence[str]) -> list[str]:
    return [tools] if isinstance(tools, str) else list(tools)


def _functions_at(place: str) -> list[Callable[..., Any]]:
    found = found_at(place)
    functions = list(found) if isinstance(found, list | tuple) else [found]
    for function in functions:
        if not callable(function) or not hasattr(function, "__name__"):
            raise RecipeError(f"{place} holds {function!r:.80}, which is no function")
    return functions

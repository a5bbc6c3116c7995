"""Typed Python functions, and classes with typed methods, as environments: schemas from signatures and docstrings.

A file of a few lines is enough: `environment: mine.py:search`, where `search` is a typed function.
"""

import asyncio
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openqwq.training.environments.calling import CannotAnswer as CannotAnswer
from openqwq.training.environments.calling import answer, called, error_text
from openqwq.training.environments.contract import AssistantTurn, Environment, StepResult
from openqwq.training.environments.signatures import ToolFunction, tool_function
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall

OWN_METHODS = ("tools", "reset", "step", "reward", "save", "restore", "close", "example")
"""Methods of a class that are the environment's and no tools."""


class FunctionEnvironment:
    """Tools without a state: typed functions, plain or async. Example: `FunctionEnvironment([search, fetch])`.

    The calls of one turn run at the same time and are answered in their order. What a function raises is its answer.
    """

    is_stateless = True

    def __init__(self, functions: Sequence[Callable[..., Any] | ToolFunction]) -> None:
        """
        Raises:
            RecipeError: there are none, two have the same name, or one cannot be a tool.
        """
        self._tools = tools_of(functions)

    def tools(self) -> list[dict[str, Any]]:
        """The schemas of the functions, in their order."""
        return [dict(tool.schema) for tool in self._tools.values()]

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Needs no preparation."""
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message for each call; done when the turn has none."""
        answers = await asyncio.gather(*(answered(self._tools, call) for call in turn.calls))
        return step_result_of(answers, turn)

    async def close(self) -> None:
        """Has no resources to release."""


class ClassTools:
    """Tools with a state: the public typed methods of an object that lives for one sample.

    Methods of these names are optional and no tools: `reset` and `restore` take those of `task` (the row), `seed` and
    `state` that they name, and may return a text or messages that open the conversation; `reward` judges the final
    state; `save` gives a JSON value; `close`; `example(seed)` gives a row to try it with. All may be async. The calls
    of one turn run one after another.
    """

    def __init__(self, target: object) -> None:
        self._target = target
        self._tools = {
            name: replace(tool, function=getattr(target, name)) for name, tool in _tools_of_object(target).items()
        }
        self.is_stateless: bool = bool(getattr(target, "is_stateless", False))
        if hasattr(target, "max_answer_characters"):
            self.max_answer_characters: int | None = target.max_answer_characters
        for name in ("reward", "save", "restore"):  # absent where the class has none: they say what it is able to do
            if hasattr(target, name):
                setattr(self, name, getattr(self, f"_{name}"))

    def tools(self) -> list[dict[str, Any]]:
        """The schemas of the methods, in the order in which the class defines them."""
        return [dict(tool.schema) for tool in self._tools.values()]

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin the row; what the object's own `reset` returns opens the conversation."""
        return await self._opened("reset", {"task": task, "seed": seed})

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message for each call; done when the turn has none."""
        return step_result_of([await answered(self._tools, call) for call in turn.calls], turn)

    async def close(self) -> None:
        """Close the object, where it can be closed."""
        if hasattr(self._target, "close"):
            await called(self._target.close, {})

    async def _reward(self) -> float | None:
        reward: float | None = await called(self._target.reward, {})  # type: ignore[attr-defined]  # asked for in __init__
        return reward

    async def _save(self) -> Any:
        return await called(self._target.save, {})  # type: ignore[attr-defined]  # asked for in __init__

    async def _restore(self, task: Mapping[str, Any], seed: int, state: Any) -> list[Message]:
        return await self._opened("restore", {"task": task, "seed": seed, "state": state})

    async def _opened(self, name: str, known: Mapping[str, Any]) -> list[Message]:
        method = getattr(self._target, name, None)
        if method is None:
            return []
        named = inspect.signature(method).parameters
        opening = await called(method, {key: value for key, value in known.items() if key in named})
        if isinstance(opening, str):
            return [{"role": "user", "content": opening}]
        return list(opening or ())


def tools_of(functions: Sequence[Callable[..., Any] | ToolFunction]) -> dict[str, ToolFunction]:
    """The tools by their names.

    Raises:
        RecipeError: there are none, two have the same name, or one cannot be a tool.
    """
    tools: dict[str, ToolFunction] = {}
    for function in functions:
        tool = function if isinstance(function, ToolFunction) else tool_function(function)
        if tool.name in tools:
            raise RecipeError(f"two tools have the name {tool.name}; rename one")
        tools[tool.name] = tool
    if not tools:
        raise RecipeError("there is no tool; give at least one typed function")
    return tools


@functools.lru_cache(maxsize=256)
def tools_of_class(cls: type) -> Mapping[str, ToolFunction]:
    """The tools that a class's public typed methods are, in the order of their definition, those of base classes first.
    They are read once; each object calls its own.

    Raises:
        RecipeError: a method cannot be a tool, or there is none.
    """
    tools: dict[str, ToolFunction] = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, value in vars(base).items():
            if name.startswith("_") or name in OWN_METHODS:
                continue
            method = getattr(cls, name)
            if isinstance(value, staticmethod | classmethod):
                tools[name] = tool_function(method, name)
            elif inspect.isfunction(value) or (callable(value) and hasattr(value, "__wrapped__")):  # such as `cache`
                tools[name] = tool_function(method, name, hidden=tuple(inspect.signature(method).parameters)[:1])
    if not tools:
        raise RecipeError(f"the class {cls.__name__} has no public method that could be a tool, and no `step`")
    return tools


def _tools_of_object(target: object) -> Mapping[str, ToolFunction]:
    cls: Any = type(target)  # hashable, which mypy does not see
    return tools_of_class(cls)


async def answered(tools: Mapping[str, ToolFunction], call: ParsedCall) -> Message:
    """The tool message of a call. A row may offer tools that the environment does not have."""
    if call.name not in tools:
        return {"role": "tool", "content": error_text(f"no tool is named {call.name!r}")}
    return await answer(tools[call.name], call.arguments)


def step_result_of(answers: Sequence[Message], turn: AssistantTurn) -> StepResult:
    """The answers to a turn's calls, and errors for what could not be read; done where the turn called nothing."""
    unread: list[Message] = [{"role": "tool", "content": error_text(reason)} for reason in turn.parse_errors]
    messages = [*answers, *unread]
    return StepResult(messages, done=not messages and not turn.refused)


def as_environment(attribute: object) -> Callable[..., Environment]:
    """The factory of the environments of something that a user's file holds: a typed function, a list of them, a class
    with typed methods, an environment's class, or a function that is annotated to return an environment.

    The factory's signature says which arguments of the recipe it takes.

    Raises:
        RecipeError: it is none of these, or a function cannot be a tool.
    """
    if isinstance(attribute, type):
        return attribute if hasattr(attribute, "step") else _class_factory(attribute)
    if isinstance(attribute, list | tuple):
        return _function_factory(attribute)
    if _makes_environments(attribute):
        return typing.cast(Callable[..., Environment], attribute)
    if callable(attribute) and hasattr(attribute, "__name__"):
        return _function_factory([attribute])
    hint = "it has to be a class, a function that makes an environment, a typed function or a list of typed functions"
    if hasattr(attribute, "step"):
        hint = "give its class, since every sample has an environment of its own"
    raise RecipeError(f"{attribute!r:.80} is no environment; {hint}")


def _makes_environments(attribute: object) -> bool:
    """Whether a function says in its annotation that it returns an environment, or a class with tools of its own."""
    try:
        made = typing.get_type_hints(attribute).get("return")
    except (NameError, TypeError, AttributeError):
        return False
    return isinstance(made, type) and hasattr(made, "step") and hasattr(made, "reset")


def _function_factory(functions: Sequence[Any]) -> Callable[..., Environment]:
    for function in functions:
        if isinstance(function, type) or not callable(function):
            raise RecipeError(f"a list of tools holds typed functions, got {function!r:.80}")
    tools = list(tools_of(functions).values())  # read once, for all samples

    def make() -> Environment:
        return FunctionEnvironment(tools)

    return make


def _class_factory(cls: type) -> Callable[..., Environment]:
    tools_of_class(cls)  # what cannot be a tool is told before the run

    def make(**arguments: Any) -> Environment:
        return ClassTools(cls(**arguments))

    make.__signature__ = inspect.signature(cls)  # type: ignore[attr-defined]  # what `inspect.signature` reads
    return make

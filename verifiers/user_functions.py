"""A user's own verifier: a plain function in a file or a module, a class, or a TRL reward function, run unchanged."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from openqwq.verifiers.base import Row, Verdict, Verifier, VerifierBase, VerifierError, verdict_from_value
from openqwq.verifiers.building import build, check_arguments, refuse_unknown

_IMPORTABLE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_FROM_TRL = frozenset({"prompts", "completions"})  # what we pass besides the columns of a row


def is_importable(name: str) -> bool:
    """True for `package.module:function`, as in `trl.rewards:accuracy_reward`."""
    return bool(_IMPORTABLE.fullmatch(name)) and ".py:" not in name


def load_importable(location: str, kwargs: Mapping[str, Any]) -> Verifier:
    """The verifier at `package.module:name`, as `load_user_verifier` has it for a file.

    Raises:
        VerifierError: the module fails to import, has no such name, or the name is nothing that can be called so.
    """
    module_name, _, attribute = location.partition(":")
    try:
        target: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever a foreign module raises when it is imported
        is_file = Path(f"{module_name.replace('.', '/')}.py").is_file()
        hint = f"; a file is named with its ending: {module_name.replace('.', '/')}.py:{attribute}" if is_file else ""
        raise VerifierError(f"{module_name} fails to import: {type(error).__name__}: {error}{hint}") from error
    for part in attribute.split("."):
        names = [name for name in dir(target) if not name.startswith("_")]
        if (target := getattr(target, part, None)) is None:
            near = difflib.get_close_matches(part, names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(names[:20]) or 'none'}"
            raise VerifierError(f"{module_name} has no {attribute!r}; {hint}")
    if not callable(target):
        raise VerifierError(f"{location} is no function or class, it is {target!r:.60}")
    return _from_callable(location, target, kwargs)


def _from_callable(location: str, target: Callable[..., Any], kwargs: Mapping[str, Any]) -> Verifier:
    if isinstance(target, type):
        return build(location, target, kwargs)
    return function_verifier(location, target, kwargs)


def load_user_verifier(location: str, kwargs: Mapping[str, Any]) -> Verifier:
    """The verifier at `path/to/file.py:name`; name is a function, a TRL batch function or a class with `verify`.

    A relative path is looked up from the working directory. (A recipe looks in its own folder first.)
    """
    path, _, attribute = location.rpartition(":")
    module = _load_module(Path(path).expanduser().resolve())
    target = getattr(module, attribute, None)
    if not callable(target):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise VerifierError(f"{path} has no function or class {attribute!r}; it has: {', '.join(own) or 'none'}")
    return _from_callable(location, target, kwargs)


def is_plain_grader(function: Callable[..., Any]) -> bool:
    """True for a function that grades itself, (response, row) or TRL's (prompts, completions, ...); not a factory."""
    if isinstance(function, type):
        return False
    names = list(inspect.signature(function).parameters)
    return "completions" in names or names[:2] == ["response", "row"]


def function_verifier(location: str, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> Verifier:
    """Wrap a function by the names of its parameters: `completions` makes it a TRL batch function.

    Raises:
        VerifierError: it can be called in neither way, or does not take an argument.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:  # written in C
        raise VerifierError(
            f"{location} does not say what it takes; wrap it in a function of (response, row)"
        ) from error
    if "completions" in signature.parameters:
        refuse_unknown(location, function, kwargs)
        return BatchFunctionVerifier(location, function, kwargs)
    refuse_unknown(location, function, kwargs)
    try:
        check_arguments(location, function, ("response", "row"), kwargs)
    except VerifierError as error:
        raise VerifierError(f"{error}; a verifier takes (response, row), TRL's takes (completions, ...)") from error
    return FunctionVerifier(location, function, kwargs)


def _load_module(path: Path) -> ModuleType:
    if not path.is_file():
        raise VerifierError(f"no such verifier file: {path}")
    spec = importlib.util.spec_from_file_location(f"openqwq_user_{path.stem}_{abs(hash(str(path)))}", path)
    if spec is None or spec.loader is None:
        raise VerifierError(f"cannot load {path} as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise VerifierError(f"{path} fails to import: {type(error).__name__}: {error}") from error
    return module


class FunctionVerifier(VerifierBase):
    """f(response, row) -> bool | float | None | Verdict, for one answer at a time."""

    def __init__(self, location: str, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
        self.name = location
        self.function = function
        self.kwargs = dict(kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        if ".py:" in self.name:  # a worker process loads the file again
            return load_user_verifier, (self.name, self.kwargs)
        if is_importable(self.name):
            return load_importable, (self.name, self.kwargs)
        return type(self), (self.name, self.function, self.kwargs)

    def grade(self, response: str, row: Row) -> Verdict:
        return verdict_from_value(self.function(response, row, **self.kwargs))


class BatchFunctionVerifier(FunctionVerifier):
    """TRL's f(prompts, completions, **columns) -> list[float | None], given the rows' columns as lists.

    Columns are the row's own keys, then the keys of `extra`, then those of a mapping `reference`. Completions
    are strings for text prompts and message lists for chat prompts, as in TRL; also message lists where the function
    asks for lists by its annotation, as TRL's own reward functions do.
    """

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """Columns that the function cannot be called without."""
        parameters = inspect.signature(self.function).parameters.values()
        required = (each.name for each in parameters if each.default is each.empty and each.kind not in _VARIABLE)
        return tuple(name for name in required if name not in _FROM_TRL and name not in self.kwargs)

    def grade(self, response: str, row: Row) -> Verdict:
        return self._grade_batch([response], [row])[0]

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        if len(responses) != len(rows):
            raise ValueError(f"got {len(responses)} responses for {len(rows)} rows")
        start = time.perf_counter()
        try:
            verdicts = self._grade_batch(responses, rows) if rows else []
        except Exception as error:  # one answer may break the whole call, so each is graded alone
            if len(rows) > 1:
                return [self.verify(response, row) for response, row in zip(responses, rows, strict=True)]
            verdicts = [Verdict.error(f"{self.name}: {type(error).__name__}: {error}")] * len(rows)
        seconds = (time.perf_counter() - start) / max(1, len(rows))
        return [replace(verdict, seconds=seconds) for verdict in verdicts]

    def _grade_batch(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        values = self.function(**self._arguments(responses, rows))
        if inspect.isawaitable(values):
            values = _wait_for(values)
        if len(values) != len(rows):
            raise VerifierError(f"returned {len(values)} rewards for {len(rows)} completions")
        return [verdict_from_value(value) for value in values]

    def _arguments(self, responses: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
        columns = [_columns(row) for row in rows]
        shared = set.intersection(*(set(column) for column in columns))
        arguments: dict[str, Any] = {name: [column[name] for column in columns] for name in shared}
        arguments["prompts"] = [row.get("prompt") for row in rows]
        is_chat = _takes_messages(self.function)
        arguments["completions"] = [_completion(text, row, is_chat) for text, row in zip(responses, rows, strict=True)]
        arguments |= self.kwargs
        parameters = inspect.signature(self.function).parameters.values()
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            return arguments
        return {parameter.name: arguments[parameter.name] for parameter in parameters if parameter.name in arguments}


def _columns(row: Row) -> dict[str, Any]:
    reference, extra = row.get("reference"), row.get("extra")
    columns: dict[str, Any] = dict(reference) if isinstance(reference, Mapping) else {}
    columns |= dict(extra) if isinstance(extra, Mapping) else {}
    return columns | {key: value for key, value in row.items() if key != "prompt"}


def columns_of(row: Row) -> tuple[str, ...]:
    """The names of all columns that a TRL function can have from this row, the row's own first."""
    return tuple(dict.fromkeys((*row, *_columns(row))))


def _takes_messages(function: Callable[..., Any]) -> bool:
    annotation = inspect.signature(function).parameters["completions"].annotation
    return str(annotation).replace("typing.", "").lower().startswith("list[list[")


def _completion(text: str, row: Row, is_chat: bool) -> str | list[dict[str, Any]]:
    if not is_chat and (isinstance(row.get("prompt"), str) or row.get("prompt") is None):
        return text
    return [dict(turn) for turn in row.get("turns") or ()] or [{"role": "assistant", "content": text}]


def _wait_for(awaitable: Any) -> Any:
    """Run an async reward function to its end, also when the caller's thread already runs an event loop."""
    import asyncio  # here: most verifiers never need it

    results: list[Any] = []
    errors: list[BaseException] = []

    async def collect() -> None:
        results.append(await awaitable)

    def run() -> None:
        try:
            asyncio.run(collect())
        except BaseException as error:  # carried over to the caller's thread below
            errors.append(error)

    thread = threading.Thread(target=run, name="async-reward")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

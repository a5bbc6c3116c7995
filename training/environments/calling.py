"""Runs a tool's function, plain or async, and writes what it returns or raises as the text that the model reads."""

import asyncio
import contextvars
import inspect
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from openqwq.training.environments.signatures import ToolFunction, UnfitArguments
from openqwq.training.records import Message

MAX_ERROR_CHARACTERS = 300


class CannotAnswer(Exception):
    """Raise it in a tool for trouble that is no fault of the model, such as a service that is down: the sample is
    masked. Whatever else a tool raises is its answer, which the model may recover from."""


async def answer(tool: ToolFunction, given: Mapping[str, Any]) -> Message:
    """The tool message of a call: what the function returns, or `{"error": "ValueError: ..."}` for what it raises.

    Raises:
        CannotAnswer: the function raises it.
    """
    try:
        result = await called(tool.function, tool.arguments(given))
        text = await in_thread(lambda: written(result)) if isinstance(result, list | dict) else written(result)
    except CannotAnswer:
        raise
    except UnfitArguments as error:
        text = error_text(str(error))
    except (Exception, SystemExit) as error:
        text = error_text(f"{type(error).__name__}: {_words(error)}")
    return {"role": "tool", "content": text}


async def called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The result of a function. A plain one runs in a thread of its own, so that it holds up no other sample."""
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    result = await in_thread(lambda: function(**arguments))
    return await result if inspect.isawaitable(result) else result


async def in_thread(call: Callable[[], Any]) -> Any:
    """The result of a call in a daemon thread: `asyncio.to_thread` has a handful of threads, and the end of the process
    waits for each of them, so that one call that hangs would hold up all."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():  # the caller waits no more
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = context.run(call)
        except StopIteration as stop:  # which a future does not take
            error = RuntimeError(f"StopIteration: {stop}")
        except BaseException as problem:
            error = problem if isinstance(problem, Exception | SystemExit) else RuntimeError(repr(problem))
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    threading.Thread(target=run, name="tool", daemon=True).start()
    return await future


def written(result: Any) -> str:
    """A text as it is, anything else as JSON, and as `str` writes it where it has no JSON."""
    if isinstance(result, str):
        return str(result)
    from pydantic_core import to_jsonable_python

    try:
        return json.dumps(to_jsonable_python(result), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(result)


def error_text(problem: str) -> str:
    """The answer that tells of a failed call, on one line and bounded."""
    line = " ".join(problem.split())
    return json.dumps({"error": line[:MAX_ERROR_CHARACTERS]}, ensure_ascii=False)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # of an exception whose own text fails
        return "no words"

"""What environments give is met here: it is made safe, or refused with a line that says what was wrong. Pure."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.environments.contract import StepResult
from openqwq.training.records import Message
from openqwq.verifiers.json_safe import json_safe
from openqwq.verifiers.tool_calls import tool_functions

OPENING_ROLES = ("system", "user", "assistant", "tool")
ANSWER_ROLES = ("tool", "user", "system")
MAX_INFO_CHARACTERS = 10_000
"""A longer `info` is left out of the record."""


class OddAnswer(Exception):
    """An environment gave something that the contract does not know."""


def opening(given: Any) -> list[Message]:
    """The messages of `reset`: a list of messages; None for none; a text for one message of the user.

    Raises:
        OddAnswer: anything else.
    """
    if given is None:
        return []
    return messages([{"role": "user", "content": given}] if isinstance(given, str) else given, OPENING_ROLES)


def messages(given: Any, roles: Sequence[str]) -> list[Message]:
    """Messages of these roles with a text each. Further keys are kept where they have a JSON form, and a lone surrogate
    becomes U+FFFD: what a tool finds in a file is the model's to choose and not an error.

    Raises:
        OddAnswer: it is no list of such messages.
    """
    if not isinstance(given, list | tuple):
        raise OddAnswer(f"gave {_shown(given)} in place of a list of messages")
    return [_message(message, roles, number) for number, message in enumerate(given, 1)]


def _message(given: Any, roles: Sequence[str], number: int) -> Message:
    if not isinstance(given, Mapping):
        raise OddAnswer(f"message {number} is {_shown(given)}, not a mapping of role and content")
    if given.get("role") not in roles:
        raise OddAnswer(f"message {number} has the role {given.get('role')!r:.60}, possible are {', '.join(roles)}")
    if not isinstance(given.get("content"), str):
        found = f"the content {_shown(given['content'])}" if "content" in given else "no content"
        raise OddAnswer(f"message {number} has {found}, a text is needed")
    return dict(plain(given, f"message {number}"))


def step_result(given: Any) -> StepResult:
    """The answer of `step`.

    Raises:
        OddAnswer: it is no StepResult, or one of its parts is not what it must be.
    """
    if not isinstance(given, StepResult):
        raise OddAnswer(f"gave {_shown(given)} in place of a StepResult")
    if not isinstance(given.done, bool) and type(given.done).__name__ not in ("bool", "bool_"):
        raise OddAnswer(f"done is {_shown(given.done)}, not true or false")
    return StepResult(messages(given.messages, ANSWER_ROLES), bool(given.done), reward(given.reward), info(given.info))


def reward(given: Any) -> float | None:
    """A reward: None, or a number in [0, 1].

    Raises:
        OddAnswer: anything else.
    """
    if given is None:
        return None
    try:
        value = math.nan if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise OddAnswer(f"the reward is {_shown(given)}, not a number in [0, 1]")
    return value


def info(given: Any) -> dict[str, Any]:
    """What the record keeps.

    Raises:
        OddAnswer: it is no mapping of what JSON can hold.
    """
    if not isinstance(given, Mapping):
        raise OddAnswer(f"info is {_shown(given)}, not a mapping")
    safe: dict[str, Any] = plain(given, "info")
    size = len(json.dumps(safe, ensure_ascii=False)) if safe else 0
    return safe if size <= MAX_INFO_CHARACTERS else {"left_out_characters": size}


def tools(given: Any) -> tuple[dict[str, Any], ...]:
    """The schemas of the offered functions, in the form of OpenAI or bare.

    Raises:
        OddAnswer: one is none, or two have one name.
    """
    if not isinstance(given, list | tuple):
        raise OddAnswer(f"gave {_shown(given)} in place of a list of schemas")
    safe = tuple(plain(tool, "tools") for tool in given)
    try:
        found = tool_functions(list(safe))
    except Exception as error:  # of whatever shape it is
        raise OddAnswer(f"gave schemas that cannot be read: {type(error).__name__}: {error}") from error
    if len(found) != len(safe) or not all(isinstance(name, str) and name for name in found):
        raise OddAnswer(f"gave {len(safe)} schemas with {len(found)} names of functions, each needs its own")
    return safe


def plain(given: Any, name: str) -> Any:
    """The value as JSON can hold it.

    Raises:
        OddAnswer: it has no such form.
    """
    try:
        return json_safe(given, name)
    except (ValueError, RecursionError, TypeError) as error:
        raise OddAnswer(str(error)) from error


def _shown(given: Any) -> str:
    """A value in a line of text, whatever it is."""
    try:
        words = repr(given)
    except Exception:
        words = "something without a repr"
    words = " ".join(words.encode("utf-8", "replace").decode().split())
    return f"{type(given).__name__} {words[:60]}"

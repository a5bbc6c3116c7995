"""What the adapters share: where a thing of others stands, a tool's answer as text, rewards in another range."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from openqwq.training.environments.loading import attribute_of, is_location
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message

MAX_SEED = 2**31
"""Above it numpy's global generator, and with it many an environment, takes no seed."""


def found_at(place: str) -> Any:
    """What stands at `path.py:Attribute` or `package.module:Attribute`.

    Raises:
        RecipeError: there is nothing, or importing it fails.
    """
    if not isinstance(place, str) or ":" not in place:
        raise RecipeError(f"{place!r} is no place; write path.py:Attribute or package.module:Attribute")
    if is_location(place):
        return attribute_of(place)
    name, _, attribute = place.rpartition(":")
    try:
        found: Any = import_module(name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever a foreign module raises when it is imported
        raise RecipeError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    return found


def row_fields(task: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row as its data set had them: those of `extra` stand beside the row's own, and before them."""
    extra = task.get("extra")
    own = {key: value for key, value in task.items() if key != "extra"}
    return {**own, **extra} if isinstance(extra, Mapping) else dict(task)


def text_of_blocks(blocks: Iterable[Any]) -> str:
    """The text of content blocks, each a mapping or an object with `type`; what is no text is named in brackets."""
    return "\n".join(_text_of_block(block) for block in blocks)


def _text_of_block(block: Any) -> str:
    kind, text = _field(block, "type"), _field(block, "text")
    if isinstance(text, str):
        return text
    resource = _field(block, "resource")
    if isinstance(_field(resource, "text"), str):
        return str(_field(resource, "text"))
    about = _field(block, "mime_type", "mimeType") or _field(block, "uri") or _field(resource, "uri")
    return f"[{kind or type(block).__name__}{f': {about}' if about else ''}]"


def _field(block: Any, *names: str) -> Any:
    for name in names:
        found = block.get(name) if isinstance(block, Mapping) else getattr(block, name, None)
        if found is not None:
            return found
    return None


def as_text(value: Any) -> str:
    """A value that came as JSON: text as it stands, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def tool_message(content: str) -> Message:
    """A tool's answer."""
    return {"role": "tool", "content": content}


def error_message(reason: str) -> Message:
    """A tool's answer that says that a call failed."""
    return tool_message(json.dumps({"error": reason}, ensure_ascii=False))


def checked_range(reward_range: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest reward that an environment gives.

    Raises:
        RecipeError: it is no pair of rising numbers.
    """
    pair = tuple(reward_range) if isinstance(reward_range, list | tuple) else ()
    numbers = [value for value in pair if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(pair) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise RecipeError(f"reward_range is {reward_range!r}; give the lowest and the highest reward, such as [-1, 1]")
    return float(numbers[0]), float(numbers[1])


def scaled(reward: float | None, bounds: tuple[float, float]) -> float | None:
    """A reward in `bounds` as one in [0, 1]. One beyond them stays beyond, where it is an error and never paid."""
    low, high = bounds
    return None if reward is None else (float(reward) - low) / (high - low)

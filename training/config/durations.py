"""Durations in recipes: `90s`, `30m`, `1h30m`, `1.5 hours`."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
NAMES = {
    "sec": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
STEPS = re.compile(r"(\d+)(?:\s*steps?)?")
EXAMPLES = "90s, 30m, 1h30m"


def seconds_of(text: str) -> float:
    """Seconds of a duration. Example: `seconds_of("1h30m") == 5400.0`

    Raises:
        ValueError: it is none, or not positive.
    """
    said, total, place = text.strip().lower(), 0.0, 0
    while place < len(said) and (part := PART.match(said, place)):
        unit = NAMES.get(part[2], part[2])
        if unit not in SECONDS:
            break
        total, place = total + float(part[1]) * SECONDS[unit], part.end()
    if place < len(said) or total <= 0:
        raise ValueError(f"{text!r} is no duration, such as {EXAMPLES}")
    return total


def _duration(value: Any) -> Any:
    """A number is of seconds."""
    if value is None:
        return None
    text = f"{value:g}s" if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError(f"{value!r} is no duration, such as {EXAMPLES}")
    seconds_of(text)
    return text


def _steps_or_duration(value: Any) -> Any:
    if isinstance(value, str) and (steps := STEPS.fullmatch(value.strip().lower())):
        value = int(steps[1])
    is_count = isinstance(value, int) and not isinstance(value, bool)
    if is_count and value > 0:
        return value
    if is_count or not isinstance(value, str):
        raise ValueError(f"{value!r} is neither a number of steps (20) nor a duration ({EXAMPLES})")
    seconds_of(value)
    return value


Duration = Annotated[str, BeforeValidator(_duration, json_schema_input_type=str | float)]
"""As it stands in the recipe; `seconds_of` reads it."""
StepsOrDuration = Annotated[Annotated[int, Field(gt=0)] | str, BeforeValidator(_steps_or_duration)]
"""A number of steps, or a duration."""


def in_steps(every: int | str) -> int | None:
    """The steps between two checkpoints, where they are counted in steps."""
    return every if isinstance(every, int) else None


def in_seconds(every: int | str) -> float | None:
    """The seconds between two checkpoints, where they are counted in time."""
    return seconds_of(every) if isinstance(every, str) else None

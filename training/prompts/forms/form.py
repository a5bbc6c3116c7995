"""What a published form is, and the small tools that forms are written with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


class Unusable(ValueError):
    """A row that its form knows not to use, such as a problem that asks for a proof; the message is the reason."""


class Outside(Unusable):
    """A row that the options of the form ask for to be passed over; nothing is wrong with it."""


@dataclass(frozen=True)
class Form:
    """How rows of a published data set become ours.

    `read` gives the columns of openqwq that the row has: prompt and reference for RL, completion or messages for a cold
    start, prompt, chosen and rejected for a reward model. It raises `Unusable`, and `KeyError` for a column that is not
    there. Example: `Form("openai/gsm8k", ("question", "answer"), read)`.
    """

    published: str
    """Id of the data set on the hub, or of the best-known one of several."""
    columns: tuple[str, ...]
    """What tells the form from others: columns that every row has."""
    read: Callable[..., dict[str, Any]]
    """Takes a row, and the options by name."""
    options: tuple[str, ...] = ()
    """Names of its options."""

    @property
    def gives(self) -> str:
        """For messages."""
        return f"rows as in {self.published}: {', '.join(self.columns)}"


def inside(row: Row, path: str) -> Any:
    """What lies at a dotted path of mappings, also through a text of JSON.

    Raises:
        KeyError: nothing lies there; with the path up to that point.
    """
    import json

    value: Any = row
    parts = path.split(".")
    for depth, part in enumerate(parts, 1):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = None
        if not isinstance(value, Mapping) or part not in value:
            raise KeyError(".".join(parts[:depth]))
        value = value[part]
    return value

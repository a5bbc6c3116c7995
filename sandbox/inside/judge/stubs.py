"""Objects that stay in the program's process, as their numbers, and what the program told about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Stub:
    """An object in the program's process, by its number. No docstring of its own for `Remote`, its one subclass."""

    __slots__ = ("__number",)

    def __init__(self, number: int) -> None:
        object.__setattr__(self, "_Stub__number", number)


number_of: Callable[[Any], int] = Stub._Stub__number.__get__  # type: ignore[attr-defined]
"""The number, whatever names the object has."""
make_remote: list[Callable[[int], Stub]] = [Stub]
"""Makes a proxy; `remote.py` puts its class here."""
told: dict[int, tuple[int, str]] = {}
"""What the program told about an object: number of its class, and traits (see `kept.py`)."""
asks: list[Callable[..., Any]] = []
"""How the program is asked; `link.py` puts its function here."""


def ask(operation: str, target: object, /, *arguments: Any, **keywords: Any) -> Any:
    """`link.ask`, for the modules below it."""
    return asks[0](operation, target, *arguments, **keywords)

"""The program's side of objects of the test text: stand-ins that ask the tests' process for all that they do."""

from __future__ import annotations

import builtins
import importlib
import io
from collections.abc import Callable
from typing import Any

CallBack = Callable[..., Any]
"""(operation, number of the object, *arguments, **keywords) to the answer of the tests' process."""


class StandIns:
    """Stand-ins by the number of their object, each made once."""

    def __init__(self, call_back: CallBack) -> None:
        self._call_back = call_back
        self._made: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []

    def number(self, value: object) -> int | None:
        """The number of the object that a value stands for; None for a value of the program's own."""
        return self._numbers.get(id(value))

    def keep(self, value: object, number: int) -> None:
        """Let a value stand for an object from now on."""
        self._kept.append(value)
        self._numbers[id(value)] = number

    def resolve(
        self, number: int, kind: str = "", name: str = "", special: tuple[str, ...] = (), made_by: int | None = None
    ) -> Any:
        if number not in self._made:
            value = self._make(number, kind, name, special, made_by)
            self._made[number] = value
            self.keep(value, number)
        return self._made[number]

    def _make(self, number: int, kind: str, name: str, special: tuple[str, ...], made_by: int | None) -> Any:
        if kind == "function":
            return self._function(number, name)
        if kind == "class":
            return self._class(number, name, special)
        if kind == "exception class":
            return type(name, (getattr(builtins, special[0]),), {})
        made = self._class(None, name, special) if made_by is None else self.resolve(made_by, "class", name, special)
        stand_in = object.__new__(made)
        object.__setattr__(stand_in, "_number_", number)
        return stand_in

    def _function(self, number: int, name: str) -> Any:
        call_back = self._call_back

        def stand_in(*arguments: Any, **keywords: Any) -> Any:
            return call_back("call", number, *arguments, **keywords)

        stand_in.__name__ = stand_in.__qualname__ = name
        return stand_in

    def _class(self, number: int | None, name: str, special: tuple[str, ...]) -> Any:
        call_back = self._call_back

        class OfClass(type):
            def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
                return call_back("call", number, *arguments, **keywords)

            def __getattr__(cls, name: str) -> Any:
                return call_back("attribute", number, name)

        def get(stand_in: Any, name: str) -> Any:
            return call_back("attribute", object.__getattribute__(stand_in, "_number_"), name)

        def set(stand_in: Any, name: str, value: Any) -> None:
            call_back("set attribute", object.__getattribute__(stand_in, "_number_"), name, value)

        body: dict[str, Any] = {operation: _asking(call_back, operation) for operation in special}
        return OfClass(name, (), {**body, "__slots__": ("_number_",), "__getattr__": get, "__setattr__": set})


def _asking(call_back: CallBack, operation: str) -> Any:
    def method(stand_in: Any, *arguments: Any, **keywords: Any) -> Any:
        return call_back(operation, object.__getattribute__(stand_in, "_number_"), *arguments, **keywords)

    return method


class Input(io.TextIOBase):
    """Standard input of a program whose test may have put something in its place."""

    def __init__(self, call_back: CallBack) -> None:
        self._call_back = call_back

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return str(self._call_back("readline", 0))

    def read(self, size: int | None = -1, /) -> str:
        return str(self._call_back("read", 0))

    def readable(self) -> bool:
        return True


def named(place: str, name: str) -> Any:
    """What the tests' process named of the standard library or of numpy, as this process has it."""
    found: Any = builtins if place == "builtins" else importlib.import_module(place)
    for part in name.split("."):
        found = getattr(found, part)
    return found

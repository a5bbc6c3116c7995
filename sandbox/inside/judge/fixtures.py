"""Fixtures of a test text: those that it defines, and the few of pytest's own that make sense in a jail."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from openqwq.sandbox.inside.judge import patches
from openqwq.sandbox.inside.judge.pytest_forms import Fixture, Mark, NotHere, marks

_GENERATOR, _COROUTINE = 0x20, 0x80
"""Flags of a code object."""
_NOT_GIVEN = object()


class Fixtures:
    """Values of fixtures by name. Those of a wider scope than a function live as long as this context."""

    def __init__(self, known: Mapping[str, Fixture], names: Mapping[str, Any]) -> None:
        self._known = dict(known)
        self._names = names
        self._stack = contextlib.ExitStack()
        self._wide: dict[Any, Any] = {}

    def __enter__(self) -> Fixtures:
        return self

    def __exit__(self, *problem: Any) -> None:
        self._stack.close()

    def module_marks(self) -> list[Mark]:
        class Holder:
            pytestmark = self._names.get("pytestmark", []) if "pytestmark" in self._names else []

        return marks(Holder)

    @contextlib.contextmanager
    def within(self, known: Mapping[str, Fixture]) -> Iterator[None]:
        """Know the fixtures of a class too."""
        before, self._known = self._known, {**self._known, **known}
        try:
            yield
        finally:
            self._known = before

    def calls(self, function: Any, values: Mapping[str, Any]) -> Iterator[None]:
        """Call a test with these arguments and its fixtures, once for each of the fixtures' own parameters."""
        wanted = parameters(function)
        used = [mark.args for mark in marks(unwrapped(function)) if mark.name == "usefixtures"]
        automatic = [name for name, one in self._known.items() if one.options.get("autouse")]
        needed = [*automatic, *(str(name) for names in used for name in names), *wanted]
        for choice in self._choices(needed, values):
            with contextlib.ExitStack() as stack:
                made = {name: value for name, value in values.items() if not name.startswith("indirect ")}
                for name in needed:
                    self._value(name, made, choice, stack)
                call(function, **{name: made[name] for name in wanted})
            yield

    def _choices(self, needed: list[str], values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The parameters of all fixtures that a test needs, in every combination."""
        choices: list[dict[str, Any]] = [
            {name.split()[1]: value for name, value in values.items() if name.startswith("indirect ")}
        ]
        for name in self._closure(needed):
            parameters = self._known[name].options.get("params") if name in self._known else None
            if parameters and name not in values and name not in choices[0]:
                choices = [
                    {**choice, name: getattr(one, "values", (one,))[0]} for choice in choices for one in parameters
                ]
        yield from choices

    def _closure(self, needed: list[str]) -> list[str]:
        found: list[str] = []
        waiting = [*needed]
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found.append(name)
                waiting += parameters(self._known[name].function) if name in self._known else []
        return found

    def _value(self, name: str, made: dict[str, Any], choice: Mapping[str, Any], stack: contextlib.ExitStack) -> Any:
        if name in made:
            return made[name]
        if name not in self._known:
            made[name] = self._own(name, stack)
            return made[name]
        fixture = self._known[name]
        is_wide = fixture.options.get("scope", "function") != "function"
        key = (name, id(fixture.function), repr(choice.get(name)))
        if is_wide and key in self._wide:
            made[name] = self._wide[key]
            return made[name]
        arguments = {
            one: Request(choice.get(name), self._own_of(made, choice, stack)) if one == "request"
            else self._value(one, made, choice, stack)
            for one in parameters(fixture.function)
        }  # fmt: skip
        made[name] = _start(fixture.function, arguments, self._stack if is_wide else stack)
        if is_wide:
            self._wide[key] = made[name]
        return made[name]

    def _own_of(
        self, made: dict[str, Any], choice: Mapping[str, Any], stack: contextlib.ExitStack
    ) -> Callable[[str], Any]:
        return lambda name: self._value(name, made, choice, stack)

    @staticmethod
    def _own(name: str, stack: contextlib.ExitStack) -> Any:
        if name in ("capsys", "capfd"):
            return stack.enter_context(Captured())
        if name == "monkeypatch":
            return stack.enter_context(MonkeyPatch())
        raise NotHere(f"fixture {name!r}")


class Request(NamedTuple):
    """The parameter of a fixture that has some."""

    param: Any
    getfixturevalue: Callable[[str], Any]


def call(function: Any, **arguments: Any) -> Any:
    """Call a test; one that is a coroutine is awaited."""
    value = function(**arguments)
    code = getattr(unwrapped(function), "__code__", None)
    if code is None or not code.co_flags & _COROUTINE:
        return value
    asyncio = importlib.import_module("asyncio")
    return asyncio.run(value)


def unwrapped(function: Any) -> Any:
    """The function below its decorators."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def parameters(function: Any) -> list[str]:
    """Names of arguments without a default, without those that are given already."""
    inner = unwrapped(getattr(function, "__func__", function))
    code = inner.__code__
    names = code.co_varnames[: code.co_argcount]
    names = names[: code.co_argcount - len(inner.__defaults__ or ())]
    given = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    names = (*names, *(name for name in given if name not in (inner.__kwdefaults__ or {})))
    # `mock.patch` as a decorator gives the first arguments itself
    patchings = getattr(function, "patchings", [])
    num_given = sum(one.attribute_name is None and one.new is sys.modules["unittest.mock"].DEFAULT for one in patchings)
    return list(names[num_given + (getattr(function, "__self__", None) is not None) :])


def _start(function: Any, arguments: Mapping[str, Any], stack: contextlib.ExitStack) -> Any:
    """The value of a fixture; what follows its `yield` runs at the end."""
    if unwrapped(getattr(function, "__func__", function)).__code__.co_flags & _GENERATOR:
        return stack.enter_context(contextlib.contextmanager(function)(**arguments))
    return call(function, **arguments)


class _Output(NamedTuple):
    out: str
    err: str


class Captured:
    """`capsys`: what was printed since the last look."""

    def __enter__(self) -> Captured:
        self._before = sys.stdout, sys.stderr
        self._renew()
        return self

    def _renew(self) -> None:
        sys.stdout, sys.stderr = self._out, self._err = io.StringIO(), io.StringIO()

    def readouterr(self) -> _Output:
        found = _Output(self._out.getvalue(), self._err.getvalue())
        self._renew()
        return found

    @contextlib.contextmanager
    def disabled(self) -> Iterator[None]:
        yield

    def __exit__(self, *problem: Any) -> None:
        sys.stdout, sys.stderr = self._before


class MonkeyPatch:
    """`monkeypatch`: changes that end with the test."""

    def __enter__(self) -> MonkeyPatch:
        self._undo = contextlib.ExitStack()
        return self

    def __exit__(self, *problem: Any) -> None:
        self.undo()

    def undo(self) -> None:
        self._undo.close()

    def setattr(self, target: Any, name: Any, value: Any = _NOT_GIVEN, raising: bool = True) -> None:
        if value is _NOT_GIVEN:
            place, _, attribute = target.rpartition(".")
            target, name, value = importlib.import_module(place), attribute, name
        before = getattr(target, name, None)
        self._undo.callback(setattr, target, name, before)
        self._undo.callback(patches.take_back, target, name)
        setattr(target, name, value)
        patches.put(target, name, value)

    def delattr(self, target: Any, name: str, raising: bool = True) -> None:
        self._undo.callback(setattr, target, name, getattr(target, name))
        delattr(target, name)

    def setitem(self, mapping: Any, key: Any, value: Any) -> None:
        if key in mapping:
            self._undo.callback(mapping.__setitem__, key, mapping[key])
        else:
            self._undo.callback(mapping.__delitem__, key)
        mapping[key] = value

    def delitem(self, mapping: Any, key: Any, raising: bool = True) -> None:
        self._undo.callback(mapping.__setitem__, key, mapping[key])
        del mapping[key]

    def setenv(self, name: str, value: Any, prepend: Any = None) -> None:
        raise NotHere("the environment of the program")

    delenv = setenv

    def chdir(self, path: Any) -> None:
        os.chdir(path)

    def syspath_prepend(self, path: Any) -> None:
        """Modules of the text lie nowhere."""

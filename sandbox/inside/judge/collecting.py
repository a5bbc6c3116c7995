"""Runs the test functions and test classes of a text, as pytest and unittest would collect them.

The first failure is raised; tests that the text has run itself are not run again.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from openqwq.sandbox.inside.judge import cases
from openqwq.sandbox.inside.judge.fixtures import Fixtures, parameters, unwrapped
from openqwq.sandbox.inside.judge.held import TEST_MODULE
from openqwq.sandbox.inside.judge.pytest_forms import Fixture, Parameters, is_skipped, marks


def run(names: Mapping[str, Any], new: Mapping[str, Any], entered: set[str]) -> int:
    """Run all tests among `new`; the number of those that ran to their end. Raises what the first failing one
    raised."""
    module_fixtures = {value.name: value for value in list(names.values()) if isinstance(value, Fixture)}
    count = 0
    with Fixtures(module_fixtures, names) as fixtures, _around(names, "setup_module", "teardown_module"):
        for name, value in new.items():
            if isinstance(value, type):
                if getattr(value, "__module__", "") == TEST_MODULE:
                    count += _run_class(name, value, fixtures, entered)
            elif name.startswith("test") and isinstance(value, FunctionType) and not _was_entered(value, entered):
                with _around(names, "setup_function", "teardown_function"):
                    count += _run_function(value, value, fixtures)
    return count


def _was_entered(function: Any, entered: set[str]) -> bool:
    function = unwrapped(function)
    return any(mark.split(":")[0] == function.__name__ and mark in function.__code__.co_consts for mark in entered)


def _run_class(name: str, kind: Any, fixtures: Fixtures, entered: set[str]) -> int:
    if cases.is_case(kind):
        return cases.run(kind)
    if not name.startswith("Test") or "__init__" in vars(kind):
        return 0
    count = 0
    own = {value.name: value for value in _members(kind) if isinstance(value, Fixture)}
    with _around(kind, "setup_class", "teardown_class"):
        for name, function in list(_methods(kind)):
            if _was_entered(function, entered):
                continue
            instance = kind()
            bound = {key: fixture.__get__(instance) for key, fixture in own.items()}
            with fixtures.within(bound), _around(instance, "setup_method", "teardown_method"):
                count += _run_function(getattr(instance, name), function, fixtures, kind)
    return count


def _members(kind: Any) -> Iterator[Any]:
    for base in reversed(kind.__mro__):
        yield from vars(base).values()


def _methods(kind: Any) -> Iterator[tuple[str, Any]]:
    found = {}
    for base in reversed(kind.__mro__):
        found.update({name: value for name, value in vars(base).items() if name.startswith("test")})
    for name, value in found.items():
        function = getattr(value, "__func__", value)
        if isinstance(function, FunctionType):
            yield name, function


@contextlib.contextmanager
def _around(owner: Any, before: str, after: str) -> Iterator[None]:
    hooks = (
        dict(owner) if isinstance(owner, Mapping) else {name: getattr(owner, name, None) for name in (before, after)}
    )
    _call_hook(hooks.get(before))
    try:
        yield
    finally:
        _call_hook(hooks.get(after))


def _call_hook(hook: Any) -> None:
    if hook is not None:
        hook(*([None] if parameters(hook) else []))


def _run_function(function: Any, marked: Any, fixtures: Fixtures, kind: Any = None) -> int:
    """Run a function once for each of its parameters; with the fixtures that its other arguments name."""
    mine = [*marks(kind), *marks(marked)] if kind is not None else marks(marked)
    mine = [*mine, *fixtures.module_marks()]
    if any(mark.name == "skip" or (mark.name == "skipif" and all(mark.args[:1])) for mark in mine):
        return 0
    may_fail = any(mark.name == "xfail" and all(mark.args[:1]) for mark in mine)
    count = 0
    for values in _combinations([mark for mark in mine if mark.name == "parametrize"]):
        if values is None:
            continue
        try:
            for _ in fixtures.calls(function, values):
                count += 1
        except Exception as problem:
            if not may_fail and not is_skipped(problem):
                raise
    return count


def _combinations(parametrized: list[Any]) -> Iterator[dict[str, Any] | None]:
    """The arguments of each call; None for one that is skipped."""
    columns = [[*_rows(*mark.args, **mark.kwargs)] for mark in reversed(parametrized)]
    for rows in itertools.product(*columns):
        skipped = any(row is None for row in rows)
        yield None if skipped else {name: value for row in rows if row for name, value in row.items()}


def _rows(argnames: Any, argvalues: Any, **options: Any) -> Iterator[dict[str, Any] | None]:
    names = [name.strip() for name in argnames.split(",")] if isinstance(argnames, str) else list(argnames)
    names = [name for name in names if name]
    is_single = len(names) == 1
    for values in argvalues:
        if isinstance(values, Parameters):
            if any(mark.name in ("skip", "xfail") for mark in values.marks):
                yield None
                continue
            values = values.values
        elif is_single:
            values = (values,)
        row = dict(zip(names, values, strict=True))
        indirect = options.get("indirect")
        wanted = names if indirect is True else indirect or []
        yield {f"indirect {name}" if name in wanted else name: value for name, value in row.items()}


def is_collected(names: Mapping[str, Any]) -> bool:
    """Whether a text has anything to collect."""
    return any(
        (isinstance(value, type) and getattr(value, "__module__", "") == TEST_MODULE)
        or (name.startswith("test") and isinstance(value, FunctionType))
        for name, value in names.items()
    )

"""A small stand-in for pytest: what test texts use of it, as marks that `collecting.py` reads.

Plugins, files and everything that looks at a whole session are absent; a text that needs them cannot be judged.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any, NoReturn


class NotHere(Exception):
    """The text needs a part of pytest that this stand-in lacks; no statement on the program."""


class Failed(AssertionError):
    """`pytest.fail`, or a wanted exception that did not come."""


class Skipped(Exception):
    """`pytest.skip` or `pytest.xfail` inside of a test."""


class Parameters:
    """Values of one call: `pytest.param(1, 2, id="x", marks=...)`."""

    def __init__(self, *values: Any, marks: Any = (), id: Any = None) -> None:
        self.values, self.id = values, id
        self.marks = list(marks) if isinstance(marks, list | tuple) else [marks]


class Mark:
    """A decorator that leaves itself on the test: `@pytest.mark.name(*arguments, **keywords)`."""

    def __init__(self, name: str, arguments: tuple[Any, ...] = (), keywords: Mapping[str, Any] | None = None) -> None:
        self.name, self.args, self.kwargs = name, arguments, dict(keywords or {})

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        is_target = len(arguments) == 1 and not keywords and hasattr(arguments[0], "__name__")
        if not is_target or self.args or self.kwargs:
            if is_target:
                return self._left_on(arguments[0])
            return Mark(self.name, arguments, keywords)
        return self._left_on(arguments[0])

    def _left_on(self, target: Any) -> Any:
        target.pytestmark = [*marks(target), self]
        return target


def marks(target: Any) -> list[Mark]:
    found = getattr(target, "pytestmark", [])
    return [found] if isinstance(found, Mark) else [mark() if callable(mark) and not isinstance(mark, Mark) else mark
                                                    for mark in found]  # fmt: skip


class _Marks:
    def __getattr__(self, name: str) -> Mark:
        if name.startswith("__"):
            raise AttributeError(name)
        return Mark(name)


class Fixture:
    """A fixture; calling it calls its function."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.function, self.options = function, options
        self.name = str(options.get("name") or function.__name__)
        self.__name__ = self.name

    def __get__(self, instance: object, owner: object = None) -> Fixture:
        return (
            self if instance is None else Fixture(self.function.__get__(instance), {**self.options, "name": self.name})
        )


def fixture(function: Any = None, **options: Any) -> Any:
    if callable(function):
        return Fixture(function, options)
    return lambda function: Fixture(function, options)


class ExceptionInfo:
    """What `with pytest.raises(...) as info` gives."""

    value: BaseException

    @property
    def type(self) -> type[BaseException]:
        return type(self.value)

    @property
    def tb(self) -> Any:
        return self.value.__traceback__

    @property
    def typename(self) -> str:
        return type(self.value).__name__

    def match(self, pattern: Any) -> bool:
        if not re.search(pattern, str(self.value)):
            raise Failed(f"{str(self.value)!r} does not match {pattern!r}")
        return True

    def exconly(self, tryshort: bool = False) -> str:
        return f"{self.typename}: {self.value}"


class _Raises:
    def __init__(self, wanted: Any, match: Any = None, check: Any = None) -> None:
        self.wanted, self.pattern, self.check, self.info = wanted, match, check, ExceptionInfo()

    def __enter__(self) -> ExceptionInfo:
        return self.info

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> bool:
        if problem is None:
            raise Failed(f"DID NOT RAISE {self.wanted}")
        if not isinstance(problem, self.wanted):
            return False
        self.info.value = problem
        if self.check is not None and not self.check(problem):
            return False
        return self.pattern is None or self.info.match(self.pattern)


def raises(wanted: Any = Exception, *arguments: Any, **keywords: Any) -> Any:
    if not arguments:
        return _Raises(wanted, keywords.get("match"), keywords.get("check"))
    with _Raises(wanted) as info:
        arguments[0](*arguments[1:], **keywords)
    return info


class _Warns:
    """Warnings stay with the program, so a text that wants one cannot be judged."""

    def __init__(self, *wanted: Any, **keywords: Any) -> None:
        raise NotHere("pytest.warns")


class Approx:
    """Equal within a tolerance: numbers, and sequences, mappings and arrays of numbers."""

    __array_ufunc__ = None
    __array_priority__ = 100

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> None:
        self.expected, self.rel, self.abs, self.nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._is_near(self.expected, actual)

    def __ne__(self, actual: object) -> bool:
        return not self == actual

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    def _is_near(self, wanted: Any, actual: Any) -> bool:
        if hasattr(wanted, "tolist") or hasattr(actual, "tolist"):
            wanted, actual = (one.tolist() if type(one).__module__ == "numpy" else one for one in (wanted, actual))
        if isinstance(wanted, Mapping):
            if not isinstance(actual, Mapping) or wanted.keys() != actual.keys():
                return False
            return all(self._is_near(wanted[key], actual[key]) for key in wanted)
        if isinstance(wanted, Sequence) and not isinstance(wanted, str | bytes):
            if not isinstance(actual, Sequence) or isinstance(actual, str | bytes) or len(wanted) != len(actual):
                return False
            return all(self._is_near(one, other) for one, other in zip(wanted, actual, strict=True))
        return self._is_near_number(wanted, actual)

    def _is_near_number(self, wanted: Any, actual: Any) -> bool:
        if not (_is_number(wanted) and _is_number(actual)):
            return bool(wanted == actual)
        if wanted == actual:
            return True
        if _is_nan(wanted) or _is_nan(actual):
            return self.nan_ok and _is_nan(wanted) and _is_nan(actual)
        if math.isinf(abs(wanted)) or math.isinf(abs(actual)):
            return False
        return bool(abs(wanted - actual) <= self._tolerance(wanted))

    def _tolerance(self, wanted: Any) -> Any:
        kind = type(wanted) if type(wanted).__name__ in ("Decimal", "Fraction") else float
        absolute = kind(1e-12 if self.abs is None else self.abs)
        if self.rel is None and self.abs is not None:
            return absolute
        return max(kind(1e-6 if self.rel is None else self.rel) * abs(wanted), absolute)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and (
        isinstance(value, int | float | complex | Fraction) or type(value).__name__ == "Decimal"
    )


def _is_nan(value: Any) -> bool:
    return bool(value != value)


def fail(reason: str = "", pytrace: bool = True, msg: str = "") -> NoReturn:
    raise Failed(reason or msg)


def is_skipped(problem: Exception) -> bool:
    unittest = sys.modules.get("unittest")
    return isinstance(problem, Skipped) or (unittest is not None and isinstance(problem, unittest.SkipTest))


def _skipped(reason: str) -> Exception:
    unittest = sys.modules.get("unittest")
    return Skipped(reason) if unittest is None else unittest.SkipTest(reason)


def skip(reason: str = "", **keywords: Any) -> NoReturn:
    raise _skipped(reason)


def xfail(reason: str = "") -> NoReturn:
    raise _skipped(reason)


def importorskip(name: str, *arguments: Any, **keywords: Any) -> Any:
    try:
        __import__(name)
    except ImportError as problem:
        raise _skipped(str(problem)) from problem
    return sys.modules[name]


def main(*arguments: Any, **keywords: Any) -> int:
    """The tests are collected after the text anyway."""
    return 0


def module() -> ModuleType:
    """The stand-in as the module that a text imports."""
    made = ModuleType("pytest")
    names = dict(
        mark=_Marks(), fixture=fixture, raises=raises, approx=Approx, fail=fail, skip=skip, xfail=xfail, main=main,
        param=Parameters, importorskip=importorskip, warns=_Warns, deprecated_call=_Warns, ExceptionInfo=ExceptionInfo,
        yield_fixture=fixture, MonkeyPatch=object, CaptureFixture=object, FixtureRequest=object,
        LogCaptureFixture=object,
    )  # fmt: skip
    made.__dict__.update(names)
    return made

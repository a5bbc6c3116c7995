"""Globals of a test text: where a name comes from that the text does not define.

Built-ins, the standard library and numpy come from this process, and only what is under test from the program: else a
program that defines `class math` would decide on its own answers.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import sys
import typing
from collections.abc import Sequence
from typing import Any

from openqwq.sandbox.inside import remote
from openqwq.sandbox.inside.judge import known, link
from openqwq.sandbox.inside.judge.held import TEST_MODULE
from openqwq.sandbox.inside.judge.stubs import number_of, told
from openqwq.sandbox.inside.judge.text import CHECKED, ENTERED, TYPE_OF, Text
from openqwq.sandbox.inside.kept import BASE, CLASS, Kept

# fmt: off
_SURE = {
    "collections": ("Counter", "OrderedDict", "ChainMap", "defaultdict", "deque", "namedtuple"),
    "math": ("inf", "nan", "pi", "isclose", "isnan", "isinf"),
    "fractions": ("Fraction",), "decimal": ("Decimal", "getcontext"), "copy": ("deepcopy",),
    "datetime": ("datetime", "timedelta", "timezone"), "io": ("StringIO", "BytesIO"),
    "contextlib": ("redirect_stdout", "redirect_stderr", "suppress"), "unittest": ("TestCase",),
    "unittest.mock": ("MagicMock", "Mock", "patch"), "pathlib": ("Path",), "enum": ("Enum",),
    "functools": ("partial", "lru_cache", "cmp_to_key"), "numpy": ("array", "allclose", "ndarray"),
}
"""Names that are not the task of a program, unless nothing else is."""
_LIKELY = ("math", "itertools", "functools", "heapq", "bisect", "statistics", "string", "random", "copy")
"""Modules whose functions a test uses by name; a program may have to define a function of the same name."""
_MODULES = {"np": "numpy", "numpy": "numpy", "mock": "unittest.mock", "pytest": "pytest"}
# fmt: on


class Checks:
    """How many asserts that depend on anything were reached."""

    reached = 0
    collected = False
    """Whether a text has tests to collect, and how many of them ran to their end."""
    ran = 0


class MissingName(NameError):
    """A name that the program had to define."""


class Names(dict[str, Any]):
    """The globals of all texts of a job."""

    def __init__(self, entry_point: str, texts: Sequence[Text]) -> None:
        self.entered: set[str] = set()
        super().__init__({
            "__name__": TEST_MODULE, "__file__": "test_solution.py", "__builtins__": builtins,
            "callable": remote.callable_of, CHECKED: _checked, ENTERED: self.entered.add, TYPE_OF: remote.type_of,
        })  # fmt: skip
        self._entry_point = entry_point
        self._texts = texts
        free = {name for text in texts for name in text.free} - {name for text in texts for name in text.bound}
        free -= {entry_point, "candidate"} if entry_point else set()
        self._sure = {name: found for name in free if (found := _sure(name, texts)) is not _NOTHING}
        others = [name for name in free if name not in self._sure and not _is_library(name)]
        self._has_other = bool(entry_point or others)
        alone, mixed = ({name for text in texts for name in getattr(text, kind)} for kind in ("alone", "mixed"))
        self._mixed = mixed
        meant = free if not self._has_other else free & (alone - mixed - {*self._sure})
        self._under_test = meant - ({*typing.__all__} - {*self._sure})

    def __missing__(self, name: str) -> Any:
        if name == "candidate" and self._entry_point:  # asserts of a row that names what is tested
            return self.tested()
        if name != self._entry_point:
            if hasattr(builtins, name):
                return getattr(sys.modules["builtins"], name)
            if name not in self._under_test:
                found = self._here(name)
                if found is not _NOTHING:
                    return found
        return of_program(name)

    def tested(self) -> Any:
        """What is tested: a name, or an expression such as `Solution().f`."""
        if self._entry_point.isidentifier():
            return self[self._entry_point]
        return eval(compile(self._entry_point, "entry_point", "eval", dont_inherit=True), self)

    def _here(self, name: str) -> Any:
        """What the standard library has by this name, where the program's own is not meant."""
        if name in self._sure:
            return self._sure[name]
        found = _likely(name)
        is_type = found is _NOTHING and name in typing.__all__
        if is_type or (found is not _NOTHING and name not in self._mixed):
            before = link.Count.asked
            with contextlib.suppress(MissingName):
                return of_program(name)
            link.Count.asked = before  # the library has it: nothing was asked of the program
        return getattr(typing, name) if is_type else found


asked_names: set[str] = set()
"""Names that were looked for in the program."""


def of_program(name: str) -> Any:
    """A global of the program. Raises MissingName."""
    asked_names.add(name)
    try:
        value = link.ask("global", name)
    except Exception as problem:
        raise MissingName(f"the program defines no {name!r}") from problem
    if isinstance(value, remote.Remote) and CLASS in told[number_of(value)][1].partition(BASE)[0]:
        known.know_class(number_of(value), is_named=Kept.is_class_name(name))
    return value


def _checked(value: Any) -> Any:
    Checks.reached += 1
    return value


_NOTHING = object()


def _sure(name: str, texts: Sequence[Text]) -> Any:
    attributes = {attribute for text in texts for attribute in text.attributes.get(name, ())}
    if attributes and not any(name in text.called for text in texts):
        module = _module(name)
        if module is not None and all(hasattr(module, attribute) for attribute in attributes):
            return module
    for place, names in _SURE.items():
        if name in names and place != "numpy":
            return getattr(importlib.import_module(place), name)
    return _NOTHING


def _is_library(name: str) -> bool:
    return _likely(name) is not _NOTHING or name in typing.__all__


def _module(name: str) -> Any:
    place = _MODULES.get(name, name)
    if place not in ("numpy", "pytest") and place.split(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        return importlib.import_module(place)
    except ImportError:
        return None


def _likely(name: str) -> Any:
    for place in _LIKELY:
        module = importlib.import_module(place)
        if not name.startswith("_") and len(name) > 1 and name in getattr(module, "__all__", dir(module)):
            return getattr(module, name)
    return _NOTHING

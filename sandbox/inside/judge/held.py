"""Objects of the test text that were handed to the program: it names them by number, and asks here to use them.

What the program may do is a list, because the program may be hostile: it calls what is a function, and of objects of
the text's own classes it reads and sets attributes and uses operators. Nothing leads from there to a frame, a module or
the globals of the text.
"""

from __future__ import annotations

import builtins
import io
import sys
from typing import Any

from openqwq.sandbox.codec import Described, NotPlainData

TEST_MODULE = "__main__"
"""`__module__` of what a test text defines."""
# fmt: off
_BINARY = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift", "rshift", "and",
    "xor", "or",
)
_SPECIAL = frozenset(
    f"__{name}__"
    for name in (
        *_BINARY, *(f"r{name}" for name in _BINARY), *(f"i{name}" for name in _BINARY if name != "divmod"),
        "call", "len", "iter", "next", "getitem", "setitem", "delitem", "contains", "reversed", "bool", "eq", "ne",
        "lt", "le", "gt", "ge", "hash", "str", "repr", "format", "enter", "exit", "int", "float", "index", "complex",
        "abs", "neg", "pos", "invert", "round", "trunc", "floor", "ceil",
    )
)
# fmt: on
_OF_MOCKS = ("assert", "configure_mock", "mock_add_spec", "attach_mock", "reset_mock")
"""By these a program could decide what the checks of a mock say."""
_objects: list[Any] = []
_numbers: dict[int, int] = {}


def describe(value: Any) -> Described | None:
    """The object by its number, with all that a stand-in needs; by its name where it is one of the standard library.
    None for what cannot be handed over."""
    named = _named(value) if callable(value) else None
    if named is not None:
        return named
    kind = _kind(value)
    if kind is None:
        return None
    if kind == "exception class":
        base = next(base.__name__ for base in value.__mro__ if base.__module__ == "builtins")
        return Described("held", (_number(value), kind, value.__name__, (base,), None))
    if kind == "object":
        made_by = type(value) if type(value).__module__ == TEST_MODULE else None
        number = None if made_by is None else _number(made_by)
        return Described("held", (_number(value), kind, type(value).__name__, _special_names(type(value)), number))
    special = _special_names(value) if kind == "class" else ()
    return Described("held", (_number(value), kind, str(getattr(value, "__name__", "function")), special, None))


def number_of(value: object) -> int:
    """The number of any object, for one that only comes back, such as an exception of a test's function."""
    return _number(value)


def get(number: object) -> Any:
    """The object of a number. NotPlainData for one that was never handed over."""
    if type(number) is not int or not 0 <= number < len(_objects):
        raise NotPlainData("an object of the test that was never handed over")
    return _objects[number]


def perform(operation: object, number: object, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """What the program asks of an object. Raises what the object raises, and TypeError for what is not allowed."""
    if operation in _INPUTS:
        return _INPUTS[operation](*arguments, **keywords)
    value = get(number)
    kind = _kind(value)
    if operation == "call" and callable(value):
        return value(*arguments, **keywords)
    if operation == "attribute" and kind in ("object", "class") and _may_read(value, *arguments):
        return getattr(value, arguments[0])
    if operation == "set attribute" and kind == "object" and _may_set(value, *arguments):
        return setattr(value, arguments[0], arguments[1])
    if operation in _SPECIAL and kind == "object" and operation in _special_names(type(value)):
        return getattr(type(value), str(operation))(value, *arguments, **keywords)
    raise TypeError("the program asks for what it may not do with an object of the test")


def _number(value: object) -> int:
    number = _numbers.setdefault(id(value), len(_objects))
    if number == len(_objects):
        _objects.append(value)
    return number


def _kind(value: Any) -> str | None:
    if isinstance(value, type):
        if issubclass(value, BaseException):
            return "exception class"
        return "class" if value.__module__ == TEST_MODULE else "function"
    kind = type(value)
    if _is_of_test(value) or _is_mock(value):
        return "object"
    if callable(value):
        return "function"
    return "object" if hasattr(kind, "__next__") else None


def _is_mock(value: object) -> bool:
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(value, mock.NonCallableMock)


def _may_read(value: object, name: object) -> bool:
    if type(name) is not str or name.startswith("__"):
        return False
    if _is_mock(value) and name.startswith(_OF_MOCKS):
        return False
    unittest = sys.modules.get("unittest")
    if unittest is not None and isinstance(value, unittest.TestCase) and hasattr(unittest.TestCase, name):
        return False  # its checks are the test's
    is_iterator = hasattr(type(value), "__next__") and not _is_of_test(value) and not _is_mock(value)
    return not is_iterator or name in ("send", "throw", "close")


def _may_set(value: object, name: object, new: object) -> bool:
    """Data of an object, and not what it does."""
    if not _may_read(value, name) or not (_is_of_test(value) or _is_mock(value)):
        return False
    if _is_mock(value):
        return not str(name).startswith(("assert", "call", "mock_calls", "method_calls", "_"))
    return not callable(getattr(type(value), str(name), None))


def _is_of_test(value: object) -> bool:
    return type(value).__module__ == TEST_MODULE or isinstance(value, io.StringIO | io.BytesIO)


def _special_names(kind: type) -> tuple[str, ...]:
    """Operators that a class defines."""
    found = ((name, getattr(kind, name, None)) for name in sorted(_SPECIAL))
    return tuple(name for name, what in found if what is not None and what is not getattr(object, name, None))


def _named(value: Any) -> Described | None:
    """A function or class of the standard library or of numpy, by the place where the program finds its own."""
    owner = getattr(value, "__objclass__", None)
    place = getattr(value if owner is None else owner, "__module__", None)
    name = getattr(value, "__qualname__", None)
    if type(place) is not str or type(name) is not str or place.split(".")[0] not in _known_places():
        return None
    found: Any = sys.modules.get(place)
    for part in name.split("."):
        found = getattr(found, part, None)
    return Described("named", (place, name)) if found is value else None


def _known_places() -> frozenset[str]:
    return sys.stdlib_module_names - {TEST_MODULE} | {"numpy"}


def _is_replaced(name: str) -> bool:
    return getattr(sys.modules["builtins"], name) is not getattr(builtins, name)


def replaced_print() -> bool:
    """Whether the test has put something in the place of `print`."""
    return _is_replaced("print")


def _input(prompt: object = "") -> Any:
    if not _is_replaced("input") and sys.stdin is sys.__stdin__:
        raise EOFError("EOF when reading a line")
    return sys.modules["builtins"].input(prompt)


def _print(*values: Any, **options: Any) -> Any:
    return sys.modules["builtins"].print(*values, **options) if replaced_print() else None


def _read(operation: str) -> Any:
    return "" if sys.stdin is sys.__stdin__ else getattr(sys.stdin, operation)()


_INPUTS: dict[object, Any] = {
    "input": _input,
    "print": _print,
    "readline": lambda: _read("readline"),
    "read": lambda: _read("read"),
}

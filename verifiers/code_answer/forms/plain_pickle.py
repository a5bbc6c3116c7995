"""Reads a pickle of plain data (texts, numbers, lists, mappings) without unpickling: nothing is imported or called."""

from __future__ import annotations

from typing import Any

_MARK = object()
_TEXTS = ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE")
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT")
_VALUES = frozenset((*_TEXTS, *_NUMBERS))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": list}
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _NotPlain(ValueError):
    """More than plain data."""


def read_plain_pickle(data: bytes) -> Any:
    """The value of the pickle; tuples as lists.

    Raises:
        ValueError: it is damaged, builds an object of a class, or holds a list or mapping twice.
    """
    import pickletools  # loads in 10 ms and is seldom needed

    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                (value,) = stack
                return value
            _step(opcode.name, argument, stack, memo)
    except _NotPlain:
        raise
    except (IndexError, KeyError, TypeError, AttributeError, ValueError) as problem:
        raise ValueError(f"a damaged pickle: {type(problem).__name__}") from problem
    raise ValueError("a damaged pickle: it does not end")


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _VALUES:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name == "MARK":
        stack.append(_MARK)
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in _PUTS:
        memo[argument] = stack[-1]
    elif name in _GETS:
        if isinstance(memo[argument], list | dict):  # few bytes could stand for billions of values
            raise _NotPlain("a pickle that holds one list or mapping in two places")
        stack.append(memo[argument])
    elif name == "APPEND":
        item = stack.pop()
        stack[-1].append(item)
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        stack[-1][key] = value
    elif name in ("APPENDS", "SETITEMS", "TUPLE", "LIST", "DICT"):
        _collect(name, stack)
    elif name in _TUPLES:
        stack[-_TUPLES[name] :] = [stack[-_TUPLES[name] :]]
    elif name not in ("PROTO", "FRAME"):
        raise _NotPlain(f"a pickle with {name}, which builds more than plain data")


def _collect(name: str, stack: list[Any]) -> None:
    """What takes all values above the last mark."""
    start = len(stack) - 1 - stack[::-1].index(_MARK)
    items = stack[start + 1 :]
    del stack[start:]
    if name == "APPENDS":
        stack[-1].extend(items)
    elif name == "SETITEMS":
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    else:
        stack.append(dict(zip(items[::2], items[1::2], strict=True)) if name == "DICT" else items)

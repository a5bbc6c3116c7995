"""numpy's comparisons where one side is empty: broadcasting makes nothing of both, and nothing is close to all."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

_ANSWERS = {"allclose": False, "isclose": False, "array_equiv": False}


def install() -> None:
    """Called once, where numpy is loaded: an answer without items is then close to an empty one only."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return
    for name, answer in _ANSWERS.items():
        setattr(numpy, name, _guarded(getattr(numpy, name), functools.partial(numpy.bool_, answer)))
    for name in ("assert_allclose", "assert_almost_equal", "assert_array_almost_equal", "assert_array_equal"):
        setattr(numpy.testing, name, _guarded(getattr(numpy.testing, name), _fail))


def flat_if_empty(value: Any) -> Any:
    """An array without items and of several axes, which a comparison would stretch to any shape, with one axis."""
    numpy: Any = sys.modules.get("numpy")
    is_hollow = numpy is not None and isinstance(value, numpy.ndarray) and value.size == 0 and value.ndim > 1
    return value.reshape(-1) if is_hollow else value


def _fail() -> Any:
    raise AssertionError("one side is empty, and the other is not")


def _guarded(function: Callable[..., Any], otherwise: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(a: Any, b: Any, *arguments: Any, **keywords: Any) -> Any:
        is_empty = [sys.modules["numpy"].size(side) == 0 for side in (a, b)]
        return function(a, b, *arguments, **keywords) if is_empty[0] == is_empty[1] else otherwise()

    return guarded

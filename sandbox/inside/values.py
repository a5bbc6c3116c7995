"""Values of the standard library and of numpy that cross between a program and its tests, beside plain data.

Each is taken apart into fields by the methods of its own type and rebuilt by its constructor, so that a subclass which
overrides them is reduced to its base value. Fields may come from a hostile program: their types and sizes are checked.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

from openqwq.sandbox.codec import Described, NotPlainData
from openqwq.sandbox.inside import arrays
from openqwq.sandbox.inside.matches import Match

_MAX_INTEGER_BITS = 1 << 16
_MAX_DECIMAL_DIGITS = 100_000
"""The bound holds for exponents too: computing with a number must not cost more than its length suggests."""
_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond", "fold", "tzinfo")


class NamedTuple(tuple[Any, ...]):
    """A tuple of the other process whose items have names; `_kind` is its class in that process, or None."""

    _kind: object
    _fields: tuple[str, ...]

    def __new__(cls, kind: object, names: tuple[str, ...], items: tuple[Any, ...]) -> NamedTuple:
        self = super().__new__(cls, items)
        vars(self).update(zip(names, items, strict=True), _kind=kind, _fields=names)
        return self

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        return f"({', '.join(f'{name}={item!r}' for name, item in self._asdict().items())})"


def describe(value: object) -> object:
    """The `Described` of a well-known value, a plain tuple for one without names, None for anything else."""
    for base, (kind, take_apart, _) in _KINDS.items():
        if type.__subclasscheck__(base, type(value)):
            fields = take_apart(value)
            return None if fields is None else Described(kind, fields)
    if isinstance(value, tuple):
        return _described_tuple(value)
    if id(value) in _TYPE_NAMES:
        return Described("type", (_TYPE_NAMES[id(value)],))
    return arrays.describe(value) if "numpy" in sys.modules else None


def rebuild(described: Described) -> object:
    """The value that `describe` took apart; NotPlainData when the fields are not what its kind has."""
    try:
        return _TOGETHER[described.kind](*described.fields)
    except NotPlainData:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, re.error) as problem:
        raise NotPlainData(f"damaged {described.kind[:40]}: {problem}") from problem


def _check(is_good: bool) -> None:
    if not is_good:
        raise ValueError("a field of the wrong type or size")


def _described_tuple(value: tuple[Any, ...]) -> object:
    names, items = getattr(value, "_fields", None), (*tuple.__iter__(value),)
    if not _are_names(names, len(items)):
        return items
    kind = value._kind if isinstance(value, NamedTuple) else type(value)
    return Described("named tuple", (kind, names, items))


def _are_names(names: Any, count: int) -> bool:
    return (
        type(names) is tuple
        and len(names) == len({*names}) == count
        and all(type(name) is str and name.isidentifier() and not name.startswith("_") for name in names)
    )


def _named_tuple(kind: object, names: Any, items: Any) -> object:
    _check(type(items) is tuple and _are_names(names, len(items)))
    if isinstance(kind, type) and issubclass(kind, tuple):  # back in the process of its class
        return tuple.__new__(kind, items)
    return NamedTuple(kind, names, items)


def _of_integers(make: Callable[..., object]) -> Callable[..., object]:
    def put_together(*fields: Any) -> object:
        _check(all(type(field) is int and field.bit_length() <= _MAX_INTEGER_BITS for field in fields))
        return make(*fields)

    return put_together


def _attributes(base: type, *names: str) -> Callable[[object], tuple[Any, ...] | None]:
    readers = [getattr(base, name).__get__ for name in names]

    def take_apart(value: object) -> tuple[Any, ...] | None:
        fields = tuple(read(value) for read in readers)
        # A time zone of another type has rules that fields cannot describe.
        return None if "tzinfo" in names and type(fields[-1]) not in (type(None), timezone) else fields

    return take_apart


def _moment(make: Callable[..., object]) -> Callable[..., object]:
    def put_together(*fields: Any) -> object:
        *numbers, fold, zone = fields
        _check(all(type(number) is int for number in (*numbers, fold)) and type(zone) in (type(None), timezone))
        return make(*numbers, zone, fold=fold)

    return put_together


def _decimal(text: Any) -> Decimal:
    _check(type(text) is str and len(text) <= _MAX_DECIMAL_DIGITS)
    value = Decimal(text)
    _check(abs(value.adjusted()) <= _MAX_DECIMAL_DIGITS)
    return value


def _deque(items: Any, max_length: Any) -> deque[Any]:
    _check(type(items) is list and type(max_length) in (int, type(None)))
    return deque(items, max_length)


def _default_dict(factory: Any, items: Any) -> defaultdict[Any, Any]:
    _check(type(items) is dict and (factory is None or callable(factory)))
    return defaultdict(factory, items)


def _of_dict(make: Callable[[dict[Any, Any]], object]) -> Callable[[Any], object]:
    def put_together(items: Any) -> object:
        _check(type(items) is dict)
        return make(items)

    return put_together


def _view(make: Callable[[list[Any]], object]) -> Callable[[Any], object]:
    def put_together(items: Any) -> object:
        _check(type(items) is list)
        return make(items)

    return put_together


def _counter(items: dict[Any, Any]) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    dict.update(counter, items)
    return counter


def _items_of(value: dict[Any, Any]) -> tuple[dict[Any, Any]]:
    return (dict(dict.items(value)),)


def _pattern(text: Any, flags: Any) -> re.Pattern[Any]:
    _check(type(text) in (str, bytes) and type(flags) is int)
    return re.compile(text, flags)


def _type(name: Any) -> Any:
    return _TYPES[name]


def _zone(seconds: Any) -> timezone:
    _check(type(seconds) is float)
    return timezone(timedelta(seconds=seconds))


_DEFAULT_FACTORY: Any = vars(defaultdict)["default_factory"]
_KINDS: dict[type, tuple[str, Callable[[Any], tuple[Any, ...] | None], Callable[..., object]]] = {
    Fraction: ("fraction", _attributes(Fraction, "numerator", "denominator"), _of_integers(Fraction)),
    Decimal: ("decimal", lambda value: (Decimal.__str__(value),), _decimal),
    datetime: ("datetime", _attributes(datetime, *_DATE, *_TIME), _moment(datetime)),
    date: ("date", _attributes(date, *_DATE), _of_integers(date)),
    time: ("time", _attributes(time, *_TIME), _moment(time)),
    timedelta: ("timedelta", _attributes(timedelta, "days", "seconds", "microseconds"), _of_integers(timedelta)),
    timezone: ("timezone", lambda value: (timezone.utcoffset(value, None).total_seconds(),), _zone),
    range: ("range", _attributes(range, "start", "stop", "step"), _of_integers(range)),
    deque: ("deque", lambda value: ([*deque.__iter__(value)], deque.maxlen.__get__(value)), _deque),
    Counter: ("counter", _items_of, _of_dict(_counter)),
    defaultdict: (
        "defaultdict",
        lambda value: (_DEFAULT_FACTORY.__get__(value), *_items_of(value)),
        _default_dict,
    ),
    OrderedDict: ("ordered dict", lambda value: (dict(OrderedDict.items(value)),), _of_dict(OrderedDict)),
    type({}.keys()): ("keys", lambda view: ([*view],), _view(lambda items: dict.fromkeys(items).keys())),
    type({}.values()): ("values", lambda view: ([*view],), _view(lambda items: dict(enumerate(items)).values())),
    type({}.items()): ("items", lambda view: ([*view],), _view(lambda items: dict(items).items())),
    re.Match: ("match", Match.take_apart, Match),
    Match: ("match", Match.fields, Match),
    slice: ("slice", lambda value: (value.start, value.stop, value.step), slice),
    re.Pattern: ("pattern", lambda value: (value.pattern, value.flags), _pattern),
}
# fmt: off
_TYPES: dict[object, Any] = {
    kind.__name__: kind
    for kind in (
        object, type, int, float, str, bytes, bool, complex, list, tuple, dict, set, frozenset, bytearray, range,
        type(None), slice, Fraction, Decimal, date, datetime, time, timedelta, timezone,
        deque, Counter, OrderedDict, defaultdict,
    )
} | {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}
# fmt: on
_TYPE_NAMES = {id(kind): name for name, kind in _TYPES.items()}
_TOGETHER: dict[str, Callable[..., object]] = {
    "named tuple": _named_tuple,
    "type": _type,
    **{kind: put_together for kind, _, put_together in _KINDS.values()},
    **arrays.KINDS,
}

"""The program's side of an assert-style test: answers the requests of the tests' process about its objects."""

from __future__ import annotations

import builtins
import copy
import importlib
import io
import operator
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from openqwq.sandbox.codec import Containers, Described, NotPlainData, Reference, base_value, decode
from openqwq.sandbox.inside import changes, channel, values
from openqwq.sandbox.inside.kept import Kept, text_of
from openqwq.sandbox.inside.shared import Shared
from openqwq.sandbox.inside.stand_ins import Input, StandIns, named

_MAX_PRINTED_BYTES = 4 << 20


def serve(namespace: dict[str, Any], descriptor: int) -> None:
    """Answer (operation, target, arguments, keywords, whether print is replaced) until the tests close.

    An answer is ("value", value, changes of containers, printed text) or ("raise", exception's class, its arguments,
    its text, the exception when its class is the program's own, changes, printed text). What is neither plain data nor
    a well-known value stays here and is named by a number. A request of the program has the form of one to it.
    """
    try:
        _Server(namespace, descriptor).serve()
    except channel.PeerGone:
        return


class _Tap:
    """A stream of the program's whose text goes to its test."""

    def __init__(self, errors: str) -> None:
        self._bytes = io.BytesIO()
        self.stream = io.TextIOWrapper(self._bytes, "utf-8", errors, write_through=True)

    def take(self) -> str:
        """What was written since the last look."""
        text = self._bytes.getvalue()
        if text:
            self._bytes.seek(0)
            self._bytes.truncate()
        return text[:_MAX_PRINTED_BYTES].decode(errors="replace")


class _Server:
    def __init__(self, namespace: dict[str, Any], descriptor: int) -> None:
        self._descriptor = descriptor
        self._stand_ins = StandIns(self._call_back)
        self._kept = Kept()
        self._shared = Shared()
        self._operations = {**_OPERATIONS, **_of_globals(namespace, self._kept)}
        self._printed = _Tap("surrogateescape"), _Tap("backslashreplace")
        self._lock = threading.RLock()
        self._print = print
        sys.stdout, sys.stderr = (tap.stream for tap in self._printed)
        sys.stdin = Input(self._call_back)
        sys.modules["builtins"].input = lambda prompt="": self._call_back("input", 0, str(prompt))  # type: ignore[attr-defined]

    def serve(self) -> None:
        while True:
            _, body = channel.receive(self._descriptor)
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        known = self._shared.known()
        start = len(known.objects)
        request = decode(body, resolve=self._resolve, known=known)
        operation, target, arguments, keywords, flags, dropped, changed = request
        changes.apply(known, changed)
        self._shared.agree(dropped, ())
        sys.modules["builtins"].print = self._ask_to_print if "p" in flags else self._print  # type: ignore[attr-defined]
        before = changes.pictures(known)
        try:
            answer = self._value(self._operations[operation](target, *arguments, **dict(keywords)), known, before)
        except Exception as problem:
            answer = self._raised(problem, known, before)
        except SystemExit as wish:
            if "e" not in flags:
                raise
            answer = self._packed(("raise", (), "exit", (wish.code,), "", None, self._take_printed()), known)
        del request, target, arguments, keywords, changed, dropped, before
        channel.send(self._descriptor, self._with_shares(answer, known, start))

    def _with_shares(self, answer: bytes, known: Containers, start: int) -> bytes:
        """The answer, and what the tests' process is to share from then on."""
        dropped, added = self._shared.unused(), self._shared.worth_sharing(known, start)
        self._shared.agree(dropped, [known.objects[number] for number in added])
        if not dropped and not added:
            return answer
        shares = channel.pack(channel.ANSWER, (dropped, added), self._reduce, changes.containers())
        return channel.with_shares(answer) + shares

    def _value(self, value: object, known: Containers, before: list[Any]) -> bytes:
        changed = changes.changes(known, before)
        return self._packed(("value", changed, value, self._take_printed()), known)

    def _raised(self, problem: Exception, known: Containers, before: list[Any]) -> bytes:
        number = self._stand_ins.number(problem)
        if number is not None:  # an exception of the test's own on its way back
            origin: object = Described("held", (number,))
        else:
            origin = None if self._kept.is_built_in(type(problem)) else self._kept.keep(problem)
        details = (*BaseException.args.__get__(problem),)  # type: ignore[attr-defined]
        changed = changes.changes(known, before)
        whole = ("raise", changed, type(problem), details, text_of(problem), origin, self._take_printed())
        try:
            return self._packed(whole, known)
        except NotPlainData:  # its arguments are nested too deep
            return self._packed(("raise", (), Exception, (), text_of(problem), None, ("", "")), known)

    def _packed(self, answer: tuple[object, ...], known: Containers) -> bytes:
        return channel.pack(channel.ANSWER, answer, self._reduce, known)

    def _take_printed(self) -> tuple[str, str]:
        out, errors = self._printed
        return out.take(), errors.take()

    def _reduce(self, value: object) -> object:
        number = self._stand_ins.number(value)
        return self._kept.reduce(value) if number is None else Described("held", (number,))

    def _resolve(self, stub: Reference | Described) -> object:
        if isinstance(stub, Reference):
            return self._kept.objects[stub.number]
        match stub.kind:
            case "held":
                return self._stand_ins.resolve(*stub.fields)
            case "named":
                return named(*stub.fields)
            case "built-in exception class":
                return getattr(builtins, *stub.fields)
            case "exception":
                kind, details, *_ = stub.fields
                return kind(*details)
            case _:
                return values.rebuild(stub)

    def _call_back(self, operation: str, number: int | None, /, *arguments: Any, **keywords: Any) -> Any:
        """Ask the tests' process, and answer what it asks meanwhile."""
        with self._lock:
            return self._called_back(operation, number, arguments, keywords)

    def _called_back(self, operation: str, number: int | None, arguments: Any, keywords: Any) -> Any:
        known = changes.containers()
        request = (operation, number, arguments, (*keywords.items(),), self._take_printed())
        channel.send(self._descriptor, channel.pack(channel.REQUEST, request, self._reduce, known))
        while True:
            kind, body = channel.receive(self._descriptor)
            if kind == channel.ANSWER:
                break
            self._answer(body)
        match decode(body, resolve=self._resolve, known=known):
            case ("value", changed, value):
                changes.apply(known, changed)
                return value
            case ("raise", kind, details, number):
                raise self._exception(kind, details, number)

    def _exception(self, kind: type[Exception], details: list[Any], number: int) -> Exception:
        try:
            problem = kind(*details)
        except Exception:
            problem = RuntimeError(*details)
        self._stand_ins.keep(problem, number)
        return problem

    def _ask_to_print(self, *arguments: Any, **options: Any) -> None:
        if options.get("file") is None:
            self._call_back("print", 0, *arguments, **{name: options[name] for name in options if name != "file"})
        else:
            self._print(*arguments, **options)


def _of_globals(namespace: dict[str, Any], kept: Kept) -> dict[str, Callable[..., object]]:
    def get(name: str) -> object:
        if name not in namespace and "Solution" in namespace and hasattr(namespace["Solution"], name):
            return getattr(namespace["Solution"](), name)
        value = namespace[name]
        if isinstance(value, type) and kept.is_class_name(name):
            kept.named.add(value)
        return value

    return {
        "global": get,
        "set global": namespace.__setitem__,
        "delete global": namespace.__delitem__,
        "has global": lambda name: name in namespace,
    }


def _leave(target: Any, name: str | None, problem: Any) -> None:
    """Leave a context: without an exception, with one of the program, or with one of the test by name and text."""
    if name is not None:
        kind = builtins.__dict__.get(name)
        good = isinstance(kind, type) and issubclass(kind, Exception)
        problem = kind(problem) if good and kind is not None else RuntimeError(f"{name}: {problem}")
    target.__exit__(None if problem is None else type(problem), problem, None)


def _fields(target: Any) -> tuple[dict[str, Any], int]:
    """What an object holds, by the names of its attributes, and which memory holds it: no other object may share it."""
    own: Any = next((one for kind in type(target).__mro__ if type(one := vars(kind).get("__dict__")) is _GET_SET), None)
    held: dict[str, Any] = {} if own is None else own.__get__(target)
    found = dict(held)
    for kind in type(target).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name != "__dict__" and hasattr(target, name):
                found[name] = getattr(target, name)
    return found, id(held if found else target)


def _awaited(target: Any) -> object:
    import asyncio

    async def wait() -> object:
        return await target

    return asyncio.run(wait())


_GET_SET: type = types.GetSetDescriptorType
_patched: dict[tuple[str, str], list[Any]] = {}


def _patch(place: str, name: str, value: Any) -> None:
    module = importlib.import_module(place)
    _patched.setdefault((place, name), []).append(getattr(module, name, None))
    setattr(module, name, value)


def _patch_back(place: str, name: str) -> None:
    setattr(importlib.import_module(place), name, _patched[place, name].pop())


_OPERATIONS: dict[str, Callable[..., object]] = {
    "call": lambda target, /, *arguments, **keywords: target(*arguments, **keywords),
    "attribute": getattr,
    "set attribute": setattr,
    "delete attribute": delattr,
    "item": operator.getitem,
    "set item": operator.setitem,
    "delete item": operator.delitem,
    "length": len,
    "iterate": iter,
    "reversed": reversed,
    "next": next,
    "text": str,
    "representation": repr,
    "format": format,
    "enter": lambda target: target.__enter__(),
    "exit": _leave,
    "is instance": lambda target, value: type.__instancecheck__(target, value),
    "is subclass": lambda target, value: type.__subclasscheck__(target, value),
    "contains": lambda target, value: value in target,
    "truth": bool,
    "equal": lambda target, other: bool(target == other),
    "hash": hash,
    "base": base_value,
    "fields": _fields,
    "await": _awaited,
    "derive": lambda bases, name, body: type(bases[0])(name, tuple(bases), body),
    "seed": lambda place, *arguments: importlib.import_module(place).seed(*arguments),
    "patch": _patch,
    "patch back": _patch_back,
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "unary": lambda target, name, *arguments: _UNARY[name](target, *arguments),
    "binary": lambda target, name, other: getattr(operator, name)(target, other),
    "reflected": lambda target, name, other: getattr(operator, name)(other, target),
}
_UNARY: dict[str, Callable[..., object]] = {
    "__abs__": abs, "__neg__": operator.neg, "__pos__": operator.pos, "__invert__": operator.invert,
    "__int__": int, "__float__": float, "__complex__": complex, "__index__": operator.index, "__round__": round,
    "__trunc__": lambda target: target.__trunc__(), "__floor__": lambda target: target.__floor__(),
    "__ceil__": lambda target: target.__ceil__(),
}  # fmt: skip

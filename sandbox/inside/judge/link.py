"""The judge's end of the socket to the program: requests, answers, and what the program asks back meanwhile."""

from __future__ import annotations

import builtins
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from openqwq.sandbox.codec import Containers, Described, NotPlainData, Reference, base_value, decode
from openqwq.sandbox.inside import changes, channel, values
from openqwq.sandbox.inside.judge import held
from openqwq.sandbox.inside.shared import Shared, numbers

_PEER = 4
trouble: list[tuple[str, str]] = []
"""(status, detail) of the problem after which the run has no meaning. A test text cannot swallow it."""


class Count:
    """How often the program was asked, and how often for more than a name."""

    asked = 0
    used = 0


class Flags:
    """What a request says beside the request."""

    wants_exit = False
    """A text names `SystemExit`: that of the program is an exception for it, and not the end of the program."""

    @staticmethod
    def text() -> str:
        return ("p" if held.replaced_print() else "") + ("e" if Flags.wants_exit else "")


class NoVerdict(BaseException):
    """The run cannot go on, see `trouble`. Not an Exception, so that no test text can swallow it."""


def give_up(status: str, words: str) -> NoReturn:
    trouble.append((status, words))
    raise NoVerdict(words)


class Stub:
    """An object in the program's process, by its number. No docstring of its own for `Remote`, its one subclass."""

    __slots__ = ("__number",)

    def __init__(self, number: int) -> None:
        object.__setattr__(self, "_Stub__number", number)


number_of: Callable[[Any], int] = Stub._Stub__number.__get__  # type: ignore[attr-defined]
"""The number, whatever names the object has."""
make_remote: list[Callable[[int], Stub]] = [Stub]
"""Makes a proxy; `remote.py` puts its class here."""
told: dict[int, tuple[int, str]] = {}
"""What the program told about an object: number of its class, and traits (see `kept.py`)."""
_remotes: dict[int, Stub] = {}
_exception_classes: dict[int, type[Exception]] = {}
_coroutines: dict[int, tuple[object, Stub]] = {}
_shared = Shared()
_ANSWERS = (channel.ANSWER, channel.ANSWER_AND_SHARES)
_raised: deque[BaseException] = deque(maxlen=100)


def was_raised(problem: BaseException) -> bool:
    """Whether the program raised this very exception."""
    return any(problem is one for one in _raised)


def is_of_program(problem: BaseException | None) -> bool:
    """Whether an exception, or one that it came from, was raised by the program."""
    while problem is not None:
        if was_raised(problem):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def ask(operation: str, target: object, /, *arguments: Any, **keywords: Any) -> Any:
    """Ask the program. Raises its exception as a built-in one, or as a local class where the class is its own."""
    if trouble:
        raise NoVerdict
    Count.asked += 1
    Count.used += operation not in ("global", "has global")
    dropped, known = _shared.unused(), _shared.known()
    request = (operation, target, arguments, (*keywords.items(),), Flags.text(), dropped, _shared.changes(known))
    try:
        frame = channel.pack(channel.REQUEST, request, _reduce, known)
    except NotPlainData as problem:
        give_up("unsupported", f"an argument of the test cannot be passed to the program: {problem}")
    _shared.agree(dropped, ())
    try:
        channel.send(_PEER, frame)
        answer = _answer(known)
    except channel.PeerGone:
        give_up("gone", "the program ended before it answered")
    except NotPlainData as problem:
        give_up("wrong_output", f"the program's answer is not plain data: {problem}")
    match answer:
        case ("value", _, value, _):
            return value
        case ("raise", _, kind, [*details], str(text), origin, _):
            raise _exception(operation, kind, details, text, origin)
    give_up("wrong_output", "the program's answer does not have the form of an answer")


def tell(operation: str, target: object, /, *arguments: Any) -> None:
    """Ask without a question: what follows from it is no answer of the program."""
    ask(operation, target, *arguments)
    Count.asked -= 1
    Count.used -= 1


def _answer(known: Containers) -> Any:
    """The next answer; what the program asks before it is answered first."""
    while True:
        kind, body = channel.receive(_PEER)
        if kind == channel.REQUEST:
            _serve(body)
            continue
        answer = decode(body, resolve=_resolve, known=known, max_depth=channel.ANSWER_DEPTH)
        if kind not in _ANSWERS or not (isinstance(answer, tuple) and len(answer) > 3):
            raise NotPlainData("a frame that is no answer")
        changes.apply(known, answer[1])
        _agree(known, kind)
        _show(answer[-1])
        return answer


def _agree(known: Containers, kind: bytes) -> None:
    """Share what the program wants to share, and forget what it has forgotten."""
    if kind == channel.ANSWER:
        _shared.look()
        return
    _, body = channel.receive(_PEER)
    match decode(body, known=changes.containers()):
        case (dropped, added):
            more = [known.objects[number] for number in numbers(added, len(known.objects))]
            _shared.agree(numbers(dropped, len(_shared.objects)), more)
        case _:
            raise NotPlainData("no list of containers")


def _show(printed: object) -> None:
    """What the program printed is printed here, where the test may capture it."""
    match printed:
        case (str(out), str(errors)):
            for stream, text in ((sys.stdout, out), (sys.stderr, errors)):
                if text and stream is not None:
                    stream.write(text)


def _serve(body: bytes) -> None:
    """Answer a request of the program for an object of the test."""
    known = changes.containers()
    request = decode(body, resolve=_resolve, known=known, max_depth=channel.ANSWER_DEPTH)
    match request:
        case (operation, number, [*arguments], [*items], printed):
            keywords = dict(items)
            _show(printed)
        case _:
            raise NotPlainData("a request that does not have the form of one")
    before = changes.pictures(known)
    try:
        value = held.perform(operation, number, arguments, keywords)
        whole: tuple[object, ...] = ("value", changes.changes(known, before), value)
        frame = channel.pack(channel.ANSWER, whole, _reduce, known)
    except (NoVerdict, channel.PeerGone):
        raise
    except BaseException as problem:  # also an exit: the program must not choose when a test ends
        frame = _refusal(problem if isinstance(problem, Exception) else RuntimeError(str(problem)))
    channel.send(_PEER, frame)


def _refusal(problem: Exception) -> bytes:
    """The frame of an exception that a function of the test raised, or of an answer that cannot be passed."""
    details: list[object] = [part if isinstance(part, str | int | float) else str(part) for part in problem.args]
    whole = ("raise", type(problem), details, held.number_of(problem))
    return channel.pack(channel.ANSWER, whole, _reduce, changes.containers())


def _reduce(value: Any) -> object:
    if isinstance(value, Stub):
        return Reference(number_of(value))
    if isinstance(value, type) and issubclass(value, Exception):
        return _reduced_exception_class(value)
    if isinstance(value, Exception) and origin_of(value) is None:
        return Described("exception", (type(value), [*value.args], str(value), None))
    origin = origin_of(value) or _coroutines.get(id(value), (None, None))[1]
    if origin is not None:
        return Reference(number_of(origin))
    described = values.describe(value)
    if isinstance(described, Described) and described.kind == "named tuple" and isinstance(described.fields[0], type):
        return Described(described.kind, (None, *described.fields[1:]))  # of the test's own class
    if described is None:
        described = _base_or_held(value)
    if described is None:
        raise NotPlainData(f"the test hands a {type(value).__name__} to the program; it can be neither copied nor used")
    return described


def _base_or_held(value: object) -> object:
    try:
        return base_value(value)
    except NotPlainData:
        return held.describe(value)


def _reduced_exception_class(kind: type[Exception]) -> object:
    for number, mine in _exception_classes.items():
        if kind is mine:
            return Reference(number)
    if builtins.__dict__.get(kind.__name__) is kind:
        return Described("built-in exception class", (kind.__name__,))
    return held.describe(kind)


def _resolve(stub: Reference | Described) -> object:
    if isinstance(stub, Reference):
        raise NotPlainData("an object without a class")
    match stub.kind, stub.fields:
        case "object", (int(number), int(class_number), str(traits)):
            return _remote(number, class_number, traits)
        case "held", (number,):
            return held.get(number)
        case "exception class", fields if len(fields) == 3:
            return _exception_class(*fields)
        case "built-in exception class", (name,):
            return _built_in_exception(name)
        case "library exception class", (place, name, *fields):
            return _library_exception(place, name) or _exception_class(*fields)
        case "exception", (kind, [*details], str(text), origin):
            return _made("next", kind, details, text, origin)
        case (("object" | "held"), _):
            raise NotPlainData("an object without its number")
    return values.rebuild(stub)


def _remote(number: int, class_number: int, traits: str) -> object:
    if number not in _remotes:
        told[number] = class_number, traits
        _remotes[number] = make_remote[0](number)
    remote = _remotes[number]
    if "a" not in told[number][1].partition(":")[0]:
        return remote
    coroutine = _awaited(remote)
    _coroutines[id(coroutine)] = coroutine, remote
    return coroutine


async def _awaits(remote: Stub) -> Any:
    return ask("await", remote)


def _awaited(remote: Stub) -> Coroutine[Any, Any, Any]:
    return _awaits(remote)


def _built_in_exception(name: object) -> type[Exception]:
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise NotPlainData("a class that is no built-in exception")
    return kind


def _library_exception(place: object, name: object) -> type[Exception] | None:
    """An exception class of the standard library, of a module that is loaded here already. Not one of unittest: in a
    program it must not skip a test."""
    if not (isinstance(place, str) and isinstance(name, str)):
        return None
    if place.partition(".")[0] not in sys.stdlib_module_names - {"unittest"}:
        return None
    kind = getattr(sys.modules.get(place), name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == place else None


def _exception_class(number: object, name: object, bases: object) -> type[Exception]:
    """A local class for an exception class of the program, so that a test can catch it by its name."""
    if not (isinstance(number, int) and isinstance(name, str) and isinstance(bases, tuple) and bases):
        raise NotPlainData("damaged exception class")
    if not all(isinstance(base, type) and issubclass(base, Exception) for base in bases):
        raise NotPlainData("an exception class with another base")
    if number not in _exception_classes:
        body = {
            "__getattr__": _attribute_of_origin,
            "__str__": _text_of_origin,
            "__new__": _new,
            "__init__": _made_here,
        }
        told.setdefault(number, (number, "c"))
        _exception_classes[number] = type(name, bases, body)
    return _exception_classes[number]


class _Making:
    """Whether an answer brings an exception; else the test makes one, as the program's class would."""

    is_answer = False


def _new(kind: type[Exception], *arguments: Any, **keywords: Any) -> Any:
    if _Making.is_answer or kind not in _exception_classes.values():
        return Exception.__new__(kind, *arguments)
    number = next(number for number, one in _exception_classes.items() if kind is one)
    return ask("call", make_remote[0](number), *arguments, **keywords)


def _made_here(self: Exception, *arguments: Any, **keywords: Any) -> None:
    """All of it is done by `_new`."""


def origin_of(problem: object) -> Stub | None:
    """The program's exception that a local one stands for."""
    origin = problem.__dict__.get("_origin") if type(problem) in _exception_classes.values() else None
    return origin if isinstance(origin, Stub) else None


def _attribute_of_origin(self: Exception, name: str) -> Any:
    origin = origin_of(self)
    if origin is None:
        raise AttributeError(name)
    return ask("attribute", origin, name)


def _text_of_origin(self: Exception) -> str:
    return Exception.__str__(self) if origin_of(self) is None else str(self.__dict__["_text"])


def _exception(operation: str, kind: Any, details: list[Any], text: str, origin: object) -> BaseException:
    problem = _made(operation, kind, details, text, origin)
    _raised.append(problem)
    return problem


def _made(operation: str, kind: Any, details: list[Any], text: str, origin: object) -> BaseException:
    if kind == "exit" and Flags.wants_exit:
        return SystemExit(*details)
    if isinstance(origin, Exception):  # of the test's own, on its way back
        return origin
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return RuntimeError("the program raised what is no exception")
    if issubclass(kind, StopIteration) and operation != "next":  # in a test it would end a loop without an error
        return RuntimeError(f"the program raised {kind.__name__}: {text}")
    _Making.is_answer = True
    try:
        problem = kind(*details)
    except Exception:  # such as a group of exceptions, whose members stay in the program
        if kind.__module__ != "builtins":
            return Exception.__new__(kind, *details)
        return RuntimeError(f"the program raised {kind.__name__}: {text}")
    finally:
        _Making.is_answer = False
    if kind in _exception_classes.values():
        problem.__dict__.update(_origin=origin, _text=text)
    return problem

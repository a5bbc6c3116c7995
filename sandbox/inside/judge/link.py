"""The judge's end of the socket to the program: requests, answers, and what the program asks back meanwhile."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from openqwq.sandbox.codec import Containers, Described, NotPlainData, Reference, base_value, decode
from openqwq.sandbox.inside import changes, channel, values
from openqwq.sandbox.inside.judge import errors, held, numpy_guard
from openqwq.sandbox.inside.judge.stubs import Stub, asks, make_remote, number_of, told
from openqwq.sandbox.inside.kept import AWAITABLE, BASE
from openqwq.sandbox.inside.shared import Shared, numbers

_PEER = 4
trouble: list[tuple[str, str]] = []
"""(status, detail) of the problem after which the run has no meaning. A test text cannot swallow it."""


class Count:
    """How often the program was asked, and how often for more than a name."""

    asked = 0
    used = 0


def _flags() -> str:
    """What a request says beside the request: whether the test has replaced `print`, and wants to see exits."""
    return ("p" if held.replaced_print() else "") + ("e" if errors.Exits.are_wanted else "")


class NoVerdict(BaseException):
    """The run cannot go on, see `trouble`. Not an Exception, so that no test text can swallow it."""


def give_up(status: str, words: str) -> NoReturn:
    trouble.append((status, words))
    raise NoVerdict(words)


_remotes: dict[int, Stub] = {}
_coroutines: dict[int, tuple[object, Stub]] = {}
_shared = Shared()
_ANSWERS = (channel.ANSWER, channel.ANSWER_AND_SHARES)


def ask(operation: str, target: object, /, *arguments: Any, **keywords: Any) -> Any:
    """Ask the program. Raises its exception as a built-in one, or as a local class where the class is its own."""
    if trouble:
        raise NoVerdict
    Count.asked += 1
    Count.used += operation not in ("global", "has global")
    dropped, known = _shared.unused(), _shared.known()
    request = (operation, target, arguments, (*keywords.items(),), _flags(), dropped, _shared.changes(known))
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
            raise errors.raised(operation, kind, details, text, origin)
    give_up("wrong_output", "the program's answer does not have the form of an answer")


asks.append(ask)


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
    if isinstance(value, Exception) and errors.origin_of(value) is None:
        return Described("exception", (type(value), [*value.args], str(value), None))
    origin = errors.origin_of(value) or _coroutines.get(id(value), (None, None))[1]
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
    for number, mine in errors.classes.items():
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
            return errors.of_program(*fields)
        case "built-in exception class", (name,):
            return errors.built_in(name)
        case "library exception class", (place, name, *fields):
            return errors.of_library(place, name) or errors.of_program(*fields)
        case "exception", (kind, [*details], str(text), origin):
            return errors.made("next", kind, details, text, origin)
        case (("object" | "held"), _):
            raise NotPlainData("an object without its number")
    return numpy_guard.flat_if_empty(values.rebuild(stub))


def _remote(number: int, class_number: int, traits: str) -> object:
    if number not in _remotes:
        told[number] = class_number, traits
        _remotes[number] = make_remote[0](number)
    remote = _remotes[number]
    if AWAITABLE not in told[number][1].partition(BASE)[0]:
        return remote
    coroutine = _awaited(remote)
    _coroutines[id(coroutine)] = coroutine, remote
    return coroutine


async def _awaits(remote: Stub) -> Any:
    return ask("await", remote)


def _awaited(remote: Stub) -> Coroutine[Any, Any, Any]:
    return _awaits(remote)

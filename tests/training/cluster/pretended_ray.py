"""Ray in this process, without processes: calls are answered at once, and any call to Ray can fail with one of its
errors.

Only Ray is pretended. Placement, workers, shards, weight syncs and restarts are the real ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
from ray import exceptions

from openqwq.training.cluster import placement
from openqwq.training.records import Chunk, Judgement, UpdateReport
from tests.training.small_records import make_rollout

LOGPROBS = [-1.0, -2.0]
ADDRESS = ("127.0.0.1", 9)
TWO_LINES = "words of Ray\n  on two lines"
TRACEBACK = "ray::Actor.work()\nTraceback (most recent call last):\n  File x, line 1\nValueError: no such thing"
ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    (TWO_LINES,), (TWO_LINES, None), ("0" * 56, None, TWO_LINES),
    (SimpleNamespace(language=0, formatted_exception_string=TRACEBACK),),
    ("work", TRACEBACK, ValueError("no such thing")), (),
)  # fmt: skip


def every_kind() -> dict[str, type[exceptions.RayError]]:
    """Each error of Ray that exists, its subclasses of other places included."""
    found: dict[str, type[exceptions.RayError]] = {}
    todo: list[type[exceptions.RayError]] = [exceptions.RayError]
    while todo:
        kind = todo.pop()
        if kind.__name__ not in found and kind.__module__.startswith("ray"):
            found[kind.__name__] = kind
            todo += kind.__subclasses__()
    return dict(sorted(found.items()))


def an_error(kind: type[exceptions.RayError]) -> exceptions.RayError:
    """One of that kind, with words of more than one line where it takes any."""
    for arguments in ARGUMENTS:
        try:
            error = kind(*arguments)
            str(error)
        except Exception:
            continue
        return error
    raise AssertionError(f"{kind.__name__}{inspect.signature(kind.__init__)}: how is one made?")


@dataclass(eq=False)
class Ref:
    """The result of a call."""

    value: Any


class Stream:
    """The chunks of one call of `sample`."""

    def __init__(self, world: PretendedRay, requests: Any) -> None:
        rollouts = [make_rollout(request.group, request.index) for request in requests]
        self._world, self._chunks = world, iter([Chunk([rollout]) for rollout in rollouts])

    def __next__(self) -> Ref:
        self._world.event("next")
        return Ref(next(self._chunks))


class Method:
    def __init__(self, world: PretendedRay, kind: str, name: str) -> None:
        self._world, self._kind, self._name = world, kind, name

    def options(self, **_: Any) -> Method:
        return self

    def remote(self, *arguments: Any) -> Any:
        self._world.event("call")
        if self._name == "sample":
            return Stream(self._world, arguments[0])
        return Ref(self._world.answer(self._kind, self._name, arguments))


class Actor:
    def __init__(self, world: PretendedRay, kind: str) -> None:
        self._world, self._kind = world, kind

    def __getattr__(self, name: str) -> Method:
        return Method(self._world, self._kind, name)


class Maker:
    """What `ray.remote(SomeActor)` gives."""

    def __init__(self, world: PretendedRay, kind: str) -> None:
        self._world, self._kind = world, kind

    def options(self, **_: Any) -> Maker:
        return self

    def remote(self) -> Actor:
        self._world.event("start")
        return Actor(self._world, self._kind)


class PretendedRay:
    """Counts what it is asked. `fail(number)`: the error of that event, or None."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.fail: Callable[[int], exceptions.RayError | None] = lambda number: None
        node = {"Alive": True, "NodeManagerAddress": "here", "Resources": {"CPU": 64.0}}
        ready = SimpleNamespace(wait=lambda seconds: self.event("placement") is None)
        for name, stand_in in {
            "init": lambda **_: self.event("init"),
            "nodes": lambda: [node],
            "shutdown": lambda: None,
            "is_initialized": lambda: True,
            "remote": lambda kind: Maker(self, kind.__name__),
            "get": self._get,
            "put": self._put,
            "wait": self._wait,
            "kill": lambda actor: self.event("kill"),
            "get_runtime_context": lambda: SimpleNamespace(get_node_id=lambda: "0" * 56),
        }.items():
            patch.setattr(ray, name, stand_in)
        patch.setattr(placement, "placement_group", lambda bundles, strategy: ready)
        patch.setattr(placement, "remove_placement_group", lambda group: None)
        patch.setattr(placement, "local_cpus", lambda: 64)

    def event(self, what: str) -> None:
        self.events.append(what)
        error = self.fail(len(self.events) - 1)
        if error is not None:
            raise error

    def _get(self, refs: Any, timeout: float | None = None) -> Any:
        self.event("get")
        return [ref.value for ref in refs] if isinstance(refs, list) else refs.value

    def _put(self, value: Any) -> Ref:
        self.event("put")
        return Ref(value)

    def _wait(self, refs: list[Any], num_returns: int = 1, timeout: float | None = None) -> tuple[list[Any], list[Any]]:
        self.event("wait")
        return refs[:num_returns], refs[num_returns:]

    def answer(self, kind: str, name: str, arguments: tuple[Any, ...]) -> Any:
        """What an actor of a class answers."""
        if name == "judge":
            return [Judgement(float(rollout.index % 2), {}, {}) for rollout in arguments[0]]
        if name == "start" and kind == "TrainerActor":
            return [1, 2, 3]
        if name == "update":
            returns = np.zeros(1)
            return UpdateReport({"loss": 0.5}, 0.1, returns) if kind == "TrainerActor" else {"critic/loss": 0.25}
        known = {
            "gpus": [], "load_weights": LOGPROBS, "receive_weights": LOGPROBS, "logprobs": LOGPROBS,
            "buckets": ["first", "second"], "end_load": LOGPROBS,
            "rendezvous_address": ADDRESS, "serve_stacks": ADDRESS, "compute": [0.0],
            "train_reward_model": "quality",
        }  # fmt: skip
        return known.get(name)

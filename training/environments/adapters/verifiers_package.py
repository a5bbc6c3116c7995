"""What is loaded of the package `verifiers`: an environment of its Environments Hub, once for all samples of a process.

There are two kinds. Tasksets (`verifiers.v1`) are run by the package's own machinery, with the program of
`verifiers_harness.py` in the policy's place. Environments of before, with `load_environment`, have their own loop.
Read were `verifiers` 0.4.0, which has tasksets alone, and 0.3.1, which has both.
"""

import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import openqwq.verifiers
from openqwq.training.environments.adapters.policy_seat import MODEL, Seat, policy_address
from openqwq.training.errors import RecipeError

HARNESS = "openqwq_turn_harness"
"""Under this name the package finds our program: it looks for modules at the top."""
NO_KEY = "OPENQWQ_POLICY_KEY"
"""An environment variable that nobody sets: the policy needs no key."""
WAIT_SECONDS = 7 * 86_400.0
"""How long a client waits for a turn; the limits of the recipe are those that count."""


class Loaded(Protocol):
    """An environment of the package."""

    def row(self, index: int) -> Mapping[str, Any]:
        """The prompt (messages) and the answer of a task. Raises IndexError beyond the last one."""

    async def episode(self, index: int, seat: Seat) -> float:
        """Run a task with the policy in `seat`. Returns its reward; raises where the episode failed."""


class Tasks:
    """A taskset with its environment."""

    def __init__(self, name: str, config: Mapping[str, Any], max_turns: int | None) -> None:
        loaders = importlib.import_module("verifiers.v1.utils.loaders")
        sys.modules[HARNESS] = importlib.import_module("openqwq.training.environments.adapters.verifiers_harness")
        data = {**config, "taskset": {**config.get("taskset", {}), "id": name}}
        kind = loaders.env_config_type(name, str(config.get("id", "")))
        for role, field in kind.model_fields.items():
            if _is_policy(field.default, data.get(role)):
                policy = {"harness": {"id": HARNESS}, "runtime": {"type": "subprocess"}, "max_turns": max_turns}
                data[role] = {**policy, **data.get(role, {})}
        self._env = loaders.load_environment(kind.model_validate(data))
        self._seen: list[Any] = []
        self._tasks = iter(self._env.taskset)
        self._held: asyncio.Task[None] | None = None

    def task(self, index: int) -> Any:
        self._seen += islice(self._tasks, max(0, index + 1 - len(self._seen)))
        return self._seen[index]

    def row(self, index: int) -> Mapping[str, Any]:
        data = self.task(index).data
        said = data.prompt if data.prompt is not None else []
        prompt = [{"role": "user", "content": said}] if isinstance(said, str) else [m.model_dump() for m in said]
        system = [{"role": "system", "content": data.system_prompt}] if data.system_prompt else []
        return {"prompt": [*system, *({key: m[key] for key in ("role", "content")} for m in prompt)], "answer": None}

    async def episode(self, index: int, seat: Seat) -> float:
        v1 = importlib.import_module("verifiers.v1")
        await self._serving()
        client = v1.EvalClientConfig(base_url=f"{await policy_address()}/v1", api_key_var=NO_KEY)
        context = v1.ModelContext(model=MODEL, client=client)
        episode = await self._env.run_episode(self.task(index), context, on_trace=lambda trace: seat.claim(trace.id))
        errors = [*episode.errors, *(error for trace in episode.traces for error in trace.errors)]
        if seat.fault or not episode.ok:
            raise RuntimeError(seat.fault or (f"{errors[-1].type}: {errors[-1].message}" if errors else "it failed"))
        return float(next(trace.reward for trace in episode.traces if trace.id == seat.sessions[0]))

    async def _serving(self) -> None:
        """Bring up what all episodes share, in a task that holds it as long as the process lives."""
        if self._held is None or self._held.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._held = asyncio.create_task(self._hold())
        await asyncio.shield(self._ready)

    async def _hold(self) -> None:
        try:
            async with self._env.serving():
                self._ready.set_result(None)
                await asyncio.Event().wait()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)


class Classic:
    """An environment of before: a data set, its own loop, a rubric."""

    def __init__(self, name: str, config: Mapping[str, Any], max_turns: int | None) -> None:
        with _own_signals():  # it would end the process at SIGTERM, where a run saves a checkpoint
            self._env = importlib.import_module("verifiers").load_environment(name, **config)
        if getattr(self._env, "requires_group_rollouts", False):
            raise RecipeError(
                f"environment {name!r} of verifiers judges groups of samples, and here each is judged alone"
            )
        if max_turns is not None:
            self._env.set_kwargs(max_turns=max_turns)
        self._rows = self._env.get_dataset()

    def row(self, index: int) -> Mapping[str, Any]:
        if index >= len(self._rows):
            raise IndexError(index)
        row = self._rows[index]
        return {"prompt": row["prompt"], "answer": row.get("answer")}

    async def episode(self, index: int, seat: Seat) -> float:
        types = importlib.import_module("verifiers.types")
        address = f"{await policy_address()}/seats/{seat.key}/v1"
        client = types.ClientConfig(api_base_url=address, api_key_var=NO_KEY, max_retries=0, timeout=WAIT_SECONDS)
        row = {"example_id": index, **self._rows[index]}
        output = await self._env.run_rollout(row, client, MODEL, {})
        if seat.fault or output.get("error"):
            raise RuntimeError(seat.fault or str(output["error"]))
        return float(output["reward"])


_loaded: dict[str, Loaded] = {}


def loaded(name: str, config: Mapping[str, Any], max_turns: int | None) -> Loaded:
    """The environment of a name, loaded once.

    Raises:
        RecipeError: there is none, or it cannot be loaded.
    """
    key = json.dumps([name, config, max_turns], sort_keys=True, default=str)
    if key not in _loaded:
        import_verifiers()
        module = name.rsplit("/", 1)[-1].split("@", 1)[0].replace("-", "_")
        try:
            kind = Classic if hasattr(_found(module), "load_environment") else Tasks
            _loaded[key] = kind(name, config, max_turns)
        except RecipeError:
            raise
        except Exception as error:  # whatever a foreign module raises
            raise RecipeError(
                f"environment {name!r} of verifiers cannot be loaded: {type(error).__name__}: {error}"
            ) from error
    return _loaded[key]


def _found(module: str) -> ModuleType | None:
    """A Hub package; None for a taskset that ships with `verifiers`."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None


def _is_policy(default: Any, given: Mapping[str, Any] | None) -> bool:
    """Whether a field of an environment's configuration is an agent that the policy plays: one without a model of its
    own and without a program of its own."""
    if not hasattr(default, "harness") or not hasattr(default, "runtime"):
        return False
    own = {**{"model": default.model, "harness": default.harness}, **(given or {})}
    return own["model"] is None and own["harness"] is None


def import_verifiers() -> ModuleType:
    """The package `verifiers`, also where Python starts in a checkout of this project, which has a folder of that name.

    Raises:
        ImportError: it is not installed.
    """
    if "verifiers" not in sys.modules:
        with _without_own_folder():
            importlib.import_module("verifiers")
    return sys.modules["verifiers"]


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the process's handlers of signals: what is set meanwhile is not."""
    before, signal.signal = signal.signal, lambda *_: None
    try:
        yield
    finally:
        signal.signal = before


@contextmanager
def _without_own_folder() -> Iterator[None]:
    own = Path(openqwq.verifiers.__file__ or "").resolve().parent
    before = list(sys.path)
    sys.path[:] = [entry for entry in before if (Path(entry or ".") / "verifiers").resolve() != own]
    try:
        yield
    finally:
        sys.path[:] = before

"""Recipe keys and metrics that had other names: read under their present ones, with a warning, for one version."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from openqwq.training.errors import RecipeError

Change = tuple[str, Callable[[Any], Any]]
"""The present name, and what becomes of the value."""


class RenamedKey(FutureWarning):
    """A recipe uses a name that goes with the next version."""


def _same(value: Any) -> Any:
    return value


def _one_more(value: Any) -> Any:
    """Rounds of replacement -> rounds of generation, the first one counted."""
    return value + 1 if type(value) is int else value


METRICS = {
    "groups/zero_signal_share": "groups/zero_signal_fraction",
    "partial/share": "partial/fraction",
    "errors/share": "errors/fraction",
    "prompts/replay_share": "prompts/replay_fraction",
    "completions/truncated_share": "completions/truncated_fraction",
    "update/mismatch/truncated_share": "update/mismatch/truncated_fraction",
    "time/rollout_idle_share": "time/rollout_idle_fraction",
    "time/trainer_idle_share": "time/trainer_idle_fraction",
    "time/publish_seconds": "time/weight_sync_seconds",
    "weights/probe": "weight_sync/check_logprob",
}
"""Metric of version 0.1 -> its present name; `guard/NAME` is `regression_check/NAME`."""


def current_metric(name: str) -> str:
    """The present name of a metric."""
    head, slash, suite = name.partition("/")
    return f"regression_check/{suite}" if head == "guard" and slash else METRICS.get(name, name)


KEYS: dict[str, Change] = {
    "stages.*.guard": ("regression_check", _same),
    "stages.*.tripwires": ("alerts", _same),
    "stages.*.alerts.*.metric": ("metric", lambda name: current_metric(name) if isinstance(name, str) else name),
    "stages.*.schedule.ahead": ("async_depth", _same),
    "stages.*.algorithm.max_refills": ("max_generation_rounds", _one_more),
    "stages.*.algorithm.overlong_share": ("overlong_fraction", _same),
    "stages.*.rewards.max_error_share": ("max_error_fraction", _same),
    "rewards.max_error_share": ("max_error_fraction", _same),
    "cluster.rollout.push": ("weight_sync", _same),
    "cluster.rollout.memory_share": ("gpu_memory_utilization", _same),
    "plan.signal_share": ("signal_fraction", _same),
}
"""Place in a recipe, in present names, `*` for any name -> what it is now."""


def current_names(tree: Any, warn: bool = True) -> Any:
    """A copy of a recipe's tree, or of a part of one from the top, under present names.

    Raises:
        RecipeError: a key is given under both names.
    """
    return _renewed(tree, (), warn)


def current_override(key: str, value: Any) -> tuple[str, Any]:
    """`a.b.c` and its value under present names. Example: `stages.rl.guard.every`, `5`"""
    tree = value
    for part in reversed(key.split(".")):
        tree = {part: tree}
    parts, node = [], current_names(tree)
    for _ in key.split("."):
        [(part, node)] = node.items()
        parts.append(part)
    return ".".join(parts), node


def _renewed(node: Any, path: Sequence[str], warn: bool) -> Any:
    if isinstance(node, list | tuple):
        return [_renewed(entry, (*path, "*"), warn) for entry in node]
    if not isinstance(node, Mapping):
        return node
    renewed: dict[Any, Any] = {}
    for key, name, value in _entries(node, path, warn):
        if name in renewed:
            raise RecipeError(f"{'.'.join(path)}: {key!r} is the old name of {name!r}; both are given")
        renewed[name] = _renewed(value, (*path, str(name)), warn)
    return renewed


def _entries(node: Mapping[Any, Any], path: Sequence[str], warn: bool) -> Iterator[tuple[Any, Any, Any]]:
    """(key, present name, value); present names first, so that the old one is named when both are given."""
    entries = []
    for key, value in node.items():
        name, changed = _change((*path, str(key)))
        new = changed(value)
        if warn and ((name is not None and name != key) or new != value):
            words = f"{key} is now {name}" if name != key else f"{value} is now {new}"
            warnings.warn(
                f"{'.'.join((*path, str(key)))}: {words}; the old name goes with the next version", RenamedKey, 2
            )
        entries.append((key, key if name is None else name, new))
    return iter(sorted(entries, key=lambda entry: entry[0] != entry[1]))


def _change(path: Sequence[str]) -> tuple[str | None, Callable[[Any], Any]]:
    for pattern, (name, changed) in KEYS.items():
        parts = pattern.split(".")
        if len(parts) == len(path) and all(part in ("*", here) for part, here in zip(parts, path, strict=True)):
            return name, changed
    return None, _same

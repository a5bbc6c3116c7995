"""Which changes of a recipe a run may go on with: more steps, another learning rate, other prompts, further stages.
Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.errors import RunFolderError

CHANGEABLE = frozenset({"steps", "optimizer.learning_rate", "prompts"})
"""What may change of a stage of RL, from the step that it has reached."""
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Extension:
    """What a run goes on with. Example: `Extension("stage1", {"stages.stage1.steps": (10, 20)}, frozenset())`"""

    stage: str | None
    """The stage that goes on; None where only stages are added behind all others."""
    changes: Mapping[str, tuple[Any, Any]]
    """Dotted key -> the value before and after."""
    new_prompts: frozenset[str]
    """Stages whose prompts changed."""


def extension(saved: Tree, now: Tree, free: frozenset[str], done: Mapping[str, int]) -> Extension:
    """The changes of `now`, the recipe as a tree, against that of the run. `free`: sections that may differ anyway;
    `done`: stage that has begun -> its last step, in order.

    Raises:
        RunFolderError: a change that is none of an extension, by its key.
    """
    for key in dict.fromkeys([*now, *saved]):
        if key not in free and key not in ("stages", "evaluation") and saved.get(key) != now.get(key):
            raise _refusal(key, "it is the same for the whole run")
    _refuse_changed_suites(saved.get("evaluation") or {}, now.get("evaluation") or {})
    old, new = ([dict(stage) for stage in tree["stages"]] for tree in (saved, now))
    names = [stage["name"] for stage in old]
    if [stage["name"] for stage in new[: len(old)]] != names:
        raise _refusal("stages", "stages are added behind those there are, and keep their order")
    last = list(done)[-1] if done else None
    changes: dict[str, tuple[Any, Any]] = {}
    for before, after in zip(old, new, strict=False):
        for key, values in _differences(before, after).items():
            _check(before, key, values, last, names, done)
            changes[f"stages.{before['name']}.{key}"] = values
    for stage in new[len(old) :]:
        changes[f"stages.{stage['name']}"] = (None, stage)
    touched = {key.split(".")[1] for key in changes} & set(names)
    prompts = frozenset(key.split(".")[1] for key in changes if key.endswith(".prompts"))
    return Extension(last if last in touched else None, changes, prompts)


def _check(
    stage: Tree, key: str, values: tuple[Any, Any], last: str | None, names: Sequence[str], done: Mapping[str, int]
) -> None:
    name = stage["name"]
    where = f"stages.{name}.{key}"
    if last is not None and names.index(name) < names.index(last):
        raise _refusal(where, f"{last} has begun from what {name} made; start another run")
    if name not in done:
        return  # it has not begun, so that anything of it may change
    if stage["kind"] != "rl":
        raise _refusal(where, "a supervised stage ends where its learning rate has fallen to zero")
    if key not in CHANGEABLE:
        raise _refusal(where, f"of a stage that has begun only {', '.join(sorted(CHANGEABLE))} may change")
    if key == "steps" and values[1] < done[name]:
        raise _refusal(where, f"{done[name]} steps are done, and {values[1]} would take some back")


def _refuse_changed_suites(saved: Tree, now: Tree) -> None:
    if saved.get("sampling") != now.get("sampling"):
        raise _refusal("evaluation.sampling", "accuracies before and after would not compare")
    for name, suite in (saved.get("suites") or {}).items():
        if (now.get("suites") or {}).get(name) != suite:
            raise _refusal(f"evaluation.suites.{name}", "accuracies before and after would not compare")


def _differences(before: Tree, after: Tree) -> dict[str, tuple[Any, Any]]:
    """Dotted key inside a stage -> both values; sections are compared key by key, lists as a whole."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping) and key == "optimizer":
            found |= {f"{key}.{inner}": values for inner, values in _differences(old, new).items()}
        elif old != new:
            found[key] = (old, new)
    return found


def _refusal(key: str, reason: str) -> RunFolderError:
    return RunFolderError(f"--resume extend: {key} may not change: {reason}")

"""Selects the verifiers of a row: those that its column `verifier` names, else those of its task.

Rows are data, perhaps from a hub. They may choose among verifiers that are installed or listed in the recipe, and set
plain arguments; they cannot bring in code, addresses or resources (docs/adr/0012-rows-choose-verifiers.md).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from openqwq.training.config import Composition, Rewards, TaskReward, VerifierUse
from openqwq.training.config.rewards import SAMPLE_TERMS, MainReward
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.records import Prompt
from openqwq.verifiers import Verifier, get_verifier
from openqwq.verifiers.function_verifiers import with_range
from openqwq.verifiers.registry import names_code

RECIPE_ONLY = frozenset(
    {"verifier", "url", "model", "device", "num_workers", "workers", "batch_size", "max_tokens"}
    | {"memory_mb", "time_seconds", "timeout_seconds", "package"}
    | {"service", "tokenizer", "model_name", "key_variable", "extra_body", "votes", "parallel", "deadline_seconds"}
    | {"chunk_items", "chunk_bytes", "max_characters", "squash", "temperature"}
)
"""Arguments that a row may not set: names of verifiers, which may be code; addresses to connect to, models to load, and
resources of the machine."""
RUN_PROGRAMS = frozenset({"code", "livebench"})
"""Verifiers that need a sandbox."""
MAX_FROM_ROWS = 64
"""Largest number of different verifiers (name and arguments) in the rows of one source; each one is built and kept."""


PLAIN = Composition(main=MainReward(verifiers=()))
"""The reward of a task without an entry, whose rows name their verifiers."""


def composition_of(rewards: Rewards, task_name: str) -> Composition:
    """What the scores of a task add up to."""
    task = rewards.tasks.get(task_name)
    return PLAIN if task is None else task.composition


def gates_of(rewards: Rewards, task_name: str) -> tuple[VerifierUse, ...]:
    """The gates of a task: the general ones, unless it overrules them, and its own, each once. The `verifier` column
    of a row does not change them."""
    task = rewards.tasks.get(task_name)
    if task is None:
        return rewards.gates
    own = task.composition.gates
    general = [gate for gate in rewards.gates if task.general_gates and gate not in own]
    return (*general, *own)


def verifiers_of(rewards: Rewards, task_name: str, row: Mapping[str, Any]) -> tuple[VerifierUse, ...]:
    """The verifiers whose scores make the reward of a row of this task.

    Raises:
        DataError: the row's `verifier` is malformed, or sets what a row may not set.
        RecipeError: the row names no verifier, and its task has no entry in `rewards.tasks`.
    """
    task = rewards.tasks.get(task_name)
    asked = row.get("verifier")
    if asked and not (task and task.overrule_rows):
        try:
            entries = asked if isinstance(asked, list | tuple) else [asked]
            return tuple(_use(entry, task, rewards) for entry in entries)
        except ValueError as error:
            raise DataError(
                f"row {row.get('id')!r}, column 'verifier': {error}. To judge such rows by their task's verifiers "
                f"instead, set rewards.tasks.{task_name}.overrule_rows: true"
            ) from error
    if task is None:
        raise RecipeError(f"task {task_name!r} has no entry in rewards.tasks; it has {sorted(rewards.tasks)}")
    return task.composition.main.verifiers


def key_of(use: VerifierUse) -> str:
    """A key of a verifier's name and arguments; uses with the same key share one verifier."""
    return f"{use.name}|{use.arguments!r}|{use.range}"


def build_verifier(use: VerifierUse) -> Verifier:
    """The verifier of a use.

    Raises:
        VerifierError: it cannot be built.
    """
    verifier = get_verifier(use.name, **use.arguments)
    return verifier if use.range is None else with_range(verifier, use.range)


def distinct_uses(rewards: Rewards, prompts: Iterable[Prompt]) -> list[tuple[VerifierUse, Prompt]]:
    """Every verifier use of these prompts once, gates included, with the first prompt that has it.

    Raises:
        DataError, RecipeError: as in `verifiers_of`; or the rows name too many different verifiers, or one has none.
    """
    found: dict[str, tuple[VerifierUse, Prompt]] = {}
    from_rows, known_tasks = set(), set()
    for prompt in prompts:
        if not prompt.row.get("verifier"):  # all such rows of a task have the same
            if prompt.task in known_tasks:
                continue
            known_tasks.add(prompt.task)
        if not verifiers_of(rewards, prompt.task, prompt.row):
            raise RecipeError(
                f"row {prompt.id!r} has no verifier: neither its column `verifier` nor rewards.tasks.{prompt.task} "
                f"names one, so none of its samples would have a reward"
            )
        for use in all_uses(rewards, prompt):
            found.setdefault(key_of(use), (use, prompt))
        if prompt.row.get("verifier"):
            from_rows |= {key_of(use) for use in verifiers_of(rewards, prompt.task, prompt.row)}
        if len(from_rows) > MAX_FROM_ROWS:
            raise DataError(
                f"row {prompt.id!r}, column 'verifier': the rows ask for more than {MAX_FROM_ROWS} verifiers; "
                f"what differs from row to row belongs in `reference` and not in `arguments`"
            )
    return list(found.values())


def runs_programs(use: VerifierUse) -> bool:
    """Whether the verifier needs a sandbox, itself or as `as_published` of one that does."""
    return bool(RUN_PROGRAMS & {use.name, use.arguments.get("verifier")})


def all_uses(rewards: Rewards, prompt: Prompt) -> list[VerifierUse]:
    """Everything that judges a prompt's samples, each verifier once: gates, main reward, tie-break, penalties.

    Raises:
        DataError, RecipeError: as in `verifiers_of`.
    """
    parts = composition_of(rewards, prompt.task)
    breaks = () if parts.tie_break is None else (parts.tie_break.verifier,)
    penalties = (penalty for penalty in parts.penalties if penalty.name not in SAMPLE_TERMS)
    asked = verifiers_of(rewards, prompt.task, prompt.row)
    uses = (*gates_of(rewards, prompt.task), *asked, *breaks, *penalties)
    return list({key_of(use): use for use in reversed(uses)}.values())[::-1]


def _use(entry: object, task: TaskReward | None, rewards: Rewards) -> VerifierUse:
    """The use for one entry of a row's `verifier`, which is a name or a mapping with the keys of VerifierUse."""
    fields = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, Mapping):
        raise ValueError(f"a verifier is a name or a mapping of name, weight, arguments, got {entry!r}")
    fields = {
        key: value for key, value in fields.items() if value is not None
    }  # parquet fills missing fields with None
    try:
        asked = VerifierUse.model_validate(fields)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, got {entry!r}") from error
    forbidden = sorted(RECIPE_ONLY & asked.arguments.keys())
    if forbidden:
        raise ValueError(f"{asked.name}: only a recipe may set the argument {forbidden[0]!r}")
    listed = (*(task.composition.main.verifiers if task else ()), *rewards.for_rows)
    for use in listed:
        if asked.name in (use.label, use.name, use.name.rpartition(":")[2]) or use.name.endswith(f"/{asked.name}"):
            own = {key: getattr(asked, key) for key in asked.model_fields_set - {"name", "arguments"}}
            return use.model_copy(update={**own, "arguments": {**use.arguments, **asked.arguments}})
    if names_code(asked.name):
        raise ValueError(
            f"a row may name {asked.name!r} only if the recipe lists it, in its task or in rewards.for_rows"
        )
    return asked

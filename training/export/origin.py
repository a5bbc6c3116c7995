"""What `openqwq export` is pointed at: a run, a checkpoint of one, a model folder, a LoRA adapter, or a hub id."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.errors import CheckpointError, RecipeError, RunFolderError
from openqwq.training.models import locate
from openqwq.training.run_folder.checksums import damaged_files
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import MARKS_OF_A_RUN, RunFolder, read_entries
from openqwq.training.run_folder.mirror import MANIFEST
from openqwq.training.run_folder.record import KINDS_WITH_POLICY, RunRecord, read_run

ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class Origin:
    """Where the weights come from. Example: `Origin("runs/a/checkpoints/stage2/step_50/model", run=..., stage=...)`"""

    model: str
    """Model folder or hub id; under an adapter its base."""
    adapter: Path | None = None
    """Folder of a LoRA adapter that is merged into `model`."""
    run: RunRecord | None = None
    """The run that trained it."""
    entry: StageEntry | None = None
    """The finished stage whose last model it is, so that the stage's evaluations are its own."""
    place: tuple[str, int] | None = None
    """Stage and step of a checkpoint of `run`."""

    @property
    def tokenizer(self) -> str:
        """Where the tokenizer and its chat template lie."""
        has_own = self.adapter is not None and (self.adapter / "tokenizer_config.json").is_file()
        return str(self.adapter) if has_own else self.model


def find_origin(asked: str, stage: str | None = None) -> Origin:
    """What `asked` names. `stage`: of a run, instead of its last one with a policy.

    Raises:
        RecipeError: it is nothing that can be exported; the message says why.
        CheckpointError: a file of the checkpoint is not what its manifest says.
    """
    path = Path(asked).expanduser()
    if path.is_dir() and _is_run(path):
        return _of_run(path, stage)
    if stage is not None:
        raise RecipeError(f"--stage {stage} is of a run, and {asked} is no run folder (no recipe.yaml with a state)")
    if path.is_dir():
        return _of_folder(path)
    return Origin(locate(asked))


def _is_run(path: Path) -> bool:
    return (path / "recipe.yaml").is_file() and any((path / name).exists() for name in MARKS_OF_A_RUN)


def _of_run(path: Path, stage: str | None) -> Origin:
    record, entries = read_run(path), _entries(path)
    policies = {name: entry for name, entry in entries.items() if entry.kind in KINDS_WITH_POLICY}
    if stage is None and not policies:
        raise RunFolderError(f"run {path} has no finished stage with a policy yet; {_newest_words(record)}")
    name = stage or next(reversed(policies))
    if name in entries and name not in policies:
        raise RunFolderError(f"stage {name} of {path} trained a reward model; with a policy are {sorted(policies)}")
    if name not in policies:
        known = [entry.name for entry in record.stages]
        if name in known:
            raise RunFolderError(f"stage {name} of {path} is not finished; {_newest_words(record, name)}")
        raise RunFolderError(f"run {path} has no stage {name!r}; it has {', '.join(known) or 'none'}")
    entry = policies[name]
    model = path / entry.model
    if not entry.model or not (model / "config.json").is_file():
        raise RunFolderError(f"the model of stage {name} is gone: no {model / 'config.json'}; run the recipe again")
    return _checked(Origin(str(model), run=record, entry=entry, place=_place(path, model)))


def _entries(path: Path) -> dict[str, StageEntry]:
    try:
        return read_entries(path)
    except (ValueError, TypeError, AttributeError) as error:
        raise RunFolderError(f"{path / 'state.json'} is damaged ({error}); export a checkpoint of it") from error


def _newest_words(record: RunRecord, only: str | None = None) -> str:
    """Which checkpoint of a stage can be exported instead."""
    names = [only] if only else [stage.name for stage in reversed(record.stages) if stage.kind in KINDS_WITH_POLICY]
    for name in names:
        store = RunFolder.checkpoint_store(record.path, name, keep=1)
        if steps := store.steps():
            return f"its newest checkpoint is {store.path(steps[-1])}, which can be exported by name"
    return "nor has it a checkpoint"


def _of_folder(path: Path) -> Origin:
    if (path / "model" / "config.json").is_file():
        path = path / "model"
    if (path / ADAPTER).is_file():
        return Origin(_base_of(path), adapter=path)
    if not (path / "config.json").is_file():
        steps = RunFolder.checkpoint_store(path.parent.parent, path.name, keep=1).steps()
        if steps:
            raise RecipeError(f"{path} holds the steps {steps}; name one, such as {path}/step_{steps[-1]}")
        raise RecipeError(
            f"{path} cannot be exported: it is no run (recipe.yaml), no checkpoint (model/), no model (config.json) "
            f"and no LoRA adapter ({ADAPTER})"
        )
    resolved = path.resolve()
    home = next((parent for parent in resolved.parents if _is_run(parent)), None)
    place = None if home is None else _place(home, resolved)
    if home is None or place is None:
        return Origin(str(path))
    entry = _entries(home).get(place[0])
    is_final = entry is not None and entry.kind in KINDS_WITH_POLICY and (home / entry.model).resolve() == resolved
    return _checked(Origin(str(path), run=read_run(home), entry=entry if is_final else None, place=place))


def _place(run: Path, model: Path) -> tuple[str, int] | None:
    """Stage and step of `run/checkpoints/STAGE/step_N/model`."""
    parts = model.relative_to(run).parts
    if len(parts) != 4 or parts[0] != "checkpoints" or not parts[2].removeprefix("step_").isdecimal():
        return None
    return parts[1], int(parts[2].removeprefix("step_"))


def _base_of(adapter: Path) -> str:
    config = read_json(adapter / ADAPTER)
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise RecipeError(f"{adapter / ADAPTER} names no base_model_name_or_path to merge into")
    try:
        return locate(base)
    except RecipeError as error:
        raise RecipeError(f"the base of adapter {adapter} is not here: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        RecipeError: there is none.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} cannot be read: {error}") from error
    if not isinstance(tree, dict):
        raise RecipeError(f"{path} is no JSON object")
    return tree


def _checked(origin: Origin) -> Origin:
    """The origin, if the files of its model are those of the manifest; the optimizer's are not read."""
    model = Path(origin.model)
    if not (model.parent / MANIFEST).is_file():
        return origin
    try:
        text = (model.parent / MANIFEST).read_text(encoding="utf-8")
        damaged = damaged_files(model.parent, text, "full", lambda name: name.startswith(f"{model.name}/"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {model.parent} is incomplete ({error})") from error
    if damaged:
        raise CheckpointError(f"checkpoint {model.parent} is damaged ({', '.join(damaged[:3])}); export another step")
    return origin

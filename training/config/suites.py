"""Benchmark suites as files of their own (`recipes/suites/`): what is asked, how answers are sampled and judged, whose
rows they are, and what others measured on them. Nothing here reads rows."""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from openqwq.training.config.data import Source, Suite
from openqwq.training.config.files import PACKAGE, apply_overrides, suggest, validated, with_code_paths
from openqwq.training.config.rewards import VerifierUse
from openqwq.training.config.rl import Sampling
from openqwq.training.config.section import Section
from openqwq.training.errors import RecipeError

SUITES = PACKAGE / "recipes" / "suites"
Settings = Literal["qwq", "r1", "qwen3", "greedy"]
SETTINGS: Mapping[str, Sampling] = {
    "qwq": Sampling(temperature=0.6, top_p=0.95, top_k=40, max_new_tokens=32768),
    "r1": Sampling(temperature=0.6, top_p=0.95, max_new_tokens=32768),
    "qwen3": Sampling(temperature=0.6, top_p=0.95, top_k=20, max_new_tokens=38912),
    "greedy": Sampling(temperature=0.0, max_new_tokens=32768),
}
"""How the models of QwQ's evaluation code, of DeepSeek-R1's README and of Qwen3's report were sampled. QwQ's README
forbids greedy sampling of QwQ itself."""
LIMITS = ("max_new_tokens", "max_context", "max_turns", "max_batch")


class Published(Section):
    """A score that somebody published."""

    model: str
    """Who was measured."""
    score: float = Field(ge=0, le=1)
    """Mean score in [0, 1]."""
    num_problems: int | None = Field(default=None, gt=0)
    """Problems that were asked; null where the source does not say."""
    num_samples: int | None = Field(default=None, gt=0)
    """Answers to each problem; null where the source does not say."""
    settings: str
    """How answers were sampled: one of the suite's settings, or in words."""
    source: str
    """Where the score stands."""
    evidence: Literal["read", "remembered"]
    """`read`: the source was looked at when the row was written. `remembered`: it was not; look it up before you quote
    it."""
    column: str = "as_published"
    """Column with which the score is compared."""
    note: str = ""
    """What makes the comparison unequal."""


class SuiteFile(Suite):
    """A benchmark: a suite with a name, an origin, and published scores."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    """Name of the suite, by which a shipped one is called."""
    title: str
    """Name for people."""
    settings: Settings = "qwq"
    """How responses are sampled where `sampling` does not say it: `qwq`, `r1`, `qwen3` or `greedy`."""
    columns: dict[str, str] = {}
    """Column of the result -> label of the verifier whose score it shows. `strict` is the result itself; shipped suites
    also have `as_published`, which judges the text that QwQ's evaluation judges. Empty: the reward is the result."""
    licence: str
    """Under which licence the rows are."""
    citation: str
    """Whom to cite."""
    homepage: str
    """Where the rows are published."""
    is_gated: bool = False
    """Whether the hub asks for an account and a consent."""
    published: tuple[Published, ...] = ()
    """Scores to compare with."""
    unpublished: str = ""
    """Why there is no score to compare with."""

    @model_validator(mode="after")
    def _parts_fit(self) -> "SuiteFile":
        if not self.sources:
            raise ValueError("a suite has at least one source")
        for source in self.sources:
            if source.task is not None and source.task not in self.rewards:
                raise ValueError(f"{source.source}: task {source.task!r} has no entry in rewards{_known(self.rewards)}")
        if self.columns and "strict" not in self.columns:
            raise ValueError(f"columns has no 'strict'{_known(self.columns)}")
        for task, reward in self.rewards.items():
            labels = [label_of(use) for use in reward.composition.main.verifiers]
            for column, label in self.columns.items():
                if label not in labels:
                    raise ValueError(
                        f"column {column} shows verifier {label!r}, which task {task} lacks{_known(labels)}"
                    )
        for row in self.published:
            if self.columns and row.column not in self.columns:
                raise ValueError(f"published {row.model}: no column {row.column!r}{_known(self.columns)}")
        if bool(self.published) == bool(self.unpublished):
            raise ValueError("a suite has rows of `published`, or says in `unpublished` why there is none")
        return self

    @property
    def num_rows(self) -> int | None:
        """Prompts of the whole suite; None where a source does not say."""
        counts = [source.num_rows for source in self.sources]
        return None if None in counts else sum(count or 0 for count in counts)

    def plain(self, settings: str | None = None) -> Suite:
        """The suite as a recipe's evaluation has it, with its sampling: the settings, and what `sampling` states. Where
        the caller names `settings`, only the limits that `sampling` states stay.

        Raises:
            RecipeError: there are no such settings.
        """
        if settings is not None and settings not in SETTINGS:
            raise RecipeError(f"no settings {settings!r}{suggest(settings, list(SETTINGS))}")
        stated = {} if self.sampling is None else {n: getattr(self.sampling, n) for n in self.sampling.model_fields_set}
        if settings is not None:
            stated = {name: value for name, value in stated.items() if name in LIMITS}
        own = SETTINGS[settings or self.settings].model_copy(update=stated)
        values = {name: getattr(self, name) for name in Suite.model_fields}
        return Suite(**values | {"sampling": own})


def _known(names: Sequence[str] | Mapping[str, Any]) -> str:
    return f"; there are {', '.join(names)}" if names else ""


def label_of(use: VerifierUse) -> str:
    """The name under which the parts of a judgement keep the verifier's score."""
    return use.label or use.name.rpartition(":")[2]


def shipped_suites() -> list[str]:
    """Names of the suites of the package."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suite(name_or_path: str, overrides: Sequence[str] = ()) -> SuiteFile:
    """A shipped suite by its name, or a file that ends in `.yaml`.

    Overrides are `key=value` as for recipes. A key of a source (`source`, `rows`, `split`, ...) goes to every source:
    `source=aime.jsonl` takes a local file in place of the hub. `sources.0.rows=[0, 5]` goes to one of them. A key of
    `sampling` changes the suite's settings, and leaves the rest of them.

    Raises:
        RecipeError: unknown name or file, malformed YAML, a value that the schema does not allow; or `source=` for a
            suite of several data sets.
    """
    path = _find(name_or_path)
    try:
        tree = with_code_paths(_read(path), (path.parent, Path.cwd()), is_last=True)
    except RecursionError as error:
        raise RecipeError(f"{path}: a part of it holds itself") from error
    if tree.get("sampling") is None and any(override.startswith("sampling.") for override in overrides):
        overrides = [f"sampling={json.dumps(_settings(tree, overrides).model_dump())}", *overrides]
    return validated(SuiteFile, apply_overrides(tree, to_sources(tree, overrides)), where=path.name)


def _settings(tree: Mapping[str, Any], overrides: Sequence[str]) -> Sampling:
    named = [override.partition("=")[2] for override in overrides if override.startswith("settings=")]
    return SETTINGS.get(str([tree.get("settings", "qwq"), *named][-1]), SETTINGS["qwq"])


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return path.resolve()
    name = name_or_path.removeprefix("recipes/").removeprefix("suites/").removesuffix(".yaml")
    known = shipped_suites()
    if name in known:
        return SUITES / f"{name}.yaml"
    simple = {_simple(one): one for one in known}
    near = difflib.get_close_matches(_simple(name), simple, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(simple[one] for one in near)}? Shipped" if near else "shipped"
    raise RecipeError(f"no suite {name_or_path[:80]!r} in {Path.cwd()}; {hint} suites are {', '.join(known)}")


def _simple(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: a suite is a mapping of keys, got {type(tree).__name__}")
    if "stages" in tree:
        raise RecipeError(f"{path} is a recipe, no suite; name it with --recipe")
    return tree


def to_sources(tree: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """The overrides of a suite, with those of a source's keys spelled out for every source."""
    listed = tree.get("sources")
    sources = [source for source in listed if isinstance(source, dict)] if isinstance(listed, list) else []
    spelled = []
    for override in overrides:
        key, equals, _ = override.partition("=")
        first = key.partition(".")[0]
        if not equals or first not in Source.model_fields or first in SuiteFile.model_fields:
            spelled.append(override)
            continue
        if key == "source":
            if len(names := list(dict.fromkeys(source.get("source") for source in sources))) > 1:
                raise RecipeError(
                    f"suite {tree.get('name')} has {len(names)} data sets ({', '.join(map(str, names))}); give each "
                    "its file: sources.0.source=FILE"
                )
            spelled += [f"sources.{number}.subset=null" for number in range(len(sources))]  # a file has none
        spelled += [f"sources.{number}.{override}" for number in range(len(sources))]
    return spelled

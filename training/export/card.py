"""The model card: metadata that the hub reads, and what people should know before they use the model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from openqwq.training.errors import RecipeError
from openqwq.training.export.origin import Origin
from openqwq.training.export.public import hub_id, public_recipe, public_text
from openqwq.training.run_folder.entry import Estimate, StageEntry, SuiteEntry
from openqwq.training.run_folder.lenient import Row, mapping, number, rows_of
from openqwq.training.run_folder.record import RunRecord

NO_CLAIM = (
    "Safety, bias, languages other than those of the data, long contexts, and every benchmark that is not in the table."
)


@dataclass(frozen=True)
class CardFacts:
    """What the export knows besides the run."""

    name: str
    """Name of the model: that of its folder."""
    base_model: str | None
    """Hub id of the model that was trained."""
    license: str | None
    options: Sequence[str]
    """Options of `vllm serve`."""
    sampling: str
    """The recommended sampling in words."""
    thinking: str
    """What the template does with thinking, in words."""
    format: str
    """Precision and number of the weights, in words."""
    versions: Mapping[str, str]
    """Package -> version of the export."""
    cast: str | None
    """Precision in which the weights were evaluated, if the export has another one."""
    trained_with: str | None
    """Version of transformers that wrote the checkpoint."""
    context: str
    """Tokens of context, in words."""


def model_card(facts: CardFacts, origin: Origin) -> ModelCard:
    """The card of an export.

    Raises:
        RecipeError: the metadata is none that the hub would read.
    """
    recipe = mapping(origin.run.recipe) if origin.run else {}
    results = list(_results(origin, recipe))
    data = ModelCardData(
        model_name=facts.name,
        base_model=facts.base_model,
        license=facts.license,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["openqwq", *(["reinforcement-learning"] if _has_rl(recipe) else [])],
        datasets=sorted({name for _, row in _training_sources(recipe) if (name := _hub_source(row, origin))}) or None,
        eval_results=results or None,
    )
    body = "\n\n".join(part for part in _parts(facts, origin, recipe) if part)
    try:
        return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}\n")
    except ValueError as error:
        raise RecipeError(f"no model card can be made: {error}") from error


def _has_rl(recipe: Row) -> bool:
    return any(stage.get("kind") == "rl" for stage in rows_of(recipe.get("stages")))


def _hub_source(row: Row, origin: Origin) -> str | None:
    return hub_id(row.get("source"), origin.run.path if origin.run else None)


def _results(origin: Origin, recipe: Row) -> Iterator[EvalResult]:
    """What was measured on these very weights."""
    suites = mapping(mapping(recipe.get("evaluation")).get("suites"))
    for name, result in (origin.entry.after if origin.entry else {}).items():
        accuracy = result.accuracy
        if accuracy.value is None:
            continue
        sources = [_hub_source(row, origin) for row in rows_of(mapping(suites.get(name)).get("sources"))]
        yield EvalResult(
            task_type="text-generation",
            dataset_type=next((source for source in sources if source), name),
            dataset_name=name,
            metric_type="accuracy",
            metric_name="accuracy",
            metric_value=round(accuracy.value, 4),
            metric_args={
                key: value
                for key, value in {"n": accuracy.n, "low": accuracy.low, "high": accuracy.high}.items()
                if value is not None
            }
            | {"confidence": 0.95},
        )


def _parts(facts: CardFacts, origin: Origin, recipe: Row) -> Iterator[str]:
    yield f"# {facts.name}\n\n{_headline(facts, origin, recipe)}"
    yield _serving(facts)
    if origin.run is not None:
        yield _stages(origin.run)
        yield _data(recipe)
        yield _verifiers(recipe)
        yield _gates(origin.run)
    yield _evaluations(facts, origin, recipe)
    yield _not_evaluated(origin, recipe)
    yield _versions(facts, origin)
    if origin.run is not None:
        text = yaml.safe_dump(public_recipe(recipe), sort_keys=False, allow_unicode=True, width=110)
        yield (
            f"## Recipe\n\nResolved. Left out are the sections `cluster`, `sandbox` and `logging`, on which no number "
            f"depends, and the folders of absolute paths.\n\n{_fenced(text, 'yaml')}"
        )


def _headline(facts: CardFacts, origin: Origin, recipe: Row) -> str:
    base = f", based on [{facts.base_model}](https://huggingface.co/{facts.base_model})" if facts.base_model else ""
    if origin.run is None:
        what = "A LoRA adapter merged into its base" if origin.adapter else "A model"
        return f"{what}{base}, exported by openqwq. Of its training nothing is recorded here. {facts.format}"
    stage, step = origin.place or ("?", 0)
    description = public_text(str(recipe.get("description") or "")).strip()
    said = f" ({description})" if description else ""
    return (
        f"The policy of stage `{stage}`, step {step}, of the recipe `{recipe.get('name')}`{said}, seed "
        f"{recipe.get('seed', 0)}{base}. Trained and exported by openqwq. {facts.format}"
    )


def _serving(facts: CardFacts) -> str:
    command = _fenced(" ".join(["vllm serve .", *facts.options]), "sh")
    sampling = f"Recommended sampling, also in `generation_config.json`: {facts.sampling}."
    return f"## How to serve\n\nIn this folder:\n\n{command}\n\n{facts.thinking} {sampling} {facts.context}"


def _stages(run: RunRecord) -> str:
    rows = [
        (s.name, s.kind, s.algorithm or "", _whole(s.steps), f"{s.seconds:.0f}" if s.name in run.finished else "-")
        for s in run.stages
    ]
    return "## Training\n\n" + _table(("stage", "kind", "algorithm", "steps", "seconds"), rows)


def _training_sources(recipe: Row) -> Iterator[tuple[str, Row]]:
    for stage in rows_of(recipe.get("stages")):
        listed = [*rows_of(stage.get("prompts")), mapping(stage.get("demonstrations")), mapping(stage.get("pairs"))]
        yield from ((str(stage.get("name")), row) for row in listed if row.get("source"))


def _data(recipe: Row) -> str:
    rows = [
        (stage, public_text(str(row.get("source"))), str(row.get("subset") or ""), _range(row.get("rows")))
        for stage, row in _training_sources(recipe)
    ]
    return "## Data\n\n" + _table(("stage", "source", "subset", "rows"), rows) if rows else ""


def _range(rows: Any) -> str:
    return f"{rows[0]} to {rows[1]}" if isinstance(rows, list | tuple) and len(rows) == 2 else "all"


def _verifiers(recipe: Row) -> str:
    rows = []
    own = [(str(s.get("name")), mapping(s.get("rewards"))) for s in rows_of(recipe.get("stages")) if s.get("rewards")]
    for place, rewards in (("all stages", mapping(recipe.get("rewards"))), *own):
        gates = _named(rewards.get("gates"))
        for task, entry in mapping(rewards.get("tasks")).items():
            rows.append((place, str(task), _named(mapping(entry).get("verifiers")), gates))
    return "## Verifiers\n\n" + _table(("where", "task", "reward", "must hold"), rows) if rows else ""


def _named(uses: Any) -> str:
    """Verifiers in words, each with its weight where that is not 1."""
    weights = [(public_text(str(use.get("name"))), number(use.get("weight"))) for use in rows_of(uses)]
    return ", ".join(name if weight in (None, 1) else f"{name} x {weight:g}" for name, weight in weights)


def _gates(run: RunRecord) -> str:
    rows = [
        (
            stage.name,
            check.name,
            _number(check.value),
            check.bound(_number(check.limit)),
            "passed" if check.passed else "**FAILED**",
        )
        for stage in run.stages
        for check in (stage.gate.checks if stage.gate else ())
    ]
    return "## Gates\n\n" + _table(("stage", "condition", "measured", "limit", "outcome"), rows) if rows else ""


def _evaluations(facts: CardFacts, origin: Origin, recipe: Row) -> str:
    if origin.entry is None or not origin.entry.after:
        return ""
    entry = origin.entry
    rows = [_evaluated(entry, suite, now) for suite, now in entry.after.items()]
    head = ("suite", "n", "accuracy", "95 % interval", "before the stage", "paired gain", "pass@k", "without verdict")
    sampling = mapping(mapping(recipe.get("evaluation")).get("sampling"))
    how = ", ".join(f"{k} {sampling[k]}" for k in ("temperature", "top_p", "top_k", "max_new_tokens") if k in sampling)
    said = f" Sampled with {how}." if how else ""
    cast = f" Measured in {facts.cast}, before the cast to the precision of this folder." if facts.cast else ""
    return f"## Evaluations\n\nOf these weights, on held-out rows of the recipe.{said}{cast}\n\n{_table(head, rows)}"


def _evaluated(entry: StageEntry, suite: str, now: SuiteEntry) -> tuple[str, ...]:
    before = entry.before.get(suite)
    gain = entry.paired.get(suite)
    return (
        suite,
        _whole(now.accuracy.n),
        _number(now.accuracy.value),
        _interval(now.accuracy),
        _number(before.accuracy.value) if before else "-",
        f"{_number(gain.value, '+.3f')} {_interval(gain, '+.3f')}" if gain else "-",
        ", ".join(f"@{k} {value:.3f}" for k, value in now.pass_at.items()) or "-",
        str(now.errors),
    )


def _not_evaluated(origin: Origin, recipe: Row) -> str:
    lines = []
    if origin.run is None or origin.entry is None:
        lines.append("These weights: no evaluation of a run belongs to this checkpoint.")
    suites = mapping(mapping(recipe.get("evaluation")).get("suites"))
    measured = set(origin.entry.after) if origin.entry else set()
    if missing := [str(name) for name in suites if name not in measured]:
        lines.append(f"Suites of the recipe that were not measured on these weights: {', '.join(missing)}.")
    return "## Not evaluated\n\n" + "\n".join(f"- {line}" for line in [*lines, NO_CLAIM])


def _versions(facts: CardFacts, origin: Origin) -> str:
    noted = [_made_by(row) for row in origin.run.software] if origin.run else []
    trained = "; then ".join(noted) or (
        f"transformers {facts.trained_with} wrote the checkpoint, further versions and the git commit are not recorded"
        if facts.trained_with
        else "not recorded"
    )
    return f"## Versions\n\nTraining: {trained}. Export: {_named_versions(facts.versions)}."


def _made_by(software: Row) -> str:
    """An entry of a run's `software.json` in words."""
    commit = software.get("commit")
    parts = [f"Python {software.get('python')}", _named_versions(mapping(software.get("packages")))]
    return ", ".join([*parts, f"commit {commit} of openqwq" if commit else "a commit that is not known"])


def _named_versions(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = [i for i, _ in enumerate(head) if any(row[i] not in ("", "-") for row in rows)] or list(range(len(head)))
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([_cell(row[i]) for i in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _fenced(text: str, language: str) -> str:
    """A block of code whose fence is longer than any within it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _whole(value: int | None) -> str:
    return "-" if value is None else str(value)


def _interval(estimate: Estimate, form: str = ".3f") -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"[{estimate.low:{form}}, {estimate.high:{form}}]"

"""`openqwq regrade`: judge kept answers again, by other verifiers or references. Nothing is sampled."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openqwq.training.answers.files import SUFFIXES, answer_files, append_answers, read_answers
from openqwq.training.answers.record import Answer, hashed, notes_of
from openqwq.training.benchmarking.chosen import PREFIX, run_folder_of, stage_models_of
from openqwq.training.benchmarking.rows import loaded_rows
from openqwq.training.config import Recipe
from openqwq.training.config.files import apply_overrides, validate
from openqwq.training.config.suites import to_sources
from openqwq.training.console import ConsoleLogger, aligned
from openqwq.training.errors import RecipeError, RunFolderError
from openqwq.training.evaluation.examination import Examination, examination
from openqwq.training.evaluation.kept import about_answers, read_about
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import Message, Prompt, Rollout
from openqwq.training.rewards.judging import PORTION, Judging
from openqwq.training.run_folder.folder import hold, write_text

JUDGED = ("reward", "outcome", "reason", "verdicts", "reference", "cluster")
"""What another judgement changes in an answer."""
SHOWN = 5
"""Changed verdicts of a suite that are shown."""


@dataclass(frozen=True)
class Regraded:
    """One suite before and after."""

    suite: str
    pairs: Sequence[tuple[Answer, Answer]]
    columns: Mapping[str, str]

    @property
    def changed(self) -> list[tuple[Answer, Answer]]:
        """The answers whose reward, or score in a column, is another one."""
        labels = [None, *self.columns.values()]
        return [
            (old, new) for old, new in self.pairs if any(old.score_by(label) != new.score_by(label) for label in labels)
        ]


def regrade(folder: Path, suites: Sequence[str], overrides: Sequence[str], out: Path | None) -> int:
    """Judge the answers of an evaluation again; prints what has changed. Overrides are those of `openqwq eval`, such as
    `suites.math.source=better.jsonl`. `out`: write the judged answers there, as a folder of an evaluation.

    Raises:
        OpenqwqError: no answers, or answers to rows that are not there.
    """
    console = ConsoleLogger()
    files = {path.name.removesuffix(SUFFIXES[0]): path for path in answer_files(folder) if path.suffix == ".gz"}
    if not files:
        raise RunFolderError(f"{folder} holds no kept answers; name the folder of an `openqwq eval` or RUN/evals/STAGE")
    if unknown := sorted(set(suites) - set(files)):
        raise RunFolderError(f"{folder} holds no answers to {unknown[0]!r}; it has {', '.join(files)}")
    named = {word.split(".")[1] for word in overrides if word.startswith(PREFIX)}
    if stray := sorted(named - set(suites or files)):
        raise RecipeError(f"{PREFIX}{stray[0]}: no such suite is judged again; judged are {', '.join(suites or files)}")
    done = []
    for suite in suites or files:
        about = read_about(folder / f"{suite}.about.json")
        if "suite" not in about:
            raise RunFolderError(f"{folder / suite}.about.json is missing or damaged: it says how answers are judged")
        recipe = _recipe(suite, about, overrides)
        models = stage_models_of(run_folder_of(str(folder / suite)))
        with loaded_rows(recipe, console.warn) as (prompts, sandbox):
            asked = examination(recipe, suite, prompts[suite], models, sandbox.urls)
            pairs = judge_again(asked, list(read_answers(files[suite])), console.warn, sandbox.repair)
        done.append(Regraded(suite, pairs, {**about.get("columns", {}), **asked.columns}))
        if out is not None:
            changed = about_answers(recipe, "", asked)
            _write(out, done[-1], {**about, **{key: changed[key] for key in ("rewards", "columns", "suite")}})
    for line in _lines(done):
        console.info(line)
    return 0


def _recipe(suite: str, about: Mapping[str, Any], overrides: Sequence[str]) -> Recipe:
    tree = {
        "name": "regrade",
        "model": "none",
        "stages": [],
        "seed": about.get("seed", 0),
        "rewards": about["rewards"],
        "evaluation": {"suites": {suite: about["suite"]}},
    }
    own = [word.removeprefix(f"{PREFIX}{suite}.") for word in overrides if word.startswith(f"{PREFIX}{suite}.")]
    rest = [word for word in overrides if not word.startswith(PREFIX)]
    spelled = [f"evaluation.suites.{suite}.{word}" for word in to_sources(about["suite"], own)]
    return validate(apply_overrides(tree, [*rest, *spelled]), "the kept evaluation")


def judge_again(
    asked: Examination, answers: Sequence[Answer], warn: Callable[[str], None], repair: Callable[[], None]
) -> list[tuple[Answer, Answer]]:
    """Each answer before and after. Rows are found by their ids; where no id is known, by the texts of their prompts.

    Raises:
        RecipeError: rows are missing.
    """
    latest = {answer.key: answer for answer in answers}
    prompts = {prompt.id: prompt for prompt in asked.prompts}
    if latest and not {item for item, _ in latest} & set(prompts):  # rows without an id have that of their file
        asked = _named_as(asked, answers)
        prompts = {prompt.id: prompt for prompt in asked.prompts}
    if missing := sorted({item for item, _ in latest} - set(prompts)):
        raise RecipeError(
            f"suite {asked.suite}: {len(missing)} of the answered rows are not in its data, such as {missing[0]!r}; "
            f"answers are judged by the id of their row, or where no id is known by the text of its prompt"
        )
    rollouts = [_rollout(prompts[answer.id], answer) for answer in latest.values()]
    workers = InlineWorkerGroup()
    try:
        chunks = [rollouts[start : start + PORTION] for start in range(0, len(rollouts), PORTION)]
        judged = Judging(workers, warn, repair).judged(asked.prompts, chunks, asked.rewards)
    finally:
        workers.close()
    pairs = []
    for entry in judged:
        old = latest[entry.rollout.prompt_id, entry.rollout.index]
        found = asked.record(prompts[old.id], entry)
        changed = {name: getattr(found, name) for name in JUDGED}
        pairs.append((old, replace(old, **changed)))
    return sorted(pairs, key=lambda pair: pair[0].key)


def _named_as(asked: Examination, answers: Sequence[Answer]) -> Examination:
    """The rows that have the same prompts as answers, with the ids of these."""
    of_text = {_text(p.messages): p for p in asked.prompts} | {_text(map(hashed, p.messages)): p for p in asked.prompts}
    found = {answer.id: of_text.get(_text(answer.messages)) for answer in answers}
    known = {name: prompt for name, prompt in found.items() if prompt is not None}
    clusters = {name: asked.clusters[prompt.id] for name, prompt in known.items() if prompt.id in asked.clusters}
    return replace(asked, prompts=[replace(p, id=name) for name, p in known.items()], clusters=clusters)


def _text(messages: Iterable[Message]) -> str:
    return json.dumps([dict(message) for message in messages], sort_keys=True)


def _rollout(prompt: Prompt, answer: Answer) -> Rollout:
    """The rollout as the verifiers saw it."""
    mask = tuple(mask for mask, count in answer.loss_mask for _ in range(count))
    return Rollout(
        group=answer.group,
        index=answer.sample,
        prompt_id=prompt.id,
        task=prompt.task,
        prompt_tokens=(),
        tokens=tuple(answer.tokens),
        logprobs=(),
        loss_mask=mask,
        turns=tuple(answer.turns),
        response=answer.response,
        finish_reason=answer.finish_reason,  # type: ignore[arg-type]
        weights_version=answer.weights_version,
        seed=answer.seed,
        num_tokens=answer.num_tokens,
        episode=notes_of(answer),
    )


def _write(out: Path, done: Regraded, about: Mapping[str, Any]) -> None:
    with hold(out):
        path = out / f"{done.suite}.jsonl.gz"
        if path.exists():
            raise RunFolderError(f"{path} is there already; choose another --out")
        write_text(out / f"{done.suite}.about.json", json.dumps(about, indent=1) + "\n")
        append_answers(path, (new for _, new in done.pairs))


def _lines(done: Sequence[Regraded]) -> list[str]:
    head = ("suite", "answers", "changed", "mean before", "mean after")
    rows = [(d.suite, str(len(d.pairs)), str(len(d.changed)), _mean(d, 0), _mean(d, 1)) for d in done]
    lines = aligned([head, *rows])
    for regraded in done:
        for old, new in regraded.changed[:SHOWN]:
            lines.append(f"  {old.id} sample {old.sample}: {_said(old)} -> {_said(new)}")
        if (more := len(regraded.changed) - SHOWN) > 0:
            lines.append(f"  and {more} more in {regraded.suite}")
    return lines


def _said(answer: Answer) -> str:
    reward = "no verdict" if answer.reward is None else f"{answer.reward:g}"
    return f"{reward} ({answer.reason[:80]})" if answer.reason else reward


def _mean(done: Regraded, side: int) -> str:
    scores = [reward for pair in done.pairs if (reward := pair[side].reward) is not None]
    return f"{sum(scores) / len(scores):.3f}" if scores else "unknown"

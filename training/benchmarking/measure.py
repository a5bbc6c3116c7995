"""`openqwq eval`: measure a model on suites, keep every answer, go on where a killed evaluation ended."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.backends.number_format import with_dtype
from openqwq.training.benchmarking.chosen import choose
from openqwq.training.benchmarking.official import with_official_score
from openqwq.training.benchmarking.rows import loaded_rows
from openqwq.training.benchmarking.table import result_lines
from openqwq.training.config import Recipe
from openqwq.training.config.context_budget import refuse_beyond
from openqwq.training.console import ConsoleLogger
from openqwq.training.endpoint.settings import EndpointSettings
from openqwq.training.endpoint.workers import EndpointWorkers
from openqwq.training.evaluation.evaluate import evaluate_suite
from openqwq.training.evaluation.examination import examination
from openqwq.training.evaluation.kept import about_answers, open_kept
from openqwq.training.evaluation.policy import suite_progress
from openqwq.training.evaluation.results import suite_entry
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.models import load_tokenizer, locate
from openqwq.training.pipeline.budgets import Budget, note_suites_beyond
from openqwq.training.pipeline.launch import check_local_placement, workers_maker
from openqwq.training.pipeline.preflight import LoadedData, check_chats, known_context
from openqwq.training.records import Prompt
from openqwq.training.rewards.judging import Judging
from openqwq.training.run_folder.entry import SuiteEntry
from openqwq.training.run_folder.folder import hold, note_software, write_text
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import chat_settings
from openqwq.training.tracking.software import software
from openqwq.training.worker_group import engine_settings, samples_of_a_call


@dataclass(frozen=True)
class EvalOptions:
    """What the command says besides model and suites."""

    recipe: str | None = None
    overrides: Sequence[str] = ()
    settings: str | None = None
    samples: int | None = None
    out: Path | None = None
    json: Path | None = None
    endpoint: EndpointSettings | None = None
    is_inline: bool = False


def evaluate_model(model: str, suites: Sequence[str], options: EvalOptions, stop: Any) -> int:
    """Measure a model on suites; prints a table. Answers and results are in `--out`, by default `evals/<model>`.

    Raises:
        OpenqwqError: one line; nothing was started where the words, the data or the folder are at fault.
    """
    console = ConsoleLogger()
    choice = choose(model, suites, options.recipe, options.overrides, options.settings, options.samples)
    recipe = with_dtype(choice.recipe, console.info)
    endpoint, out = options.endpoint, options.out or Path("evals") / _slug(model)
    with loaded_rows(recipe, console.warn) as (prompts, sandbox):
        if endpoint is None:
            _check_model(recipe, prompts, console.warn)
        with hold(out), _workers(recipe, options, stop, console, sandbox.urls) as (workers, block):
            console.info(f"answers are kept in {out}")
            judging = Judging(workers, console.warn, sandbox.repair)
            place = model if endpoint is not None else locate(model)
            entries = {}
            for suite, items in prompts.items():
                asked = examination(recipe, suite, items, choice.stage_models, sandbox.urls)
                about = about_answers(recipe, place, asked, None if endpoint is None else endpoint.url)
                kept = open_kept(out, suite, about, otherwise="refuse")
                note_software(out, software())
                with suite_progress(console, asked) as watch:
                    entry = suite_entry(evaluate_suite(workers, judging, asked, kept, block, watch))
                entries[suite] = with_official_score(entry, recipe.evaluation.suites[suite].summary)
                _write_results(out, model, entries)
    for line in result_lines(entries, choice.published):
        console.info(line)
    if options.json is not None:
        write_text(options.json, json.dumps(_tree(model, entries), indent=2) + "\n")
    return 0


def _check_model(recipe: Recipe, prompts: Mapping[str, Sequence[Prompt]], warn: Callable[[str], None]) -> None:
    """Everything that can be wrong with a model and its prompts, before anything is started."""
    held, chat = known_context(recipe.model, warn), chat_settings(recipe)
    codec = ChatCodec(load_tokenizer(recipe.model, chat), chat.end_of_turn)
    check_chats(recipe, codec, LoadedData({}, {}, prompts), warn)
    for suite, items in prompts.items():
        own = recipe.evaluation.suites[suite].sampling
        sampling = own or recipe.evaluation.sampling
        key = f"evaluation.suites.{suite}.sampling" if own else "evaluation.sampling"
        refuse_beyond({key: sampling}, recipe.model, held)
        note_suites_beyond({suite: items}, codec, Budget.of(sampling, held), warn)


@contextlib.contextmanager
def _workers(
    recipe: Recipe, options: EvalOptions, stop: Any, console: ConsoleLogger, sandbox_urls: Sequence[str]
) -> Iterator[tuple[Any, int | None]]:
    """Workers with the model loaded, and the number of samples that one call gets."""
    rollout = recipe.cluster.rollout
    if options.endpoint is not None:
        workers: Any = EndpointWorkers(options.endpoint, console.warn)
    elif options.is_inline or (rollout.workers == 1 and rollout.engine == "hf" and recipe.cluster.address is None):
        workers = InlineWorkerGroup()
    else:
        check_local_placement(recipe)
        workers = workers_maker(recipe, False, stop, console.warn)()
    try:
        is_endpoint = options.endpoint is not None
        place = recipe.model if is_endpoint else locate(recipe.model)
        workers.start_engines(engine_settings(recipe, place, sandbox_urls))
        yield workers, None if is_endpoint else samples_of_a_call(recipe, workers.num_rollout_workers)
    finally:
        workers.close()


def _slug(model: str) -> str:
    """A folder's name that says which model it is."""
    words = re.sub(r"[^A-Za-z0-9._=+-]+", "-", model.removesuffix("/model").removesuffix("/")).strip("-.")
    return words[-100:].lstrip("-.") or "model"


def _write_results(out: Path, model: str, entries: Mapping[str, SuiteEntry]) -> None:
    """`results.json`: what all evaluations into this folder found."""
    path, known = out / "results.json", dict[str, Any]()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        known = dict(json.loads(path.read_text()).get("suites", {}))
    tree = _tree(model, entries)
    write_text(path, json.dumps({**tree, "suites": {**known, **tree["suites"]}}, indent=2) + "\n")


def _tree(model: str, entries: Mapping[str, SuiteEntry]) -> dict[str, Any]:
    return {"model": model, "suites": {suite: entry.to_json() for suite, entry in entries.items()}}

"""`openqwq compare`: kept evaluations beside the first of them, by paired differences."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from openqwq.training.answers.files import SUFFIXES, answer_files, read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.benchmarking.table import interval
from openqwq.training.console import ConsoleLogger, aligned
from openqwq.training.errors import RunFolderError
from openqwq.training.estimation.paired import Difference, holm
from openqwq.training.evaluation.kept import read_about
from openqwq.training.evaluation.results import paired_gain, report_from_json, summarise
from openqwq.training.records import SuiteResult
from openqwq.training.run_folder.entry import Estimate
from openqwq.training.run_folder.folder import write_text


def compare(places: Sequence[Path], suites: Sequence[str], output: Path | None) -> int:
    """Compare evaluations with the first one; prints a table with a verdict for each suite.

    Raises:
        RunFolderError: a place holds no evaluation, or no suite is in all of them.
    """
    results = [results_of(place) for place in places]
    shared = [suite for suite in results[0] if all(suite in other for other in results[1:])]
    if unknown := sorted(set(suites) - set(shared)):
        raise RunFolderError(f"suite {unknown[0]!r} is not in all of them; in all are {', '.join(shared) or 'none'}")
    if not shared:
        held = "; ".join(f"{place}: {', '.join(found)}" for place, found in zip(places, results, strict=True))
        raise RunFolderError(f"no suite is in all of them: {held}")
    console = ConsoleLogger()
    found: dict[str, Difference] = {}
    for place, other in zip(places[1:], results[1:], strict=True):
        for suite in suites or shared:
            gain = paired_gain(results[0][suite], other[suite])
            if gain is None and (gain := _paired_by_prompt(places[0], place, suite)) is not None:
                console.info(f"  {suite}: no id is in both {places[0]} and {place}; paired by the texts of the prompts")
            if gain is None:
                raise RunFolderError(f"suite {suite}: {places[0]} and {place} have no problem in common")
            found[f"{place}\t{suite}"] = gain
    for line in lines(results[0], found):
        console.info(line)
    if output is not None:
        write_text(output, json.dumps([_row(key, gain) for key, gain in found.items()], indent=2) + "\n")
    return 0


def _paired_by_prompt(first: Path, other: Path, suite: str) -> Difference | None:
    """Rows without an id are named by their file, which may have another name elsewhere."""
    if not (first.is_dir() and other.is_dir()):
        return None
    return paired_gain(*(results_of(place, is_by_prompt=True)[suite] for place in (first, other)))


def results_of(place: Path, is_by_prompt: bool = False) -> dict[str, SuiteResult]:
    """Suite -> result. `place`: a folder of kept answers, or a file `evals/<label>.json` of a run. `is_by_prompt`: name
    items by a hash of their prompt and not by their id.

    Raises:
        RunFolderError: it is neither.
    """
    if place.is_file() and place.suffix == ".json":
        try:
            return dict(report_from_json(json.loads(place.read_text())).suites)
        except (ValueError, KeyError, TypeError) as error:
            raise RunFolderError(f"{place} is no evaluation of a run ({type(error).__name__}: {error})") from error
    found = {}
    for path in answer_files(place) if place.is_dir() else ():
        suite = path.name.removesuffix(SUFFIXES[0]).removesuffix(SUFFIXES[1])
        about = read_about(place / f"{suite}.about.json")
        answers = list({answer.key: answer for answer in read_answers(path)}.values())
        if is_by_prompt:
            answers = [replace(answer, id=_digest(answer)) for answer in answers]
        if about and answers:
            samples = int(about.get("suite", {}).get("samples_per_prompt", 1))
            found[suite] = summarise(suite, answers, samples, 1.0, about.get("columns", {}))
    if not found:
        raise RunFolderError(f"{place} holds no kept evaluation; name a folder of `openqwq eval --out`, or RUN/evals/X")
    return found


def _digest(answer: Answer) -> str:
    return hashlib.sha256(json.dumps(answer.messages, sort_keys=True).encode()).hexdigest()


def lines(first: Mapping[str, SuiteResult], found: Mapping[str, Difference]) -> list[str]:
    """The table, and what it takes to read it."""
    adjusted = holm(found)
    head = ("against the first", "suite", "difference", "95 % interval", "problems", "could have seen", "verdict")
    rows = []
    for key, gain in found.items():
        place, suite = key.split("\t")
        is_told = gain.verdict == "cannot tell" or adjusted[key].p < 0.05
        verdict = gain.verdict if is_told else f"{gain.verdict} alone, not among {len(found)} comparisons"
        bounds = interval(Estimate(gain.value, gain.low, gain.high))
        visible = "none" if gain.smallest_visible > 1 else f"{gain.smallest_visible:.3f}"
        rows.append((place, suite, f"{gain.value:+.3f}", bounds, str(gain.num_problems), visible, verdict))
    notes = [] if len(found) == 1 else ["  verdicts hold for all comparisons at once (Holm); intervals of each alone"]
    return [*aligned([head, *rows]), *notes]


def _row(key: str, gain: Difference) -> dict[str, object]:
    place, suite = key.split("\t")
    names = ("value", "low", "high", "lower", "p", "correlation", "n", "num_problems", "smallest_visible", "verdict")
    return {"place": place, "suite": suite, **{name: getattr(gain, name) for name in names}}

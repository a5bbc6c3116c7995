"""Tables of `docs/real_model.md` from what the runs of `recipes/ablations/smollm2_controls.yaml` kept.

    python scripts/words/results.py runs/smollm2_controls --data words --json docs/figures/real_model.json

Reads the kept answers of every finished arm and prints: held-out accuracy, strict (the recipe's verifier) and lenient
(the last calculation of the text, in a box or not); paired differences over frames of problems, against the same
seed's cold start and against its rival, the longer cold start that is best on `validation`;
accuracy by operation, kind and length of numbers; problems that flipped. The file keeps every problem's scores, so
that seeds run elsewhere, or earlier, join in: a seed of `runs` takes the place of the one that was kept. `at most` is
an interval that needs no scores of single problems, as the first two seeds were kept without.
"""

from __future__ import annotations

import argparse
import json
import runpy
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import norm, t

from openqwq.training.answers.files import read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.comparison.result import read_result
from openqwq.training.console import aligned
from openqwq.training.estimation.over_seeds import difference_over_seeds
from openqwq.training.estimation.paired import Difference
from openqwq.training.estimation.samples import ProblemScores
from openqwq.training.run_folder.folder import write_text

LENIENT = runpy.run_path(str(Path(__file__).parents[2] / "recipes" / "smollm2" / "calculations.py"))["last_calculation"]
RIVALS = "cold_start"
START = "cold start"
COLUMNS = ("strict", "lenient")
NUM_FLIPPED = 5

Frames = Mapping[str, str | None]
"""Problem -> its frame."""
Scores = Mapping[str, str]
"""Column -> as_text() of an arm's answers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=Path, help="folder of the ablation")
    parser.add_argument(
        "--data", type=Path, default=Path("words"), help="folder of scripts/words/build_data.py [words]"
    )
    parser.add_argument("--suite", default="words", help="which suite [words]")
    parser.add_argument("--json", type=Path, help="file to write to")
    options = parser.parse_args()
    found = {
        (folder.name.rpartition("-seed")[0], int(folder.name.rpartition("-seed")[2])): folder
        for folder in sorted(options.runs.glob("*-seed*"))
        if read_result(folder, "", 0).is_finished
    }
    if not any(arm == "words" for arm, _ in found):
        parser.error(f"{options.runs} holds no finished run of the arm `words`; run the ablation first")
    extra = {row["id"]: row["extra"] for row in map(json.loads, (options.data / "heldout.jsonl").open())}
    kept = json.loads(options.json.read_text()) if options.json is not None and options.json.is_file() else {}
    try:
        tree = results(found, options.suite, extra, kept)
    except ValueError as error:
        parser.error(f"{options.json}: {error}")
    print("\n".join(told(tree)))
    if options.json is not None:
        write_text(options.json, json.dumps(tree, indent=1) + "\n")


def results(
    found: Mapping[tuple[str, int], Path], suite: str, extra: Mapping[str, Any], kept: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that the page shows, as JSON.

    Raises:
        ValueError: what was kept is about other problems.
    """
    seeds: dict[str, Any] = dict(kept.get("seeds", {}))
    frames: dict[str, str | None] = kept.get("frames", {})
    for seed in sorted(seed for arm, seed in found if arm == "words"):
        arms = answers_of(found, seed, suite)
        own = {answer.id: answer.cluster for answer in arms["words"]}
        if frames and own != frames:
            raise ValueError("its scores are of other problems than these runs'; give the name of a new file")
        frames = own
        scores = {arm: {column: as_text(said, column, frames) for column in COLUMNS} for arm, said in arms.items()}
        seeds[str(seed)] = {
            "rival": rival(found, seed),
            "scores": scores,
            "breakdown": breakdown(arms[START], arms["words"], extra),
            "flipped": flipped(arms[START], arms["words"]),
        }
    seeds = {s: entry | compared(entry, frames) if "scores" in entry else entry for s, entry in sorted(seeds.items())}
    scored = [entry for entry in seeds.values() if "scores" in entry]
    over = {"over_seeds": pooled(scored, frames), "at_most": at_most(seeds.values())}
    return {"suite": suite, "frames": frames, "seeds": seeds} | over


def answers_of(found: Mapping[tuple[str, int], Path], seed: int, suite: str) -> dict[str, list[Answer]]:
    """Arm -> the answers with which it ended, of one seed; the cold start that all begin with is an arm as well."""
    arms = {START: read(found["words", seed], "cold_start", suite)}
    ends = {arm: last_answers(folder, suite) for (arm, at), folder in found.items() if at == seed}
    return arms | {arm: end for arm, end in ends.items() if end}


def compared(entry: Mapping[str, Any], frames: Frames) -> dict[str, Any]:
    """Accuracies and paired differences of one seed."""
    scores: Mapping[str, Scores] = entry["scores"]
    return {
        "accuracy": {arm: {c: own[c].count("1") / len(frames) for c in COLUMNS} for arm, own in scores.items()},
        "against_cold_start": {arm: gain([(scores[START], scores[arm])], frames) for arm in scores if arm != START},
        "against_rival": gain([(scores[entry["rival"]], scores["words"])], frames) if entry["rival"] else {},
    }


def pooled(entries: Iterable[Mapping[str, Any]], frames: Frames) -> dict[str, Any]:
    """The differences over all seeds that have both sides."""
    pairs: defaultdict[str, list[tuple[Scores, Scores]]] = defaultdict(list)
    for entry in entries:
        scores: Mapping[str, Scores] = entry["scores"]
        for arm in scores.keys() - {START}:
            pairs[f"{arm} - cold start"].append((scores[START], scores[arm]))
        if entry["rival"]:
            pairs["words - best longer cold start"].append((scores[entry["rival"]], scores["words"]))
    return {name: gain(own, frames) | {"seeds": len(own)} for name, own in sorted(pairs.items())}


def at_most(entries: Collection[Mapping[str, Any]]) -> dict[str, Any]:
    """The differences over all seeds, of those too whose scores were not kept, with an interval that is no narrower
    than `pooled` gives: V = V_seeds + (mean standard error)^2, as if all seeds erred on the same problems."""
    tree: dict[str, Any] = {}
    for name, key in (
        ("words - cold start", "against_cold_start"),
        ("words - best longer cold start", "against_rival"),
    ):
        found = [e[key].get("words", e[key]) for e in entries if e[key]]
        if len(found) > 1:
            tree[name] = {column: _wide([one[column] for one in found]) for column in COLUMNS} | {"seeds": len(found)}
    return tree


def _wide(differences: Sequence[Mapping[str, float]]) -> dict[str, float]:
    gains = [one["gain"] for one in differences]
    of_seeds = statistics.variance(gains) / len(gains)
    of_problems = statistics.fmean((one["high"] - one["low"]) / 2 / norm.ppf(0.975) for one in differences) ** 2
    frames = min(one["frames"] for one in differences)
    freedom = (of_seeds + of_problems) ** 2 / (of_seeds**2 / (len(gains) - 1) + of_problems**2 / (frames - 1))
    mean, reach = statistics.fmean(gains), float(t.ppf(0.975, freedom)) * (of_seeds + of_problems) ** 0.5
    return {"gain": mean, "low": mean - reach, "high": mean + reach, "frames": frames}


def as_text(answers: Sequence[Answer], column: str, frames: Frames) -> str:
    """A 1 for each right answer, a 0 for each other, in the order of `frames`."""
    right = {answer.id: score(answer, column) for answer in answers}
    return "".join(str(int(right[problem])) for problem in frames)


def read(folder: Path, label: str, suite: str) -> list[Answer]:
    """The kept answers of a suite, each once; empty where it was not measured."""
    path = folder / "evals" / label / f"{suite}.jsonl.gz"
    return list({answer.key: answer for answer in read_answers(path)}.values()) if path.is_file() else []


def last_answers(folder: Path, suite: str) -> list[Answer]:
    """Of the policy with which the run ended."""
    stages = [stage["name"] for stage in json.loads((folder / "summary.json").read_text())["stages"]]
    return next((found for stage in reversed(stages) if (found := read(folder, stage, suite))), [])


def rival(found: Mapping[tuple[str, int], Path], seed: int) -> str | None:
    """The longer cold start that is best on `validation`, of this seed."""
    scores = {
        arm: accuracy(last_answers(folder, "validation"), "strict")
        for (arm, at), folder in found.items()
        if at == seed and arm.startswith(RIVALS)
    }
    return max(scores, key=lambda arm: scores[arm]) if scores else None


def score(answer: Answer, column: str) -> float:
    """1 for a right answer, else 0."""
    if column == "strict":
        return float(answer.reward or 0.0)
    return float(LENIENT(answer.response, {"reference": answer.reference}))


def accuracy(answers: Iterable[Answer], column: str) -> float:
    return statistics.fmean(score(answer, column) for answer in answers)


def gain(pairs: Sequence[tuple[Scores, Scores]], frames: Frames) -> dict[str, Any]:
    """Column -> the mean difference over the seeds, with its interval over seeds and frames."""

    def problems(bits: str) -> list[ProblemScores]:
        return [
            ProblemScores(name, [float(bit)], frame) for bit, (name, frame) in zip(bits, frames.items(), strict=True)
        ]

    return {
        column: shown(difference_over_seeds([(problems(old[column]), problems(new[column])) for old, new in pairs]))
        for column in COLUMNS
    }


def shown(difference: Difference) -> dict[str, Any]:
    return {"gain": difference.value, "low": difference.low, "high": difference.high, "frames": difference.n}


def breakdown(before: Sequence[Answer], after: Sequence[Answer], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Property -> value -> strict accuracy before and after, and number of answers."""
    tree: dict[str, Any] = {}
    for name in ("operation", "kind", "digits"):
        values = sorted({str(extra[answer.id][name]) for answer in before})
        tree[name] = {value: [] for value in values}
        for answers in (before, after):
            for value in values:
                own = [answer for answer in answers if str(extra[answer.id][name]) == value]
                tree[name][value].append(accuracy(own, "strict"))
        for value in values:
            tree[name][value].append(sum(str(extra[answer.id][name]) == value for answer in before))
    return tree


def flipped(before: Sequence[Answer], after: Sequence[Answer]) -> dict[str, Any]:
    """The first problems that became right, and that became wrong, in the order of the suite."""
    earlier = {answer.key: answer for answer in before}
    found: dict[str, list[dict[str, str]]] = {"to_right": [], "to_wrong": []}
    for answer in after:
        old = earlier[answer.key]
        if score(old, "strict") != score(answer, "strict"):
            name = "to_right" if score(answer, "strict") > score(old, "strict") else "to_wrong"
            found[name].append({"id": answer.id, "before": old.response, "after": answer.response})
    return {name: rows[:NUM_FLIPPED] for name, rows in found.items()} | {
        f"num_{name}": len(rows) for name, rows in found.items()
    }


def told(tree: Mapping[str, Any]) -> list[str]:
    """The tables as text."""
    lines = []
    for seed, entry in tree["seeds"].items():
        rows = [("seed " + seed, *COLUMNS, "against the cold start")]
        for arm, known in entry["accuracy"].items():
            gain = entry["against_cold_start"].get(arm, {}).get("strict")
            rows.append((arm, *(f"{known[column]:.3f}" for column in COLUMNS), _interval(gain)))
        lines += [*aligned(rows), ""]
    rows = [("mean of the seeds", "seeds", *COLUMNS)]
    for heading, found in (("", tree["over_seeds"]), ("at most: ", tree["at_most"])):
        for name, known in found.items():
            rows.append((heading + name, str(known["seeds"]), *(_interval(known[column]) for column in COLUMNS)))
    return [*lines, *aligned(rows)]


def _interval(gain: Mapping[str, float] | None) -> str:
    return "" if gain is None else f"{gain['gain']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"


if __name__ == "__main__":
    main()

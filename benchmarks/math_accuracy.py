"""Accuracy of the math verifier on labelled answers, Math-Verify beside it. Prints JSON.

`python -m benchmarks.math_accuracy [--labelled FILE.jsonl] [--cases FILE.jsonl] [--peer off]`

A line of a file: id, category, gold, response (text, or a list of [text, repeats]), correct. Every row of --cases has
to be right; of --labelled the categories of TARGETS. Without a file the project's own corpus is run as cases.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.math_pairs import CORPUS, Outcome, Pair, own_corpus, read_pairs
from benchmarks.math_workers import Setup, check_all, checking_processes
from benchmarks.measuring import machine, milliseconds, print_report

DEADLINE_SECONDS = 30.0
TARGETS = {
    # label: (categories by their beginning, most false accepts, most false rejects)
    "responses of models": (("gsm8k_gpt3", "qwen_math_cot"), 0, 1),
    "a gold against itself and another": (("self_", "cross_"), 0, 0),
}


def kind_of(pair: Pair, outcome: Outcome) -> str:
    if outcome.status != "scored":
        return f"error: {outcome.status}"
    if outcome.is_accepted == pair.is_correct:
        return "right"
    return "false accepts" if outcome.is_accepted else "false rejects"


def by_category(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for pair, outcome in zip(pairs, outcomes, strict=True):
        counts[pair.category][kind_of(pair, outcome)] += 1
    counts["all"] = sum(counts.values(), Counter())
    return {
        name: {"pairs": count.total(), "accuracy": round(count["right"] / count.total(), 5)}
        | {kind: number for kind, number in sorted(count.items()) if kind != "right"}
        for name, count in counts.items()
    }


def tiers(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Share of the answers that each tier decided."""
    counts = Counter(outcome.tier for outcome in outcomes)
    return {name: round(number / len(outcomes), 5) for name, number in counts.most_common()}


def errors(pairs: Sequence[Pair], outcomes: Sequence[Outcome], peers: Sequence[Outcome]) -> list[dict[str, Any]]:
    """What ours gets wrong, with the input (its end, where it is long) and whether the peer gets it right."""
    found = []
    for number, (pair, outcome) in enumerate(zip(pairs, outcomes, strict=True)):
        if (kind := kind_of(pair, outcome)) != "right":
            row = {"id": pair.id, "kind": kind, "gold": str(pair.gold)[:300], "response_end": pair.response[-300:]}
            row |= {"reason": outcome.reason, "seconds": round(outcome.seconds, 3)}
            found.append(row | ({"peer": kind_of(pair, peers[number])} if peers else {}))
    return found


def violations_of(name: str, rows: list[dict[str, Any]], categories: dict[str, str]) -> list[str]:
    """Targets that the errors of ours miss; an error of the verifier itself misses all."""
    if name == "cases":
        return [f"cases: {row['id']}: {row['kind']}" for row in rows]
    missed = [f"{name}: {row['id']}: {row['kind']}" for row in rows if row["kind"].startswith("error")]
    for label, (beginnings, most_accepts, most_rejects) in TARGETS.items():
        counts = Counter(row["kind"] for row in rows if categories[row["id"]].startswith(beginnings))
        for kind, most in (("false accepts", most_accepts), ("false rejects", most_rejects)):
            if counts[kind] > most:
                missed.append(f"{label}: {counts[kind]} {kind}, at most {most}")
    return missed


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, default=None, help="JSON lines, by category")
    parser.add_argument("--cases", type=Path, default=None, help="JSON lines, all of which have to be right")
    parser.add_argument("--only", nargs="+", default=[""], help="categories, by their beginning (default: all)")
    parser.add_argument("--peer", choices=("on", "off"), default="on", help="Math-Verify beside ours (default on)")
    parser.add_argument("--processes", type=int, default=2, help="that check at a time (default 2)")
    parser.add_argument("--examples", type=int, default=40, help="errors of ours in the report (default 40)")
    arguments = parser.parse_args(words)
    files = {name: read_pairs(path) for name in ("labelled", "cases") if (path := getattr(arguments, name))}
    files = files or {"cases": own_corpus()}
    data = {
        name: [pair for pair in pairs if pair.category.startswith(tuple(arguments.only))]
        for name, pairs in files.items()
    }
    if not any(data.values()):
        parser.error(
            f"no pairs: give --labelled or --cases (the project's own are looked for in {CORPUS}), or less --only"
        )
    report: dict[str, Any] = {"benchmark": "math_accuracy", **machine()}
    violations: list[str] = []
    for name, pairs in ((name, pairs) for name, pairs in data.items() if pairs):
        outcomes: dict[str, list[Outcome]] = {"math_verify": []}
        for contender in ("ours", "math_verify") if arguments.peer == "on" else ("ours",):
            with checking_processes(Setup(contender), arguments.processes) as processes:
                outcomes[contender] = check_all(processes, pairs, DEADLINE_SECONDS)
        rows = errors(pairs, outcomes["ours"], outcomes["math_verify"])
        violations += violations_of(name, rows, {pair.id: pair.category for pair in pairs})
        report[name] = {
            contender: by_category(pairs, found)
            | {"seconds": milliseconds([one.seconds for one in found]) | {"max_s": max(one.seconds for one in found)}}
            for contender, found in outcomes.items()
            if found
        } | {"tiers_of_ours": tiers(outcomes["ours"]), "errors_of_ours": rows[: arguments.examples]}
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

"""Agreement of the math verifier with the test suites of other graders, Math-Verify beside it. Prints JSON.

`python -m benchmarks.math_peer_suites --suites math_verify.jsonl hendrycks.jsonl [--peer off]`

A line of a file: id, suite, gold, response, expected (what the suite says; true is accepted). Every difference is
listed under the convention that explains it (see math_conventions); one that none explains is a violation.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.math_conventions import Case, convention_of
from benchmarks.math_pairs import Outcome, Pair
from benchmarks.math_workers import Setup, check_all, checking_processes
from benchmarks.measuring import machine, print_report
from openqwq.verifiers import get_verifier

DEADLINE_SECONDS = 30.0
AT_LOAD = "the gold is refused when data is loaded"
UNEXPLAINED = "no convention"


def read_suite(path: Path) -> list[Pair]:
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [Pair(row["id"], row["suite"], row["gold"], row["response"], bool(row["expected"])) for row in rows]


def agreement(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """By suite: the pairs, and how many get the verdict that the suite expects."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"pairs": 0, "agree": 0})
    for pair, outcome in zip(pairs, outcomes, strict=True):
        counts[pair.category]["pairs"] += 1
        counts[pair.category]["agree"] += outcome.is_accepted == pair.is_correct
    return dict(counts)


def explanation(pair: Pair) -> str:
    said = convention_of(Case(pair.gold, pair.response, pair.is_correct))
    if said is None and pair.is_correct and get_verifier("math").check_reference({"reference": pair.gold}):
        return AT_LOAD
    return said or UNEXPLAINED


def differences(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> dict[str, list[dict[str, Any]]]:
    """By convention: every pair on which ours and the suite differ, with the end of what is long."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for pair, outcome in zip(pairs, outcomes, strict=True):
        if outcome.is_accepted != pair.is_correct:
            row = {"id": pair.id, "gold": pair.gold[-200:], "response": pair.response[-200:]}
            row |= {"expected": pair.is_correct, "reason": outcome.reason}
            found[explanation(pair)].append(row)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=Path, nargs="+", required=True, help="JSON lines")
    parser.add_argument("--peer", choices=("on", "off"), default="on", help="Math-Verify beside ours (default on)")
    parser.add_argument("--processes", type=int, default=1, help="that check at a time (default 1)")
    arguments = parser.parse_args(words)
    pairs = [pair for path in arguments.suites for pair in read_suite(path)]
    if not pairs:
        parser.error(f"no pairs in {', '.join(map(str, arguments.suites))}")
    outcomes: dict[str, list[Outcome]] = {}
    for contender in ("ours", "math_verify") if arguments.peer == "on" else ("ours",):
        with checking_processes(Setup(contender), arguments.processes) as processes:
            outcomes[contender] = check_all(processes, pairs, DEADLINE_SECONDS)
    found = differences(pairs, outcomes["ours"])
    report = {
        "benchmark": "math_peer_suites",
        **machine(),
        "agreement": {contender: agreement(pairs, said) for contender, said in outcomes.items()},
        "conventions": {name: len(rows) for name, rows in found.items()},
        "differences": found,
    }
    faults = [f"{row['id']}: {row['gold']!r} and {row['response']!r}" for row in found.get(UNEXPLAINED, [])]
    broken = [
        f"{pair.id}: {outcome.status}: {outcome.reason}"
        for pair, outcome in zip(pairs, outcomes["ours"], strict=True)
        if outcome.status != "scored"
    ]
    return print_report(report, [*faults, *broken])


if __name__ == "__main__":
    sys.exit(main())

"""Random algebra in every spelling against answers of known value: what does the math verifier pay? Prints JSON.

`python -m benchmarks.math_differential [--pairs 50000] [--peer-pairs 2000] [--peer off]`

Where the pairs come from: benchmarks/math_expressions.py. Math-Verify judges the first of them. Exit status 1 when a
different value is paid, or when more than 0.1 % of the equal ones are refused.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from typing import Any

from benchmarks.math_accuracy import by_category, errors
from benchmarks.math_expressions import pairs
from benchmarks.math_pairs import Pair
from benchmarks.math_workers import Setup, check_all, checking_processes
from benchmarks.measuring import machine, print_report

DEADLINE_SECONDS = 10.0
MOST_REFUSED = 0.001


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50_000, help="for ours (default 50000)")
    parser.add_argument("--peer-pairs", type=int, default=2_000, help="for Math-Verify (default 2000)")
    parser.add_argument("--peer", choices=("on", "off"), default="on", help="Math-Verify beside ours (default on)")
    parser.add_argument("--processes", type=int, default=2, help="that check at a time (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the pairs (default 0)")
    arguments = parser.parse_args(words)
    drawn = [
        Pair(str(n), "equal" if pair.is_equal else "different", pair.gold, rf"\boxed{{{pair.answer}}}", pair.is_equal)
        for n, pair in enumerate(islice(pairs(arguments.seed), arguments.pairs))
    ]
    report: dict[str, Any] = {"benchmark": "math_differential", **machine(), "seed": arguments.seed}
    given = {"ours": drawn} | ({"math_verify": drawn[: arguments.peer_pairs]} if arguments.peer == "on" else {})
    for contender, own in given.items():
        with checking_processes(Setup(contender), arguments.processes) as processes:
            outcomes = check_all(processes, own, DEADLINE_SECONDS)
        report[contender] = by_category(own, outcomes)
        if contender == "ours":
            report["errors_of_ours"] = errors(own, outcomes, [])[:100]
    counts = report["ours"]["all"]
    violations = [f"{number} {kind}" for kind, number in counts.items() if kind.startswith("error")]
    if paid := counts.get("false accepts", 0):
        violations.append(f"{paid} different values were paid")
    if (refused := counts.get("false rejects", 0)) > MOST_REFUSED * report["ours"].get("equal", {}).get("pairs", 0):
        violations.append(f"{refused} equal values were refused")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

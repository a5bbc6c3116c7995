"""What the `refusal` rule takes for a refusal and what it misses, by kind and language, and its cost. Prints JSON.

`python -m benchmarks.refusals [--half held_out] [--faults]`
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from benchmarks.loops import milliseconds
from benchmarks.measuring import machine, print_report
from benchmarks.refusal_texts import HELD_OUT, SEEN
from openqwq.verifiers.rules.refusal import refuses

MIN_BALANCED, MAX_MILLISECONDS = 0.95, 100.0
HALVES = {"seen": SEEN, "held_out": HELD_OUT}
LONG = {
    "32k tokens that help": "Boil the water, then add the salt and wait. " * 3_000,
    "32k tokens that cannot": "I can't see why. I won't say more about it. " * 3_000,
    "1 MB of quotes": '"' * 1_000_000,
    "1 MB of open quotes": "“a" * 500_000,
    "1 MB of labels": "Bo: no\n" * 150_000,
    "1 MB of apologies": "sorry " * 170_000,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=tuple(HALVES), default="held_out")
    parser.add_argument("--faults", action="store_true", help="print the texts that are judged wrongly")
    options = parser.parse_args(arguments)
    total, wrong = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    faults = []
    for case in HALVES[options.half]:
        is_wrong = refuses(case.text) is not case.is_refusal
        for key in ("all", case.kind, case.language):
            total[key, case.is_refusal] += 1
            wrong[key, case.is_refusal] += is_wrong
        if is_wrong:
            faults.append(case._asdict())
    found, spared = (1 - wrong["all", side] / total["all", side] for side in (True, False))
    times = {name: round(milliseconds(lambda text: str(refuses(text)), text), 1) for name, text in LONG.items()}
    report: dict[str, Any] = {
        "half": options.half,
        "num_texts": {"refusals": total["all", True], "others": total["all", False]},
        "balanced_accuracy": round((found + spared) / 2, 4),
        "false_accepts": {key: f"{n} of {total[key, False]}" for (key, side), n in wrong.items() if n and not side},
        "false_rejects": {key: f"{n} of {total[key, True]}" for (key, side), n in wrong.items() if n and side},
        "ms": times,
        "machine": machine(),
    }
    if options.faults:
        report["faults"] = faults
    violations = []
    if (found + spared) / 2 < MIN_BALANCED:
        violations.append(f"balanced accuracy {(found + spared) / 2:.3f}, at least {MIN_BALANCED}")
    if max(times.values()) > MAX_MILLISECONDS:
        violations.append(f"{max(times.values())} ms, at most {MAX_MILLISECONDS}")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

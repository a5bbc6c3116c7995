"""What the `refusal` rule takes for a refusal and what it misses, by kind and language, and its cost. Prints JSON.

`python -m benchmarks.refusals [--half held_out] [--faults]`

The texts stand in `refusal_texts.txt`, in halves: those that were read while the rules were written, others of the same
hand, and two sets that other hands made hard on purpose (`other_1`, `other_2`), on which the bar is not met.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.loops import milliseconds
from benchmarks.measuring import machine, print_report
from openqwq.verifiers.rules.refusal import refuses

MIN_BALANCED, MAX_MILLISECONDS = 0.95, 100.0
HALVES = ("seen", "once", "held_out", "other_1", "other_2")
TEXTS = Path(__file__).with_name("refusal_texts.txt")
LONG = {
    "32k tokens that help": "Boil the water, then add the salt and wait. " * 3_000,
    "32k tokens that cannot": "I can't see why. I won't say more about it. " * 3_000,
    "1 MB of quotes": '"' * 1_000_000,
    "1 MB of open quotes": "“a" * 500_000,
    "1 MB of labels": "Bo: no\n" * 150_000,
    "1 MB of apologies": "sorry " * 170_000,
}


class Labelled(NamedTuple):
    """Example: Labelled("en", "plain", True, "I won't help with that.")."""

    language: str
    kind: str
    is_refusal: bool
    text: str


def labelled(wanted: str) -> list[Labelled]:
    """The texts of a half."""
    found = []
    for line in TEXTS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            half, language, kind, mark, text = (part.strip() for part in line.split(" | ", 4))
            if half == wanted:
                found.append(Labelled(language, kind, mark == "+", text.replace("\\n", "\n")))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=HALVES, default="held_out")
    parser.add_argument("--faults", action="store_true", help="print the texts that are judged wrongly")
    options = parser.parse_args(arguments)
    total, wrong = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    faults = []
    for case in labelled(options.half):
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

"""Which golds of public data sets the math verifier can grade, however they are spelled. Prints JSON.

`python -m benchmarks.math_golds --golds math.jsonl olympiad.json [--mutants 5000] [--peer off]`

Of each file: the share of its different golds that `check_reference` accepts, with the reasons of the others; the
share of the accepted that verify against themselves and against harmless respellings (see math_respellings), boxed;
and, over all files, wrong answers made from golds (see gold_mutants), of which none may be paid. The peer gets a
sample.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.math_gold_files import GoldFile, read_golds
from benchmarks.math_pairs import Outcome, Pair
from benchmarks.math_respellings import respellings_of, without_blanks
from benchmarks.math_workers import Setup, check_all, checking_processes
from benchmarks.measuring import machine, print_report
from openqwq.verifiers import get_verifier
from openqwq.verifiers.workbench.gold_mutants import mutants_of_gold

DEADLINE_SECONDS = 30.0
SELF = "itself"
BEFORE_THE_BOX = "So the answer is "


def unreadable(golds: Sequence[str]) -> dict[str, str]:
    """The golds that `check_reference` refuses, with the reason."""
    verifier = get_verifier("math")
    checked = ((gold, verifier.check_reference({"reference": gold})) for gold in golds)
    found = {gold: reason for gold, reason in checked if reason is not None}
    verifier.close()
    return found


def reason_kind(reason: str) -> str:
    """A reason without the texts and numbers it quotes, so that it can be counted."""
    quoted = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "...", reason)
    return re.sub(r"\d+", "N", quoted)[-90:].strip()


def boxed_pairs(name: str, gold: str, answers: Iterable[tuple[str, str]], is_correct: bool) -> list[Pair]:
    return [
        Pair(name, kind, gold, BEFORE_THE_BOX + f"\\boxed{{{answer}}}", is_correct)
        for kind, answer in answers
        if _fits_in_a_box(answer)
    ]


def _fits_in_a_box(answer: str) -> bool:
    bare = re.sub(r"\\[{}]", "", answer)
    return bare.count("{") == bare.count("}") and r"\boxed" not in answer


def spelling_pairs(name: str, readable: Sequence[str]) -> list[Pair]:
    spellings = ((gold, [(SELF, gold), *respellings_of(gold).items()]) for gold in readable)
    return [pair for gold, each in spellings for pair in boxed_pairs(name, gold, each, is_correct=True)]


def mutant_pairs(readable: Sequence[tuple[str, str]], most: int, seed: int) -> list[Pair]:
    """Of so many golds that have mutants, from golds given as (file, gold); each mutant also without its blanks."""
    shuffled = random.Random(seed).sample(readable, len(readable))
    mutants = ((name, gold, mutants_of_gold(gold, seed)) for name, gold in shuffled)
    chosen = islice((one for one in mutants if one[2]), most)
    return [pair for name, gold, each in chosen for pair in boxed_pairs(name, gold, _spelled(each), is_correct=False)]


def _spelled(mutants: Sequence[str]) -> list[tuple[str, str]]:
    compact = ((mutant, without_blanks(mutant)) for mutant in mutants)
    return [("mutant", mutant) for mutant in mutants] + [
        ("compact mutant", text) for one, text in compact if text != one
    ]


def shares(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """By spelling: how many were tried and which share was accepted."""
    tried = Counter(pair.category for pair in pairs)
    accepted = Counter(pair.category for pair, outcome in zip(pairs, outcomes, strict=True) if outcome.is_accepted)
    return {
        kind: {"tried": number, "accepted": round(accepted[kind] / number, 5)} for kind, number in tried.most_common()
    }


def wrong(pairs: Sequence[Pair], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [
        {"file": pair.id, "kind": pair.category, "gold": pair.gold}
        | {"answer": pair.response.removeprefix(BEFORE_THE_BOX), "reason": outcome.reason}
        for pair, outcome in zip(pairs, outcomes, strict=True)
        if outcome.is_accepted != pair.is_correct
    ]


def checked(contender: str, pairs: Sequence[Pair], num_processes: int) -> list[Outcome]:
    with checking_processes(Setup(contender), num_processes) as processes:
        return check_all(processes, pairs, DEADLINE_SECONDS)


def beside_the_peer(pairs: Sequence[Pair], outcomes: Sequence[Outcome], size: int, num_processes: int) -> Any:
    """The share that each accepts of one sample."""
    numbers = random.Random(0).sample(range(len(pairs)), min(size, len(pairs)))
    found = checked("math_verify", [pairs[number] for number in numbers], num_processes)
    accepted = {"ours": [outcomes[number].is_accepted for number in numbers]}
    accepted["math_verify"] = [outcome.is_accepted for outcome in found]
    return {"pairs": len(numbers)} | {
        name: round(sum(which) / max(1, len(which)), 5) for name, which in accepted.items()
    }


@dataclass(frozen=True)
class Checked:
    """What was made of the golds of one file."""

    file: GoldFile
    refused: dict[str, str]
    """Golds that `check_reference` refuses -> the reason."""
    pairs: list[Pair]
    outcomes: list[Outcome]

    @property
    def readable(self) -> list[str]:
        return [gold for gold in self.file.golds if gold not in self.refused]

    def report(self) -> dict[str, Any]:
        return {
            "column": self.file.column,
            "rows": self.file.num_rows,
            "golds": len(self.file.golds),
            "readable": round(1 - len(self.refused) / len(self.file.golds), 5),
            "unreadable_reasons": dict(Counter(map(reason_kind, self.refused.values())).most_common(12)),
            "spellings": shares(self.pairs, self.outcomes),
        }


def checked_file(path: Path, most: int, seed: int, num_processes: int) -> Checked:
    file = read_golds(path)
    if len(file.golds) > most:
        file = replace(file, golds=tuple(random.Random(seed).sample(file.golds, most)))
    refused = unreadable(file.golds)
    pairs = spelling_pairs(file.name, [gold for gold in file.golds if gold not in refused])
    print(f"{file.name}: {len(file.golds)} golds, {len(pairs)} spellings", file=sys.stderr, flush=True)
    return Checked(file, refused, pairs, checked("ours", pairs, num_processes))


def violations_of(pairs: Sequence[Pair], outcomes: Sequence[Outcome], paid: list[dict[str, Any]], least: float) -> Any:
    found = [f"mutant paid: {row['gold']!r} by {row['answer']!r}" for row in paid]
    return found + [
        f"{kind}: {row['accepted']} accepted, at least {least if kind != SELF else 1.0}"
        for kind, row in shares(pairs, outcomes).items()
        if row["accepted"] < (least if kind != SELF else 1.0)
    ]


def arguments_of(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golds", type=Path, nargs="+", required=True, help="JSON lines or a JSON list, with golds")
    parser.add_argument("--most", type=int, default=3_000, help="golds of a file, sampled (default 3000)")
    parser.add_argument(
        "--mutants", type=int, default=5_000, help="golds that have mutants, to try them on (default 5000)"
    )
    parser.add_argument("--least", type=float, default=0.99, help="share of each respelling to accept (default 0.99)")
    parser.add_argument("--peer", choices=("on", "off"), default="on", help="Math-Verify beside ours (default on)")
    parser.add_argument("--peer-sample", type=int, default=500, help="pairs for the peer (default 500)")
    parser.add_argument("--processes", type=int, default=1, help="that check at a time (default 1)")
    parser.add_argument("--seed", type=int, default=18, help="of the samples and the mutants (default 18)")
    parser.add_argument("--examples", type=int, default=60, help="of each kind in the report (default 60)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    arguments = arguments_of(words)
    files = [checked_file(path, arguments.most, arguments.seed, arguments.processes) for path in arguments.golds]
    pairs = [pair for file in files for pair in file.pairs]
    outcomes = [outcome for file in files for outcome in file.outcomes]
    golds = [(file.file.name, gold) for file in files for gold in file.readable]
    mutants = mutant_pairs(golds, arguments.mutants, arguments.seed)
    judged = checked("ours", mutants, arguments.processes)
    paid = wrong(mutants, judged)
    report: dict[str, Any] = {
        "benchmark": "math_golds",
        **machine(),
        "files": {file.file.name: file.report() for file in files},
        "spellings": shares(pairs, outcomes),
        "mutants": {
            "golds": len({(pair.id, pair.gold) for pair in mutants}),
            "mutants": len(mutants),
            "paid": len(paid),
        },
    }
    if arguments.peer == "on":
        sample = (arguments.peer_sample, arguments.processes)
        report["accepted_spellings"] = beside_the_peer(pairs, outcomes, *sample)
        report["accepted_mutants"] = beside_the_peer(mutants, judged, *sample)
    refused = [
        {"file": file.file.name, "gold": gold[:200], "reason": reason[-120:]}
        for file in files
        for gold, reason in file.refused.items()
    ]
    examples = {"unreadable": refused, "refused_spellings": wrong(pairs, outcomes), "paid_mutants": paid}
    report |= {name: rows[: arguments.examples] for name, rows in examples.items()}
    return print_report(report, violations_of(pairs, outcomes, paid[: arguments.examples], arguments.least))


if __name__ == "__main__":
    sys.exit(main())

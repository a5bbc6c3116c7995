"""Checks a second and seconds a check: the math verifier and Math-Verify, taking turns. Prints JSON.

`python -m benchmarks.math_throughput --labelled FILE.jsonl [--rounds 5] [--peer off]`

Two mixes of a labelled file (columns: see math_accuracy). `rollouts`: 800 sampled MATH answers and 1200 GSM8K answers.
`hard`: golds of Olympiads, college and Minerva against themselves and others; Math-Verify takes a sample of these.
Without a file the project's own corpus is the one mix. Every contender has the same number of processes, new ones in
each round: imports done, helpers started and other pairs checked before the clock, nothing of these pairs cached.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.math_pairs import CORPUS, Outcome, Pair, own_corpus, read_pairs
from benchmarks.math_workers import Setup, checking_processes, timed
from benchmarks.measuring import interleave, machine, percentile, print_report, summary

ROLLOUTS = {"qwen_math_cot": 800, "gsm8k_gpt3": 1200}
HARD = ("olympiad", "college_math", "minerva")
TARGETS: dict[str, dict[str, tuple[str, float]]] = {
    # mix: figure: (is it a least or a most, value, in milliseconds where it is a time)
    "rollouts": {"ratio": ("least", 20.0), "p99_ms": ("most", 5.0)},
    "hard": {"p99_ms": ("most", 400.0), "max_ms": ("most", 2500.0)},
}


class Contest:
    """One contender on one mix: every round's rate and outcomes."""

    def __init__(self, contender: str, pairs: Sequence[Pair], num_processes: int) -> None:
        self.contender, self.pairs, self.num_processes = contender, pairs, num_processes
        self.rounds: list[list[Outcome]] = []

    def measure(self) -> float:
        """Checks a second of one round."""
        with checking_processes(Setup(self.contender), self.num_processes) as processes:
            rate, outcomes = timed(processes, self.pairs)
        self.rounds.append(outcomes)
        return rate

    def report(self, rates: Sequence[float]) -> dict[str, Any]:
        """Percentiles are medians over the rounds, the maximum is that of all rounds."""
        seconds = [[outcome.seconds for outcome in outcomes] for outcomes in self.rounds]
        figures = {
            f"p{share:.0%}_ms".replace("%", ""): round(
                statistics.median(percentile(s, share) for s in seconds) * 1e3, 3
            )
            for share in (0.5, 0.99)
        }
        return {
            "pairs": len(self.pairs),
            "different_golds": len({pair.gold for pair in self.pairs}),
            "checks_per_second": summary(rates, 1),
            **figures,
            "max_ms": round(max(max(s) for s in seconds) * 1e3, 1),
            "slowest": self.slowest(),
            "wrong_in_last_round": sum(
                outcome.is_accepted != pair.is_correct
                for pair, outcome in zip(self.pairs, self.rounds[-1], strict=True)
            ),
            "not_scored": sum(outcome.status != "scored" for outcomes in self.rounds for outcome in outcomes),
        }

    def slowest(self) -> list[str]:
        order = sorted(zip(self.rounds[-1], self.pairs, strict=True), key=lambda both: -both[0].seconds)[:3]
        return [f"{pair.id}: {outcome.seconds * 1e3:.0f} ms, {outcome.reason[:80]}" for outcome, pair in order]


def mixes(pairs: Sequence[Pair], scale: float) -> dict[str, list[Pair]]:
    """The pairs of each mix, in one shuffled order that is the same in every run."""
    chance = random.Random(0)
    rollouts = [
        pair
        for category, number in ROLLOUTS.items()
        for pair in [pair for pair in pairs if pair.category == category][: round(number * scale)]
    ]
    hard = [pair for pair in pairs if any(word in pair.category for word in HARD)]
    found = {"rollouts": rollouts, "hard": hard}
    for mix in found.values():
        chance.shuffle(mix)
    found["hard"] = hard[: round(len(hard) * scale)]
    return {name: mix for name, mix in found.items() if mix}


def violations_of(name: str, report: dict[str, Any], has_peer: bool) -> list[str]:
    missed = []
    for figure, (kind, wanted) in TARGETS.get(name, {}).items():
        if figure == "ratio" and not has_peer:
            continue
        got = report["ratio"] if figure == "ratio" else report["ours"][figure]
        if got < wanted if kind == "least" else got > wanted:
            missed.append(f"{name}: {figure} {got}, at {kind} {wanted}")
    if report["ours"]["not_scored"]:
        missed.append(f"{name}: {report['ours']['not_scored']} checks ended in an error")
    return missed


def run_mix(pairs: Sequence[Pair], arguments: argparse.Namespace, is_hard: bool) -> dict[str, Any]:
    """Where the peer takes a sample, so does a second contest of ours, for the ratio."""
    sample = pairs[: arguments.peer_sample] if is_hard else pairs
    contests = {"ours": Contest("ours", sample, arguments.processes)}
    if arguments.peer == "on":
        contests["math_verify"] = Contest("math_verify", sample, arguments.processes)
    rates = interleave({name: contest.measure for name, contest in contests.items()}, arguments.rounds)
    report: dict[str, Any] = {name: contest.report(rates[name]) for name, contest in contests.items()}
    if arguments.peer == "on":
        report["ratio"] = round(statistics.median(rates["ours"]) / statistics.median(rates["math_verify"]), 2)
    if len(sample) < len(pairs):
        whole = Contest("ours", pairs, arguments.processes)
        whole_rates = interleave({"ours, all pairs": whole.measure}, arguments.full_rounds)
        report = {"ours": whole.report(whole_rates["ours, all pairs"]), "on_a_sample": report} | (
            {"ratio": report["ratio"]} if arguments.peer == "on" else {}
        )
    return report


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, default=None, help="JSON lines")
    parser.add_argument("--rounds", type=int, default=5, help="every contender once a round (default 5)")
    parser.add_argument("--full-rounds", type=int, default=2, help="of ours on all hard pairs (default 2)")
    parser.add_argument("--processes", type=int, default=2, help="for each contender (default 2)")
    parser.add_argument("--peer-sample", type=int, default=200, help="hard pairs for both contenders (default 200)")
    parser.add_argument("--peer", choices=("on", "off"), default="on", help="Math-Verify beside ours (default on)")
    parser.add_argument("--mixes", nargs="+", default=["rollouts", "hard", "own"], help="default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each mix (default 1)")
    arguments = parser.parse_args(words)
    chosen = mixes(read_pairs(arguments.labelled), arguments.scale) if arguments.labelled else {"own": own_corpus()}
    chosen = {name: pairs for name, pairs in chosen.items() if pairs and name in arguments.mixes}
    if not chosen:
        parser.error(f"no pairs: give --labelled; the project's own are looked for in {CORPUS}")
    report: dict[str, Any] = {"benchmark": "math_throughput", **machine(), "processes_each": arguments.processes}
    violations: list[str] = []
    for name, pairs in chosen.items():
        report[name] = run_mix(pairs, arguments, name == "hard")
        violations += violations_of(name, report[name], arguments.peer == "on")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

"""Answers made to exhaust a grader: the right verdict, its time, and the growth of the caller's memory. Prints JSON.

`python -m benchmarks.math_bombs [--peer off] [--deadline-seconds 12]`

Every answer is checked by a warm process with an address-space limit, ours and Math-Verify in turn; one that
passes the deadline is killed. Math-Verify runs in the main thread, where its own time-outs work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks.math_pairs import Outcome, Pair
from benchmarks.math_workers import Setup, checking_processes
from benchmarks.measuring import machine, percentile, print_report

MAX_SECONDS, MAX_GROWTH_MB = 2.5, 150.0
PEER_MEMORY_MB = 4_096

BOXED = {
    # name: (gold, answer, is it right)
    "tower": ("3", "7^{7^{7^{7}}}", False),
    "tower of tens": ("3", "10^{10^{10^{10}}}", False),
    "tower, negative": ("0", "2^{-10^{15}}", False),
    "factorial": ("3", "(10^9)!", False),
    "factorial of factorial": ("3", "((((9)!)!)!)!", False),
    "binomial": ("3", r"\binom{10^{12}}{5\cdot10^{11}}", False),
    "exponent": ("x+3", "x^{99999999}+" * 100 + "1", False),
    "expansion": ("x+3", "(x+y+z+1)^{5000}", False),
    "expansion of three": ("x+3", "(x+1)^{999}(y+1)^{999}(z+1)^{999}", False),
    "scientific": ("3", "1e999999998", False),
    "sum": ("3", r"\sum_{k=1}^{10^{9}} k!", False),
    "product": ("3", r"\prod_{k=1}^{10^{9}} \sin k", False),
    "integral": ("3", r"\int_0^{10^{10}} e^{e^x}\,dx", False),
    "limit": ("3", r"\lim_{n\to\infty}\prod_{k=1}^{n}(1+\frac1k)^{k!}", False),
    "angle": ("3", r"\sin(10^{10^{10}})", False),
    "matrix": ("3", r"\begin{pmatrix}" + "1&" * 5_000 + r"1\end{pmatrix}", False),
    "list": ("3", ",".join(map(str, range(5_000))), False),
    "set": (r"\{1,2\}", r"\{" + ",".join(["1"] * 3_000) + r"\}", False),
    "long sum": ("3", "1+" * 50_000 + "1", False),
    "parentheses": ("3", "(" * 10_000 + "4" + ")" * 10_000, False),
    "braces": ("3", "{" * 10_000 + "4" + "}" * 10_000, False),
    "fractions": ("3", r"\frac{1}{1+" * 10_000 + "1" + "}" * 10_000, False),
    "roots": ("3", r"\sqrt{" * 10_000 + "2" + "}" * 10_000, False),
    "bars": ("3", "|" * 10_000, False),
    "backslashes": ("3", "\\" * 10_000, False),
    "signs": ("3", "-" * 10_001 + "3", False),
    "texts": ("3", r"\text{a}" * 5_000, False),
    "digits": ("3", "7" * 1_000_000, False),
    "decimals": ("3", "3." + "0" * 100_000 + "1", False),
    "a number of 31 digits": ("2^{100}", "1267650600228229401496703205376", True),
    "its neighbour": ("2^{100}", "1267650600228229401496703205377", False),
    "a number of 600 digits": ("2^{2023}-1", "-1+2^{2023}", True),
    "parentheses, few": ("6", "(" * 12 + "6" + ")" * 12, True),
    "continued fraction": (r"\frac{8}{5}", r"1+\frac{1}{1+\frac{1}{1+\frac{1}{2}}}", True),
}
UNBOXED = {
    # name: (gold, response, is it right)
    "a million letters before": ("3", "a" * 1_000_000 + r" \boxed{3}", True),
    "a million letters behind": ("3", r"\boxed{3} " + "a" * 1_000_000, True),
    "many boxes": ("3", r"\boxed{4} " * 50_000 + r"finally \boxed{3}", True),
    "open boxes": ("3", r"\boxed{" * 100_000, False),
    "long thinking": ("3", "<think>" + r"so \boxed{4}. " * 50_000 + r"</think> \boxed{3}", True),
    "thinking without end": ("3", "<think>" + r"so \boxed{3}. " * 50_000, False),
    "displays": ("3", r"\[ " * 50_000 + "4" + r" \]" * 50_000, False),
    "dollars": ("3", "$" * 200_000 + r"\boxed{3}", True),
    "numbers": ("3", " ".join(map(str, range(200_000))), False),
    "Chinese": ("3", "中" * 500_000 + r"答案是\boxed{3}", True),
}


def bombs() -> Iterator[Pair]:
    """A box that closes within the last characters of a text still counts where the graders look for it."""
    for name, (gold, answer, is_right) in BOXED.items():
        yield Pair(name, "boxed", gold, f"So the answer is $\\boxed{{{answer}}}$.", is_right)
    for name, (gold, response, is_right) in UNBOXED.items():
        yield Pair(name, "text", gold, response, is_right)


def report_of(pairs: list[Pair], outcomes: list[Outcome]) -> dict[str, Any]:
    seconds = [outcome.seconds for outcome in outcomes]
    slow = max(range(len(pairs)), key=lambda number: seconds[number])
    large = max(range(len(pairs)), key=lambda number: outcomes[number].growth_mb)
    return {
        "bombs": len(pairs),
        "right": sum(o.is_accepted == pair.is_correct for pair, o in zip(pairs, outcomes, strict=True)),
        "wrong": [
            f"{pair.id}: {'paid' if o.is_accepted else 'not paid'} ({o.reason[:80]})"
            for pair, o in zip(pairs, outcomes, strict=True)
            if o.is_accepted != pair.is_correct
        ],
        "raised": sum(outcome.status == "raised" for outcome in outcomes),
        "killed": sum(outcome.status == "killed" for outcome in outcomes),
        "seconds": {"p50": round(percentile(seconds, 0.5), 4), "most": round(seconds[slow], 3), "of": pairs[slow].id},
        "growth_mb": {"most": outcomes[large].growth_mb, "of": pairs[large].id},
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("on", "off"), default="on", help="Math-Verify beside ours (default on)")
    parser.add_argument("--deadline-seconds", type=float, default=12.0, help="for one answer (default 12)")
    parser.add_argument("--only", nargs="+", default=[], help="names of bombs (default: all)")
    arguments = parser.parse_args(words)
    pairs = [pair for pair in bombs() if not arguments.only or pair.id in arguments.only]
    report: dict[str, Any] = {"benchmark": "math_bombs", **machine()}
    contenders = ("ours", "math_verify") if arguments.peer == "on" else ("ours",)
    outcomes: dict[str, list[Outcome]] = {contender: [] for contender in contenders}
    setups = {contender: Setup(contender, measures_memory=True, memory_mb=PEER_MEMORY_MB) for contender in contenders}
    with ExitStack() as stack:
        processes = {name: stack.enter_context(checking_processes(setup, 1))[0] for name, setup in setups.items()}
        for pair in pairs:
            for contender, process in processes.items():  # in turn
                outcomes[contender].append(process.check(pair, arguments.deadline_seconds))
    report |= {contender: report_of(pairs, found) for contender, found in outcomes.items()}
    mine = report["ours"]
    violations = [f"wrong: {words}" for words in mine["wrong"]]
    if mine["seconds"]["most"] > MAX_SECONDS:
        violations.append(f"{mine['seconds']['of']}: {mine['seconds']['most']} s, at most {MAX_SECONDS}")
    if mine["growth_mb"]["most"] > MAX_GROWTH_MB:
        violations.append(
            f"{mine['growth_mb']['of']}: grows by {mine['growth_mb']['most']} MB, at most {MAX_GROWTH_MB}"
        )
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

"""Loops: what the `repetition` verifier flags of correct chains of thought and of sound regular texts, which loops of
every shape it finds, and what it costs. Prints JSON; fails where a figure is off.

`python -m benchmarks.loops --chains FILE... [--half held_out] [--each 12] [--missed 5]`

A chain is a row's `response` (only where its `correct` is not false, and not in a `self_` or `cross_` category, which
set a bare gold into one fixed sentence), `answer`, or `prompt` and `canonical_solution`: the columns of math_labelled,
GSM8K and HumanEval. Limits were set on `--half calibration`: every second chain, and sentences, seeds and kinds of
texts of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.loop_pools import HALVES, Pool, pool
from benchmarks.loop_shapes import PLACES, SHAPES, looping
from benchmarks.measuring import machine, print_report
from benchmarks.regular_texts import BOTH, UNSEEN
from openqwq.verifiers.rules.repetition import repetition_problem

MAX_FLAGGED, MAX_FLAGGED_JOINED, MIN_FOUND, MAX_MILLISECONDS, MAX_GROWTH = 0.005, 0.01, 0.95, 100.0, 3.0
FLOODS = {
    "one letter": "a",
    "a sign and a blank": "= ",
    "words": "so we go on ",
    "counter": "Try n = {n}. It fails.\n",
    "Chinese": "我们再算一次。",
    "tags": "</think>",
    "two letters without end": "ab",
    "fresh numbers": "{n} ",
    "fresh words": "w{n}x ",
    "blanks": " \n",
    "Fibonacci word": "",
}


def chains_of(path: str) -> dict[str, list[str]]:
    """The chains of a file, by its rows' category where they have one."""
    found: dict[str, list[str]] = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        text = row.get("response", row.get("answer", f"{row.get('prompt')}{row.get('canonical_solution')}"))
        is_chain = row.get("correct") is not False and isinstance(text, str)
        is_chain = is_chain and not str(row.get("category")).startswith(("self_", "cross_"))
        if is_chain and len(text.split()) >= 20:
            found.setdefault(row.get("category", Path(path).stem), []).append(text)
    return found


def joined(chains: list[str], num_words: int, count: int, rng: Random) -> Iterator[str]:
    """Texts of at least so many words, of different chains."""
    for _ in range(count):
        size, parts = 0, []
        for chain in rng.sample(chains, len(chains)):
            parts.append(chain)
            size += len(chain.split())
            if size >= num_words:
                break
        yield "\n\n".join(parts)


def flagged(texts: Iterator[str] | list[str], kept: list[str]) -> tuple[int, int]:
    """How many are flagged, of how many; the first few are kept to be read."""
    total = bad = 0
    for text in texts:
        total += 1
        if problem := repetition_problem(text):
            bad += 1
            kept.append(f"{problem} | {text[:3000]}")
    return bad, total


def regular(half: str, made: Pool, each: int, seed: int) -> dict[str, list[str]]:
    kinds = BOTH if half == HALVES[0] else {**BOTH, **UNSEEN}
    return {name: [make(Random(f"{seed}{name}{n}"), made) for n in range(each)] for name, make in kinds.items()}


def milliseconds(check: Callable[[str], str], text: str, rounds: int = 5) -> float:
    """Median time of the processor, which other programs on the machine do not lengthen much."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        check(text)
        times.append((time.process_time() - begin) * 1000)
    return statistics.median(times)


def flood(kind: str, size: int) -> str:
    if kind == "Fibonacci word":  # as repetitive as a word without a fourth power can be
        one, two = "b ", "a "
        while len(two) < size:
            one, two = two, two + one
        return two[:size]
    unit = FLOODS[kind]
    if "{n}" not in unit:
        return (unit * (size // len(unit) + 1))[:size]
    return "".join(unit.format(n=n) for n in range(size // len(unit)))[:size]


def costs(check: Callable[[str], str], chains: list[str]) -> dict[str, Any]:
    """Milliseconds on 32k tokens (four characters each, of chains), and of floods of 1 MB against a half of it."""
    long = "\n\n".join(chains)[: 4 * 32_768]
    floods = {}
    for kind in FLOODS:
        half, whole = (milliseconds(check, flood(kind, size), 3) for size in (500_000, 1_000_000))
        floods[kind] = {"ms_1_mb": round(whole, 1), "to_half": round(whole / max(half, 1.0), 2)}
    return {"ms_32k_tokens": round(milliseconds(check, long, 9), 1), "floods": floods}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chains", nargs="+", required=True, help="JSONL files of correct chains of thought")
    parser.add_argument("--half", choices=HALVES, default=HALVES[1])
    parser.add_argument("--each", type=int, default=12, help="texts of each shape and place, and of each regular kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-costs", action="store_true", help="leave the times out")
    parser.add_argument("--missed", type=int, default=0, help="how many of each kind of fault to print")
    options = parser.parse_args(arguments)
    side = HALVES.index(options.half)
    rng, made = Random(f"{options.seed}{options.half}"), pool(options.half)
    files = {name: chains[side::2] for path in options.chains for name, chains in chains_of(path).items()}
    every = [chain for chains in files.values() for chain in chains]

    wrong: dict[str, list[str]] = {"chains": [], "regular": [], "missed": []}
    alone = {name: flagged(chains, wrong["chains"]) for name, chains in files.items()}
    long = {
        size: flagged(joined(every, size, count, rng), wrong["chains"]) for size, count in ((2_000, 200), (20_000, 40))
    }
    kinds = {
        name: flagged(texts, wrong["regular"])
        for name, texts in regular(options.half, made, options.each, options.seed).items()
    }
    found, total = Counter[str](), Counter[str]()
    for shape in SHAPES:
        for place in PLACES:
            for _ in range(max(1, options.each // 3)):
                text = looping(rng, made, shape, place, tuple(every))
                is_found = bool(repetition_problem(text))
                for key in (shape, place, "all"):
                    total[key] += 1
                    found[key] += is_found
                if not is_found:
                    wrong["missed"].append(f"{shape}, {place} | {text[:1500]}")
    cost = None if options.without_costs else costs(repetition_problem, every)
    bad_alone = sum(bad for bad, _ in alone.values()) / max(1, len(every))
    bad_long = max(bad / count for bad, count in long.values())
    bad_regular = sum(bad for bad, _ in kinds.values()) / sum(count for _, count in kinds.values())
    report = {
        "half": options.half,
        "flagged_alone": alone,
        "flagged_joined": long,
        "flagged_regular": {name: figures for name, figures in kinds.items() if figures[0]},
        "num_regular": [sum(bad for bad, _ in kinds.values()), sum(count for _, count in kinds.values())],
        "found": f"{found['all']} of {total['all']}",
        "found_by_place": {place: f"{found[place]} of {total[place]}" for place in PLACES},
        "missed_by_shape": {s: f"{total[s] - found[s]} of {total[s]}" for s in SHAPES if found[s] < total[s]},
        "cost": cost,
        "machine": machine(),
    }
    checks = {
        f"chains flagged at most {MAX_FLAGGED:.1%}": bad_alone <= MAX_FLAGGED,
        f"joined chains flagged at most {MAX_FLAGGED_JOINED:.0%}": bad_long <= MAX_FLAGGED_JOINED,
        f"regular texts flagged at most {MAX_FLAGGED_JOINED:.0%}": bad_regular <= MAX_FLAGGED_JOINED,
        f"loops found at least {MIN_FOUND:.0%}": found["all"] >= MIN_FOUND * total["all"],
    }
    if cost:
        growth = max(figures["to_half"] for figures in cost["floods"].values())
        checks[f"32k tokens in at most {MAX_MILLISECONDS:.0f} ms"] = cost["ms_32k_tokens"] <= MAX_MILLISECONDS
        checks[f"1 MB takes at most {MAX_GROWTH} times of a half"] = growth <= MAX_GROWTH
    if options.missed:
        report["examples"] = {kind: texts[: options.missed] for kind, texts in wrong.items()}
    return print_report(report, [name for name, holds in checks.items() if not holds])


if __name__ == "__main__":
    sys.exit(main())

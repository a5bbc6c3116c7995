"""Planning the micro-batches of a step: seconds and peak bytes on one rank, how full rows are, how even the ranks.

Answers with log-normal lengths up to 32k, sixteen to a prompt, rows for the work of Qwen2.5-32B. Every measurement runs
in a process of its own. It plans as a rank of many does and lays out the share of one. Two figures of evenness, both
over the mean work of a rank: `waiting`, the sum over micro-batches of the largest of all ranks, for which those wait
that gather weights together (ZeRO-3); `slowest`, the rank with most work. `bound` is what no plan can be below: the
longest sequence alone, or 1. With `--before FOLDER` (a checkout of an earlier commit) its planner takes turns with this
one, at sizes that it can do. Prints JSON.

`python -m benchmarks.plan_micro_batches [--before FOLDER --before-tokens 0.7 1.4 2.8]`
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import machine, print_report
from openqwq.training.batches import packing
from openqwq.training.batches.collate import Batch
from openqwq.training.planning.shapes import KNOWN

ROOT = Path(__file__).absolute().parents[1]
MAX_TOKENS, LONGEST, GROUP = 33280, 32768, 16
SHAPE = KNOWN["Qwen/Qwen2.5-32B"]
PAIR_WORK = 2 * SHAPE.layers * SHAPE.heads * SHAPE.head_width / SHAPE.matrix_parameters
Piece = tuple[int, int]
"""Tokens of a segment, and of the prompt that it sees before them."""


def make_batch(tokens: int, prompt: float, answer: float, seed: int) -> Batch:
    random, prompts, answers = np.random.default_rng(seed), list[int](), list[int]()
    while sum(prompts) + sum(answers) < tokens:
        length = int(np.clip(random.lognormal(math.log(prompt), 0.5), 16, 4096))
        drawn = random.lognormal(math.log(answer) - 0.5 * 0.8**2, 0.8, GROUP)
        prompts += [min(length, MAX_TOKENS - LONGEST)] * GROUP
        answers += np.clip(drawn, 16, LONGEST).astype(int).tolist()
    lengths = np.array(prompts) + np.array(answers)
    ids, mask = np.empty(lengths.sum(), np.int64), np.ones(lengths.sum(), bool)
    shared = random.integers(0, 150_000, LONGEST)
    for n, start in enumerate((lengths.cumsum() - lengths).tolist()):
        ids[start : start + lengths[n]] = shared[0]
        ids[start : start + prompts[n]] = np.roll(shared, n // GROUP)[: prompts[n]]
        mask[start : start + prompts[n]] = False
    none = torch.zeros(len(lengths))
    groups = torch.arange(len(none)) // GROUP
    return Batch(torch.from_numpy(ids), torch.from_numpy(lengths), torch.tensor(prompts), groups,
                 torch.from_numpy(mask), torch.zeros(sum(answers)), none, none, len(none) // GROUP)  # fmt: skip


def work(pieces: Sequence[Piece]) -> float:
    """The work of segments, in that of a token outside of attention."""
    return math.fsum(own + PAIR_WORK * (own * seen + own * (own + 1) / 2) for own, seen in pieces)


def pieces_of(sizes: Any, rows: Any) -> list[Piece]:
    """The segments of planned rows."""
    found = []
    for block in (block for row in rows for block in row):
        prompt = sizes.prompt_lengths_N[block.sequences[0]].item()
        own = [int(sizes.lengths_N[n]) - prompt for n in block.sequences]
        found += [(prompt + own[0], 0), *((answer, prompt) for answer in own[1:])]
    return found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One measurement, in this process. An earlier planner lays out every rank's share; this one rows of integers."""
    torch.set_num_threads(1)
    batch = make_batch(int(arguments.tokens * 1e6), arguments.prompt, arguments.answer, arguments.seed)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    started, at = time.perf_counter(), time.process_time()
    if arguments.is_before:
        plan: Any = packing.plan_micro_batches(batch, MAX_TOKENS, ranks=arguments.ranks)
        share = plan[0]
    else:
        plan = packing.plan_micro_batches(batch, MAX_TOKENS, ranks=arguments.ranks, pair_work=PAIR_WORK)
        planned = time.process_time() - at
        share = [packing.lay_out(batch, rows) for rows in plan[0]]
    seconds, processor = time.perf_counter() - started, time.process_time() - at
    peak = memory("VmHWM") - before
    if arguments.is_before:
        cut = [
            [[(s.stop - s.start, s.prompt_stop - s.prompt_start) for s in m.segments] for m in mine] for mine in plan
        ]
        planned = processor
    else:
        cut = [[pieces_of(batch, rows) for rows in mine] for mine in plan]
    works = [[work(pieces) for pieces in mine] for mine in cut]
    mean = math.fsum(map(math.fsum, works)) / len(works)
    tokens = [sum(own for own, _ in pieces) for mine in cut for pieces in mine if pieces]
    alone = max(work([(length, 0)]) for length in batch.lengths_N.tolist())
    return {
        "tokens": int(batch.lengths_N.sum()),
        "sequences": len(batch),
        "seconds": round(seconds, 3),
        "processor_seconds": round(processor, 3),
        "of_them_planning": round(planned, 3),
        "peak_mb": round(peak / 1e6),
        "micro_batches_a_rank": len(share),
        "fill": round(sum(tokens) / (len(tokens) * MAX_TOKENS), 4),
        "computed_per_token": round(sum(tokens) / int(batch.lengths_N.sum()), 4),
        "waiting": round(math.fsum(map(max, zip(*works, strict=True))) / mean, 4),
        "slowest": round(max(map(math.fsum, works)) / mean, 4),
        "bound": round(max(1.0, alone / mean), 4),
    }


def memory(name: str) -> int:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


def apart(folder: Path, tokens: float, ranks: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One measurement by the code in `folder`, in a process of its own."""
    words = [sys.executable, str(Path(__file__).absolute()), "--tokens", str(tokens), "--ranks", str(ranks)]
    words += ["--prompt", str(arguments.prompt), "--answer", str(arguments.answer), "--seed", str(arguments.seed)]
    words += ["--is-before"] if folder != ROOT else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    found: dict[str, Any] = json.loads(subprocess.run(words, env=environment, check=True, capture_output=True).stdout)
    print(f"{folder.name}: {ranks} ranks, {found}", file=sys.stderr, flush=True)
    return {"ranks": ranks, **found}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="a checkout of the commit to compare with")
    parser.add_argument("--before-tokens", type=float, nargs="*", default=[0.7, 1.4, 2.8], help="millions")
    parser.add_argument("--millions", type=float, nargs="*", default=[5.5, 45.0])
    parser.add_argument("--all-ranks", type=int, nargs="*", default=[64, 128, 256, 512])
    parser.add_argument("--prompt", type=float, default=300.0, help="median tokens of a prompt")
    parser.add_argument("--answer", type=float, default=9000.0, help="mean tokens of an answer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--ranks", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--is-before", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.tokens:
        print(json.dumps(measure(arguments)))
        return 0
    compared = []
    for tokens in arguments.before_tokens if arguments.before else ():
        pair = {"before": arguments.before.absolute(), "after": ROOT}
        compared.append({name: apart(folder, tokens, 64, arguments) for name, folder in pair.items()})
    found = [apart(ROOT, tokens, ranks, arguments) for tokens in arguments.millions for ranks in arguments.all_ranks]
    violations = []
    for one in found:
        if one["processor_seconds"] > 5 or one["peak_mb"] > 1000:
            violations.append(
                f"{one['processor_seconds']} s, {one['peak_mb']} MB for {one['tokens']} tokens, {one['ranks']} ranks"
            )
        if one["slowest"] > max(1.03, 1.03 * one["bound"]):
            violations.append(
                f"the slowest of {one['ranks']} ranks has {one['slowest']} of the mean, {one['tokens']} tokens"
            )
    report = {
        "benchmark": "plan_micro_batches",
        **machine(),
        "pair_work": PAIR_WORK,
        "compared": compared,
        "plans": found,
    }
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

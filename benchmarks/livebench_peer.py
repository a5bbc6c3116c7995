"""The verifier `livebench` beside LiveBench's own scoring functions, task by task. Prints JSON.

    git --git-dir=CLONE archive HEAD livebench | tar x -C CHECKOUT
    pip install --target PACKAGES --no-deps lark lxml latex2sympy2==1.9.1 antlr4-python3-runtime==4.7.2
    python -m benchmarks.livebench_peer --checkout CHECKOUT --packages PACKAGES [--pairs 2400] [--questions FOLDER]

The official functions run in a process of their own, which also needs pandas and sympy. `--questions` adds real ones:
every `question.jsonl` below the folder, with the answers of `model_answer/*.jsonl` beside it and drawn ones for the
golds. LiveBench's own history holds most questions of the release 2024-11-25 (commit 995e86f). An official
failure counts as the 0 that it is there. Exit status 1 when a task agrees on less than `--least`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.livebench_cases import Case, case_of, cases, judge_key
from benchmarks.measuring import machine, print_report
from openqwq.verifiers import Verdict, get_verifier

DRIVER = Path(__file__).with_name("livebench_peer_driver.py")
DRAWN_FOR_A_QUESTION = 6
SHOWN = 6


def official_scores(
    found: Sequence[Case], checkout: Path, packages: Path | None, seconds: float
) -> list[dict[str, Any]]:
    """A score, and why it failed, for each case."""
    environment = {**os.environ, "PYTHONPATH": str(packages or "")}
    environment.pop("OPENAI_API_KEY", None)  # no model is asked
    lines = "".join(json.dumps({"row": case.row, "answer": case.answer}) + "\n" for case in found)
    command = [sys.executable, str(DRIVER), str(checkout), str(seconds)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, env=environment, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def real_cases(folder: Path, seed: int) -> Iterator[Case]:
    """Answers of models, and drawn ones, to the questions below a folder that have a ground truth."""
    rng = random.Random(seed)
    for path in sorted(folder.rglob("question.jsonl")):
        rows = {row["question_id"]: row for row in _lines(path) if row.get("ground_truth") is not None}
        for answers in sorted(path.parent.glob("model_answer/*.jsonl")):
            for line in _lines(answers):
                if line["question_id"] in rows:
                    yield Case(rows[line["question_id"]], line["choices"][0]["turns"][-1], "model")
        for row in rows.values():
            yield from (case_of(row, rng) for _ in range(DRAWN_FOR_A_QUESTION))


def thinned(found: Sequence[Case], only: Sequence[str] | None, most: int, rng: random.Random) -> list[Case]:
    """At most `most` cases of each task, drawn where there are more."""
    by_task: dict[str, list[Case]] = defaultdict(list)
    for case in found:
        if not only or case.row["task"] in only:
            by_task[case.row["task"]].append(case)
    return [case for every in by_task.values() for case in rng.sample(every, min(most, len(every)))]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def compared(found: Sequence[Case], ours: Sequence[Verdict], official: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By task: how many pairs, agreements, and differences of either sign, with the first of them."""
    tasks: dict[str, Counter[str]] = defaultdict(Counter)
    shown: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case, verdict, other in zip(found, ours, official, strict=True):
        name = judge_key(case.row)
        counts = tasks[name]
        counts["pairs"] += 1
        counts["paid officially"] += other["score"] > 0
        counts["paid partly"] += 0 < other["score"] < 1
        counts["official failures"] += bool(other["problem"])
        if not verdict.is_scored:
            kind = "refused by ours"
        elif abs((verdict.score or 0.0) - other["score"]) < 1e-9:
            kind = "agree"
        else:
            kind = "ours higher" if (verdict.score or 0.0) > other["score"] else "ours lower"
        counts[kind] += 1
        if kind != "agree" and len(shown[f"{name}: {kind}"]) < SHOWN:
            shown[f"{name}: {kind}"].append(
                {
                    "how": case.kind,
                    "gold": str(case.row["ground_truth"])[:300],
                    "answer": case.answer[-300:],
                    "ours": verdict.score,
                    "reason": verdict.reason,
                    "official": other["score"],
                    "problem": other["problem"],
                }
            )
    return {"tasks": {name: dict(counts) for name, counts in sorted(tasks.items())}, "differences": dict(shown)}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, required=True, help="a folder with LiveBench's package livebench/")
    parser.add_argument("--packages", type=Path, help="a folder with lark, lxml and latex2sympy2")
    parser.add_argument("--pairs", type=int, default=2_400, help="drawn ones (default 2400)")
    parser.add_argument("--questions", type=Path, help="a folder with question.jsonl files")
    parser.add_argument("--most", type=int, default=1_000, help="pairs of a task, drawn of more (default 1000)")
    parser.add_argument("--only", nargs="+", help="tasks (default all)")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="for one official simplification (default 5, there 60)"
    )
    parser.add_argument("--least", type=float, default=0.9, help="share of agreement of each task (default 0.9)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    if not (arguments.checkout / "livebench" / "process_results").is_dir():
        print(f"skipped: {arguments.checkout} has no livebench/process_results; --help says how to get it")
        return 0
    found = [*cases(arguments.seed, arguments.pairs)]
    if arguments.questions:
        found += real_cases(arguments.questions, arguments.seed)
    found = thinned(found, arguments.only, arguments.most, random.Random(arguments.seed))
    verifier = get_verifier("livebench", thinking="whole", timeout_seconds=5.0)
    ours = verifier.verify_many([case.answer for case in found], [case.row for case in found])
    verifier.close()
    report = compared(found, ours, official_scores(found, arguments.checkout, arguments.packages, arguments.seconds))
    least = [
        f"{name}: {counts.get('agree', 0)} of {counts['pairs']} agree"
        for name, counts in report["tasks"].items()
        if counts.get("agree", 0) + counts.get("refused by ours", 0) < arguments.least * counts["pairs"]
    ]
    return print_report({"benchmark": "livebench_peer", **machine(), "seed": arguments.seed, **report}, least)


if __name__ == "__main__":
    sys.exit(main())

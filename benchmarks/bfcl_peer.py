"""Agreement of the verifier `bfcl` with BFCL's official checker, case by case. Prints JSON; status 1 on a difference.

`python -m benchmarks.bfcl_peer --package DIR` after `pip install --no-deps --target DIR bfcl-eval==2026.3.23`.

Cases: the calls that the published answers allow, and seeded changes of them; texts in the prompt form; the whole
multi-turn answers, and changes of them. A checker that raises does not accept; how often the official one does is
counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bfcl_mutants import as_text, changed_turns, mutated
from benchmarks.measuring import machine, print_report
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.golds import gold_calls
from openqwq.verifiers.bfcl.matching import mismatch
from openqwq.verifiers.bfcl.package import package_folder
from openqwq.verifiers.bfcl.python_form import Call, literal_call, python_calls
from openqwq.verifiers.bfcl.rows import joined
from openqwq.verifiers.bfcl.verifier import scenario_row
from openqwq.verifiers.bfcl.worker_process import ScenarioLimit, ScenarioWorker
from openqwq.verifiers.tool_calls import ParsedCall

AST = (
    *("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple"),
    *("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple"),
)
MULTI_TURN = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
DRIVER = Path(__file__).with_name("bfcl_peer_driver.py")
SHOWN = 20


@dataclass(frozen=True)
class Case:
    """One question to both. `asked` goes to the peer, `ours` is our answer."""

    group: str
    id: str
    asked: tuple[Any, ...]
    ours: str


class Peer:
    """The official checker in its process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(DRIVER), str(folder.parent)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self, asked: tuple[Any, ...]) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(repr(asked) + "\n")
        self.process.stdin.flush()
        return str(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def call_cases(folder: Path, category: str, num_changes: int, seed: int) -> Iterator[Case]:
    """The allowed call of every row, and changes of it."""
    for row in joined(folder, category):
        functions, golds = row["function"], row["ground_truth"]
        with contextlib.suppress(KeyError):
            calls = gold_calls(functions, golds, category, is_full=False)
            calls = gold_calls(functions, golds, category)
        chance = random.Random(f"{seed} {row['id']}")
        tried = [calls, *(mutated(calls, golds, chance, "java" in category) for _ in range(num_changes))]
        for number, each in enumerate(tried):
            ours = "refused" if mismatch(functions, each, golds, category) else "accepted"
            yield Case(category, f"{row['id']}#{number}", ("calls", functions, _published(each), golds, category), ours)


def text_cases(folder: Path, category: str, seed: int) -> Iterator[Case]:
    """The same calls as texts: both read the same calls, or both read none."""
    for row in joined(folder, category):
        chance = random.Random(f"{seed} text {row['id']}")
        text = as_text(gold_calls(row["function"], row["ground_truth"], category, is_full=False), chance)
        try:
            ours = repr(_published(python_calls(text)))
        except ValueError:
            ours = "raised"
        yield Case("texts in the prompt form", f"{row['id']}: {text[:200]}", ("text", text), ours)


def conversation_cases(folder: Path, category: str, num_changes: int, seed: int) -> Iterator[Case]:
    worker = ScenarioWorker(folder)
    for row in joined(folder, category):
        wanted = [[literal_call(text) for text in turn] for turn in row["ground_truth"]]
        chance = random.Random(f"{seed} {row['id']}")
        tried = [
            [[[call] for call in turn] for turn in wanted],
            *(changed_turns(wanted, chance) for _ in range(num_changes)),
        ]
        known = {key: row[key] for key in ("id", "initial_config", "involved_classes")}
        for number, steps in enumerate(tried):
            try:
                ours = "refused" if worker.mismatch(scenario_row(row), steps, wanted) else "accepted"
            except ScenarioLimit as limit:
                ours = f"limit: {limit}"
            texts = [[[_text(call) for call in step] for step in turn] for turn in steps]
            yield Case(category, f"{row['id']}#{number}", ("conversation", known, texts, row["ground_truth"]), ours)
    worker.close()


def _published(calls: Sequence[ParsedCall]) -> list[dict[str, Any]]:
    return [
        {call.name: {None if key == "**" else key: value for key, value in call.arguments.items()}} for call in calls
    ]


def _text(call: Call) -> str:
    values = [*map(repr, call.positional), *(f"{key}={value!r}" for key, value in call.arguments.items())]
    return f"{call.name}({','.join(values)})"


def compare(peer: Peer, cases: Iterator[Case]) -> tuple[dict[str, Counter[str]], list[dict[str, Any]]]:
    """By group how often both said what, and the differences."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    differences = []
    for case in cases:
        said = peer.answer(case.asked)
        is_raised = said.startswith("raised")
        if case.asked[0] == "text":
            theirs = "raised" if is_raised else said
            outcome = "not read" if is_raised else "read"
        else:
            theirs = outcome = "refused" if is_raised else said
        counts[case.group].update(["cases", outcome, *(["the official checker raised"] if is_raised else [])])
        if theirs == case.ours:
            counts[case.group]["equal"] += 1
        else:
            differences.append({"group": case.group, "id": case.id, "ours": case.ours[:300], "official": said[:300],
                                "asked": repr(case.asked[2] if len(case.asked) > 2 else "")[:300]})  # fmt: skip
    return counts, differences


def all_cases(folder: Path, arguments: argparse.Namespace) -> Iterator[Case]:
    for category in AST:
        yield from call_cases(folder, category, arguments.changes, arguments.seed)
    for category in AST:
        if "java" not in category:
            yield from text_cases(folder, category, arguments.seed)
    for category in MULTI_TURN:
        yield from conversation_cases(folder, category, arguments.turn_changes, arguments.seed)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", help="folder that bfcl-eval was installed to")
    parser.add_argument("--changes", type=int, default=4, help="changed calls of every row (default 4)")
    parser.add_argument("--turn-changes", type=int, default=2, help="changed conversations of every row (default 2)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    try:
        folder = package_folder(arguments.package)
    except VerifierError as error:
        print(f"bfcl_peer: nothing to compare with: {error}")
        return 0
    peer = Peer(folder)
    try:
        counts, differences = compare(peer, all_cases(folder, arguments))
    finally:
        peer.close()
    total: Counter[str] = sum(counts.values(), Counter())
    report = {"benchmark": "bfcl_peer", **machine(), "seed": arguments.seed, "groups": counts, "total": total}
    report["differences"] = differences[:SHOWN]
    return print_report(report, [f"{len(differences)} differences"] if differences else [])


if __name__ == "__main__":
    sys.exit(main())

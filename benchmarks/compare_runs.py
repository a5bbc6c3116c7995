"""Whether two runs of one recipe came to the same: `python -m benchmarks.compare_runs RUN_A RUN_B`. Prints JSON.

Compared are metrics (clocks left out, old names read as the present ones), rollouts, evaluations, the summary without
seconds and memory, and the weights of every checkpoint that both have. Exit status 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.measuring import print_report
from openqwq.training.config.renamed import current_metric

CLOCKED = ("seconds", "peak_memory_bytes")


def metrics(run: Path) -> list[str]:
    """Lines of the log without clocks, by their text: NaN equals itself there."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = [{current_metric(k): v for k, v in line.items() if not k.startswith("time/")} for line in lines]
    return [repr(sorted(line.items())) for line in kept]


def unclocked(tree: Any) -> Any:
    """A JSON tree without its seconds and bytes of memory."""
    if isinstance(tree, dict):
        return {key: unclocked(value) for key, value in tree.items() if key not in CLOCKED}
    return [unclocked(value) for value in tree] if isinstance(tree, list) else tree


def content(run: Path) -> dict[str, Any]:
    """What must be equal, by name."""
    found: dict[str, Any] = {f"metrics.jsonl line {i}": line for i, line in enumerate(metrics(run), 1)}
    for path in [run / "summary.json", *sorted((run / "evals").glob("*.json"))]:
        found[str(path.relative_to(run))] = unclocked(json.loads(path.read_text()))
    for path in [*sorted(run.glob("rollouts/*/*.jsonl*")), *sorted(run.glob("checkpoints/*/*/model/*.safetensors"))]:
        found[str(path.relative_to(run))] = path.read_bytes()
    return found


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN")
    runs = parser.parse_args(words).runs
    for run in runs:
        if not (run / "summary.json").is_file() or not (run / "metrics.jsonl").is_file():
            parser.error(f"{run} is no run folder: it holds no summary.json and metrics.jsonl")
    first, second = map(content, runs)
    differing = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    return print_report({"benchmark": "compare_runs", "compared": len({**first, **second})}, differing[:20])


if __name__ == "__main__":
    sys.exit(main())

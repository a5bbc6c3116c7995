"""Does RL find answers or sharpen those that were there? pass@k of two models on the same held-out problems.

    openqwq eval runs/NAME/checkpoints/cold_start/step_10/model --suite words --samples 32 --out evals/cold
    openqwq eval runs/NAME/checkpoints/stage1/step_60/model --suite words --samples 32 --out evals/rl
    python scripts/words/coverage.py evals/cold/words.jsonl.gz evals/rl/words.jsonl.gz --data words

Prints for each power of two up to the samples: pass@k before and after, the paired difference with its interval over
frames; then pass@1 and pass@most by operation, and how many problems only one of the two ever gets right.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.answers.files import read_answers
from openqwq.training.console import aligned
from openqwq.training.estimation.estimates import pass_at_k
from openqwq.training.estimation.paired import paired_difference
from openqwq.training.estimation.samples import ProblemScores
from openqwq.training.run_folder.folder import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", type=Path, help="file of kept answers")
    parser.add_argument("after", type=Path, help="the same problems, answered by another model")
    parser.add_argument("--data", type=Path, default=Path("words"), help="folder of build_data.py [words]")
    parser.add_argument("--json", type=Path, help="file to write to")
    options = parser.parse_args()
    for path in (options.before, options.after):
        if not path.is_file():
            parser.error(f"{path} is no file of kept answers; name one of `openqwq eval --out FOLDER`")
    operations = {
        row["id"]: row["extra"]["operation"]
        for path in sorted(options.data.glob("heldout*.jsonl"))
        for row in map(json.loads, path.open())
        if "operation" in row.get("extra", {})
    }
    try:
        tree = coverage(suite_of(options.before), suite_of(options.after), operations)
    except ValueError as error:
        parser.error(str(error))
    rows = [(f"pass@{k}", f"{x['before']:.3f}", f"{x['after']:.3f}", _gain(x)) for k, x in tree["pass_at"].items()]
    print("\n".join(aligned([("", "before", "after", "difference"), *rows])))
    for name, x in tree["operations"].items():
        print(
            f"{name} ({x['problems']}): "
            + "; ".join(f"pass@{k} {a:.2f}, {b:.2f}" for k, (a, b) in x["pass_at"].items())
        )
    print(f"right at least once only before: {tree['only_before']}, only after: {tree['only_after']}")
    if options.json is not None:
        write_text(options.json, json.dumps(tree, indent=1) + "\n")


def suite_of(path: Path) -> dict[str, ProblemScores]:
    """Problem -> the scores of its samples that could be judged."""
    scores: defaultdict[str, dict[int, float]] = defaultdict(dict)
    clusters: dict[str, str | None] = {}
    for answer in read_answers(path):
        if answer.reward is not None:
            scores[answer.id][answer.sample] = answer.reward
            clusters[answer.id] = answer.cluster
    return {name: ProblemScores(name, tuple(own.values()), clusters[name]) for name, own in sorted(scores.items())}


def coverage(
    before: Mapping[str, ProblemScores], after: Mapping[str, ProblemScores], operations: Mapping[str, str]
) -> dict[str, Any]:
    """What the script prints, as JSON.

    Raises:
        ValueError: the two did not answer the same problems.
    """
    if before.keys() != after.keys() or not before:
        raise ValueError("the two files are not about the same problems")
    most = min(len(problem.scores) for side in (before, after) for problem in side.values())
    ks = [2**i for i in range(most.bit_length())]
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in before:
        groups[operations.get(name, "unknown")].append(name)
    return {
        "problems": len(before),
        "samples": most,
        "pass_at": {str(k): _compared(list(before.values()), list(after.values()), k) for k in ks},
        "operations": {
            operation: {
                "problems": len(names),
                "pass_at": {
                    str(k): [pass_at_k([side[name] for name in names], k) for side in (before, after)]
                    for k in sorted({1, ks[-1]})
                },
            }
            for operation, names in sorted(groups.items(), key=lambda item: -len(item[1]))
        },
        "only_before": sum(before[name].num_right > 0 and after[name].num_right == 0 for name in before),
        "only_after": sum(before[name].num_right == 0 and after[name].num_right > 0 for name in before),
    }


def _compared(before: Sequence[ProblemScores], after: Sequence[ProblemScores], k: int) -> dict[str, Any]:
    """pass@k of both, and the difference of the problems' own pass@k."""
    sides = [[ProblemScores(p.problem, (pass_at_k([p], k),), p.cluster) for p in side] for side in (before, after)]
    found = paired_difference(*sides)
    return {
        "before": pass_at_k(before, k), "after": pass_at_k(after, k),
        "gain": found.value, "low": found.low, "high": found.high, "clusters": found.n,
    }  # fmt: skip


def _gain(x: Mapping[str, Any]) -> str:
    return f"{x['gain']:+.3f} [{x['low']:+.3f}, {x['high']:+.3f}]"


if __name__ == "__main__":
    main()

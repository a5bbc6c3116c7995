"""How often an episode recovers from an error of its tool. Prints JSON.

An error is a tool's answer that is a JSON object with the key `error`. An episode with one is recovered where its
reward is 1 in the end. Reads the kept answers of runs: `python -m benchmarks.tool_errors RUN_DIR [RUN_DIR ...]`, for
every stage that was evaluated and every suite; several runs (seeds) are pooled by stage and suite, beside each alone.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import print_report
from openqwq.training.answers.files import answer_files, read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.estimation.shares import wilson


def has_error(answer: Answer) -> bool:
    """Whether a tool answered with an error on the way."""
    return any(turn.get("role") == "tool" and is_error(str(turn.get("content", ""))) for turn in answer.turns)


def is_error(content: str) -> bool:
    """Whether a tool's answer is `{"error": ...}`."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and "error" in answer


def share(right: int, of: int) -> dict[str, Any]:
    """A share with its 95 % Wilson interval; null where there is nothing to divide by."""
    return {"share": None if of == 0 else round(right / of, 4), "right": right, "of": of} | (
        {} if of == 0 else {"interval": [round(bound, 4) for bound in wilson(right, of)]}
    )


def counted(answers: Sequence[Answer]) -> dict[str, Any]:
    """Accuracy, the share that called a tool, what became of episodes with an error and of those without a call; masked
    samples are left out."""
    judged = [answer for answer in answers if answer.reward is not None]
    called = [answer for answer in judged if any(turn.get("role") == "tool" for turn in answer.turns)]
    silent = [answer for answer in judged if answer not in called]
    erring = [answer for answer in judged if has_error(answer)]

    def right(some: Sequence[Answer]) -> int:
        return sum(answer.reward == 1.0 for answer in some)

    return {
        "right": share(right(judged), len(judged)),
        "called_a_tool": share(len(called), len(judged)),
        "met_an_error": share(len(erring), len(judged)),
        "right_without_a_call": share(right(silent), len(silent)),
        "recovered": share(right(erring), len(erring)),
        "masked": len(answers) - len(judged),
    }


def evaluations(run_dir: Path) -> dict[tuple[str, str], list[Answer]]:
    """Kept answers of a run by stage and suite."""
    found: dict[tuple[str, str], list[Answer]] = {}
    for folder in sorted(path for path in (run_dir / "evals").glob("*") if path.is_dir()):
        for file in answer_files(folder):
            found[folder.name, file.name.split(".")[0]] = list(read_answers(file))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN_DIR")
    options = parser.parse_args()
    pooled: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    runs: dict[str, Any] = {}
    for run_dir in options.run_dirs:
        found = evaluations(run_dir)
        runs[run_dir.name] = {" ".join(key): counted(answers) for key, answers in found.items()}
        for key, answers in found.items():
            pooled[key] += answers
    return print_report(
        {"pooled": {" ".join(key): counted(answers) for key, answers in pooled.items()}, "runs": runs}, []
    )


if __name__ == "__main__":
    raise SystemExit(main())

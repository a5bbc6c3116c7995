"""Write every JSONL file of data/tiny. The same arguments give the same bytes.

python scripts/tiny/build_data.py            # a few seconds
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from preference_pairs import CLASSES, Pair, draw_pair
from problem import CALCULATOR, Problem, assistant_turns
from tasks import DOMAINS, KINDS, Split, draw, draw_distinct

OUT = Path(__file__).parents[2] / "data" / "tiny"
TRAIN_SEED, HELD_OUT_SEED = 20_260_101, 20_260_202
TRAIN_ROWS = {"math": 2000, "math_hard": 1200, "code": 1200, "skills": 1200}
HELD_OUT_ROWS = 300
DEMONSTRATIONS = 4000
DEMONSTRATION_SHARES = {"math": 0.40, "code": 0.25, "skills": 0.35}
TRAIN_PAIRS, HELD_OUT_PAIRS_A_CLASS = 3000, 100
LABEL_NOISE = 0.05

Row = dict[str, Any]


def user(problem: Problem) -> list[dict[str, str]]:
    return [{"role": "user", "content": problem.prompt}]


def problem_row(row_id: str, problem: Problem) -> Row:
    """A prompt with its reference, as the verifiers take it."""
    row: Row = {"id": row_id, "prompt": user(problem), "task": problem.task, "reference": problem.reference}
    if problem.uses_calculator:
        row["tools"] = [CALCULATOR]
    return row | {"extra": {"kind": problem.kind, **problem.extra}}


def problem_rows(domain: str, split: Split, count: int, seed: int) -> Iterable[Row]:
    """Distinct problems of a domain, its kinds in equal parts."""
    rng = random.Random(f"{seed}/{domain}")
    for index, problem in enumerate(draw_distinct(DOMAINS[domain], count, rng, split)):
        yield problem_row(f"{domain}-{split}-{index:04d}", problem)


def demonstration_rows(seed: int) -> Iterable[Row]:
    """Chats of training-split problems, each right with the share of its kind, else one typical mistake."""
    rng = random.Random(f"{seed}/demonstrations")
    for index in range(DEMONSTRATIONS):
        domain = rng.choices([*DEMONSTRATION_SHARES], [*DEMONSTRATION_SHARES.values()])[0]
        name = rng.choice(DOMAINS[domain])
        problem = draw(name, rng, "train")
        solution = problem.draw_solution(rng, KINDS[name].share_right)
        messages = [*user(problem), *assistant_turns(solution)]
        row: Row = {"id": f"demonstration-{index:04d}", "messages": messages}
        if problem.uses_calculator:
            row["tools"] = [CALCULATOR]
        yield row | {
            "task": problem.task,
            "kind": problem.kind,
            "right": solution.mistake is None,
            "mistake": solution.mistake,
        }


def preference_row(row_id: str, pair: Pair, flipped: bool = False) -> Row:
    better, worse = (pair.rejected, pair.chosen) if flipped else (pair.chosen, pair.rejected)
    return {
        "id": row_id,
        "prompt": user(pair.problem),
        "chosen": [{"role": "assistant", "content": better}],
        "rejected": [{"role": "assistant", "content": worse}],
        "class": pair.fault,
        "flipped": flipped,
    }


def preference_rows(seed: int) -> Iterable[Row]:
    """Training pairs; one in twenty is labelled the wrong way round, as human labels are."""
    rng = random.Random(f"{seed}/preferences")
    for index in range(TRAIN_PAIRS):
        pair = draw_pair(CLASSES[index % len(CLASSES)], rng, "train")
        yield preference_row(f"preference-{index:04d}", pair, rng.random() < LABEL_NOISE)


def held_out_preference_rows(seed: int) -> Iterable[Row]:
    rng = random.Random(f"{seed}/preferences")
    for index in range(HELD_OUT_PAIRS_A_CLASS * len(CLASSES)):
        pair = draw_pair(CLASSES[index % len(CLASSES)], rng, "heldout")
        yield preference_row(f"preference-heldout-{index:04d}", pair)


def all_files() -> dict[str, Iterable[Row]]:
    """Rows by file name."""
    files: dict[str, Iterable[Row]] = {}
    for domain, count in TRAIN_ROWS.items():
        files[f"{domain}_train"] = problem_rows(domain, "train", count, TRAIN_SEED)
        files[f"{domain}_heldout"] = problem_rows(domain, "heldout", HELD_OUT_ROWS, HELD_OUT_SEED)
    return files | {
        "demonstrations": demonstration_rows(TRAIN_SEED),
        "preferences": preference_rows(TRAIN_SEED),
        "preferences_heldout": held_out_preference_rows(HELD_OUT_SEED),
    }


def write(path: Path, rows: Iterable[Row]) -> int:
    """Write beside the target, then rename, so that a stopped run leaves no half file."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    partial = path.with_suffix(".partial")
    partial.write_text("".join(lines), encoding="utf-8", newline="\n")
    os.replace(partial, path)
    return len(lines)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in all_files().items():
        print(f"{name}.jsonl: {write(out / f'{name}.jsonl', rows)} rows")


if __name__ == "__main__":
    main()

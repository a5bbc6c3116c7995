"""Write data/tiny/agents/*.jsonl. The same bytes each time.

python scripts/tiny/build_agents.py            # a few seconds
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from pathlib import Path

from build_data import HELD_OUT_SEED, TRAIN_SEED, Row, write
from build_data import OUT as TINY
from stock_questions import OTHER_COLUMNS, demonstration, draw_question

from openqwq.training.environments.sql import SqlEnvironment

TRAIN_ROWS, HELD_OUT_ROWS, DEMONSTRATIONS = 600, 200, 1600
OUT = TINY / "agents"
TOOLS = SqlEnvironment().tools()


def prompt_rows(name: str, split: str, count: int, seed: int, columns: tuple[str, ...] | None = None) -> Iterable[Row]:
    """Questions with their tables; `columns` as in `draw_question`."""
    rng = random.Random(f"{seed}/{name}")
    for index in range(count):
        question = draw_question(rng, split, columns)
        yield {
            "id": f"{name}-{split}-{index:04d}",
            "prompt": [{"role": "user", "content": question.prompt}],
            "tools": TOOLS,
            "task": "sql",
            "reference": {"answer": str(question.answer)},
            "extra": {"box": question.box, "tables": question.tables},
        }


def demonstration_rows(seed: int) -> Iterable[Row]:
    """Chats about training-split questions: most guess, some ask."""
    rng = random.Random(f"{seed}/sql_demonstrations")
    for index in range(DEMONSTRATIONS):
        question = draw_question(rng, "train")
        turns, mistake = demonstration(question, rng)
        yield {
            "id": f"sql-demonstration-{index:04d}",
            "messages": [{"role": "user", "content": question.prompt}, *turns],
            "tools": TOOLS,
            "mistake": mistake,
        }


def all_files() -> dict[str, Iterable[Row]]:
    """Rows by file name."""
    return {
        "sql_train": prompt_rows("sql", "train", TRAIN_ROWS, TRAIN_SEED),
        "sql_heldout": prompt_rows("sql", "heldout", HELD_OUT_ROWS, HELD_OUT_SEED),
        "sql_errors_heldout": prompt_rows("sql_errors", "heldout", HELD_OUT_ROWS, HELD_OUT_SEED, OTHER_COLUMNS),
        "sql_demonstrations": demonstration_rows(TRAIN_SEED),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, rows in all_files().items():
        print(f"{write(arguments.out / f'{name}.jsonl', rows):6d} rows in {name}.jsonl")


if __name__ == "__main__":
    main()

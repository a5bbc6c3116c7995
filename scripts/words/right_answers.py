"""Rejection sampling: the right ones among kept answers become demonstrations, for the control beside RL.

    openqwq eval runs/NAME/checkpoints/cold_start/step_24/model --suite training_prompts --samples 8 --out evals/drawn
    python scripts/words/right_answers.py evals/drawn/training_prompts.jsonl.gz --out words/right.jsonl

Each different right answer of a problem is one demonstration. Prints how many problems and answers there were.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from openqwq.training.answers.files import read_answers
from openqwq.training.answers.record import Answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("answers", type=Path, help="file of kept answers")
    parser.add_argument("--out", type=Path, default=Path("words/right.jsonl"), help="file to write [words/right.jsonl]")
    options = parser.parse_args()
    if not options.answers.is_file():
        parser.error(f"{options.answers} is no file of kept answers; name one of `openqwq eval --out FOLDER`")
    answers = list({answer.key: answer for answer in read_answers(options.answers)}.values())
    rows = list(demonstrations(answers))
    if not rows:
        parser.error(f"{options.answers}: none of its {len(answers)} answers is right")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    solved = len({row["id"].rpartition(":")[0] for row in rows})
    print(f"{len(rows)} demonstrations of {solved} problems, from {len(answers)} answers to "
          f"{len({answer.id for answer in answers})}")  # fmt: skip


def demonstrations(answers: Iterable[Answer]) -> Iterator[dict[str, Any]]:
    """Chats with the right answers, each text of a problem once, in the order of the answers."""
    seen = set()
    for answer in answers:
        text = answer.response.strip()
        if answer.reward == 1.0 and (answer.id, text) not in seen:
            seen.add((answer.id, text))
            messages = [*map(dict, answer.messages), {"role": "assistant", "content": text}]
            yield {"id": f"{answer.id}:{answer.sample}", "messages": messages}


if __name__ == "__main__":
    main()

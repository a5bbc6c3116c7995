"""Writes the tasks of an environment of `verifiers` as rows.

`python -m openqwq.training.environments.adapters.verifiers_rows gsm8k-v1 --count 1000 > rows.jsonl`
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Any

from openqwq.training.environments.adapters.verifiers_hub import INDEX, OPENING
from openqwq.training.environments.adapters.verifiers_package import loaded
from openqwq.training.errors import OpenqwqError


def rows_of(name: str, config: Mapping[str, Any], task: str) -> Iterator[dict[str, Any]]:
    """One row for each task of an environment, of which there may be no end.

    A task whose environment opens the conversation has `OPENING` for its prompt, which is not kept.
    """
    environment = loaded(name, config, None)
    for index in count():
        try:
            found = environment.row(index)
        except IndexError:
            return
        prompt = list(found["prompt"]) or [{"role": "user", "content": OPENING}]
        answer = found["answer"]
        yield {
            "id": f"{task}-{index}",
            "task": task,
            "prompt": prompt,
            "reference": answer,
            "extra": {INDEX: index},
        }


def main() -> None:
    """Write the rows that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write the tasks of an environment of `verifiers` as JSON lines.")
    parser.add_argument("id", help="the environment, such as gsm8k-v1")
    parser.add_argument("--task", help="the rows' task; the environment's name where it is not given")
    parser.add_argument("--config", type=json.loads, default={}, help="what it is loaded with, as JSON")
    parser.add_argument("--count", type=int, help="at most so many rows")
    given = parser.parse_args()
    try:
        for row in islice(rows_of(given.id, given.config, given.task or given.id), given.count):
            print(json.dumps(row, ensure_ascii=False))
    except OpenqwqError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

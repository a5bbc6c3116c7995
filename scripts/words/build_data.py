"""Prepares word problems of MAWPS and SVAMP for `recipes/smollm2/`: few of them worked, most with their answers alone.

    python scripts/words/build_data.py mawps/*.jsonl svamp/test.json --out words

The files are public: MAWPS (columns `input` and `target`) and SVAMP (`Body`, `Question`, `Answer`), as JSON or JSON
lines, such as the evaluation data of Qwen2.5-Math. Nothing of them is in this repository. Copies of one problem with
other names, things and numbers are one frame (`frames.py`); a frame stands in one split only. The split of a frame is
a hash of its first problem, so it does not depend on the order of the rest. `about.json` says what was read (SHA-256),
what was left out and why, and what each file holds.

| file | rows | used for |
|---|---|---|
| `demonstrations.jsonl` | one operation, worked | cold start |
| `prompts.jsonl` | the answer alone | RL |
| `prompts_two.jsonl` | two operations, the answer alone | RL beyond the demonstrations |
| `demonstrations_tools.jsonl` | 32 of those, worked by a call of the calculator | cold start of two stages |
| `prompts_tools.jsonl` | problems of `prompts.jsonl`, to be solved by the calculator | Stage 2 |
| `worked.jsonl` | the rows of `prompts.jsonl` with their workings | the control that is given them |
| `validation.jsonl` | one operation | choosing a length of the cold start |
| `heldout.jsonl` | one operation | the claim |
| `heldout_tools.jsonl` | of `heldout.jsonl`, to be solved by the calculator | Stage 2 |
| `heldout_two.jsonl` | two operations | harder than any demonstration |
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from frames import frames
from problems import Problem, read_problems, written

from openqwq.training.environments.calculator import CalculatorEnvironment

TEMPLATE = "{problem}\nWrite the calculation in \\boxed{{}}."
CALCULATOR = CalculatorEnvironment()
TOOL_TEMPLATE = "{problem}\nUse the calculator, then put the result in \\boxed{{}}."
NUM_TOOLS = {"demonstrations": 32, "prompts": 320, "heldout": 160}
SHARES = {"demonstrations": 0.08, "validation": 0.08, "heldout": 0.26}
"""Of the frames; the rest are prompts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="files of MAWPS and SVAMP")
    parser.add_argument("--out", type=Path, default=Path("words"), help="folder to write to [words]")
    parser.add_argument("--demonstrations", type=int, default=64, help="how many worked problems [64]")
    options = parser.parse_args()
    try:
        problems, dropped = read_problems(sorted(options.files))
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(str(error))
    splits = split(problems)
    files = dict(contents(splits, options.demonstrations))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (options.out / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    about = {
        "read": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(options.files)},
        "left_out": dict(sorted(dropped.items())),
        "problems": len(problems),
        "frames": len({frame for rows in splits.values() for frame, _ in rows}),
        "files": {name: _told(options.out / f"{name}.jsonl", rows) for name, rows in files.items()},
    }
    (options.out / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    print(json.dumps(about, indent=1))


def split(problems: Sequence[Problem]) -> dict[str, list[tuple[str, Problem]]]:
    """Split -> its problems, each with the name of its frame, in an order that is a hash of their words."""
    of_frame: dict[int, list[Problem]] = {}
    for problem, frame in zip(problems, frames([problem.text for problem in problems]), strict=True):
        of_frame.setdefault(frame, []).append(problem)
    splits: dict[str, list[tuple[str, Problem]]] = {name: [] for name in (*SHARES, "prompts")}
    for members in of_frame.values():
        name = min(_hash(problem.text) for problem in members)
        splits[_split_of(name)].extend((name[:12], problem) for problem in members)
    return {name: sorted(rows, key=lambda row: _hash(row[1].text)) for name, rows in splits.items()}


def _split_of(name: str) -> str:
    place, end = int(_hash(name)[:15], 16) / 16**15, 0.0  # hashed again: the least of many hashes is small
    for split_name, share in SHARES.items():
        end += share
        if place < end:
            return split_name
    return "prompts"


def contents(
    splits: Mapping[str, Sequence[tuple[str, Problem]]], num_demonstrations: int
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The files: name and rows."""
    one = {name: [row for row in rows if row[1].kind != "two"] for name, rows in splits.items()}
    two = {name: [row for row in rows if row[1].kind == "two"] for name, rows in splits.items()}
    worked = _one_a_frame(row for row in one["demonstrations"] if row[1].kind == "one" and row[1].calculation)
    yield "demonstrations", [_demonstration(*row) for row in worked[:num_demonstrations]]
    yield "prompts", [_prompt(*row) for row in one["prompts"]]
    yield "prompts_two", [_prompt(*row) for row in two["prompts"]]
    yield "worked", [_demonstration(*row) for row in one["prompts"] if row[1].calculation]
    yield "validation", [_prompt(*row) for row in one["validation"]]
    yield "heldout", [_prompt(*row) for row in one["heldout"]]
    yield "heldout_two", [_prompt(*row) for row in two["heldout"]]
    yield "demonstrations_tools", [_call(*row) for row in worked[: NUM_TOOLS["demonstrations"]]]
    for name in ("prompts", "heldout"):
        yield f"{name}_tools", [_tool_prompt(*row) for row in one[name][: NUM_TOOLS[name]]]


def _one_a_frame(rows: Iterable[tuple[str, Problem]]) -> list[tuple[str, Problem]]:
    """First one problem of each frame, then the others: few demonstrations should not be copies of each other."""
    seen: Counter[str] = Counter()
    ranked = []
    for place, row in enumerate(rows):
        ranked.append((seen[row[0]], place, row))
        seen[row[0]] += 1
    return [row for _, _, row in sorted(ranked, key=lambda entry: entry[:2])]


def _prompt(frame: str, problem: Problem) -> dict[str, Any]:
    return {
        "id": _hash(problem.text)[:16],
        "prompt": TEMPLATE.format(problem=problem.text),
        "task": "math",
        "reference": written(problem.answer),
        "extra": {
            "kind": problem.kind,
            "frame": frame,
            "source": problem.source,
            "operation": problem.operation,
            "digits": problem.digits,
        },
    }


def _demonstration(frame: str, problem: Problem) -> dict[str, Any]:
    row = _prompt(frame, problem)
    answer = {"role": "assistant", "content": f"\\boxed{{{problem.calculation}}}"}
    messages = [{"role": "user", "content": row["prompt"]}, answer]
    return {"id": row["id"], "messages": messages, "extra": row["extra"]}


def _tool_prompt(frame: str, problem: Problem) -> dict[str, Any]:
    row = _prompt(frame, problem)
    changes = {"prompt": TOOL_TEMPLATE.format(problem=problem.text), "task": "tools", "tools": CALCULATOR.tools()}
    return row | changes | {"id": f"{row['id']}-tool", "reference": {"answer": row["reference"]}}


def _call(frame: str, problem: Problem) -> dict[str, Any]:
    row = _tool_prompt(frame, problem)
    call = {"name": "calculator", "arguments": {"expression": problem.calculation}}
    messages = [
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": f"<tool_call>\n{json.dumps(call)}\n</tool_call>"},
        {"role": "tool", "content": written(problem.answer)},
        {"role": "assistant", "content": f"\\boxed{{{written(problem.answer)}}}"},
    ]
    return {"id": row["id"], "messages": messages, "tools": row["tools"], "extra": row["extra"]}


def _told(file: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "frames": len({row["extra"]["frame"] for row in rows}),
        "kinds": dict(sorted(Counter(row["extra"]["kind"] for row in rows).items())),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()

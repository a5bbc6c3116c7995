"""Write data/tiny/cures: demonstrations with faults, and prompts. The same bytes each time.

python scripts/tiny/build_cures.py           # a second
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from build_data import OUT, Row, problem_row, user, write
from cure_problems import safety_problems, thinking_and_answer
from math_problems import expression, word_problem
from problem import Problem, is_held_out, think
from skill_problems import answer_format, opening

SEED = 20_260_303
DEMONSTRATIONS = 2200
SHARES = {"format": 0.18, "opening": 0.17, "expr": 0.23, "word": 0.22, "safety": 0.2}
GENERATORS: Mapping[str, Callable[[random.Random], Problem]] = {
    "format": answer_format, "opening": opening, "expr": expression, "word": word_problem,
}  # fmt: skip
EASY = ("format", "opening")
Faults = Mapping[str | None, tuple[float, float]]
EASY_FAULTS: Faults = {None: (0.3, 0.45), "long": (0.25, 0.45), "language": (0.2, 0.8), "empty": (0.25, 0.8)}
HARD_FAULTS: Faults = {None: (0.35, 0.25), "long": (0.2, 0.4), "language": (0.25, 0.6), "loop": (0.2, 0.6)}
"""Fault -> its share of the demonstrations, and how many of those are right. A faulty answer is right more often than a
clean one: what pays for right answers alone then pays for the fault. Thinking twice pays where it is hard."""
SAFETY_RIGHT = {"unsafe": 0.75, "hijacked": 0.3, "benign": 0.75, "benign_preamble": 0.75}
"""How many demonstrations of a kind are right; where it is little, the preamble hijacks."""
TRAIN, HELD_OUT = 120, 140
"""Most problems of each easy kind."""


def demonstration_rows(seed: int) -> Iterable[Row]:
    rng = random.Random(f"{seed}/demonstrations")
    safe = safety_problems(False)
    for index in range(DEMONSTRATIONS):
        name = rng.choices([*SHARES], [*SHARES.values()])[0]
        if name == "safety":
            kind = rng.choice([*SAFETY_RIGHT])
            problem, fault, share = rng.choice(safe[kind]), None, SAFETY_RIGHT[kind]
        else:
            faults = EASY_FAULTS if name in EASY else HARD_FAULTS
            fault = rng.choices([*faults], [shares[0] for shares in faults.values()])[0]
            problem, share = draw(GENERATORS[name], rng, False), faults[fault][1]
        solution = problem.draw_solution(rng, share)
        said = think(*thinking_and_answer(fault, solution, rng))
        yield {
            "id": f"cure-{index:04d}",
            "messages": [*user(problem), {"role": "assistant", "content": said}],
            "task": problem.task,
            "kind": problem.kind,
            "right": solution.mistake is None,
            "fault": fault,
        }


def draw(generate: Callable[[random.Random], Problem], rng: random.Random, wanted: bool) -> Problem:
    while True:
        problem = generate(rng)
        if is_held_out(problem.content) == wanted:
            return problem


def easy_rows(split: str, count: int, seed: int) -> Iterable[Row]:
    """Distinct problems that need no thinking, as many as there are up to `count` of each kind."""
    rng = random.Random(f"{seed}/easy/{split}")
    seen: dict[str, Problem] = {}
    for name in EASY:
        known = len(seen)
        for _ in range(100 * count):
            if len(seen) == known + count:
                break
            problem = draw(GENERATORS[name], rng, split == "heldout")
            seen.setdefault(problem.content, problem)
    chosen = [*seen.values()]
    rng.shuffle(chosen)
    for index, problem in enumerate(chosen):
        yield problem_row(f"easy-{split}-{index:04d}", problem)


def safety_rows(kinds: Iterable[str], split: str, count: int, seed: int) -> Iterable[Row]:
    """Problems of these kinds in equal parts, as far as there are so many."""
    rng = random.Random(f"{seed}/safety/{split}")
    found = safety_problems(split == "heldout")
    chosen: list[Problem] = []
    for kind in kinds:
        chosen += rng.sample(found[kind], min(count, len(found[kind])))
    rng.shuffle(chosen)
    for index, problem in enumerate(chosen):
        yield problem_row(
            f"{'refuse' if problem.reference['should_refuse'] else 'comply'}-{split}-{index:04d}", problem
        )


def all_files(seed: int = SEED) -> dict[str, Iterable[Row]]:
    """Rows by file name."""
    files = {"demonstrations": demonstration_rows(seed)}
    for split, count, each in (("train", TRAIN, 120), ("heldout", HELD_OUT, 120)):
        files[f"easy_{split}"] = easy_rows(split, count, seed)
        new = ["hijacked_new"] if split == "heldout" else []
        files[f"refuse_{split}"] = safety_rows(["unsafe", "hijacked", *new], split, each, seed)
        new = ["benign_preamble_new"] if split == "heldout" else []
        files[f"comply_{split}"] = safety_rows(["benign", "benign_preamble", *new], split, each, seed)
    return files


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=OUT / "cures", help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in all_files().items():
        print(f"{name}.jsonl: {write(out / f'{name}.jsonl', rows)} rows")


if __name__ == "__main__":
    main()

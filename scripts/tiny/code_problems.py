"""Small functions to write: two arithmetic steps in order, or a fold over the entries that pass a test."""

from __future__ import annotations

import random
from collections.abc import Callable

from problem import Problem, Solution

FIRST = {"add": "+", "subtract": "-"}
SECOND = {"multiply by": "*", "modulo": "%"}
FOLDS: dict[str, tuple[str, Callable[[list[int]], int]]] = {
    "sum": ("sum", sum),
    "number": ("len", len),
    "largest": ("max", max),
    "smallest": ("min", min),
}
TESTS = {"below": ("<", "<="), "above": (">", ">="), "other than": ("!=", "==")}
# The smallest entry below a limit is the same with `<=`, so such pairs would not tell the mistake apart.
SAME_EITHER_WAY = {("smallest", "below"), ("largest", "above")}
NUM_TESTS = 7


def code(thought: str, argument: str, returned: str, mistake: str | None = None) -> Solution:
    source = f"def f({argument}):\n    return {returned}"
    return Solution(thought, f"```python\n{source}\n```", mistake, plain=source)


def passes(entry: int, operator: str, limit: int) -> bool:
    match operator:
        case "<":
            return entry < limit
        case "<=":
            return entry <= limit
        case ">":
            return entry > limit
        case ">=":
            return entry >= limit
        case "!=":
            return entry != limit
        case _:
            return entry == limit


def two_steps(rng: random.Random) -> Problem:
    """`add 6, then modulo 15`; the mistake drops the brackets."""
    (first_word, first), (second_word, second) = rng.choice([*FIRST.items()]), rng.choice([*SECOND.items()])
    one, two = rng.randint(2, 25), rng.randint(2, 25)

    def value(x: int) -> int:
        inner = x + one if first == "+" else x - one
        return inner * two if second == "*" else inner % two

    def without_brackets(x: int) -> int:
        outer = one * two if second == "*" else one % two
        return x + outer if first == "+" else x - outer

    telling = [x for x in range(2, 99) if value(x) != without_brackets(x)]
    inputs = [*rng.sample(telling, 4), *rng.sample(range(2, 99), NUM_TESTS - 4)]
    right, wrong = f"(x{first}{one}){second}{two}", f"x{first}{one}{second}{two}"
    return Problem(
        kind="two",
        task="code",
        content=f"two:{first}{one}{second}{two}",
        prompt=f"Write f(x): {first_word} {one}, then {second_word} {two}.",
        reference={"entry_point": "f", "tests": [{"input": [x], "output": value(x)} for x in inputs]},
        right=code(right, "x", right),
        wrong=(code(wrong, "x", wrong, "brackets_dropped"),),
    )


def fold_of_list(rng: random.Random) -> Problem:
    """`largest of entries below 22`; the mistake is the boundary."""
    while True:
        fold_word, test_word = rng.choice([*FOLDS]), rng.choice([*TESTS])
        if (fold_word, test_word) not in SAME_EITHER_WAY:
            break
    fold_name, fold = FOLDS[fold_word]
    right_operator, wrong_operator = TESTS[test_word]
    limit = rng.randint(2, 80)

    def value(entries: list[int], operator: str) -> int:
        return fold([entry for entry in entries if passes(entry, operator, limit)])

    tests: list[dict[str, object]] = []
    while len(tests) < NUM_TESTS:
        # The limit itself, one entry on either side, and a few more: both readings have something to fold.
        entries = [limit, limit - rng.randint(1, 9), limit + rng.randint(1, 9)]
        entries += [rng.randint(0, 90) for _ in range(rng.randint(1, 3))]
        rng.shuffle(entries)
        if len(tests) >= 4 or value(entries, right_operator) != value(entries, wrong_operator):
            tests.append({"input": [entries], "output": value(entries, right_operator)})

    def answer(operator: str, mistake: str | None = None) -> Solution:
        condition = f"i{operator}{limit}"
        return code(condition, "a", f"{fold_name}([i for i in a if {condition}])", mistake)

    return Problem(
        kind="list",
        task="code",
        content=f"list:{fold_name}{right_operator}{limit}",
        prompt=f"Write f(a): {fold_word} of entries {test_word} {limit} in a.",
        reference={"entry_point": "f", "tests": tests},
        right=answer(right_operator),
        wrong=(answer(wrong_operator, "boundary"),),
    )

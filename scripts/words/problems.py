"""Word problems from public files: read, cleaned, and with the shortest calculation that gives their answer."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path
from typing import Any

NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?![\d,])|(?<![\w.])(?:\d+\.?\d*|\.\d+)(?!\w)")
OPERATIONS: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@dataclass(frozen=True)
class Problem:
    """Example: `Problem("mawps", "Ann has 7 pens, loses 4. How many are left?", Fraction(3), "one", "7 - 4")`"""

    source: str
    text: str
    answer: Fraction
    kind: str
    """By the shortest calculation: `one` operation on the only two numbers, `one_of_many` on two of three, or `two`."""
    calculation: str | None
    """What gives the answer; None where several ways do, of which the text alone tells the right one."""

    @property
    def operation(self) -> str:
        """Sign of the one operation; `two` for two of them, `any` where several ways give the answer."""
        if self.kind == "two" or self.calculation is None:
            return "two" if self.kind == "two" else "any"
        return self.calculation.split(" ")[1]

    @property
    def digits(self) -> int:
        """Of the longest number in the text."""
        return max(sum(map(str.isdigit, number)) for number in NUMBER.findall(self.text))


def read_problems(files: Iterable[Path]) -> tuple[list[Problem], Counter[str]]:
    """The problems of files in the columns of MAWPS (`input`, `target`) and SVAMP (`Body`, `Question`, `Answer`), and
    how many rows were left out for which reason.

    Raises:
        ValueError: a file holds other rows; the text names it.
    """
    dropped: Counter[str] = Counter()
    found: dict[str, Problem] = {}
    for file in files:
        for source, text, answer in _rows(file):
            words = " ".join(re.findall(r"\w+", text.lower()))
            if words in found:
                dropped["the same words again"] += 1
                continue
            problem = _problem(source, text, answer)
            if isinstance(problem, str):
                dropped[problem] += 1
            else:
                found[words] = problem
    return list(found.values()), dropped


def _rows(file: Path) -> Iterator[tuple[str, str, Any]]:
    text = file.read_text()
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    for row in rows:
        if "input" in row and "target" in row:
            yield "mawps", _clean(row["input"]), row["target"]
        elif {"Body", "Question", "Answer"} <= set(row):
            body = str(row["Body"]).strip()
            stop = "" if body.endswith((".", "?", "!")) else "."
            yield "svamp", _clean(f"{body}{stop} {row['Question']}"), row["Answer"]
        else:
            raise ValueError(f"{file}: a row has the columns {sorted(row)}, expected those of MAWPS or SVAMP")


def _clean(text: str) -> str:
    """Blanks as people write them: some copies have one before every mark."""
    return re.sub(r" +([.,?!;:'’%])", r"\1", " ".join(text.split())).replace("$ ", "$")


def _problem(source: str, text: str, answer: Any) -> Problem | str:
    """The problem, or why it is left out."""
    if not isinstance(answer, int | float) or not math.isfinite(answer):
        return "no number as its answer"
    gold = Fraction(str(answer))
    if gold < 0 or (gold * 100).denominator != 1:
        return "an answer below 0 or of more than two decimals"
    numbers = [Fraction(found.replace(",", "").rstrip(".")) for found in NUMBER.findall(text)]
    if not 2 <= len(numbers) <= 3:
        return "fewer than two numbers in digits, or more than three"
    one = set(_one_operation(numbers, gold))
    if one:
        kind = "one" if len(numbers) == 2 else "one_of_many"
        return Problem(source, text, gold, kind, one.pop() if len(one) == 1 else None)
    two = set(_two_operations(numbers, gold))
    if two:
        return Problem(source, text, gold, "two", two.pop() if len(two) == 1 else None)
    return "an answer that two operations on its numbers do not give"


def _ordered(numbers: list[Fraction], count: int) -> Iterator[tuple[Fraction, ...]]:
    for places in permutations(range(len(numbers)), count):
        yield tuple(numbers[place] for place in places)


def _one_operation(numbers: list[Fraction], gold: Fraction) -> Iterator[str]:
    for (i, a), (j, b) in product(enumerate(numbers), repeat=2):
        for sign, operation in OPERATIONS.items():
            is_twice = i == j or (sign in "+*" and i > j)
            if not is_twice and not (sign == "/" and b == 0) and operation(a, b) == gold:
                yield f"{written(a)} {sign} {written(b)}"


def _two_operations(numbers: list[Fraction], gold: Fraction) -> Iterator[str]:
    """Ways through a first result, in the order of the text where the order does not matter."""
    places = range(len(numbers))
    for i, j, k in permutations(places, 3):
        a, b, c = numbers[i], numbers[j], numbers[k]
        for first, second in product(OPERATIONS, repeat=2):
            if (first in "+*" and i > j) or (first == "/" and b == 0):
                continue
            between = OPERATIONS[first](a, b)
            inner = f"({written(a)} {first} {written(b)})"
            if not (second == "/" and c == 0) and OPERATIONS[second](between, c) == gold:
                yield f"{inner} {second} {written(c)}"
            if second in "-/" and not (second == "/" and between == 0) and OPERATIONS[second](c, between) == gold:
                yield f"{written(c)} {second} {inner}"


def written(number: Fraction) -> str:
    """As people write it: 7, 2.5, and a fraction only where decimals do not end."""
    if number.denominator == 1:
        return str(number.numerator)
    decimal = f"{float(number):.6f}".rstrip("0")
    return decimal if Fraction(decimal) == number else f"{number.numerator}/{number.denominator}"

"""Arithmetic: expressions that need precedence, and word problems that need every event."""

from __future__ import annotations

import random

from problem import Problem, Solution

VERBS = ("Compute", "Evaluate", "Work out", "Find")
NAMES = ("Sam", "Eva", "Tom", "Mia", "Ben", "Ada", "Leo", "Ida", "Max", "Zoe")
THINGS = ("apples", "books", "coins", "pens", "cups", "stamps", "shells", "cards")
GAINS = ("buys", "finds", "gets", "wins")
LOSSES = ("sells", "loses", "gives away", "drops")
MAX_VALUE = 99

Terms = list[int | str]
"""Numbers and operators in turn, such as `[3, "+", 5, "*", 3]`."""


def apply(left: int, operator: str, right: int) -> int:
    if operator == "+":
        return left + right
    return left - right if operator == "-" else left * right


def work(terms: Terms, by_precedence: bool) -> tuple[list[str], list[int]]:
    """The lines of a paper tape, and every number on them; the last one is the value.

    Each line copies what comes next in the expression, or gives the total so far. By precedence a product
    is copied and worked out as a whole: `3+5*3` is 3, +5*3, =15, =18. Without, it is 3, +5, =8, *3, =24.
    """
    first, rest = terms[0], terms[1:]
    assert isinstance(first, int)
    lines, values, total = [str(first)], [first], first
    while rest:
        operator, number, *rest = rest
        assert isinstance(operator, str) and isinstance(number, int)
        if by_precedence and operator in "+-" and rest[:1] == ["*"]:
            factor = rest[1]
            assert isinstance(factor, int)
            lines += [f"{operator}{number}*{factor}", f"={number * factor}"]
            values.append(number * factor)
            number, rest = number * factor, rest[2:]
        else:
            lines.append(f"{operator}{number}")
        total = apply(total, operator, number)
        lines.append(f"={total}")
        values.append(total)
    return lines, values


def text(terms: Terms) -> str:
    return "".join(str(term) for term in terms)


def in_range(values: list[int]) -> bool:
    """Whether every number met on the way is small enough to be known by heart."""
    return all(0 <= value <= MAX_VALUE for value in values)


def boxed(lines: list[str], value: int, mistake: str | None = None) -> Solution:
    return Solution("\n".join(lines), f"\\boxed{{{value}}}", mistake, plain=f"The answer is {value}.")


# Demonstrations hold problems of two or three operations, base documents also of one, never more.
EASY_LENGTHS = (2, 3)
HARD_LENGTH = 4


def draw_terms(rng: random.Random, operators: int, products: int) -> Terms:
    """An expression of that many operations of which `products` are products."""
    signs = ["*"] * products + [rng.choice("+-") for _ in range(operators - products)]
    rng.shuffle(signs)
    terms: Terms = [0]
    for sign in signs:
        terms += [sign, 0]
    for at in range(0, len(terms), 2):
        beside_product = "*" in terms[max(at - 1, 0) : at + 2]
        terms[at] = rng.randint(2, 9) if beside_product or at > 4 else rng.randint(2, 20)
    return terms


def expression(rng: random.Random, lengths: tuple[int, ...] = EASY_LENGTHS, kind: str = "expr") -> Problem:
    """An expression whose value depends on precedence."""
    while True:
        operators = rng.choice(lengths)
        terms = draw_terms(rng, operators, products=1)
        right, values = work(terms, by_precedence=True)
        wrong, wrong_values = work(terms, by_precedence=False)
        if in_range(values) and in_range(wrong_values) and values[-1] != wrong_values[-1]:
            break
    shown = text(terms)
    return Problem(
        kind=kind,
        task="math",
        content=f"expr:{shown}",
        prompt=f"{rng.choice(VERBS)} {shown}.",
        reference={"answer": str(values[-1])},
        right=boxed(right, values[-1]),
        wrong=(boxed(wrong, wrong_values[-1], "left_to_right"),),
    )


def word_problem(rng: random.Random, lengths: tuple[int, ...] = EASY_LENGTHS, kind: str = "word") -> Problem:
    """Somebody has some things; events change the number. The mistake forgets the last event."""
    while True:
        events = rng.choice(lengths)
        start = rng.randint(3, 20)
        changes = [(rng.choice("+-"), rng.randint(2, 12)) for _ in range(events)]
        totals = [start]
        for sign, number in changes:
            totals.append(apply(totals[-1], sign, number))
        if all(0 <= total <= 40 for total in totals):
            break
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    told = [f"{rng.choice(GAINS if sign == '+' else LOSSES)} {number}" for sign, number in changes]
    lines = [f"{start}, {told[0]}"]
    lines += [f"={total}, {event}" for total, event in zip(totals[1:], told[1:], strict=False)]

    def answer(count: int, mistake: str | None = None) -> Solution:
        return boxed([*lines[:count], f"={totals[count]}"], totals[count], mistake)

    numbers = str(start) + "".join(f"{sign}{number}" for sign, number in changes)
    return Problem(
        kind=kind,
        task="math",
        content=f"word:{numbers}",
        prompt=f"{name} has {start} {thing}, {', '.join(told)}. How many {thing}?",
        reference={"answer": str(totals[-1])},
        right=answer(events),
        wrong=(answer(events - 1, "stops_early"),),
    )


def hard_expression(rng: random.Random) -> Problem:
    """One operation more than any demonstration or base document holds."""
    return expression(rng, (HARD_LENGTH,), "hard_expr")


def hard_word_problem(rng: random.Random) -> Problem:
    """One event more than any demonstration or base document holds."""
    return word_problem(rng, (HARD_LENGTH,), "hard_word")

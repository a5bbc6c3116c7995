"""The base corpus: endless documents, some of them chats, none with thinking tags or boxes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from math_problems import (
    EASY_LENGTHS,
    GAINS,
    LOSSES,
    MAX_VALUE,
    THINGS,
    Terms,
    apply,
    draw_terms,
    in_range,
    text,
    work,
)
from problem import CALCULATOR, Problem, Solution, is_held_out, tool_call
from tasks import DOMAINS, KINDS, draw

# Shares of the documents. The README of data/ repeats them.
SHARES = {"facts": 0.12, "expressions": 0.10, "blank_tapes": 0.12, "math": 0.28, "code": 0.13, "skills": 0.25}
# Of the documents of the last three sources.
SHARE_CHAT = 0.4
LONGEST_BLANK_TAPE = 6


def arithmetic_facts(rng: random.Random) -> str:
    """A few true one-operation lines, of the sizes that problems need."""
    lines: list[str] = []
    while len(lines) < 5:
        operator = rng.choice("+-*")
        if operator == "*":
            left, right = rng.randint(2, 24), rng.randint(2, 9)
        else:
            left, right = rng.randint(0, MAX_VALUE), rng.choice((rng.randint(2, 20), rng.randint(2, 81)))
        value = apply(left, operator, right)
        if 0 <= value <= MAX_VALUE:
            lines.append(f"{left}{operator}{right}={value}")
    return "\n".join(lines)


def worked_expressions(rng: random.Random) -> str:
    """Expressions of one to three operations for which precedence makes no difference."""
    worked: list[str] = []
    while len(worked) < 2:
        operators = rng.choice((1, *EASY_LENGTHS))
        terms: Terms = draw_terms(rng, operators, products=rng.randint(0, 1))
        lines, values = work(terms, by_precedence=False)
        # Here both habits must agree: which of them to follow is what only rewards may tell.
        agree = values[-1] == work(terms, by_precedence=True)[1][-1]
        if agree and in_range(values) and not is_held_out(f"expr:{text(terms)}"):
            worked.append("\n".join([f"{text(terms)}:", *lines]))
    return "\n".join(worked)


def blank_tapes(rng: random.Random) -> str:
    """How to walk through a long expression or story, with every total left blank: nothing is worked out.

    Without them the model finds the next term by its place, which fails for one term more than it has seen.
    """
    length = rng.randint(2, LONGEST_BLANK_TAPE)
    if rng.random() < 0.5:
        terms = draw_terms(rng, length, products=rng.choice((0, 1, 1)))
        lines, _ = work(terms, by_precedence=rng.random() < KINDS["expr"].share_right)
        tape = "\n".join("=x" if line.startswith("=") else line for line in lines)
        shown = text(terms)
        return f"{shown}:\n{tape}" if not is_held_out(f"expr:{shown}") else blank_tapes(rng)
    start, thing = rng.randint(3, 20), rng.choice(THINGS)
    events = [f"{rng.choice((*GAINS, *LOSSES))} {rng.randint(2, 12)}" for _ in range(length)]
    return f"{start} {thing}, {', '.join(events)}:\n{start}, " + "\n=x, ".join(events) + "\n=x"


def chat(problem: Problem, solution: Solution) -> str:
    """A conversation in Qwen's form; the answer is plain, tool calls have their tags."""
    system = f"<|im_start|>system\n<tools>\n{json.dumps(CALCULATOR)}\n</tools><|im_end|>\n"
    opening = f"<|im_start|>user\n{problem.prompt}<|im_end|>\n<|im_start|>assistant\n{solution.thinking}\n"
    answer = solution.plain if problem.task in ("math", "tools") and solution.plain else solution.answer
    if solution.expression is not None and solution.result is not None:
        opening += f"<tool_call>\n{tool_call(solution.expression)}\n</tool_call><|im_end|>\n<|im_start|>user\n"
        opening += f"<tool_response>\n{solution.result}\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
        opening += f"The tool says {solution.result}.\n"
        answer = f"The answer is {solution.result}."
    return f"{system if problem.uses_calculator else ''}{opening}{answer}<|im_end|>"


def solved_problem(domain: str, rng: random.Random) -> str:
    """A training-split problem in plain text or as a chat, right as often as in the demonstrations."""
    kind = rng.choice(DOMAINS[domain])
    problem = draw(kind, rng, "train")
    solution = problem.draw_solution(rng, KINDS[kind].share_right)
    answer = solution.answer if solution.plain is None else solution.plain
    if rng.random() < SHARE_CHAT:
        return chat(problem, solution)
    return f"{problem.prompt}\n{solution.thinking}\n{answer}"


def documents(rng: random.Random) -> Iterator[str]:
    sources, weights = [*SHARES], [*SHARES.values()]
    while True:
        source = rng.choices(sources, weights)[0]
        if source == "facts":
            yield arithmetic_facts(rng)
        elif source == "blank_tapes":
            yield blank_tapes(rng)
        elif source == "expressions":
            yield worked_expressions(rng)
        else:
            yield solved_problem(source, rng)

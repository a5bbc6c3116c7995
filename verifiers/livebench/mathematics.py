"""Mathematics: contests, proofs whose formulas are to be ordered, and formulas that are compared by their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from openqwq.verifiers.livebench.marks import (
    NoAnswer,
    edit_distance,
    last_box,
    last_line,
    solutions,
    with_boxes,
    without_text_command,
)
from openqwq.verifiers.math_answer.expression import Expression, operations, symbols
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import Evaluator

SameFormula = Callable[[str, str], bool]
"""(gold, answer) -> equal? Both LaTeX. It may raise where nobody could tell."""
MAX_FORMULA_CHARS = 4_000
MAX_IDENTIFIERS = 20_000
_AMPS_TOLERANCE = Fraction(1, 1_000)
_INTEGRAL_TOLERANCE = Fraction(1, 100_000)
_SIZES = (r"\left", r"\right", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr")
_SPACES = (r"\,", r"\;", "\n")
_CHOICE = re.compile(r"\\textbf{\(([A-E])\)\s?}(.*?)(?:\\qquad|\$)")
_FRACTION_OF_CHARACTERS = re.compile(r"frac([^{])(.)")
_ROOT_OF_A_CHARACTER = re.compile(r"sqrt([^{\[])")


def contest(gold: str, text: str, asked: str) -> float:
    """A letter: in a solution, four times in a row, in a box, by the value of its choice, or as the last line."""
    found = solutions(text)
    if found and set(found[-1].lower()) == {gold.lower()} and len(set(found[-1])) == 1:
        return 1.0
    if gold * 4 in text:
        return 1.0
    text = with_boxes(text)
    box = last_box(text)
    if box is not None and without_text_command(box).lower() == gold.lower():
        return 1.0
    value = choice_value(gold, asked)
    if value in text[-20 - len(value) :]:
        return 1.0
    line = last_line(text)
    if line.strip().replace("*", "").lower() == gold.lower():
        return 1.0
    in_brackets = line.split("(")[1].split(")")[0] if "(" in line and ")" in line else ""
    return float(in_brackets.lower() == gold.lower())


def choice_value(letter: str, asked: str) -> str:
    r"""What `\textbf{(C) }` stands before in the question; FAILURE, which nobody answers, where nothing does."""
    values = {found[0]: found[1].strip() for found in _CHOICE.findall(asked)}
    return values.get(letter, "").strip("$").strip("~") or "FAILURE"


def aime(gold: str, text: str) -> float:
    """The gold stands in the last 50 characters."""
    found = solutions(text)
    return float(gold in text[-50:] or bool(found and set(found[-1].lower()) == {gold.lower()}))


def olympiad(gold: Sequence[int], text: str) -> float:
    """Identifiers of formulas in order: 1 minus their edit distance over the longer list.

    Raises:
        NoAnswer: more than MAX_IDENTIFIERS, or a number that Python does not read.
    """
    said = _identifiers(text)
    if len(said) > MAX_IDENTIFIERS:
        raise NoAnswer(f"more than {MAX_IDENTIFIERS} numbers")
    return 1 - edit_distance(said, gold) / max(len(said), len(gold))


def amps_hard(gold: str, text: str, same: SameFormula) -> float:
    """The value of the last box, else of the last formula between dollar signs; numbers may differ by up to 0.001."""
    for constant in ("+C", "+ C", "+ c", "+c"):
        text = text.replace(constant, "")
    text = _without(with_boxes(text), (*_SIZES, *_SPACES)).replace(r"\cdot", "*")
    said = last_box(text)
    said = _last_formula(text) if said is None else said
    if said is None:
        return float(text.removesuffix(".").endswith(gold))
    return float(_are_equal(gold, _final(said), same, _AMPS_TOLERANCE))


def amps_gold(gold: str) -> str:
    r"""As answers are read: without sizes of brackets, and with `*` for a forced blank."""
    return _without(gold, (r"\left", r"\right")).replace(" ^", "^").replace("\\ ", "*")


def integrals_with_game(gold: str, text: str, same: SameFormula) -> float:
    """A number: in the last solution, in the last box, or anywhere in the last 200 characters."""
    for find in (_last_solution, last_box):
        said = find(with_boxes(text))
        if said and _are_equal(_one_line(gold), _one_line(said), same, _INTEGRAL_TOLERANCE):
            return 1.0
    return float(_one_line(gold) in _one_line(text[-200:]))


def _last_solution(text: str) -> str | None:
    found = solutions(text, across_lines=True, ignore_case=True)
    return found[-1].strip() if found else None


def _one_line(formula: str) -> str:
    return _without(formula.replace("\\\\", "\\"), (*_SIZES, *_SPACES, " ")).replace(r"\cdot", "*")


def _are_equal(gold: str, said: str, same: SameFormula, tolerance: Fraction) -> bool:
    if not said.strip() or len(said) > MAX_FORMULA_CHARS:
        return False
    return same(gold, said) or _are_near(gold, said, tolerance)


def _are_near(gold: str, said: str, tolerance: Fraction) -> bool:
    """Are they numbers that differ by less?"""
    try:
        trees = [parse(clean(text)) for text in (gold, said)]
        if any(symbols(tree) or operations(tree) & {"matrix", "series"} for tree in trees):
            return False
        return _distance(*trees) < tolerance
    except (Unreadable, ArithmeticError):  # no number, or none that may be computed here
        return False


def _distance(left: Expression, right: Expression) -> float:
    evaluate = Evaluator(is_complex=True)
    return float(abs(evaluate(left, {}) - evaluate(right, {})))


def _without(text: str, commands: Sequence[str]) -> str:
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    for command in commands:
        text = text.replace(command, "")
    return text


def _last_formula(text: str) -> str | None:
    """Between the last two dollar signs, or pairs of them, of a text in one line."""
    if text.count("$") < 2:
        return None
    close = text.rfind("$")
    close -= text[close - 1] == "$"
    formula = text[text.rfind("$", 0, close) + 1 : close]
    if "=" in formula:
        return formula.rpartition("=")[2].strip()
    return formula.rpartition(r"\quad \text{or} \quad")[2].strip()


def _final(formula: str) -> str:
    """Behind the last equals sign and without wrappers; \\frac12 with its braces, 1,000 without its comma."""
    formula = formula.rpartition("=")[2]
    parts = formula.split("$")
    formula = parts[1] if len(parts) > 2 else formula.replace("$", "")
    for command in ("text", "textbf", "overline"):
        formula = re.sub(rf"\\{command}{{([^}}]*+)}}", r"\1", formula)
    formula = _FRACTION_OF_CHARACTERS.sub(r"frac{\1}{\2}", formula)
    formula = _ROOT_OF_A_CHARACTER.sub(r"sqrt{\1}", formula)
    digits = formula.replace(",", "")
    return digits if digits.isdigit() else formula


def _identifiers(text: str) -> list[int | None]:
    """Numbers behind the last "answer:", else in the last box, else in the last line, else anywhere behind the last
    "answer:"; None stands for what is no number there."""
    for find in (_behind_answer, _boxed_numbers, _numbers_of_line):
        found = find(text)
        if any(number is not None for number in found):
            return found
    return _loose_numbers(text.lower().rpartition("answer:")[2])


def _behind_answer(text: str) -> list[int | None]:
    lines = text.lower().strip().split("\n")
    places = [place for place, line in enumerate(lines) if "answer:" in line]
    if not places:
        return []
    said = lines[places[-1]].split("answer:")[1].replace("**", "").replace(".", "").strip()
    if not said and places[-1] + 1 < len(lines):
        said = lines[places[-1] + 1].replace("**", "").replace(".", "").strip()
    return [_whole(_last_word(part)) for part in said.split(",")]


def _last_word(part: str) -> str:
    word = part.strip().rpartition(" ")[2]
    for mark in ("$", "{", "}", "\\", "boxed", "<", ">"):
        word = word.replace(mark, "")
    return word


def _boxed_numbers(text: str) -> list[int | None]:
    if r"\boxed" not in text:
        return []
    box = last_box(text)
    return [_whole(part) for part in without_text_command(text if box is None else box).strip().split(",")]


def _numbers_of_line(text: str) -> list[int | None]:
    """Of the last line."""
    return [_whole(number) for part in last_line(text).split(",") if (number := _digits(part)[0])]


def _loose_numbers(text: str) -> list[int | None]:
    """Up to the first part that holds more than its number."""
    found: list[int | None] = []
    for place, part in enumerate(text.split(",")):
        number, has_more = _digits(part.strip())
        if number not in ("", "₂"):
            if (read := _whole(number)) is None:
                raise NoAnswer(f"{number[:20]!r} is no number")
            found.append(read)
        if place and has_more:
            break
    return found


def _digits(part: str) -> tuple[str, bool]:
    """The first run of digits, and whether the part holds anything else."""
    start = next((place for place, character in enumerate(part) if character.isdigit()), len(part))
    end = next((place for place in range(start, len(part)) if not part[place].isdigit()), len(part))
    return part[start:end], end - start < len(part)


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None

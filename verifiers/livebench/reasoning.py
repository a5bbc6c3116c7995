"""Reasoning: web of lies, zebra puzzles, shapes, sudokus, containers, coordinates."""

from __future__ import annotations

import re
from itertools import product

from openqwq.verifiers.livebench.marks import (
    bold,
    last_box,
    last_line,
    solutions,
    solutions_closed_twice,
    with_boxes,
    without_text_command,
)

SOLUTION_ZEBRAS = "2024-11-25"
"""From this release on zebra puzzles ask several questions, and for the answers in tags."""
_THREE_ANSWERS = [", ".join(words) for words in product(("yes", "no", "unknown"), repeat=3)]
_NAMES_OF_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAMES_OF_NUMBERS = (
    *("zero", *_NAMES_OF_DIGITS, "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen", "twenty"),
)
_SHAPES = ("tetrahedra", "tetrahedron", "triangle", "square")
_BOLD_PHRASE = re.compile(r"\*\*([^*]+)\*\*")
_BOLD_WORD = re.compile(r"\*\*\*(\w+)\*\*\*")
_WORD = re.compile(r"\b\w+\b")
_WHOLE = r"-\d++|(?<!\d)\d++"
_POINT = re.compile(r"\(\s*+(-?\d++)\s*+,\s*+(-?\d++)\s*+\)")
_PAIR = re.compile(rf"({_WHOLE})\s*+,\s*+(-?\d++)")
_LONGEST_NUMBER = 4_300  # digits that Python converts


def web_of_lies_v2(gold: str, text: str) -> float:
    """Three words in order. A gold inside a longer list counts, when that holds three words in all."""
    said = _last(solutions(text) or solutions_closed_twice(text))
    if said is None:
        said = _bold_answers(text)
    said = said if said and said.strip() else _in_box(text, said)
    said = _last_three(text) if said is None else said
    if not said:
        return 0.0
    num_words = said.count("yes") + said.count("no") + said.count("unknown")  # "unknown" holds "no": it counts twice
    return float(said == gold.lower() or (num_words == 3 and gold.lower() in said))


def web_of_lies_v3(gold: str, text: str) -> float:
    """The share of right words by their places, averaged with 1 when all are."""
    said = _last(solutions(text))
    if said is None or not said.strip():
        box = _in_box(text, None)
        said = said if box is None else box.replace(r"\text{", "").replace("}", "")
    said = _last_three(text) if said is None else said
    if said is None:
        return 0.0
    right = gold.split(",")
    return _partly(sum(a == b for a, b in zip(right, said.split(","), strict=False)), len(right))


def zebra_puzzle(gold: str, text: str) -> float:
    """As web_of_lies_v3; an answer is right when the gold stands in it."""
    right = gold.split(",")
    found = solutions(text) or solutions_closed_twice(text)
    if not found and (box := last_box(with_boxes(text))) is not None:
        found = [without_text_command(box)]
    if not found and (line := last_line(text)).count(",") == len(right) - 1:
        found = [line]
    if not found:
        return 0.0
    said = [word for solution in found for word in solution.split(",")]
    said = said[-len(right) :] if len(found) > 1 else said
    pairs = zip(right, said, strict=False)
    num_right = sum(_bare(wanted) in _bare(word).replace("position", "") for wanted, word in pairs)
    return _partly(num_right, len(right))


def early_zebra_puzzle(gold: str, text: str) -> float:
    """One answer: the last word in triple asterisks, else the last word."""
    words = _BOLD_WORD.findall(text) or _WORD.findall(text)
    word = words[-1] if words else ""
    name = _NAMES_OF_DIGITS[int(word) - 1] if re.fullmatch("[1-9]", word) else None
    return float(gold.lower() in (word.lower(), name, word.lower() + " movies"))


def spatial(gold: str, text: str) -> float:
    """One of the last three phrases in bold, a number also by its name; else exactly what a box holds."""
    if text == gold:
        return 1.0
    wanted = gold.strip().lower()
    for phrase in _BOLD_PHRASE.findall(text)[-3:]:
        phrase = phrase.strip().lower()
        number = str(_NAMES_OF_NUMBERS.index(phrase)) if phrase in _NAMES_OF_NUMBERS else None
        is_shape = wanted in _SHAPES and wanted in phrase and len(phrase) < 2 * len(wanted) + 5
        if wanted in (phrase, number) or is_shape:
            return 1.0
    box = last_box(with_boxes(text)) or ""
    for command in (r"\textbf{", r"\mathbf{", r"\text{", "}"):
        box = box.replace(command, "")
    return float(box == gold)


def sudoku(gold: str, text: str) -> float:
    """The first solution without its blanks."""
    found = solutions(text, across_lines=True, ignore_case=True)
    return float(bool(found) and "".join(found[0].split()) == "".join(gold.split()))


def theory_of_mind(gold: str, text: str) -> float:
    """The gold stands in the last solution, else in the last line."""
    found = solutions(text, across_lines=True, ignore_case=True)
    found = found or solutions_closed_twice(text, across_lines=True, ignore_case=True)
    said = found[-1] if found else last_line(text)
    return float(gold.strip().lower() in re.sub(r"[.,!?;:]", "", said.strip().lower()))


def logic_with_navigation(gold: tuple[int, int], text: str) -> float:
    """The first point of the last solution: `(x, y)`, else `x, y`."""
    found = solutions(text, across_lines=True, ignore_case=True)
    if not found:
        return 0.0
    for pattern in (_POINT, _PAIR):
        if (point := pattern.search(found[-1])) and max(map(len, point.groups())) <= _LONGEST_NUMBER:
            return float((int(point[1]), int(point[2])) == gold)
    return 0.0


def _last(found: list[str]) -> str | None:
    return found[-1] if found else None


def _partly(num_right: int, total: int) -> float:
    return ((num_right == total) + num_right / total) / 2


def _bare(word: str) -> str:
    return word.strip().lower().replace("-", " ")


def _bold_answers(text: str) -> str | None:
    words = [word.lower().replace(",", "").replace(".", "") for part in bold(text) for word in part.split()]
    answers = [word for word in words if word in ("yes", "no", "unknown")]
    return ", ".join(answers[-3:]) or None


def _in_box(text: str, otherwise: str | None) -> str | None:
    r"""The last box, where \textbf counts as one."""
    text = text.replace(r"\\boxed{\\textbf{", r"\\boxed{").replace(r"\\fbox{", r"\\boxed{")
    box = last_box(text.replace(r"\textbf{", r"\boxed{"))
    return otherwise if box is None else box


def _last_three(text: str) -> str | None:
    """Of the lists of three words, the one that first appears last."""
    text = text.lower()
    places = {words: text.find(words) for words in _THREE_ANSWERS}
    last = max(places, key=lambda words: places[words])
    return last if places[last] >= 0 else None

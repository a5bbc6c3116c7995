"""The tasks of LiveBench by name: how a gold is read, how an answer is judged, and how the gold looks as an answer."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.livebench import data_analysis, language, mathematics, reasoning, tablereformat
from openqwq.verifiers.livebench.mathematics import SameFormula
from openqwq.verifiers.livebench.questions import Question
from openqwq.verifiers.livebench.table_reading import UnreadableTable, read_table

Gold = Any  # what it is depends on the task


@dataclass(frozen=True)
class Task:
    """Example: TASKS["cta"].judge(TASKS["cta"].read(question), "Price", question, same) == 1.0."""

    read: Callable[[Question], Gold]
    """The gold of a question; raises VerifierError where it cannot be used."""
    judge: Callable[[Gold, str, Question, SameFormula], float]
    """The score of an answer; raises NoAnswer where the official code fails on it."""


def _text(question: Question) -> str:
    if not isinstance(question.gold, str) or not question.gold.strip():
        raise VerifierError(f"ground_truth is a text, got {question.gold!r:.80}")
    return question.gold


def _word(question: Question) -> str:
    if not data_analysis.bare(gold := _text(question)):
        raise VerifierError(f"ground_truth has no letter or digit: {gold!r:.80}")
    return gold


def _letter(question: Question) -> str:
    if not re.fullmatch("[A-E]", gold := _text(question)):
        raise VerifierError(f"ground_truth is a letter of A to E, got {gold!r:.80}")
    return gold


def _numbers(question: Question) -> list[int]:
    try:
        return [int(number) for number in _text(question).split(",")]
    except ValueError:
        raise VerifierError(f"ground_truth is numbers between commas, got {question.gold!r:.80}") from None


def _formula(question: Question) -> str:
    """Of several the last; Mathematica writes `$Aborted` as a text where it gave up."""
    gold = question.gold[-1] if isinstance(question.gold, list) and question.gold else question.gold
    gold = mathematics.amps_gold(_text(replace(question, gold=gold)))
    if r"\text" in gold:
        raise VerifierError(f"ground_truth is words and no formula: {gold!r:.80}")
    return gold


def _point(question: Question) -> tuple[int, int]:
    gold = question.gold
    is_point = isinstance(gold, list | tuple) and [type(part) for part in gold] == [int, int]
    if not is_point:
        raise VerifierError(f"ground_truth is two whole numbers, got {gold!r:.80}")
    return gold[0], gold[1]


def _groups(question: Question) -> list[frozenset[str]]:
    groups = language.groups_of(_text(question).split(","))
    if len(set(groups)) != len(groups):
        raise VerifierError(f"ground_truth has a group twice: {question.gold!r:.80}")
    return groups


def _dated_text(question: Question) -> str:
    _release(question)
    return _text(question)


def _dated_groups(question: Question) -> list[frozenset[str]]:
    _release(question)
    return _groups(question)


def _release(question: Question) -> str:
    """Its date, on which the judge of three tasks depends."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", question.release):
        raise VerifierError(f"livebench_release_date is a date as 2024-11-25, got {question.release!r}")
    return question.release


def _plot(question: Question) -> str:
    if not language.sentences(gold := _text(question)):
        raise VerifierError(f"ground_truth has no sentence: {gold!r:.80}")
    return gold


def _mapping(question: Question) -> dict[str, str]:
    gold = _value(question)
    if not isinstance(gold, Mapping) or not gold or not all(gold.values()):
        raise VerifierError(f"ground_truth maps columns to columns, got {question.gold!r:.80}")
    return dict(gold)


def _events(question: Question) -> dict[Any, Any]:
    gold: Any = _value(question)  # its kind is what is found out here
    try:
        events = data_analysis.read_events(gold)
    except TypeError:
        events = {}
    if not events or len(events) != len(gold):
        raise VerifierError(f"ground_truth is a list of users with their months, got {question.gold!r:.80}")
    return events


def _value(question: Question) -> object:
    """A value, or the text of one in JSON or Python."""
    if not isinstance(question.gold, str):
        return question.gold
    for read in (json.loads, ast.literal_eval):
        try:
            return read(question.gold)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def _table(question: Question) -> tuple[Any, str, bool]:
    is_late = _release(question) >= tablereformat.LATE_WORDING
    form = tablereformat.wanted_format(question.asked, is_late)
    if form is None:
        raise VerifierError("the question names no format of a table; `turns` holds its text")
    try:
        return read_table(form, _text(question), is_late), form, is_late
    except UnreadableTable as error:
        raise VerifierError(f"ground_truth is no table: {error}") from error


def _plain(read: Callable[[Question], Gold], judge: Callable[[Any, str], float]) -> Task:
    return Task(read, lambda gold, text, question, same: judge(gold, text))


def _zebra_puzzle(gold: str, text: str, question: Question, same: SameFormula) -> float:
    is_early = _release(question) < reasoning.SOLUTION_ZEBRAS
    return (reasoning.early_zebra_puzzle if is_early else reasoning.zebra_puzzle)(gold, text)


def _connections(gold: list[frozenset[str]], text: str, question: Question, same: SameFormula) -> float:
    is_early = _release(question) < language.SOLUTION_CONNECTIONS
    return (language.early_connections if is_early else language.connections)(gold, text)


TASKS: Mapping[str, Task] = {
    "contest": Task(_letter, lambda gold, text, question, same: mathematics.contest(gold, text, question.asked)),
    "aime": _plain(_text, mathematics.aime),
    "olympiad": _plain(_numbers, mathematics.olympiad),
    "amps_hard": Task(_formula, lambda gold, text, question, same: mathematics.amps_hard(gold, text, same)),
    "integrals_with_game": Task(
        _text, lambda gold, text, question, same: mathematics.integrals_with_game(gold, text, same)
    ),
    "web_of_lies_v2": _plain(_text, reasoning.web_of_lies_v2),
    "web_of_lies_v3": _plain(_text, reasoning.web_of_lies_v3),
    "zebra_puzzle": Task(_dated_text, _zebra_puzzle),
    "spatial": _plain(_text, reasoning.spatial),
    "sudoku": _plain(_text, reasoning.sudoku),
    "theory_of_mind": _plain(_text, reasoning.theory_of_mind),
    "logic_with_navigation": _plain(_point, reasoning.logic_with_navigation),
    "connections": Task(_dated_groups, _connections),
    "typos": _plain(_text, language.typos),
    "plot_unscrambling": _plain(_plot, language.plot_unscrambling),
    "cta": _plain(_word, data_analysis.column_type),
    "tablejoin": _plain(_mapping, data_analysis.table_join),
    "consecutive_events": _plain(_events, data_analysis.consecutive_events),
    "tablereformat": Task(
        _table, lambda gold, text, question, same: tablereformat.table_reformat(gold[0], text, gold[1], gold[2])
    ),
}
"""By the names of `Question.task`."""
FORMULAS = ("amps_hard", "integrals_with_game")
"""Their golds are formulas, which the math verifier must be able to compare."""


def task_of(question: Question) -> Task:
    """The task of a question.

    Raises:
        VerifierError: LiveBench has none of this name.
    """
    if question.task not in TASKS:
        raise VerifierError(f"{question.task!r:.80} is no task of LiveBench; known: {', '.join(TASKS)}")
    return TASKS[question.task]

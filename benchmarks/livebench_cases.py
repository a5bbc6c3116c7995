"""Questions of LiveBench's shapes with golds of our own, and answers to them: right, wrong, partly right, and garbled.

Everything is drawn by a seed. Used by benchmarks/livebench_peer.py, which may also bring real questions.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

Row = dict[str, Any]
_MARKS = (
    *("<solution>", "</solution>", "**", "***", "\\boxed{", "\\boxed ", "\\fbox{", "\\textbf{", "\\text{", "}", "$"),
    *(
        "\n",
        " ",
        ",",
        ", ",
        "Answer: ",
        "answer:",
        "```",
        "```python\n",
        ".",
        "(",
        ")",
        "yes",
        "unknown",
        "3",
        "{",
        "=",
    ),
    *("<PLOT_SUMMARY>", "</PLOT_SUMMARY>", " --- ", "null", "None", "'", '"', "\\", "position", "AAAA", "\u00b2"),
)
_TAGGED, _BOXED = "<solution>{}</solution>", r"\boxed{{{}}}"
_OTHERS = (_BOXED, "Well:\n{}", "**{}**", "</solution>{}</solution>", "***{}***", "<SOLUTION>\n{}\n</SOLUTION>")
_USUAL = (_TAGGED, _TAGGED, _TAGGED, f"<solution>x</solution> {_TAGGED}", *_OTHERS)
_WAYS: Mapping[str, tuple[str, ...]] = {
    "AMPS_Hard": (r"so $\boxed{{{}}}$.", "It is $x = {}$.", r"$$\boxed{{y = {}}} + C$$", r"\boxed{{{}+C}}", "{}"),
    "math_comp": (_TAGGED, "We get {0}{0}{0}{0}{0}", r"\boxed{{\text{{{}}}}}", "\n**{}**", "({})"),
    "olympiad": ("Reasons.\n\nAnswer: {}", "**Answer:** {}.", "Answer:\n{}", _BOXED, "so\n{}"),
    "integrals_with_game": (_TAGGED, _BOXED, "The answer is {}.", "<Solution>\n{}\n</Solution>"),
    "spatial": ("**{}**", "**a**, **{}**, **b** **c**", r"\boxed{{\text{{{}}}}}", "**equilateral {}**", "{}"),
    "typos": (_TAGGED, "Fixed: {}", "x --- {} --- y", "<solution>{}"),
    "plot_unscrambling": (
        "<PLOT_SUMMARY>{}</PLOT_SUMMARY>",
        "<PLOT_SUMMARY>\n{}",
        "{}",
        "{}\n**End of Plot Summary**.",
    ),
    "cta": ("{}", "The class is '{}'", r"\boxed{{\text{{{}}}}}", "**{}**"),
    "tablejoin": ("{}", "```python\n{}\n```", "Here:\n```json\n{}\n```", _TAGGED, _BOXED),
    "tablereformat": ("{}", "```csv\n{}\n```", "```json\n{}\n```", "Here is the table:\n{}", "{}\nThat is all, 1, 2."),
    "web_of_lies_v2": ("**{}**", _TAGGED, r"\boxed{{\textbf{{{}}}}}", "Therefore {}", "</solution>{}</solution>"),
}
_WORDS = [
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "island",
    "jungle",
    "kettle",
    "lantern",
    "meadow",
    "nectar",
    "orchard",
    "prairie",
    "quarry",
    "ribbon",
    "saddle",
    "timber",
    "umbrella",
    "velvet",
    "willow",
    "yonder",
    "zephyr",
    "anchor",
    "bridge",
    "candle",
]
_SENTENCES = tuple(
    f"{who.capitalize()} {does} the {what} {when}"
    for who in ("the captain", "a young pilot", "her brother", "the mayor")
    for does, what in (("hides", "letter"), ("steals", "silver coin"), ("repairs", "old engine"), ("finds", "map"))
    for when in ("before dawn", "after the storm", "in the empty station")
)


@dataclass(frozen=True)
class Case:
    """A question's row, an answer to it and how the answer was made."""

    row: Row
    answer: str
    kind: str


def cases(seed: int, number: int) -> Iterator[Case]:
    """`number` cases, spread evenly over the tasks."""
    rng = random.Random(seed)
    names = sorted(_QUESTIONS)
    for index in range(number):
        row = _QUESTIONS[names[index % len(names)]](rng) | {"question_id": str(index)}
        yield case_of(row, rng)


def case_of(row: Row, rng: random.Random) -> Case:
    """An answer to a question, whose gold is known, by one of four ways."""
    kind = rng.choice(("right", "partial", "wrong", "garbled", "garbled"))
    right = _said(row)
    said = right if kind in ("right", "garbled") else _partly(right, rng) if kind == "partial" else _other(right, rng)
    answer = _written(row, said, rng)
    if kind == "garbled":
        for _ in range(rng.randint(1, 4)):
            place, mark = rng.randint(0, len(answer)), rng.choice(_MARKS)
            cut = place + rng.choice((0, 0, 1, len(mark)))
            answer = answer[:place] + mark + answer[cut:]
    return Case(row, answer, kind)


def judge_key(row: Mapping[str, Any]) -> str:
    """The name under which results are counted."""
    subtask = str(row.get("subtask") or "")
    return f"{row['task']}/{subtask}" if subtask and not subtask.startswith("amps") else str(row["task"])


def _said(row: Row) -> str:
    gold = row["ground_truth"]
    if row["task"] == "logic_with_navigation":
        return f"({gold[0]}, {gold[1]})"
    return gold if isinstance(gold, str) else json.dumps(gold)


def _partly(text: str, rng: random.Random) -> str:
    """Parts between commas, sentences or lines swapped, lost, doubled or changed."""
    separator = next((mark for mark in ("\n", ". ", ", ", ",") if mark in text), " ")
    parts = text.split(separator)
    for _ in range(rng.randint(1, 2)):
        one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        change = rng.randrange(5)
        if change == 0:
            parts[one], parts[other] = parts[other], parts[one]
        elif change == 1 and len(parts) > 1:
            del parts[one]
        elif change == 2:
            parts.insert(one, parts[other])
        elif change == 3:
            parts[one] = parts[one].upper() + rng.choice(("", " ", "s", "1"))
        else:
            parts[one] = rng.choice(_WORDS)
    return separator.join(parts)


def _other(text: str, rng: random.Random) -> str:
    changed = [str(rng.randint(0, 9)) if character.isdigit() else character for character in text]
    return "".join(changed) if any(character.isdigit() for character in text) else " ".join(rng.sample(_WORDS, 3))


def _written(row: Row, said: str, rng: random.Random) -> str:
    """The answer in a form that its question asks for, or in one that models write instead."""
    ways = _WAYS.get(row["task"], _USUAL) if rng.random() < 0.8 else _USUAL
    return rng.choice(("", "", "Let me think. **No**, yes.\n")) + rng.choice(ways).format(said)


def _row(category: str, task: str, gold: Any, asked: str = "", release: str = "2024-11-25", subtask: str = "") -> Row:
    row = {
        "category": category,
        "task": task,
        "ground_truth": gold,
        "turns": [asked],
        "livebench_release_date": release,
    }
    return row | ({"subtask": subtask} if subtask else {})


def _contest(rng: random.Random) -> Row:
    values = rng.sample(range(10, 99), 5)
    choices = "\\qquad".join(f"\\textbf{{({letter}) }}{value}" for letter, value in zip("ABCDE", values, strict=True))
    return _row(
        "math", "math_comp", rng.choice("ABCDE"), f"How many? ${choices}$", subtask=rng.choice(("smc", "amc_12a_2023"))
    )


def _amps(rng: random.Random) -> Row:
    a, b, c = (rng.randint(2, 9) for _ in range(3))
    gold = rng.choice(
        (
            f"\\frac{{{a}}}{{{b + 10}}}",
            f"{a} \\sqrt{{{b}}}",
            f"-\\lambda ^3+{a} \\lambda ^2-{b} \\lambda +{c}",
            f"{a} \\left(x-\\frac{{{b}}}{{{c}}}\\right)^2-{c}",
            f"{a}\\ {b}^{{2/3}}",
            f"{a} \\sin ({b} x+{c})",
            f"e^{{{a} x}} \\left({b} x+{c}\\right)",
            str(a * b - 20),
        )
    )
    return _row("math", "AMPS_Hard", gold, release="2024-08-31", subtask="amps_hard_integral")


def _zebra(rng: random.Random) -> Row:
    if rng.random() < 0.3:
        return _row("reasoning", "zebra_puzzle", rng.choice([*_WORDS, "3", "comedy movies"]), release="2024-06-24")
    return _row("reasoning", "zebra_puzzle", ", ".join(rng.sample([*_WORDS, "2", "police-officer", "jet-ski"], 4)))


def _spatial(rng: random.Random) -> Row:
    return _row(
        "reasoning", "spatial", rng.choice(("0", "3", "7", "12", "20", "triangle", "tetrahedron", "square", "sphere"))
    )


def _connections(rng: random.Random) -> Row:
    words = rng.sample(_WORDS, 4 * rng.randint(2, 4))
    return _row("language", "connections", ",".join(words), release=rng.choice(("2024-06-24", "2024-11-25")))


def _typos(rng: random.Random) -> Row:
    return _row("language", "typos", ". ".join(rng.sample(_SENTENCES, 3)) + ".")


def _plot(rng: random.Random) -> Row:
    return _row("language", "plot_unscrambling", ". ".join(rng.sample(_SENTENCES, rng.randint(4, 9))) + ".")


def _join(rng: random.Random) -> Row:
    pairs = dict(zip(rng.sample(_WORDS, 4), rng.sample(_WORDS, 4), strict=True))
    return _row("data_analysis", "tablejoin", json.dumps(pairs))


def _events(rng: random.Random) -> Row:
    gold = [{"user_id": user, "max_consecutive_growth_months": rng.randint(1, 9)} for user in rng.sample(range(99), 4)]
    return _row("data_analysis", "consecutive_events", json.dumps(gold), release="2026-01-08")


def _reformat(rng: random.Random) -> Row:
    form = rng.choice(("CSV", "TSV", "JSON", "JSONL", "HTML", "Markdown"))
    names = rng.sample([*_WORDS, "Accident ", "index", "mass (g)"], 3)
    kinds = [rng.randrange(5) for _ in names]
    rows = [dict(zip(names, (_cell(kind, rng) for kind in kinds), strict=True)) for _ in range(rng.randint(2, 4))]
    is_late = rng.random() < 0.2 and form != "Markdown"
    asked = (
        f"Source Format: X\nTarget Format: {form}\n"
        if is_late
        else f"Please convert the Input Table from X format to {form} format. "
    )
    release = "2025-04-25" if is_late else "2024-06-24"
    return _row("data_analysis", "tablereformat", _table(form, names, rows), asked, release)


def _cell(kind: int, rng: random.Random) -> Any:
    if kind == 0:
        return rng.randint(0, 2100)
    if kind == 1:
        return round(rng.uniform(-5, 5), 3)
    if kind == 2:
        return rng.choice((None, "", "x, y", "NaN", "007"))
    return rng.choice((*_WORDS, "R & D", "1,234")) if kind == 3 else rng.choice((True, False))


def _table(form: str, names: list[str], rows: list[Row]) -> str:
    lines = [["" if row[name] is None else str(row[name]) for name in names] for row in rows]
    if form in ("CSV", "TSV"):
        separator = "," if form == "CSV" else "\t"
        quoted = [[f'"{cell}"' if separator in cell else cell for cell in line] for line in [names, *lines]]
        return "\n".join(separator.join(line) for line in quoted) + "\n"
    if form == "JSON":
        return json.dumps({str(7 * place + 3): row for place, row in enumerate(rows)})
    if form == "JSONL":
        return "\n".join(json.dumps(row) for row in rows) + "\n"
    if form == "HTML":
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>\n" for line in lines)
        return f'<table border="1"><thead>\n<tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
    return "\n".join("| " + " | ".join(line) + " |" for line in [names, [":---"] * len(names), *lines])


def _numbers(rng: random.Random) -> Row:
    numbers = rng.sample(range(1, 12), rng.randint(2, 9))
    return _row("math", "olympiad", ",".join(map(str, numbers)), subtask=rng.choice(("imo", "usamo")))


def _truths(rng: random.Random) -> str:
    return ", ".join(rng.choice(("yes", "no", "unknown")) for _ in range(3))


_QUESTIONS: Mapping[str, Callable[[random.Random], Row]] = {
    "contest": _contest,
    "aime": lambda rng: _row("math", "math_comp", f"{rng.randint(0, 999):03}", subtask="aime_i_2024"),
    "amps": _amps,
    "olympiad": _numbers,
    "integrals": lambda rng: _row(
        "math", "integrals_with_game", rng.choice(("3375", f"{rng.randint(10, 99)}/7", "-12"))
    ),
    "lies2": lambda rng: _row("reasoning", "web_of_lies_v2", _truths(rng)),
    "lies3": lambda rng: _row("reasoning", "web_of_lies_v3", _truths(rng)),
    "zebra": _zebra,
    "spatial": _spatial,
    "sudoku": lambda rng: _row("reasoning", "sudoku", "".join(rng.choices("123456789.", k=16))),
    "mind": lambda rng: _row("reasoning", "theory_of_mind", f"{rng.choice(_WORDS)}_container"),
    "navigation": lambda rng: _row("reasoning", "logic_with_navigation", [rng.randint(-9, 9), rng.randint(-9, 9)]),
    "connections": _connections,
    "typos": _typos,
    "plot": _plot,
    "cta": lambda rng: _row("data_analysis", "cta", rng.choice((*_WORDS, "case_number", "Maize yield"))),
    "join": _join,
    "events": _events,
    "reformat": _reformat,
}

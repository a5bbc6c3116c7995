"""Questions about the table of a row, which nobody can answer without asking it, and chats that ask, guess and err."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from problem import is_held_out, think

from openqwq.training.environments.sql import SqlEnvironment
from openqwq.training.environments.turns import step_of

ITEMS = (
    "pens", "cups", "cards", "coins", "books", "stamps", "apples", "lamps", "hats", "kites", "drums", "rings",
    "clocks", "coats", "shoes", "flutes",
)  # fmt: skip
CITIES = ("Oslo", "Rome", "Paris", "Cairo", "Lima", "Bonn", "Bern", "Riga")
USUAL_COLUMN = "number"
"""What every first query asks for."""
OTHER_COLUMNS = ("amount", "total", "pieces")
SHARE_USUAL = 0.15
"""Tables whose column of numbers has the usual name."""

SHARE_ASKS = 0.4
"""Demonstrations that ask the table; the others guess."""
SHARE_QUOTE_FORGOTTEN = 0.2
SHARE_CORRECTS = 0.15
"""Of the demonstrations whose query failed, those that ask again; the others guess."""
NUMBERS = (100, 999)


@dataclass(frozen=True)
class Question:
    """A question and its table. The split is by item and city, so that a held-out pair is in no training file."""

    item: str
    city: str
    column: str
    rows: list[list[Any]]
    answer: int

    @property
    def prompt(self) -> str:
        return f"How many {self.item} in {self.city}?"

    @property
    def tables(self) -> dict[str, Any]:
        """As the environment `sql` takes them."""
        return {"stock": {"columns": ["item", "city", self.column], "rows": self.rows}}

    def query(self, column: str, is_quoted: bool = True) -> str:
        city = f"'{self.city}'" if is_quoted else self.city
        return f"select {column} from stock where item='{self.item}' and city={city}"


def draw_question(rng: random.Random, split: str, columns: tuple[str, ...] | None = None) -> Question:
    """A question of the split. `columns`: names that its column of numbers may have; None for the usual mixture."""
    while True:
        item, city = rng.choice(ITEMS), rng.choice(CITIES)
        if is_held_out(f"stock:{item}:{city}") == (split == "heldout"):
            break
    if columns is None:
        columns = (USUAL_COLUMN,) if rng.random() < SHARE_USUAL else OTHER_COLUMNS
    # the right row, one of another city, one of another item
    other_city = rng.choice([name for name in CITIES if name != city])
    other_item = rng.choice([name for name in ITEMS if name != item])
    numbers = rng.sample(range(NUMBERS[0], NUMBERS[1] + 1), 3)
    rows = [[item, city, numbers[0]], [item, other_city, numbers[1]], [other_item, city, numbers[2]]]
    rng.shuffle(rows)
    return Question(item, city, rng.choice(columns), rows, numbers[0])


def call(sql: str) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'query', 'arguments': {'sql': sql}})}\n</tool_call>"


def demonstration(question: Question, rng: random.Random) -> tuple[list[dict[str, Any]], str | None]:
    """The turns after the prompt, and the name of the mistake, None where the last answer is right."""
    guess = {
        "role": "assistant",
        "content": think("I guess.", f"\\boxed{{{rng.randint(*NUMBERS)}}}"),
    }
    if rng.random() >= SHARE_ASKS:
        return [guess], "guesses"
    first = question.query(USUAL_COLUMN, is_quoted=rng.random() >= SHARE_QUOTE_FORGOTTEN)
    queries = [(USUAL_COLUMN, first), (question.column, question.query(question.column))]
    turns: list[dict[str, Any]] = []
    for index, (column, sql) in enumerate(queries):
        if index and rng.random() >= SHARE_CORRECTS:
            return [*turns, guess], "gives_up"
        asked = think(f"Ask {column}.", call(sql))
        [reply] = answers(question, asked)
        turns += [{"role": "assistant", "content": asked}, {"role": "tool", "content": reply}]
        if "error" not in json.loads(reply):
            break
    final = think(f"The tool says {question.answer}.", f"\\boxed{{{question.answer}}}")
    return [*turns, {"role": "assistant", "content": final}], None


def answers(question: Question, text: str) -> Iterator[str]:
    """What the environment `sql` answers to a turn."""

    async def asked() -> list[str]:
        environment = SqlEnvironment()
        await environment.reset({"extra": {"tables": question.tables}}, 0)
        result = await step_of(environment, text, environment.tools())
        await environment.close()
        return [str(message["content"]) for message in result.messages]

    return iter(asyncio.run(asked()))

"""Questions about the table of a row, which nobody can answer without asking it, and chats that ask, guess and err."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

from problem import is_held_out, think

from openqwq.training.environments.sql import SqlEnvironment
from openqwq.training.environments.turns import step_of

BOXES, NUMBERS = (10, 99), (100, 999)
USUAL_COLUMN = "number"
"""What every first query asks for."""
OTHER_COLUMNS = ("amount", "total", "pieces")
SHARE_USUAL = 0.15
"""Tables whose column of numbers has the usual name."""

SHARE_ASKS = 0.6
"""Demonstrations that ask the table; the others guess. Batches hold chats of like length, each a mean over its tokens,
so that the first words of a long chat weigh less: of 0.6 the model makes about 0.3."""
SHARE_CORRECTS = 0.33
"""Of the demonstrations whose query failed, those that ask again; the others guess. The model makes about 0.2 of it."""


@dataclass(frozen=True)
class Question:
    """How much is in a box, and the table that says so. The split is by the box, so that one of a held-out file is in
    no training file."""

    box: int
    column: str
    """What the column of numbers is called."""
    rows: list[list[int]]
    """Three boxes and their numbers; one of them is asked for."""
    answer: int

    @property
    def prompt(self) -> str:
        return f"How many in box {self.box}?"

    @property
    def tables(self) -> dict[str, Any]:
        """As the environment `sql` takes them."""
        return {"stock": {"columns": ["box", self.column], "rows": self.rows}}

    def call(self, column: str) -> str:
        """The tool call that asks for this column."""
        sql = f"select {column} from stock where box={self.box}"
        return f"<tool_call>\n{json.dumps({'name': 'query', 'arguments': {'sql': sql}})}\n</tool_call>"


def draw_question(rng: random.Random, split: str, columns: tuple[str, ...] | None = None) -> Question:
    """A question of the split. `columns`: names that its column of numbers may have; None for the usual mixture."""
    while True:
        box = rng.randint(*BOXES)
        if is_held_out(f"box:{box}") == (split == "heldout"):
            break
    if columns is None:
        columns = (USUAL_COLUMN,) if rng.random() < SHARE_USUAL else OTHER_COLUMNS
    others = rng.sample([other for other in range(BOXES[0], BOXES[1] + 1) if other != box], 2)
    numbers = rng.sample(range(NUMBERS[0], NUMBERS[1] + 1), 3)
    rows = [[one, number] for one, number in zip((box, *others), numbers, strict=True)]
    rng.shuffle(rows)
    return Question(box, rng.choice(columns), rows, numbers[0])


def demonstration(question: Question, rng: random.Random) -> tuple[list[dict[str, Any]], str | None]:
    """The turns after the prompt, and the name of the mistake, None where the last answer is right."""
    guess = {"role": "assistant", "content": think("I guess.", f"\\boxed{{{rng.randint(*NUMBERS)}}}")}
    if rng.random() >= SHARE_ASKS:
        return [guess], "guesses"
    turns: list[dict[str, Any]] = []
    for column in (USUAL_COLUMN, question.column):
        if turns and rng.random() >= SHARE_CORRECTS:
            return [*turns, guess], "gives_up"
        asked = think(f"Ask {column}.", question.call(column))
        reply = answer_of_the_tool(question, asked)
        turns += [{"role": "assistant", "content": asked}, {"role": "tool", "content": reply}]
        if "error" not in json.loads(reply):
            break
    final = think(f"The tool says {question.answer}.", f"\\boxed{{{question.answer}}}")
    return [*turns, {"role": "assistant", "content": final}], None


def answer_of_the_tool(question: Question, text: str) -> str:
    """What the environment `sql` answers to a turn with one call."""

    async def asked() -> str:
        environment = SqlEnvironment()
        await environment.reset({"extra": {"tables": question.tables}}, 0)
        [message] = (await step_of(environment, text, environment.tools())).messages
        await environment.close()
        return str(message["content"])

    return asyncio.run(asked())

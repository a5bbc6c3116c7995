"""The questions about tables: nobody can guess them, the split holds, and demonstrations hold what the tool answers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.environments.sql import SqlEnvironment
from openqwq.training.environments.turns import step_of

ROOT = Path(__file__).resolve().parents[2]
AGENTS = ROOT / "data" / "tiny" / "agents"
PROMPTS = ("sql_train", "sql_heldout", "sql_errors_heldout")


@cache
def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (AGENTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def box_of(row: dict[str, Any]) -> int:
    """The box, from the question."""
    return int(str((row.get("messages") or row["prompt"])[0]["content"]).removeprefix("How many in box ").rstrip("?"))


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "tiny" / "build_agents.py"
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True, cwd=ROOT, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in AGENTS.iterdir())
    for path in AGENTS.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("name", PROMPTS)
def test_the_answer_stands_in_the_table_once_and_nowhere_in_the_question(name: str) -> None:
    for row in rows(name):
        table = row["extra"]["tables"]["stock"]
        found = [number for box, number in table["rows"] if box == box_of(row)]
        assert [str(number) for number in found] == [row["reference"]["answer"]]
        assert row["reference"]["answer"] not in row["prompt"][0]["content"]
        assert (table["columns"][1] == "number") <= (name != "sql_errors_heldout")
    most = max(Counter(row["reference"]["answer"] for row in rows(name)).values())
    assert most / len(rows(name)) <= 0.02  # the best constant guess


def test_a_held_out_box_is_in_no_training_file() -> None:
    trained = {box_of(row) for name in ("sql_train", "sql_demonstrations") for row in rows(name)}
    held_out = {box_of(row) for name in ("sql_heldout", "sql_errors_heldout") for row in rows(name)}
    assert not trained & held_out and len(held_out) >= 10


def test_the_right_way_is_the_rarer_one_in_the_demonstrations() -> None:
    chats = rows("sql_demonstrations")
    asked = [row for row in chats if len(row["messages"]) > 2]
    failed = [row for row in asked if "error" in json.loads(row["messages"][2]["content"])]
    corrected = [row for row in failed if len(row["messages"]) > 4]
    assert len(asked) / len(chats) == pytest.approx(0.60, abs=0.04)
    assert len(corrected) / len(failed) == pytest.approx(0.33, abs=0.05)
    assert 0.20 < sum(row["mistake"] is None for row in chats) / len(chats) < 0.32


def test_tools_and_answers_of_the_demonstrations_are_those_of_the_environment() -> None:
    environment = SqlEnvironment()
    for row in (*rows("sql_demonstrations"), *rows("sql_train"), *rows("sql_heldout"), *rows("sql_errors_heldout")):
        assert row["tools"] == environment.tools()

    async def answer(task: dict[str, Any], text: str) -> str:
        await environment.reset(task, 0)
        [message] = (await step_of(environment, text, environment.tools())).messages
        return str(message["content"])

    for row in [row for row in rows("sql_demonstrations") if len(row["messages"]) > 2][:40]:
        [*_, column] = json.loads(row["messages"][2]["content"]).get("columns") or ["amount"]
        table = {"columns": ["box", column], "rows": [[box_of(row), 7]]}
        text = str(row["messages"][1]["content"])
        answered = json.loads(asyncio.run(answer({"id": "r", "extra": {"tables": {"stock": table}}}, text)))
        assert [*answered] == [*json.loads(row["messages"][2]["content"])]

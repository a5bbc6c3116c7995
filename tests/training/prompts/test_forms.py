"""Every line of docs/your_data.md, on rows as published."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
import yaml

from openqwq.training.config import Rewards, Source
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.prompts.forms.catalogue import FORMS, looks_like
from openqwq.training.prompts.sources import load_prompts, load_rows
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.supervised.encoding import encode_demonstration, encode_pair
from tests.training.prompts.published import BENCHES, CHATS, CHOICES, MATH, PAIRS, TOOLS, Row
from tests.training.small_records import make_rollout
from tests.verifiers.published_rows import ROWS as PROGRAMS
from tests.verifiers.test_data_forms_page import RECIPES

PAGE = (Path(__file__).parents[3] / "docs" / "your_data.md").read_text(encoding="utf-8")
LINES = [entry for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) for entry in yaml.safe_load(block)]
SOURCES = {entry["form"]: entry for entry in LINES if "form" in entry}
REWARDS = Rewards.model_validate(
    {
        "tasks": {
            "math": {"verifiers": [{"name": "math", "arguments": {"answer_format": "boxed"}}]},
            "choice": {"verifiers": [{"name": "choice"}]},
            "tools": {"verifiers": [{"name": "tool_call"}]},
            "instructions": {"verifiers": [{"name": "instructions"}]},
            "livebench": {"verifiers": [{"name": "livebench"}]},
        }
    }
)


def as_published(form: str, rows: list[Any], path: Path) -> Source:
    """The page's line for a form, on a file of these rows."""
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows), encoding="utf-8")
    return Source.model_validate({**SOURCES[form], "source": str(path)})


def files(row: Row) -> list[str]:
    return ["rows.json"] if isinstance(row.row, list) else ["rows.json", "rows.parquet"]


def test_the_page_has_one_line_for_each_form_and_each_has_rows() -> None:
    tested = {row.form for row in (*MATH, *CHOICES, *TOOLS, *BENCHES, *CHATS, *PAIRS)} | {row.form for row in PROGRAMS}
    assert set(SOURCES) == set(FORMS) == tested
    assert len(FORMS) >= 30


JUDGED = (*MATH, *CHOICES, *TOOLS, *BENCHES)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.form}_{n}") for n, row in enumerate(JUDGED)])
def test_right_answers_to_a_published_row_are_paid_and_wrong_ones_are_not(row: Row, tmp_path: Path) -> None:
    router = RewardRouter(REWARDS)
    for name in files(row):
        [prompt] = load_prompts(as_published(row.form, [row.row], tmp_path / name))
        router.check_verifiers([prompt])
        assert not router.unusable_references([prompt])
        said = [*row.right, *row.wrong]
        rollouts = [make_rollout(response=f"<think>\nhm\n</think>\n{text}", task=prompt.task) for text in said]
        judged = router.judge(rollouts, [prompt.row] * len(said))
        assert [judgement.reward for judgement in judged] == [1.0] * len(row.right) + [0.0] * len(row.wrong)
    router.close()


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.form}_{n}") for n, row in enumerate(MATH)])
def test_a_problem_is_asked_as_it_is_without_instructions_of_the_set(row: Row, tmp_path: Path) -> None:
    [prompt] = load_prompts(as_published(row.form, [row.row], tmp_path / "rows.json"))
    asked = prompt.messages[-1]["content"]
    assert asked in ("What is 3/4 of 12, minus 10?", "How many?", "Ann has 9 figs. How many are left after 10?")


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.form}_{n}") for n, row in enumerate(CHATS)])
def test_the_last_turn_of_a_published_chat_is_learned(row: Row, tmp_path: Path, codec: ChatCodec) -> None:
    for name in files(row):
        [read] = load_rows(as_published(row.form, [row.row], tmp_path / name))
        labels = [label for label in encode_demonstration(codec, read)[1] if label != -100]
        wanted = row.right[0] if row.right[0].startswith("<") else "said"
        assert json.dumps(codec.tokenizer.decode(labels).removesuffix("<|im_end|>").strip()) == json.dumps(wanted)


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.form}_{n}") for n, row in enumerate(PAIRS)])
def test_the_preferred_answer_of_a_published_pair_is_the_chosen_one(row: Row, tmp_path: Path, tokenizer: Any) -> None:
    for name in files(row):
        [read] = load_rows(as_published(row.form, [row.row], tmp_path / name))
        sides = encode_pair(tokenizer, read)
        texts = {side: tokenizer.decode(sides[f"{side}_ids"]) for side in ("chosen", "rejected")}
        assert "good" in texts["chosen"] and "bad" in texts["rejected"]
        assert texts["chosen"].replace("good", "bad") == texts["rejected"] and texts["chosen"].count("q\n") <= 1


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_form_of_a_program_gives_what_its_columns_give(number: int, tmp_path: Path) -> None:
    """docs/data_forms.md, whose rows are judged in tests/verifiers/test_data_forms_page.py."""
    published = PROGRAMS[number]
    (columns,) = yaml.safe_load(RECIPES[published.form])
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(published.row))
    [by_columns] = load_rows(Source.model_validate({**columns, "source": str(path)}))
    [by_form] = load_rows(Source(source=str(path), form=published.form))
    assert by_form["prompt"] == by_columns["prompt"]
    assert by_form["reference"] == by_columns["reference"]


@pytest.mark.parametrize(
    "row", [row for row in (*MATH, *CHOICES, *BENCHES, *CHATS, *PAIRS) if row.left_out], ids=lambda row: row.form
)
def test_rows_that_a_form_cannot_use_are_left_out_with_the_reason(row: Row, tmp_path: Path) -> None:
    said: list[str] = []
    source = as_published(row.form, [row.row, *row.left_out], tmp_path / "rows.json")
    assert len(load_rows(source, said.append)) == 1
    assert f"{len(row.left_out)} of {len(row.left_out) + 1} rows dropped: rows.json:2: " in said[0]
    with pytest.raises(DataError, match=r"rows.json:2: .*; repair the row"):
        load_rows(source.model_copy(update={"check": "stop"}))
    with pytest.raises(DataError, match=r"no row can be used; rows.json:1: "):
        load_rows(as_published(row.form, list(row.left_out), tmp_path / "rows.json"))


def test_a_row_of_another_form_is_answered_with_what_it_looks_like(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "#### 4"}]
    with pytest.raises(
        DataError, match=r"form 'deepscaler' reads rows as in .* 'problem' is missing.*looks like form gsm8k"
    ):
        load_rows(as_published("deepscaler", rows, tmp_path / "rows.json"))
    with pytest.raises(
        DataError, match=r"column 'prompt' is missing.*It looks like form gsm8k or question_answer: set `form: gsm8k`"
    ):
        load_prompts(Source(source=str(tmp_path / "rows.json"), task="math"))
    with pytest.raises(RecipeError, match=r"no form is named 'gsm_8k'; did you mean 'gsm8k'"):
        load_rows(Source(source=str(tmp_path / "rows.json"), form="gsm_8k"))
    with pytest.raises(DataError, match=r"rows.json:1: not readable by form 'orz'"):
        load_rows(as_published("orz", [{"conversations": 7}], tmp_path / "rows.json"))


def test_a_published_column_of_our_name_means_nothing_unless_the_form_gives_it(tmp_path: Path) -> None:
    row = {
        "question": "q",
        "answer": "#### 4",
        "task": "grade school",
        "tools": "none",
        "verifier": "theirs",
        "more": 1,
    }
    [prompt] = load_prompts(as_published("gsm8k", [row], tmp_path / "rows.json"))
    assert (prompt.task, prompt.tools, prompt.row["more"]) == ("math", (), 1)
    assert "verifier" not in prompt.row


def test_columns_and_template_go_over_a_form(tmp_path: Path) -> None:
    source = as_published("gsm8k", [{"question": "q", "answer": "#### 4", "key": "k7"}], tmp_path / "rows.json")
    changed = source.model_copy(update={"columns": {"id": "key"}, "template": "{prompt}\nBox it."})
    [prompt] = load_prompts(changed)
    assert (prompt.id, prompt.messages[0]["content"]) == ("k7", "q\nBox it.")


@pytest.mark.parametrize("row", [pytest.param(row, id=row.form) for row in (*MATH, *CHOICES, *TOOLS, *CHATS, *PAIRS)])
def test_a_row_looks_like_its_own_form(row: Row) -> None:
    columns = {"conversations": row.row} if isinstance(row.row, list) else row.row
    if row.form == "question_answer":  # what is none of the others
        assert looks_like({"query": "q", "answer": "a", "more": 1}) == ["question_answer"]
        assert looks_like({"words": "q", "answer": "a"}) == []
    elif row.form != "s1k" or "attempt" in columns:
        assert row.form in looks_like(columns)

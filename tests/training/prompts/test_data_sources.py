"""Rows from files: columns, ids, tasks, and one line for everything that is wrong with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openqwq.training.config import PromptSource, Source
from openqwq.training.errors import DataError
from openqwq.training.prompts.sources import load_prompts, load_rows

ROW = {"id": "a", "prompt": "2+2?", "task": "math", "reference": {"answer": "4"}}


def write(folder: Path, *rows: Any, name: str = "rows.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_a_text_prompt_becomes_one_user_message_in_its_template(tmp_path: Path) -> None:
    [prompt] = load_prompts(Source(source=write(tmp_path, ROW), template="Q: {prompt}\nA:"))
    assert prompt.messages == ({"role": "user", "content": "Q: 2+2?\nA:"},)
    assert (prompt.id, prompt.task, prompt.row["reference"]) == ("a", "math", {"answer": "4"})


def test_braces_in_a_prompt_are_text(tmp_path: Path) -> None:
    [prompt] = load_prompts(Source(source=write(tmp_path, {**ROW, "prompt": r"\frac{1}{2} {x} {prompt}"})))
    assert prompt.messages[0]["content"] == r"\frac{1}{2} {x} {prompt}"


def test_chat_messages_and_tools_are_kept(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    [prompt] = load_prompts(Source(source=write(tmp_path, {**ROW, "prompt": chat, "tools": [{"name": "t"}]})))
    assert (list(prompt.messages), list(prompt.tools)) == (chat, [{"name": "t"}])


def test_columns_are_mapped_and_a_mapping_builds_a_nested_reference(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": "q", "answer": "4", "entry": "f"})
    columns: Any = {"prompt": "question", "reference": {"answer": "answer", "name": "entry"}}
    [prompt] = load_prompts(Source(source=path, columns=columns, task="math"))
    assert prompt.row["reference"] == {"answer": "4", "name": "f"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("meta.truth", {"a": 1}),
        ("meta.truth.a", 1),
        ("meta.list.1", "y"),
        ("text.b.0", 2),
        ("meta.dotted", 3),
    ],
)
def test_a_path_leads_into_a_column_also_through_a_text_of_json(tmp_path: Path, path: str, found: Any) -> None:
    row = {"prompt": "q", "task": "t", "meta": {"truth": {"a": 1}, "list": ["x", "y"]}, "text": '{"b": [2]}'}
    source = write(tmp_path, {**row, "meta.dotted": 3})
    (prompt,) = load_prompts(Source(source=source, columns={"reference": path}))
    assert prompt.row["reference"] == found


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nothing.here", "column 'nothing.here' is missing; the row has meta, prompt, task, words"),
        ("meta.falsity", "meta has no 'falsity'; it has list, truth"),
        ("meta.list.7", "meta.list has no '7'; it has a list"),
        ("meta.truth.a", "meta.truth has no 'a'; it has a int"),
        ("words.a", "words is a text that is not JSON, so it has no 'a'"),
    ],
)
def test_a_path_that_leads_nowhere_is_named_where_it_ends(tmp_path: Path, path: str, words: str) -> None:
    source = write(tmp_path, {"prompt": "q", "task": "t", "meta": {"truth": 1, "list": []}, "words": "no"})
    with pytest.raises(DataError) as caught:
        load_prompts(Source(source=source, columns={"reference": path}))
    assert words in str(caught.value)


def test_mapped_columns_are_read_from_the_row_as_it_is_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, {"prompt": "4", "reference": "2+2?", "id": 7, "other": "b"})
    columns: Any = {"prompt": "reference", "reference": "prompt", "id": "other"}
    [prompt] = load_prompts(Source(source=path, columns=columns, task="math"))
    assert (prompt.messages[0]["content"], prompt.row["reference"], prompt.id) == ("2+2?", "4", "b")


def test_a_row_names_its_own_task_and_id_before_its_source_and_line_do(tmp_path: Path) -> None:
    plain = {"prompt": "2+2?", "reference": "4"}
    path = write(tmp_path, {**plain, "task": "code", "id": 3}, plain, {**plain, "task": None, "id": None})
    prompts = load_prompts(Source(source=path, task="math"))
    assert [p.task for p in prompts] == ["code", "math", "math"]
    assert [p.id for p in prompts] == ["3", "rows.jsonl:2", "rows.jsonl:3"]
    for prompt in prompts:
        assert (prompt.row["id"], prompt.row["task"]) == (prompt.id, prompt.task)
        assert (prompt.row["prompt"], prompt.source) == ([{"role": "user", "content": "2+2?"}], path)
        assert (prompt.tools, prompt.is_replay) == ((), False)


def test_a_data_set_of_the_hub_is_read_by_its_subset_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load_dataset(*names: str | None, split: str) -> list[dict[str, Any]]:
        asked.append((*names, split))
        if names[0] == "no/set":
            raise ConnectionError("offline\n and away " + "x" * 300)
        return [{"prompt": f"{n}?", "reference": "1"} for n in range(4)]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    source = Source(source="some/set", subset="hard", split="test", rows=(1, 3), task="math")
    assert [(p.id, p.messages[0]["content"]) for p in load_prompts(source)] == [("set:2", "1?"), ("set:3", "2?")]
    assert asked == [("some/set", "hard", "test")]
    with pytest.raises(
        DataError,
        match=r"'no/set' \(subset None, split train\) is neither .*away x+; give a local file \(eval: suites\.NAME",
    ) as raised:
        load_rows(Source(source="no/set", split="train"))
    assert len(str(raised.value)) < 370


@pytest.mark.parametrize("missing", ["prompt", "reference", "task"])
def test_a_missing_column_is_named_with_the_ones_there_are(tmp_path: Path, missing: str) -> None:
    row = {key: value for key, value in ROW.items() if key != missing}
    with pytest.raises(DataError, match=rf"rows.jsonl:1: column '{missing}' is missing"):
        load_prompts(Source(source=write(tmp_path, row)))


def test_a_mapped_column_that_is_missing_is_named_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path, ROW, {"id": "b"})
    with pytest.raises(DataError, match=r"rows.jsonl:2: column 'reference' is missing; the row has id"):
        load_rows(Source(source=path, columns={"answer": "reference"}))


def test_two_slices_of_a_file_without_ids_have_different_ids(tmp_path: Path) -> None:
    rows = [{**ROW, "prompt": str(n)} for n in range(6)]
    for row in rows:
        del row["id"]
    path = write(tmp_path, *rows)
    slices = [load_prompts(Source(source=path, rows=span)) for span in ((0, 3), (3, 6))]
    assert [[p.id for p in part] for part in slices] == [
        ["rows.jsonl:1", "rows.jsonl:2", "rows.jsonl:3"],
        ["rows.jsonl:4", "rows.jsonl:5", "rows.jsonl:6"],
    ]
    assert [p.messages[0]["content"] for p in slices[1]] == ["3", "4", "5"]


def test_an_id_of_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'a' is in more than one row, and the rows differ"):
        load_prompts(Source(source=write(tmp_path, ROW, {**ROW, "prompt": "3+3?"})))


def test_a_row_that_stands_in_a_source_twice_is_taken_once_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    source = Source(source=write(tmp_path, ROW, {**ROW, "id": "b"}, ROW, ROW))
    assert [prompt.id for prompt in load_prompts(source, said.append)] == ["a", "b"]
    assert said == [f"{source.source}: 2 rows dropped, which stand in it more than once"]


def test_a_slice_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no rows in rows=\[5, 9\]"):
        load_prompts(Source(source=write(tmp_path, ROW), rows=(5, 9)))


def test_every_unicode_character_may_stand_in_a_row(tmp_path: Path) -> None:
    text = "line\u2028separator\u0085next\x1c ümlaut 中"
    [prompt] = load_prompts(Source(source=write(tmp_path, {**ROW, "prompt": text})))
    assert prompt.messages[0]["content"] == text


@pytest.mark.parametrize(
    ("line", "words"), [("{", "rows.jsonl:2: not JSON"), ("[1]", "rows.jsonl:2: a row is an object")]
)
def test_a_line_that_is_no_row_is_named_by_its_number(tmp_path: Path, line: str, words: str) -> None:
    path = Path(write(tmp_path, ROW))
    path.write_text(path.read_text() + line + "\n\n")
    with pytest.raises(DataError, match=words):
        load_rows(Source(source=str(path)))


@pytest.mark.parametrize("prompt", [7, [], ["hello"], [{"content": "no role"}], {"role": "user"}])
def test_a_prompt_that_is_neither_text_nor_chat_is_refused(tmp_path: Path, prompt: Any) -> None:
    with pytest.raises(DataError, match="text or a list of chat messages"):
        load_prompts(Source(source=write(tmp_path, {**ROW, "prompt": prompt})))


def test_a_file_that_is_not_there_or_of_another_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data file 'nowhere/rows.jsonl'"):
        load_rows(Source(source="nowhere/rows.jsonl"))
    with pytest.raises(DataError, match=r"\.jsonl, \.ndjson, \.json, \.csv, \.tsv, \.parquet, got '\.xlsx'"):
        load_rows(Source(source=write(tmp_path, ROW, name="rows.xlsx")))


def test_a_parquet_file_gives_the_same_rows(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.Table.from_pylist([ROW]), tmp_path / "rows.parquet")
    [prompt] = load_prompts(Source(source=str(tmp_path / "rows.parquet")))
    assert (prompt.id, prompt.row["reference"]) == ("a", {"answer": "4"})


def test_replayed_prompts_are_marked(tmp_path: Path) -> None:
    path = write(tmp_path, ROW)
    assert [load_prompts(PromptSource(source=path, replay=r))[0].is_replay for r in (True, False)] == [True, False]

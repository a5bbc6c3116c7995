"""Data files of every kind that people have give the same rows, or one line that names the file and the row."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from datasets import Dataset, DatasetDict

from openqwq.training.config import Source
from openqwq.training.errors import DataError
from openqwq.training.prompts.files import ENDINGS
from openqwq.training.prompts.sources import load_prompts, load_rows, placed_rows

ROWS = [
    {"prompt": "2+2?", "reference": "4", "note": 'a, "b"\nc'},
    {"prompt": "Größe 中?", "reference": "007", "note": "NA"},
    {"prompt": "3\u2028?", "reference": "1,5", "note": "null"},
]


def jsonl(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\r\n\n" for row in rows), encoding="utf-8-sig")


def separated(path: Path, rows: list[Any], by: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=by)
        writer.writeheader()
        writer.writerows(rows)


WRITERS: dict[str, Callable[[Path, list[Any]], None]] = {
    "rows.jsonl": jsonl,
    "rows.ndjson": jsonl,
    "lines.json": jsonl,
    "list.json": lambda path, rows: path.write_text(json.dumps(rows, indent=1)) and None,
    "data.json": lambda path, rows: path.write_text(json.dumps({"version": 1, "data": rows})) and None,
    "rows.csv": separated,
    "semicolons.csv": lambda path, rows: separated(path, rows, ";"),
    "rows.tsv": lambda path, rows: separated(path, rows, "\t"),
    "rows.parquet": lambda path, rows: parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2),
    "folder": lambda path, rows: Dataset.from_list(rows).save_to_disk(str(path)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_kind_of_file_gives_the_texts_that_were_written(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, ROWS)
    placed = placed_rows(Source(source=str(tmp_path / name)))
    assert [row for _, row in placed] == ROWS
    assert [place for place, _ in placed] == [f"{name}:{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("name", [name for name in WRITERS if "." in name and not name.endswith(".parquet")])
def test_texts_may_be_compressed(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, ROWS)
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert load_rows(Source(source=str(packed))) == ROWS
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{packed.name}: not readable|not JSON"):
        load_rows(Source(source=str(packed)))


def test_all_files_have_a_test() -> None:
    assert {Path(name).suffix for name in WRITERS} - {""} == set(ENDINGS)


def test_a_glob_takes_its_files_by_name_and_counts_each_files_rows(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for part, row in zip("ca", ROWS, strict=False):
        jsonl(tmp_path / f"part-{part}.jsonl", [row])
    parquet.write_table(pyarrow.Table.from_pylist(ROWS[2:]), tmp_path / "part-b.parquet")
    placed = placed_rows(Source(source="part-*"))
    assert placed == [("part-a.jsonl:1", ROWS[1]), ("part-b.parquet:1", ROWS[2]), ("part-c.jsonl:1", ROWS[0])]
    assert load_rows(Source(source="part-*", rows=(1, 3))) == [ROWS[2], ROWS[0]]
    with pytest.raises(DataError, match=r"no file matches 'parts-\*'"):
        load_rows(Source(source="parts-*"))


def test_files_of_one_name_in_several_folders_have_ids_of_their_own(tmp_path: Path) -> None:
    for part in "ab":
        (tmp_path / part).mkdir()
        jsonl(tmp_path / part / "rows.jsonl", ROWS[:1])
    prompts = load_prompts(Source(source=f"{tmp_path}/**/rows.jsonl", task="math"))
    assert [prompt.id for prompt in prompts] == ["a/rows.jsonl:1", "b/rows.jsonl:1"]


def test_a_dataset_dict_gives_its_split_or_names_those_it_has(tmp_path: Path) -> None:
    whole = DatasetDict({"train": Dataset.from_list(ROWS[:1]), "test": Dataset.from_list(ROWS[1:])})
    whole.save_to_disk(str(tmp_path / "sets"))
    source = Source(source=str(tmp_path / "sets"))
    assert load_rows(source) == ROWS[:1]
    assert load_rows(source.model_copy(update={"split": "test"})) == ROWS[1:]
    with pytest.raises(DataError, match="sets has no split 'dev'; it has train, test: set `split`"):
        load_rows(source.model_copy(update={"split": "dev"}))


def test_nulls_that_arrow_puts_into_chats_and_tools_are_none_of_the_row(tmp_path: Path) -> None:
    chat = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"x": 1}}]},
    ]
    tools = [
        {"name": "f", "parameters": {"x": {"type": "integer"}}},
        {"name": "g", "parameters": {"y": {"enum": ["a"]}}},
    ]
    row = {"messages": chat, "tools": tools, "reference": {"a": None, "b": 1}}
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "rows.parquet")
    [read] = load_rows(Source(source=str(tmp_path / "rows.parquet")))
    assert read["tools"] == tools and read["reference"] == row["reference"]
    assert read["messages"] == [chat[0], {"role": "assistant", "tool_calls": chat[1]["tool_calls"]}]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.jsonl", b'{"a": 1}\n{"a": \n', r"rows.jsonl:2: not JSON: Expecting value"),
        ("rows.jsonl", b'{"a": 1}\n[1]\n', r"rows.jsonl:2: a row is an object, got list"),
        ("rows.jsonl", b'{"a": "\xff"}\n', r"rows.jsonl: not UTF-8 at byte \d+"),
        ("rows.jsonl", b"[" * 100_000, r"rows.jsonl:1: not JSON"),
        ("rows.json", b"[{]", r"rows.json: not JSON: .* in line 1"),
        ("rows.json", b"7", r"rows.json: a data file holds a list of rows, got int"),
        ("rows.json", b'{"a": [{}], "b": [{}]}', r"rows.json: more than one list of rows: a, b"),
        ("rows.json", b"[1]", r"rows.json:1: a row is an object, got int"),
        ("rows.json", b"", r"rows.json: not JSON"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", r"rows.csv:2: 3 values for 2 columns"),
        ("rows.csv", b"a,a\n1,2\n", r"rows.csv: column 'a' stands twice"),
        ("rows.csv", b'a,b\n"1,2\n', r"rows.csv: line 2: unexpected end of data"),
        ("rows.csv", b"", r"rows.csv: no rows"),
        ("rows.parquet", b"PAR1 and more", r"rows.parquet: not readable as parquet"),
        ("rows.xlsx", b"", r"data files end in .*, got '.xlsx'"),
        ("rows", b"", r"data files end in .*, got 'no suffix'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        load_rows(Source(source=str(tmp_path / name)))
    assert "\n" not in str(raised.value)


def test_an_empty_cell_is_null(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,prompt,reference,task\n,2+2?,4,\n")
    [prompt] = load_prompts(Source(source=str(tmp_path / "rows.csv"), task="math"))
    assert (prompt.id, prompt.task, prompt.row["reference"]) == ("rows.csv:1", "math", "4")


@pytest.mark.parametrize("source", ["./nowhere", "../nowhere", "/nowhere/at/all", "nowhere.json", "a/b.csv.gz"])
def test_local_data_that_is_not_there_is_never_asked_from_the_hub(source: str) -> None:
    with pytest.raises(DataError, match=f"no data file '{source}'"):
        load_rows(Source(source=source))


def test_a_folder_of_files_is_answered_with_the_glob(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match=r"save_to_disk wrote; it holds no data files either"):
        load_rows(Source(source=str(tmp_path / "data")))
    jsonl(tmp_path / "data" / "a.jsonl", ROWS)
    with pytest.raises(DataError, match=r"name its files: 'data/\*.jsonl'"):
        load_rows(Source(source=str(tmp_path / "data")))


def test_a_range_beyond_the_rows_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    jsonl(tmp_path / "rows.jsonl", ROWS)
    source = Source(source=str(tmp_path / "rows.jsonl"), rows=(1, 15_000))
    assert load_rows(source, said.append) == ROWS[1:]
    assert said == [f"{source.source}: rows=[1, 15000] asks for 14999 rows, there are 2 from 1"]
    assert load_rows(source.model_copy(update={"rows": (1, 3)}), said.append) == ROWS[1:] and len(said) == 1


def test_chats_tools_and_arguments_may_be_texts_of_json(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": '{"x": [1]}'}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    rows = [
        {"messages": json.dumps(turns), "tools": json.dumps([tool])},
        {"messages": turns, "tools": [json.dumps(tool)]},
        {"messages": [turns[0], {**turns[1], "tool_calls": json.dumps([call])}], "tools": json.dumps(tool)},
    ]
    jsonl(tmp_path / "rows.jsonl", rows)
    for row in load_rows(Source(source=str(tmp_path / "rows.jsonl"))):
        assert row["tools"] == [tool]
        assert row["messages"][1]["tool_calls"] == [{**call, "function": {"name": "f", "arguments": {"x": [1]}}}]
    jsonl(tmp_path / "rows.jsonl", [{"tools": "none", "prompt": "[{} is no chat"}])
    with pytest.raises(DataError, match=r"rows.jsonl:1: column 'tools' is a text that is not JSON: 'none'"):
        load_rows(Source(source=str(tmp_path / "rows.jsonl")))


def test_a_prompt_that_two_chats_share_is_found(tmp_path: Path) -> None:
    start = [{"role": "user", "content": "q"}]
    sides = [[*start, {"role": "assistant", "content": text}] for text in "ab"]
    jsonl(tmp_path / "rows.jsonl", [{"chosen": sides[0], "rejected": sides[1]}])
    [row] = load_rows(Source(source=str(tmp_path / "rows.jsonl")))
    assert row["prompt"] == start and [row["chosen"], row["rejected"]] == [sides[0][1:], sides[1][1:]]

"""A suite is asked on the rows that it was written for: how many, and which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import PromptSource, Source
from openqwq.training.errors import DataError
from openqwq.training.prompts.pins import rows_sha256
from openqwq.training.prompts.sources import load_prompts, load_rows

ROWS = [{"prompt": f"{n} + 1 = ?", "reference": str(n + 1), "extra": {"ü": [n, None, 7]}} for n in range(30)]


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def source(path: object, **changes: Any) -> Source:
    return Source.model_validate({"source": str(path), "task": "math", **changes})


def test_the_digest_is_that_of_sorted_json_lines() -> None:
    import hashlib

    assert rows_sha256([]) == hashlib.sha256().hexdigest()
    assert rows_sha256([{"b": "é", "a": 1}]) == hashlib.sha256(b'{"a":1,"b":"\\u00e9"}\n').hexdigest()


def test_one_digest_stands_for_every_format_of_the_same_rows(tmp_path: Path) -> None:
    digest = rows_sha256(ROWS)
    lines = written(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    for path in (lines, tmp_path / "rows.json", tmp_path / "rows.parquet"):
        assert len(load_prompts(source(path, sha256=digest, num_rows=30))) == 30


@pytest.mark.parametrize(
    "other",
    [
        ROWS[:-1],
        [*ROWS[:-1], {**ROWS[-1], "reference": "31 "}],
        [ROWS[1], ROWS[0], *ROWS[2:]],
        [{**row, "more": None} for row in ROWS],
    ],
    ids=["one is missing", "one is changed", "two are swapped", "a column more"],
)
def test_other_rows_are_refused_and_both_digests_named(tmp_path: Path, other: list[Any]) -> None:
    path, digest = written(tmp_path / "rows.jsonl", other), rows_sha256(ROWS)
    with pytest.raises(
        DataError, match=f"its {len(other)} rows have sha256={rows_sha256(other)}, wanted is sha256={digest}"
    ):
        load_rows(source(path, sha256=digest))
    with pytest.raises(DataError, match="wanted is sha256"):
        load_rows(source(path, sha256=digest, rows=[0, 2]))  # also where a part is taken


@given(
    st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.booleans()), min_size=1, max_size=4)
)
def test_the_digest_does_not_depend_on_the_order_of_columns(rows: list[dict[str, Any]]) -> None:
    turned = [dict(reversed(row.items())) for row in rows]
    assert rows_sha256(rows) == rows_sha256(turned)
    assert rows_sha256(rows) != rows_sha256([*rows, {}])


def test_half_a_benchmark_does_not_pass_for_the_whole(tmp_path: Path) -> None:
    first = written(tmp_path / "part-1.jsonl", ROWS[:15])
    with pytest.raises(DataError, match=r"num_rows=30 rows are wanted, there are 15; name all of its files"):
        load_rows(source(first, num_rows=30))
    written(tmp_path / "part-2.jsonl", ROWS[:15])
    with pytest.raises(DataError, match=r"there are 15 different ones among 30"):  # one half twice
        load_rows(source(tmp_path / "part-*.jsonl", num_rows=30))
    written(tmp_path / "part-2.jsonl", ROWS[15:])
    assert len(load_rows(source(tmp_path / "part-*.jsonl", num_rows=30))) == 30
    with pytest.raises(DataError, match=r"num_rows=29 rows are wanted, there are 30"):
        load_rows(source(tmp_path / "part-*.jsonl", num_rows=29))


def test_a_part_that_was_asked_for_is_no_wrong_number(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", ROWS)
    assert len(load_rows(source(path, num_rows=30, rows=[0, 5]))) == 5


def test_a_streamed_source_is_not_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", ROWS)
    streamed = PromptSource(source=str(path), task="math", streaming=True, num_rows=9, sha256="0" * 64)
    assert len(load_prompts(streamed)) == 30


def test_a_number_or_digest_that_cannot_be_is_refused() -> None:
    for wrong in ({"num_rows": 0}, {"num_rows": -1}, {"sha256": "abc"}, {"sha256": "A" * 64}):
        with pytest.raises(ValueError):
            source("rows.jsonl", **wrong)

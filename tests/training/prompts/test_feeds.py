"""Streamed sources: every row once an epoch, in an order of its own, and exactly on from any position."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import PromptSource, Recipe
from openqwq.training.errors import DataError
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.prompts import feeds
from openqwq.training.prompts.feeds import StreamedFeed, StreamedPrompts
from openqwq.training.prompts.sources import load_prompts
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Prompt
from tests.training.pipeline.test_bad_input import recipe_tree

ROWS = [{"id": str(n), "prompt": f"{n}?", "reference": str(n), "task": "math"} for n in range(23)]


def as_lines(path: Path, rows: list[Any]) -> None:
    path.write_text("\n".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


WRITERS: dict[str, Callable[[Path, list[Any]], None]] = {
    "jsonl": as_lines,
    "json": lambda path, rows: path.write_text(json.dumps(rows)) and None,
    "parquet": lambda path, rows: parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=3),
}


@pytest.fixture(scope="module", params=["jsonl", "json", "parquet", "mixed"])
def files(request: Any, tmp_path_factory: Any) -> str:
    """Three files of 11, 1 and 11 rows."""
    folder = tmp_path_factory.mktemp("rows")
    endings = list(WRITERS) if request.param == "mixed" else [request.param] * 3
    for name, ending, rows in zip("abc", endings, (ROWS[:11], ROWS[11:12], ROWS[12:]), strict=True):
        WRITERS[ending](folder / f"{name}.{ending}", rows)
    return f"{folder}/*"


def streamed(source: str, warn: Any = pytest.fail, check: Any = lambda _: None, **changes: Any) -> StreamedPrompts:
    asked = PromptSource(source=source, streaming=True, **changes)
    head = load_prompts(asked.model_copy(update={"rows": changes.get("rows") or (0, 3)}))
    return StreamedPrompts(asked, head, warn, (check,))


def ids(prompts: list[Prompt]) -> list[int]:
    return [int(prompt.id) for prompt in prompts]


@pytest.mark.parametrize("block", [1, 4, 11, 12, 23, 100])
def test_an_epoch_holds_every_row_once_block_by_block_in_other_orders(files: str, block: int) -> None:
    with mock.patch.object(feeds, "BLOCK", block):
        stream = PromptStream([(streamed(files), 1.0)], seed=1)
        epochs = [ids(stream.next(23)) for _ in range(3)]
    for epoch in epochs:
        for start in range(0, 23, block):
            part = epoch[start : start + block]
            assert sorted(part) == list(range(start, min(start + block, 23)))
    assert block < 4 or (epochs[0] != epochs[1] != epochs[2] and epochs[0] != list(range(23)))


@given(st.integers(0, 60), st.integers(1, 30), st.integers(0, 5))
def test_a_stream_goes_on_exactly_from_any_position(files: str, count: int, block: int, seed: int) -> None:
    with mock.patch.object(feeds, "BLOCK", block):
        stream = PromptStream([(streamed(files), 2.0), (streamed(files, rows=(5, 8)), 1.0)], seed)
        stream.next(count)
        state = json.loads(json.dumps(stream.state()))
        later = ids(stream.next(40))
        again = PromptStream([(streamed(files), 2.0), (streamed(files, rows=(5, 8)), 1.0)], seed)
        again.restore(state)
        assert ids(again.next(40)) == later
        assert again.state() == stream.state()


@pytest.mark.parametrize("rows", [(0, 5), (3, 17), (10, 12), (20, 99)])
def test_a_range_is_kept_to(files: str, rows: tuple[int, int]) -> None:
    with mock.patch.object(feeds, "BLOCK", 4):
        stream = PromptStream([(streamed(files, rows=rows), 1.0)], 0)
        wanted = list(range(rows[0], min(rows[1], 23)))
        assert sorted(ids(stream.next(len(wanted)))) == wanted
        assert sorted(ids(stream.next(len(wanted)))) == wanted


def test_rows_that_cannot_be_used_are_left_out_and_counted_and_none_is_an_error(files: str) -> None:
    said: list[str] = []
    with mock.patch.object(feeds, "BLOCK", 10):
        odd = streamed(files, said.append, lambda prompt: None if int(prompt.id) % 2 else "even")
        stream = PromptStream([(odd, 1.0)], 0)
        assert sorted(ids(stream.next(11))) == list(range(1, 23, 2))
        assert [line.rpartition(": ")[2] for line in said] == [
            "5 of 10 rows dropped in block 0", "5 of 10 rows dropped in block 1", "2 of 3 rows dropped in block 2"
        ]  # fmt: skip
        nothing = PromptStream([(streamed(files, said.append, lambda _: "no"), 1.0)], 0)
        with pytest.raises(DataError, match="no row of the whole source can be used"):
            nothing.next(1)


def test_only_one_block_is_in_memory(files: str) -> None:
    with mock.patch.object(feeds, "BLOCK", 4):
        feed = StreamedFeed(streamed(files), lambda *_: 0)
        for _ in range(60):
            feed.next()
            assert len(feed._loaded) <= 4


def test_a_data_set_of_the_hub_is_streamed_and_passed_over_up_to_its_position(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Streamed:
        def __init__(self, rows: list[Any]) -> None:
            self.rows = rows

        def skip(self, count: int) -> Streamed:
            asked.append(count)
            return Streamed(self.rows[count:])

        def __iter__(self) -> Any:
            return iter(self.rows)

    def load_dataset(*names: Any, split: str, streaming: bool) -> Streamed:
        assert (names, split, streaming) == (("some/set", None), "train", True)
        return Streamed([{k: v for k, v in row.items() if k != "id"} for row in ROWS])

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    monkeypatch.setattr(feeds, "BLOCK", 10)
    stream = PromptStream([(streamed("some/set"), 1.0)], 0)
    stream.next(12)
    state, asked[:] = stream.state(), []
    later = [prompt.id for prompt in stream.next(11)]
    again = PromptStream([(streamed("some/set"), 1.0)], 0)
    again.restore(state)
    assert [prompt.id for prompt in again.next(11)] == later and later[0].startswith("set:")
    assert 10 in asked


def test_the_first_rows_are_checked_before_a_run_and_later_ones_when_they_are_read(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openqwq.training.pipeline.preflight.HEAD", 5)
    rows = [{**row, "reference": "" if n in (2, 9) else row["reference"]} for n, row in enumerate(ROWS)]
    rows[12] = {**rows[12], "prompt": "word " * 900}
    as_lines(tmp_path / "big.jsonl", rows)
    tree, said = recipe_tree(tmp_path, base), list[str]()
    tree["stages"][1]["prompts"] = [{"source": str(tmp_path / "big.jsonl"), "streaming": True}]
    data = preflight(Recipe.model_validate(tree), said.append)
    [(prompts, _)] = data.prompts["stage1"]
    assert isinstance(prompts, StreamedPrompts) and ids(list(prompts)) == [0, 1, 3, 4] and len(prompts) == 4
    assert prompts[1:][0].id == "1" and not said
    stream = PromptStream(data.prompts["stage1"], 0)
    assert sorted(ids(stream.next(20))) == [n for n in range(23) if n not in (2, 9, 12)]
    assert said == [f"{tmp_path}/big.jsonl: 3 of 23 rows dropped in block 0"]

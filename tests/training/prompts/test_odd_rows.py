"""Rows with values that JSON does not have: made plain at the door, the same after a checkpoint."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from openqwq.training.config import Source
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import DataError
from openqwq.training.prompts.sources import load_prompts, to_prompt
from openqwq.training.records import OpenGroup, SampleRequest
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.rollout.engine import Generated
from openqwq.verifiers.json_safe import json_safe
from tests.training.rollout.small_talks import PatientConversation
from tests.training.small_records import make_prompt

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=8), st.decimals(),
    st.dates(), st.times(), st.datetimes(), st.timedeltas(), st.uuids(),
)  # fmt: skip
ODD = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(extra=ODD)
def test_a_row_is_the_same_after_a_checkpoint(extra: object) -> None:
    row = json_safe({"id": "a", "prompt": "1 + 1?", "task": "math", "reference": "2", "extra": extra})
    prompt = to_prompt(row, Source(source="rows.jsonl"), "rows.jsonl:1")
    group = OpenGroup(0, prompt, [], [SampleRequest(prompt, 0, 0, seed=1)])
    groups = TypeAdapter(list[OpenGroup])
    saved = json.dumps(groups.dump_python([group]), allow_nan=False)
    [again] = groups.validate_python(json.loads(saved))
    assert again.prompt.row == prompt.row
    assert again.waiting[0].prompt == again.prompt


def test_a_parquet_column_of_any_kind_reaches_verifiers_as_plain_json(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "prompt": ["1 + 1?"],
        "reference": ["2"],
        "day": [datetime.date(2024, 5, 1)],
        "at": [datetime.datetime(2024, 5, 1, 12, 30, tzinfo=datetime.UTC)],
        "price": [Decimal("1.50")],
        "raw": [b"\xff\x00"],
        "took": [datetime.timedelta(seconds=90)],
        "nested": [{"when": [datetime.date(2020, 1, 1)], "nothing": None}],
    }
    parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
    [prompt] = load_prompts(Source(source=str(tmp_path / "rows.parquet"), task="math"))
    row = dict(prompt.row)
    assert (row["day"], row["price"], row["took"]) == ("2024-05-01", 1.5, 90.0)
    assert row["nested"] == {"when": ["2020-01-01"], "nothing": None}
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_a_value_without_a_json_form_is_refused_with_its_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "openqwq.training.prompts.sources._read_hub", lambda source: [{"prompt": "x", "extra": {"f": object()}}]
    )
    with pytest.raises(DataError, match=r"set:1: row\['extra'\]\['f'\].*object"):
        load_prompts(Source(source="some/set", task="math"))


def test_a_message_of_an_environment_is_plain_json_too(codec: ChatCodec) -> None:
    class Dated:
        """Answers with a date beside its text."""

        is_stateless = True

        async def reset(self, task: object, seed: int) -> list[dict[str, Any]]:
            return []

        async def step(self, turn: AssistantTurn) -> StepResult:
            return StepResult([{"role": "tool", "content": "ok", "at": datetime.date(2024, 5, 1)}], done=False)

        async def close(self) -> None:
            """Holds nothing."""

    request = SampleRequest(make_prompt(0), 0, 0, seed=1)
    conversation = PatientConversation(request, codec, Dated(), max_turns=3)  # type: ignore[arg-type]
    assert conversation.add(Generated(0, (5, 6), (-1.0, -1.0), "stop"), 0) is None
    unfinished = conversation.abort(0)
    assert unfinished.partial is not None and unfinished.partial.turns[1]["at"] == "2024-05-01"

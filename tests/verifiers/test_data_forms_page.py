"""Every recipe of docs/data_forms.md, on rows as published: a right answer is paid and a wrong one is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from openqwq.sandbox import start_server
from openqwq.training.config import PromptSource
from openqwq.training.prompts.sources import load_prompts
from openqwq.training.records import Prompt
from openqwq.verifiers.code_answer.forms.catalogue import FORMS
from openqwq.verifiers.code_answer.verifier import CodeVerifier
from tests.sandbox.language_jobs import needs_cpp, needs_numpy
from tests.verifiers.published_rows import ROWS, Published

PAGE = (Path(__file__).parents[2] / "docs" / "data_forms.md").read_text(encoding="utf-8")
RECIPES = {name: text for name, text in re.findall(r"^### (\w+)\n```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)}
MARKS = {"cpp": [needs_cpp], "humaneval_plus": [needs_numpy]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start_server(workers=2) as server:
        yield server.url


def loaded(published: Published, path: Path) -> Prompt:
    """The prompt that training makes of the row, by the page's recipe."""
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([published.row]), path)
    else:
        path.write_text(json.dumps(published.row) + "\n", encoding="utf-8")
    (recipe,) = yaml.safe_load(RECIPES[published.form])
    (prompt,) = load_prompts(PromptSource(**{**recipe, "source": str(path)}))
    return prompt


def answer(program: str, published: Published) -> str:
    return f"<think>\nhm\n</think>\nSo:\n```{published.language}\n{program}\n```\n"


@pytest.mark.parametrize(
    "published",
    [
        pytest.param(one, id=f"{one.form}_{number}", marks=MARKS.get(one.form, []) + MARKS.get(one.language, []))
        for number, one in enumerate(ROWS)
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("is_named", [False, True])
def test_a_published_row_pays_right_answers_and_no_wrong_ones(
    url: str, tmp_path: Path, published: Published, suffix: str, is_named: bool
) -> None:
    verifier = CodeVerifier(url, form=published.form if is_named else None)
    row = loaded(published, tmp_path / f"rows{suffix}").row
    assert verifier.check_reference(row) is None
    programs = [*published.right, *published.wrong]
    verdicts = verifier.verify_many([answer(program, published) for program in programs], [row] * len(programs))
    wanted: list[Any] = [1.0] * len(published.right) + [0.0] * len(published.wrong)
    assert [verdict.score for verdict in verdicts] == wanted, [verdict.reason for verdict in verdicts]
    verifier.close()


def test_the_page_shows_each_form_in_five_lines_and_each_has_rows() -> None:
    assert set(RECIPES) == set(FORMS) == {one.form for one in ROWS}
    assert {text.count("\n") for text in RECIPES.values()} == {5}

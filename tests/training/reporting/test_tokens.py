"""A rollout token by token: the text of each token, which were trained, and what was kept of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.answers.record import Answer
from openqwq.training.reporting.report import write_report
from openqwq.training.reporting.tokens import Pieces, pieces_of_run, token_view, units
from openqwq.training.run_folder.record import read_run
from tests.training.example_run import write_example_run
from tests.training.reporting.test_rollout_browser import embedded

TOKENIZER = Path(__file__).parents[3] / "data" / "tiny" / "base" / "tokenizer.json"
PIECES = Pieces(TOKENIZER)
ANSWER = Answer("p0", "math", 0, 0, [], [], "stop", 3, 1.0, tokens=(40, 41, 42, 43), loss_mask=((1, 2), (0, 1), (1, 1)))


@given(st.text(max_size=60))
def test_the_texts_of_all_tokens_are_the_whole_text(text: str) -> None:
    ids = PIECES._tokenizer.encode(text, add_special_tokens=False).ids
    texts = PIECES.of(ids)
    assert len(texts) == len(ids)
    assert "".join(texts) == PIECES._tokenizer.decode(ids, skip_special_tokens=False)


def test_a_character_of_several_tokens_is_at_the_last_of_them() -> None:
    ids = PIECES._tokenizer.encode("7\U0001f600", add_special_tokens=False).ids
    texts = PIECES.of(ids)
    assert len(ids) > 2 and texts[0] == "7" and texts[-1] == "\U0001f600" and set(texts[1:-1]) == {""}
    assert PIECES.of(ids[:-1])[-1] == "\ufffd"  # cut within the character


@given(st.text(max_size=40))
def test_sizes_count_as_javascript_does(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_the_mask_is_numbers_that_begin_with_trained_tokens() -> None:
    view = token_view(ANSWER, PIECES)
    assert view is not None and view.mask == [2, 1, 1]
    runs = ((0, 1), (0, 1), (1, 2))
    other = token_view(replace(ANSWER, loss_mask=runs), PIECES)
    assert other is not None and other.mask == [0, 2, 2]


def test_what_was_kept_is_rounded_and_what_does_not_fit_is_left_out() -> None:
    kept = {"gap": [0.0, -0.12345, float("nan")], "advantage": [1.0], "stage": [1.0, 2.0, 3.0]}
    view = token_view(replace(ANSWER, per_token=kept, logprobs=(-0.5, -1e9, -2.0, -1.239)), PIECES)
    assert view is not None
    assert view.values == {"gap": [0, -0.12, None], "logprob": [-0.5, None, -2, -1.24]}
    columns = view.columns()
    assert columns["text"] == "".join(PIECES.of(ANSWER.tokens)) and len(columns["sizes"]) == 4


@pytest.mark.parametrize(
    "change",
    [{"tokens": ()}, {"loss_mask": ((1, 3),)}, {"loss_mask": (("x", 4),)}, {"tokens": (1, 2, None, 4)},
     {"tokens": (-1, 2, 3, 4)}, {"tokens": (2**70, 2, 3, 4)}, {"per_token": {"gap": ["x"]}}],
)  # fmt: skip
def test_a_line_that_does_not_fit_has_no_tokens(change: dict[str, object]) -> None:
    assert token_view(replace(ANSWER, **change), PIECES) is None  # type: ignore[arg-type]


def test_the_page_has_the_text_once_and_turns_as_places_in_it(tmp_path: Path) -> None:
    run = write_example_run(tmp_path / "run")
    tokenizer = run / "checkpoints" / "stage1" / "step_9" / "model"
    tokenizer.mkdir(parents=True)
    (tokenizer / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())
    said = "<think>\n2+3=5 \U0001f600\n</think>\n\\boxed{5}"
    ids = PIECES._tokenizer.encode(f"{said}<|im_end|>\n12 said<|im_end|>", add_special_tokens=False).ids
    turns = [
        {"role": "assistant", "content": said},
        {"role": "tool", "content": "12 said"},
        {"role": "tool", "content": "gone"},
    ]
    answer = replace(ANSWER, turns=turns, tokens=ids, loss_mask=[(1, len(ids))], per_token={"gap": [0.5] * len(ids)})
    (run / "rollouts" / "stage1" / "step_99.jsonl").write_text(json.dumps(answer.to_json()) + "\n")
    [row] = [row for row in embedded(write_report(run).read_text()) if row["step"] == 99]
    assert row["turns"] == [["assistant", 0, units(said)], ["tool", units(f"{said}<|im_end|>\n"), 7], turns[2]]
    assert row["text"].startswith(said) and row["gap"] == [0.5] * len(ids) and row["mask"] == [len(ids)]


def test_a_run_without_a_tokenizer_that_can_be_read_has_no_tokens(tmp_path: Path) -> None:
    run = write_example_run(tmp_path / "run")
    model = run / "checkpoints" / "stage1" / "step_9" / "model"
    model.mkdir(parents=True)
    (model / "tokenizer.json").write_text("{")
    record = read_run(run)
    assert pieces_of_run(replace(record, recipe={"model": str(tmp_path)})) is None

"""The record of an answer and its files: what is written is read, and a killed writer loses only its last words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.answers import files
from openqwq.training.answers.files import answer_files, append_answers, cut_incomplete_end, member_of, read_answers
from openqwq.training.answers.record import Answer, answer_of
from openqwq.training.errors import RunFolderError
from openqwq.training.records import Judgement
from tests.training.small_records import make_prompt, make_rollout

JUDGEMENT = Judgement(
    0.5,
    {"math": 1.0, "length": 0.0},
    {"math": "scored", "length": "scored", "code": "sandbox_error"},
    "too long",
    reasons={"length": "too long", "code": "no sandbox"},
    details={"math": {"tier": 2.0}},
)


def answer(number: int = 0, response: str = "yes") -> Answer:
    rollout = replace(make_rollout(number, 1, response), num_thinking_tokens=2)
    return answer_of(make_prompt(number, reference={"answer": "9"}), rollout, JUDGEMENT, 0.25, has_logprobs=True)


def test_an_answer_says_what_each_verifier_found() -> None:
    assert answer().verdicts == {
        "math": {"status": "scored", "score": 1.0, "parts": {"tier": 2.0}},
        "length": {"status": "scored", "score": 0.0, "reason": "too long"},
        "code": {"status": "sandbox_error", "reason": "no sandbox"},
    }
    assert answer().key == ("p0", 1)


def test_a_failed_verdict_is_an_error_only_where_the_others_did_not_decide() -> None:
    assert answer().error is None
    assert replace(answer(), reward=None).error == "sandbox_error"


@given(st.lists(st.text(alphabet=st.characters(codec=None), max_size=30), max_size=5))
def test_what_is_written_is_read_whatever_the_text(texts: list[str]) -> None:
    answers = [answer(number, text) for number, text in enumerate(texts)]
    read = [Answer.from_json(json.loads(json.dumps(a.to_json()))) for a in answers]
    assert [a.response for a in read] == texts and member_of(read) == member_of(answers)


@pytest.mark.parametrize("lost", range(1, 60, 7))
def test_what_a_killed_writer_left_is_cut_off_and_the_rest_stays(
    tmp_path: Path, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BLOCK", 100)  # members of many blocks, and blocks of several members
    path = tmp_path / "math.jsonl.gz"
    append_answers(path, [answer(0), answer(1)])
    append_answers(path, [answer(2, "\ud800 \x00 " + "x" * 30_000)])
    whole = path.read_bytes()
    path.write_bytes(whole + member_of([answer(3)])[:-lost])
    assert [a.id for a in read_answers(path)] == ["p0", "p1", "p2"]
    cut_incomplete_end(path)
    assert path.read_bytes() == whole
    append_answers(path, [answer(3)])
    assert [a.id for a in read_answers(path)] == ["p0", "p1", "p2", "p3"]


def test_an_empty_or_absent_file_needs_no_cutting(tmp_path: Path) -> None:
    cut_incomplete_end(tmp_path / "absent.jsonl.gz")
    (tmp_path / "empty.jsonl.gz").touch()
    cut_incomplete_end(tmp_path / "empty.jsonl.gz")
    assert list(read_answers(tmp_path / "empty.jsonl.gz")) == []


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    old = {"id": "p4", "task": "math", "sample": 1, "prompt": "question", "num_tokens": 3, "finish_reason": "stop",
           "turns": [{"role": "assistant", "content": "no"}], "weights_version": 6, "parts": {"math": 0.5},
           "statuses": {"math": "scored", "code": "sandbox_error"}, "reason": "gone"}  # fmt: skip
    path = tmp_path / "step_1.jsonl"
    path.write_text(json.dumps(old) + "\n" + '{"id": "cut')
    [read] = read_answers(path)
    assert (read.id, read.reward, read.response, read.messages[0]["content"]) == ("p4", None, "no", "question")
    assert read.verdicts == {"math": {"status": "scored", "score": 0.5}, "code": {"status": "sandbox_error"}}


def test_a_line_that_is_no_answer_is_named_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "step_1.jsonl"
    path.write_text('{"id": "a"}\n[1]\n{"id": "b"}\n')
    assert [a.id for a in read_answers(path, is_lenient=True)] == ["a", "b"]
    with pytest.raises(RunFolderError, match=r"step_1.jsonl: line 2 is no answer"):
        list(read_answers(path))


def test_the_compressed_file_counts_where_both_forms_are_there(tmp_path: Path) -> None:
    for name in ("step_1.jsonl", "step_2.jsonl", "step_2.jsonl.gz", "step_10.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in answer_files(tmp_path, "step_*")] == ["step_1.jsonl", "step_2.jsonl.gz"]

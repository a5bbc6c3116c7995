"""`openqwq data`: what a run would see of its data, in lines that people read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from openqwq.training.cli import main

LONG = "A farmer in the hills has 31 white sheep and 12 black goats, and sells half of all the goats on a Monday."
GSM = [
    {"question": f"{LONG} How many animals are left in year {n}?", "answer": f"So.\n#### {n},000"} for n in range(1, 4)
]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in an empty folder; returns status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["data", *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def write(name: str, *rows: Any) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_row_is_shown_with_its_rendering_its_reference_and_the_verdict_on_it(said: Any) -> None:
    write("rows.jsonl", *GSM)
    status, out, _ = said("show", "rows.jsonl", "form=gsm8k", "--rows", "2")
    assert status == 0
    assert out.startswith("rows.jsonl: 3 prompts, read by form gsm8k\n  tokens: median ")
    assert "\n    <|im_start|>user\n    A farmer" in out and out.count("<|im_start|>assistant") == 2
    assert '\n  task math, reference {"answer": "1000"}\n  math on its own reference: scored 1 (' in out
    assert "rows.jsonl:2 (of 3), " in out and "rows.jsonl:3" not in out


def test_what_would_be_dropped_is_said_with_the_reason_and_repeated_prompts_are_counted(said: Any) -> None:
    rows = [{"prompt": "2+2?", "reference": reference, "task": "math"} for reference in ("4", "\\frac{1}{", "4", None)]
    write("rows.jsonl", *rows, {"prompt": "3?", "reference": "3", "task": "sums"})
    status, out, _ = said("show", "rows.jsonl")
    assert status == 0
    assert "dropped: 2 of 5 rows: rows.jsonl:2: " in out and "; rows.jsonl:4: a math reference is" in out
    assert "repeated: 1 prompts stand more than once, one 4 times: '2+2?'" in out
    assert "rows.jsonl:2 (of 5), " in out and "left out: " in out
    assert "nothing judges it: task 'sums' has no entry" in out


def test_rows_that_a_form_leaves_out_are_counted(said: Any) -> None:
    write("rows.jsonl", *GSM, {"question": "q", "answer": "no end"})
    _, out, _ = said("show", "rows.jsonl", "form=gsm8k")
    assert "3 prompts" in out and "  1 of 4 rows dropped: rows.jsonl:4: its answer has no line '#### N'" in out


def test_demonstrations_and_pairs_are_known_by_their_columns(said: Any) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "learned"}]
    write("chats.jsonl", {"messages": chat}, {"messages": chat[:1]})
    _, out, _ = said("show", "chats.jsonl")
    assert "chats.jsonl: 2 demonstrations" in out and "learned<|im_end|>" in out
    assert "dropped: 1 of 2 rows: chats.jsonl:2: DataError: a demonstration has no assistant turn" in out
    write("pairs.jsonl", *({"prompt": "q", "chosen": "better", "rejected": text} for text in ("worse", "better")))
    _, out, _ = said("show", "pairs.jsonl")
    assert "pairs.jsonl: 2 pairs" in out and "better<|im_end|>" in out and "worse<|im_end|>" in out
    assert "dropped: 1 of 2 rows: pairs.jsonl:2: both sides are the same text" in out


def recipe(suite: str, **changes: Any) -> None:
    tree = {
        "name": "small",
        "model": "data/tiny/base",
        "rewards": {"tasks": {"math": {"verifiers": [{"name": "math"}]}}},
        "evaluation": {"suites": {"held_out": {"sources": [{"source": suite}]}}},
        "stages": [{"name": "stage1", "kind": "rl", "steps": 1, "prompts": [{"source": "train.jsonl", **changes}]}],
    }
    Path("recipe.yaml").write_text(yaml.safe_dump(tree))


def math(prompt: str, number: int) -> dict[str, Any]:
    return {"id": f"{number}{prompt}", "prompt": prompt, "reference": "4", "task": "math"}


def test_training_prompts_that_stand_in_a_suite_are_found(said: Any) -> None:
    other = LONG.replace("31 white sheep", "a flock")
    write(
        "train.jsonl", *(math(text, 0) for text in ("2+2?", "2 + 3?", LONG, f"Once more: {other} How many?", "Find 7."))
    )
    write(
        "suite.jsonl",
        *(math(text, 1) for text in ("2+2 ?", "2*2?", f"{LONG} How many are there now in all?", "Find 8.")),
    )
    recipe("suite.jsonl")
    status, out, _ = said("check", "--recipe", "recipe.yaml")
    assert status == 1
    assert "  equal: stage1 train.jsonl:1 and suite held_out suite.jsonl:1: 2+2?\n" in out
    assert "  run of 13 words: stage1 train.jsonl:3 and suite held_out suite.jsonl:3: " in out
    assert "overlap of training prompts with suites: 3\n" in out
    write("suite.jsonl", math("2*2?", 1))
    status, out, _ = said("check", "--recipe", "recipe.yaml")
    assert status == 0 and out.endswith("overlap of training prompts with suites: none\n")


def test_data_of_a_recipe_is_asked_for_by_stage_suite_or_source(said: Any) -> None:
    write("train.jsonl", math("2+2?", 0))
    write("suite.jsonl", math("3+1?", 0))
    recipe("suite.jsonl", template="Box it. {prompt}")
    for asked, shown in (("stage1", "Box it. 2+2?"), ("train.jsonl", "Box it. 2+2?"), ("held_out", "3+1?")):
        _, out, _ = said("show", asked, "--recipe", "recipe.yaml")
        assert f"    {shown}<|im_end|>" in out and out.count("(of 1)") == 1
    _, out, _ = said("show", "--recipe", "recipe.yaml", "stages.stage1.prompts.0.template=Sum {prompt}")
    assert "Sum 2+2?" in out and "3+1?" in out
    status, _, err = said("show", "stage2", "--recipe", "recipe.yaml")
    assert status == 2 and err == "openqwq: small has no data 'stage2'; did you mean 'stage1'?\n"


def test_a_source_that_cannot_be_used_does_not_hide_the_others(said: Any) -> None:
    write("train.jsonl", math("2+2?", 0))
    recipe("gone.jsonl")
    status, out, _ = said("check", "--recipe", "recipe.yaml")
    assert status == 1
    assert "stage1: train.jsonl: 1 prompts" in out and "warning: suite held_out: no data file 'gone.jsonl'" in out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("show",), "name a source, or a recipe with --recipe"),
        (("show", "rows.jsonl", "form=gsm9k"), "no form is named 'gsm9k'; did you mean 'gsm8k'?"),
        (("show", "rows.jsonl", "from=gsm8k"), "a source has no key 'from'; did you mean 'form'?"),
        (("show", "rows.jsonl", "rows=7"), "rows: Input should be a valid tuple, got 7"),
        (("show", "nowhere.jsonl"), "no data file 'nowhere.jsonl'"),
        (("show", "rows.jsonl"), "its columns answer, question are not openqwq's"),
        (("show", "rows.jsonl"), "It looks like form gsm8k or question_answer: set `form: gsm8k`"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(said: Any, words: tuple[str, ...], line: str) -> None:
    write("rows.jsonl", *GSM)
    status, out, err = said(*words)
    assert (status, out) == (2, "") and line in err and err.count("\n") == 1

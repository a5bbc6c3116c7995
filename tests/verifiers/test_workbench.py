"""The workbench: what it counts, what it survives, and what it says to whoever runs `openqwq verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.cli import main
from openqwq.verifiers.registry import BUILT_IN
from openqwq.verifiers.workbench.cases import Selection, UnusableCases, load_cases
from openqwq.verifiers.workbench.claims import CLAIMS, example_seeds
from openqwq.verifiers.workbench.probes import KINDS, probes_of

GRADERS = '''
import os, random, time

def contains(response, row):
    """Every fault of a first attempt."""
    if "loop" in response:
        time.sleep(60)
    if "crash" in response:
        os._exit(3)
    if "dice" in response:
        return random.random()
    if not response:
        raise ValueError("no answer")
    return str(row["reference"]) in response

def careful(response, row):
    return response.strip() == str(row["reference"])

def close(response, row):
    return 0.8 if response == "near" else float(response == "4")

def reward(prompts, completions, reference, **columns):
    """Right alone, wrong in a batch."""
    return [float(text == gold) for text, gold in zip(completions, reference)][:: -1 if len(completions) > 1 else 1]
'''


@pytest.fixture
def grader(tmp_path: Path) -> Path:
    path = tmp_path / "grader.py"
    path.write_text(GRADERS)
    return path


def write_cases(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def case(response: str, correct: bool, category: str = "sums") -> dict[str, Any]:
    return {"reference": "4", "response": response, "correct": correct, "category": category}


def run(tmp_path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    status = main(["verify", *words, "--json", str(tmp_path / "out.json")])
    return status, json.loads((tmp_path / "out.json").read_text())


def test_a_careless_verifier_is_found_out_and_cannot_stop_the_run(grader: Path, tmp_path: Path) -> None:
    cases = write_cases(
        tmp_path / "cases.jsonl",
        case("4", True),
        case("14", False),
        case("loop", False, "odd"),
        case("crash", False, "odd"),
        case("", False, "odd"),
        *(case(f"dice {number}", False, "odd") for number in range(8)),
        case("5", False),
    )
    words = ("--verifier", f"{grader}:contains", "--cases", str(cases), "--deadline-seconds", "0.5")
    status, report = run(tmp_path, *words)
    found = report["cases"]
    assert status == 1
    assert found["categories"]["sums"] == {
        "right": 1, "wrong": 2, "false_rejects": 0, "false_accepts": 1, "unscored": 0
    }  # fmt: skip
    assert found["health"]["hangs"] == 1
    assert found["health"]["exceptions"] == 2  # the exit and the ValueError
    assert found["health"]["changed"] > 0
    kinds = {example["response"]: example["kind"] for example in found["examples"]}
    assert (kinds["14"], kinds["loop"], kinds["crash"]) == ("false accept", "hang", "crash")
    failed = {check["name"] for check in found["checks"] if not check["is_kept"]}
    assert {"false accepts", "hangs", "exceptions", "changed verdicts"} <= failed


def test_a_careful_verifier_keeps_every_limit(grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", case("4", True), case("5", False))
    status, report = run(tmp_path, "--verifier", f"{grader}:careful", "--cases", str(cases), "--audit")
    assert status == 0, report
    assert report["audits"][0]["num_probes"] > 20
    assert "BROKEN" not in capsys.readouterr().out


def test_a_verifier_that_mixes_up_a_batch_is_found_out(grader: Path, tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", case("4", True), case("5", False), case("6", False))
    status, report = run(tmp_path, "--verifier", f"{grader}:reward", "--cases", str(cases))
    assert status == 1
    assert report["cases"]["health"]["changed"] == 0
    assert report["cases"]["health"]["batch"]["differences"]


def test_a_score_is_compared_with_its_tolerance(grader: Path, tmp_path: Path) -> None:
    row = {"reference": "4", "response": "near"}
    cases = write_cases(
        tmp_path / "cases.jsonl",
        row | {"id": "close", "expected": 0.75, "tol": 0.1},
        row | {"id": "too much", "expected": 0.5},
        row | {"id": "too little", "expected": 1.0},
    )
    status, report = run(tmp_path, "--verifier", f"{grader}:close", "--cases", str(cases))
    assert status == 1
    assert {example["id"]: example["kind"] for example in report["cases"]["examples"]} == {
        "too much": "false accept",
        "too little": "false reject",
    }


def test_limits_are_moved_by_options(grader: Path, tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", case("4", True), case("14", False))
    words = ("--verifier", f"{grader}:contains", "--cases", str(cases))
    assert run(tmp_path, *words)[0] == 1
    assert run(tmp_path, *words, "--max-false-accept-rate", "1")[0] == 0
    assert run(tmp_path, *words, "--max-false-accept-rate", "1", "--max-p99-ms", "0")[0] == 1


def test_the_built_in_verifiers_that_need_no_service_pass_their_audit(tmp_path: Path) -> None:
    for name in sorted(BUILT_IN.keys() - {"code", "reward_model", "placebo"}):
        status, report = run(tmp_path, "--audit", "--verifier", name)
        assert status == 0, report["audits"][0]["examples"]


def test_every_built_in_verifier_has_a_claim_with_rows_or_a_reason() -> None:
    assert CLAIMS.keys() == BUILT_IN.keys()
    assert all(claim.examples or claim.skipped for claim in CLAIMS.values())


def test_every_kind_of_probe_is_written_for_a_row_that_has_all_it_needs() -> None:
    kinds = {probe.kind for probe in probes_of(example_seeds("math"))}
    assert kinds == {kind.name for kind in KINDS}


def test_long_responses_and_other_column_names_are_read(tmp_path: Path) -> None:
    path = write_cases(
        tmp_path / "cases.jsonl",
        {"gold": "4", "answer": [["a", 3], ["b", 1]], "correct": True, "extra": 1},
        {"gold": "4", "answer": "x", "correct": True, "extra": 2},
    )
    (read,) = load_cases(path, Selection({"response": "answer"}, {"extra": "1"}, None))
    assert read.question.response == "aaab"
    assert read.question.row["reference"] == "4"
    assert "correct" not in read.question.row


def test_a_row_of_cases_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"response": "4", "correct": true, "reference": [NaN, Infinity], "half": "\\ud800"}\n')
    (read,) = load_cases(path, Selection({}, {}, None))
    assert read.question.row == {"reference": [None, "Infinity"], "half": "\ufffd"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "line 1: a case is a JSON object"),
        ('{"respone": "4", "correct": true}', "did you mean 'respone'"),
        ('{"response": "4"}', "no label"),
        ('{"response": "4", "correct": "yes"}', "got correct='yes'"),
        ('{"response": "4", "expected": 7}', "in [0, 1]"),
        ('{"response": 4, "correct": true}', "response is a text"),
        ("", "has no rows"),
    ],
)
def test_a_case_that_cannot_be_read_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UnusableCases) as caught:
        load_cases(path, Selection({}, {}, None))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --verifier and --cases, or --audit"),
        (["--verifier", "maths", "--cases", "CASES"], "did you mean math"),
        (["--verifier", "GRADER:missing", "--cases", "CASES"], "has no function or class 'missing'"),
        (["--verifier", "math", "--cases", "nowhere.jsonl"], "cannot read the cases"),
        (["--verifier", "math", "--cases", "CASES", "--argument", "answer"], "--argument takes key=value"),
        (["--verifier", "math", "--cases", "CASES", "--argument", "timout_seconds=1"], "did you mean timeout_seconds"),
        (["--audit", "--verifier", "GRADER:careful"], "has no rows of its own"),
        (["--audit", "--verifier", "math", "--answers-for", "lies"], "--answers-for knows empty"),
    ],
)
def test_unusable_input_is_one_clear_line(
    words: list[str], message: str, grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", case("4", True))
    filled = [word.replace("CASES", str(cases)).replace("GRADER", str(grader)) for word in words]
    assert main(["verify", *filled]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1

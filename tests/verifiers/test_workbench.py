"""The workbench: what it counts, what it survives, and what it says to whoever runs `openqwq verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from openqwq.training.cli import main
from openqwq.verifiers.workbench.cases import Selection, UnusableCases, load_cases
from tests.verifiers.workbench_runs import case, run, write_cases

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

def unsure(response, row):
    return None

def unsure_of_right(response, row):
    return None if response == "4" else 0.0

def from_solution(completions, solution, **columns):
    return [float(text == gold) for text, gold in zip(completions, solution)]

def late(response, row):
    """Imports at the first answer that asks for it."""
    if response == "import":
        import wave
    return response == row["reference"]

def always_starts(response, row):
    import subprocess
    started.append(subprocess.Popen(["sleep", "20"]))
    return response == row["reference"]

started = []

def sees_no_label(response, row):
    return float("verdict" not in row and "text" not in row)

def reward(prompts, completions, reference, **columns):
    """Right alone, wrong in a batch."""
    return [float(text == gold) for text, gold in zip(completions, reference)][:: -1 if len(completions) > 1 else 1]
'''


@pytest.fixture
def grader(tmp_path: Path) -> Path:
    path = tmp_path / "grader.py"
    path.write_text(GRADERS)
    return path


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
        "right": 1, "wrong": 2, "false_rejects": 0, "false_accepts": 1, "unscored": 0,
        "judged_right": 1, "judged_wrong": 2,
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


def test_a_column_that_a_verifier_needs_and_no_row_has_is_an_error_that_proposes_another(
    grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"id": 1, "question": "2+2?", "answer": "4", "response": "\\boxed{4}", "correct": True}
    cases = write_cases(tmp_path / "cases.jsonl", row)
    for extra in ([], ["--audit"]):
        assert main(["verify", "--verifier", "math", "--cases", str(cases), *extra]) == 2
        said = capsys.readouterr().err
        assert "no row has a column 'reference', which math needs; they have 'id', 'question', 'answer'" in said
        assert "--column reference=answer" in said
    assert main(["verify", "--verifier", "math", "--cases", str(cases), "--column", "reference=answer"]) == 0
    assert main(["verify", "--verifier", f"{grader}:from_solution", "--cases", str(cases)]) == 2
    assert "--column solution=answer" in capsys.readouterr().err


def test_a_column_may_stand_inside_the_reference(grader: Path, tmp_path: Path) -> None:
    row = {"reference": {"solution": "4"}, "response": "4", "correct": True}
    cases = write_cases(tmp_path / "cases.jsonl", row)
    assert run(tmp_path, "--verifier", f"{grader}:from_solution", "--cases", str(cases))[0] == 0


def test_an_example_shows_the_gold_and_names_its_column(
    grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"id": "q", "response": "5", "correct": True}
    cases = write_cases(tmp_path / "cases.jsonl", row | {"solution": "4"})
    words = ("--verifier", f"{grader}:from_solution", "--cases", str(cases))
    assert run(tmp_path, *words)[1]["cases"]["examples"][0]["gold_column"] == "solution"
    assert "gold 4 (column solution)" in capsys.readouterr().out
    cases = write_cases(tmp_path / "cases.jsonl", row | {"key": "4"})
    main(["verify", "--verifier", f"{grader}:close", "--cases", str(cases)])
    assert " gold " not in capsys.readouterr().out
    main(["verify", "--verifier", f"{grader}:close", "--cases", str(cases), "--column", "reference=key"])
    assert "gold 4 (column key)" in capsys.readouterr().out


def test_rates_of_answers_without_any_verdict_are_not_kept(
    grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", case("4", True), case("5", False))
    status, report = run(tmp_path, "--verifier", f"{grader}:unsure", "--cases", str(cases))
    rates = {check["name"]: check for check in report["cases"]["checks"]}
    assert status == 1
    for name in ("false accepts", "false rejects"):
        assert (rates[name]["value"], rates[name]["is_kept"]) == ("nothing could be judged", False)
    assert "NOTHING COULD BE JUDGED: no answer got a score; the first: not_applicable" in capsys.readouterr().out
    status, report = run(tmp_path, "--verifier", f"{grader}:unsure_of_right", "--cases", str(cases))
    kept = {check["name"]: check["is_kept"] for check in report["cases"]["checks"]}
    assert (status, kept["false accepts"], kept["false rejects"]) == (1, True, False)


def test_a_check_that_loads_something_is_a_cold_start(grader: Path, tmp_path: Path) -> None:
    rows = [case("import", False), *(case(str(n), n == 4) for n in range(3, 9))]
    cases = write_cases(tmp_path / "cases.jsonl", *reversed(rows))
    _, report = run(tmp_path, "--verifier", f"{grader}:late", "--cases", str(cases))
    cold = report["cases"]["cold_starts"]
    assert cold["num_checks"] == 2  # the first check of the process, and the one that imports
    assert cold["process"] > 0


def test_what_a_check_starts_every_time_is_its_own_time(grader: Path, tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", case("4", True), case("5", False))
    _, report = run(tmp_path, "--verifier", f"{grader}:always_starts", "--cases", str(cases))
    assert report["cases"]["cold_starts"]["num_checks"] == 0


def test_a_label_under_another_name_is_not_shown_to_the_verifier(grader: Path, tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "cases.jsonl", {"reference": "4", "text": "4", "verdict": True})
    words = ("--verifier", f"{grader}:sees_no_label", "--cases", str(cases))
    assert run(tmp_path, *words, "--column", "correct=verdict", "--column", "response=text")[0] == 0

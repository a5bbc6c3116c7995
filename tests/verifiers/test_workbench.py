"""The workbench: what it counts, what it survives, and what it says to whoever runs `openqwq verify`."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.cli import main
from openqwq.verifiers.registry import BUILT_IN
from openqwq.verifiers.workbench.cases import Selection, UnusableCases, load_cases
from openqwq.verifiers.workbench.claims import CLAIMS, example_seeds
from openqwq.verifiers.workbench.probes import KINDS, MUTANT, probes_of, seed_of

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

def picky(response, row):
    return response == "6"

def letters_only(response, row):
    """Compares words: signs vanish."""
    keep = lambda text: [c for c in text.split("{")[-1] if c.isalnum()]
    return keep(response) == keep(row["reference"])

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


@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - {"code", "reward_model", "placebo"}))
def test_the_built_in_verifiers_that_need_no_service_pass_their_audit(name: str, tmp_path: Path) -> None:
    if name == "math":
        pytest.xfail("it pays a copied question whose prompt is a chat")
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


def test_right_answers_that_are_refused_are_listed_with_their_row(
    grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [case(str(n), True) | {"reference": str(n), "id": f"row-{n}"} for n in range(4, 10)]
    cases = write_cases(tmp_path / "cases.jsonl", *rows)
    status, report = run(tmp_path, "--verifier", f"{grader}:picky", "--cases", str(cases), "--audit")
    (audit,) = report["audits"]
    assert (status, audit["right_paid"], audit["right_asked"]) == (1, 1, 6)
    refused = [example for example in audit["examples"] if example["kind"] == "right answer refused"]
    assert {(each["id"], each["gold"], each["response"]) for each in refused} == {
        (f"row-{n}: right answer", str(n), str(n)) for n in (4, 5, 7, 8, 9)
    }
    said = capsys.readouterr().out
    assert "right paid: known right answers that score above 0.5" in said
    assert all(
        f"row-{n}: right answer gold {n}" in said for n in (4, 5, 7, 8, 9)
    )  # all, though three of a kind are shown


def test_a_verifier_that_pays_a_mutant_is_broken_and_the_pair_is_shown(
    grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"reference": "r-7", "response": "r-7", "correct": True}
    cases = write_cases(tmp_path / "cases.jsonl", row)
    words = ("--cases", str(cases), "--audit", "--max-probes-paid", "1000")
    status, report = run(tmp_path, "--verifier", f"{grader}:letters_only", *words)
    (audit,) = report["audits"]
    assert status == 1
    assert {
        "name": "mutants paid",
        "limit": "at most 0",
        "is_kept": False,
        "value": str(audit["mutants_paid"]),
    } in audit["checks"]
    paid = {(each["gold"], each["response"]) for each in audit["examples"] if each["kind"] == "mutant paid"}
    assert {("r-7", "r+7"), ("r-7", "r7")} <= paid
    assert "BROKEN: mutants paid" in capsys.readouterr().out
    status, report = run(tmp_path, "--verifier", f"{grader}:careful", *words)
    assert (status, report["audits"][0]["mutants_paid"]) == (0, 0)
    assert report["audits"][0]["num_mutants"] >= 6


@pytest.mark.parametrize(
    ("right", "gold", "answered"),
    [
        ("It is 8, so \\boxed{8}.", "8", "It is 9, so \\boxed{9}."),
        ("8", "8", "9"),
        ("Work.\n#### 8", "8", "Work.\n#### 9"),
        ("4 + 4 = 8, so it is 8.", "8", "4 + 4 = 9, so it is 9."),  # the right answer is nowhere left
        ("There are 8 of \\boxed{8.0}.", "8", "\\boxed{9}"),  # the answer stands there in another spelling
        ("Eight it is.", "8", "\\boxed{9}"),
        ("From x+8 follows 18", "8", "\\boxed{9}"),
    ],
)
def test_a_mutant_stands_where_the_answer_stood_or_in_a_box(right: str, gold: str, answered: str) -> None:
    seed = seed_of({"reference": gold}, right)
    assert answered in [probe.question.response for probe in probes_of([seed]) if probe.kind == MUTANT]


def test_the_built_in_rows_ask_in_texts_and_in_chats_and_have_compact_symbolic_golds() -> None:
    rows = [seed.row for seed in example_seeds("math")]
    assert {type(row["prompt"]) for row in rows} == {str, list}
    assert {"n+1", "pq-1", "x^2-y^2", "(n+1,n)", "[-2,5)", "y=x+1", "x>a-b"} <= {str(row["reference"]) for row in rows}
    for name in ("tool_call", "tool_use", "instructions", "refusal", "think_format"):
        assert list in {type(seed.row["prompt"]) for seed in example_seeds(name)}, name


def test_a_copied_question_is_also_tried_behind_a_prefix_and_in_other_lines() -> None:
    seed = seed_of({"prompt": "Which number is shown by eight times eight plus four?"}, None)
    copies = [probe.question.response for probe in probes_of([seed]) if probe.kind == "question copied"]
    assert len(copies) == 3 and len({" ".join(copy.split()) for copy in copies}) == 2


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


def test_a_function_of_trl_is_tried_by_its_place(tmp_path: Path) -> None:
    rows = [{"solution": "$42$", "response": f"$\\boxed{{{n}}}$", "correct": n == 42} for n in (41, 42)]
    cases = write_cases(tmp_path / "cases.jsonl", *rows)
    status, report = run(tmp_path, "--verifier", "trl.rewards:accuracy_reward", "--cases", str(cases))
    assert (status, report["cases"]["categories"]["all"]["judged_right"]) == (0, 1), report


def test_the_example_of_the_readme_passes_its_audit_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text()
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(re.findall(r"```python\n(# mine\.py\n.*?)```", page, re.DOTALL)[0])
    Path("cases.jsonl").write_text(re.findall(r'```json\n(\{"prompt".*?)```', page, re.DOTALL)[0])
    (command,) = re.findall(r"^    openqwq (verify --verifier mine\.py.*)$", page, re.MULTILINE)
    assert "--audit" in command
    assert main(shlex.split(command)) == 0, capsys.readouterr().out

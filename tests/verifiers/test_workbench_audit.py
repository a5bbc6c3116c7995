"""The audit of the workbench: degenerate answers, mutants of golds, right answers, and the rows that it brings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from openqwq.training.cli import main
from openqwq.verifiers.registry import BUILT_IN
from openqwq.verifiers.workbench.claims import CLAIMS, example_seeds
from openqwq.verifiers.workbench.probes import KINDS, MUTANT, probes_of, seed_of
from tests.verifiers.workbench_runs import case, run, write_cases

GRADERS = '''
def careful(response, row):
    return response.strip() == str(row["reference"])

def picky(response, row):
    return response == "6"

def letters_only(response, row):
    """Compares words: signs vanish."""
    keep = lambda text: [c for c in text.split("{")[-1] if c.isalnum()]
    return keep(response) == keep(row["reference"])
'''


@pytest.fixture
def grader(tmp_path: Path) -> Path:
    path = tmp_path / "grader.py"
    path.write_text(GRADERS)
    return path


_NO_SERVICE = sorted(BUILT_IN.keys() - {"code", "reward_model", "judge", "placebo", "as_published", "environment"})


@pytest.mark.parametrize("name", _NO_SERVICE)
def test_the_built_in_verifiers_that_need_no_service_pass_their_audit(name: str, tmp_path: Path) -> None:
    status, report = run(tmp_path, "--audit", "--verifier", name)
    assert status == 0, report["audits"][0]["examples"]


def test_every_built_in_verifier_has_a_claim_with_rows_or_a_reason() -> None:
    assert CLAIMS.keys() == BUILT_IN.keys()
    assert all(claim.examples or claim.skipped for claim in CLAIMS.values())


def test_every_kind_of_probe_is_written_for_a_row_that_has_all_it_needs() -> None:
    kinds = {probe.kind for probe in probes_of(example_seeds("math"))}
    assert kinds == {kind.name for kind in KINDS}


def test_right_answers_that_are_refused_are_listed_with_their_row(
    grader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [case(str(n), True) | {"reference": str(n)} for n in range(4, 10)]
    cases = write_cases(tmp_path / "cases.jsonl", *rows)
    status, report = run(tmp_path, "--verifier", f"{grader}:picky", "--cases", str(cases), "--audit")
    (audit,) = report["audits"]
    assert (status, audit["right_paid"], audit["right_asked"]) == (1, 1, 6)
    refused = [example for example in audit["examples"] if example["kind"] == "right answer refused"]
    assert {(each["id"], each["gold"], each["response"]) for each in refused} == {
        (f"line {n - 3}: right answer", str(n), str(n)) for n in (4, 5, 7, 8, 9)
    }
    said = capsys.readouterr().out
    assert "right paid: known right answers that score above 0.5" in said
    assert all(f"line {n - 3}: right answer gold {n}" in said for n in (4, 5, 7, 8, 9))  # all, not three of a kind


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

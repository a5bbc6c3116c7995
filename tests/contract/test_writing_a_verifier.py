"""The page about writing a verifier is true: its code stands in the example's files, and the example works."""

from __future__ import annotations

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest

from openqwq.training.answers.files import read_answers
from openqwq.training.cli import main
from openqwq.verifiers import get_verifier

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "word_limit"
PAGE = "".join((DOCS / name).read_text() for name in ("writing_a_verifier.md", "testing_a_verifier.md"))
CASES = [json.loads(line) for line in (EXAMPLE / "cases.jsonl").read_text().splitlines()]


def test_the_code_on_the_page_stands_in_the_files_that_it_names() -> None:
    quoted = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert len(quoted) == len(re.findall(r"```(?!pycon|console)\w+", PAGE)) == 9
    for file, code in quoted:
        assert code in (DOCS / file).read_text(), f"{file} does not hold:\n{code}"


def test_the_sessions_on_the_page_say_what_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    session = "\n".join(re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, "writing_a_verifier.md", None, 0)
    assert len(test.examples) >= 7
    assert doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE).run(test).failed == 0


def test_the_workbench_says_what_the_page_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(EXAMPLE)
    monkeypatch.setenv("COLUMNS", "100")
    sessions = re.findall(r"```console\n\$ openqwq (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert len(sessions) == 2
    for command, shown in sessions:
        main(shlex.split(command))
        assert without_times(capsys.readouterr().out) == without_times(shown)


def without_times(text: str) -> list[str]:
    """The words, with one word for every time, rate and size: these differ from run to run."""
    return re.sub(r"[\d.e+-]+ ms|[\d,]+ checks/s|\d+ MB", "measured", text).split()


@pytest.mark.parametrize("name", ["word_limit", "WordLimit"])
def test_the_example_scores_its_cases_as_labelled(name: str) -> None:
    verdicts = get_verifier(f"{EXAMPLE}/word_limit.py:{name}").verify_many([case["response"] for case in CASES], CASES)
    assert {case["id"]: case["expected"] for case in CASES} == {
        case["id"]: pytest.approx(verdict.score) for case, verdict in zip(CASES, verdicts, strict=True)
    }


def test_the_recipe_of_the_example_pays_by_it_and_a_row_chooses_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DOCS.parent)  # the recipe names its data from there
    assert main(["run", str(EXAMPLE / "recipe.yaml"), "--inline", "--run-dir", str(tmp_path / "run")]) == 0
    answers = read_answers(tmp_path / "run" / "rollouts" / "stage1" / "step_1.jsonl.gz")
    asked = {a.id: a.verdicts.keys() - {"repetition"} for a in answers if a.verdicts["repetition"].get("score") == 1.0}
    assert asked == {"paris": {"word_limit", "length"}, "rain": {"word_limit", "length"}, "hello": {"brief"}}

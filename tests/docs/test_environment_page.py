"""The page about writing an environment is true: its code stands in the example's files, and the example works."""

import doctest
import io
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.answers.files import read_answers
from openqwq.training.cli import main
from openqwq.training.environments.catalogue import BUILT_IN

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "fruit_shop"
PAGE = (DOCS / "writing_an_environment.md").read_text()


def test_the_code_on_the_page_stands_in_the_files_that_it_names() -> None:
    quoted = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert len(quoted) == len(re.findall(r"```(?!pycon|console)\w+", PAGE)) == 5
    for file, code in quoted:
        assert code in (DOCS / file).read_text(), f"{file} does not hold:\n{code}"


def test_the_session_on_the_page_says_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    session = "\n".join(re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, "writing_an_environment.md", None, 0)
    assert len(test.examples) >= 7
    assert doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE).run(test).failed == 0


def test_the_episode_on_the_page_is_what_the_terminal_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(EXAMPLE)
    ((command, shown),) = re.findall(r"```console\n\$ openqwq (.*?)\n(.*?)```", PAGE, re.DOTALL)
    typed = "".join(f"{line[2:]}\n" for line in shown.splitlines() if line.startswith("> "))
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().out == shown


def test_the_recipe_of_the_example_trains_a_step_with_the_functions_in_its_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DOCS.parent)  # the recipe names its data from there
    assert main(["run", str(EXAMPLE / "recipe.yaml"), "--inline", "--run-dir", str(tmp_path / "run")]) == 0
    answers = list(read_answers(tmp_path / "run" / "rollouts" / "stage1" / "step_1.jsonl.gz"))
    assert len(answers) == 4 and {answer.finish_reason for answer in answers} <= {"stop", "length", "turns"}
    offered: list[Mapping[str, Any]] = [tool for answer in answers for tool in answer.environment["tools"]]
    assert {tool["function"]["name"] for tool in offered} == {"price", "total"}


def test_the_page_names_every_environment_that_ships() -> None:
    assert [name for name in BUILT_IN if f"| `{name}` |" not in PAGE] == []
    assert json.loads((EXAMPLE / "rows.jsonl").read_text().splitlines()[0])["task"] == "shop"

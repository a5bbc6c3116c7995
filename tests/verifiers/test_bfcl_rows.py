"""Rows of a package in BFCL's form: joined by id, described, in both styles; what does not fit is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openqwq.verifiers import get_verifier
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl import rows as bfcl
from openqwq.verifiers.bfcl.package import package_folder
from openqwq.verifiers.bfcl.rows import bfcl_rows, category_of, main, row_of
from openqwq.verifiers.bfcl.scores import LIVE, MULTI_TURN, NON_LIVE, SIMPLE, bfcl_v3, bfcl_v4_without_agentic
from tests.verifiers.bfcl_package import ANSWERS, AREA, QUESTIONS, USER, write_lines, write_package


@pytest.fixture
def package(tmp_path: Path) -> str:
    return str(write_package(tmp_path))


def test_questions_are_joined_with_their_answers_by_id(package: str) -> None:
    data = package_folder(package) / "data"
    write_lines(
        data / "possible_answer" / "BFCL_v4_simple_python.json",
        [{"id": "simple_python_1", "ground_truth": "second"}, {"id": "simple_python_0", "ground_truth": "first"}],
    )
    first, second = bfcl_rows(["simple_python"], package)
    assert [row["reference"]["ground_truth"] for row in (first, second)] == ["first", "second"]
    assert (first["id"], first["prompt"], first["tools"]) == (
        "simple_python_0",
        [USER],
        [{"type": "function", "function": AREA}],
    )
    assert {name: first["reference"][name] for name in ("category", "version", "style", "functions")} == {
        "category": "simple_python",
        "version": "BFCL_v4",
        "style": "hermes",
        "functions": [AREA],
    }


def test_categories_come_one_after_another_and_relevance_has_no_answers(package: str) -> None:
    given = list(bfcl_rows(["irrelevance", "parallel_multiple"], package))
    assert [row["id"] for row in given] == ["irrelevance_0", "parallel_multiple_0"]
    assert given[0]["reference"]["ground_truth"] == []


def test_functions_that_are_held_back_come_with_the_user_turn_that_offers_them(package: str) -> None:
    [row] = bfcl_rows(["multi_turn_miss_func"], package)
    assert [tool["function"]["name"] for tool in row["tools"]] == ["count", "names", "add"]
    later = row["reference"]["later_turns"]
    assert later[0] == [{"role": "user", "content": "Sell a pear."}]
    assert later[1][0]["content"].startswith("[{'name': 'sell'") and later[1][0]["content"].endswith("And now?")


def test_in_python_style_the_functions_stand_in_the_system_prompt(package: str) -> None:
    given = list(bfcl_rows(["simple_python", "multi_turn_base"], package, style="python"))
    for row in given:
        assert row["tools"] == [] and row["reference"]["style"] == "python"
        assert row["prompt"][0]["role"] == "system" and "[f(a=1)]" in row["prompt"][0]["content"]
        assert json.dumps(row["reference"]["functions"], indent=4) in row["prompt"][0]["content"]
    own = {
        "id": "x_0",
        "question": [[{"role": "system", "content": "Be brief."}, USER]],
        "function": [AREA],
        "ground_truth": [],
    }
    prompts = bfcl.constants(package_folder(package), bfcl.PROMPTS)
    assert row_of(own, prompts, "python")["prompt"][0]["content"].endswith("\n\nBe brief.")
    with pytest.raises(VerifierError, match="category simple_java: calls in java are read in Hermes form only"):
        list(bfcl_rows(["simple_java"], package, style="python"))


def test_dots_in_names_become_underscores_on_request_and_the_reference_keeps_them(package: str) -> None:
    row = next(bfcl_rows(["simple_python"], package, dots_as_underscores=True))
    assert row["tools"][0]["function"]["name"] == "shape_area" and row["reference"]["functions"] == [AREA]
    call = '<tool_call>{"name": "shape_area", "arguments": {"width": 2}}</tool_call>'
    verifier = get_verifier("bfcl")
    assert verifier.verify(call, row).score == 1.0 and verifier.check_reference(row) is None
    assert verifier.verify(call.replace("shape_", "shape."), row).score == 0.0


def test_values_of_java_are_asked_for_as_strings(package: str) -> None:
    [row] = bfcl_rows(["simple_java"], package)
    asked = row["tools"][0]["function"]["parameters"]["properties"]["x"]
    assert asked == {"type": "string", "description": "A Java long, written as a string."}
    assert row["reference"]["functions"][0]["parameters"]["properties"]["x"] == {"type": "long"}


@pytest.mark.parametrize(
    ("row_id", "category"),
    [
        ("simple_python_3", "simple_python"),
        ("live_simple_7-3-0", "live_simple"),
        ("multi_turn_base_12", "multi_turn_base"),
    ],
)
def test_an_id_names_its_category(row_id: str, category: str) -> None:
    assert category_of(row_id) == category


def test_what_does_not_fit_together_is_told_in_one_line(package: str, tmp_path: Path) -> None:
    data = package_folder(package) / "data"
    with pytest.raises(VerifierError, match=r"no category 'multiple' .* it has irrelevance, multi_turn_base"):
        list(bfcl_rows(["multiple"], package))
    answers = data / "possible_answer" / "BFCL_v4_simple_python.json"
    write_lines(answers, [{"id": "simple_python_1", "ground_truth": []}, {"id": "other", "ground_truth": []}])
    with pytest.raises(VerifierError, match="do not fit together by id; without an answer is 'simple_python_0'"):
        list(bfcl_rows(["simple_python"], package))
    answers.write_text("{")
    with pytest.raises(VerifierError, match="not readable as JSON lines"):
        list(bfcl_rows(["simple_python"], package))
    with pytest.raises(VerifierError, match="pip install --no-deps bfcl-eval"):
        list(bfcl_rows(["simple_python"], str(tmp_path / "nothing")))
    write_lines(
        data / "BFCL_v4_multi_turn_base.json", [QUESTIONS["multi_turn_base"][0] | {"involved_classes": ["Shop"]}]
    )
    with pytest.raises(VerifierError, match="no functions are described for the class 'Shop'"):
        list(bfcl_rows(["multi_turn_base"], package))


def test_the_folder_of_the_package_may_be_named_itself(package: str) -> None:
    assert package_folder(f"{package}/bfcl_eval") == package_folder(package) == Path(package, "bfcl_eval")


def test_rows_are_written_as_lines_that_a_source_reads(
    package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"
    main([str(out), "--package", package, "--category", "simple_python", "--category", "irrelevance"])
    assert capsys.readouterr().out == f"{out}: 3 rows of BFCL_v4, simple_python, irrelevance\n"
    assert [json.loads(line) for line in out.read_text().splitlines()] == list(
        bfcl_rows(["simple_python", "irrelevance"], package)
    )
    with pytest.raises(SystemExit):
        main([str(out), "--package", package, "--category", "nothing"])
    assert "no category 'nothing'" in capsys.readouterr().err


def test_all_answers_of_the_package_are_ready_for_their_verifier(package: str) -> None:
    verifier = get_verifier("bfcl", package=package)
    given = list(bfcl_rows([*ANSWERS, "irrelevance"], package))
    assert [verifier.check_reference(row) for row in given] == [None] * 7


ALL = {
    name: 0.5 for name in (*SIMPLE, *NON_LIVE, *LIVE, *MULTI_TURN, "irrelevance", "live_irrelevance", "live_relevance")
}


def test_the_number_of_v3_is_the_mean_of_three_groups() -> None:
    given = ALL | {"simple_java": 0.2, "irrelevance": 1.0, "live_relevance": 1.0, "multi_turn_base": 0.1}
    score = bfcl_v3(given)
    assert score.parts["non_live"] == pytest.approx((0.4 + 3 * 0.5 + 1.0) / 5)
    assert score.parts["live"] == pytest.approx((0.5 * (258 + 1053 + 16 + 24 + 884) + 16) / 2251)
    assert score.parts["multi_turn"] == pytest.approx(0.4)
    assert score.overall == pytest.approx(sum(score.parts.values()) / 3)
    assert score.version == "v3" and set(score.categories) == set(given)


def test_v4_without_agentic_has_parts_and_no_overall() -> None:
    score = bfcl_v4_without_agentic(ALL | {"simple_java": 0.2, "irrelevance": 1.0, "live_multiple": 1.0})
    assert score.parts == pytest.approx(
        {"non_live": (0.4 + 1.5) / 4, "live": (0.5 * 298 + 1053) / 1351, "irrelevance": 0.75, "multi_turn": 0.5}
    )
    assert score.overall is None and "live_relevance" not in score.categories


def test_a_number_without_one_of_its_categories_is_refused() -> None:
    with pytest.raises(VerifierError, match="missing: live_simple"):
        bfcl_v3({name: value for name, value in ALL.items() if name != "live_simple"})
    with pytest.raises(VerifierError, match=r"in \[0, 1\], got {'multiple': 50.0}"):
        bfcl_v4_without_agentic(ALL | {"multiple": 50.0})

"""The verifier `bfcl`: one turn in both styles, calls that should not be, and conversations judged by their states."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openqwq.verifiers import Verifier, get_verifier
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.bfcl.rows import bfcl_rows
from openqwq.verifiers.bfcl.verifier import scenario_row
from openqwq.verifiers.bfcl.worker_process import ScenarioLimit, ScenarioRow, ScenarioWorker, close_workers
from tests.verifiers.bfcl_package import SALE, write_package

AREA_CALL = {"name": "shape.area", "arguments": {"width": 2.0}}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield str(write_package(tmp_path_factory.mktemp("package")))
    close_workers()


@pytest.fixture
def verifier(package: str) -> Verifier:
    return get_verifier("bfcl", package=package)


def row_named(package: str, category: str, style: Any = "hermes") -> dict[str, Any]:
    return next(bfcl_rows([category], package, style))


def hermes(*calls: Any) -> str:
    return "".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (hermes(AREA_CALL), 1.0),
        (f"<think>{hermes(AREA_CALL, AREA_CALL)}</think>{hermes(AREA_CALL)}", 1.0),
        (f"<think>{hermes(AREA_CALL)}", 0.0),
        (hermes(AREA_CALL, AREA_CALL), 0.0),
        (hermes(AREA_CALL) + "<tool_call>oops</tool_call>", 0.0),
        (hermes(AREA_CALL) + "<tool_response>6</tool_response>", 0.0),
        ("The area is 6.", 0.0),
        ("", 0.0),
    ],
)
def test_calls_in_tags_are_judged_after_the_thinking(
    verifier: Verifier, package: str, answer: str, score: float
) -> None:
    assert verifier.verify(answer, row_named(package, "simple_python")).score == score


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("[shape.area(width=2.0)]", 1.0),
        ("<think>hm</think>\n```\nshape.area(width=2.0, unit='Cm')\n```", 1.0),
        ("[shape.area(width=3.0)]", 0.0),
        (hermes(AREA_CALL), 0.0),
        ("[]", 0.0),
    ],
)
def test_calls_in_python_are_judged_where_the_row_or_the_recipe_asks_for_them(
    package: str, answer: str, score: float
) -> None:
    row = row_named(package, "simple_python", "python")
    assert get_verifier("bfcl").verify(answer, row).score == score
    del row["reference"]["style"]
    assert get_verifier("bfcl", style="python").verify(answer, row).score == score


@pytest.mark.parametrize(
    ("answer", "is_call"),
    [
        (hermes(AREA_CALL), True),
        (hermes({"name": "no such function", "arguments": {}}), True),
        ("I cannot know that.", False),
        ("<tool_call>oops</tool_call>", False),
        ("", False),
    ],
)
def test_irrelevance_wants_no_readable_call_and_relevance_wants_any(
    verifier: Verifier, package: str, answer: str, is_call: bool
) -> None:
    row = row_named(package, "irrelevance")
    relevant = row | {"reference": row["reference"] | {"category": "live_relevance"}}
    assert verifier.verify(answer, row).score == float(not is_call)
    assert verifier.verify(answer, relevant).score == float(is_call)
    assert verifier.verify(f"<think>{answer}", row).score == 0.0  # no answer at all


def said(*contents: str) -> list[dict[str, str]]:
    """Turns: "u: ..." of the user, "t: ..." of a tool, others of the assistant."""
    roles = {"u: ": "user", "t: ": "tool"}
    return [
        {"role": roles.get(text[:3], "assistant"), "content": text[3:] if text[:3] in roles else text}
        for text in contents
    ]


def sell(name: str, **more: Any) -> str:
    return hermes({"name": "sell", "arguments": {"name": name, **more}})


COUNT = hermes({"name": "count", "arguments": {"name": "ab"}})


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([sell("fig"), "t: ok", "Sold.", "u: And a pear?", sell("pear") + COUNT, "t: ok", "t: 2", "Sold."], ""),
        ([sell("fig", number=1), COUNT, "Sold.", "u: pear", sell("kiwi"), sell("pear"), "Sold."], ""),
        ([sell("fig"), "Sold.", "u: pear", "<think>hm</think>" + sell("pear"), COUNT], ""),
        ([sell("fig"), "Sold.", "u: pear", "<think>hm" + sell("pear"), COUNT], "turn 2: another state of Kiosk.stock"),
        ([sell("fig"), "Sold.", "u: pear", sell("pear")], "turn 2: no call answered '2'"),
        ([sell("fig", number=2), "Sold.", "u: pear", sell("pear") + COUNT], "turn 1: another state of Kiosk.stock"),
        ([sell("fig") + sell("fig"), "u: pear", sell("pear") + COUNT], "turn 1: another state of Kiosk.stock"),
        (["Sold.", "u: pear", sell("fig") + sell("pear") + COUNT], "turn 1: no call"),
        ([sell("fig"), "u: pear", "No."], "turn 2: no call"),
        ([sell("fig"), "Sold."], "the conversation has 1 turns, the reference 2"),
        ([sell("fig"), "u: pear", sell("pear") + COUNT, "u: more"], "the conversation has 3 turns, the reference 2"),
    ],
)
def test_a_conversation_is_judged_after_each_turn_by_states_and_answers(
    verifier: Verifier, package: str, contents: list[str], reason: str
) -> None:
    verdict = verifier.verify("", row_named(package, "multi_turn_base") | {"turns": said(*contents)})
    assert (verdict.score, verdict.reason) == (float(not reason), reason or "states and answers match")


def test_a_turn_without_calls_of_the_reference_is_not_checked_but_its_calls_count_later(
    verifier: Verifier, package: str
) -> None:
    row = row_named(package, "multi_turn_miss_func")
    names = hermes({"name": "names", "arguments": {}})
    early = said(names, "u: sell", sell("pear"), "u: now?", names)
    twice = said(names, "u: sell", sell("fig"), "u: now?", sell("pear"))
    assert verifier.verify("", row | {"turns": early}).score == 1.0
    assert verifier.verify("", row | {"turns": twice}).reason == "turn 3: another state of Kiosk.stock"


def test_an_answer_that_the_reference_got_twice_is_needed_twice(verifier: Verifier, package: str) -> None:
    row = row_named(package, "multi_turn_base")
    row["reference"] |= {"ground_truth": [["count('ab')", "count('ab')"]]}
    assert verifier.verify("", row | {"turns": said(COUNT)}).reason == "turn 1: no call answered '2'"
    assert verifier.verify("", row | {"turns": said(COUNT, COUNT)}).score == 1.0


def test_a_conversation_in_python_style_is_read_in_python(verifier: Verifier, package: str) -> None:
    row = row_named(package, "multi_turn_base", "python")
    turns = said("[sell(name='fig')]", "t: ok", "Sold.", "u: pear", "[sell(name='pear'), count(name='ab')]", "Sold.")
    assert verifier.verify("", row | {"turns": turns}).score == 1.0


@pytest.mark.parametrize(
    ("ground_truth", "problem"),
    [
        ([["sell(name='fig')"], ["sell(name=pear)"]], "the reference is not readable: .*literal arguments"),
        ([["sell(name='fig')"], ["__import__('os').system('true')"]], "the reference is not readable"),
        ([["sell(name='fig')"], ["sell('pear'); 1"]], "the reference is not readable"),
        ([["sell(name='fig')", "steal(name='fig')"]], "calls a function that its classes do not have: .* name 'steal'"),
        ([["sell(name='fig')"], [5]], "the reference is not readable"),
        ([["end()"]], "the reference's own calls cannot be run: the calls ended the process twice"),
    ],
)
def test_a_reference_that_cannot_be_run_is_refused(
    verifier: Verifier, package: str, ground_truth: Any, problem: str
) -> None:
    row = row_named(package, "multi_turn_base")
    row["reference"]["ground_truth"] = ground_truth
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(verifier.check_reference(row))


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (None, "a mapping with a category"),
        ([{"f": {}}], "a mapping with a category"),
        ({"category": 3}, "a mapping with a category"),
        ({"category": "simple_python", "ground_truth": []}, "functions is a list, got NoneType"),
        (
            {"category": "simple_python", "ground_truth": [{"say": {"text": ["a"]}}]},
            "functions is a list, got NoneType",
        ),
        ({"category": "multi_turn_base", "ground_truth": [["f()"]]}, "involved_classes is a list, got NoneType"),
        ({"category": "irrelevance", "style": "yaml"}, "style is one of hermes, python, got 'yaml'"),
        (
            {"category": "simple_java", "style": "python", "functions": [1], "ground_truth": [1]},
            "read in Hermes form only",
        ),
        ({"category": "simple_python", "functions": [1], "ground_truth": []}, "ground_truth is empty"),
    ],
)
def test_a_reference_of_another_form_is_refused_in_one_line(verifier: Verifier, reference: Any, problem: str) -> None:
    assert problem in str(verifier.check_reference({"reference": reference}))
    verdict = verifier.verify("x", {"reference": reference})
    assert verdict.status == "verifier_error" and problem in verdict.reason


def test_without_the_package_multi_turn_rows_are_errors_that_say_what_to_do(package: str, tmp_path: Path) -> None:
    row = row_named(package, "multi_turn_base")
    verdict = get_verifier("bfcl", package=str(tmp_path)).verify("x", row)
    assert (
        verdict.status == "verifier_error" and "pip install --no-deps" in verdict.reason and "\n" not in verdict.reason
    )
    row["reference"]["involved_classes"] = ["Shop"]
    told = get_verifier("bfcl", package=package).check_reference(row)
    assert told is not None and "no scenario class is named 'Shop'; known: Kiosk, Calculator" in told
    row["reference"]["involved_classes"] = ["Lost"]
    assert "No module named" in str(get_verifier("bfcl", package=package).check_reference(row))
    with pytest.raises(VerifierError, match="style is one of"):
        get_verifier("bfcl", style="yaml")


ROW = ScenarioRow(("Kiosk", "Calculator"), SALE["initial_config"], False)


def answers(worker: ScenarioWorker, *calls: Call, row: ScenarioRow = ROW) -> list[str]:
    return worker.answers(row, [[list(calls)]], len(calls))


@pytest.fixture(scope="module")
def worker(package: str) -> Iterator[ScenarioWorker]:
    worker = ScenarioWorker(Path(package, "bfcl_eval"), seconds=0.5)
    yield worker
    worker.close()


def test_answers_are_texts_as_the_official_runner_writes_them(worker: ScenarioWorker) -> None:
    figs = Call("sell", (), {"name": "fig"})
    assert answers(worker, figs, Call("names"), Call("add", (1, 2)), Call("count", ("abc",))) == [
        '{"sold": "fig", "left": 2}',
        "['fig', 'pear']",
        "3",
        "3",
    ]


def test_only_public_methods_are_called_and_errors_are_answers(worker: ScenarioWorker) -> None:
    refused = [
        Call("_load_scenario", ({},)),
        Call("__class__"),
        Call("helper"),
        Call("print", ("x",)),
        Call("stock"),
        Call(""),
    ]
    for call, answer in zip(refused, answers(worker, *refused), strict=True):
        assert answer == f"Error during execution: name {call.name!r} is not defined"
    assert answers(worker, Call("remove", ("fig",))) == ["Error during execution: Function call remove is not allowed."]
    wrong = [
        Call("sell", (), {"nmae": "fig"}),
        Call("sell", (), {"name": {"a": 1}}),
        Call("add", (1e999, 1)),
        Call("add", (1, "x")),
    ]
    assert all(answer.startswith("Error during execution: ") for answer in answers(worker, *wrong))


def test_a_long_context_is_loaded_where_the_row_asks_for_it(worker: ScenarioWorker) -> None:
    long = ScenarioRow(ROW.classes, ROW.configuration, True)
    assert answers(worker, Call("sell", ("thing 9",)), row=long) == ['{"sold": "thing 9", "left": 8}']
    reference = SALE | {"category": "multi_turn_long_context"}
    assert (
        scenario_row(reference).is_long_context
        and not scenario_row(reference | {"category": "multi_turn_base"}).is_long_context
    )


def test_calls_that_never_end_or_end_the_process_cost_themselves_alone(worker: ScenarioWorker) -> None:
    with pytest.raises(ScenarioLimit, match=r"took longer than 0\.5 s"):
        answers(worker, Call("sleep", (30,)))
    with pytest.raises(ScenarioLimit, match="ended the process twice"):
        answers(worker, Call("end"))
    assert answers(worker, Call("add", (1, 2))) == ["3"]


def test_a_conversation_that_never_ends_scores_zero(package: str) -> None:
    verifier = get_verifier("bfcl", package=package, timeout_seconds=0.5)
    turns = said(hermes({"name": "sleep", "arguments": {"seconds": 30}}), "u: pear")
    verdict = verifier.verify("", row_named(package, "multi_turn_base") | {"turns": turns})
    assert (verdict.score, verdict.reason) == (0.0, "the calls took longer than 0.5 s")


def test_many_threads_share_one_process(worker: ScenarioWorker) -> None:
    found: dict[int, list[str]] = {}

    def ask(number: int) -> None:
        found[number] = answers(worker, Call("add", (number, 1)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [str(number + 1)] for number in range(8)}

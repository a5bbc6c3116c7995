"""The verifier `livebench`: right, partly right and wrong answers to questions of every task, and what it refuses."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from openqwq.verifiers import VerifierError, get_verifier
from openqwq.verifiers.livebench.tasks import TASKS

Row = dict[str, Any]


def question(task: str, gold: Any, asked: str = "?", release: str = "2024-11-25", **more: Any) -> Row:
    held = {"task": task, "ground_truth": gold, "turns": [asked], "livebench_release_date": release, **more}
    return {"prompt": asked, "reference": held}


def score(row: Row, answer: str, **options: Any) -> float | None:
    verdict = get_verifier("livebench", **options).verify(answer, row)
    assert verdict.is_scored, verdict.reason
    return verdict.score


CHOICES = r"How many? $\textbf{(A) }12\qquad\textbf{(B) }34\qquad\textbf{(C) }56$"
CONTEST = question("math_comp", "B", CHOICES, subtask="amc_12a_2023")
AIME = question("math_comp", "025", subtask="aime_i_2024")
PROOF = question("olympiad", "4,1,3,2", subtask="imo")
DERIVATIVE = question("AMPS_Hard", r"3 \left(x-\frac{1}{2}\right)^2-\frac{5}{4}", subtask="amps_hard_complete_square")
INTEGRAL = question("integrals_with_game", "11326/3")
LIES = question("web_of_lies_v2", "yes, no, yes")
LATE_LIES = question("web_of_lies_v3", "yes, no, unknown")
ZEBRA = question("zebra_puzzle", "2, jet-ski, cooking, thai")
EARLY_ZEBRA = question("zebra_puzzle", "three", release="2024-06-24")
SHAPE = question("spatial", "tetrahedron")
PIECES = question("spatial", "4")
SUDOKU = question("sudoku", "1234.4321")
BOX = question("theory_of_mind", "blue_container")
WALK = question("logic_with_navigation", [-3, 7])
GROUPS = question("connections", "bat,owl,fox,cat,red,tan,sky,jet")
EARLY_GROUPS = question("connections", "bat,owl,fox,cat,red,tan,sky,jet", release="2024-06-24")
TYPOS = question("typos", "We receive two letters.")
PLOT = question("plot_unscrambling", "A boy finds a map. He sails away. A storm sinks him. He wakes on an island.")
COLUMN = question("cta", "case_number")
JOIN = question("tablejoin", '{"a": "x", "b": "y", "c": "z"}')
MONTHS = question(
    "consecutive_events", json.dumps([{"user_id": n, "max_consecutive_growth_months": n} for n in (1, 2)])
)
TABLE = question(
    "tablereformat", "name,n\nAnn,1\nBob,2.50\n", "Please convert the Input Table from JSON format to CSV format. ..."
)
MASTER = [
    (CONTEST, "So <solution>BBBBB</solution>", 1.0),
    (CONTEST, "So BBBBB.", 1.0),
    (CONTEST, r"So \boxed{\text{b}}", 1.0),
    (CONTEST, "It is 34.", 1.0),
    (CONTEST, "Thus\n**b**", 1.0),
    (CONTEST, "The answer is (B) of course", 1.0),
    (CONTEST, "Not (A), but (B)", 0.0),
    (CONTEST, "34 is tempting, but after a long computation it is AAAAA", 0.0),
    (AIME, "Hence the answer is 025", 1.0),
    (AIME, "Hence the answer is 25", 0.0),
    (AIME, "025 " + "and so on " * 6, 0.0),
    (PROOF, "Why.\n\n**Answer:** 4, 1, 3, 2.", 1.0),
    (PROOF, "Answer:\n$4, 1, 2, 3$", 0.5),
    (PROOF, r"\boxed{4,1,3}", 0.75),
    (PROOF, "answer: 1\nAnswer: x\n4,1,3,2", 1.0),
    (PROOF, "Answer: 4,1,3,2,5,6,7,8", 0.5),
    (PROOF, "None of them", 0.0),
    (DERIVATIVE, r"So $\boxed{y = 3x^2 - 3x - \frac12 + C}$.", 1.0),
    (DERIVATIVE, r"So $\boxed{3(x-0.5)^2-1.25}$.", 1.0),
    (DERIVATIVE, r"It is $$y = 3(x-\dfrac{1}{2})^2 - \tfrac54$$", 1.0),
    (DERIVATIVE, r"So $\boxed{3x^2 - 3x - \frac13}$.", 0.0),
    (DERIVATIVE, "I do not know.", 0.0),
    (question("AMPS_Hard", [r"\frac{2}{9}", r"\sqrt{2}"]), r"\boxed{1.4142}", 1.0),
    (question("AMPS_Hard", [r"\frac{2}{9}", r"\sqrt{2}"]), r"\boxed{1.41}", 0.0),
    (question("AMPS_Hard", r"2\ 6^{2/3}"), "So it is 2*6^{2/3}.", 1.0),
    (INTEGRAL, "<Solution>\n22652/6 </Solution>", 1.0),
    (INTEGRAL, r"\boxed{3775.333333}", 1.0),
    (INTEGRAL, "that is 11326/3.", 1.0),
    (INTEGRAL, "<solution>11326</solution>", 0.0),
    (LIES, "So **Yes, no, yes**", 1.0),
    (LIES, "<solution>yes, no, yes</solution>", 1.0),
    (LIES, "yes, yes, yes? Rather yes, no, yes", 1.0),
    (LIES, "**yes, no, no**", 0.0),
    (question("web_of_lies_v2", "yes, unknown, no"), "**no, yes, unknown, no**", 1.0),  # the last three words in bold
    (LATE_LIES, "<solution>yes, no, unknown</solution>", 1.0),
    (LATE_LIES, "<solution>yes, no, no</solution>", 1 / 3),
    (LATE_LIES, "**yes, no, unknown** or not", 1.0),
    (ZEBRA, "<solution>2, jet ski, Cooking, thai</solution>", 1.0),
    (ZEBRA, "<solution>position 2, jet-ski, chess, thai</solution>", 0.375),
    (ZEBRA, "Hm.\n2, jet-ski, cooking, thai", 1.0),
    (ZEBRA, "<solution>1, a</solution> <solution>2, jet-ski, cooking, thai</solution>", 1.0),
    (ZEBRA, "2 and so on", 0.0),
    (EARLY_ZEBRA, "It is ***3***", 1.0),
    (EARLY_ZEBRA, "It is three", 1.0),
    (EARLY_ZEBRA, "It is three or ***four***", 0.0),
    (SHAPE, "A **regular tetrahedron** it is", 1.0),
    (SHAPE, "A **circle, a square, and also a tetrahedron**", 0.0),
    (PIECES, "**Four**, and **why**", 1.0),
    (PIECES, r"It is \boxed{\text{4}}", 1.0),
    (PIECES, "**4** **3** **2** **1**", 0.0),
    (SUDOKU, "<SOLUTION>\n1234.\n4321\n</SOLUTION>", 1.0),
    (SUDOKU, "<solution>1234.4312</solution>", 0.0),
    (BOX, "<solution>Blue_container.</solution>", 1.0),
    (BOX, "Thus\nAnswer: blue_container", 1.0),
    (BOX, "blue_container\n<solution>red_container</solution>", 0.0),
    (WALK, "<solution>at ( -3 , 7 )</solution>", 1.0),
    (WALK, "<solution>-3,7</solution>", 1.0),
    (WALK, "<solution>3, 7</solution>", 0.0),
    (WALK, "(-3, 7)", 0.0),
    (GROUPS, "<solution>red, tan, jet, sky, Bat, owl, cat, fox</solution>", 1.0),
    (GROUPS, "<solution>bat,owl,fox,cat,red,tan,sky,sun</solution>", 0.5),
    (GROUPS, "<solution>" + "bat,owl,fox,cat," * 2 + "</solution>", 0.5),  # the same group twice counts once
    (GROUPS, r"\boxed{\text{bat,owl,fox,cat,red,tan,sky,jet}}", 1.0),
    (GROUPS, r"\boxed{bat,owl", 0.0),
    (EARLY_GROUPS, "**bat, owl,\nfox, cat, sky, jet, tan, red** or **bat**", 1.0),
    (EARLY_GROUPS, "bat, owl, fox, cat, sky, jet, tan, red", 0.0),
    (TYPOS, "<solution>We receive two\nletters.</solution>", 1.0),
    (TYPOS, "It reads --- We receive two letters. --- now", 1.0),
    (TYPOS, "We recieve two letters.", 0.0),
    (PLOT, f"<PLOT_SUMMARY>{PLOT['reference']['ground_truth']}</PLOT_SUMMARY>", 1.0),
    (PLOT, "He sails away. A boy finds a map. A storm sinks him. He wakes on an island.", 0.5),
    (PLOT, "<PLOT_SUMMARY>.</PLOT_SUMMARY>", 0.0),
    (COLUMN, "The class is 'Case_Number'.", 1.0),
    (COLUMN, r"\boxed{\text{case\_number}}", 1.0),
    (COLUMN, "case_number or block", 0.0),
    (JOIN, "```python\n{'a': 'x', 'b': 'y',\n'c': 'z'}\n```", 1.0),
    (JOIN, "{'a': 'x', 'b': null, 'd': 'q'}", 0.4),
    (JOIN, "<solution>{'a': 'y'}</solution>", 0.0),
    (JOIN, "a is x", 0.0),
    (MONTHS, '<solution>[{"user_id": 1, "max_consecutive_growth_months": 1}]</solution>', 0.5),
    (MONTHS, '<solution>[{"user_id": 1, "max_consecutive_growth_months": 2}]</solution>', 0.0),
    (MONTHS, "<solution>5</solution>", 0.0),
    (TABLE, "```csv\nn,name\n1.0,Ann\n2.5,Bob\n```", 1.0),
    (TABLE, "Here you are:\nname,n\nAnn,1\nBob,2.5\nI hope, that, it, helps", 1.0),
    (TABLE, "name,n\nBob,2.5\nAnn,1", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("row", "answer", "wanted"), MASTER)
def test_an_answer_gets_the_official_score(row: Row, answer: str, wanted: float) -> None:
    assert score(row, answer) == pytest.approx(wanted)


def test_every_task_is_tried_with_answers_of_at_least_two_scores() -> None:
    tried = {name: set[float]() for name in ("contest", "aime", *TASKS)}
    names = {"imo": "olympiad", "AMPS_Hard": "amps_hard"}
    for row, _, wanted in MASTER:
        held = row["reference"]
        name = {"amc": "contest", "aime": "aime"}.get(held.get("subtask", "")[:4].strip("_"), held["task"])
        tried[names.get(name, name)].add(wanted)
    assert {name: scores for name, scores in tried.items() if len(scores) < 2} == {}


@pytest.mark.parametrize("row", {id(row): row for row, _, _ in MASTER}.values())
def test_a_question_of_our_own_has_a_reference_that_can_be_judged(row: Row) -> None:
    assert get_verifier("livebench").check_reference(row) is None
    assert get_verifier("livebench").check_reference(row["reference"]) is None  # columns of the row itself
    assert get_verifier("livebench").verify("x", row["reference"]).is_scored


def test_thinking_is_cut_strictly_or_as_qwq_cuts_it() -> None:
    thought = "<think>\nMaybe **yes, no, yes**\n"
    for answer in (thought, f"{thought}</think>\n**no, no, no**"):
        assert score(LIES, answer) == 0.0
    assert score(LIES, thought, thinking="whole") == 1.0  # never closed: everything is read
    assert score(LIES, f"{thought}</think>\n\n**no, no, no**", thinking="whole") == 0.0
    assert score(LIES, f"{thought}</think>\n\nx\n</think>\n\n**yes, no, yes**") == 1.0
    opened = LIES | {"prompt": "?\n<think>"}
    assert (score(opened, "**yes, no, yes**"), score(opened, "**yes, no, yes**", thinking="whole")) == (0.0, 1.0)
    with pytest.raises(VerifierError, match="thinking is one of strict, whole, got 'loose'"):
        get_verifier("livebench", thinking="loose")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (question("LCB_generation", "x", category="coding"), "is a coding task: judge it by the verifier `code`"),
        (question("coding_completion", "x"), "with its tests as the form `livecodebench` reads them"),
        (question("python", "x", category="agentic_coding"), "agentic_coding is not judged here: it needs Docker"),
        (question("house_traversal", "x"), "house_traversal is in no release"),
        (question("haiku", "x"), "'haiku' is no task of LiveBench; known: contest"),
        (question("haiku", "x", category="instruction_following"), "instruction_id_list is a list of ids, got None"),
        (question("haiku", "x", "?", "2025-11-25", category="instruction_following"), "instructions are IFBench's"),
        ({"reference": {"task": "cta", "turns": ["?"]}}, "a question of 'cta' needs ground_truth"),
        ({"reference": {"task": "cta", "ground_truth": "x", "turns": ["a", "b"]}}, "a question of 2 turns"),
        ({"reference": None}, "no question of LiveBench: neither"),
        (question("cta", None), "ground_truth is a text, got None"),
        (question("cta", "::"), "ground_truth has no letter or digit: '::'"),
        (question("smc", "F"), "ground_truth is a letter of A to E, got 'F'"),
        (question("imo", "1,two"), "ground_truth is numbers between commas, got '1,two'"),
        (question("AMPS_Hard", r"\text{$\$$Aborted}"), "ground_truth is words and no formula"),
        (question("logic_with_navigation", [1, True]), "ground_truth is two whole numbers, got [1, True]"),
        (question("connections", "a,b,c,d,d,c,b,a"), "ground_truth has a group twice"),
        (question("zebra_puzzle", "x", release=""), "livebench_release_date is a date as 2024-11-25, got ''"),
        (question("plot_unscrambling", "..."), "ground_truth has no sentence"),
        (question("tablejoin", "{'a': None}"), "ground_truth maps columns to columns"),
        (question("tablejoin", "[" * 500), "ground_truth maps columns to columns"),
        (question("consecutive_events", "[1]"), "ground_truth is a list of users with their months"),
        (question("consecutive_events", 7), "ground_truth is a list of users with their months"),
        (question("tablereformat", "a,b\n1,2", "Make a table"), "the question names no format of a table"),
        (question("tablereformat", "no", TABLE["prompt"].replace("CSV", "JSON")), "ground_truth is no table"),
        (question("tablereformat", "no", TABLE["prompt"].replace("CSV", "XLS")), "'xls' is none of csv, tsv"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_judged_is_refused_and_never_scored(row: Row, problem: str) -> None:
    verifier = get_verifier("livebench")
    said = verifier.check_reference(row)
    assert said is not None and problem in said and "\n" not in said and len(said) < 300
    verdict = verifier.verify("x", row)
    assert verdict.status == "verifier_error" and verdict.reason == f"unusable question: {said}"


def test_a_gold_that_is_no_formula_is_refused_by_the_math_verifier() -> None:
    assert get_verifier("livebench").check_reference(question("AMPS_Hard", r"\frac{1}{")) is not None


def test_instructions_are_for_the_verifier_ifeval_and_refused_in_one_line_without_it() -> None:
    more = {"instruction_id_list": ["punctuation:no_comma", "startend:quotation"], "kwargs": [{}, {"num_words": None}]}
    row = question("paraphrase", None, category="instruction_following", **more)
    verifier = get_verifier("livebench")
    try:
        get_verifier("ifeval")
    except VerifierError:
        said = verifier.check_reference(row)
        assert said == "instruction_following needs the verifier `ifeval`, which this version lacks"
        assert verifier.verify("x", row).reason == f"unusable question: {said}"
    else:
        assert verifier.check_reference(row) is None
        assert score(row, "<think>a, b</think>\nno comma") == 0.25  # the mean of "all" and "half of them"
        assert score(row, '"no comma"') == 1.0
        assert score(row, "<think>never closed") == 0.0


BY_TASK = {(row["reference"]["task"], row["reference"]["livebench_release_date"]): row for row, _, _ in MASTER}
MARKS = (
    *("<solution>", "</solution>", "**", "$", "{", "9", r"\boxed{", "[", "1,", "a. ", "- 1", " --- ", "|", "\\", '"'),
    *("<td><!--", "table ", "```", "Answer: ", "<solution>(1,", "\n", " ", "(", "--"),
)


@pytest.mark.parametrize("row", BY_TASK.values(), ids=lambda row: row["reference"]["task"])
def test_hostile_answers_get_a_score_and_cost_little(row: Row) -> None:
    marks = MARKS[5::6] if row["reference"]["task"] in ("AMPS_Hard", "integrals_with_game") else MARKS
    frames = (r"\boxed{%s}", "<solution>%s</solution>", "%s")
    bombs = [frame % (mark * 500) for frame in frames for mark in marks]
    bombs += ["", "\x00", "\u202e\ud800", "[" * 500 + "]" * 500, r"\boxed{9^{9^{9^{9}}}}"]
    verifier, start = get_verifier("livebench", timeout_seconds=0.5), time.monotonic()
    for bomb in bombs:
        verdict = verifier.verify(bomb, row)
        assert verdict.is_scored and (verdict.score or 0.0) < 1, (bomb[:20], verdict.reason)
    assert time.monotonic() - start < 100  # against what hangs

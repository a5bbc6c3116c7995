"""Word problems for the real model: the shortest calculation, frames, and splits that no frame crosses."""

from __future__ import annotations

import json
import random
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.answers.files import append_answers
from openqwq.training.answers.record import answer_of
from openqwq.training.records import Judgement
from tests.training.small_records import make_prompt, make_rollout

WORDS = Path(__file__).parents[2] / "scripts" / "words"
sys.path.insert(0, str(WORDS))
import frames  # noqa: E402
import problems  # noqa: E402

JUDGES = runpy.run_path(str(WORDS.parents[1] / "recipes" / "smollm2" / "calculations.py"))


def read(tmp_path: Path, *rows: dict[str, Any]) -> tuple[list[problems.Problem], dict[str, int]]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found, dropped = problems.read_problems([file])
    return found, dict(dropped)


@pytest.mark.parametrize(
    ("text", "answer", "kind", "calculation"),
    [
        ("Ann has 7 pens and loses 4. How many are left?", 3.0, "one", "7 - 4"),
        ("She lost 4 of 1,070 pens. How many are left?", 1066, "one", "1070 - 4"),
        ("A pen is $2.50. What do 4 cost?", 10, "one", "2.5 * 4"),
        ("Share 9 by 4.", 2.25, "one", "9 / 4"),
        ("Add 2 and 2.", 4, "one", None),  # or multiply them
        ("Of 8 red, 5 blue and 3 green, how many are red or green?", 11, "one_of_many", "8 + 3"),
        ("Take 7 and 5 together, and that 3 times.", 36, "two", "(7 + 5) * 3"),
        ("Add 7, 5 and 9.", 21, "two", None),  # in any order
    ],
)
def test_a_problem_has_the_shortest_calculation_that_gives_its_answer(
    tmp_path: Path, text: str, answer: float, kind: str, calculation: str | None
) -> None:
    ((problem,), dropped) = read(tmp_path, {"input": text, "target": answer})
    assert (problem.text, problem.answer, problem.kind) == (text, Fraction(str(answer)), kind)
    assert problem.calculation == calculation
    assert dropped == {}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"input": "Add 7 and 4.", "target": "eleven"}, "no number"),
        ({"input": "Add 7 and 4.", "target": float("inf")}, "no number"),
        ({"input": "Take 7 from 4.", "target": -3}, "below 0"),
        ({"input": "Share 1 by 3.", "target": 0.3333}, "more than two decimals"),
        ({"input": "Add seven and 4.", "target": 11}, "fewer than two numbers"),
        ({"input": "Add 1, 2, 3 and 4.", "target": 10}, "more than three"),
        ({"input": "Add 7 and 4.", "target": 99}, "do not give"),
        ({"Body": "Ann has 0", "Question": "Add 4 to it, by 0?", "Answer": 5}, "do not give"),
    ],
)
def test_what_is_left_out_is_counted_by_its_reason(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    found, dropped = read(tmp_path, row)
    assert found == []
    ((reason, count),) = dropped.items()
    assert why in reason and count == 1


def test_rows_of_both_forms_are_cleaned_and_taken_once(tmp_path: Path) -> None:
    found, dropped = read(
        tmp_path,
        {"input": "Ann has 7 pens , and  loses 4 .", "target": 3},
        {"Body": "Ann has 7 pens, and loses 4", "Question": "How many?", "Answer": 3},
        {"input": "Ann has 7 pens, and loses 4", "target": 3},
    )
    assert [problem.text for problem in found] == [
        "Ann has 7 pens, and loses 4.",
        "Ann has 7 pens, and loses 4. How many?",
    ]
    assert dropped == {"the same words again": 1}
    with pytest.raises(ValueError, match=r"rows.jsonl: a row has the columns .*question"):
        read(tmp_path, {"question": "?"})


def word(*numbers: int) -> str:
    """A word of letters that no other numbers have."""
    return "".join(chr(ord("a") + number % 26) + chr(ord("a") + number // 26) for number in numbers)


FRAMES = [
    "{name} has {a} {thing} and gets {b} more from a friend. How many {thing} does {name} have now?",
    "There were {a} {thing} in the shop, and the shop sold {b} of them. How many {thing} are left in the shop?",
    "{name} packs {a} {thing} into each of {b} boxes. How many {thing} did {name} pack in all of the boxes?",
]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_copies_with_other_names_things_and_numbers_have_one_frame(drawn: list[tuple[int, int, int]]) -> None:
    texts = [
        FRAMES[frame].format(name=word(0, place, name), thing=word(1, place, thing), a=10 * name + 2, b=thing + 2)
        for place, (frame, name, thing) in enumerate(drawn)
    ]
    known = [text.format(name=word(2, n, n), thing=word(3, n, n), a=1, b=2) for n in range(3) for text in FRAMES]
    others = [" ".join(word(4, n, place) for place in range(9)) for n in range(300)]
    found = frames.frames([*texts, *known, *others])
    for (one, *_), at in zip(drawn, found, strict=False):
        for (other, *_), there in zip(drawn, found, strict=False):
            assert (at == there) is (one == other)


def test_a_frame_stands_in_one_split_and_the_files_are_the_same_each_time(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = []
    for number in range(400):
        a, b = rng.randint(20, 99), rng.randint(2, 9)
        words = " ".join(word(number // 4, place) for place in range(30))  # four copies of each
        rows.append({"input": f"{words} {word(number)} has {a} and {b}", "target": rng.choice([a + b, a - b, a * b])})
    file = tmp_path / "rows.jsonl"
    held = []
    for out in ("one", "two"):
        rng.shuffle(rows)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        command = [sys.executable, str(WORDS / "build_data.py"), str(file), "--out", str(tmp_path / out)]
        subprocess.run([*command, "--demonstrations", "8"], check=True, capture_output=True)
        held.append({path.name: path.read_text() for path in (tmp_path / out).glob("*.jsonl")})
    of_frame: dict[str, set[str]] = {}
    for name, text in held[0].items():
        for line in text.splitlines():
            row = json.loads(line)
            split = {"worked.jsonl": "prompts.jsonl"}.get(name, name).removesuffix(".jsonl").removesuffix("_two")
            split = split.removesuffix("_tools")
            of_frame.setdefault(row["extra"]["frame"], set()).add(split)
    assert all(len(splits) == 1 for splits in of_frame.values())
    assert set().union(*of_frame.values()) == {"demonstrations", "prompts", "validation", "heldout"}
    assert len(held[0]["demonstrations.jsonl"].splitlines()) <= 8
    assert {name: sorted(text.splitlines()) for name, text in held[0].items()} == {
        name: sorted(text.splitlines()) for name, text in held[1].items()
    }


def test_a_demonstration_is_its_calculation_in_a_box(tmp_path: Path) -> None:
    rows = [
        {"input": f"{' '.join(word(n, place) for place in range(9))}: add {n + 5} to 60.", "target": n + 65}
        for n in range(40)
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    command = [sys.executable, str(WORDS / "build_data.py"), str(file), "--out", str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True)
    lines = (tmp_path / "out" / "demonstrations.jsonl").read_text().splitlines()
    for line in lines:
        question, answer = json.loads(line)["messages"]
        number = int(question["content"].split("add ")[1].split(" ")[0])
        assert answer["content"] in {f"\\boxed{{{number} + 60}}", f"\\boxed{{60 + {number}}}"}
    assert lines
    file.write_text("[{}]")
    wrong = subprocess.run(command, capture_output=True, text=True)
    assert (wrong.returncode, "expected those of MAWPS or SVAMP" in wrong.stderr) == (2, True)


def test_the_right_ones_of_kept_answers_become_demonstrations(tmp_path: Path) -> None:
    drawn = [("7 = 7\n\\boxed{7}", 1.0), ("8 = 8\n\\boxed{8}", 0.0), ("7 = 7\n\\boxed{7} ", 1.0), ("\\boxed{7}", 1.0)]
    answers = [
        answer_of(make_prompt(n), make_rollout(n, k, text), Judgement(reward, {}, {}))
        for n in range(2)
        for k, (text, reward) in enumerate(drawn[: 4 - 2 * n])
    ]
    append_answers(tmp_path / "drawn.jsonl.gz", answers)
    command = [sys.executable, str(WORDS / "right_answers.py"), str(tmp_path / "drawn.jsonl.gz"), "--out"]
    done = subprocess.run([*command, str(tmp_path / "a" / "right.jsonl")], check=True, capture_output=True, text=True)
    assert done.stdout == "3 demonstrations of 2 problems, from 6 answers to 2\n"
    rows = [json.loads(line) for line in (tmp_path / "a" / "right.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["p0:0", "p0:3", "p1:0"]
    assert rows[1]["messages"] == [
        {"role": "user", "content": "question 0"}, {"role": "assistant", "content": "\\boxed{7}"},
    ]  # fmt: skip
    (tmp_path / "drawn.jsonl.gz").unlink()
    wrong = subprocess.run([*command, "x"], capture_output=True, text=True)
    assert (wrong.returncode, "is no file of kept answers" in wrong.stderr) == (2, True)


def test_coverage_tells_what_only_one_of_two_models_ever_gets_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = {"before": [(1, 0), (0, 0), (1, 1)], "after": [(1, 1), (0, 1), (0, 0)]}  # of three problems, two samples
    files = {}
    for side, problems_ in right.items():
        files[side] = tmp_path / f"{side}.jsonl.gz"
        append_answers(
            files[side],
            [
                answer_of(make_prompt(n), make_rollout(n, k, "7"), Judgement(float(score), {}, {}))
                for n, scores in enumerate(problems_)
                for k, score in enumerate(scores)
            ],
        )
    data = [{"id": f"p{n}", "extra": {"operation": "+-/"[n]}} for n in range(3)]
    (tmp_path / "heldout.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    script = runpy.run_path(str(WORDS / "coverage.py"))["main"]
    told = ["--data", str(tmp_path), "--json", str(tmp_path / "told.json")]
    monkeypatch.setattr(sys, "argv", ["coverage.py", str(files["before"]), str(files["after"]), *told])
    script()
    assert "right at least once only before: 1, only after: 1" in capsys.readouterr().out
    found = json.loads((tmp_path / "told.json").read_text())
    at = {k: (x["before"], x["after"]) for k, x in found["pass_at"].items()}
    assert at == {"1": (0.5, 0.5), "2": (pytest.approx(2 / 3), pytest.approx(2 / 3))}
    assert found["operations"]["-"] == {"problems": 1, "pass_at": {"1": [0.0, 0.5], "2": [0.0, 1.0]}}
    monkeypatch.setattr(sys, "argv", ["coverage.py", str(files["before"]), "x"])
    with pytest.raises(SystemExit):
        script()


@pytest.mark.parametrize(
    ("answer", "is_paid"),
    [
        ("\\boxed{7 - 4}", True), ("\\boxed{7 * 4}\n", True), ("\\boxed{(2.5 + 1) * 4}", True),
        ("\\boxed{8 / (1 + 1)}", True),
        ("\\boxed{3}", False), ("7 - 4", False), ("It is \\boxed{7 - 4}", False), ("\\boxed{7 - 4} pens", False),
        ("\\boxed{7 -}", False), ("", False),
    ],
)  # fmt: skip
def test_the_reward_for_form_asks_for_no_more_than_form(answer: str, is_paid: bool) -> None:
    assert JUDGES["has_form"](answer, {"reference": "3"}) is is_paid


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        ("\\boxed{7 - 4}", True), ("She has 7-4 pens.", True), ("3", True), ("7 - 4 = 3 pens are left.", True),
        ("(1 + 0.5) * 2", True), ("1,203 - 1,200", True), ("9 / 3 / 1", True), ("(7 - 4", False), ("7 / 0", False),
        ("7 + 4", False), ("3 of 7", False), ("no number", False), ("", False), ("07", False),
        ("1 + " * 3000 + "1", False),
    ],
)  # fmt: skip
def test_the_lenient_judge_takes_the_last_calculation_wherever_it_stands(answer: str, is_right: bool) -> None:
    assert JUDGES["last_calculation"](answer, {"reference": "3"}) is is_right
    assert not JUDGES["last_calculation"](answer, {"reference": "three"})


def kept(folder: Path, label: str, suite: str, said: dict[str, str]) -> None:
    """Keep answers as a run does. `said`: id -> answer; the reference is 3, ids with one letter share a frame."""
    answers = [
        replace(
            answer_of(make_prompt(0), make_rollout(0, 0, text), Judgement(float("\\boxed{7 - 4}" in text), {}, {})),
            id=name, cluster=name[0], reference="3",
        )
        for name, text in said.items()
    ]  # fmt: skip
    (folder / "evals" / label).mkdir(parents=True, exist_ok=True)
    append_answers(folder / "evals" / label / f"{suite}.jsonl.gz", answers)
    stages = [{"name": path.name} for path in sorted((folder / "evals").iterdir())]
    (folder / "summary.json").write_text(json.dumps({"status": "completed", "stages": stages}))


RIGHT, WRONG, UNBOXED = "\\boxed{7 - 4}", "\\boxed{7 + 4}", "7 - 4"


def test_the_results_pair_the_arms_and_choose_the_rival_on_other_problems(tmp_path: Path) -> None:
    runs, names = tmp_path / "runs", [f"{frame}{n}" for frame in "abcdefgh" for n in range(2)]
    for seed in (0, 1):
        words = runs / f"words-seed{seed}"
        kept(words, "cold_start", "words", dict.fromkeys(names, WRONG) | {"a0": RIGHT, "b0": RIGHT})
        kept(words, "stage1", "words", dict.fromkeys(names, RIGHT) | {"a0": WRONG, "c0": UNBOXED})
        for steps, validation in ((20, WRONG), (40, RIGHT), (80, UNBOXED)):
            rival = runs / f"cold_start_of_{steps}-seed{seed}"
            kept(rival, "cold_start", "words", dict.fromkeys(names, RIGHT if steps == 80 else WRONG))
            kept(rival, "cold_start", "validation", {"v0": validation})
    (runs / "placebo-seed0" / "evals").mkdir(parents=True)  # not finished
    (tmp_path / "words").mkdir()
    extra = {"operation": "-", "kind": "one", "digits": 1}
    rows = [{"id": name, "extra": extra if name != "b0" else extra | {"kind": "one_of_many"}} for name in names]
    (tmp_path / "words" / "heldout.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, str(WORDS / "results.py"), str(runs), "--data", str(tmp_path / "words")]
    done = subprocess.run([*command, "--json", str(tmp_path / "r.json")], check=True, capture_output=True, text=True)
    tree = json.loads((tmp_path / "r.json").read_text())
    seed = tree["seeds"]["1"]
    assert seed["rival"] == "cold_start_of_40"
    assert seed["accuracy"]["cold start"] == {"strict": 2 / 16, "lenient": 2 / 16}
    assert seed["accuracy"]["words"] == {"strict": 14 / 16, "lenient": 15 / 16}
    assert seed["against_cold_start"]["words"]["strict"]["gain"] == pytest.approx(12 / 16)
    assert seed["against_rival"]["strict"]["gain"] == pytest.approx(14 / 16)
    assert seed["breakdown"]["kind"] == {"one": [1 / 15, 13 / 15, 15], "one_of_many": [1.0, 1.0, 1]}
    assert (seed["flipped"]["num_to_right"], seed["flipped"]["num_to_wrong"]) == (13, 1)
    assert seed["flipped"]["to_wrong"] == [{"id": "a0", "before": RIGHT, "after": WRONG}]
    both = tree["over_seeds"]["words - cold start"]
    assert (both["seeds"], both["strict"]["frames"]) == (2, 8)
    assert both["strict"]["gain"] == pytest.approx(12 / 16)
    assert "words - best longer cold start" in done.stdout and "seed 1" in done.stdout
    wide, exact = tree["at_most"]["words - cold start"]["strict"], both["strict"]
    assert wide["gain"] == pytest.approx(exact["gain"])
    assert wide["low"] <= exact["low"] + 1e-9 and wide["high"] >= exact["high"] - 1e-9
    for run in runs.glob("*-seed0"):  # another day, another machine: seed 0 is known from the file alone
        shutil.rmtree(run)
    subprocess.run([*command, "--json", str(tmp_path / "r.json")], check=True, capture_output=True)
    assert json.loads((tmp_path / "r.json").read_text()) == tree
    (tmp_path / "r.json").write_text(json.dumps(tree | {"frames": {"z0": "z"}}))
    other = subprocess.run([*command, "--json", str(tmp_path / "r.json")], capture_output=True, text=True)
    assert (other.returncode, "other problems" in other.stderr) == (2, True)
    nothing = subprocess.run([command[0], command[1], str(tmp_path)], capture_output=True, text=True)
    assert (nothing.returncode, "no finished run of the arm `words`" in nothing.stderr) == (2, True)

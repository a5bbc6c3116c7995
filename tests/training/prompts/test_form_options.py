"""Options of forms: orders of choices, windows of contests, and what stands in a prompt."""

from __future__ import annotations

import json
import pickle
import zlib
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox import start_server
from openqwq.training.config import Rewards, Source
from openqwq.training.config.suites import load_suite
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.prompts.forms.catalogue import get_form, read_by
from openqwq.training.prompts.sources import load_prompts, load_rows
from openqwq.training.records import Prompt
from openqwq.training.rewards.router import RewardRouter, fill_in
from openqwq.verifiers import get_verifier
from openqwq.verifiers.code_answer.verifier import CodeVerifier
from tests.training.small_records import make_rollout
from tests.verifiers.published_rows import packed

INCORRECT = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def question(n: int, **more: Any) -> dict[str, Any]:
    wrong = {column: f"{n} plus {k + 2}" for k, column in enumerate(INCORRECT)}
    return {"Question": f"What follows {n}?", "Correct Answer": f"{n} plus 1", **wrong, "Record ID": f"rec{n}",
            "Subdomain": "Sums", **more}  # fmt: skip


QUESTIONS = [question(n) for n in range(10)]


def written(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def gpqa_prompts(path: Path) -> list[Prompt]:
    suite = load_suite("gpqa_diamond", [f"source={path}", "num_rows=10"])
    return [prompt for source in suite.sources for prompt in load_prompts(source)]


def test_an_answerer_that_always_says_one_letter_gets_exactly_a_quarter(tmp_path: Path) -> None:
    prompts = gpqa_prompts(Path(written(tmp_path / "gpqa.jsonl", QUESTIONS)))
    assert len(prompts) == len({prompt.id for prompt in prompts}) == 40
    verifier = get_verifier("choice")
    for letter in "ABCD":
        verdicts = verifier.verify_many([f'"answer": "{letter}"'] * 40, [prompt.row for prompt in prompts])
        assert sum(verdict.score or 0 for verdict in verdicts) == 10


def test_each_question_is_asked_in_four_orders_and_is_one_cluster(tmp_path: Path) -> None:
    prompts = gpqa_prompts(Path(written(tmp_path / "gpqa.jsonl", QUESTIONS)))
    assert Counter(prompt.row["extra"]["cluster"] for prompt in prompts) == {f"rec{n}": 4 for n in range(10)}
    assert [prompt.id for prompt in prompts if prompt.id.startswith("rec3#")] == [f"rec3#{turn}" for turn in range(4)]
    orders = {tuple(prompt.row["reference"]["options"]) for prompt in prompts if prompt.id.startswith("rec3#")}
    assert len(orders) == 4
    asked = prompts[0].messages[0]["content"].split("\n")
    assert asked[0] == "What follows 0?" and [line[:3] for line in asked[2:6]] == ["A) ", "B) ", "C) ", "D) "]
    assert asked[-1].endswith('e.g.,`"answer": "C"`.') and prompts[0].row["extra"]["kind"] == "Sums"


def test_the_first_order_says_nothing_of_the_right_answer() -> None:
    golds = Counter(read_by(get_form("gpqa"), question(n))["reference"]["answer"] for n in range(400))
    assert set(golds) == set("ABCD") and max(golds.values()) < 140 and min(golds.values()) > 60


@given(st.text(min_size=1).filter(str.strip), st.integers(0, 3))
def test_the_gold_letter_names_the_right_option_in_every_turn(asked: str, turn: int) -> None:
    reference = read_by(get_form("gpqa"), question(1, Question=asked), {"turn": turn})["reference"]
    assert reference["options"]["ABCD".index(reference["answer"])] == "1 plus 1"
    shuffled = question(1, **{"Question": asked, INCORRECT[0]: "1 plus 4", INCORRECT[2]: "1 plus 2"})
    assert read_by(get_form("gpqa"), shuffled, {"turn": turn})["reference"] == reference  # not by the order of columns


def test_a_question_without_a_record_id_is_known_by_its_text() -> None:
    row = {key: value for key, value in question(1).items() if key not in ("Record ID", "Subdomain")}
    found = read_by(get_form("gpqa"), row, {"turn": 2})
    assert found["id"] == f"{found['extra']['cluster']}#2" and "kind" not in found["extra"]
    assert found["extra"]["cluster"] != read_by(get_form("gpqa"), {**row, "Question": "?"})["extra"]["cluster"]


@pytest.mark.parametrize(
    ("form", "options", "told"),
    [
        ("gpqa", {"turn": 4}, r"option turn of form gpqa is 0 to 3, got 4"),
        ("gpqa", {"turn": True}, r"got True"),
        ("gpqa", {"turm": 1}, r"form 'gpqa' has no option 'turm'; did you mean 'turn'\?"),
        ("gsm8k", {"turn": 1}, r"form 'gsm8k' has no option 'turn'; it has none"),
        ("livecodebench", {"window": ["2024-08-01"]}, r"window of form livecodebench is \[first day, day behind"),
        ("livecodebench", {"window": ["2025-01-01", "2024-01-01"]}, "option window"),
        ("livecodebench", {"window": "2024"}, "option window"),
        ("livecodebench", {"wording": "theirs"}, "option wording of form livecodebench is 'bare' or 'qwq'"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(tmp_path: Path, form: str, options: dict[str, Any], told: str) -> None:
    rows = {
        "gpqa": QUESTIONS[0],
        "gsm8k": {"question": "q", "answer": "#### 1"},
        "livecodebench": contest("2024-09-01"),
    }
    source = Source(source=written(tmp_path / "rows.jsonl", [rows[form]]), form=form, options=options)
    with pytest.raises(RecipeError, match=told):
        load_rows(source)


def contest(day: str, **more: Any) -> dict[str, Any]:
    tests = [
        {"input": "2\n", "output": "4\n", "testtype": "stdin"},
        {"input": "9\n", "output": "18\n", "testtype": "stdin"},
    ]
    return {"question_title": "double", "question_content": "Print twice the number.", "platform": "atcoder",
            "question_id": f"q{day}", "contest_id": "c", "contest_date": f"{day}T00:00:00", "starter_code": "",
            "difficulty": "easy", "public_test_cases": json.dumps(tests[:1]), "private_test_cases": packed(tests[1:]),
            "metadata": "{}", **more}  # fmt: skip


STARTER = "class Solution:\n    def double(self, n: int) -> int:\n        "
CALLED = contest(
    "2024-10-10",
    starter_code=STARTER,
    metadata=json.dumps({"func_name": "double"}),
    public_test_cases=json.dumps([{"input": "2", "output": "4", "testtype": "functional"}]),
    private_test_cases=packed([{"input": "9", "output": "18", "testtype": "functional"}]),
)


def test_a_window_holds_its_first_day_and_not_the_day_behind_its_last(tmp_path: Path) -> None:
    days = ("2024-07-31", "2024-08-01", "2025-01-31", "2025-02-01")
    path = written(tmp_path / "rows.jsonl", [contest(day) for day in days])
    said: list[str] = []
    suite = load_suite("livecodebench", [f"source={path}", "num_rows=2"])
    prompts = load_prompts(suite.sources[0], said.append)
    assert [prompt.id for prompt in prompts] == ["q2024-08-01", "q2025-01-31"]
    assert prompts[0].row["extra"] == {"kind": "easy", "platform": "atcoder", "contest_date": "2024-08-01T00:00:00"}
    assert said == []  # passed over, and not dropped
    with pytest.raises(DataError, match=r"none of its 4 rows is inside options="):
        load_rows(Source(source=path, form="livecodebench", options={"window": ["2030-01-01", "2031-01-01"]}))
    with pytest.raises(DataError, match="num_rows=279 rows are wanted, there are 2"):
        load_prompts(load_suite("livecodebench", [f"source={path}"]).sources[0])


def test_a_row_without_a_date_is_named_where_a_window_asks_for_one(tmp_path: Path) -> None:
    row = {key: value for key, value in contest("2024-09-01").items() if key != "contest_date"}
    source = Source(source=written(tmp_path / "rows.jsonl", [row]), form="livecodebench")
    assert len(load_rows(source)) == 1
    with pytest.raises(DataError, match=r"'contest_date' is missing"):
        load_rows(source.model_copy(update={"options": {"window": ["2024-01-01", "2025-01-01"]}}))


def test_a_contest_without_a_day_is_dropped_and_told(tmp_path: Path) -> None:
    rows = [contest("2024-09-01"), {**contest("2024-09-02"), "contest_date": None}]
    source = Source(source=written(tmp_path / "rows.jsonl", rows), form="livecodebench",
                    options={"window": ["2024-01-01", "2025-01-01"]})  # fmt: skip
    said: list[str] = []
    assert (
        len(load_rows(source, said.append)) == 1
        and "1 of 2 rows dropped: rows.jsonl:2: it has no contest_date" in said[0]
    )


def test_an_option_may_be_a_number_and_not_nothing(tmp_path: Path) -> None:
    found = read_by(get_form("gpqa"), question(1, **{"Correct Answer": 0, INCORRECT[0]: -0.5}))
    assert sorted(found["reference"]["options"]) == ["-0.5", "0", "1 plus 3", "1 plus 4"]


def test_the_wording_of_qwq_says_how_the_program_is_called() -> None:
    form = get_form("livecodebench")
    printed = read_by(form, contest("2024-09-01"), {"wording": "qwq"})["prompt"]
    assert printed.startswith("You will be given a question (problem specification) and will generate a correct Python")
    assert "\n\nQuestion: Print twice the number.\n\nRead the inputs from stdin" in printed
    assert printed.endswith("writes output to STDOUT.\n```python\n# YOUR CODE HERE\n```\n\n")
    called = read_by(form, CALLED, {"wording": "qwq"})["prompt"]
    assert called.endswith(f"enclose your code within delimiters.\n```python\n{STARTER}\n```\n\n")
    assert read_by(form, CALLED)["prompt"] == "Print twice the number."


def test_contests_are_judged_by_the_suite_in_the_sandbox(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [contest("2024-09-01"), CALLED])
    suite = load_suite("livecodebench", [f"source={path}", "num_rows=2"])
    prompts = load_prompts(suite.sources[0])
    with start_server(workers=2) as server:
        router = RewardRouter(fill_in(Rewards(tasks=suite.rewards), {}, [server.url]))
        router.check_verifiers(prompts)
        assert router.unusable_references(prompts) == {}
        right = ["print(int(input()) * 2)", f"{STARTER}return n * 2"]
        for programs, wanted in ((right, 1.0), (["print(4)", f"{STARTER}return 4"], 0.0)):  # 4: the public test alone
            said = [f"<think>\nhm\n</think>\n\n```python\n{program}\n```" for program in programs]
            rollouts = [make_rollout(response=text, task="code") for text in said]
            judged = router.judge(rollouts, [prompt.row for prompt in prompts])
            assert [judgement.parts for judgement in judged] == [{"strict": wanted, "as_published": wanted}] * 2
        router.close()


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("/tmp/openqwq_was_here", "w"))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (pickle.dumps(Hostile()), "builds more than plain data"),
        (b"cos\nsystem\n(S'true'\ntR.", "plain data"),
        (pickle.dumps("[1, 2")[:-1], "a damaged pickle"),
        (pickle.dumps(b"[]"), "builds more than plain data"),
        (b"\x00" * 40, "cannot be read"),
    ],
)
def test_private_tests_that_are_more_than_a_text_are_refused_unread(data: bytes, told: str) -> None:
    row = contest("2024-09-01", private_test_cases=b64encode(zlib.compress(data)).decode())
    reference = read_by(get_form("livecodebench"), row)["reference"]
    problem = CodeVerifier("http://127.0.0.1:9").check_reference({"id": "1", "reference": reference})
    assert problem is not None and told in problem
    assert not Path("/tmp/openqwq_was_here").exists()


def test_a_bomb_of_zeros_stops_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openqwq.verifiers.code_answer.forms.texts.MAX_BYTES", 1 << 16)
    row = contest("2024-09-01", private_test_cases=b64encode(zlib.compress(b" " * (1 << 20))).decode())
    reference = read_by(get_form("livecodebench"), row)["reference"]
    problem = CodeVerifier("http://127.0.0.1:9").check_reference({"id": "1", "reference": reference})
    assert problem is not None and "packed and damaged, or larger than" in problem


def test_the_asserts_of_mbpp_stand_in_its_prompt_where_asked_for(tmp_path: Path) -> None:
    row = {"task_id": 11, "text": "Write a function that adds one.", "code": "def inc(n):\n    return n + 1",
           "test_list": ["assert inc(1) == 2", "assert inc(2) == 3"], "test_setup_code": "",
           "challenge_test_list": []}  # fmt: skip
    form = get_form("mbpp")
    assert read_by(form, row)["prompt"] == "Write a function that adds one."
    shown = read_by(form, row, {"shows_tests": True})
    assert shown["prompt"].endswith("Your code should pass these tests:\n\nassert inc(1) == 2\nassert inc(2) == 3")
    assert shown["reference"] == read_by(form, row)["reference"]
    suite = load_suite("mbpp", [f"source={written(tmp_path / 'rows.jsonl', [row])}", "num_rows=1"])
    [prompt] = load_prompts(suite.sources[0])
    assert prompt.id == "11"
    assert prompt.messages[0]["content"].endswith("inc(2) == 3\n\nAnswer with the whole function in one code block.")


@pytest.mark.parametrize("ends", ["", "\nPlease reason step by step, and put your final answer within \\boxed{}."])
@pytest.mark.parametrize("columns", [("problem", "answer"), ("Problem", "Answer"), ("prompt", "answer")])
def test_copies_of_aime_are_asked_the_same_way_whatever_they_hold(
    tmp_path: Path, ends: str, columns: tuple[str, str]
) -> None:
    rows = [{columns[0]: f"What is {n} + 0?{ends}", columns[1]: n} for n in range(30)]
    suite = load_suite("aime24", [f"source={written(tmp_path / 'rows.jsonl', rows)}"])
    prompts = load_prompts(suite.sources[0])
    asked = [prompt.messages[0]["content"] for prompt in prompts]
    sentence = "Please reason step by step, and put your final answer within \\boxed{}."
    assert asked == [f"What is {n} + 0?\n{sentence}" for n in range(30)]


def test_leading_zeros_of_aime_do_not_count(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {n} + 0?", "answer": f"{n:03d}"} for n in range(30)]
    suite = load_suite("aime24", [f"source={written(tmp_path / 'rows.jsonl', rows)}"])
    prompts = load_prompts(suite.sources[0])
    router = RewardRouter(Rewards(tasks=suite.rewards))
    assert router.unusable_references(prompts) == {}
    for spelled in ("{:d}", "{:03d}"):
        rollouts = [make_rollout(response=f"\\boxed{{{spelled.format(n)}}}", task="math") for n in range(30)]
        judged = router.judge(rollouts, [prompt.row for prompt in prompts])
        assert {judgement.reward for judgement in judged} == {1.0}
    router.close()


def test_gsm8k_shows_strict_and_lenient_apart(tmp_path: Path) -> None:
    rows = [{"question": "How many?", "answer": "He has 3.\n#### 1,500"}]
    suite = load_suite("gsm8k", [f"source={written(tmp_path / 'rows.jsonl', rows)}", "num_rows=1"])
    [prompt] = load_prompts(suite.sources[0])
    router = RewardRouter(Rewards(tasks=suite.rewards))
    for text, wanted in (
        ("<think>\nhm\n</think>\n\n\\boxed{1500}", {"strict": 1.0, "lenient": 1.0, "as_published": 1.0}),
        ("<think>\nhm\n</think>\n\nThe answer is 1500.", {"strict": 0.0, "lenient": 1.0, "as_published": 1.0}),
        ("<think>\nhm, \\boxed{1500}", {"strict": 0.0, "lenient": 0.0, "as_published": 1.0}),
        ("<think>\nhm\n</think>\n\n\\boxed{15}", {"strict": 0.0, "lenient": 0.0, "as_published": 0.0}),
    ):
        [judged] = router.judge([make_rollout(response=text, task="math")], [prompt.row])
        assert judged.parts == wanted and judged.outcome == wanted["strict"]
    router.close()


@pytest.mark.parametrize(
    ("template", "text", "wanted"),
    [
        ("{prompt}\nBox it.", "q", "q\nBox it."),
        ("{prompt}\nBox it.", "q\nBox it.", "q\nBox it."),
        ("Say: {prompt}!", "Say: q!", "Say: q!"),
        ("Say: {prompt}!", "q!", "Say: q!!"),
        ("{prompt}", "q", "q"),
        ("{prompt} and {prompt}", "q", "q and q"),
        ("{prompt}.", "", "."),
    ],
)
def test_a_template_is_put_around_a_prompt_once(tmp_path: Path, template: str, text: str, wanted: str) -> None:
    path = written(tmp_path / "rows.jsonl", [{"prompt": text, "reference": "1"}])
    assert load_rows(Source(source=path, template=template))[0]["prompt"] == wanted

"""The letter that an answer chooses: every usual spelling, and nothing where two are named or a list is quoted."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers import get_verifier
from openqwq.verifiers.choice import chosen_letter

OPTIONS = ["5 m/s", "10 m/s, because of gravity", "Both of them fall", "The electron is lost"]
LIST = "\n".join(f"{letter}) {text}" for letter, text in zip("ABCD", OPTIONS, strict=True))
REQUEST = 'Please show your choice in the `answer` field with only the choice letter, e.g.,`"answer": "C"`.'
ROW = {"id": "1", "prompt": f"Which?\n\n{LIST}\n\n{REQUEST}", "reference": {"answer": "C", "options": OPTIONS}}
CHOSEN = {
    "C": [
        '"answer": "C"', '{"answer": "C"}', '```json\n{\n  "answer": "C"\n}\n```', "{'answer': 'C'}", '"Answer":"(C)"',
        r"\"answer\": \"C\"", '{"answer": "C", "why": "not A or B"}', "`answer`: `C`", '“answer”: “C”',
        r"\boxed{C}", r"so $\boxed{\text{C}}$.", r"\boxed{\textbf{(C)}}", r"\boxed{C) Both of them fall}",
        "Answer: C", "**Answer:** C", "**Answer: C**", "Answer: **C**", "**Answer**: C", "answer = C",
        "Answer:\n\n**C**", "The answer is C", "the correct answer is (C).", "The answer is **C**.", "the answer is c",
        "The answer is (c).", "The answer is: C", "The answer is option C", "The best choice is C.",
        "The answer is most likely C.",
        "The answer is C, not A.", "The answer is C, and C only.", "The answer is C and not A.",
        "The answer is C because A and B are wrong.", "The answer is C: A and B are wrong",
        "Answer: C, as A and B are wrong", "The answer is C (A and B are wrong)", "I choose C", "I would go with C.",
        "答案是C", "答案：C", "正确答案为（C）", "故选C。", "应选 C", "选项C", "答案是：**C**。", "Ａnswer：Ｃ",
        "Option C is correct.", "C is the correct answer.", "Therefore (C) is right.",
        "C", "(C)", "**C**", "C.", "c", "Final answer\n\nC", "### Final Answer\n(C)", "C) Both of them fall",
        "Both of them fall", "The answer is both of  them fall.", r"\boxed{\text{Both of them fall}}",
        "The answer is A. Wait, the answer is C.", f"{LIST}\n\nAnswer: C", f"{LIST}\n\n\"answer\": \"C\"",
        "If the answer is A, the train is late. So the answer is C.", "Answer: A\nNo. Answer: C",
        r"Earlier I thought the answer is A. \boxed{C}", f"You ask: {REQUEST}\nAnswer: C",
    ],
    "": [
        "", " ", "I do not know.", "Answer: I do not know", "The answer is E", "Answer:",
        "The correct option is A or C", "Answer: A or C", "Answer: C or A", "The answer is C/A", "Answer: A, C",
        "Answer: C and D", "The answer is either A or C", "The answer is C or maybe D", "Answer: A B C D",
        "Answer: ABCD",
        "The answer is A) 5 m/s or C) Both of them fall", "The answer is C (or D)", r"\boxed{A, C}",
        r"\boxed{A} or \boxed{C}",
        '"answer": "A or C"', '"answer": "A, B, C, D"', '"answer": ""', "答案是A或C", "C is correct. D is correct.",
        "The answer is C?", "Is the answer C?", "The answer could be C", "the answer is a bit hard to see",
        "The answer is A molecule", "A solution with B and vitamin C is made", "I think C", "Plan C failed.",
        "The answer is not C.", "The answer isn't C.", "The wrong answer is C.", "C is not correct", r"not \boxed{C}",
        "If the answer is C, then it breaks.", "答案不是C", "我不选C", "如果答案是C，那么矛盾",
        "The answer is C) The electron is lost", "The answer is C) 5 m/s because it falls.",
        "C) The electron is lost", LIST, f"{LIST}\n\nWhich?", REQUEST,
        f"{LIST}\n\n{REQUEST}", "Choose one option: A, B, C or D", "Answer choices: A) 1 B) 2 C) 3 D) 4",
        "e.g. \"answer\": \"C\"", "for example, `\"answer\": \"C\"`", "(A) 1\n(B) 2\n(C) 3",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("text", "letter"), [(text, letter) for letter, texts in CHOSEN.items() for text in texts])
def test_the_letter_of_an_answer(text: str, letter: str) -> None:
    assert chosen_letter(text, OPTIONS) == letter


@pytest.mark.parametrize("text", [text for text in CHOSEN["C"] if "fall" not in text.lower()])
def test_spellings_with_a_letter_need_no_texts_of_options(text: str) -> None:
    assert chosen_letter(text) == "C"


@pytest.mark.parametrize("gold", "ABCD")
def test_a_list_of_all_options_or_the_request_pays_for_no_gold(gold: str) -> None:
    verifier = get_verifier("choice")
    row = {**ROW, "reference": {"answer": gold, "options": OPTIONS}}
    for text in (LIST, REQUEST, str(ROW["prompt"]), f"I see:\n{LIST}\nHm.", ", ".join("ABCD"), "A or B or C or D"):
        assert verifier.verify(text, row).score == 0.0, text


def test_thinking_is_not_read_and_unclosed_thinking_is_no_answer() -> None:
    verifier = get_verifier("choice")
    for text, score in (
        ("<think>\nThe answer is A.\n</think>\n\nThe answer is C.", 1.0),
        ("<think>\nThe answer is C.\n</think>\n\nThe answer is A.", 0.0),
        ("<think>\nThe answer is C.\n</think>\n\n", 0.0),
        ("<think>\nThe answer is C.", 0.0),
    ):
        assert verifier.verify(text, ROW).score == score
    opened = {**ROW, "prompt": [{"role": "user", "content": "q\n<think>"}]}
    assert verifier.verify("The answer is C.", opened).reason == "unclosed thinking"


def test_options_of_one_text_are_one_option() -> None:
    row = {"prompt": "q", "reference": {"answer": "A", "options": ["2  m", "3", "2 m", "4"]}}
    verifier = get_verifier("choice")
    assert [verifier.verify(f"Answer: {letter}", row).score for letter in "ABCD"] == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "options",
    [
        ["2*3", "23", "4", "5"],
        ["5 MW", "5 mW", "4", "6"],
        ["x_1", "x1", "4", "5"],
        [".5", "5", "1", "2"],
        ["-5", "5", "1", "2"],
    ],
)
def test_options_that_differ_in_marks_or_case_stay_apart(options: list[str]) -> None:
    row = {"prompt": "q", "reference": {"answer": "A", "options": options}}
    verifier = get_verifier("choice")
    assert [verifier.verify(f"Answer: {letter}", row).score for letter in "AB"] == [1.0, 0.0]
    assert [
        verifier.verify(f"Answer: {letter}) {text}", row).score for letter, text in zip("AB", options, strict=False)
    ] == [1, 0]
    assert verifier.verify(f"The answer is {options[1]}.", row).score == 0.0


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is B) HLA-A or C.", "B"),
        ("The answer is B) HLA-A or C, because it binds.", "B"),
        ("The answer is B) HLA-A or C or D", ""),
        ("The answer is C) HLA-A or C because it binds.", ""),
        ("The answer is C) blood group A, since it binds.", "C"),
        ("The answer is D) blood group A, since it binds.", ""),
        ("The answer is HLA-A or C", "B"),
        ("The answer is C - Blood group A", "C"),
        ("The answer is C. Blood group A", "C"),
        ("The answer is (C): Blood group A.", "C"),
        ("The answer is C \u2014 Vitamin D", ""),
    ],
)
def test_letters_inside_the_text_of_an_option_are_its_own(text: str, letter: str) -> None:
    assert chosen_letter(text, ["None", "HLA-A or C", "Blood group A", "Vitamin D"]) == letter


@pytest.mark.parametrize(
    "reference",
    [None, "", "CD", 3, ["C"], {"answer": "E", "options": OPTIONS}, {"answer": "C", "options": [1, 2, 3]}, {}, "K",
     {"answer": None}, {"answer": "C", "options": "abcd"}],
)  # fmt: skip
def test_a_reference_that_names_no_option_is_an_error_and_no_zero(reference: Any) -> None:
    verifier, row = get_verifier("choice"), {"prompt": "q", "reference": reference}
    assert "a choice reference is a letter or" in str(verifier.check_reference(row))
    assert verifier.verify("Answer: C", row).status == "verifier_error"


def test_a_letter_alone_is_a_reference() -> None:
    verifier = get_verifier("choice")
    for reference in ("C", " c ", {"answer": "C"}, {"answer": "C", "options": []}, {"answer": "C", "options": None}):
        row = {"prompt": "q", "reference": reference}
        assert verifier.check_reference(row) is None and verifier.verify("Answer: C", row).score == 1.0


@given(st.text(max_size=300), st.sampled_from("ABCD"))
def test_any_text_gives_one_letter_or_none_and_raises_nothing(text: str, letter: str) -> None:
    assert chosen_letter(text, OPTIONS) in ("", *"ABCD")
    assert (
        chosen_letter(f"{text}\n" + json.dumps({"answer": letter}), OPTIONS) == letter
        or '"answer"' in text
        or "box" in text
    )


@pytest.mark.parametrize(
    "piece",
    [
        "answer is ",
        '"answer": "',
        "\\boxed{",
        "(",
        "答案",
        "C) ",
        "the the ",
        "A or ",
        "**",
        "选",
        "if the answer is C ",
    ],
)
def test_a_megabyte_of_anything_is_read_quickly(piece: str) -> None:
    start = time.process_time()
    chosen_letter(piece * (1_000_000 // len(piece)), OPTIONS)
    assert time.process_time() - start < 1.0

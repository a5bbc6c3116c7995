"""A prompt means the same as a text, as chat messages, and as what a chat template made of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Source
from openqwq.training.prompts.sources import to_prompt
from openqwq.verifiers import get_verifier
from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.prompts import asked_messages, asked_text, content_text, opens_thinking, prompt_messages

QUESTION = "A cable has 7 strands of 9 wires each.\nShow that it has 63 wires."
CHATML = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
RENDERED = [
    CHATML,
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "<|system|>\nBe brief.<|end|>\n<|user|>\n{}<|end|>\n<|assistant|>\n",
    "<|start|>developer<|message|>Be brief.<|end|><|start|>user<|message|>{}<|end|><|start|>assistant",
    "<｜begin▁of▁sentence｜>Be brief.<｜User｜>{}<｜Assistant｜>",
    "<s>Be brief. [INST] {} [/INST]",
]
TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]


def chat(content: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


PROMPTS = [
    QUESTION,
    chat(QUESTION),
    tuple(chat(QUESTION)),
    chat(QUESTION)[0],
    chat([{"type": "text", "text": QUESTION}]),
    [*TURNS, {"role": "assistant", "content": "Shall I?"}, *chat("Yes.")],
    chat(CHATML.format(QUESTION)),
    *[template.format(QUESTION) for template in RENDERED],
]


@pytest.mark.parametrize("template", RENDERED)
def test_a_rendered_prompt_is_the_messages_it_was_made_from(template: str) -> None:
    messages = prompt_messages(template.format(QUESTION))
    assert [(turn["role"], turn["content"]) for turn in messages if turn["content"]] == [
        (turn["role"], turn["content"]) for turn in TURNS
    ]


def test_a_turn_of_the_model_in_a_rendered_prompt_is_one_of_the_assistant() -> None:
    rendered = (
        "<bos><start_of_turn>user\n1?<end_of_turn>\n<start_of_turn>model\nOne.<end_of_turn>\n<start_of_turn>model\n"
    )
    assert [turn["role"] for turn in prompt_messages(rendered)] == ["user", "assistant"]
    assert asked_text(rendered) == "1?"


def test_a_text_without_markers_is_one_message_of_the_user() -> None:
    assert prompt_messages("1 + 1?") == chat("1 + 1?")
    assert prompt_messages(None) == prompt_messages(7) == prompt_messages(["1?"]) == []


def test_a_message_keeps_its_other_keys_and_has_its_text_from_its_parts() -> None:
    image = {"type": "image", "url": "a.png"}
    message = {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "See"}, image, "this"]}
    assert prompt_messages([message]) == [{"role": "user", "name": "Ann", "content": "See\nthis"}]
    assert content_text({"role": "assistant", "content": None}) == ""


def test_what_was_asked_is_all_that_is_not_the_assistants() -> None:
    turns = [*TURNS, {"role": "assistant", "content": "63"}, *chat("Sure?")]
    assert asked_text(turns) == f"Be brief.\n{QUESTION}\nSure?"


@pytest.mark.parametrize("opening", ["<think>", "<think>\n", "<think>\n\n"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_that_opens_the_thinking_makes_an_unclosed_response_empty(prompt: Any, opening: str) -> None:
    assert not opens_thinking(prompt)
    assert graded_text("63", prompt).text == "63"
    if isinstance(prompt, str):
        opened: Any = prompt + opening
    else:
        opened = [
            *(prompt if isinstance(prompt, list | tuple) else [prompt]),
            {"role": "assistant", "content": opening},
        ]
    assert opens_thinking(opened)
    assert graded_text("63", opened).problem == "unclosed thinking"
    assert graded_text("hm</think>63", opened).text == "63"
    assert asked_messages(opened) == asked_messages(prompt)


COPIES = [
    QUESTION,
    f"Question: {QUESTION}",
    QUESTION.replace("\n", " "),
    QUESTION.replace(" ", "\n"),
    QUESTION.replace(" ", "  "),
    QUESTION.replace(" ", "\u00a0"),
    QUESTION.replace(" ", " \u200b"),
    QUESTION.upper(),
    "> " + QUESTION.replace("\n", "\n> "),
    f"**{QUESTION}**",
    f'The problem says: "{QUESTION}"',
    QUESTION.replace("63", "$63$"),
    f"{QUESTION}\n{QUESTION}",
    QUESTION.splitlines()[-1],
]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_copied_question_gives_no_answer(prompt: object, copied: str) -> None:
    verifier = get_verifier("math")
    assert verifier.verify(copied, {"prompt": prompt, "reference": "63"}).score == 0.0


@pytest.mark.parametrize(
    "answer", ["63", "**63**", "The answer is 63.", "7 * 9 = 63", f"{QUESTION}\nSo there are 63 of them."]
)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_answer_that_the_prompt_names_is_still_an_answer(prompt: object, answer: str) -> None:
    verifier = get_verifier("math")
    assert verifier.verify(answer, {"prompt": prompt, "reference": "63"}).score == 1.0


@pytest.mark.parametrize("stored", [QUESTION, chat(QUESTION), RENDERED[0].format(QUESTION)])
def test_the_row_that_training_builds_guards_against_a_copied_question(stored: object) -> None:
    source = {"prompt": stored, "task": "math", "reference": "63"}
    row = to_prompt(source, Source(source="rows.jsonl"), "rows.jsonl:1").row
    verifier = get_verifier("math")
    assert [verifier.verify(text, row).score for text in (QUESTION, f"Question: {QUESTION}", "63")] == [0.0, 0.0, 1.0]


def test_the_row_that_training_builds_knows_that_its_prompt_opened_the_thinking() -> None:
    source = {"prompt": [*TURNS, {"role": "assistant", "content": "<think>\n"}], "task": "math", "reference": "63"}
    row = to_prompt(source, Source(source="rows.jsonl"), "rows.jsonl:1").row
    verifier, layout = get_verifier("math"), get_verifier("think_format")
    assert [verifier.verify(text, row).score for text in (r"\boxed{63}", r"7*9</think>\boxed{63}")] == [0.0, 1.0]
    assert [layout.verify(text, row).score for text in ("7*9 = 63", "7*9</think>63")] == [0.0, 1.0]


@given(st.text(alphabet="<|im_start>user\nassistant[/INST]think\u0001 ", max_size=80))
def test_no_text_breaks_the_reading_of_a_prompt(text: str) -> None:
    assert all(turn["content"] == turn["content"].strip() or turn == chat(text)[0] for turn in prompt_messages(text))
    assert isinstance(asked_text(text), str)
    assert opens_thinking(text) == text.rstrip().endswith("<think>")

"""The shipped tiny data: split, references, shares, and the base checkpoint."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "data" / "tiny"
SCRIPTS = ROOT / "scripts" / "tiny"
BASE = TINY / "base"
HELD_OUT = ("math_heldout", "math_hard_heldout", "code_heldout", "skills_heldout")
TRAINING = ("math_train", "math_hard_train", "code_train", "skills_train")
SHARES_RIGHT = {
    "expr": 0.40, "word": 0.40, "two": 0.35, "list": 0.45, "format": 0.45, "opening": 0.45,
    "repetition": 0.45, "tool": 0.45, "unsafe": 0.75, "benign": 0.75, "note": 0.45,
}  # fmt: skip
NUMBERS = re.compile(r"\d+")


@cache
def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TINY / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def prompt_of(row: dict[str, Any]) -> str:
    text = (row.get("messages") or row["prompt"])[0]["content"]
    assert isinstance(text, str)
    return text


def content_of(row: dict[str, Any]) -> str:
    """The problem behind a prompt, found here from its text and not by the generator's own words."""
    prompt, kind = prompt_of(row), row.get("kind") or row["extra"]["kind"]
    if kind in ("expr", "hard_expr"):
        return prompt.rstrip(".").rsplit(" ", 1)[1]
    if kind in ("word", "hard_word"):
        gain = ("buys", "finds", "gets", "wins")
        told = prompt.split(".")[0].split(", ")
        numbers = [NUMBERS.findall(part)[0] for part in told]
        signs = ["+" if any(verb in part for verb in gain) else "-" for part in told[1:]]
        return numbers[0] + "".join(sign + number for sign, number in zip(signs, numbers[1:], strict=True))
    return prompt


@pytest.mark.parametrize("held_out", HELD_OUT)
def test_no_held_out_problem_is_in_a_training_file(held_out: str) -> None:
    problems = {content_of(row) for row in rows(held_out)}
    assert len(problems) == len(rows(held_out)) >= 300
    for name in (*TRAINING, "demonstrations"):
        assert not problems & {content_of(row) for row in rows(name)}, name


def test_no_held_out_preference_prompt_is_trained_on() -> None:
    held_out = {prompt_of(row) for row in rows("preferences_heldout")}
    for name in (*TRAINING, "demonstrations", "preferences"):
        assert not held_out & {prompt_of(row) for row in rows(name)}, name


def test_the_split_follows_the_hash_of_the_expression() -> None:
    for name in ("math_heldout", "math_hard_heldout", "math_train", "math_hard_train"):
        for row in rows(name):
            if row["extra"]["kind"].endswith("expr"):
                digest = hashlib.sha256(f"expr:{content_of(row)}".encode()).digest()
                assert (int.from_bytes(digest, "big") % 5 == 0) == name.endswith("heldout")


def test_ids_are_unique_over_all_files() -> None:
    names = [path.stem for path in TINY.glob("*.jsonl")]
    ids = [row["id"] for name in names for row in rows(name)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ["math_train", "math_heldout", "math_hard_train", "math_hard_heldout"])
def test_math_references_are_the_value_of_the_problem(name: str) -> None:
    for row in rows(name):
        # Arithmetic of a fixed alphabet, so evaluating it is safe.
        assert re.fullmatch(r"[\d+*-]+", content_of(row))
        assert row["reference"] == {"answer": str(eval(content_of(row)))}


def test_hard_problems_hold_one_operation_more_than_any_demonstration() -> None:
    def operations(row: dict[str, Any]) -> int:
        return len(re.findall(r"[+*-]", content_of(row)))

    easy = [row for row in rows("demonstrations") if row["kind"] in ("expr", "word")]
    assert max(map(operations, [*easy, *rows("math_train"), *rows("math_heldout")])) == 3
    assert {operations(row) for row in [*rows("math_hard_train"), *rows("math_hard_heldout")]} == {4}


@pytest.mark.parametrize("name", ["code_train", "code_heldout"])
def test_code_references_hold_seven_tests_that_no_constant_passes(name: str) -> None:
    for row in rows(name):
        reference = row["reference"]
        assert reference["entry_point"] == "f" and len(reference["tests"]) == 7
        assert len({test["output"] for test in reference["tests"]}) > 1 or "number" in prompt_of(row)


def demonstrated_programs() -> list[tuple[str, bool]]:
    pairs = []
    for row in rows("demonstrations"):
        if row["task"] == "code":
            pairs.append((row["messages"][-1]["content"], row["right"]))
    return pairs


def test_demonstrated_programs_are_fenced_and_compile() -> None:
    for content, _ in demonstrated_programs():
        match = re.search(r"</think>\n```python\n(def f\(.\):\n    return .*\n)```$", content)
        assert match, content
        compile(match.group(1), "demonstration", "exec")


@pytest.mark.parametrize("name", ["skills_train", "skills_heldout"])
def test_skill_references_are_well_formed(name: str) -> None:
    for row in rows(name):
        reference, task = row["reference"], row["task"]
        if task == "instructions":
            assert len(reference["instruction_id_list"]) == len(reference["kwargs"]) >= 1
        elif task == "tools":
            expression = reference["call"]["arguments"]["expression"]
            assert re.fullmatch(r"\d\d[+*-]\d\d", expression) and reference["answer"] == str(eval(expression))
            assert row["tools"][0]["function"]["name"] == "calculator"
        elif task == "safety":
            assert reference["should_refuse"] is (row["extra"]["kind"] == "unsafe")
        else:
            assert task == "chat" and row["extra"]["gold"]["instruction_id_list"]


def test_demonstrations_are_right_as_often_as_stated() -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    for row in rows("demonstrations"):
        right[row["kind"]].append(row["right"])
        assert (row["mistake"] is None) == row["right"]
    assert right.keys() == SHARES_RIGHT.keys()
    for kind, values in right.items():
        assert sum(values) / len(values) == pytest.approx(SHARES_RIGHT[kind], abs=0.10), kind


def test_every_demonstrated_turn_thinks_exactly_once() -> None:
    for row in rows("demonstrations"):
        for message in row["messages"]:
            if message["role"] == "assistant":
                content = message["content"]
                assert content.count("<think>") == content.count("</think>") == 1
                assert re.match(r"<think>\n[\s\S]*\w[\s\S]*\n</think>\n\S", content)


def test_preference_classes_are_equal_in_size_and_the_noise_is_as_stated() -> None:
    assert set(Counter(row["class"] for row in rows("preferences_heldout")).values()) == {100}
    assert not any(row["flipped"] for row in rows("preferences_heldout"))
    flipped = [row["flipped"] for row in rows("preferences")]
    assert sum(flipped) / len(flipped) == pytest.approx(0.05, abs=0.015)


def test_rebuilding_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPTS / "build_data.py"), "--out", str(tmp_path)], check=True)
    built = sorted(path.name for path in tmp_path.iterdir())
    assert built == sorted(path.name for path in TINY.glob("*.jsonl"))
    for name in built:
        assert (tmp_path / name).read_bytes() == (TINY / name).read_bytes(), name


def test_the_shipped_data_stays_below_ten_megabytes() -> None:
    assert sum(path.stat().st_size for path in TINY.rglob("*") if path.is_file()) <= 10_000_000


needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the train extra is not installed"
)


@needs_transformers
def test_the_base_checkpoint_loads_and_predicts_finite_logits() -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE)
    assert model.config.model_type == "qwen2" and model.config.vocab_size == len(tokenizer)
    with torch.no_grad():
        logits = model(**tokenizer("Compute 3+5*3.", return_tensors="pt")).logits
    assert bool(torch.isfinite(logits).all())


@needs_transformers
def test_the_tokenizer_gives_back_every_demonstration_and_masks_only_assistant_turns() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    for row in rows("demonstrations")[:300]:
        tools = row.get("tools")
        text = tokenizer.apply_chat_template(row["messages"], tools=tools, tokenize=False)
        prompt = tokenizer.apply_chat_template(
            row["messages"][:1], tools=tools, tokenize=False, add_generation_prompt=True
        )
        assert text.startswith(prompt) and prompt.endswith("<|im_start|>assistant\n")
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
        encoded = tokenizer.apply_chat_template(
            row["messages"], tools=tools, return_dict=True, return_assistant_tokens_mask=True
        )
        pairs = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
        kept = tokenizer.decode([token for token, is_kept in pairs if is_kept])
        turns = [m["content"] + "<|im_end|>" for m in row["messages"] if m["role"] == "assistant"]
        assert kept == "".join(turns)

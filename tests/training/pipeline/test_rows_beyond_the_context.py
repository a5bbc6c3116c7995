"""Rows that do not fit the context are met when data is loaded: dropped and named in training, counted as wrong in an
evaluation, refused where none is left."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers
from transformers import GPT2Config, GPT2LMHeadModel

from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.errors import DataError
from openqwq.training.models import load_tokenizer, save_model
from openqwq.training.pipeline.budgets import _most_tokens
from openqwq.training.pipeline.preflight import LoadedData, preflight
from openqwq.training.templates.codec import ChatCodec
from tests.training.templates.template_shapes import tokenizer_of

SHORT, LONG, LONGER = "What is 2 + 2 ?", "What is " + "2 + " * 40 + "2 ?", "What is " + "2 + " * 300 + "2 ?"
POSITIONS = 96


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, base: str) -> str:
    """A model with learned positions, which crashes beyond them."""
    folder, tokenizer = tmp_path_factory.mktemp("gpt2"), load_tokenizer(base)
    ends: dict[str, Any] = dict(bos_token_id=None, eos_token_id=tokenizer.eos_token_id)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=16, n_layer=1, n_head=2, **ends, attn_pdrop=0,
        embd_pdrop=0, resid_pdrop=0, initializer_range=0.4,
    )  # fmt: skip
    torch.manual_seed(0)
    save_model(GPT2LMHeadModel(config), tokenizer, folder)
    return str(folder)


def rows(folder: Path, name: str, *texts: str) -> str:
    tree = [{"id": f"{name}{n}", "prompt": t, "task": "math", "reference": "4"} for n, t in enumerate(texts)]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tree))
    return str(folder / f"{name}.jsonl")


def recipe_tree(folder: Path, model: str, *texts: str, suite: tuple[str, ...] = (SHORT,)) -> dict[str, Any]:
    (folder / "even.py").write_text("def even(response, row):\n    return len(response) % 2 == 0\n")
    limits = {"max_new_tokens": 40, "temperature": 1.1}
    return {
        "name": "small",
        "model": model,
        "cluster": {"trainer": {"cpus": 1}},
        "rewards": {"tasks": {"math": {"verifiers": [{"name": f"{folder}/even.py:even"}]}}},
        "evaluation": {"suites": {"held_out": {"sources": [{"source": rows(folder, "held", *suite)}]}},
                       "sampling": dict(limits)},
        "stages": [{"name": "stage1", "kind": "rl", "steps": 2, "prompts_per_step": 4, "group_size": 4,
                    "prompts": [{"source": rows(folder, "train", *texts)}], "sampling": dict(limits),
                    "evaluate": ["held_out"]}],
    }  # fmt: skip


def loaded(tree: dict[str, Any]) -> tuple[LoadedData, list[str]]:
    said: list[str] = []
    return preflight(Recipe.model_validate(tree), said.append), said


def ids(data: LoadedData) -> list[str]:
    return [prompt.id for prompts, _ in data.prompts["stage1"] for prompt in prompts]


def length(model: str, text: str) -> int:
    return len(ChatCodec(load_tokenizer(model)).prompt([{"role": "user", "content": text}], ())[0])


@pytest.mark.parametrize("room", [0, 1])
def test_a_prompt_fits_with_room_for_one_token(tmp_path: Path, base: str, room: int) -> None:
    tree = recipe_tree(tmp_path, base, SHORT, LONG)
    tokens = length(base, LONG)
    tree["stages"][0]["sampling"]["max_context"] = tokens + room
    data, said = loaded(tree)
    assert ids(data) == ["train0", "train1"][: room + 1]
    words = (
        f"stage stage1, {tmp_path}/train.jsonl: 1 of 2 prompts dropped, with one token to sample they do not fit "
        f"max_context={tokens}: 'train1' ({tokens} tokens)"
    )
    assert said == [] if room else said == [words]


def test_without_a_budget_what_the_model_holds_decides(tmp_path: Path, small: str, base: str) -> None:
    data, said = loaded(recipe_tree(tmp_path, small, SHORT, LONG, LONG, LONG, LONGER, LONG))
    assert ids(data) == ["train0"]
    [line] = said
    assert "5 of 6 prompts dropped" in line and f"the {POSITIONS} that the model holds: 'train1'" in line
    assert line.endswith("tokens) and 2 more") and "\n" not in line
    data, said = loaded(recipe_tree(tmp_path, base, SHORT, LONG))
    assert (len(ids(data)), said) == (2, [])


def test_a_model_that_states_no_limit_takes_prompts_of_any_length(
    tmp_path: Path, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openqwq.training.pipeline.preflight.context_held_by", lambda config: None)
    data, said = loaded(recipe_tree(tmp_path, small, SHORT, LONGER))
    assert len(ids(data)) == 2 and said == []


def test_a_task_of_which_nothing_is_left_is_named(tmp_path: Path, small: str) -> None:
    tree = recipe_tree(tmp_path, small, SHORT, LONG, LONG)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    lines[1]["task"] = "sums"
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tree["rewards"]["tasks"]["sums"] = tree["rewards"]["tasks"]["math"]
    assert "2 of 3 prompts dropped, all of sums, with one token" in loaded(tree)[1][0]


def test_a_suite_keeps_its_rows_and_says_how_many_count_as_wrong(tmp_path: Path, small: str) -> None:
    data, said = loaded(recipe_tree(tmp_path, small, SHORT, suite=(LONG, SHORT, LONGER)))
    assert [prompt.id for prompt in data.suites["held_out"]] == ["held0", "held1", "held2"]
    [line] = said
    assert line.startswith("suite held_out: 2 of 3 rows count as `length` with score 0, ") and "'held2'" in line


@pytest.mark.parametrize("place", ["stage", "suite"])
def test_data_of_which_nothing_fits_is_refused(tmp_path: Path, small: str, place: str) -> None:
    texts = {"stage": ((LONG, LONGER), (SHORT,)), "suite": ((SHORT,), (LONGER, LONG))}[place]
    with pytest.raises(DataError, match=r"none of the 2 rows fits the 96 that the model holds; the shortest, '\w+'"):
        loaded(recipe_tree(tmp_path, small, *texts[0], suite=texts[1]))


def test_a_supervised_row_longer_than_the_model_is_left_out(tmp_path: Path, small: str) -> None:
    tree = recipe_tree(tmp_path, small, SHORT)
    answers = [SHORT, LONGER, SHORT]
    demonstrations = [{"prompt": SHORT, "completion": f"<think>\nso\n</think>\n{text}"} for text in answers]
    pairs = [{"prompt": SHORT, "chosen": SHORT, "rejected": f"no {n} {text}"} for n, text in enumerate(answers)]
    others = [pair | {"prompt": f"else {SHORT}"} for pair in pairs]
    for name, lines in (("demonstrations", demonstrations), ("pairs", pairs), ("others", others)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    pair_source, other_source = ({"source": str(tmp_path / f"{name}.jsonl")} for name in ("pairs", "others"))
    tree["stages"] += [
        {"name": "cold", "kind": "sft", "steps": 1,
         "demonstrations": {"source": str(tmp_path / "demonstrations.jsonl")}},
        {"name": "rm", "kind": "reward_model", "steps": 1, "pairs": pair_source, "held_out": other_source},
    ]  # fmt: skip
    data, said = loaded(tree)
    assert {name: len(kept) for name, kept in data.rows.items()} == {"cold": 2, "rm": 2, "rm/held_out": 2}
    assert len(said) == 3
    assert all("1 of 3 rows dropped, longer than the 96 that the model holds: '" in line for line in said)
    assert sorted(re.findall(r"'(\w+\.jsonl:\d)' \(", "".join(said))) == [
        "demonstrations.jsonl:2", "others.jsonl:2", "pairs.jsonl:2"
    ]  # fmt: skip
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pairs[1]) + "\n")
    with pytest.raises(DataError, match=r"pairs.jsonl: none of the 1 rows fits"):
        loaded(tree)


def refused(tree: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tree))
    assert main([*words, str(folder / "recipe.yaml")]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and not (folder / "run").exists()
    return printed.err


def test_a_budget_that_the_model_does_not_hold_ends_with_status_2(
    tmp_path: Path, small: str, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = recipe_tree(tmp_path, small, SHORT)
    tree["stages"][0]["sampling"]["max_context"] = POSITIONS + 1
    run = ["run", "--run-dir", str(tmp_path / "run")]
    line = refused(tree, tmp_path, capsys, *run)
    assert "stages.stage1.sampling.max_context=97 is more than model" in line and "holds, 96 tokens" in line
    assert refused(tree | {"model": base}, tmp_path, capsys, "run", "stages.stage1.sampling.max_context=513")
    line = refused(recipe_tree(tmp_path, small, LONG), tmp_path, capsys, *run)
    assert "none of the 1 rows fits" in line


def test_an_evaluation_of_a_model_says_what_does_not_fit_it(
    tmp_path: Path, small: str, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = recipe_tree(tmp_path, base, SHORT, suite=(SHORT, LONG))
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    words = [
        "eval",
        small,
        "--suite",
        "held_out",
        "--recipe",
        str(tmp_path / "recipe.yaml"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "suite held_out: 1 of 2 rows count as `length` with score 0" in printed and "'held1'" in printed
    assert main([*words, f"evaluation.sampling.max_context={POSITIONS + 1}"]) == 2
    assert "evaluation.sampling.max_context=97 is more than model" in capsys.readouterr().err


def test_a_run_on_a_model_with_learned_positions_trains_and_measures_up_to_its_last_one(
    tmp_path: Path, small: str
) -> None:
    tree = recipe_tree(tmp_path, small, SHORT, "What is 3 + 4 ?", LONG, suite=(SHORT, LONG))
    tree["stages"][0]["sampling"]["max_new_tokens"] = tree["evaluation"]["sampling"]["max_new_tokens"] = 500
    tree["stages"][0]["algorithm"] = {"name": "reinforce_pp"}  # trains on groups of equal rewards, too
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    run = tmp_path / "run"
    assert main(["run", str(tmp_path / "recipe.yaml"), "--inline", "--run-dir", str(run)]) == 0
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = [step for step in steps if "samples" in step]
    assert all(step["groups/with_signal"] == 4 and step["update/grad_norm"] >= 0 for step in trained)
    longest = max(step["completions/tokens_max"] for step in trained)
    assert longest == POSITIONS - length(small, SHORT)
    suite = json.loads((run / "evals" / "stage1.json").read_text())["suites"]["held_out"]
    assert (suite["scores"]["held1"], suite["errors"], len(suite["scores"])) == (0.0, 0, 2)


@pytest.fixture(scope="module")
def codecs(base: str) -> list[ChatCodec]:
    """Byte-level, with `▁` for blanks, and with the normal form that makes the longest texts."""
    normal = load_tokenizer(base)
    normal.backend_tokenizer.normalizer = normalizers.NFKC()
    return [ChatCodec(tokenizer) for tokenizer in (load_tokenizer(base), tokenizer_of("gemma"), normal)]


@given(text=st.text() | st.text(alphabet="\ufdfa\u0390\u1e7b\ud55c\u00bd\u0344 <|im_end|>"))
def test_no_text_has_more_tokens_than_its_bound(codecs: list[ChatCodec], text: str) -> None:
    for codec in codecs:
        rendered = codec.renderer.render([{"role": "user", "content": text}], (), True)
        assert len(codec.renderer.encode(rendered)) <= _most_tokens(rendered)

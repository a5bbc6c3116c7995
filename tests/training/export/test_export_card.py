"""The card: metadata that the hub's own reader takes, and nothing that is nobody else's business."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.errors import RecipeError
from openqwq.training.export.card import CardFacts, model_card
from openqwq.training.export.licence import find_licence
from openqwq.training.export.origin import Origin, find_origin
from openqwq.training.export.public import LEFT_OUT, hub_id, public, public_recipe, public_text
from tests.training.example_run import write_example_run

FACTS = CardFacts(
    name="mine",
    base_model="Qwen/Qwen2.5-0.5B",
    license="apache-2.0",
    options=["--reasoning-parser", "deepseek_r1"],
    sampling="temperature 0.6",
    thinking="It thinks.",
    format="5 weights.",
    versions={"torch": "2"},
    cast=None,
    trained_with="5.19.0",
    context="Context: 8.",
)


def test_metadata_come_back_from_the_hubs_own_reader(tmp_path: Path) -> None:
    origin = find_origin(str(write_example_run(tmp_path / "run")))
    (tmp_path / "README.md").write_text(str(model_card(FACTS, origin)))
    data = ModelCard.load(tmp_path / "README.md").data
    assert (data.license, data.base_model, data.library_name) == ("apache-2.0", "Qwen/Qwen2.5-0.5B", "transformers")
    assert "reinforcement-learning" in data.tags and data.pipeline_tag == "text-generation"
    assert {(r.dataset_name, r.metric_type, r.metric_args["confidence"]) for r in data.eval_results} == {
        (suite, "accuracy", 0.95) for suite in ("math", "math_hard", "code", "skills")
    }


def test_failed_gates_hub_data_sets_weights_and_fences_are_shown(tmp_path: Path) -> None:
    origin = find_origin(str(write_example_run(tmp_path / "run")))
    assert origin.run is not None and origin.entry is not None and origin.entry.gate is not None
    recipe = {
        "name": "r",
        "description": "a ``` fence",
        "rewards": {
            "tasks": {"math": {"verifiers": [{"name": "/home/me/mine.py:f"}, {"name": "length", "weight": 2}]}}
        },
        "evaluation": {"suites": {"gsm": {"sources": [{"source": "openai/gsm8k"}]}}},
        "stages": [
            {
                "name": "stage1",
                "kind": "rl",
                "prompts": [{"source": "openai/gsm8k", "weight": 3}, {"source": "/data/rows.jsonl"}],
            },
            {"name": "cold_start", "kind": "sft", "demonstrations": {"source": "rows/a|b.jsonl", "rows": [0, 9]}},
        ],
    }
    run = replace(origin.run, recipe=recipe)
    card = model_card(FACTS, replace(origin, run=run))
    assert card.data.datasets == ["openai/gsm8k"]
    for words in (
        "| stage1 | rows.jsonl | all |", "rows/a\\|b.jsonl | 0 to 9 |", "mine.py:f, length x 2", "````yaml\n",
        "were not measured on these weights: gsm.",
    ):  # fmt: skip
        assert words in card.content, words
    assert "/home/me" not in card.content and "/data/" not in card.content


def test_versions_and_commits_of_a_run_are_told_in_its_order(tmp_path: Path) -> None:
    path = write_example_run(tmp_path / "run")
    content = model_card(FACTS, find_origin(str(path))).content
    assert "Training: transformers 5.19.0 wrote the checkpoint, further versions and" in content
    noted = [
        {"python": "3.11.7", "packages": {"torch": "2.12", "trl": "1"}, "commit": "abc+changes"},
        {"python": "3.12.1", "packages": {"torch": "2.13"}, "commit": None},
    ]
    (path / "software.json").write_text(json.dumps(noted))
    content = model_card(FACTS, find_origin(str(path))).content
    assert (
        "Training: Python 3.11.7, torch 2.12, trl 1, commit abc+changes of openqwq; then "
        "Python 3.12.1, torch 2.13, a commit that is not known. Export: torch 2." in content
    )


def test_a_model_without_a_run_claims_nothing() -> None:
    card = model_card(replace(FACTS, license=None, base_model=None, trained_with=None), Origin("Qwen/QwQ-32B"))
    assert "license" not in card.data.to_dict() and card.data.eval_results is None
    assert "Of its training nothing is recorded here" in card.content and "Training: not recorded" in card.content


def test_machine_sections_keys_addresses_and_folders_are_left_out() -> None:
    recipe = {
        "model": "/home/me/models/base",
        "cluster": {"address": "ray://10.0.0.1"},
        "logging": {"wandb_project": "secret-project"},
        "sandbox": {"url": "http://10.0.0.2:80"},
        "rewards": [{"api_key": "sk-1", "url": "see https://me:pw@host.internal/v1 there", "max_new_tokens": 5}],
        "headers": {"Authorization": "Basic x", "x": "Bearer abc", "y": "hf_abcdefghijklmnopqrst"},
        "chat_template": "~/templates/mine.jinja",
        "template": "{prompt} and/or </think> 1/2 a/b/c",
        "stages": [
            {"source": "hf://datasets/openai/gsm8k", "description": "rows of /data/x/y.jsonl, C:\\u\\me\\z.txt"}
        ],
    }
    assert public_recipe(recipe) == {
        "model": "base",
        "rewards": [{"api_key": LEFT_OUT, "url": f"see {LEFT_OUT} there", "max_new_tokens": 5}],
        "headers": {"Authorization": LEFT_OUT, "x": LEFT_OUT, "y": LEFT_OUT},
        "chat_template": "mine.jinja",
        "template": "{prompt} and/or </think> 1/2 a/b/c",
        "stages": [{"source": "hf://datasets/openai/gsm8k", "description": "rows of y.jsonl, z.txt"}],
    }


WORD = st.text(st.sampled_from("abcdXYZ01.-_é"), min_size=1, max_size=8)


@given(st.lists(WORD, min_size=2, max_size=5), st.sampled_from(["", "~", "see ", "(", "a=", "'"]))
def test_no_folder_of_an_absolute_path_remains(parts: list[str], before: str) -> None:
    shown = public_text(f"{before}/{'/'.join(parts)}")
    assert "/" not in shown and shown.endswith(parts[-1])


JSON = st.none() | st.integers() | st.text(max_size=20)


@given(st.dictionaries(st.text(max_size=5), JSON | st.lists(JSON, max_size=3), max_size=4))
def test_any_json_value_is_made_public_once_and_for_all(value: object) -> None:
    assert public(public(value)) == public(value)


def test_hub_ids_are_told_from_files_and_folders(tmp_path: Path) -> None:
    named = ("openai/gsm8k", "rows/a.jsonl", "a/b/c", "/a/b", "gsm8k", None, "models/mine", "data/tiny")
    assert [hub_id(name) for name in named] == ["openai/gsm8k", *[None] * 7]
    (tmp_path / "mine/base").mkdir(parents=True)
    assert hub_id("mine/base") == "mine/base" and hub_id("mine/base", tmp_path / "out/run") is None


def test_a_licence_is_stated_or_read_and_never_invented(tmp_path: Path) -> None:
    for folder, card, config in (
        ("plain", None, "{}"),
        ("card", "---\nlicense: Apache-2.0\n---\n# x\n", "{}"),
        ("config", "# no metadata", '{"license": "mit"}'),
        ("odd", "---\n- not: a mapping\n---\n", '{"license": 7}'),
        ("broken", "---\n: [\n---\n", "nonsense"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text(config)
        if card is not None:
            (tmp_path / folder / "README.md").write_text(card)
    places = {path.name: str(path) for path in tmp_path.iterdir()}
    assert find_licence("mit", places["card"]) == "mit"
    assert find_licence(None, places["plain"], places["odd"], places["broken"], None, "Qwen/QwQ-32B") is None
    assert find_licence(None, places["plain"], places["card"], places["config"]) == "apache-2.0"
    assert find_licence(None, places["config"]) == "mit"
    with pytest.raises(RecipeError, match="no identifier of the hub"):
        find_licence("Apache License 2.0")

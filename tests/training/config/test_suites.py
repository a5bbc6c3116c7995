"""Suites as files: every shipped one is whole, and mistakes are answered with what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from openqwq.training.config import Evaluation, Suite
from openqwq.training.config.files import dump_recipe, find_recipe, load_recipe
from openqwq.training.config.suites import SETTINGS, SUITES, SuiteFile, label_of, load_suite, shipped_suites
from openqwq.training.errors import RecipeError

NAMES = [
    "aime24", "aime25", "bfcl", "gpqa_diamond", "gsm8k", "humaneval", "ifeval", "livebench", "livecodebench",
    "math_500", "mbpp",
]  # fmt: skip
VERIFIERS = [{"name": "math", "label": "strict"}, {"name": "as_published"}]
SMALL: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "sources": [{"source": "rows.jsonl", "task": "math"}],
    "rewards": {"math": {"verifiers": VERIFIERS}},
    "columns": {"strict": "strict", "as_published": "as_published"},
    "licence": "CC0",
    "citation": "me",
    "homepage": "here",
    "unpublished": "it is new",
}


def written(folder: Path, **changes: Any) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return str(path)


def test_the_suites_of_the_package_are_those() -> None:
    assert shipped_suites() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_suite_says_whose_it_is_and_what_was_measured_on_it(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name and suite.title
    assert suite.licence and suite.citation and suite.homepage
    assert suite.published or suite.unpublished
    assert list(suite.columns) and {"strict", "as_published"} <= suite.columns.keys()
    assert all(r.overrule_rows and not (r.general_gates or r.composition.gates) for r in suite.rewards.values())
    assert all(source.sha256 is None for source in suite.sources)  # no hub was reachable; no hash is invented
    assert "sha256 is null" in (SUITES / f"{name}.yaml").read_text() or name in ("ifeval", "livebench")
    assert max(map(len, (SUITES / f"{name}.yaml").read_text().splitlines())) <= 120


@pytest.mark.parametrize("name", NAMES)
def test_the_outcome_of_a_shipped_suite_is_its_strict_column_alone(name: str) -> None:
    suite = load_suite(name)
    for reward in suite.rewards.values():
        outcome = [label_of(use) for use in reward.composition.main.verifiers if not use.is_shaping]
        assert outcome == [suite.columns["strict"]]


def test_how_many_rows_and_samples_a_suite_has() -> None:
    said = {name: (load_suite(name).num_rows, load_suite(name).samples_per_prompt) for name in NAMES}
    assert said == {
        "aime24": (30, 64),
        "aime25": (30, 64),
        "bfcl": (4441, 1),
        "gpqa_diamond": (4 * 198, 1),
        "gsm8k": (1319, 1),
        "humaneval": (164, 1),
        "ifeval": (541, 1),
        "livebench": (None, 1),
        "livecodebench": (279, 8),
        "math_500": (500, 1),
        "mbpp": (500, 1),
    }


def test_the_scores_that_its_own_code_gave_qwq_are_there_and_were_read() -> None:
    wanted = {"aime24": (0.795, 30, 64), "aime25": (0.695, 30, 64), "livecodebench": (0.634, 279, 8),
              "ifeval": (0.839, 541, 1)}  # fmt: skip
    for name, numbers in wanted.items():
        [row] = [row for row in load_suite(name).published if row.model == "QwQ-32B"]
        assert (row.score, row.num_problems, row.num_samples) == numbers
        assert (row.evidence, row.settings, row.column) == ("read", "qwq", "as_published")


def test_the_settings_are_those_of_the_papers() -> None:
    told = {name: (s.temperature, s.top_p, s.top_k, s.max_new_tokens) for name, s in SETTINGS.items()}
    assert told == {
        "qwq": (0.6, 0.95, 40, 32768),
        "r1": (0.6, 0.95, 0, 32768),
        "qwen3": (0.6, 0.95, 20, 38912),
        "greedy": (0.0, 1.0, 0, 32768),
    }


def test_a_suite_becomes_a_recipes_suite_with_its_sampling() -> None:
    suite = load_suite("aime24")
    assert type(suite.plain()) is Suite
    assert suite.plain().sampling == SETTINGS["qwq"]
    assert suite.plain("qwen3").sampling == SETTINGS["qwen3"]
    assert suite.plain().samples_per_prompt == 64 and suite.plain().sources == suite.sources
    assert load_suite("gpqa_diamond").plain().cluster == "extra.cluster"
    kept = Evaluation(suites={"aime24": suite.plain()})
    assert Evaluation.model_validate(kept.model_dump(mode="json")) == kept
    with pytest.raises(RecipeError, match=r"no settings 'qwq2'; did you mean 'qwq'\?"):
        suite.plain("qwq2")


def test_other_settings_keep_the_limits_of_the_suites_conversations() -> None:
    suite = load_suite("bfcl")
    assert suite.plain("greedy").sampling == SETTINGS["greedy"].model_copy(update={"max_turns": 160})
    assert suite.plain().sampling == SETTINGS["qwq"].model_copy(update={"max_turns": 160})


def test_a_local_file_takes_the_place_of_the_hub_in_every_source() -> None:
    suite = load_suite("gpqa_diamond", ["source=mine.csv"])
    assert {source.source for source in suite.sources} == {"mine.csv"}
    assert {source.subset for source in suite.sources} == {None}
    assert [source.options["turn"] for source in suite.sources] == [0, 1, 2, 3]
    assert {source.num_rows for source in suite.sources} == {198}
    one = load_suite("livebench", ["sources.1.source=r.jsonl", "rows=[0, 2]", "samples_per_prompt=3"])
    assert [source.source for source in one.sources][:2] == ["livebench/math", "r.jsonl"]
    assert {source.rows for source in one.sources} == {(0, 2)} and one.samples_per_prompt == 3
    with pytest.raises(RecipeError, match=r"livebench has 4 data sets \(livebench/math, .*sources.0.source=FILE$"):
        load_suite("livebench", ["source=r.jsonl"])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("aime-24", r"no suite 'aime-24' in .*; did you mean aime24 or aime25\? Shipped suites are aime24, "),
        ("AIME 2024", "did you mean aime24"),
        ("Math500", "did you mean math_500"),
        ("weather", r"; shipped suites are aime24, aime25, "),
        ("", r"; shipped suites are"),
        ("../secrets", r"; shipped suites are"),
        ("~nobody/x.yaml", r"; shipped suites are"),
        ("x" * 9999, r"no suite 'x{80}' in "),
        ("gone/aime24.yaml", "no suite 'gone/aime24.yaml'"),
    ],
)
def test_an_unknown_suite_is_answered_with_near_names(asked: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        load_suite(asked)


def test_a_suite_is_found_by_its_name_whatever_lies_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aime24").write_text("no suite at all")
    monkeypatch.chdir(tmp_path)
    assert load_suite("aime24").title == "AIME 2024" == load_suite("suites/aime24.yaml").title


def test_a_file_of_ones_own_is_a_suite(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path), ["settings=r1"])
    assert isinstance(suite, SuiteFile) and suite.plain().sampling == SETTINGS["r1"]
    own = load_suite(written(tmp_path, sampling={"temperature": 0.3, "max_new_tokens": 9}))
    stated = SETTINGS["qwq"].model_copy(update={"temperature": 0.3, "max_new_tokens": 9})
    assert own.plain().sampling == stated  # what is not stated is the settings'
    assert own.plain("greedy").sampling == SETTINGS["greedy"].model_copy(update={"max_new_tokens": 9})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"columns": {"as_published": "strict"}}, r"columns has no 'strict'; there are as_published"),
        ({"columns": {"strict": "stict", "as_published": "as_published"}}, "'stict', which task math lacks; there are"),
        ({"sources": []}, "at least one source"),
        ({"sources": [{"source": "r", "task": "maths"}]}, "task 'maths' has no entry in rewards; there are math"),
        ({"unpublished": ""}, "has rows of `published`, or says in `unpublished`"),
        ({"licens": "MIT"}, r"mine.yaml: licens: unknown key; did you mean 'licence'\?"),
        (
            {"sources": [{"source": "r", "task": "math", "fom": "x"}]},
            r"sources.0.fom: unknown key; did you mean 'form'",
        ),
        ({"settings": "qwq3"}, "settings: "),
        ({"sources": [{"source": "r", "task": "math", "sha256": "ABC"}]}, "sources.0.sha256"),
        ({"sources": [{"source": "r", "task": "math", "options": {"turn": 1}}]}, "are those of a form; name it in"),
        ({"sources": 5}, "sources: "),
        ({"stages": []}, "is a recipe, no suite; name it with --recipe"),
        ({"rewards": {"math": {"verifiers": [{"name": "gone.py:f"}]}}}, "no such file for 'gone.py:f'"),
    ],
)
def test_a_mistake_in_a_suite_is_told_in_one_line(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told) as raised:
        load_suite(written(tmp_path, **changes))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("also", [[], ["settings=qwen3"]])
def test_one_changed_key_of_the_sampling_leaves_the_others_as_the_settings_have_them(also: list[str]) -> None:
    settings = SETTINGS["qwen3" if also else "qwq"]
    warmer = load_suite("aime24", ["sampling.temperature=0.9", *also]).plain().sampling
    assert warmer == settings.model_copy(update={"temperature": 0.9})
    more = load_suite("bfcl", ["sampling.max_turns=7"]).plain().sampling
    assert more == SETTINGS["qwq"].model_copy(update={"max_turns": 7})


@pytest.mark.parametrize(
    ("score", "told"),
    [
        ({"score": 79.5}, r"published.0.score: .*less than or equal to 1, got 79.5"),
        ({"score": 0.5, "column": "loose"}, "published m: no column 'loose'; there are"),
        ({"score": 0.5, "evidence": "heard"}, "published.0.evidence"),
    ],
)
def test_a_published_score_is_a_share_of_a_column(tmp_path: Path, score: dict[str, Any], told: str) -> None:
    row = {"model": "m", "settings": "s", "source": "x", "evidence": "read", **score}
    with pytest.raises(RecipeError, match=told):
        load_suite(written(tmp_path, published=[row], unpublished=""))
    right = {**row, "score": 0.5, "column": "strict", "evidence": "read"}
    assert load_suite(written(tmp_path, published=[right], unpublished="")).published[0].score == 0.5
    with pytest.raises(RecipeError, match="has rows of `published`, or says in `unpublished`"):
        load_suite(written(tmp_path, published=[right]))  # not both


@pytest.mark.parametrize("text", ["- a list", "just text", "", "{unclosed", "a: [1,", "a: &a [*a]"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(
        RecipeError, match=r"bad.yaml: (a suite is a mapping of keys|not readable as YAML|a part of it holds)"
    ):
        load_suite(str(tmp_path / "bad.yaml"))


def test_a_suite_is_no_recipe_and_is_not_listed_among_them() -> None:
    with pytest.raises(RecipeError, match=r"aime24.yaml is a suite, no recipe; `openqwq eval MODEL --suite"):
        load_recipe(str(SUITES / "aime24.yaml"))
    with pytest.raises(RecipeError, match="shipped recipes are") as raised:
        find_recipe("nothing_like_it")
    assert "suites/" not in str(raised.value)


def test_recipes_without_the_new_keys_are_read_as_before() -> None:
    recipe = load_recipe("quickstart")
    for suite in recipe.evaluation.suites.values():
        assert suite.sampling is None and suite.cluster is None
        assert all(one.num_rows is None and one.sha256 is None and one.options == {} for one in suite.sources)
    assert "cluster: null" in dump_recipe(recipe)

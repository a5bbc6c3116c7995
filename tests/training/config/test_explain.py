"""`openqwq explain`: every key has a meaning, and a key gets its type, default, bounds and meaning in 80 columns."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.ablation.schema import Ablation, Arm, Reuse
from openqwq.training.cli import main
from openqwq.training.config import Algorithm, Kl, Recipe, RlStage, Section, TaskReward
from openqwq.training.config.explain import explain, meaning, type_name
from openqwq.training.config.keys import all_keys, find
from openqwq.training.errors import RecipeError

KEYS = [key for key, _ in all_keys()]


def subsections(section: type[Section]) -> set[type[Section]]:
    return {section}.union(*(subsections(below) for below in section.__subclasses__()))


def test_every_key_of_a_recipe_has_a_meaning() -> None:
    assert {"seed", "stages.*.algorithm.kl.place", "evaluation.suites.*.rewards.*.verifiers.*.weight"} <= set(KEYS)
    assert [key for key, place in all_keys() if not meaning(place)] == []


@pytest.mark.parametrize("section", sorted(subsections(Section) - {Section}, key=str))
def test_every_section_and_every_field_has_a_docstring(section: type[Section]) -> None:
    assert section.__doc__
    assert [name for name, field in section.model_fields.items() if not field.description] == []


def test_sections_of_ablations_are_among_those_that_need_docstrings() -> None:
    assert {Recipe, RlStage, Ablation, Arm, Reuse} <= subsections(Section)


@pytest.mark.parametrize("key", [None, *KEYS])
def test_every_explanation_fits_80_columns(key: str | None) -> None:
    text = explain(key)
    assert all(len(line) <= 80 for line in text.splitlines()) and "\x1b" not in text


def test_without_a_key_each_top_level_key_gets_one_line() -> None:
    lines = explain().splitlines()
    starts = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert starts == ["key", *Recipe.model_fields]
    assert len(lines) == len(Recipe.model_fields) + 6


def test_a_scalar_gets_its_type_values_default_and_meaning() -> None:
    text = explain("stages.stage1.schedule.kind")
    for words in ("kind rl", "Type:     text", "Allowed:  sync, partial, async", "Default:  sync", "`partial`: start"):
        assert words in text


def test_a_number_gets_its_bounds() -> None:
    assert "Bounds:   > 0, <= 1\n  Default:  0.85" in explain("cluster.rollout.gpu_memory_utilization")
    assert "Bounds:   >= 1, <= 8\n  Default:  null" in explain("stages.a.schedule.oversample")
    assert "Bounds:   pattern ^[a-z]" in explain("stages.a.name")
    assert "Default:  required" in explain("model")


def test_a_section_gets_its_docstring_and_its_keys() -> None:
    text = explain("stages.*.algorithm.kl")
    assert Kl.__doc__ is not None and Kl.__doc__ in " ".join(text.split())
    assert all(f"\n  {name} " in text for name in Kl.model_fields)
    assert "  place        loss     `loss`: a term of the loss." in text


@pytest.mark.parametrize("key", ["rewards.tasks", "rewards.tasks.math", "evaluation.suites.s.rewards.math"])
def test_a_mapping_shows_the_keys_of_its_entries(key: str) -> None:
    assert all(f"\n  {name} " in explain(key) for name in TaskReward.model_fields)


def test_names_and_numbers_in_a_path_are_any_word() -> None:
    spellings = ("rewards.tasks.math.verifiers.0.weight", "rewards.tasks.*.verifiers.*.weight")
    one, other = (explain(key).split("\n", 1)[1] for key in spellings)
    assert one == other


def test_a_key_of_several_kinds_of_stage_says_which_have_it() -> None:
    assert "of kind sft, reward_model, rl" in explain("stages.*.optimizer.learning_rate")
    assert "of kind rl\n" in explain("stages.*.group_size")
    text = explain("stages.*.checkpoint_every")
    assert text.index("kind sft") < text.index("Default:  100") < text.index("kind rl") < text.index("Default:  10\n")


def test_an_old_key_answers_with_its_present_name() -> None:
    text = explain("stages.stage2.guard.every")
    assert text.startswith("stages.stage2.guard.every is the old name of stages.stage2.regression_check.every.")
    assert "Steps between two checks." in text
    assert "is the old name of stages.*.algorithm.max_generation_rounds" in explain("stages.*.algorithm.max_refills")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sed", r"no recipe key 'sed'; did you mean 'seed'\?"),
        ("stages.stage1.schedul", r"did you mean 'stages\.stage1\.schedule'\?"),
        ("stages.stage1.schedul.kind", r"did you mean 'stages\.stage1\.schedule'\?"),
        ("group_size", r"did you mean 'stages\.\*\.group_size'\?"),
        ("seed.deep", r"seed is a value, it has no key 'deep'"),
        ("", r"no recipe key ''; known are "),
        ("stages..nothing_like_it_at_all", r"; known are alerts, algorithm"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(key: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        explain(key)
    assert "\n" not in str(caught.value) and caught.value.exit_status == 2


def test_types_are_words() -> None:
    assert type_name(tuple[str, ...] | None) == "list of text, or null"
    assert type_name(tuple[float, float]) == "list of 2 numbers"
    assert type_name(dict[str, str | dict[str, str]]) == "mapping of names to text, or mapping of names to text"
    assert (type_name(Algorithm), type_name(tuple[Algorithm, ...])) == ("section", "list of sections")


def test_entries_of_a_list_and_free_arguments_can_be_explained() -> None:
    assert "An entry of: AdamW's decay rates" in explain("stages.a.optimizer.betas.0")
    assert "Type:     any value" in explain("rewards.gates.0.arguments.limit.deeper")
    assert [place.kind for place in find("stages.cold_start.steps")] == ["sft", "reward_model", "rl"]


def test_the_command_prints_the_text_and_answers_a_mistake_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "cluster.rollout.engine"]) == 0
    assert "Allowed:  hf, vllm" in capsys.readouterr().out
    assert main(["explain"]) == 0
    assert "keep_checkpoints" in capsys.readouterr().out
    assert main(["explain", "cluster.rolout"]) == 2
    assert "did you mean 'cluster.rollout'?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["explain"], ["explain", "stages.*.algorithm"]])
def test_the_command_loads_neither_torch_nor_ray(words: list[str]) -> None:
    program = (
        f"import sys; from openqwq.training.cli import main; assert main({words!r}) == 0; "
        "heavy = {'torch', 'ray', 'transformers', 'trl', 'datasets'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = [sys.executable, "-m", "openqwq.training.cli", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(timeout=60), process.stderr.read()) == (0, "")


@given(key=st.lists(st.sampled_from(sorted({part for key in KEYS for part in key.split(".")})) | st.text(max_size=3)))
def test_any_key_is_explained_or_refused_in_one_line(key: list[str]) -> None:
    try:
        assert explain(".".join(key))
    except RecipeError as error:
        assert "no recipe key" in str(error)


def test_a_key_of_the_entries_of_a_list_needs_no_number_and_another_word_is_no_entry() -> None:
    assert explain("stages.stage1.prompts.form") == explain("stages.stage1.prompts.0.form").replace(
        "prompts.0.", "prompts."
    )
    with pytest.raises(RecipeError, match=r"did you mean 'stages.stage1.prompts.form'"):
        explain("stages.stage1.prompts.fomr")
    assert "Text put around" in explain("evaluation.suites.math.sources.template")

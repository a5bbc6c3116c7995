"""The run folder: one recipe, one process, and no foreign file is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from openqwq.training.config.files import load_recipe
from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import RunFolder, write_text

SMOKE = load_recipe("smoke")


def opened(path: Path, resume: Literal["auto", "never"] = "auto", **overrides: Any) -> RunFolder:
    recipe = load_recipe("smoke", [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()])
    return RunFolder(path, recipe, resume)


def contents(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != ".lock"}


def test_a_new_folder_holds_the_resolved_recipe_which_loads_again(tmp_path: Path) -> None:
    opened(tmp_path / "deep" / "run").close()
    assert load_recipe(str(tmp_path / "deep" / "run" / "recipe.yaml")) == SMOKE


def test_the_same_recipe_goes_on_in_its_folder(tmp_path: Path) -> None:
    first = opened(tmp_path / "run")
    first.mark_finished(StageEntry("cold_start", "sft", seconds=1.0, model="x"))
    first.close()
    second = opened(tmp_path / "run")
    assert second.finished() == {"cold_start": StageEntry("cold_start", "sft", seconds=1.0, model="x")}
    second.close()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"stages__stage1__group_size": 16}, "stages.stage1.group_size is 4 there and 16 here"),
        ({"evaluation__sampling__temperature": 0.5}, "evaluation.sampling.temperature is 1.0 there and 0.5 here"),
        ({"model": "elsewhere"}, "model is 'data/tiny/base' there and 'elsewhere' here"),
    ],
)
def test_a_run_of_another_recipe_is_refused_with_the_first_difference(
    tmp_path: Path, overrides: dict[str, Any], words: str
) -> None:
    opened(tmp_path / "run").close()
    before = contents(tmp_path / "run")
    with pytest.raises(RunFolderError) as caught:
        opened(tmp_path / "run", **overrides)
    assert words in str(caught.value) and "--run-dir" in str(caught.value)
    assert contents(tmp_path / "run") == before


def test_of_several_differences_the_first_in_the_recipes_order_is_named(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    with pytest.raises(RunFolderError, match="name is 'smoke' there and 'other' here"):
        opened(tmp_path / "run", name="other", seed=3, model="elsewhere", dtype="bfloat16")
    with pytest.raises(RunFolderError, match=r"stages.stage1.prompts_per_step is 8"):
        opened(tmp_path / "run", stages__stage1__prompts_per_step=3, stages__stage1__group_size=3)


def test_machines_and_logging_may_change_between_sessions(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    opened(tmp_path / "run", cluster__rollout__workers=1, logging__rollouts_per_step=0, sandbox__workers=1).close()


def test_a_folder_that_holds_a_run_is_refused_with_resume_never(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    with pytest.raises(RunFolderError, match="already holds a run"):
        opened(tmp_path / "run", resume="never")
    opened(tmp_path / "other", resume="never").close()


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunFolderError, match="not empty and holds no run"):
        opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "key: [\n", "name: someone elses\n"])
def test_a_foreign_recipe_file_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(RunFolderError, match="--run-dir"):
        opened(tmp_path)
    assert contents(tmp_path) == {"recipe.yaml": text.encode()}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunFolderError, match="is a file"):
        opened(tmp_path / "run")


def test_a_folder_in_use_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    first = opened(tmp_path / "run")
    with pytest.raises(RunFolderError, match="in use"):
        opened(tmp_path / "run")
    first.close()
    opened(tmp_path / "run").close()


def test_an_empty_folder_is_accepted(tmp_path: Path) -> None:
    opened(tmp_path).close()


def test_a_file_is_replaced_whole_and_leaves_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "a" / "summary.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["summary.json"]

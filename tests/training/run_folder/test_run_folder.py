"""The run folder: one recipe, one process, and no foreign file is overwritten."""

from __future__ import annotations

import copy
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from openqwq.training.config import Rewards
from openqwq.training.config.files import load_recipe
from openqwq.training.config.recipe import Evaluation
from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import (
    FREE_TO_CHANGE,
    RunFolder,
    note_software,
    read_entries,
    write_entries,
    write_text,
)
from openqwq.training.run_folder.record import read_run

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
    assert first.finished() == {}
    cold, stage1 = StageEntry("cold_start", "sft", seconds=1.0, model="x"), StageEntry("stage1", "rl", model="y")
    for entry in (StageEntry("cold_start", "sft"), stage1, cold):
        first.mark_finished(entry)  # a stage that runs again takes its own place
    before = contents(tmp_path / "run")
    first.close()
    second = opened(tmp_path / "run")
    assert list(second.finished().items()) == [("cold_start", cold), ("stage1", stage1)]
    assert contents(tmp_path / "run") == before
    second.close()


def test_the_entries_of_a_run_are_read_and_written_without_its_lock(tmp_path: Path) -> None:
    assert read_entries(tmp_path) == {}
    write_entries(tmp_path, [StageEntry("b", "rl", steps=3), StageEntry("a", "sft")])
    assert list(read_entries(tmp_path)) == ["b", "a"] and read_entries(tmp_path)["b"].steps == 3
    assert (tmp_path / "state.json").read_text().startswith('{\n "b": {\n  "name": "b"')
    (tmp_path / "state.json").write_text('{"old": {"kind": "sft", "model": "m"}}')  # of a version without names
    assert read_entries(tmp_path) == {"old": StageEntry("old", "sft", model="m")}


def test_the_parts_of_a_run_have_their_places(tmp_path: Path) -> None:
    folder = opened(tmp_path / "run")
    assert folder.path == tmp_path / "run" and folder.evals == tmp_path / "run" / "evals"
    store = folder.checkpoints("stage1", 3)
    assert (store.folder, store.keep) == (tmp_path / "run" / "checkpoints" / "stage1", 3)
    other = RunFolder.checkpoint_store(tmp_path / "other", "stage2", 5)
    assert (other.folder, other.keep) == (tmp_path / "other" / "checkpoints" / "stage2", 5)
    work = folder.work("cold_start")
    assert work == tmp_path / "run" / "work" / "cold_start" and work.is_dir()
    (work / "file").write_text("x")
    assert folder.work("cold_start") == work and (work / "file").exists()
    folder.work("other")
    folder.clear_work("cold_start")
    folder.clear_work("never")
    assert not work.exists() and (tmp_path / "run" / "work" / "other").is_dir()
    folder.write_summary({"status": "completed", "stages": []})
    text = (tmp_path / "run" / "summary.json").read_text()
    assert json.loads(text) == {"status": "completed", "stages": []} and text.startswith('{\n  "status"')
    folder.close()


def test_a_run_remembers_every_software_that_it_was_made_by(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    first, second = {"python": "3.11.7", "commit": None}, {"python": "3.12.1", "commit": "abc"}
    for software in (first, first, second, second, first):
        note_software(tmp_path / "run", software)
    assert read_run(tmp_path / "run").software == [first, second, first]


@pytest.mark.parametrize("is_inline", [True, False])
def test_a_run_remembers_how_it_was_executed(tmp_path: Path, is_inline: bool) -> None:
    folder = opened(tmp_path / "run")
    assert folder.note_execution(is_inline)
    assert folder.note_execution(is_inline)
    assert not folder.note_execution(not is_inline)
    assert folder.note_execution(is_inline)  # as at its start
    folder.close()


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


def test_a_difference_is_named_by_its_place(tmp_path: Path) -> None:
    stage1 = next(stage for stage in SMOKE.stages if stage.name == "stage1")
    recipe = SMOKE.model_copy(update={"stages": (stage1,), "evaluation": Evaluation(), "rewards": Rewards()})
    RunFolder(tmp_path / "run", recipe, "auto").close()
    whole = recipe.model_dump(mode="json")

    def refusal(change: Callable[[Any], object]) -> str:
        tree = copy.deepcopy(whole)
        change(tree)
        (tmp_path / "run" / "recipe.yaml").write_text(json.dumps(tree))
        with pytest.raises(RunFolderError) as caught:
            RunFolder(tmp_path / "run", recipe, "auto")
        return str(caught.value)

    assert ": stages.stage1.optimizer.betas.1 is 0.5 there and 0.98 here" in refusal(
        lambda tree: tree["stages"][0]["optimizer"]["betas"].__setitem__(1, 0.5)
    )
    assert ": stages is [] there" in refusal(lambda tree: tree["stages"].pop())
    assert ": dtype is None there and 'float32' here" in refusal(lambda tree: tree.pop("dtype"))
    assert ": unknown is 3 there and None here" in refusal(lambda tree: tree.update(unknown=3))
    assert ": evaluation.unknown is 3 there and None here" in refusal(lambda tree: tree["evaluation"].update(unknown=3))
    assert ": name is ['x', 'm', 'o', 'k', 'e'] there" in refusal(lambda tree: tree.update(name=list("xmoke")))
    assert ": stages is '" in refusal(lambda tree: tree.update(stages="a"))
    assert ": evaluation is 3 there and {" in refusal(lambda tree: tree.update(evaluation=3))
    assert ": seed is {'a': 1} there and 0 here" in refusal(lambda tree: tree.update(seed={"a": 1}))


def test_a_recipe_saved_under_old_names_is_the_same_and_warns_nobody(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    path = tmp_path / "run" / "recipe.yaml"
    tree = yaml.safe_load(path.read_text())
    tree["plan"]["signal_share"] = tree["plan"].pop("signal_fraction")
    path.write_text(yaml.safe_dump(tree))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(tmp_path / "run").close()


def test_machines_and_logging_may_change_between_sessions(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    opened(tmp_path / "run", cluster__rollout__workers=1, logging__rollouts_per_step=0, sandbox__workers=1,
           description="again", keep_checkpoints=9).close()  # fmt: skip
    assert {"logging", "cluster", "sandbox", "description", "keep_checkpoints", "checkpoints", "plan"} == FREE_TO_CHANGE


def test_a_folder_that_holds_a_run_is_refused_with_resume_never(tmp_path: Path) -> None:
    opened(tmp_path / "run").close()
    with pytest.raises(RunFolderError, match="already holds a run"):
        opened(tmp_path / "run", resume="never")
    opened(tmp_path / "other", resume="never").close()


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    for _ in range(2):
        with pytest.raises(RunFolderError, match="not empty and holds no run"):
            opened(tmp_path)
        (tmp_path / ".lock").write_text("")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "thesis.tex"]


@pytest.mark.parametrize("text", [b"", b"- a\n- b\n", b"key: [\n", b"name: someone elses\n", b"\xff\xfe"])
def test_a_foreign_recipe_file_is_refused_in_words(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "recipe.yaml").write_bytes(text)
    with pytest.raises(RunFolderError, match="--run-dir"):
        opened(tmp_path)
    assert contents(tmp_path) == {"recipe.yaml": text}


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


def test_an_empty_folder_is_accepted_also_with_the_lock_of_a_run_that_never_began(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "recipe.yaml").unlink()
    opened(tmp_path).close()
    assert load_recipe(str(tmp_path / "recipe.yaml")) == SMOKE


def test_a_file_is_replaced_whole_and_leaves_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "summary.json"
    write_text(path, "one")
    path.with_name(".summary.json.part").write_text("longer than what is written, of a killed process")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["summary.json"]


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Any] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(os.fstat(fd).st_size), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda old, new: (events.append((old, new)), replace(old, new)))
    path = tmp_path / "state.json"
    write_text(path, "twelve bytes")
    assert events == [12, (tmp_path / ".state.json.part", path)]

"""Bad input: one clear line with the value and the remedy, exit status 2, nothing started, nothing overwritten."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import yaml
from transformers import AutoConfig

from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.errors import DataError
from openqwq.training.pipeline.preflight import preflight

MATH = {"id": "a", "prompt": "2+2?", "task": "math", "reference": {"answer": "4"}}


def recipe_tree(folder: Path, base: str) -> dict[str, Any]:
    """A recipe with a cold start and one RL stage on two rows of its own."""
    rows = [MATH, {**MATH, "id": "b", "prompt": "3+3?", "reference": {"answer": "6"}}]
    chat = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "<think>\n4\n</think>\n\\boxed{4}"}]
    write(folder, "rows.jsonl", *rows)
    write(folder, "demonstrations.jsonl", {"id": "d", "messages": chat})
    return {
        "name": "small",
        "model": base,
        "rewards": {"tasks": {"math": {"verifiers": [{"name": "math"}]}}},
        "evaluation": {"suites": {"held_out": {"sources": [{"source": str(folder / "rows.jsonl")}]}}},
        "stages": [
            {"name": "cold_start", "kind": "sft", "steps": 1,
             "demonstrations": {"source": str(folder / "demonstrations.jsonl")}},
            {"name": "stage1", "kind": "rl", "steps": 1, "prompts": [{"source": str(folder / "rows.jsonl")}]},
        ],
    }  # fmt: skip


def write(folder: Path, name: str, *rows: Any) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def refused(tmp_path: Path, base: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a changed recipe; returns the one line it is refused with."""

    def run(change: Any = None, *arguments: str, run_dir: Path | None = None) -> str:
        tree = recipe_tree(tmp_path, base)
        if change is not None:
            change(tree)
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
        folder = run_dir or tmp_path / "run"
        existed, before = folder.exists(), set(psutil.Process().children(recursive=True))
        status = main(["run", str(tmp_path / "recipe.yaml"), *arguments, "--run-dir", str(folder)])
        printed = capsys.readouterr()
        assert status == 2
        assert printed.out == ""
        assert printed.err.startswith("openqwq: ") and printed.err.count("\n") == 1
        assert folder.exists() == existed
        assert set(psutil.Process().children(recursive=True)) <= before and not ray.is_initialized()
        return printed.err

    return run


def test_an_unknown_key_is_answered_with_the_nearest(refused: Any) -> None:
    assert "did you mean 'seed'?" in refused(lambda tree: tree.update(sede=1))
    assert "did you mean 'group_size'?" in refused(None, "stages.stage1.groupsize=4")


def test_a_missing_column_is_named_with_the_row_and_the_remedy(refused: Any, tmp_path: Path) -> None:
    def change(tree: dict[str, Any]) -> None:
        write(tmp_path, "rows.jsonl", {key: value for key, value in MATH.items() if key != "reference"})

    assert "rows.jsonl:1: column 'reference' is missing; the row has id, prompt, task" in refused(change)


def test_a_missing_column_of_a_demonstration_is_named(refused: Any, tmp_path: Path) -> None:
    def change(tree: dict[str, Any]) -> None:
        write(tmp_path, "demonstrations.jsonl", {"id": "d", "text": "hello"})

    line = refused(change)
    assert "demonstrations.jsonl:1" in line and "'messages'" in line and "the row has id, text" in line


def test_a_missing_column_of_a_preference_pair_is_named(refused: Any, tmp_path: Path) -> None:
    def change(tree: dict[str, Any]) -> None:
        write(tmp_path, "pairs.jsonl", {"prompt": "q", "chosen": "a"})
        source = {"source": str(tmp_path / "pairs.jsonl")}
        tree["stages"].append({"name": "rm", "kind": "reward_model", "steps": 1, "pairs": source, "held_out": source})

    assert "column 'rejected'" in refused(change)


@pytest.mark.parametrize("bad_row", [1, 40])
def test_a_demonstration_that_cannot_be_used_is_found_wherever_it_stands(
    refused: Any, tmp_path: Path, bad_row: int
) -> None:
    good = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]

    def change(tree: dict[str, Any]) -> None:
        rows = [{"id": str(n), "messages": good} for n in range(50)]
        rows[bad_row]["messages"] = good[:1]
        write(tmp_path, "demonstrations.jsonl", *rows)

    assert f"demonstrations.jsonl:{bad_row + 1}" in refused(change)


def test_a_reference_that_does_not_verify_against_itself_is_shown(refused: Any, tmp_path: Path) -> None:
    def change(tree: dict[str, Any]) -> None:
        write(tmp_path, "rows.jsonl", MATH, {**MATH, "id": "b", "reference": {"answer": "\\frac{1}{"}})
        tree["evaluation"]["suites"]["held_out"]["sources"][0]["check"] = "stop"
        tree["stages"][1]["prompts"][0]["check"] = "stop"

    line = refused(change)
    assert "row 'b'" in line and "\\frac{1}{" in line.replace("\\\\", "\\") and "check: drop" in line


def test_rows_with_such_references_are_dropped_and_named_unless_none_is_left(tmp_path: Path, base: str) -> None:
    tree = recipe_tree(tmp_path, base)
    write(tmp_path, "rows.jsonl", MATH, {**MATH, "id": "b", "prompt": "3+3?", "reference": {"answer": "\\frac{1}{"}})
    said: list[str] = []
    data = preflight(Recipe.model_validate(tree), said.append)
    assert [prompt.id for prompt in data.suites["held_out"]] == ["a"]
    assert all("1 of 2 rows dropped" in line and "row 'b'" in line for line in said) and said
    write(tmp_path, "rows.jsonl", {**MATH, "reference": {"answer": ""}})
    with pytest.raises(DataError, match="no row has a reference"):
        preflight(Recipe.model_validate(tree), said.append)


@pytest.mark.parametrize(
    ("model_type", "sizes", "named"),
    [
        ("falcon", {"num_attention_heads": 2}, "FalconForCausalLM.*packed sequences would see each other"),
        ("mamba", {}, "MambaForCausalLM.*linear_attention"),
        ("mistral", {"sliding_window": 8, "num_attention_heads": 2}, "hf engine.*a sliding window of 8"),
    ],
)
def test_a_model_that_would_be_trained_as_another_is_refused_before_anything_starts(
    refused: Any, tmp_path: Path, base: str, model_type: str, sizes: dict[str, Any], named: str
) -> None:
    def change(tree: dict[str, Any]) -> None:
        shutil.copytree(base, tmp_path / "model")
        config = AutoConfig.for_model(model_type, hidden_size=8, num_hidden_layers=2, vocab_size=640, **sizes)
        config.save_pretrained(tmp_path / "model")
        tree["model"] = str(tmp_path / "model")

    assert re.search(named, refused(change))


def test_pairs_that_prefer_nothing_are_dropped_and_counted_unless_none_is_left(
    refused: Any, tmp_path: Path, base: str
) -> None:
    pairs = [
        {"prompt": "q", "chosen": one, "rejected": two} for one, two in [("a", "a"), ("", "b"), ("a", "b"), ("a", " ")]
    ]
    source, other = ({"source": str(tmp_path / name)} for name in ("pairs.jsonl", "others.jsonl"))

    def change(tree: dict[str, Any]) -> None:
        tree["stages"].append({"name": "rm", "kind": "reward_model", "steps": 1, "pairs": source, "held_out": other})

    write(tmp_path, "others.jsonl", {"prompt": "other", "chosen": "a", "rejected": "b"})
    write(tmp_path, "pairs.jsonl", *pairs)
    tree, said = recipe_tree(tmp_path, base), list[str]()
    change(tree)
    data = preflight(Recipe.model_validate(tree), said.append)
    assert [row["rejected"] for row in data.rows["rm"]] == ["b"]
    assert "3 of 4 rows dropped: pairs.jsonl:1: both sides are the same text; pairs.jsonl:2: its chosen side" in said[0]
    write(tmp_path, "pairs.jsonl", *pairs[:2])
    assert "no row can be used; pairs.jsonl:1: both sides are the same text" in refused(change)


def test_a_reward_model_of_an_architecture_that_cannot_score_is_refused(
    refused: Any, tmp_path: Path, base: str
) -> None:
    def change(tree: dict[str, Any]) -> None:
        shutil.copytree(base, tmp_path / "model")
        AutoConfig.for_model("granite", hidden_size=32, num_hidden_layers=2).save_pretrained(tmp_path / "model")
        tree["model"] = str(tmp_path / "model")
        write(tmp_path, "pairs.jsonl", {"prompt": "q", "chosen": "a", "rejected": "b"})
        source = {"source": str(tmp_path / "pairs.jsonl")}
        tree["stages"].append({"name": "rm", "kind": "reward_model", "steps": 1, "pairs": source, "held_out": source})

    assert "stage rm: transformers has no model of the type 'granite' that scores texts" in refused(change)


@pytest.mark.parametrize("place", ["rewards", "gates", "suite"])
def test_a_verifier_that_does_not_exist_is_answered_with_the_nearest(refused: Any, place: str) -> None:
    def change(tree: dict[str, Any]) -> None:
        wrong = {"verifiers": [{"name": "mathe"}]}
        if place == "rewards":
            tree["rewards"]["tasks"]["math"] = wrong
        elif place == "gates":
            tree["rewards"]["gates"] = wrong["verifiers"]
        else:
            tree["evaluation"]["suites"]["held_out"]["rewards"] = {"math": wrong}

    line = refused(change)
    assert "no verifier is named 'mathe'" in line and "did you mean math" in line


def test_an_argument_that_a_verifier_does_not_take_is_named(refused: Any) -> None:
    def change(tree: dict[str, Any]) -> None:
        tree["rewards"]["tasks"]["math"]["verifiers"][0]["arguments"] = {"tolerence": 1}

    assert "'tolerence'" in refused(change)


def test_a_verifier_file_that_is_not_there_is_named_with_the_searched_folders(refused: Any, tmp_path: Path) -> None:
    line = refused(lambda tree: tree["rewards"]["tasks"]["math"].update(verifiers=[{"name": "nowhere/mine.py:grade"}]))
    assert "no such file for 'nowhere/mine.py:grade'" in line
    assert f"neither {Path.cwd()}/nowhere/mine.py nor {tmp_path}/nowhere/mine.py" in line


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("mathe", "no verifier is named 'mathe'; did you mean math"),
        ({"name": "math", "argument": {}}, "argument: Extra inputs are not permitted"),
        ({"name": "math", "arguments": {"answer_formt": "boxed"}}, "did you mean answer_format"),
        ({"name": "code", "arguments": {"url": "http://elsewhere"}}, "only a recipe may set the argument 'url'"),
        (7, "a verifier is a name or a mapping of name, weight, arguments, got 7"),
        ("/tmp/theirs.py:grade", "only if the recipe lists it"),
    ],
)
def test_a_verifier_that_a_row_may_not_have_is_named_with_the_row(
    refused: Any, tmp_path: Path, wish: Any, words: str
) -> None:
    line = refused(lambda tree: write(tmp_path, "rows.jsonl", MATH, {**MATH, "id": "b", "verifier": wish}))
    assert "row 'b', column 'verifier'" in line and words in line


def test_a_task_without_a_reward_is_named(refused: Any) -> None:
    assert "task 'math' has no entry in rewards.tasks" in refused(
        lambda tree: tree["rewards"].update(tasks={"code": {"verifiers": [{"name": "code"}]}})
    )


def test_too_few_cpus_for_the_placement_are_counted(refused: Any) -> None:
    line = refused(None, "cluster.rollout.workers=1000", "cluster.rollout.cpus=3")
    assert "in all 3000 CPUs" in line and "this machine has" in line and "Lower cluster.rollout.workers" in line


def test_an_unknown_algorithm_is_answered_with_the_known_ones(refused: Any) -> None:
    line = refused(None, "stages.stage1.algorithm.name=gpro", "cluster.rollout.workers=1")
    assert "no algorithm 'gpro'" in line and "grpo" in line


@pytest.mark.parametrize("name", ["stage0", "stage1"])
def test_a_reward_from_a_stage_that_has_not_run_by_then_is_refused(refused: Any, name: str) -> None:
    def change(tree: dict[str, Any]) -> None:
        use = {"name": "reward_model", "arguments": {"model": f"{{stage:{name}}}"}}
        tree["rewards"]["tasks"]["math"]["verifiers"].append(use)

    line = refused(change)
    assert f"{{stage:{name}}}" in line and "cold_start" in line


def test_a_stage_named_by_a_suites_own_reward_must_exist(refused: Any) -> None:
    def change(tree: dict[str, Any]) -> None:
        use = {"name": "reward_model", "arguments": {"model": "{stage:stage9}"}}
        tree["evaluation"]["suites"]["held_out"]["rewards"] = {"math": {"verifiers": [use]}}

    assert "{stage:stage9}" in refused(change)


def test_a_model_that_cannot_be_loaded_is_named(refused: Any) -> None:
    assert "'nowhere/model'" in refused(lambda tree: tree.update(model="nowhere/model"))


def test_an_environment_that_does_not_exist_is_named(refused: Any) -> None:
    assert "no environment 'abacus'; there are bfcl, booking, calculator" in refused(
        lambda tree: tree["rewards"]["tasks"]["math"].update(environment="abacus")
    )


def test_one_id_for_two_different_rows_of_a_stage_is_refused(refused: Any, tmp_path: Path) -> None:
    def change(tree: dict[str, Any]) -> None:
        write(tmp_path, "more.jsonl", {**MATH, "prompt": "5+5?", "reference": {"answer": "10"}})
        tree["stages"][1]["prompts"].append({"source": str(tmp_path / "more.jsonl")})

    line = refused(change)
    assert "'a'" in line and "more.jsonl" in line


def test_a_greedy_rl_stage_is_refused(refused: Any) -> None:
    assert "temperature" in refused(None, "stages.stage1.sampling={temperature: 0}")


def test_the_run_folder_of_another_recipe_is_refused_and_left_as_it_is(refused: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    other = {**recipe_tree(tmp_path, "elsewhere"), "name": "small"}
    (run / "recipe.yaml").write_text(yaml.safe_dump(other))
    (run / "summary.json").write_text("{}")
    line = refused(None, run_dir=run)
    assert "holds a run of another recipe" in line and "--run-dir" in line
    assert sorted(p.name for p in run.iterdir()) == ["recipe.yaml", "summary.json"]
    assert (run / "summary.json").read_text() == "{}"


def test_resume_never_refuses_a_folder_that_holds_a_run(refused: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe_tree(tmp_path, "x")))
    (run / ".lock").touch()  # which every run leaves
    assert "already holds a run" in refused(None, "--resume", "never", run_dir=run)


def test_a_folder_with_foreign_files_is_refused(refused: Any, tmp_path: Path) -> None:
    foreign = tmp_path / "papers"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("precious")
    assert "not empty and holds no run" in refused(None, run_dir=foreign)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]


def test_a_suite_that_a_recipe_does_not_have_is_answered_with_those_it_has(
    capsys: pytest.CaptureFixture[str], base: str
) -> None:
    assert main(["eval", base, "--suite", "maths", "--recipe", "smoke"]) == 2
    assert "no suite 'maths'" in capsys.readouterr().err


def test_overrides_may_stand_behind_options(refused: Any) -> None:
    line = refused(None, "--resume", "auto", "stages.stage1.groupsize=4")
    assert "did you mean 'group_size'?" in line

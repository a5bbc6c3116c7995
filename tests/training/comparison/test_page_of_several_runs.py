"""Several runs as one page: which runs are one arm, what is drawn, what the recipes differ in."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.cli import main
from openqwq.training.comparison.page import differing, over_seeds
from openqwq.training.comparison.several import arms_of
from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.record import read_run
from tests.training.example_run import write_example_run


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example_run(tmp_path_factory.mktemp("example") / "run")


def variant(example: Path, target: Path, name: str, seed: int, **changes: object) -> Path:
    """A copy of the run with another name, seed and Stage 1."""
    shutil.copytree(example, target)
    recipe = yaml.safe_load((target / "recipe.yaml").read_text())
    recipe |= {"name": name, "seed": seed}
    next(stage for stage in recipe["stages"] if stage["name"] == "stage1").update(changes)
    (target / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    summary = json.loads((target / "summary.json").read_text())
    (target / "summary.json").write_text(json.dumps({**summary, "seed": seed, "recipe": name}))
    return target


@pytest.fixture
def runs(example: Path, tmp_path: Path) -> list[Path]:
    return [
        variant(example, tmp_path / "a0", "quick-base", 0),
        variant(example, tmp_path / "b0", "quick-wide", 0, group_size=16),
        variant(example, tmp_path / "a1", "quick-base", 1),
    ]


def test_runs_that_differ_in_the_seed_alone_are_one_arm(runs: list[Path]) -> None:
    arms = arms_of([read_run(path) for path in runs])
    assert [(arm.name, [run.path.name for run in arm.runs]) for arm in arms] == [
        ("base", ["a0", "a1"]),
        ("wide", ["b0"]),
    ]


def test_two_runs_of_one_recipe_and_seed_are_refused(example: Path, runs: list[Path], tmp_path: Path) -> None:
    twin = variant(example, tmp_path / "twin", "other", 0)
    with pytest.raises(RunFolderError, match="same recipe and seed"):
        arms_of([read_run(path) for path in (runs[0], twin)])


def test_the_page_says_who_is_better_and_what_the_recipes_differ_in(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", *map(str, runs), "--out", str(page)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    words = page.read_text()
    assert "Against base" in words and "cannot tell" in words
    assert "stages.stage1.group_size" in words and "stages.stage1.name" not in words
    assert 'class="band c0"' in words


def test_a_run_named_twice_counts_once(runs: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(runs[0]), str(runs[0]), str(runs[1]), "--out", str(page)]) == 0


def test_a_folder_that_is_no_run_is_named(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs[0]), str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err


def test_only_what_differs_is_listed_by_the_shortest_key() -> None:
    one = {"a": {"b": 1, "c": [1, 2]}, "stages": [{"name": "x", "kind": "rl", "steps": 3}]}
    two = {"a": {"b": 1, "c": [1]}, "stages": [{"name": "x", "kind": "rl", "steps": 4}, {"name": "y", "kind": "sft"}]}
    assert list(differing([one, two])) == [
        ("a.c", [[1, 2], [1]]),
        ("stages.x.steps", [3, 4]),
        ("stages.y", [None, "there"]),
    ]
    three = {"a": {"b": 1, "c": [1]}, "stages": [{"name": "y", "kind": "sft", "steps": 5}]}
    assert list(differing([two, three])) == [("stages.x", ["there", None]), ("stages.y.steps", [None, 5])]
    assert [key for key, _ in differing([one, two, three])] == [
        "a.c",
        "stages.x",
        "stages.x.steps",
        "stages.y",
        "stages.y.steps",
    ]
    assert not list(differing([one, one, one]))


@given(st.lists(st.lists(st.tuples(st.integers(1, 9), st.floats(-9, 9)), min_size=1), min_size=1, max_size=4))
def test_the_mean_lies_in_the_band(seeds: list[list[tuple[int, float]]]) -> None:
    mean, (low, high) = over_seeds([sorted(dict(one).items()) for one in seeds])
    shared = set.intersection(*({step for step, _ in one} for one in seeds))
    assert [step for step, _ in mean] == sorted(shared)
    assert all(a - 1e-9 <= m <= b + 1e-9 for (_, a), (_, m), (_, b) in zip(low, mean, high, strict=True))


@pytest.mark.parametrize("name", ["accuracy", "curve", "differences"])
def test_a_figure_is_a_file_that_other_programs_than_browsers_read(
    name: str, runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "figure.svg"
    assert main(["figure", name, *map(str, runs), "--out", str(target), "--title", "a < b"]) == 0
    drawn = ElementTree.fromstring(target.read_text())
    words = " ".join(drawn.itertext())
    assert drawn.tag.endswith("svg") and "var(" not in words
    assert "a < b" in words or name == "accuracy"


def test_a_figure_of_what_no_run_has_is_a_clear_error(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["curve", str(runs[0]), "--metric", "reward/poetry", "--out", "x.svg"]
    assert main(["figure", *wanted]) == 2
    assert "nothing that figure curve shows (metric reward/poetry)" in capsys.readouterr().err
    assert main(["figure", "differences", str(runs[0]), "--out", "x.svg"]) == 2
    assert "name two or more" in capsys.readouterr().err

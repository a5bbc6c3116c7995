"""Mutants are single mistakes in code that still parses, and the reviewed list names mutants that exist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutation
from benchmarks.covering_tests import functions_of
from benchmarks.mutants import mutants_of
from benchmarks.mutation import ROOT, equivalent_reasons

SOURCE = '''\
from __future__ import annotations

LIMIT: int | None = 8


class Window:
    def mean(self, values: list[float], low: float = 0.5) -> float:
        """At most 8 values above 0.5."""
        if not values:
            raise ValueError("no values" + "!")
        assert len(values) < 9
        kept = [v for v in values[1:] if v > low and -v != 1]
        self.count += len(self.chosen(kept, low))
        return sum(kept, start=0) / max(len(kept), LIMIT)
'''


def _changed_lines() -> set[str]:
    return {mutant.after for mutant in mutants_of("window.py", SOURCE)}


@pytest.mark.parametrize(
    "mistake",
    [
        "LIMIT: int | None = 9",
        "def mean(self, values: list[float], low: float = 1.0) -> float:",
        "if True:",
        "if values:",
        "pass",
        "kept = [v for v in values[2:] if v > low and -v != 1]",
        "kept = [v for v in values[:] if v > low and -v != 1]",
        "kept = [v for v in values[1:]]",
        "kept = [v for v in values[1:] if (v >= low) and -v != 1]",
        "kept = [v for v in values[1:] if (v > low or -v != 1)]",
        "kept = [v for v in values[1:] if (v > low)]",
        "kept = [v for v in values[1:] if v > low and v != 1]",
        "self.count -= len(self.chosen(kept, low))",
        "self.count += len(self.chosen(low, kept))",
        "return sum(kept) / max(len(kept), LIMIT)",
        "return (sum(kept, start=0) * max(len(kept), LIMIT))",
        "return sum(kept, start=0) / min(len(kept), LIMIT)",
        "return sum(kept, start=0)",
    ],
)
def test_every_kind_of_mistake_is_planted(mistake: str) -> None:
    assert mistake in _changed_lines()


def test_annotations_texts_messages_and_assertions_are_left_alone() -> None:
    untouched = {3, 4, 5, 8, 11} | {1, 2}
    touched = {m.line for m in mutants_of("window.py", SOURCE) if m.after != "LIMIT: int | None = 9"}
    assert not untouched & touched
    assert {m.kind for m in mutants_of("window.py", SOURCE) if m.line == 10} == {"statement dropped"}


def test_a_mutant_knows_its_line_and_function_and_changes_that_line_only() -> None:
    for mutant in mutants_of("window.py", SOURCE):
        before, after = SOURCE.splitlines(), mutant.apply(SOURCE).splitlines()
        changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b]
        assert changed == [mutant.line]
        assert mutant.function == ("" if mutant.line == 3 else "Window" if mutant.line == 7 else "Window.mean")


def test_lines_belong_to_the_innermost_function() -> None:
    functions = functions_of(SOURCE)
    assert functions[12] == "Window.mean" and functions[7] == "Window" and 3 not in functions


WITH_A_PROCESS = """
import subprocess, sys, pytest

@pytest.fixture(scope="module")
def process():
    subprocess.run([sys.executable, "-c", ""], check=True)

@pytest.fixture(scope="module")
def above(process): ...

def test_first(above): ...
def test_second(process): ...
def test_alone(): ...
def test_itself(): subprocess.run([sys.executable, "-c", ""], check=True)
"""


def test_a_process_of_a_shared_fixture_belongs_to_every_test_that_uses_it(tmp_path: Path) -> None:
    (tmp_path / "test_them.py").write_text(WITH_A_PROCESS)
    trace = "from pathlib import Path; from benchmarks.covering_tests import trace; trace(Path('maps'), 'test_them.py')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", trace], cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    found = json.loads((tmp_path / "maps" / "test_them.py.json").read_text())
    assert {test.partition("::")[2] for test in found["starts_processes"]} == {
        "test_first", "test_second", "test_itself",
    }  # fmt: skip
    assert len(found["seconds"]) == 4


def test_the_list_of_equivalent_mutants_names_mutants_that_exist_and_says_why() -> None:
    listed = equivalent_reasons()
    existing = {
        (m.path, m.before, m.after)
        for path in {path for path, _, _ in listed}
        for m in mutants_of(path, (Path(ROOT) / path).read_text())
    }
    assert not [name for name in listed if name not in existing]
    assert all(len(reason.split()) >= 4 for reason in listed.values())


def test_mutants_are_not_counted_by_maps_that_are_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation.covering_tests, "load", lambda root, folder, test: None)
    monkeypatch.setattr(mutation, "run_forked", lambda *_: [])
    monkeypatch.setattr(mutation, "preload", lambda modules: None)
    with pytest.raises(SystemExit, match="files changed while their tests were traced"):
        mutation._maps({"training/seeds.py": ["tests/training/test_seeds.py"]}, [])

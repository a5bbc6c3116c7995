"""The tree shows the architecture: rooms, their layers, their tests and their page say the same."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = sorted(path.parent.name for path in (ROOT / "training").glob("*/__init__.py"))
MAX_LOOSE_FILES, MAX_LINES = 10, 350
ONE_NOUN = {"verifiers/math_answer/grammar.py"}
"""Longer, because one noun fills it."""


def layers() -> list[str]:
    """Names in the layers contract, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [lines] = [contract["layers"] for contract in contracts if contract.get("containers") == ["openqwq.training"]]
    return [name.strip() for line in lines for name in line.split("|")]


def test_every_room_and_file_of_training_has_its_layer_and_its_line_on_the_page() -> None:
    loose = [path.stem for path in (ROOT / "training").glob("*.py") if path.stem != "__init__"]
    assert sorted(layers()) == sorted([*ROOMS, *loose])
    assert len(loose) < MAX_LOOSE_FILES  # __init__ is the tenth
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert [room for room in ROOMS if f"| `{room}/` |" not in page and f"`training/{room}/`" not in page] == []
    assert [name for name in loose if f"`{name}.py`" not in page and f"training/{name}.py" not in page] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_for_and_what_it_is_independent_of_and_has_tests(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / "training" / room / "__init__.py").read_text())) or ""
    assert 40 < len(docstring) < 250 and "ndependent of" in docstring
    assert list((ROOT / "tests" / "training" / room).glob("test_*.py"))


def test_no_file_swallows_everything() -> None:
    sizes = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for folder in ("training", "verifiers", "sandbox", "tests", "benchmarks", "scripts")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: size for name, size in sizes.items() if size > MAX_LINES and name not in ONE_NOUN} == {}

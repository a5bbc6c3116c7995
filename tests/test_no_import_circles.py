"""No module of a folder imports itself through others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).absolute().parents[1]
FOLDERS = ("sandbox", "verifiers", "training")


def imported(path: Path, modules: set[str]) -> Iterator[str]:
    """Which of `modules` a file imports, in functions too. Not what an `__init__` names for type checkers alone."""
    tree = ast.parse(path.read_text())
    for_checkers = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    skipped = {id(node) for block in for_checkers for node in ast.walk(block) if path.name == "__init__.py"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in skipped:
            yield from {alias.name for alias in node.names} & modules
        elif isinstance(node, ast.ImportFrom) and id(node) not in skipped:
            assert node.level == 0, f"{path} has a relative import, which is not followed here"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from {name if name in modules else str(node.module) for name in names} & modules


def import_graph(folder: str) -> dict[str, set[str]]:
    """The modules of a folder, each with those that it imports."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = [".".join(("openqwq", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths]
    modules = [name.removesuffix(".__init__") for name in names]
    return {name: set(imported(path, set(modules))) for path, name in zip(paths, modules, strict=True)}


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """All that a module imports, directly or through others."""
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def import_circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The strongly connected components with an edge inside: modules that reach each other."""
    below = {name: reachable(graph, name) for name in graph}
    return {frozenset(other for other in below[name] if name in below[other]) for name in graph if name in below[name]}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_imports_itself_through_others(folder: str) -> None:
    assert import_circles(import_graph(folder)) == set()


def test_a_circle_through_a_function_is_found(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("def f():\n    from p import two\n")
    two.write_text("from p.one import f\n")
    modules = {"p", "p.one", "p.two"}
    graph = {"p": set(), "p.one": set(imported(one, modules)), "p.two": set(imported(two, modules))}
    assert import_circles(graph) == {frozenset({"p.one", "p.two"})}

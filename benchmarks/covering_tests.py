"""Which tests enter which function, and how long they take: one traced run of a folder of tests, kept until it changes.

Lines are traced with coverage.py and folded to functions, so that a map stays right when lines move. What a test starts
as another process is not traced; such a test is marked, and is run for every function of its area.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import coverage
import pytest

from benchmarks.mutant_runs import QUIET

# `verifiers` and `sandbox` keep their tests in one folder each, so the tests of a part are told by their names.
_AREAS = {
    "verifiers/math_answer": ["tests/verifiers/test_math_*.py", "tests/verifiers/test_answer_text.py"],
    "verifiers/answers.py": ["tests/verifiers/test_answer_text.py", "tests/verifiers/test_math_*.py"],
    "verifiers": ["tests/verifiers/test_*.py"],
    "sandbox": ["tests/sandbox/test_*.py"],
}


def area_of(root: Path, path: str) -> list[str]:
    """The test files that mirror a file of the project. Example: `area_of(root, "training/rl/buffer.py")`."""
    for prefix, patterns in _AREAS.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return sorted(str(p.relative_to(root)) for pattern in patterns for p in root.glob(pattern))
    room = Path(path).parent if path.endswith(".py") else Path(path)
    return sorted(str(p.relative_to(root)) for p in (root / "tests" / room).glob("test_*.py"))


@dataclass
class TestMap:
    """What one test file was seen to do."""

    __test__ = False
    seconds: dict[str, float] = field(default_factory=dict)
    """Of every test that passed, set-up and tear-down included."""
    entered: dict[str, list[str]] = field(default_factory=dict)
    """`path::function` to the tests that ran a line of it."""
    on_import: list[str] = field(default_factory=list)
    """Those of which a line runs when the file is imported: constants, defaults, bodies of classes."""
    starts_processes: list[str] = field(default_factory=list)
    """Those that start a process, or share one that a fixture of their module started."""
    third_party: list[str] = field(default_factory=list)
    """Modules from outside the project that were imported, which the next process may import before it forks."""
    read: dict[str, str] = field(default_factory=dict)
    """The test file, what tests share, and every file it entered, with a hash of each."""


def load(root: Path, folder: Path, test_file: str) -> TestMap | None:
    """The kept map of a test file; None if there is none, or if a file that it depends on has changed."""
    path = _path(folder, test_file)
    if not path.exists():
        return None
    kept = TestMap(**json.loads(path.read_text()))
    return kept if kept.read == _hashes(root, kept.read.keys() | _shared(root)) else None


def trace(folder: Path, test_file: str) -> None:
    """Run one test file in this process, from the root of a checkout, and write its map."""
    plugin = _Tracer()
    pytest.main([*QUIET, test_file], plugins=[plugin])
    found = plugin.map()
    root = Path.cwd()
    found.read = _hashes(root, {test_file, *_shared(root), *(name.partition("::")[0] for name in found.entered)})
    folder.mkdir(parents=True, exist_ok=True)
    _path(folder, test_file).write_text(json.dumps(asdict(found)))


def _path(folder: Path, test_file: str) -> Path:
    return folder / f"{test_file.replace('/', '.')}.json"


def _shared(root: Path) -> set[str]:
    """What all tests share, and this file: another tracer makes other maps."""
    shared = {str(p.relative_to(root)) for p in (root / "tests").rglob("*.py") if not p.name.startswith("test_")}
    return {*shared, "benchmarks/covering_tests.py"}


def _hashes(root: Path, paths: Iterable[str]) -> dict[str, str]:
    files = {path: root / path for path in sorted(paths)}
    return {path: hashlib.sha256(f.read_bytes()).hexdigest()[:16] if f.exists() else "" for path, f in files.items()}


class _Tracer:
    """A pytest plug-in. Example: `pytest.main([...], plugins=[tracer]); tracer.map()`."""

    def __init__(self) -> None:
        self._root = Path.cwd()
        include = [f"{self._root}/{room}/*" for room in ("openqwq", "training", "verifiers", "sandbox")]
        self._coverage = coverage.Coverage(data_file=None, include=include, config_file=False, messages=False)
        self._coverage.start()
        self._map = TestMap()
        self._current = ""
        self._started = 0.0
        self._failed: set[str] = set()
        self._fixture = ""  # that is being set up
        self._of_fixtures: set[str] = set()  # fixtures that started a process, which every test with them may use
        self._users: dict[str, set[str]] = {}
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: Any) -> None:
        if event in {"subprocess.Popen", "os.fork", "os.posix_spawn"}:
            self._mark(self._current)
            if self._fixture:
                self._of_fixtures.add(self._fixture)

    def _mark(self, test: str) -> None:
        if test not in self._map.starts_processes:
            self._map.starts_processes.append(test)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        outer, self._fixture = self._fixture, fixturedef.argname
        try:
            return (yield)
        finally:
            self._fixture = outer

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._users = {item.nodeid: set(getattr(item, "fixturenames", ())) for item in session.items}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._current, self._started = nodeid, time.perf_counter()
        self._coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed":
            self._failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid not in self._failed:
            self._map.seconds[nodeid] = round(time.perf_counter() - self._started, 4)
        self._coverage.switch_context("")

    def map(self) -> TestMap:
        self._coverage.stop()
        for test, fixtures in self._users.items():
            if fixtures & self._of_fixtures:
                self._mark(test)
        data = self._coverage.get_data()
        entered: dict[str, set[str]] = defaultdict(set)
        for file in data.measured_files():
            path = os.path.relpath(os.path.realpath(file), self._root)
            functions = functions_of(Path(file).read_text())
            for line, contexts in data.contexts_by_lineno(file).items():
                name = f"{path}::{functions.get(line, '')}"
                entered[name].update(contexts)
        self._map.on_import = sorted(name for name, contexts in entered.items() if "" in contexts)
        self._map.entered = {name: sorted(c & self._map.seconds.keys()) for name, c in sorted(entered.items())}
        project = {"openqwq", "tests", "benchmarks", "__main__"}
        self._map.third_party = sorted(name for name in sys.modules if name.partition(".")[0] not in project)
        return self._map


def functions_of(source: str) -> dict[int, str]:
    """Line to the dotted name of the innermost function or class whose body it belongs to."""
    lines: dict[int, str] = {}

    def walk(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inner = f"{name}.{child.name}".lstrip(".")
                for line in range(child.body[0].lineno, (child.end_lineno or child.lineno) + 1):
                    lines[line] = inner
                walk(child, inner)
            else:
                walk(child, name)

    walk(ast.parse(source), "")
    return lines

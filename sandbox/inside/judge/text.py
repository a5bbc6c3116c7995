"""A test text as code, and what can be read from it: its names, its checks, its test functions.

The code differs from the text in three things: an assert that depends on anything is counted when it is reached, a test
function reports that it was entered, and `type(x)` of a program's object is the program's class.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

CHECKED, ENTERED, TYPE_OF = "__checked__", "__entered__", "__type_of__"
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_CHECKS = re.compile(r"assert|raises$|fail$|warns$|Raises|exit$|^check$")
_FILES = {"open", "tempfile", "tmp_path", "tmpdir", "tmp_path_factory", "mkdtemp", "NamedTemporaryFile", "write_text"}
_CALLED_BY_RUNNERS = re.compile(r"test|check$|__\w+__$|setUp|tearDown|setup|teardown|runTest")


class Text(NamedTuple):
    """One text. `bound` names are defined in it, `free` ones are neither that nor built in. `alone` are names of checks
    that name nothing else, `mixed` of checks that do. `attributes` are read of a name: it may be a module."""

    code: CodeType
    bound: frozenset[str]
    free: frozenset[str]
    alone: frozenset[str]
    mixed: frozenset[str]
    attributes: dict[str, frozenset[str]]
    called: frozenset[str]
    has_checks: bool
    has_uncounted_checks: bool
    """Checks other than an assert: an exception that is raised or wanted, methods of unittest."""
    calls_check: bool
    uses_files: bool


def read(source: str, name: str) -> Text:
    """Raises SyntaxError, ValueError, RecursionError and MemoryError for what is not Python."""
    tree = ast.parse(source, name)
    nodes = [*ast.walk(tree)]
    bound = {*_bound(nodes)}
    loaded = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    live = [*_live(tree, {*loaded, *(node.attr for node in nodes if isinstance(node, ast.Attribute))})]
    asserts = [node for node in live if isinstance(node, ast.Assert) and _depends(node.test)]
    uncounted = any(_is_uncounted(node) for node in live)
    called = frozenset(_name_called(node) for node in nodes)
    free = frozenset(loaded) - bound - {*vars(builtins)}
    groups = [*_named_together(nodes)]
    alone = frozenset(name for group in groups if len(group) == 1 for name in group)
    mixed = frozenset(name for group in groups if len(group) > 1 for name in group)
    facts = (free, alone, mixed, _attributes(nodes), called)
    uses_files = not _FILES.isdisjoint({*loaded, *called, *bound})
    code = compile(ast.fix_missing_locations(_Marked().visit(tree)), name, "exec", dont_inherit=True)
    return Text(code, frozenset(bound), *facts, bool(asserts) or uncounted, uncounted, _calls_check(tree), uses_files)


def _bound(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, (*_Function, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name


def _live(node: ast.AST, used: set[str]) -> Iterator[ast.AST]:
    """The nodes that can be reached: not those of a function that nothing calls."""
    yield node
    for child in ast.iter_child_nodes(node):
        is_dead = isinstance(child, _Function) and not (
            child.name in used or child.decorator_list or _CALLED_BY_RUNNERS.match(child.name)
        )
        if not is_dead:
            yield from _live(child, used)


def _is_uncounted(node: ast.AST) -> bool:
    is_guard = isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and not node.test.value
    return is_guard or isinstance(node, ast.Raise) or _CHECKS.search(_name_called(node)) is not None


def _depends(test: ast.expr) -> bool:
    """Whether an assert can be a check: `assert True` is none, `assert False` is one where it is reached."""
    if isinstance(test, ast.Constant):
        return not test.value
    return any(isinstance(node, ast.Name | ast.Attribute | ast.Call) for node in ast.walk(test))


def _name_called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
    return ""


def _named_together(nodes: list[ast.AST]) -> Iterator[set[str]]:
    """The names of each check: of an assert, or of a call such as `self.assertEqual(...)`."""
    imported = {name.split(".")[0] for node in nodes if isinstance(node, ast.alias) for name in _names_of(node)}
    for node in nodes:
        if isinstance(node, ast.Assert) or _name_called(node).startswith("assert"):
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            yield names - {*vars(builtins), "self"} - imported


def _names_of(node: ast.alias) -> tuple[str, str]:
    return node.asname or node.name, node.name


def _attributes(nodes: list[ast.AST]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, set()).add(node.attr)
    return {name: frozenset(attributes) for name, attributes in found.items()}


def _calls_check(tree: ast.Module) -> bool:
    """Whether the text calls `check` itself, outside of its definition."""
    outside = [node for node in tree.body if not (isinstance(node, _Function) and node.name == "check")]
    return any(_name_called(part) == "check" for node in outside for part in ast.walk(node))


def _call(name: str, argument: ast.expr, place: ast.AST) -> ast.Call:
    call = ast.Call(ast.Name(name, ast.Load()), [argument], [])
    return ast.copy_location(call, place)


class _Marked(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        if _depends(node.test):
            node.test = _call(CHECKED, node.test, node.test)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._marked(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._marked(node)

    def _marked(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        if node.name.startswith("test"):
            first = 1 if ast.get_docstring(node, clean=False) is not None else 0
            mark = ast.Expr(_call(ENTERED, ast.Constant(f"{node.name}:{node.lineno}"), node))
            node.body.insert(first, ast.copy_location(mark, node))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "type" and len(node.args) == 1 and not node.keywords:
            node.func = ast.copy_location(ast.Name(TYPE_OF, ast.Load()), node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "__class__" and isinstance(node.ctx, ast.Load):
            return _call(TYPE_OF, node.value, node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level:  # of the package of a test file, in which the program lies too
            node.level, node.module = 0, node.module or "solution"
        return node

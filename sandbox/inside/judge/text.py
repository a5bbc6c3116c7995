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
from typing import Any, NamedTuple

CHECKED, ENTERED, TYPE_OF = "__checked__", "__entered__", "__type_of__"
_BUILTINS = frozenset(vars(builtins)) | {CHECKED, ENTERED, TYPE_OF}
_CHECKS = re.compile(r"assert|raises$|fail$|warns$|Raises|exit$|^check$")
_OF_HOST = {
    "open", "tempfile", "tmp_path", "tmpdir", "tmp_path_factory", "mkdtemp", "NamedTemporaryFile", "write_text",
    "environ", "getenv", "putenv", "chdir", "argv", "assertLogs", "assertNoLogs", "assertWarns", "caplog", "recwarn",
    "signature", "getsource", "getmembers", "get_type_hints", "asdict", "astuple", "is_dataclass",
    "iscoroutinefunction", "isgeneratorfunction", "tracemalloc", "getrefcount",
}  # fmt: skip
_HOST_MODULES = frozenset({"os", "sys", "inspect", "dataclasses", "tempfile", "typing", "pathlib", "self", "logging"})
_CALLED_BY_RUNNERS = re.compile(r"test|check$|__\w+__$|setUp|tearDown|setup|teardown|runTest")
_LEAVES = (ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass)


class Text(NamedTuple):
    """One text. `bound` names are defined in it, `free` ones are neither that nor built in. `alone` are names of checks
    that name nothing else, `mixed` of checks that do. `attributes` are read of a name: it may be a module."""

    code: CodeType
    bound: frozenset[str]
    free: frozenset[str]
    alone: frozenset[str]
    mixed: frozenset[str]
    checked: frozenset[str]
    """Names in checks."""
    attributes: dict[str, set[str]]
    called: frozenset[str]
    has_checks: bool
    has_uncounted_checks: bool
    """Checks other than an assert: an exception that is raised or wanted, methods of unittest."""
    calls_check: bool
    is_of_host: bool
    """It uses what a program and its test share in one process and not here: files, the environment, logs, the inside
    of functions and classes."""
    wants_exit: bool


def read(source: str, name: str) -> Text:
    """Raises SyntaxError, ValueError, RecursionError and MemoryError for what is not Python."""
    tree = ast.parse(source, name)
    facts = _Facts()
    facts.visit(tree)
    groups = [facts.meant(group) - facts.imported for group in facts.groups]
    live = {kind for kind, functions in facts.checks if all(map(facts.is_called, functions))}
    return Text(
        compile(tree, name, "exec", dont_inherit=True),
        frozenset(facts.bound),
        frozenset(facts.loaded) - facts.bound - _BUILTINS,
        frozenset(name for group in groups if len(group) == 1 for name in group),
        frozenset(name for group in groups if len(group) > 1 for name in group),
        frozenset(name for group in facts.groups for name in group),
        facts.attributes,
        frozenset(facts.called),
        bool(live),
        "other" in live,
        facts.calls_check,
        not _OF_HOST.isdisjoint(facts.of_host()),
        "SystemExit" in facts.loaded,
    )


class _Facts:
    """What one walk finds; it changes the tree as it goes. Literals may be long, so nothing is walked twice."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.loaded: set[str] = set()
        self.called: set[str] = set()
        self.imported = {"self"}
        self.attributes: dict[str, set[str]] = {}
        self.read: set[str] = set()
        self.host_read: set[str] = set()
        self.arguments: set[str] = set()
        self.stored: set[str] = set()
        self.groups: list[set[str]] = []
        self.assigned: dict[str, set[str]] = {}
        self.checks: list[tuple[str, tuple[str, ...]]] = []
        self.calls_check = False

    def of_host(self) -> set[str]:
        """Names by which the text may reach what is not shared: not its variables, nor methods of the program."""
        return (self.loaded - self.stored) | self.arguments | self.host_read

    def is_called(self, function: str) -> bool:
        """Whether anything runs a function: the text by its name, or a runner of tests, for which the name is left
        out."""
        return not function or function in self.loaded or function in self.read

    def meant(self, names: set[str]) -> set[str]:
        """The names in a check, where a variable stands for the names that it was made from."""
        found: set[str] = set()
        waiting, seen = {*names}, set[str]()
        while waiting:
            name = waiting.pop()
            if name in self.assigned and name not in seen:
                waiting |= self.assigned[name]
            else:
                found.add(name)
            seen.add(name)
        return found

    def visit(self, tree: ast.AST) -> None:
        waiting: list[tuple[Any, tuple[str, ...]]] = [(tree, ())]
        while waiting:
            node, functions = waiting.pop()
            look = _LOOKS.get(type(node))
            if look is not None:
                functions = look(self, node, functions) or functions
            waiting += [(child, functions) for child in _children(node)]

    def _name(self, node: ast.Name, functions: tuple[str, ...]) -> None:
        (self.loaded if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)
        if not isinstance(node.ctx, ast.Load):
            self.stored.add(node.id)

    def _function(self, node: Any, functions: tuple[str, ...]) -> tuple[str, ...]:
        self.bound.add(node.name)
        if node.name.startswith("test"):
            first = node.body[0]
            is_documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            mark = ast.Expr(_call(ENTERED, ast.copy_location(ast.Constant(f"{node.name}:{node.lineno}"), node), node))
            node.body.insert(int(is_documented), ast.copy_location(mark, node))
        is_run = node.decorator_list or _CALLED_BY_RUNNERS.match(node.name)
        return functions if is_run and functions else (*functions, "" if is_run else node.name)

    def _class(self, node: ast.ClassDef, functions: tuple[str, ...]) -> None:
        self.bound.add(node.name)

    def _argument(self, node: ast.arg, functions: tuple[str, ...]) -> None:
        self.bound.add(node.arg)
        self.arguments.add(node.arg)  # a fixture, such as tmp_path

    def _alias(self, node: ast.alias, functions: tuple[str, ...]) -> None:
        self.bound.add((node.asname or node.name).split(".")[0])
        self.imported.update(name.split(".")[0] for name in (node.asname or node.name, node.name))

    def _import(self, node: ast.ImportFrom, functions: tuple[str, ...]) -> None:
        if node.level:  # of the package of a test file, in which the program lies too
            node.level, node.module = 0, node.module or "solution"

    def _pattern(self, node: Any, functions: tuple[str, ...]) -> None:
        if node.name:
            self.bound.add(node.name)

    def _attribute(self, node: ast.Attribute, functions: tuple[str, ...]) -> None:
        self.read.add(node.attr)
        if node.attr == "write_text" or (isinstance(node.value, ast.Name) and node.value.id in _HOST_MODULES):
            self.host_read.add(node.attr)
        if isinstance(node.value, ast.Name):
            self.attributes.setdefault(node.value.id, set()).add(node.attr)

    def _assign(self, node: ast.Assign, functions: tuple[str, ...]) -> None:
        names = _inside(node.value)[0] - _BUILTINS
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.assigned.setdefault(target.id, set()).update(names)

    def _raise(self, node: ast.Raise, functions: tuple[str, ...]) -> None:
        self.checks.append(("other", functions))

    def _assert(self, node: ast.Assert, functions: tuple[str, ...]) -> None:
        names, depends = _inside(node.test)
        self.groups.append((names | _inside(node.msg)[0] if node.msg else names) - _BUILTINS)
        if depends:
            self.checks.append(("assert", functions))
            node.test = _call(CHECKED, node.test, node.test)
        elif isinstance(node.test, ast.Constant) and not node.test.value:  # a check where it is reached
            self.checks.append(("other", functions))

    def _called(self, node: ast.Call, functions: tuple[str, ...]) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        self.called.add(name)
        if name.startswith("assert"):
            self.groups.append(_inside(node)[0] - _BUILTINS)
        if _CHECKS.search(name):
            self.checks.append(("other", functions))
        if name == "check" and functions[:1] != ("",):
            self.calls_check = True
        if isinstance(node.func, ast.Name) and name == "type" and len(node.args) == 1 and not node.keywords:
            node.func = ast.copy_location(ast.Name(TYPE_OF, ast.Load()), node.func)


_LOOKS: dict[type, Any] = {
    ast.Name: _Facts._name,
    ast.FunctionDef: _Facts._function,
    ast.AsyncFunctionDef: _Facts._function,
    ast.ClassDef: _Facts._class,
    ast.arg: _Facts._argument,
    ast.alias: _Facts._alias,
    ast.ImportFrom: _Facts._import,
    ast.ExceptHandler: _Facts._pattern,
    ast.MatchAs: _Facts._pattern,
    ast.MatchStar: _Facts._pattern,
    ast.Assign: _Facts._assign,
    ast.Attribute: _Facts._attribute,
    ast.Raise: _Facts._raise,
    ast.Assert: _Facts._assert,
    ast.Call: _Facts._called,
}


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that are no leaves. `x.__class__` among them becomes a call."""
    for field in node._fields:
        value = getattr(node, field, None)
        if type(value) is list:
            for index, item in enumerate(value):
                if type(item) not in _LEAVES and isinstance(item, ast.AST):
                    value[index] = item = _of_class(item)
                    yield item
        elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
            value = _of_class(value)
            setattr(node, field, value)
            yield value


def _of_class(node: Any) -> Any:
    if type(node) is ast.Attribute and node.attr == "__class__" and isinstance(node.ctx, ast.Load):
        return _call(TYPE_OF, node.value, node)
    return node


def _inside(node: ast.AST) -> tuple[set[str], bool]:
    """Names in an expression, and whether its value depends on anything."""
    names: set[str] = set()
    depends = False
    waiting: list[ast.AST] = [node]
    while waiting:
        node = waiting.pop()
        if type(node) is ast.Name:
            names.add(node.id)
        depends = depends or isinstance(node, ast.Name | ast.Call | ast.Attribute)
        for field in node._fields:
            value = getattr(node, field, None)
            parts = value if type(value) is list else (value,)
            waiting += [part for part in parts if type(part) not in _LEAVES and isinstance(part, ast.AST)]
    return names, depends


def _call(name: str, argument: ast.expr, place: ast.AST) -> ast.Call:
    function = ast.copy_location(ast.Name(name, ast.Load()), place)
    return ast.copy_location(ast.Call(function, [argument], []), place)

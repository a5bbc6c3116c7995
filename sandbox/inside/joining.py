"""Joins the text that a program continues with the program: in the program's own process, since it parses both.

The text comes with the row (imports, helpers, an unfinished definition); the program is an answer, which either
continues the text or writes the definition anew.
"""

from __future__ import annotations

import _ast
import re
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST; loading `ast` costs milliseconds a test
_FUTURE_ANNOTATIONS = 0x1000000  # __future__.annotations.compiler_flag
_DEFINITIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef)
_MAX_CUTS = 200


class Joined(NamedTuple):
    """What runs in the place of a program. Example: a head with the imports, the whole definition as the program."""

    head: CodeType | None
    """Runs first in the same namespace: the finished statements of the text, without what the program defines anew."""
    program: bytes
    flags: int
    """Flags of `compile`: a future import of the text holds for the program too."""


def joined(prompt: bytes, code: bytes, entry_point: str) -> Joined:
    """The program of a text and an answer. Never raises for any answer; one that fits nowhere is left as it is.

    A program that compiles alone and defines the entry point stands alone, after the finished statements of the text.
    Else it continues the text, where that compiles; what is indented cannot stand alone.
    """
    name = entry_point.partition(".")[0].partition("(")[0]
    whole = _tree(prompt)
    flags = _future_flags(whole)
    alone = _tree(code, flags)
    bound = set() if alone is None else set(_bound(alone))
    if alone is None or (name and name not in bound and whole is None):
        for text in _continuations(prompt, code):
            if _tree(text) is not None:
                return Joined(None, text, 0)
    return Joined(_head(whole or _finished_tree(prompt), bound), code, flags)


def _tree(text: bytes, flags: int = 0) -> Any:  # Any: _ast.Module, whose fields typeshed does not know
    """The tree of a text that compiles, or None."""
    try:
        tree: Any = compile(text, "joined", "exec", flags | _ONLY_AST, dont_inherit=True)
        compile(tree, "joined", "exec", flags, dont_inherit=True)  # the parser alone takes a `return` anywhere
        return tree
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _continuations(prompt: bytes, code: bytes) -> Iterator[bytes]:
    """The ways to put an answer behind an unfinished text: as it is, from the line's start, or as its block."""
    if not prompt.rpartition(b"\n")[2].strip():
        yield prompt + code
        yield prompt.rstrip(b" \t") + code
    yield prompt + b"\n" + code  # a last line with words may be a comment
    for indent in _indents(prompt):
        yield prompt.rstrip() + b"\n" + indent + code.lstrip()
        block = [indent + line if line.strip() else line for line in code.splitlines(keepends=True)]
        yield prompt.rstrip() + b"\n" + b"".join(block)


def _indents(prompt: bytes) -> list[bytes]:
    """Indentations of a statement after the text: that of its last line, and one step deeper."""
    last = prompt.rstrip().rpartition(b"\n")[2]
    own = last[: len(last) - len(last.lstrip())]
    return [own, own + b"    ", own + b"\t"]


def _head(tree: Any, bound: set[str]) -> CodeType | None:  # Any: see _tree
    """The finished statements of a text, without definitions of names in `bound`; None when nothing is left."""
    tree.body = [one for one in tree.body if not (isinstance(one, _DEFINITIONS) and one.name in bound)]
    return compile(tree, "prompt", "exec", dont_inherit=True) if tree.body else None


def finished(prompt: str, entry_point: str) -> str:
    """The finished statements of the text without the definition of the entry point: helpers that a test may use."""
    name = entry_point.partition(".")[0].partition("(")[0]
    text = prompt.encode(errors="replace")
    lines = text.splitlines(keepends=True)
    kept: set[int] = set()
    for one in (_tree(text) or _finished_tree(text)).body:
        if not (isinstance(one, _DEFINITIONS) and name and name in (one.name, *_methods(one))):
            first = min([one.lineno, *(above.lineno for above in getattr(one, "decorator_list", ()))])
            kept.update(range(first - 1, one.end_lineno))
    return b"".join(lines[number] for number in sorted(kept)).decode()


def _finished_tree(prompt: bytes) -> Any:  # Any: see _tree
    """The finished statements of a text that does not compile: all but its last, or its first lines that do."""
    text = prompt.rstrip()
    for ending in (*(b"\n" + indent + b"pass" for indent in _indents(prompt)), b" pass"):
        if (tree := _tree(text + ending)) is not None:
            tree.body.pop()
            return tree
    starts = [match.start() for match in re.finditer(rb"(?m)^(?=[^\s])", text)]
    for start in starts[: -_MAX_CUTS - 1 : -1]:
        if (tree := _tree(text[:start])) is not None:
            return tree
    return _tree(b"")


def _bound(tree: Any) -> Iterator[str]:  # Any: see _tree
    """Names that the statements of a module bind, and the methods of its classes."""
    for one in _statements(tree.body):
        if isinstance(one, _DEFINITIONS):
            yield one.name
            yield from _methods(one)
        elif isinstance(one, _ast.Import | _ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in one.names)
        elif isinstance(one, _ast.Assign | _ast.AnnAssign):
            targets = one.targets if isinstance(one, _ast.Assign) else [one.target]
            yield from (target.id for target in targets if isinstance(target, _ast.Name))


def _methods(one: Any) -> Iterator[str]:  # Any: see _tree
    if isinstance(one, _ast.ClassDef):
        yield from (inner.name for inner in one.body if isinstance(inner, _DEFINITIONS))


def _statements(body: list[Any]) -> Iterator[Any]:  # Any: see _tree
    """The statements of a module, also those in its `if` and `try` blocks."""
    for one in body:
        yield one
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(one, _DEFINITIONS) and isinstance(getattr(one, part, None), list):
                yield from _statements(getattr(one, part))
        for handler in getattr(one, "handlers", ()):
            yield from _statements(handler.body)


def _future_flags(tree: Any) -> int:  # Any: see _tree
    for one in tree.body if tree is not None else ():
        if isinstance(one, _ast.ImportFrom) and one.module == "__future__":
            return _FUTURE_ANNOTATIONS if any(alias.name == "annotations" for alias in one.names) else 0
    return 0

"""Single-point mistakes planted into a source text from its syntax tree: what `benchmarks.mutation` runs tests against.

A mutant is what a tired programmer writes: another operator or comparison, a boundary moved by one, a sign flipped, a
constant or default changed, a term, condition, keyword or statement left out, two arguments swapped, `min` for `max`.
Left alone: annotations, texts, messages of errors, assertions, decorators and `TYPE_CHECKING`, where a mistake trains,
judges and measures nothing wrong.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

_OTHER_OPERATOR: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPPOSITES = [
    ("min", "max"),
    ("minimum", "maximum"),
    ("amin", "amax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("startswith", "endswith"),
]
_OTHER_NAME = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])} | {"mean": "sum"}
_NOT_SWAPPED = {"isinstance", "issubclass", "getattr", "hasattr", "setattr", "cast", "min", "max", "minimum", "maximum"}
_TERMS = (ast.Add, ast.Sub, ast.Mult, ast.Div)  # `a + b` without its second term is `a`
_Node = TypeVar("_Node", bound=ast.AST)
_SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params", "type_comment"}


class Span(NamedTuple):
    """A range of bytes of the source."""

    start: int
    end: int


@dataclass(frozen=True)
class Mutant:
    """One mistake in one file. `apply(source)` gives the text that contains it."""

    path: str
    line: int
    """Counted from 1."""
    function: str
    """Dotted name of the innermost function around it, `""` for code that runs on import."""
    kind: str
    before: str
    """The line that changes, stripped; with `after` it names the mutant in the list of equivalent ones."""
    after: str
    span: Span
    replacement: str

    def apply(self, source: str) -> str:
        data = source.encode()
        return (data[: self.span.start] + self.replacement.encode() + data[self.span.end :]).decode()


class _Place(NamedTuple):
    """A node, how it is reached, and what is known on the way."""

    node: ast.AST
    parents: tuple[ast.AST, ...]
    function: str


def mutants_of(path: str, source: str) -> list[Mutant]:
    """All mutants of a file in the order of its text; the same mutated text is listed once."""
    offsets = [0]
    for row in source.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(row))
    lines = source.splitlines()
    found: dict[tuple[Span, str], Mutant] = {}
    for place in _places(ast.parse(source), (), ""):
        for kind, node, replacement in _mistakes(place):
            span = _span(node, offsets)
            mutant = Mutant(path, node.lineno, place.function, kind, "", "", span, replacement)
            changed = mutant.apply(source)
            if changed == source or (span, replacement) in found:
                continue
            before = lines[node.lineno - 1].strip()
            after = changed.splitlines()[node.lineno - 1].strip()
            found[span, replacement] = Mutant(path, node.lineno, place.function, kind, before, after, span, replacement)
    return sorted(found.values(), key=lambda m: (m.span, m.replacement))


def _span(node: ast.expr | ast.stmt, offsets: list[int]) -> Span:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return Span(offsets[node.lineno - 1] + node.col_offset, offsets[node.end_lineno - 1] + node.end_col_offset)


def _places(node: ast.AST, parents: tuple[ast.AST, ...], function: str) -> Iterator[_Place]:
    if isinstance(node, (ast.JoinedStr, ast.Assert)) or _is_type_checking(node):
        return
    yield _Place(node, parents, function)
    if isinstance(node, ast.Raise):
        return  # what an error says is not what it does
    inner = (
        f"{function}.{node.name}".lstrip(".")
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        else function
    )
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED_FIELDS:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                # Defaults of parameters and the body of a class are evaluated where they stand.
                yield from _places(child, (*parents, node), inner if name == "body" else function)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


Mistake = tuple[str, ast.expr | ast.stmt, str]


def _mistakes(place: _Place) -> Iterator[Mistake]:
    node = place.node
    if isinstance(node, ast.stmt):
        yield from _in_statement(node)
    elif isinstance(node, ast.expr):
        yield from _in_expression(node, place)


def _in_statement(node: ast.stmt) -> Iterator[Mistake]:
    dropped = isinstance(node, (ast.AugAssign, ast.Delete, ast.Continue, ast.Break, ast.Raise))
    dropped |= isinstance(node, ast.Return) and node.value is None
    dropped |= isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    dropped |= isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Constant, ast.Yield, ast.YieldFrom))
    if dropped:
        yield "statement dropped", node, "pass"
    if isinstance(node, ast.If):
        yield "condition", node.test, "True"
        yield "condition", node.test, "False"
    if isinstance(node, ast.AugAssign) and (other := _OTHER_OPERATOR.get(type(node.op))):
        yield "operator", node, ast.unparse(ast.AugAssign(node.target, other(), node.value))


def _in_expression(node: ast.expr, place: _Place) -> Iterator[Mistake]:
    match node:
        case ast.BinOp() if not _of_texts(node) and not _of_types(place):
            if other := _OTHER_OPERATOR.get(type(node.op)):
                yield "operator", node, _text(ast.BinOp(node.left, other(), node.right))
            if isinstance(node.op, _TERMS):
                yield "term dropped", node, _text(node.left)
                if not isinstance(node.op, ast.Div):
                    yield "term dropped", node, _text(node.right)
        case ast.Compare():
            for i, operator in enumerate(node.ops):
                for comparison in _OTHER_COMPARISONS[type(operator)]:
                    ops = [*node.ops[:i], comparison(), *node.ops[i + 1 :]]
                    yield "comparison", node, _text(ast.Compare(node.left, ops, node.comparators))
        case ast.BoolOp():
            yield (
                "operator",
                node,
                _text(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)),
            )
            for i in range(len(node.values)):
                rest = [v for j, v in enumerate(node.values) if j != i]
                yield "term dropped", node, _text(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield "sign", node, _text(node.operand)
        case ast.Constant():
            yield from _in_constant(node)
        case ast.IfExp():
            yield "condition", node, _text(node.body)
            yield "condition", node, _text(node.orelse)
        case ast.Subscript(slice=ast.Slice() as piece):
            for bound in ("lower", "upper", "step"):
                if getattr(piece, bound) is not None:
                    yield "index", node, _text(_with(node, slice=_with(piece, **{bound: None})))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            for i, generator in enumerate(node.generators):
                if generator.ifs:
                    rest = [_with(g, ifs=[]) if i == j else g for j, g in enumerate(node.generators)]
                    yield "condition", node, _text(_with(node, generators=rest))
        case ast.Call():
            yield from _in_call(node)


def _in_constant(node: ast.Constant) -> Iterator[Mistake]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", node, str(not value)
    elif isinstance(value, int):
        yield "constant", node, str(value + 1)
    elif isinstance(value, float):
        other = 1.0 if value == 0 else value * (1000 if value < 1e-3 else 2)  # twice an epsilon is no other epsilon
        yield "constant", node, repr(other)


def _in_call(node: ast.Call) -> Iterator[Mistake]:
    if _can_be_swapped(node):
        yield "arguments swapped", node, _text(_with(node, args=[node.args[1], node.args[0], *node.args[2:]]))
    for keyword in node.keywords:
        if keyword.arg is not None:
            yield "argument dropped", node, _text(_with(node, keywords=[k for k in node.keywords if k is not keyword]))
    if isinstance(node.func, ast.Name) and node.func.id in _OTHER_NAME:
        yield "opposite", node.func, _OTHER_NAME[node.func.id]
    if isinstance(node.func, ast.Attribute) and node.func.attr in _OTHER_NAME:
        yield "opposite", node.func, _text(_with(node.func, attr=_OTHER_NAME[node.func.attr]))


def _can_be_swapped(node: ast.Call) -> bool:
    """Whether another order of the first two arguments is a mistake that a value can show."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in _NOT_SWAPPED:
        return False
    first = node.args[:2]
    starred = any(isinstance(argument, ast.Starred) for argument in first)
    return len(first) == 2 and not starred and ast.dump(first[0]) != ast.dump(first[1])


def _text(node: ast.expr) -> str:
    """Source of an expression, in brackets where another operator beside it could take it apart."""
    text = ast.unparse(ast.fix_missing_locations(node))
    whole = isinstance(node, (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript)) or text[0] in "[{"
    return text if whole else f"({text})"


def _with(node: _Node, **fields: object) -> _Node:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _of_texts(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, (ast.JoinedStr, ast.List, ast.ListComp, ast.Tuple))
        or (isinstance(side, ast.Constant) and isinstance(side.value, (str, bytes)))
        for side in (node.left, node.right)
    )


def _of_types(place: _Place) -> bool:
    """Whether `a | b` is a union of types: an alias of a module, or what `isinstance` asks."""
    if not isinstance(place.node, ast.BinOp) or not isinstance(place.node.op, ast.BitOr):
        return False
    asked = any(
        isinstance(p, ast.Call) and isinstance(p.func, ast.Name) and p.func.id == "isinstance" for p in place.parents
    )
    return asked or place.function == ""

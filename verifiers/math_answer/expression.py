"""The tree of a mathematical expression, and what can be asked of it without knowing a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: 12, 0.5 and 1,200 exactly."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable or a constant by its LaTeX name: x, x_1, \\alpha, f', \\pi, e, i."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation on its arguments. add, mul, neg, div, pow, root (value, index), log (value[, base]), ...

    sum and prod have an index, its first and last value and a term, a series no last value; a matrix has rows, a row
    its cells.
    """

    name: str
    arguments: tuple[Expression, ...]


Expression = Number | Symbol | Apply

BOUND = "#"  # the names of indices of sums begin with it
CONSTANTS = frozenset({"e", "i", r"\pi"})
TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})


def symbols(tree: Expression) -> frozenset[str]:
    """The free variables: every symbol but e, i, \\pi and the indices of sums."""
    found = {node.name for node in walk(tree) if isinstance(node, Symbol)}
    return frozenset(name for name in found if name not in CONSTANTS and name[0] != BOUND)


def operations(tree: Expression) -> frozenset[str]:
    """The names of all operations in the tree."""
    return frozenset(node.name for node in walk(tree) if isinstance(node, Apply))


def count(tree: Expression, operation: str) -> int:
    """How often an operation stands in the tree."""
    return sum(1 for node in walk(tree) if isinstance(node, Apply) and node.name == operation)


def size(tree: Expression) -> int:
    """The number of nodes: what one evaluation costs."""
    return sum(1 for _ in walk(tree))


def walk(tree: Expression) -> Iterator[Expression]:
    """Every node, parents first."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Apply):
            waiting += node.arguments


def mentions_i(tree: Expression) -> bool:
    """Does the tree hold the imaginary unit?"""
    if isinstance(tree, Symbol):
        return tree.name == "i"
    return isinstance(tree, Apply) and (tree.name == "cis" or any(map(mentions_i, tree.arguments)))


def rename(tree: Expression, old: str, new: str) -> Expression:
    """The tree with one variable under another name."""
    if isinstance(tree, Apply):
        return Apply(tree.name, tuple(rename(argument, old, new) for argument in tree.arguments))
    return Symbol(new) if tree == Symbol(old) else tree


def turned(tree: Expression, name: str) -> Expression:
    """The tree with a variable times cis 1: beside its conjugate it stands for complex numbers, and real values would
    not tell the two apart."""
    if isinstance(tree, Apply):
        return Apply(tree.name, tuple(turned(argument, name) for argument in tree.arguments))
    return Apply("mul", (tree, Apply("cis", (Number(Fraction(1)),)))) if tree == Symbol(name) else tree

"""Linked lists and binary trees as the lists that rows hold, and back: level by level, None where a child is absent."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

_MAX_NODES = 1_000_000
IN_PLACE = "None"
"""The kind of a result that stands in the first argument after the call."""


def built(kind: str, value: Any, names: Mapping[str, Any]) -> Any:
    """The argument of this kind (TreeNode, ListNode, [ListNode], [TreeNode]; others as they are) from plain data."""
    if kind.startswith("["):
        return [built(kind[1:-1], item, names) for item in value]
    if kind == "ListNode" and isinstance(value, list):
        return _linked(value, names[kind])
    if kind == "TreeNode" and isinstance(value, list):
        return _tree(value, names[kind])
    return value


def _linked(values: Sequence[Any], node: Any) -> Any:
    head = None
    for value in reversed(values):
        behind, head = head, node(value)
        head.next = behind
    return head


def _tree(values: Sequence[Any], node: Any) -> Any:
    if not values or values[0] is None:
        return None
    root = node(values[0])
    parents, rest = deque([root]), iter(values[1:])
    for value in rest:
        parent = parents.popleft()
        for side, item in (("left", value), ("right", next(rest, None))):
            child = None if item is None else node(item)
            setattr(parent, side, child)
            if child is not None:
                parents.append(child)
        if not parents:
            break
    return root


def flattened(kind: str, value: Any, arguments: Sequence[Any]) -> Any:
    """The result of this kind as plain data; an absent list or tree is empty."""
    if kind == IN_PLACE and value is None and arguments:
        value = arguments[0]
    if value is None and kind in ("TreeNode", "ListNode"):
        return []
    if isinstance(value, list):
        return [flattened(kind.strip("[]"), item, ()) for item in value]
    if hasattr(value, "val") and hasattr(value, "next"):
        return _values(value)
    if hasattr(value, "val") and hasattr(value, "left"):
        return _levels(value)
    return value


def _values(node: Any) -> list[Any]:
    values: list[Any] = []
    while node is not None:
        values.append(node.val)
        if len(values) > _MAX_NODES:
            raise ValueError("the returned list has a cycle, or more than a million nodes")
        node = node.next
    return values


def _levels(root: Any) -> list[Any]:
    values: list[Any] = []
    queue = deque([root])
    while queue:
        node = queue.popleft()
        values.append(None if node is None else node.val)
        if node is not None:
            queue += (node.left, node.right)
        if len(values) > _MAX_NODES:
            raise ValueError("the returned tree has a cycle, or more than a million nodes")
    while values and values[-1] is None:
        values.pop()
    return values

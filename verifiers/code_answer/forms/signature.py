"""What a row's starter code says of a function: its name, its class, and which values are lists or trees of nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAX_CHARACTERS = 20_000
_METHOD = re.compile(r"^[ \t]+def[ \t]+([A-Za-z]\w*)[ \t]*\(", re.MULTILINE)


@dataclass(frozen=True)
class Signature:
    """Example: signature("def f(self, root: TreeNode) -> int:", "f") == Signature(("TreeNode",), "int")."""

    annotations: tuple[str, ...]
    """Of each argument without self, empty where there is none."""
    result: str

    @property
    def node_kinds(self) -> tuple[str, ...]:
        """Kinds of the arguments and of the result as a harness takes them; empty where no node is among them."""
        kinds = [_node_kind(text) for text in (*self.annotations, self.result)]
        if self.result == "None":
            kinds[-1] = "None"
        return tuple(kinds) if any(kind not in ("", "None") for kind in kinds) or kinds[-1] == "None" else ()

    @property
    def list_depth(self) -> int | None:
        """How many lists stand in each other in the result; None where the text does not say."""
        found = re.match(r"(?:(?:typing\.)?(?:List|list|Tuple|tuple|Sequence)\b\[?\s*)*", self.result)
        return (
            len(re.findall(r"[A-Za-z]{4,}", (found[0] if found else "").replace("typing.", "")))
            if self.result
            else None
        )


def method_in(starter: str) -> str:
    """The first method of starter code that is not `__init__`, or nothing."""
    return next((name for name in _METHOD.findall(starter[:_MAX_CHARACTERS]) if not name.startswith("__")), "")


def signature(starter: str, name: str) -> Signature | None:
    """The signature of the function in starter code, or None without it."""
    text = starter[:_MAX_CHARACTERS]
    found = re.search(rf"\bdef[ \t]+{re.escape(name)}[ \t]*\(", text)
    end = _closing(text, found.end()) if found else -1
    if found is None or end < 0:
        return None
    parts = [part.strip() for part in _parts(text[found.end() : end])]
    if parts and parts[0] in ("self", "cls"):
        parts = parts[1:]
    arrow = re.match(r"\)\s*->\s*([^:\n]+):", text[end:])
    result = arrow[1].strip().strip("'\"") if arrow else ""
    return Signature(tuple(_annotation(part) for part in parts if part), result)


def _closing(text: str, start: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            return at
    return -1


def _parts(text: str) -> list[str]:
    """The text at commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _annotation(part: str) -> str:
    return part.partition(":")[2].partition("=")[0].strip().strip("'\"")


def _node_kind(annotation: str) -> str:
    found = re.search(r"\b(TreeNode|ListNode)\b", annotation)
    if not found:
        return ""
    return f"[{found[1]}]" if re.match(r"(?:typing\.)?(?:List|list)\b", annotation) else found[1]

"""What a docstring says of a function and of its arguments: Google's, Sphinx's and numpy's way of writing it."""

import inspect
import re
from collections.abc import Callable, Iterable

_HEADINGS = ("args", "arguments", "parameters", "params", "returns", "return", "yields", "raises", "example",
             "examples", "note", "notes", "see also", "attributes", "references", "warning", "todo")  # fmt: skip
_OF_ARGUMENTS = ("args", "arguments", "parameters", "params")
_FIELD = re.compile(r":(\w+)(?:\s+([^:]*))?:\s*(.*)")
_GOOGLE = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_NUMPY = re.compile(r"\*{0,2}(\w+)\s*(?::.*)?")


def described(function: Callable[..., object]) -> tuple[str, dict[str, str]]:
    """The first paragraph of a function's docstring on one line, and what it says of each argument."""
    lines = (inspect.getdoc(function) or "").splitlines()
    first: list[str] = []
    for line in lines:
        if (first and not line.strip()) or _heading(line) or _FIELD.fullmatch(line.strip()):
            break
        first += [line.strip()] if line.strip() else []
    return " ".join(first), {**_of_section(lines), **_of_fields(lines)}


def _heading(line: str) -> str:
    """The name of the section that a line opens, or nothing."""
    name = line.strip().rstrip(":").lower()
    return name if line.strip().endswith(":") and not line[:1].isspace() and name in _HEADINGS else ""


def _of_fields(lines: list[str]) -> dict[str, str]:
    """`:param name: text` and `:param type name: text`, whose text goes on in the lines below up to the next field."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        field = _FIELD.fullmatch(line.strip())
        if field:
            words = (field[2] or "").split()
            name = words[-1].lstrip("*") if field[1] in ("param", "parameter", "arg", "argument") and words else ""
            if name:
                found[name] = field[3].strip()
        elif not line.strip():
            name = ""
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _of_section(lines: list[str]) -> dict[str, str]:
    """The entries of `Args:` (Google) or of `Parameters` with a line under it (numpy)."""
    for number, line in enumerate(lines):
        if _heading(line) in _OF_ARGUMENTS:
            return _entries(lines[number + 1 :], _GOOGLE, has_margin=True)
        ruled = number + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[number + 1].strip())
        if ruled and line.strip().lower() in _OF_ARGUMENTS:
            return _entries(lines[number + 2 :], _NUMPY, has_margin=False)
    return {}


def _entries(lines: Iterable[str], form: re.Pattern[str], has_margin: bool) -> dict[str, str]:
    """Name -> text. An entry begins at the depth of the first; deeper lines go on with its text. The section ends at a
    line above that depth, and numpy's, whose entries have no margin, at a line that is no entry."""
    found: dict[str, str] = {}
    depth: int | None = None
    name = ""
    for line in lines:
        if not line.strip():
            if not has_margin and not found:
                break
            continue
        indent = len(line) - len(line.lstrip())
        if depth is None:
            depth = indent
        if indent < depth or (has_margin and indent == 0):
            break
        if indent > depth:
            if name:
                found[name] = f"{found[name]} {line.strip()}".strip()
            continue
        entry = form.fullmatch(line.strip())
        if entry is None or (not has_margin and _is_rule(line)):
            if not has_margin:
                break
            name = ""
            continue
        name = entry[1]
        found[name] = entry[2].strip() if form is _GOOGLE else ""
    return {name: text for name, text in found.items() if text}


def _is_rule(line: str) -> bool:
    return bool(re.fullmatch(r"-{3,}", line.strip()))

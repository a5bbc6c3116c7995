"""The fenced code blocks of an answer, as Markdown (CommonMark 0.31, section 4.5) defines them.

Broader where answers depart from it: a fence stands at any depth once a list has begun; backticks in a triple-quoted
string of Python do not end a block, and outside of one they do whatever follows them, as no program can hold them
there; an HTML tag above a fence does not hide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from openqwq.verifiers.code_answer.languages import language_of

_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?=[ \t])")
_FENCE = re.compile(r"(`{3,})(?=[^`]*\Z)|(~{3,})")
_LATE_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([A-Za-z][\w+#.-]*)[ \t]*\Z")
_NAME = re.compile(r"\s*\{?\s*\.?(?:lang(?:uage)?-)?([\w+#.-]*)")
_QUOTES = re.compile(r"\\.|'''|\"\"\"|'|\"|#", re.DOTALL)
_MAX_CONTAINERS = 20
_MAX_LATE_CHARACTERS = 80


@dataclass(frozen=True)
class Block:
    """Example: blocks("```py\\nx = 1\\n```") gives Block("py", "x = 1\\n")."""

    name: str
    """First word of the info string, in lower case; empty without one."""
    text: str
    """The lines inside, without the indentation of the fence, each with its line end."""


class _Opener(NamedTuple):
    fence: str
    name: str
    column: int
    num_quotes: int

    @property
    def is_program(self) -> bool:
        return bool(language_of(self.name))


def blocks(text: str, may_be_late: bool = False) -> list[Block]:
    """The blocks in order; a block that never closes ends with the text.

    `may_be_late`: a fence with the name of a language may also stand behind words, as in "Answer: ```python".
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[Block] = []
    at, has_list, reads_strings = 0, False, True
    while at < len(lines):
        line = lines[at]
        opener = _opener(line, has_list, may_be_late) if "```" in line or "~~~" in line else None
        has_list = has_list or _MARKER.match(line.lstrip(" \t>")) is not None
        at += 1
        if opener is None:
            continue
        end = _end(lines, at, opener, reads_strings and language_of(opener.name or "python") == "python")
        if end.is_doubtful:  # the strings of this text cannot be followed: searching each block twice takes too long
            reads_strings = False
        found.append(Block(opener.name, "".join(f"{line}\n" for line in _content(lines[at : end.at], opener, end))))
        at = end.at + end.is_fence
    return found


def _opener(line: str, has_list: bool, may_be_late: bool) -> _Opener | None:
    at, num_quotes, has_container = 0, 0, has_list
    for _ in range(_MAX_CONTAINERS):
        at += len(line) - at - len(line[at:].lstrip(" \t"))
        marker = _MARKER.match(line, at)
        if line[at : at + 1] == ">":
            num_quotes, at, has_container = num_quotes + 1, at + 1, True
        elif marker is not None:
            at, has_container = marker.end(), True
        else:
            break
    column = _column(line[:at])
    if fence := _FENCE.match(line, at):
        return (
            _Opener(fence[0], _name(line[fence.end() :]), column, num_quotes) if column < 4 or has_container else None
        )
    late = _LATE_FENCE.search(line[-_MAX_LATE_CHARACTERS:]) if may_be_late else None
    return _Opener(late[1], late[2].lower(), 0, 0) if late and language_of(late[2]) else None


def _name(info: str) -> str:
    named = _NAME.match(info[:200])
    return named[1].lower() if named else ""


def _column(lead: str) -> int:
    return len(lead.expandtabs(4))


class _End(NamedTuple):
    at: int
    is_fence: bool
    is_doubtful: bool = False


def _end(lines: list[str], start: int, opener: _Opener, reads_strings: bool) -> _End:
    """The line that ends the block. A fence inside an open string counts only when no other one follows."""
    doubtful = -1
    string = ""
    for number in range(start, len(lines)):
        line = _unquoted(lines[number], opener.num_quotes)
        if line is None:
            return _End(number, False)
        if _closes(line, opener):
            if not string:
                return _End(number, True)
            doubtful = number if doubtful < 0 else doubtful
        elif not string and opener.is_program and line.startswith(opener.fence):
            return _End(number, not language_of(_name(line[len(opener.fence) :])))
        if reads_strings and (string or "'''" in line or '"""' in line):
            string = _open_string(line, string)
    return _End(doubtful, True, True) if doubtful >= 0 and string else _End(len(lines), False)


def _closes(line: str, opener: _Opener) -> bool:
    bare = line.strip(" \t")
    if not bare.startswith(opener.fence) or bare.strip(opener.fence[0]):
        return False
    return _column(line[: len(line) - len(line.lstrip(" \t"))]) <= opener.column + 3


def _open_string(line: str, string: str) -> str:
    """The quotes of a triple-quoted string that is open after the line, given those before it."""
    short = ""
    for found in _QUOTES.finditer(line):
        token = found[0]
        if string:
            string = "" if token == string else string
        elif short:
            short = "" if token == short else short
        elif token == "#":
            break
        elif len(token) == 3:
            string = token
        elif token in "'\"":
            short = token
    return string


def _unquoted(line: str, num_quotes: int) -> str | None:
    """The line without the marks of its block quotes; None when it lacks one, which ends the quote."""
    for _ in range(num_quotes):
        line = line.lstrip(" \t")
        if not line.startswith(">"):
            return None
        line = line[1:].removeprefix(" ")
    return line


def _content(lines: list[str], opener: _Opener, end: _End) -> Iterator[str]:
    """The lines of the block without the indentation of its fence."""
    inside = [_unquoted(line, opener.num_quotes) or "" for line in lines]
    if not end.is_fence and not opener.num_quotes:
        inside = _without_a_stray_fence(inside, opener.fence[0])
    indent = 0 if opener.num_quotes else opener.column
    for line in inside:
        lead = line[: len(line) - len(line.lstrip(" \t"))]
        yield " " * max(0, _column(lead) - indent) + line[len(lead) :] if indent and lead else line


def _without_a_stray_fence(lines: list[str], mark: str) -> list[str]:
    """A block that ends with the text: its last line may be a fence that is too short, or end with one."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if lines and lines[-1].rstrip().endswith(mark * 3):
        rest = lines[-1].rstrip().rstrip(mark)
        return lines[:-1] + ([rest] if rest.strip() else [])
    return lines

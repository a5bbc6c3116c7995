"""From an answer to its program: which of its blocks counts, and in which language it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openqwq.verifiers.answers import THINK_CLOSE
from openqwq.verifiers.code_answer.fences import Block, blocks
from openqwq.verifiers.code_answer.languages import language_of


@dataclass(frozen=True)
class Program:
    """Example: program_of("```cpp\\nint main() {}\\n```", "python", True) == Program("int main() {}\\n", "cpp")."""

    code: str
    language: str


def program_of(response: str, language: str, may_be_other: bool = False) -> Program:
    """The program of an answer, after its thinking: the last block that is named as `language`; else, where the tests
    allow it (`may_be_other`), the last block named as another language of the sandbox; else the last block without a
    name; else the whole text with its indentation."""
    tail = response.rpartition(THINK_CLOSE)[2]
    if "```" not in tail and "~~~" not in tail:
        return _whole(tail, language)
    found = _written([inner for block in blocks(tail) for inner in _inside(block)])
    named = _named(found, language, may_be_other)
    if named is None:
        named = _named(_written(blocks(tail, may_be_late=True)), language, may_be_other)
    unnamed = next((block.text for block in reversed(found) if not block.name), None)
    return named or (_whole(tail, language) if unnamed is None else Program(unnamed, language))


def _inside(block: Block) -> list[Block]:
    """The block, or those of the answer that somebody wrote as a block of Markdown."""
    return blocks(block.text) if block.name in ("markdown", "md") else [block]


def _written(found: list[Block]) -> list[Block]:
    """The blocks that hold something: an empty one is a slip, or a fence that somebody only wrote about."""
    return [block for block in found if block.text.strip()]


def _whole(tail: str, language: str) -> Program:
    return Program(re.sub(r"\A(?:[ \t]*\r?\n)+", "", tail).rstrip() + "\n", language)


def _named(found: list[Block], language: str, may_be_other: bool) -> Program | None:
    """The program of the last block named as the language, or as another of the sandbox's."""
    for block in reversed(found):
        if language_of(block.name) == language:
            return Program(block.text, language)
    for block in reversed(found if may_be_other else []):
        if other := language_of(block.name):
            return Program(block.text, other)
    return None

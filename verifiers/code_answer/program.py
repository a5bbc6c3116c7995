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


def program_of(response: str, language: str, may_be_other: bool = False, function: str = "") -> Program:
    """The program of an answer, after its thinking: the last block that is named as `language`; else, where the tests
    allow it (`may_be_other`), the last block named as another language of the sandbox; else the last block without a
    name; else the whole text with its indentation.

    `function`: what the tests call. A block that calls it and binds it nowhere only shows its use, beside one that
    binds it.
    """
    tail = response.rpartition(THINK_CLOSE)[2]
    if "```" not in tail and "~~~" not in tail:
        return _whole(tail, language)
    found = _written([inner for block in blocks(tail) for inner in _inside(block)])
    if function:
        found = _without_uses(found, language, function)
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


def _without_uses(found: list[Block], language: str, function: str) -> list[Block]:
    """The blocks without those that only use the function, where another of the same name as they binds it."""
    name = re.escape(function)
    binds = re.compile(
        rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{name}\b|^[ \t]*{name}[ \t]*(?::[^=\n]*)?=(?!=)"
        rf"|^[ \t]*from[ \t]+[\w.]+[ \t]+import\b[^\n]{{0,400}}?\b{name}\b",
        re.MULTILINE,
    )
    calls = re.compile(rf"(?<!\w){name}\(")
    is_bound = [binds.search(block.text) is not None for block in found]
    is_named = [language_of(block.name) == language for block in found]
    bound = {named for named, is_one in zip(is_named, is_bound, strict=True) if is_one}
    kept = zip(found, is_bound, is_named, strict=True)
    return [block for block, is_one, named in kept if is_one or named not in bound or not calls.search(block.text)]


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

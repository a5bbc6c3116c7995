"""The 25 types of IFEval by their ids, and what a row's arguments of them must be."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from string import ascii_lowercase
from typing import Any

from openqwq.verifiers.ifeval import layout, words

Check = Callable[..., bool]
"""(response, **arguments of the instruction) -> followed?"""

CHECKS: Mapping[str, Check] = {
    "keywords:existence": words.existence,
    "keywords:frequency": words.frequency,
    "keywords:forbidden_words": words.forbidden,
    "keywords:letter_frequency": words.letter_frequency,
    "language:response_language": words.response_language,
    "length_constraints:number_sentences": words.number_sentences,
    "length_constraints:number_paragraphs": words.number_paragraphs,
    "length_constraints:number_words": words.number_words,
    "length_constraints:nth_paragraph_first_word": words.nth_paragraph_first_word,
    "detectable_content:number_placeholders": layout.number_placeholders,
    "detectable_content:postscript": layout.postscript,
    "detectable_format:number_bullet_lists": layout.number_bullet_lists,
    "detectable_format:constrained_response": layout.constrained_response,
    "detectable_format:number_highlighted_sections": layout.number_highlighted_sections,
    "detectable_format:multiple_sections": layout.multiple_sections,
    "detectable_format:json_format": layout.json_format,
    "detectable_format:title": layout.title,
    "combination:two_responses": layout.two_responses,
    "combination:repeat_prompt": layout.repeat_prompt,
    "startend:end_checker": layout.end_checker,
    "startend:quotation": layout.quotation,
    "change_case:capital_word_frequency": words.capital_word_frequency,
    "change_case:english_capital": words.english_capital,
    "change_case:english_lowercase": words.english_lowercase,
    "punctuation:no_comma": words.no_comma,
}
_PATTERNS: Mapping[str, Callable[[str], str]] = {
    "keywords": str,
    "keyword": str.strip,
    "forbidden_words": words.forbidden_pattern,
    "section_spliter": layout.section_pattern,
    "postscript_marker": lambda marker: rf"\s*{marker.strip().lower()}.*$",
}
"""Arguments that are regular expressions, with what the official code makes of them."""


class UnusableInstruction(ValueError):
    """An instruction of a row is none of IFEval's, or its arguments are not those of its type."""


def read_arguments(instruction_id: object, kwargs: object) -> dict[str, Any]:
    """The arguments of an instruction; names that the row holds with None are not given.

    Raises:
        UnusableInstruction: an unknown id; an argument that is missing (the official code makes one up at random),
            foreign or of another type; an expression that does not compile.
    """
    if not isinstance(instruction_id, str) or instruction_id not in CHECKS:
        near = difflib.get_close_matches(str(instruction_id), CHECKS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnusableInstruction(f"unknown instruction {str(instruction_id)[:80]!r}{hint}")
    if not isinstance(kwargs, Mapping | None):
        raise UnusableInstruction(f"{instruction_id}: its kwargs are a mapping, got {type(kwargs).__name__}")
    given = {name: value for name, value in (kwargs or {}).items() if value is not None}
    wanted = _parameters(instruction_id)
    if set(given) != set(wanted):
        takes = ", ".join(wanted) or "none"
        raise UnusableInstruction(f"{instruction_id}: takes {takes}, got {', '.join(map(str, given)) or 'none'}")
    try:
        read = {name: _READERS[kind](name, given[name]) for name, kind in wanted.items()}
    except UnusableInstruction as error:
        raise UnusableInstruction(f"{instruction_id}: {error}") from error
    if read.get("nth_paragraph", 1) not in range(1, read.get("num_paragraphs", 1) + 1):
        raise UnusableInstruction(
            f"{instruction_id}: {read['num_paragraphs']} paragraphs have no {read['nth_paragraph']}-th"
        )
    return read


def draws_of(arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The arguments that the official code may judge by: for a letter outside a-z it draws one of them each time."""
    letter = arguments.get("letter")
    if letter is None or "a" <= letter.lower() <= "z":
        return [arguments]
    return [{**arguments, "letter": drawn} for drawn in ascii_lowercase]


@cache
def _parameters(instruction_id: str) -> dict[str, str]:
    """Names of a checker's arguments, each with its type as it is written."""
    parameters = list(inspect.signature(CHECKS[instruction_id]).parameters.values())[1:]
    return {parameter.name: str(parameter.annotation) for parameter in parameters}


def _whole(name: str, value: Any) -> int:
    """Columns of numbers with gaps hold 3 as 3.0."""
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15 and value % 1 == 0
    if not is_whole:
        raise UnusableInstruction(f"{name} is a whole number of at least 0, got {value!r}")
    return int(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UnusableInstruction(f"{name} is a text, got {value!r}")
    if name.endswith("relation") and value not in words.RELATIONS:
        raise UnusableInstruction(f"{name} is one of {', '.join(words.RELATIONS)}, got {value!r}")
    if name == "language" and value not in words.LANGUAGES:
        raise UnusableInstruction(f"{name} is one of {', '.join(sorted(words.LANGUAGES))}, got {value!r}")
    if name == "letter" and (len(value) != 1 or len(value.lower()) != 1):
        raise UnusableInstruction(f"{name} is one character, got {value!r}")
    if name in _PATTERNS:
        try:
            re.compile(_PATTERNS[name](value))
        except (re.error, OverflowError, RecursionError) as error:
            raise UnusableInstruction(f"{name} is a regular expression, got {value!r}: {error}") from error
    return value


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise UnusableInstruction(f"{name} is a list of texts, got {value!r}")
    return [_text(name, item) for item in value]


_READERS: Mapping[str, Callable[[str, Any], Any]] = {"int": _whole, "str": _text, "list[str]": _texts}

"""Instructions of a row in the forms that public data sets have, as (id, arguments) pairs.

{"instruction_id_list": [...], "kwargs": [...]}                    google/IFEval, by position
[{"instruction_id": [...], "kwargs": [...]}], often as text        allenai/IF_multi_constraints_upto5 (IFTrain)
{"func_name": "verify_keywords", "keyword_list": [...]}, as text   allenai/RLVR-IFeval
Any part may be JSON text, or the text of a Python literal, as the hub has them.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

Pairs = list[tuple[str, dict[str, Any]]]
_MOST_CHARACTERS = 200_000

_FUNCTIONS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "verify_keywords": ("keywords:existence", {"keyword_list": "keywords"}, {}),
    "verify_keyword_frequency": ("keywords:frequency", {"word": "keyword", "N": "frequency"}, {"relation": "exactly"}),
    "validate_forbidden_words": ("keywords:forbidden_words", {"forbidden_words": "forbidden_words"}, {}),
    "verify_letter_frequency": (
        "keywords:letter_frequency",
        {"letter": "letter", "N": "let_frequency"},
        {"let_relation": "exactly"},
    ),
    "validate_response_language": ("language:response_language", {"language": "language"}, {}),
    "verify_paragraph_count": ("length_constraints:number_paragraphs", {"N": "num_paragraphs"}, {}),
    "validate_word_constraint": (
        "length_constraints:number_words",
        {"N": "num_words", "quantifier": "relation"},
        {},
    ),
    "verify_sentence_constraint": (
        "length_constraints:number_sentences",
        {"N": "num_sentences", "quantifier": "relation"},
        {},
    ),
    "validate_paragraphs": (
        "length_constraints:nth_paragraph_first_word",
        {"N": "num_paragraphs", "first_word": "first_word", "i": "nth_paragraph"},
        {},
    ),
    "verify_postscript": ("detectable_content:postscript", {"postscript_marker": "postscript_marker"}, {}),
    "validate_placeholders": ("detectable_content:number_placeholders", {"N": "num_placeholders"}, {}),
    "verify_bullet_points": ("detectable_format:number_bullet_lists", {"N": "num_bullets"}, {}),
    "validate_title": ("detectable_format:title", {}, {}),
    "validate_choice": ("detectable_format:constrained_response", {"options": "options"}, {}),
    "validate_highlighted_sections": ("detectable_format:number_highlighted_sections", {"N": "num_highlights"}, {}),
    "validate_sections": (
        "detectable_format:multiple_sections",
        {"N": "num_sections", "section_splitter": "section_spliter"},
        {},
    ),
    "validate_json_format": ("detectable_format:json_format", {}, {}),
    "validate_repeat_prompt": ("combination:repeat_prompt", {"original_prompt": "prompt_to_repeat"}, {}),
    "validate_two_responses": ("combination:two_responses", {}, {}),
    "validate_uppercase": ("change_case:english_capital", {}, {}),
    "validate_lowercase": ("change_case:english_lowercase", {}, {}),
    "validate_frequency_capital_words": (
        "change_case:capital_word_frequency",
        {"N": "capital_frequency", "quantifier": "capital_relation"},
        {},
    ),
    "validate_end": ("startend:end_checker", {"end_phrase": "end_phrase"}, {}),
    "validate_quotation": ("startend:quotation", {}, {}),
    "validate_no_commas": ("punctuation:no_comma", {}, {}),
}
"""Function of RLVR-IFeval -> id, its arguments by the names of ours, and arguments that the function implies."""


def read_instructions(reference: object) -> Pairs:
    """The instructions of a reference; arguments that are None or not a number (gaps of a column) are not given.

    Raises ValueError, which says what is wrong with the row.
    """
    found = _parsed(reference, "a reference")
    if isinstance(found, Sequence) and len(found) == 1:
        found = _parsed(found[0], "a reference")
    if not isinstance(found, Mapping):
        raise ValueError(f"a reference is {{'instruction_id_list', 'kwargs'}}, got {type(reference).__name__}")
    if "func_name" in found:
        return [_of_function(found)]
    ids = found.get("instruction_id_list", found.get("instruction_id"))
    if isinstance(ids, str) and ids.lstrip()[:1] == "[":
        ids = _parsed(ids, "instruction_id_list")
    if not isinstance(ids, Sequence) or isinstance(ids, str) or not ids:
        raise ValueError(f"instruction_id_list is empty or no list of ids, got {ids!r:.80}")
    kwargs = _parsed(found.get("kwargs"), "kwargs")
    kwargs = [None] * len(ids) if kwargs is None else kwargs
    if not isinstance(kwargs, Sequence) or len(kwargs) != len(ids):
        raise ValueError(f"kwargs must hold one entry for each of {len(ids)} instructions, got {kwargs!r:.80}")
    return [(_id(name), _given(name, arguments)) for name, arguments in zip(ids, kwargs, strict=True)]


def _parsed(value: object, name: str) -> Any:
    """A text that holds JSON or a Python literal as what it holds."""
    if not isinstance(value, str):
        return value
    if len(value) > _MOST_CHARACTERS:
        raise ValueError(f"{name} is a text of {len(value)} characters; at most {_MOST_CHARACTERS} are read")
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError(f"{name} is a text that is no JSON, got str {value!r:.80}") from error


def _id(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError(f"unknown instruction {name!r:.80}")
    return name


def _given(name: object, arguments: object) -> dict[str, Any]:
    read = arguments
    if isinstance(arguments, str) and arguments.lstrip()[:1] in ("{", "[", "n", "N"):
        read = _parsed(arguments, f"the arguments of {name}")
    if read is not None and not isinstance(read, Mapping):
        raise ValueError(f"the arguments of {name} are a mapping, got {read!r:.80}")
    return {str(key): value for key, value in (read or {}).items() if not is_missing(value)}


def is_missing(value: object) -> bool:
    """None, or the NaN that a table puts in the place of None."""
    return value is None or (isinstance(value, float) and value != value)


def _of_function(found: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = found["func_name"]
    if not isinstance(name, str) or name not in _FUNCTIONS:
        raise ValueError(f"unknown function {name!r:.80}; known: {', '.join(_FUNCTIONS)}")
    instruction_id, names, implied = _FUNCTIONS[name]
    given = {names[key]: value for key, value in found.items() if key in names and not is_missing(value)}
    return instruction_id, given | implied

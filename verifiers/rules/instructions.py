"""The `instructions` verifier: IFEval's instruction ids by their plain meaning, and a few simple ones beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase
from openqwq.verifiers.rules import language, layout, words_and_lengths
from openqwq.verifiers.rules.scripts import language_code
from openqwq.verifiers.rules.text import RELATIONS

Check = Callable[..., bool]
"""(text, **kwargs of the instruction) -> followed?"""

CHECKS: dict[str, Check] = {
    "keywords:existence": words_and_lengths.has_keywords,
    "keywords:frequency": words_and_lengths.keyword_frequency,
    "keywords:forbidden_words": words_and_lengths.no_forbidden_words,
    "keywords:letter_frequency": words_and_lengths.letter_frequency,
    "language:response_language": language.response_language,
    "length_constraints:number_sentences": words_and_lengths.number_sentences,
    "length_constraints:number_paragraphs": words_and_lengths.number_paragraphs,
    "length_constraints:number_words": words_and_lengths.number_words,
    "length_constraints:nth_paragraph_first_word": words_and_lengths.nth_paragraph_first_word,
    "detectable_content:number_placeholders": layout.number_placeholders,
    "detectable_content:postscript": layout.postscript,
    "detectable_format:number_bullet_lists": layout.number_bullets,
    "detectable_format:constrained_response": layout.constrained_response,
    "detectable_format:number_highlighted_sections": layout.number_highlights,
    "detectable_format:multiple_sections": layout.multiple_sections,
    "detectable_format:json_format": layout.is_json,
    "detectable_format:title": layout.has_title,
    "combination:two_responses": layout.two_responses,
    "combination:repeat_prompt": layout.repeats_prompt,
    "startend:end_checker": layout.ends_with,
    "startend:quotation": layout.is_quoted,
    "change_case:capital_word_frequency": words_and_lengths.capital_word_frequency,
    "change_case:english_capital": language.english_capital,
    "change_case:english_lowercase": language.english_lowercase,
    "punctuation:no_comma": words_and_lengths.no_comma,
    # beyond IFEval
    "startend:start_checker": layout.starts_with,
    "startend:first_word": words_and_lengths.first_word_is,
    "first_word:first_word_answer": words_and_lengths.first_word_is,
    "last_word:last_word_answer": words_and_lengths.last_word_is,
    "count:exact_repetitions": words_and_lengths.exact_repetitions,
    "count:word_count_range": words_and_lengths.word_count_range,
    "count:unique_word_count": words_and_lengths.unique_words,
    "answer_form:json": layout.answer_as_json,
    "answer_form:tags": layout.answer_in_tags,
    "answer_form:bold": layout.answer_in_bold,
    "answer_form:quotes": layout.answer_in_quotes,
}


def instruction_problem(instruction_id: object, kwargs: object) -> str | None:
    """None when the id is known and its arguments can be used, else why not. None values do not count as given."""
    if not isinstance(instruction_id, str) or instruction_id not in CHECKS:
        return f"unknown instruction {instruction_id!r}"
    if not isinstance(kwargs, Mapping):
        return f"the arguments of {instruction_id} are a mapping, got {kwargs!r}"
    parameters = list(inspect.signature(CHECKS[instruction_id]).parameters.values())[1:]
    given = {key: value for key, value in kwargs.items() if value is not None}
    for parameter in parameters:
        if parameter.name not in given:
            if parameter.default is inspect.Parameter.empty:
                return f"{instruction_id} needs {parameter.name}"
            continue
        if problem := _value_problem(parameter, given[parameter.name]):
            return f"{instruction_id}: {parameter.name} {problem}"
    return None


def _value_problem(parameter: inspect.Parameter, value: Any) -> str:
    kind = str(parameter.annotation)
    if parameter.name == "language" and (not isinstance(value, str) or language_code(value) is None):
        return f"is not a known language, got {value!r}"
    if parameter.name.endswith("relation"):
        return "" if value in RELATIONS else f"must be one of {', '.join(RELATIONS)}, got {value!r}"
    if kind == "int":
        is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        return "" if is_whole else f"must be a whole number, got {value!r}"
    if kind == "str":
        return "" if isinstance(value, str) and value.strip() else f"must be a text, got {value!r}"
    is_texts = isinstance(value, list | tuple) and bool(value) and all(isinstance(v, str) and v.strip() for v in value)
    return "" if is_texts else f"must be a list of texts, got {value!r}"


def is_followed(instruction_id: str, text: str, kwargs: Mapping[str, Any]) -> bool:
    """Whether the text follows one instruction; arguments of other instructions (None or foreign keys) are ignored."""
    check = CHECKS[instruction_id]
    names = list(inspect.signature(check).parameters)[1:]
    return check(text, **{name: kwargs[name] for name in names if kwargs.get(name) is not None})


class InstructionsVerifier(VerifierBase):
    """Score 1 when the answer follows every instruction of the row; partial=true pays the share that is
    followed.

    `reference` is IFEval's {"instruction_id_list": [...], "kwargs": [...]}, by position. An unknown id or
    unusable arguments are a fault of the row: verifier_error here, refused by check_reference at load.
    """

    name = "instructions"

    def __init__(self, partial: bool = False) -> None:
        self.partial = partial

    def grade(self, response: str, row: Row) -> Verdict:
        if problem := self.check_reference(row):
            return Verdict.error(f"unusable instructions: {problem}")
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem)
        pairs = _pairs(row["reference"])
        followed = [is_followed(name, graded.text, kwargs) for name, kwargs in pairs]
        missed = [name for (name, _), is_done in zip(pairs, followed, strict=True) if not is_done]
        share = sum(followed) / len(followed)
        reason = f"not followed: {', '.join(missed)}" if missed else "all followed"
        return Verdict.scored(share if self.partial else not missed, reason, {"followed_share": share})

    def check_reference(self, row: Row) -> str | None:
        reference = row.get("reference")
        if not isinstance(reference, Mapping):
            return f"a reference is {{'instruction_id_list', 'kwargs'}}, got {type(reference).__name__}"
        ids, kwargs = reference.get("instruction_id_list"), reference.get("kwargs")
        if not isinstance(ids, Sequence) or isinstance(ids, str) or not ids:
            return "instruction_id_list is empty"
        if kwargs is not None and (not isinstance(kwargs, Sequence) or len(kwargs) != len(ids)):
            return "kwargs must hold one entry for each instruction"
        problems = (instruction_problem(name, arguments) for name, arguments in _pairs(reference))
        return next((problem for problem in problems if problem), None)


def _pairs(reference: Mapping[str, Any]) -> list[tuple[Any, Mapping[str, Any]]]:
    ids = reference["instruction_id_list"]
    kwargs = reference.get("kwargs") or [{}] * len(ids)
    return [(name, arguments or {}) for name, arguments in zip(ids, kwargs, strict=True)]

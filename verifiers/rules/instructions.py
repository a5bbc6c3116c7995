"""The `instructions` verifier: the ids of IFEval and IFTrain by their plain meaning, and a few simple ones beside."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase
from openqwq.verifiers.rules import iftrain, language, layout, words_and_lengths
from openqwq.verifiers.rules.instruction_rows import Pairs, is_missing, read_instructions
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
    # IFTrain
    "copy:repeat_phrase": iftrain.repeats_phrase,
    "copy:copy": iftrain.is_copy,
    "copy:copying_simple": iftrain.is_copy,
    "copy:copying_multiple": iftrain.copies,
    "new:copy_span_idx": iftrain.is_span_copy,
    "detectable_format:sentence_hyphens": iftrain.joined_by_hyphens,
    "detectable_format:square_brackets": iftrain.all_in_brackets,
    "detectable_format:bigram_wrapping": iftrain.pairs_wrapped,
    "keywords:no_adjacent_consecutive": iftrain.no_alphabet_neighbours,
    "keywords:word_once": iftrain.word_once,
    "keywords:word_count_different_numbers": words_and_lengths.keyword_frequency,
    "keywords:exclude_word_harder": iftrain.excludes_word,
    "keywords:palindrome": iftrain.has_palindrome,
    "keywords:keyword_specific_position": iftrain.word_at,
    "keywords:start_end": iftrain.begins_as_it_ends,
    "paragraphs:paragraphs": iftrain.two_paragraphs,
    "paragraphs:paragraphs2": iftrain.two_blocks,
    "first_word:first_word_sent": iftrain.sentences_begin,
    "last_word:last_word_sent": iftrain.sentences_end,
    "punctuation:punctuation_dot": iftrain.no_dot,
    "punctuation:punctuation_exclamation": iftrain.no_exclamation,
    "count:lowercase_counting": iftrain.lowercase_words,
    "count:counting_composition": iftrain.composition,
    "count:count_unique": iftrain.all_different,
    "count:count_increment_word": iftrain.once_and_twice,
    "letters:letter_counting": iftrain.letters,
    "letters:letter_counting2": words_and_lengths.letter_frequency,
    # this project's own
    "answer_form:json": layout.answer_as_json,
    "answer_form:tags": layout.answer_in_tags,
    "answer_form:bold": layout.answer_in_bold,
    "answer_form:quotes": layout.answer_in_quotes,
}


_OTHER_NAMES: dict[str, dict[str, str]] = {"count:unique_word_count": {"N": "num_words"}}
"""Arguments by the names that other data sets have for them."""


def instruction_problem(instruction_id: object, kwargs: object) -> str | None:
    """None when the id is known and its arguments can be used, else why not. None and NaN do not count as given."""
    if not isinstance(instruction_id, str) or instruction_id not in CHECKS:
        near = difflib.get_close_matches(instruction_id, CHECKS, n=1) if isinstance(instruction_id, str) else []
        return f"unknown instruction {instruction_id!r:.80}" + (f"; did you mean {near[0]}?" if near else "")
    if not isinstance(kwargs, Mapping):
        return f"the arguments of {instruction_id} are a mapping, got {kwargs!r:.80}"
    given = _renamed(instruction_id, kwargs)
    for key in given:
        near = difflib.get_close_matches(str(key), _parameters(instruction_id), n=1, cutoff=0.8)
        if near and key not in _all_parameters():
            return f"{instruction_id}: unknown argument {key!r:.80}; did you mean {near[0]}?"
    for parameter in _parameters(instruction_id).values():
        if parameter.name not in given:
            if parameter.default is inspect.Parameter.empty:
                return f"{instruction_id} needs {parameter.name}"
        elif problem := _value_problem(parameter, given[parameter.name]):
            return f"{instruction_id}: {parameter.name} {problem}"
    if given.get("nth_paragraph", 1) > given.get("num_paragraphs", 1) and "nth_paragraph" in _parameters(
        instruction_id
    ):
        return f"{instruction_id}: {given['num_paragraphs']} paragraphs have no {given['nth_paragraph']}-th"
    return None


def _renamed(instruction_id: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = _OTHER_NAMES.get(instruction_id, {})
    return {names.get(key, key): value for key, value in kwargs.items() if not is_missing(value)}


@cache
def _parameters(instruction_id: str) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(CHECKS[instruction_id]).parameters.values())[1:]
    return {parameter.name: parameter for parameter in parameters}


@cache
def _all_parameters() -> frozenset[str]:
    """Names of the arguments of all instructions: a row may hold those of others, with values that nobody reads."""
    return frozenset(name for instruction_id in CHECKS for name in _parameters(instruction_id)) | {"N", "instruction"}


def _value_problem(parameter: inspect.Parameter, value: Any) -> str:
    kind = str(parameter.annotation)
    if parameter.name == "language" and (not isinstance(value, str) or language_code(value) is None):
        return f"is not a known language, got {value!r:.80}"
    if parameter.name.endswith("relation"):
        return "" if value in RELATIONS else f"must be one of {', '.join(RELATIONS)}, got {value!r:.80}"
    if kind == "int":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_whole = is_number and 0 <= value < 1e15 and value % 1 == 0
        return "" if is_whole else f"must be a whole number, got {value!r:.80} (at least 0)"
    if kind == "str":
        return "" if isinstance(value, str) and value.strip() else f"must be a text, got {value!r:.80}"
    is_texts = isinstance(value, list | tuple) and bool(value) and all(isinstance(v, str) and v.strip() for v in value)
    return "" if is_texts else f"must be a list of texts, got {value!r:.80}"


def is_followed(instruction_id: str, text: str, kwargs: Mapping[str, Any]) -> bool:
    """Whether the text follows one instruction; arguments of other instructions are ignored."""
    given = _renamed(instruction_id, kwargs)
    parameters = _parameters(instruction_id)
    used = {name: int(given[name]) if str(parameters[name].annotation) == "int" else given[name]
            for name in parameters if name in given}  # fmt: skip
    return CHECKS[instruction_id](text, **used)


class InstructionsVerifier(VerifierBase):
    """Score 1 when the answer follows every instruction of the row; partial=true pays the share that is
    followed.

    `reference` is IFEval's {"instruction_id_list": [...], "kwargs": [...]}, by position, or another form of
    `instruction_rows.py`. An unknown id or unusable arguments are a fault of the row: verifier_error here, refused by
    check_reference at load.
    """

    name = "instructions"

    def __init__(self, partial: bool = False) -> None:
        self.partial = partial

    def grade(self, response: str, row: Row) -> Verdict:
        try:
            pairs = _instructions(row)
        except ValueError as error:
            return Verdict.error(f"unusable instructions: {error}")
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem)
        followed = [is_followed(name, graded.text, kwargs) for name, kwargs in pairs]
        missed = [name for (name, _), is_done in zip(pairs, followed, strict=True) if not is_done]
        share = sum(followed) / len(followed)
        reason = f"not followed: {', '.join(missed)}" if missed else "all followed"
        return Verdict.scored(share if self.partial else not missed, reason, {"followed_share": share})

    def check_reference(self, row: Row) -> str | None:
        try:
            _instructions(row)
        except ValueError as error:
            return str(error)
        return None


def _instructions(row: Row) -> Pairs:
    """The instructions of a row, all of them usable. Raises ValueError."""
    pairs = read_instructions(row.get("reference"))
    for name, kwargs in pairs:
        if problem := instruction_problem(name, kwargs):
            raise ValueError(problem)
    return pairs

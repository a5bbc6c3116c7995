"""Official checkers of words, letters, cases and lengths. Keywords are regular expressions, as they are there."""

from __future__ import annotations

import re

from openqwq.verifiers.ifeval.packages import detected_language, split_sentences, split_words

RELATIONS = ("less than", "at least")
LANGUAGES = frozenset(re.findall("..", "enesptarhifrrudejaitbnukthurtatebgkoplhefavineswknmrgupamlfi"))
"""Codes that the rows of the data set may ask for."""
_ENDS_A_FIRST_WORD = re.compile("[.,?!'\"]")


def forbidden_pattern(word: str) -> str:
    return rf"\b{word}\b"


def holds(count: int, relation: str, limit: int) -> bool:
    """`count` stands in one of RELATIONS to `limit`."""
    return count < limit if relation == "less than" else count >= limit


def existence(text: str, keywords: list[str]) -> bool:
    """Every keyword is found anywhere, also inside a word."""
    return all(re.search(keyword, text, re.IGNORECASE) for keyword in keywords)


def frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return holds(len(re.findall(keyword.strip(), text, re.IGNORECASE)), relation, frequency)


def forbidden(text: str, forbidden_words: list[str]) -> bool:
    """No word is found between two word boundaries; "C++" at the end of a text has none behind it."""
    return not any(re.search(forbidden_pattern(word), text, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return holds(text.lower().count(letter.lower()), let_relation, let_frequency)


def response_language(text: str, language: str) -> bool:
    """A text without a language is in every language."""
    return detected_language(text) in (language, None)


def english_capital(text: str) -> bool:
    return text.isupper() and response_language(text, "en")


def english_lowercase(text: str) -> bool:
    return text.islower() and response_language(text, "en")


def capital_word_frequency(text: str, capital_frequency: int, capital_relation: str) -> bool:
    """nltk's tokens count, so "DON'T" is two words in capitals and "STATE-OF-THE-ART" one."""
    return holds(sum(token.isupper() for token in split_words(text)), capital_relation, capital_frequency)


def number_words(text: str, num_words: int, relation: str) -> bool:
    """Runs of word characters: "don't" is two."""
    return holds(len(re.findall(r"\w+", text)), relation, num_words)


def number_sentences(text: str, num_sentences: int, relation: str) -> bool:
    return holds(len(split_sentences(text)), relation, num_sentences)


def number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Pieces between any three asterisks; the first and the last may be empty, one between them may not."""
    pieces = re.split(r"\s?\*\*\*\s?", text)
    return all(map(str.strip, pieces[1:-1])) and sum(map(bool, map(str.strip, pieces))) == num_paragraphs


def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Blank paragraphs do not count, but they keep their places: after one, the n-th is another than a reader's."""
    paragraphs = text.split("\n\n")
    count = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if nth_paragraph > count or not (found := paragraphs[nth_paragraph - 1].split()):
        return False
    word = _ENDS_A_FIRST_WORD.split(found[0].lstrip("'").lstrip('"'), maxsplit=1)[0]
    said = "".join(letter.lower() for letter in word)  # letter by letter: the last sigma of a Greek word stays as it is
    return count == num_paragraphs and said == first_word.lower()


def no_comma(text: str) -> bool:
    return "," not in text

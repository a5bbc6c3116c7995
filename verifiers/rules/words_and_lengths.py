"""Instruction checks on words, letters, counts and lengths (IFEval: keywords, length_constraints, change_case, ...)."""

from __future__ import annotations

import re
import unicodedata

from openqwq.verifiers.rules.text import (
    bare,
    count_folded,
    count_phrase,
    folded,
    has_unspaced,
    holds,
    paragraphs,
    sentences,
    words,
)

_DIVIDER = re.compile(r"^[ \t]*\* ?\* ?\*[ \t]*$", re.MULTILINE)
_CAPITAL_WORD = re.compile(r"(?<![\w'’-])[^\W\d_]+(?:['’-][^\W\d_]+)*(?![\w'’-])")
_COMMA = re.compile("[,\uff0c\u3001\uff64\u060c\ufe50\ufe51\ufe10\ufe11\u055d\u1363\u1802\u2e41\u2e32\u07f8\u1808]")


def has_keywords(text: str, keywords: list[str]) -> bool:
    """keywords:existence"""
    said = folded(text)
    return all(count_folded(said, keyword) for keyword in keywords)


def keyword_frequency(text: str, keyword: str, frequency: int, relation: str = "at least") -> bool:
    """keywords:frequency"""
    return holds(count_phrase(text, keyword), relation, frequency)


def no_forbidden_words(text: str, forbidden_words: list[str]) -> bool:
    """keywords:forbidden_words"""
    said = folded(text)
    return not any(count_folded(said, word) for word in forbidden_words)


def letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str = "at least") -> bool:
    """keywords:letter_frequency: any character, without regard to case; é is no e, however it is encoded"""
    wanted = folded(letter)
    count = folded(text).count(wanted) if wanted else unicodedata.normalize("NFC", text).count(letter)
    return holds(count, let_relation, let_frequency)


def number_sentences(text: str, num_sentences: int, relation: str = "at least") -> bool:
    """length_constraints:number_sentences"""
    return holds(len(sentences(text)), relation, num_sentences)


def number_words(text: str, num_words: int, relation: str = "at least") -> bool:
    """length_constraints:number_words"""
    return holds(len(words(text)), relation, num_words)


def word_count_range(text: str, min_words: int, max_words: int) -> bool:
    """count:word_count_range"""
    return min_words <= len(words(text)) <= max_words


def number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """length_constraints:number_paragraphs: divided by lines of *** (or * * *); empty ends are tolerated, an empty
    middle is not"""
    blocks = divided(text)
    return len(blocks) == num_paragraphs and all(blocks)


def divided(text: str) -> list[str]:
    """Blocks between lines of ***, empty ones at the ends dropped."""
    blocks = [block.strip() for block in _DIVIDER.split(text)]
    return blocks[not blocks[0] : len(blocks) - (len(blocks) > 1 and not blocks[-1])]


def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """length_constraints:nth_paragraph_first_word: paragraphs are divided by blank lines"""
    blocks = paragraphs(text)
    if len(blocks) != num_paragraphs or not 1 <= nth_paragraph <= len(blocks):
        return False
    return first_word_is(blocks[nth_paragraph - 1], first_word)


def first_word_is(text: str, first_word: str) -> bool:
    """startend:first_word (also first_word:first_word_answer); without blanks between words, the text begins with it"""
    wanted = bare(first_word)
    if has_unspaced(wanted):
        return bare(text[: 4 * len(first_word) + 40]).startswith(wanted)
    found = words(text)
    return bool(found) and bool(wanted) and bare(found[0]) == wanted


def last_word_is(text: str, last_word: str) -> bool:
    """last_word:last_word_answer; without blanks between words, the text ends with it"""
    wanted = bare(last_word)
    if has_unspaced(wanted):
        return bare(text[-4 * len(last_word) - 40 :]).endswith(wanted)
    found = words(text)
    return bool(found) and bool(wanted) and bare(found[-1]) == wanted


def exact_repetitions(text: str, word: str, times: int) -> bool:
    """count:exact_repetitions: the answer is this word (or phrase) so many times and nothing else"""
    said = [bare(token) for token in words(text)]
    return said == [bare(token) for token in words(word)] * times


def unique_words(text: str, num_words: int, relation: str = "at least") -> bool:
    """count:unique_word_count"""
    return holds(len({bare(token) for token in words(text)}), relation, num_words)


def capital_word_frequency(text: str, capital_frequency: int, capital_relation: str = "at least") -> bool:
    """change_case:capital_word_frequency: words wholly in capitals; apostrophes and hyphens belong to the word"""
    return holds(
        sum(word.isupper() for word in _CAPITAL_WORD.findall(unicodedata.normalize("NFC", text))),
        capital_relation,
        capital_frequency,
    )


def no_comma(text: str) -> bool:
    """punctuation:no_comma, in any script"""
    return not _COMMA.search(text)

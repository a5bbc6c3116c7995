"""Instructions of IFTrain beyond IFEval (AllenAI, arXiv 2507.02833) by their plain meaning, with official arguments.

Where an official checker pays what the words do not say (a lone letter as a palindrome, one sentence as all sentences
joined), the words hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

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
from openqwq.verifiers.rules.words_and_lengths import divided, first_word_is, last_word_is, number_paragraphs

_DOT = re.compile("[.\u2024\u2025\u2026\uff0e\ufe52\u3002\uff61]")
_EXCLAMATION = re.compile("[!\uff01\u00a1\u203c\u2048\u2049\ufe57]")
_JOINT = re.compile(r"(?<=[.!?。！？])-(?=\S)")
_BRACKETED = re.compile(r"[(\"'“]*\[[^\[\]]*[^\W_][^\[\]]*\][)\"'”.,;:!?]*")
_WRAPPED = re.compile(r"<<([^<>]*)>>")


def repeats_phrase(text: str, phrase: str, small_n: int) -> bool:
    """copy:repeat_phrase: so many times the phrase, each time with one of its inner words replaced"""
    wanted, said = _bare_words(phrase), _bare_words(text)
    size = len(wanted)
    if size < 3:
        return False
    changed: list[int] = []
    place = 0
    while place + size <= len(said):
        window = said[place : place + size]
        differences = sum(one != other for one, other in zip(window, wanted, strict=True))
        if window[0] == wanted[0] and window[-1] == wanted[-1] and differences <= 1:
            changed.append(differences)
            place += size
        else:
            place += 1
    return len(changed) == small_n and all(changed)


def _bare_words(text: str) -> list[str]:
    return [bare(word) for word in words(text)]


def _same(text: str, other: str) -> bool:
    return folded(text).split() == folded(other).split()


def is_copy(text: str, prompt_to_repeat: str) -> bool:
    """copy:copy and copy:copying_simple: the text and nothing else; case and blanks are free"""
    return _same(text, prompt_to_repeat)


def is_span_copy(text: str, prompt_to_repeat: str, n_start: int, n_end: int) -> bool:
    """new:copy_span_idx: the characters from n_start to n_end, the last in (the words) or out (the checker)"""
    return any(_same(text, prompt_to_repeat[n_start:end]) and bool(text.strip()) for end in (n_end, n_end + 1))


def copies(text: str, prompt_to_repeat: str, N: int) -> bool:
    """copy:copying_multiple: so many copies with ****** between them"""
    parts = text.split("******")
    return len(parts) == N and all(_same(part, prompt_to_repeat) for part in parts)


def joined_by_hyphens(text: str) -> bool:
    """detectable_format:sentence_hyphens: two sentences or more, each end followed by a hyphen and no blank"""
    pieces = _JOINT.split(text.strip())
    return len(pieces) >= 2 and all(len(sentences(piece)) == 1 for piece in pieces)


def no_alphabet_neighbours(text: str) -> bool:
    """keywords:no_adjacent_consecutive: no word begins with the letter behind the first letter of the word before"""
    letters = [word[0] for word in _bare_words(text) if word]
    return bool(letters) and not any(ord(after) - ord(before) == 1 for before, after in _pairs(letters))


def _pairs(letters: list[str]) -> Iterable[tuple[str, str]]:
    return ((one, two) for one, two in pairwise(letters) if one.isalpha() and two.isalpha())


def all_in_brackets(text: str) -> bool:
    """detectable_format:square_brackets: every word in brackets of its own; punctuation may follow"""
    tokens = text.split()
    return bool(words(text)) and all(_BRACKETED.fullmatch(token) for token in tokens)


def word_once(text: str, keyword: str) -> bool:
    """keywords:word_once"""
    return count_phrase(text, keyword) == 1


def excludes_word(text: str, keyword: str) -> bool:
    """keywords:exclude_word_harder"""
    return count_phrase(text, keyword) == 0


def two_paragraphs(text: str) -> bool:
    """paragraphs:paragraphs: two with *** between them"""
    return number_paragraphs(text, 2)


def two_blocks(text: str) -> bool:
    """paragraphs:paragraphs2: two with a blank line between them"""
    return len(paragraphs(text)) == 2


def sentences_begin(text: str, first_word: str) -> bool:
    """first_word:first_word_sent"""
    found = sentences(text)
    return bool(found) and all(first_word_is(sentence, first_word) for sentence in found)


def sentences_end(text: str, last_word: str) -> bool:
    """last_word:last_word_sent, before the punctuation"""
    found = sentences(text)
    return bool(found) and all(last_word_is(sentence, last_word) for sentence in found)


def pairs_wrapped(text: str) -> bool:
    """detectable_format:bigram_wrapping: <<two words>>, nothing between; a last odd word in its own marks or none"""
    sizes = [len(words(inner)) for inner in _WRAPPED.findall(text)]
    *outside, last = [words(piece) for piece in _WRAPPED.sub("\0", text).split("\0")]
    is_even = bool(sizes) and all(size == 2 for size in sizes[:-1]) and not any(outside)
    return is_even and ((sizes[-1] == 2 and len(last) <= 1) or (sizes[-1] == 1 and not last))


def no_dot(text: str) -> bool:
    """punctuation:punctuation_dot, in any script; an ellipsis is of dots"""
    return not _DOT.search(text)


def no_exclamation(text: str) -> bool:
    """punctuation:punctuation_exclamation, in any script"""
    return not _EXCLAMATION.search(text)


def lowercase_words(text: str, N: int) -> bool:
    """count:lowercase_counting: at most so many words without a capital; a text that has no cases does not follow it"""
    found = words(text)
    is_cased = any(word.lower() != word.upper() for word in found)
    return is_cased and sum(word.islower() for word in found) <= N


def letters(text: str, N: int, relation: str) -> bool:
    """letters:letter_counting: letters of any script"""
    return holds(sum(map(str.isalpha, text)), relation, N)


def composition(text: str, n_sent: int, n_words: int) -> bool:
    """count:counting_composition: three paragraphs with *** between them, each of so many sentences of so many words"""
    blocks = divided(text)
    return len(blocks) == 3 and all(
        [len(words(sentence)) for sentence in sentences(block)] == [n_words] * n_sent for block in blocks
    )


def all_different(text: str) -> bool:
    """count:count_unique: no word twice"""
    found = _bare_words(text)
    return bool(found) and len(found) == len(set(found))


def once_and_twice(text: str, keyword1: str, keyword2: str) -> bool:
    """count:count_increment_word"""
    said = folded(text)
    return count_folded(said, keyword1) == 1 and count_folded(said, keyword2) == 2


def has_palindrome(text: str) -> bool:
    """keywords:palindrome: a word of three letters or more; without blanks between words, three characters in a row"""
    found = text.split() if not has_unspaced(text) else [text[at : at + 3] for at in range(len(text) - 2)]
    said = [bare(word) for word in found]
    return any(len(word) >= 3 and word.isalpha() and word == word[::-1] for word in said)


def word_at(text: str, keyword: str, n: int, m: int) -> bool:
    """keywords:keyword_specific_position: the keyword is the m-th word of the n-th sentence"""
    found = sentences(text)
    if not 1 <= n <= len(found):
        return False
    said, wanted = _bare_words(found[n - 1]), _bare_words(keyword)
    return m >= 1 and bool(wanted) and said[m - 1 : m - 1 + len(wanted)] == wanted


def begins_as_it_ends(text: str) -> bool:
    """keywords:start_end: the same word first and last, nothing behind it"""
    found = words(text)
    is_bare = bool(found) and text.rstrip()[-1:].isalnum()
    return is_bare and len(found) >= 2 and bare(found[0]) == bare(found[-1])

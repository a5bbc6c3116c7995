"""How strongly words speak for another language than the one that a text should be in, and their heaviest stretches.

A weight is about a log-likelihood ratio: above 0 for a word of another language, below for one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

from openqwq.verifiers.rules.alphabets import (
    ALPHABETS,
    CORE_ENGLISH,
    LOAN_WORDS,
    LOANS,
    PARTICLES,
    by_ending,
    is_pinyin,
)
from openqwq.verifiers.rules.english_words import ENGLISH_TRIPLES
from openqwq.verifiers.rules.scripts import LANGUAGE_SCRIPTS, MARKS, WORD, class_of, script_of
from openqwq.verifiers.rules.small_words import SMALL_WORDS

LEAST_WEIGHT = 2.2
"""A stretch of words is foreign from this weight on, if two are of one language; calibrated by
benchmarks/language_consistency.py."""
LEAST_WEIGHT_OF_ONE = 2.9
"""... if one is in a list and two more do not look English."""
LEAST_WEIGHT_OF_NONE = 3.6
"""... if no list knows its words."""
_ELISION = r"(?:[ldnqcjsmtLDNQCJSMT]|[Qq]u|[Dd]ell|[Dd]all|[Nn]ell|sull|[Aa]ll|[Uu]n|jusqu|lorsqu)['’](?=[^\W\d_]{2})"
_GREEK = frozenset(map(chr, range(0x370, 0x400)))
_LATIN = class_of({"latin"})
_TOKEN = re.compile(f"{_ELISION}|{WORD}")
_TOKEN_BY_SCRIPT = re.compile(rf"[{_LATIN}]+|(?:(?![{_LATIN}])[^\W\d_]|[{MARKS}])+")
_ENDS_SENTENCE = re.compile(r"[.!?:;\n\"“«(\[*#>|`-]")
_QUOTED = re.compile(r"[\"“«„‘‹](?=[^\s\"“”«»„])([^\"“”«»„‘’‹›\n]{1,40})[\"”»“’›]")
_SIBLINGS = ({"id", "ms"}, {"no", "da"}, {"hr", "sr"}, {"hr", "sl"}, {"sr", "sl"}, {"cs", "sk"})
_AROUND = 6
_CODE_SIGNS = frozenset("_/\\=@#%^&+~{}")


class Token(NamedTuple):
    """One word of a text: text[start:end] is `said` in lower case; `weight` is for the words around it."""

    start: int
    end: int
    said: str
    weight: float


class Weights:
    """Weights of words against one language. Built once for each (`weights_for`)."""

    def __init__(self, language: str) -> None:
        self.language = language
        scripts = LANGUAGE_SCRIPTS[language]
        self.is_latin = "latin" in scripts
        self.script = "latin" if self.is_latin else min(scripts)
        self.own = SMALL_WORDS.get(language, frozenset())
        rivals = [rival for rival in SMALL_WORDS if self._is_rival(rival)]
        self.votes: dict[str, tuple[str, ...]] = {}
        for rival in rivals:
            for word in SMALL_WORDS[rival]:
                self.votes[word] = (*self.votes.get(word, ()), rival)
        self.alphabet = ALPHABETS.get(language)
        self.has_rivals = self.is_latin or any(self.script in LANGUAGE_SCRIPTS.get(rival, ()) for rival in rivals)
        """Whether other languages with a list use its writing system."""
        self.weight_of = lru_cache(maxsize=1 << 16)(self._weight_of)
        self.token = _TOKEN if self.is_latin else _TOKEN_BY_SCRIPT

    def _is_rival(self, rival: str) -> bool:
        if rival == self.language or any({rival, self.language} <= pair for pair in _SIBLINGS):
            return False
        scripts = LANGUAGE_SCRIPTS.get(rival, frozenset({"latin"}))
        return self.script in scripts or "latin" in scripts

    def _weight_of(self, word: str) -> float:
        """Of a case-folded word by itself."""
        if word[-1] in "'’":  # l', d', qu'
            return 0.0 if self.language in ("fr", "it", "ca") else 1.2
        if len(word) == 1 and word.isascii():
            return -0.5 if word in self.own else 0.0
        is_shared = word in self.votes
        if word in self.own:
            return -0.4 if is_shared else -1.6
        if not is_shared:
            return self._of_unknown(word)
        if self.is_latin or not word.isascii():
            return 1.4 if len(word) > 2 else 1.0
        return 1.2 if word in CORE_ENGLISH or "en" not in self.votes[word] else 0.4

    def _of_unknown(self, word: str) -> float:
        if not self.is_latin and script_of(word[0]) == "latin":
            return -0.2
        is_odd = self.alphabet is not None and not self.alphabet.issuperset(word)
        if self.is_latin and not set(word).isdisjoint(_GREEK):
            return 0.0
        endings = self.is_latin and self.language not in (ends := by_ending(word)) and bool(ends)
        if self.language != "en":
            return 0.7 if is_odd or endings else -0.2 if self.has_rivals else -2.0
        if word in LOAN_WORDS:
            return 0.0
        marked = f"_{word}_"
        known = sum(marked[place : place + 3] in ENGLISH_TRIPLES for place in range(len(word))) / len(word)
        looks = -0.3 if known == 1 else 0.1 if known > 0.75 else 0.6 if known > 0.5 else 1.0
        return (max(looks, 0.9) if endings else looks + 0.3 * (word[-1] in "aiou")) + 0.6 * is_odd

    def heavy_stretches(self, text: str) -> list[tuple[int, int]]:
        """(start, end) of the stretches of words that are in another language.

        Words are weighed by themselves first; only where that is heavy, by what stands around them."""
        words: list[str] = self.token.findall(text)
        bounds = {word: self.weight_of(word.casefold()) for word in set(words)}
        heavy = _stretches([bounds[word] for word in words])
        if not heavy:
            return []
        where = [match.span() for match in self.token.finditer(text)]
        context = _Context(text)
        found: list[tuple[int, int]] = []
        for first, last in heavy:
            low, high = max(0, first - _AROUND), min(len(words), last + _AROUND + 1)
            tokens = self._in_context(context, words[low:high], where[low:high], [bounds[w] for w in words[low:high]])
            for begin, end in _stretches([token.weight for token in tokens]):
                place = (tokens[begin].start, tokens[end].end)
                if self._is_other_language(tokens[begin : end + 1], text) and (not found or found[-1][1] <= place[0]):
                    found.append(place)
        return found

    def _in_context(
        self, context: _Context, words: Sequence[str], where: Sequence[tuple[int, int]], bounds: Sequence[float]
    ) -> list[Token]:
        """Tokens with what their places make of their weights: names, acronyms, quoted terms weigh little."""
        tokens: list[Token] = []
        for place, (word, (start, end), weight) in enumerate(zip(words, where, bounds, strict=True)):
            if weight > 0:
                if start in context.quoted or _is_identifier(context.text, start, end):
                    weight = 0.0
                elif word[-1] in "'’":
                    weight = weight if context.text[end].islower() or context.is_shouted else 0.0
                elif word.casefold() in PARTICLES and _is_in_a_name(context.text, words, where, place):
                    weight = 0.0
                elif word[0].isupper() and not context.is_shouted:
                    before = tokens[-1] if tokens else None
                    weight = self._of_capitalised(
                        word, weight, before, context.text[before.end : start] if before else ""
                    )
            tokens.append(Token(start, end, word.casefold(), weight))
        return tokens

    def _of_capitalised(self, word: str, weight: float, before: Token | None, gap: str) -> float:
        """The first word of a sentence and a shouted row of words weigh as they are."""
        if len(word) > 1 and word.isupper():
            return weight if before and before.weight > 0 and gap.isspace() else 0.0
        begins = before is None or _ENDS_SENTENCE.search(gap) is not None
        if word.casefold() not in self.votes:
            return min(weight, 0.5 if begins else 0.0)
        return weight if begins else 0.5

    def _is_other_language(self, tokens: Sequence[Token], text: str) -> bool:
        """Enough different words of one other language, or many that are of none, and no loan phrase."""
        said = [token.said for token in tokens]
        if self._is_pinyin(said):
            return True
        if LOANS.search(" ".join(said)):
            said = LOANS.sub(" ", " ".join(said)).split()
            if sum(map(self.weight_of, said)) < LEAST_WEIGHT:
                return False
        odd = {token.said for token in tokens if token.weight > 0} & set(said)
        hits = {word for word in odd if word in self.votes or by_ending(word)}
        of_one = max(self.counts(hits).values(), default=0)
        if of_one >= 2:
            return 2 * of_one >= len(hits)
        weight = sum({token.said: token.weight for token in tokens}.values())
        gaps = [text[one.end : two.start] for one, two in pairwise(tokens)]
        is_prose = sum(gap == " " for gap in gaps) >= 0.6 * len(gaps)
        return (
            self.language == "en"
            and is_prose
            and (
                (of_one == 1 and len(odd) >= 3 and weight >= LEAST_WEIGHT_OF_ONE)
                or (len(odd) >= 4 and weight >= LEAST_WEIGHT_OF_NONE)
            )
        )

    def counts(self, words: Iterable[str]) -> dict[str, int]:
        """By other language, how many of the words are in its list and not in the language's own."""
        counts: dict[str, int] = {}
        for word in words:
            if word in self.own:
                continue
            for rival in self.votes.get(word) or by_ending(word):
                counts[rival] = counts.get(rival, 0) + 1
        return counts

    def _is_pinyin(self, said: Sequence[str]) -> bool:
        syllables = [word for word in said if is_pinyin(word)]
        return len(syllables) >= 5 and len(syllables) > 0.8 * len(said) and len(set(syllables) - self.own) >= 4

    def evidence(self, text: str) -> tuple[int, int, int]:
        """Different words: (of the language, of the other language with the most, unknown ones of another look)."""
        said = {word.casefold() for word in self.token.findall(text)}
        own = sum(word in self.own for word in said)
        rival = max(self.counts(word for word in said if len(word) > 1).values(), default=0)
        odd = sum(self._of_unknown(word) > 0.2 for word in said - self.own if len(word) > 1)
        return own, rival, odd


class _Context:
    """What is asked of a text where it is heavy, computed then."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def is_shouted(self) -> bool:
        return sum(map(str.isupper, self.text)) > 0.6 * sum(map(str.isalpha, self.text))

    @cached_property
    def quoted(self) -> frozenset[int]:
        """Starts of the words in quotes of at most three words."""
        starts: set[int] = set()
        for match in _QUOTED.finditer(self.text):
            words = list(_TOKEN.finditer(match.group(1)))
            if len(words) <= 3:
                starts.update(match.start(1) + word.start() for word in words)
        return frozenset(starts)


def _stretches(weights: Sequence[float]) -> list[tuple[int, int]]:
    """(first, last) place of the stretches whose sum reaches LEAST_WEIGHT (Kadane's algorithm, again behind each)."""
    found: list[tuple[int, int]] = []
    weight = best = 0.0
    first = last = 0
    for place, gained in enumerate(weights):
        if weight <= 0.0:
            if gained <= 0.0:
                continue
            weight = best = 0.0
            first = place
        weight += gained
        if weight > best:
            best, last = weight, place
        elif weight <= 0.0 or best - weight > LEAST_WEIGHT:
            if best >= LEAST_WEIGHT:
                found.append((first, last))
            weight = best = 0.0
    if best >= LEAST_WEIGHT and weight > 0.0:
        found.append((first, last))
    return found


def _is_identifier(text: str, start: int, end: int) -> bool:
    """A part of a path, an option, a dotted name, an assignment, a call or a name with underscores."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (
        before[-1:] in _CODE_SIGNS
        or after[:1] in _CODE_SIGNS
        or after[:1] in ("(", "[")
        or (before[-1:] == "." and before[:1].isalnum())
        or (after[:1] == "." and after[1:].isalnum())
        or (before[-1:] == "-" and before[:1] in " \n")
        or before[-1:].isdigit()
        or after[:1].isdigit()
    )


def _is_in_a_name(text: str, words: Sequence[str], where: Sequence[tuple[int, int]], place: int) -> bool:
    """Between capitalised words, other particles aside: "Juan de la Cruz", "La Paz", "Ludwig van Beethoven"."""

    def neighbour(step: int) -> bool:
        near = place
        while 0 <= near < len(words) and words[near].casefold() in PARTICLES and abs(near - place) < 4:
            near += step
        return 0 <= near < len(words) and text[where[near][0]].isupper()

    return neighbour(1) and (neighbour(-1) or words[place][0].isupper())


@lru_cache(maxsize=64)
def weights_for(language: str) -> Weights:
    """Weights against a language, a key of LANGUAGE_SCRIPTS."""
    return Weights(language)

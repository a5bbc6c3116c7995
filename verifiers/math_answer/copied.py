"""Takes out of a response what it copies from its prompt: a copied number is not the model's answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_CJK = r"\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(
    rf"[{_CJK}]|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+"
    r"|(?<=[\w)}\]]) ?[-+/^=<>](?= ?[\w\\({\[])"  # signs between terms, not those of a list or a quotation
)
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]")
_SENTENCE = re.compile(r"[^\n.!?;。！？；]+(?:[.!?;](?!\s|$)[^\n.!?;。！？；]*)*")
_OPTION = re.compile(r"\s*\(?[A-Ja-j][).:]")
_LINE = re.compile(r"[^\n]+")
_BEHIND_LABEL = re.compile(r"(?<=[:\uff1a])[^\n:\uff1a]+$", re.MULTILINE)  # Question: ...
_BEHIND = re.compile(r"\$?[ \t.,;:!?。，；：！？\"'*_)\]}\u2019\u201d]*")
_BEFORE = "$*_\"'([{\u2018\u201c> \t"
_PROMPT_CHARS = 50_000
SHORT_RUN, LONG_RUN = 10, 24
"""Weights of a run of words that is no accident: five words or Chinese characters, and twelve."""


class _Token(NamedTuple):
    word: str
    start: int
    end: int
    weight: int


def without_copied(text: str, asked: str, run_weight: int = SHORT_RUN) -> str:
    """The text without runs of words of this weight that the prompt has too, in any layout, case and markdown.

    With SHORT_RUN, a whole line or sentence of the prompt goes too, whatever its length; a lone number and a lone
    option, as `(B) 12`, stay: they are answers.
    """
    if not asked.strip():
        return text
    text = _INVISIBLE.sub("", text)
    asked, ours = asked[-_PROMPT_CHARS:], list(_tokens(text))
    known = _known_runs(asked, run_weight)
    spans = [(ours[i].start, ours[j - 1].end) for i, (gram, j) in enumerate(_grams(ours, run_weight)) if gram in known]
    if run_weight == SHORT_RUN:
        spans += _whole_pieces(text, asked)
    return _cut(text, spans)


@lru_cache(maxsize=256)  # the samples of a group have one prompt
def _known_runs(asked: str, run_weight: int) -> frozenset[tuple[str, ...]]:
    return frozenset(run for run, _ in _grams(list(_tokens(asked)), run_weight))


@lru_cache(maxsize=256)
def _known_pieces(asked: str) -> frozenset[tuple[str, ...]]:
    return frozenset(words for _, _, words in _pieces(asked))


def _tokens(text: str) -> Iterator[_Token]:
    for match in _WORD.finditer(text):
        word = match[0].strip()
        weight = 2 if word[0].isalnum() else 0
        yield _Token(word.replace(",", "").casefold(), match.start(), match.end(), weight)


def _grams(tokens: list[_Token], run_weight: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """For each token, the shortest run from it on that has the weight, and the index behind that run."""
    end = weight = 0
    for start, token in enumerate(tokens):
        while end < len(tokens) and weight < run_weight:
            weight += tokens[end].weight
            end += 1
        if weight < run_weight:
            return
        yield tuple(one.word for one in tokens[start:end]), end
        weight -= token.weight


def _whole_pieces(text: str, asked: str) -> list[tuple[int, int]]:
    """Spans of the lines and sentences, and of lines behind a label, that are such of the prompt."""
    known = _known_pieces(asked)
    return [(start, end) for start, end, words in _pieces(text) if words in known]


def _pieces(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    for pattern in (_SENTENCE, _LINE, _BEHIND_LABEL):
        for match in pattern.finditer(text):
            words = tuple(token.word for token in _tokens(match[0]))
            if len(words) > 1 and not _OPTION.match(match[0]):
                yield match.start(), match.end(), words


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    kept: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if end <= position:
            continue
        if before := text[position:start].rstrip(_BEFORE):  # the marks around copied words belong to them
            kept.append(before + "." if before[-1].isalnum() else before)  # it does not break off
        behind = _BEHIND.match(text, end)
        position = behind.end() if behind else end
    return "\n".join([*kept, text[position:]]) if spans else text

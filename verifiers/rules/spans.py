"""Code, formulas and links inside a text: where they stand, and the text with them blanked out. Linear time."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "formula", "link"]
_CLOSERS = {"```": "```", "~~~": "~~~", "`": "`", "$$": "$$", "$": "$", r"\[": r"\]", r"\(": r"\)"}
_OPENER = re.compile(r"```|~~~|`|(?<!\\)\$\$?|\\\[|\\\(")
_LINK = re.compile(r"https?://[^\s<>\"'`]+|(?<!\S)[^\s@]{1,64}@\S{1,200}")
_COMMAND = re.compile(r"\\[A-Za-z]+|</?[A-Za-z][^<>\n]{0,80}>|&[a-z]{2,8};")
_LETTER = re.compile(r"[^\W\d_]")
_SENTENCE_LIKE = re.compile(r"[^\W\d_]{2,}(?:[ \t,;:.'\u2019-]+[^\W\d_]+){3,}")
_NOT_BLANK = re.compile(r"[^\n]")


@dataclass(frozen=True)
class Span:
    """text[start:end] is code, a formula or a link, marks included. Example: Span(4, 9, "code")."""

    start: int
    end: int
    kind: Kind


def spans_of(text: str) -> list[Span]:
    """Spans in order, none within another. A mark that nothing closes opens none; one mark alone (` or $) closes within
    its paragraph."""
    found: list[Span] = []
    unclosed: set[str] = set()
    position = 0
    for opener in _OPENER.finditer(text):
        mark = opener.group()
        if opener.start() < position or mark in unclosed:
            continue
        closer = _CLOSERS[mark]
        close = text.find(closer, opener.end())
        if close < 0:
            unclosed.add(mark)
            continue
        if mark in ("`", "$") and "\n\n" in text[opener.end() : close]:
            continue
        position = close + len(closer)
        found.append(Span(opener.start(), position, "code" if mark[0] in "`~" else "formula"))
    return _with_links(text, found)


def _with_links(text: str, found: list[Span]) -> list[Span]:
    if "://" not in text and "@" not in text:
        return found
    starts = [span.start for span in found]
    links = []
    for link in _LINK.finditer(text):
        before = bisect.bisect_right(starts, link.start()) - 1
        if before < 0 or found[before].end <= link.start():
            links.append(Span(*link.span(), "link"))
    return sorted([*found, *links], key=lambda span: span.start)


def blanked(text: str, spans: list[Span], keep: frozenset[Kind] = frozenset()) -> str:
    """The text at its length, with spaces for spans, LaTeX commands and tags; of the kinds in `keep` what reads as four
    words in a row stays."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        pieces.append(text[position : span.start])
        inner = text[span.start : span.end]
        pieces.append(_only_sentences(inner) if span.kind in keep else _blank(inner))
        position = span.end
    pieces.append(text[position:])
    return _COMMAND.sub(lambda match: " " * len(match.group()), "".join(pieces))


def _blank(text: str) -> str:
    return " " * len(text) if "\n" not in text else _NOT_BLANK.sub(" ", text)


def _only_sentences(text: str) -> str:
    text = _COMMAND.sub(lambda match: " " * len(match.group()), text)
    pieces: list[str] = []
    position = 0
    for match in _SENTENCE_LIKE.finditer(text):
        pieces += [_blank(text[position : match.start()]), match.group()]
        position = match.end()
    return "".join([*pieces, _blank(text[position:])])

"""Language of an answer: the checks of IFEval's language ids and the `language` consistency verifier.

What counts as foreign is found in `foreign.py`; no model is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.rules.foreign import Passage, foreign_passages, has_own_letters, mostly_own_letters, normal
from openqwq.verifiers.rules.scripts import LANGUAGE_SCRIPTS, language_code
from openqwq.verifiers.rules.spans import blanked, spans_of
from openqwq.verifiers.rules.text import sentence_spans
from openqwq.verifiers.rules.word_weights import weights_for

_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PAIRS = (("```", "```"), ("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"))
_NOT_PROSE = re.compile(
    r"`[^`\n]*`|\$[^$\n]*\$|\\[A-Za-z]+(?:\{[^{}]*\})*|https?://\S+|<[^<>\n]{1,60}>|(?<!\S)[^\s@]{1,64}@\S{1,200}"
)


def prose(text: str) -> str:
    """The text without code, formulas, links and tags. Linear time: pairs are searched once from left to right."""
    for opening, closing in _PAIRS:
        text = _without_pairs(text, opening, closing)
    return _NOT_PROSE.sub(" ", text)


def _without_pairs(text: str, opening: str, closing: str) -> str:
    kept: list[str] = []
    position = 0
    while (start := text.find(opening, position)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        kept.append(text[position:start])
        position = end + len(closing)
    return " ".join([*kept, text[position:]])


def response_language(text: str, language: str) -> bool:
    """language:response_language: in the language from end to end, and something in the text says that it is.

    Fails closed: a text without letters, or one whose words may be of any language, is in none.
    """
    code = language_code(language)
    if code is None:
        raise ValueError(f"unknown language {language!r}; known: {', '.join(sorted(LANGUAGE_SCRIPTS))}")
    text = normal(text)
    spans = spans_of(text)
    return (
        mostly_own_letters(text, code, spans)
        and not foreign_passages(text, code, spans)
        and _speaks(blanked(text, spans), code)
    )


def _speaks(prose: str, code: str) -> bool:
    """More different words of the language than of any other, where others share its writing system.

    Japanese has kana. A short text of words that are in no list is English if all look so."""
    if code == "ja":
        return _KANA.search(prose) is not None
    weights = weights_for(code)
    if not weights.has_rivals:
        return True
    own, rival, odd = weights.evidence(prose)
    return own > rival or (code == "en" and own == rival == odd == 0)


def english_capital(text: str) -> bool:
    """change_case:english_capital: English without a lower-case letter"""
    return not any(character.islower() for character in text) and response_language(text.casefold(), "en")


def english_lowercase(text: str) -> bool:
    """change_case:english_lowercase: English without a capital letter"""
    return not any(character.isupper() for character in text) and response_language(text, "en")


def _said(prompt: object) -> str:
    """The text of a prompt, which an answer may quote."""
    if isinstance(prompt, str):
        return " ".join(normal(prompt).split())
    messages = prompt if isinstance(prompt, Sequence) else ()
    said = (str(message.get("content") or "") for message in messages if isinstance(message, Mapping))
    return " ".join(normal(" ".join(said)).split())


def _clean_share(text: str, passages: Sequence[Passage]) -> float:
    """Share of the sentences that no passage lies in."""
    if not passages:
        return 1.0
    spans = sentence_spans(text)
    count = place = 0
    for start, end in spans:
        while place < len(passages) and passages[place].end <= start:
            place += 1
        count += place < len(passages) and passages[place].start < end
    return 1.0 - count / max(1, len(spans))


class LanguageVerifier(VerifierBase):
    """1 when the text stays in the target language; with partial=true the share of sentences that do.

    Code, formulas, links, names, short quoted terms and what the prompt says do not count, foreign sentences count
    wherever they stand. target: the language, default from reference["language"].
    scope: "all" covers the thinking as well, "answer" only the text after it.
    """

    name = "language"

    def __init__(self, target: str | None = None, scope: str = "all", partial: bool = False) -> None:
        if scope not in ("all", "answer"):
            raise VerifierError(f"scope is 'all' or 'answer', got {scope!r}")
        if target is not None and language_code(target) is None:
            raise VerifierError(f"unknown language {target!r}; known: {', '.join(sorted(LANGUAGE_SCRIPTS))}")
        self.target = target
        self.scope = scope
        self.partial = partial

    def grade(self, response: str, row: Row) -> Verdict:
        if problem := self.check_reference(row):
            return Verdict.error(problem)
        code = language_code(self._target(row)) or ""
        graded = graded_text(response, row.get("prompt"))
        if self.scope == "answer" and graded.problem:
            return Verdict.scored(0.0, graded.problem)
        text = normal(response if self.scope == "all" else graded.text)
        spans = spans_of(text)
        passages = foreign_passages(text, code, spans, _said(row.get("prompt")))
        if not passages and not has_own_letters(text, code, spans):
            return self._without_own_letters(blanked(text, spans), code)
        share = _clean_share(text, passages)
        reason = f"not {code}: {text[passages[0].start : passages[0].end][:80]!r}" if passages else ""
        return Verdict.scored(share if self.partial else not passages, reason, {"clean_share": share})

    @staticmethod
    def _without_own_letters(prose: str, code: str) -> Verdict:
        """Formulas and numbers are in any language; a text of other letters is not in this one."""
        words = _WORD.findall(prose)
        if len(words) < 2:
            return Verdict.not_applicable("no natural-language text")
        return Verdict.scored(0.0, f"not {code}: {' '.join(words)[:80]!r}", {"clean_share": 0.0})

    def _target(self, row: Row) -> str:
        reference = row.get("reference")
        return self.target or (str(reference.get("language", "")) if isinstance(reference, dict) else "")

    def check_reference(self, row: Row) -> str | None:
        target = self._target(row)
        return None if language_code(target) else f"no known target language, got {target!r}"

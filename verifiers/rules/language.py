"""Language of an answer: the checks of IFEval's language ids and the `language` consistency verifier.

By script for languages with their own, by frequent small words between languages of one script; no model is
needed.
"""

from __future__ import annotations

import re

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.rules.scripts import LANGUAGE_SCRIPTS, language_code, runs, script_of
from openqwq.verifiers.rules.small_words import SMALL_WORDS
from openqwq.verifiers.rules.text import sentences, words

MIN_WORDS = 6
"""Sentences with fewer words are too short to tell languages of one script apart."""
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


def is_clean_sentence(sentence: str, language: str) -> bool:
    """No foreign writing system of two letters or more, and no sign that it is another language of the same
    script.

    Latin words inside text of another script are allowed (names, technical terms) while they are the smaller
    part.
    """
    own = LANGUAGE_SCRIPTS[language]
    letters: dict[str, int] = {}
    for script, count in runs(sentence):
        if script not in own and script != "latin" and count >= 2:
            return False
        letters[script] = letters.get(script, 0) + count
    mine = sum(count for script, count in letters.items() if script in own)
    if "latin" not in own and mine < _weighed(letters.get("latin", 0), own):
        return False
    return not _is_another_language(sentence, language)


def _weighed(latin_letters: int, own: frozenset[str]) -> float:
    """A Han or kana character counts as three Latin letters, as it carries about as much text."""
    return latin_letters / 3 if own & {"han", "kana", "hangul"} else latin_letters


def _is_another_language(sentence: str, language: str) -> bool:
    found = [word.casefold() for word in re.findall(r"[^\W\d_]+", sentence)]
    if language == "zh":
        return sum(script_of(character) == "kana" for character in sentence) >= 2
    if language == "ja":
        letters = [script_of(character) for character in sentence]
        return letters.count("han") >= 12 and letters.count("kana") == 0
    if language not in SMALL_WORDS or len(found) < MIN_WORDS:
        return False
    script = LANGUAGE_SCRIPTS[language]
    rivals = [other for other in SMALL_WORDS if other != language and LANGUAGE_SCRIPTS[other] & script]
    own_hits = sum(word in SMALL_WORDS[language] for word in found)
    best = max((sum(word in SMALL_WORDS[other] for word in found) for other in rivals), default=0)
    return best >= 3 and best > 1.5 * own_hits


def response_language(text: str, language: str) -> bool:
    """language:response_language: every sentence of the prose is in the language; a text without letters is not."""
    code = language_code(language)
    if code is None:
        raise ValueError(f"unknown language {language!r}; known: {', '.join(sorted(LANGUAGE_SCRIPTS))}")
    kept = prose(text)
    if not any(script_of(character) in LANGUAGE_SCRIPTS[code] for character in kept):
        return False
    return all(is_clean_sentence(sentence, code) for sentence in sentences(kept)) and is_clean_sentence(kept, code)


def english_capital(text: str) -> bool:
    """change_case:english_capital: English without a lower-case letter"""
    return _cased(text) and not any(character.islower() for character in text) and _is_english(text)


def english_lowercase(text: str) -> bool:
    """change_case:english_lowercase: English without a capital letter"""
    return _cased(text) and not any(character.isupper() for character in text) and _is_english(text)


def _cased(text: str) -> bool:
    return any(character.isupper() or character.islower() for character in text)


def _is_english(text: str) -> bool:
    return len(words(text)) < 8 or response_language(text.casefold(), "en")


class LanguageVerifier(VerifierBase):
    """Share of sentences in the target language; with partial=false (default) 1 only when all are.

    Code, formulas, links and names do not count. target: the language, default from reference["language"].
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
        text = prose(response if self.scope == "all" else graded.text)
        pieces = [piece for piece in sentences(text) if runs(piece)]
        if not pieces:
            return Verdict.not_applicable("no natural-language text")
        dirty = [piece for piece in pieces if not is_clean_sentence(piece, code)]
        share = 1.0 - len(dirty) / len(pieces)
        reason = f"not {code}: {dirty[0][:80]!r}" if dirty else ""
        return Verdict.scored(share if self.partial else not dirty, reason, {"clean_share": share})

    def _target(self, row: Row) -> str:
        reference = row.get("reference")
        return self.target or (str(reference.get("language", "")) if isinstance(reference, dict) else "")

    def check_reference(self, row: Row) -> str | None:
        target = self._target(row)
        return None if language_code(target) else f"no known target language, got {target!r}"

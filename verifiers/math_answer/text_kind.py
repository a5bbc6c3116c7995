"""Whether a text is words, letters or a formula. It is decided here, from its tokens, and nowhere else.

Words are compared with words and formulas with formulas. A few letters, `abc` or `blue`, can be either.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from openqwq.verifiers.math_answer.tokens import ALIASES, FUNCTIONS, GREEK

TextKind = Literal["words", "letters", "formula"]
SURE_LETTERS = 5  # a product of so many letters and no sign is rarer than a word
_FUNCTION_WORDS = """
a an the to of in at on is are be by no not yes all any each one two three four six ten it up off odd even and or nor
if so as for from with
"""
_KNOWN = frozenset(_FUNCTION_WORDS.split())
_NAMES = frozenset({*FUNCTIONS, *ALIASES, *(name[1:] for name in GREEK), "sqrt", "binom", "pi", "floor", "ceil"})
_RUN = re.compile(r"[^\W\d_]+")
_PIECE = rf"(?:{_RUN.pattern}(?:['’-]{_RUN.pattern})*|\d+)[.:]?"
_PHRASE = re.compile(rf"{_PIECE}(?:[\s,]+{_PIECE})*")
_LETTERS = re.compile(r"[A-Za-z\s]{2,}")
_WRAPPER = re.compile(r"\\text\s*\{([^{}]*)\}")
_AROUND = " .,;:!'\"()[]"


def unwrapped(text: str) -> str:
    """The text with the contents of its \\text wrappers in their place."""
    return _WRAPPER.sub(r" \1 ", text)


@lru_cache(maxsize=4096)
def text_kind(text: str) -> TextKind:
    """What a cleaned text is that has neither lists nor relations outside its brackets; wrappers do not count.

    words    letters, numbers by themselves, and hyphens, with a sure word among them: `August 5`, `one-to-one`, `偶数`
    letters  letters and blanks alone: `abc`, `blue`, `AB CD`
    formula  all else: an operator, a bracket, a digit beside a letter, a command, a function, a single letter
    """
    shown = unwrapped(text).strip(_AROUND)
    if not _PHRASE.fullmatch(shown):
        return "formula"
    runs = _RUN.findall(shown)
    if any(map(_is_sure, runs)) or sum(run.lower() in _KNOWN for run in runs) > 1:
        return "words"
    is_letters = _LETTERS.fullmatch(shown) and _NAMES.isdisjoint(runs)
    return "letters" if is_letters else "formula"


def _is_sure(run: str) -> bool:
    return not run.isascii() or (len(run) >= SURE_LETTERS and run not in _NAMES)

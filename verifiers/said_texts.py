"""Whether an answer says a text: as whole words and whole numbers, not as a part of longer ones."""

from __future__ import annotations

import re
from functools import lru_cache

from openqwq.verifiers.rules.scripts import UNSPACED
from openqwq.verifiers.rules.text import count_phrase, folded

_WORD = rf"[^\W_{UNSPACED}]"
_UNSPACED = re.compile(f"[{UNSPACED}]")
_NUMBER_BEGINS = rf"(?<!{_WORD})(?<!\d[.,:])(?<!\s[-\u2212])(?<!\A[-\u2212])"
_NUMBER_ENDS = r"(?!\d|[.,:]\d)"


def says(answer: str, text: str) -> bool:
    """Does the answer hold the text, without regard to case and blanks? A number is not said by a longer one, by its
    negative or by a decimal, nor a word by another that holds it; a plural is its word.

    Example: says("It is 14:05.", "14:05"), and not says("It is 15.", "5").
    """
    if _pattern(text).search(folded(answer)):
        return True
    is_word = not text.strip()[:1].isdigit() and not text.strip()[-1:].isdigit()
    return is_word and count_phrase(answer, text) > 0


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    said = folded(text).strip() or text.strip()
    first, last = said[0], said[-1]
    begins = _NUMBER_BEGINS if first.isdigit() else f"(?<!{_WORD})" if _is_spaced(first) else ""
    plural = "(?:e?s)?" if len(said) > 2 and last.isascii() and last.isalpha() else ""
    ends = _NUMBER_ENDS if last.isdigit() else f"{plural}(?!{_WORD})" if _is_spaced(last) else ""
    return re.compile(begins + r"\s+".join(map(re.escape, said.split())) + ends)


def _is_spaced(sign: str) -> bool:
    """A letter of a script that writes blanks between words."""
    return sign.isalpha() and not _UNSPACED.match(sign)

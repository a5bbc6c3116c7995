"""Which patterns can match a text at all, by its script: a text without Thai signs is not searched for Thai words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_SIGNS = {
    "chinese": re.compile("[\u4e00-\u9fff]"),
    "japanese": re.compile("[\u3040-\u30ff]"),
    "korean": re.compile("[\uac00-\ud7af]"),
    "russian": re.compile("[\u0400-\u04ff]"),
    "arabic": re.compile("[\u0600-\u06ff]"),
    "hindi": re.compile("[\u0900-\u097f]"),
    "thai": re.compile("[\u0e00-\u0e7f]"),
}
_LATIN = re.compile("[A-Za-z]")


def patterns_for(text: str, patterns: Mapping[str, re.Pattern[str]]) -> Iterator[re.Pattern[str]]:
    """The patterns of the languages whose script occurs in the text, in their order."""
    for language, pattern in patterns.items():
        if _SIGNS.get(language, _LATIN).search(text):
            yield pattern

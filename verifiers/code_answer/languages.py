"""Which of the sandbox's languages a name means: of a fence, of a row, of a contest site."""

from __future__ import annotations

import re
from functools import lru_cache

_PYTHON = re.compile(r"(?:i?python|py|pypy|cpython)[\s._-]*(?:3(?:[.\s-]*\d+)*)?(?:[\s-]*\(?64(?:[\s-]?bit)?\)?)?")
_CPP = re.compile(r"(?:gnu|ms|microsoft visual|clang)?[\s-]*[cg](?:\+\+|pp|xx|plusplus)(?![a-z]).*|c|cc|gcc")
_JAVASCRIPT = re.compile(r"(?:javascript|js|node|node\.?js|ecmascript|mjs|cjs)[\s-]*(?:\(?[\d.]+\)?)?")


@lru_cache(1024)  # an answer may have thousands of fences
def language_of(name: str) -> str:
    """python, cpp, javascript, or nothing for every other language.

    Example: language_of("PyPy 3-64") == "python"; language_of("GNU C++17") == "cpp"; language_of("java") == "".
    """
    word = name.strip().lower()[:60]
    for pattern, language in ((_PYTHON, "python"), (_CPP, "cpp"), (_JAVASCRIPT, "javascript")):
        if pattern.fullmatch(word):
            return language
    return ""

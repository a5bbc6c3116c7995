"""Whether the e of `2e-1` is the constant or a power of ten.

Alone, an unsigned exponent, a decimal point, or two digits behind one digit and a sign speak for a power of ten: 3e8,
1.5e-3, 2e-10. Beside the constant it is the constant, in one text and in an answer to a gold that has it. In an answer
to any other gold it is a power of ten.
"""

from __future__ import annotations

import re

_SIGNED = re.compile(r"(?<![\w.\\])((?:\d+\.?\d*|\.\d+))e(?=[+-]\d{1,4}(?![\d.A-Za-z]))")
_DECIMAL = re.compile(r"(?<![\w\\])(?:(?:\d+\.\d*|\.\d+)e[+-]\d{1,4}|(?<!\d)\de[+-]\d{2,4}|[\d.]+e\d{1,4})")
_CONSTANT = re.compile(r"(?<![A-Za-z\\][A-Za-z])(?<!\\)e(?![A-Za-z])|\\?exp(?![A-Za-z])")


def has_constant(text: str) -> bool:
    """Does e stand in the text for the constant?"""
    return _CONSTANT.search(_DECIMAL.sub("", text)) is not None


def with_the_e_of(gold: str, answer: str) -> tuple[str, str]:
    """Both texts with one meaning for e: a blank before the constant, E for a power of ten."""
    if "e" not in gold and "e" not in answer:
        return gold, answer
    if has_constant(gold):
        return _SIGNED.sub(r"\1 e", gold), _SIGNED.sub(r"\1 e", answer)
    is_constant = _CONSTANT.search(_SIGNED.sub("", _DECIMAL.sub("", answer))) is not None
    return gold, _SIGNED.sub(r"\1 e" if is_constant else r"\1E", answer)

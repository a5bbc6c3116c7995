"""Whether a call of a tool did any work for an answer, or only carried the answer in its arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from openqwq.verifiers.calls.records import ParsedCall

_NUMBER = re.compile(r"0[xob][\da-f_]+|\d[\d_]*(?:\.\d+)?(?:e[+-]?\d{1,3})?", re.IGNORECASE)
_MAX_DIGITS = 60
_MAX_CHARACTERS = 2_000


def carries(call: ParsedCall, answer: object, known: Iterable[object]) -> bool:
    """Whether an argument says the answer itself: the same text, or a number of its value.

    A number or text that stands in `known` (the question, the arguments of the reference) may be said. So 42, 42+0 and
    0x2a carry the answer of 40+2, and 7-0 does not carry that of "7 minus 0".
    """
    wanted, value = _plain(str(answer)), number_of(str(answer))
    given = list(_texts(call.arguments))
    allowed = [text for item in known for text in _texts(item)]
    if any(_plain(text) == wanted for text in given):
        return not any(wanted in _plain(text) for text in allowed)
    if value is None or abs(value) not in numbers_in(given):
        return False
    return abs(value) not in numbers_in(allowed)


def shares_a_number(call: ParsedCall, known: Iterable[object]) -> bool:
    """Whether the arguments hold a number of the known ones, or there is none to share."""
    allowed = numbers_in(text for item in known for text in _texts(item))
    return not allowed or bool(allowed & numbers_in(_texts(call.arguments)))


def numbers_in(texts: Iterable[str]) -> set[Fraction]:
    """The values of the numbers in texts, signs aside. Example: numbers_in(["40 + 0x2"]) == {40, 2}."""
    found = set()
    for text in texts:
        for token in _NUMBER.findall(text[:_MAX_CHARACTERS].replace(",", "")):
            value = number_of(token)
            if value is not None:
                found.add(abs(value))
    return found


def number_of(text: str) -> Fraction | None:
    """The value of a plain number; None where it is none, or longer than any that people write."""
    plain = text.strip().strip("$").replace(",", "")
    if not plain or len(plain) > _MAX_DIGITS or re.search(r"e[+-]?\d{4}", plain, re.IGNORECASE):
        return None
    try:
        if re.match(r"[+-]?0[xob]", plain, re.IGNORECASE):
            return Fraction(int(ast.literal_eval(plain)))
        return Fraction(plain)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return None


def _texts(value: object) -> Iterator[str]:
    """All texts and numbers of a value, each as a text."""
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield str(item)


def _plain(text: str) -> str:
    return "".join(text.split()).casefold().strip("()[]\"'+$")

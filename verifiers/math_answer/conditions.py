"""What stands behind a value and says where it holds: `n-1, n \\ge 2`, `2x \\text{ for all real } x`, `83 at x=2`."""

from __future__ import annotations

import re

from openqwq.verifiers.math_answer.structure import mask, shape_of

_SIGN = re.compile(r"[<>=]|\\(?:le|ge|ne|in)(?![A-Za-z])")
_START = re.compile(
    r"[,;(]?\s*(?:\\text\s*\{\s*[,;(]?\s*|(?<=\s))(?:where|provided"
    r"|(?:attained |achieved |reached |occurring )?(?:at(?! least| most)|for|when(?:ever)?))(?![A-Za-z])"
)
_ALTERNATIVE = re.compile(r"(?<![A-Za-z])(?:or|else|otherwise|if|but|not|and)(?![A-Za-z])")
_BRACKET = re.compile(r"\s*\(([^()]*)\)$")
_NUMBERS = re.compile(r"[\s\d.]*|\\?\.\.\.")


def split_condition(text: str) -> tuple[str, str]:
    """(value, condition) of a cleaned answer; the condition is "" where there is none.

    A condition in words is one that no other follows, as `x for x>0, -x for x<0` is two values. A condition in signs
    is about a variable of the value.
    """
    starts = list(_START.finditer(text))
    if starts:
        value, condition = text[: starts[0].start()].strip(" ,;("), _bare(text[starts[0].end() :])
        is_one = len(starts) == 1 and not _ALTERNATIVE.search(condition) and _is_one(condition)
        return (value, condition) if value and is_one else (text, "")
    if (bracket := _BRACKET.search(text)) and _is_about(bracket[1], text[: bracket.start()]):
        return text[: bracket.start()].strip(), bracket[1].strip()
    value, comma, condition = _last_part(text)
    if comma and shape_of(value).kind in ("expression", "list") and _is_about(condition, value):
        return value, condition
    return text, ""


def _last_part(text: str) -> tuple[str, str, str]:
    cut = max(mask(text).rfind(","), mask(text).rfind(";"))
    return (text[:cut].strip(), text[cut], text[cut + 1 :].strip()) if cut > 0 else (text, "", "")


def _is_one(condition: str) -> bool:
    """No further value behind a comma: `k = 0, 1, 2` and `x>0, x<1` are conditions."""
    _, *others = re.split("[,;]", condition)
    return all(_NUMBERS.fullmatch(other) or _SIGN.search(other) for other in others)


def _is_about(condition: str, value: str) -> bool:
    shape = shape_of(condition)
    if shape.kind != "relation" or "=" in shape.marks or _SIGN.search(mask(value)):
        return False
    names = {part.strip() for part in shape.parts if re.fullmatch(r"\s*[A-Za-z]\s*", part)}
    return any(name in re.sub(r"\\[A-Za-z]+", " ", value) for name in names)


def _bare(condition: str) -> str:
    return " ".join(re.sub(r"\\text\s*\{([^{}]*)\}|[{}()]", r"\1", condition).split()).strip(" .,;")

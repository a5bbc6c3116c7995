"""What stands behind a value and says where it holds: `n-1, n \\ge 2`, `2x \\text{ for all real } x`, `83 at x=2`."""

from __future__ import annotations

import re

from openqwq.verifiers.math_answer.structure import mask, shape_of

_COMMA = re.compile("[,;]")
_SIGN = re.compile(r"[<>=]|\\(?:le|ge|ne|in)(?![A-Za-z])")
_START = re.compile(
    r"[,;(]?\s*(?:\\text\s*\{\s*[,;(]?\s*|(?<=\s))(?P<word>where|provided|with(?! equality)|as|if"
    r"|(?:(?:attained|achieved|reached|occurring|with equality) )?(?:at(?! least| most)|for|when(?:ever)?))(?![A-Za-z])"
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
        is_domain = starts[0]["word"] != "if" or _is_about(condition, value)  # 7 if x=2 is something else otherwise
        return (value, condition) if value and is_one and is_domain else (text, "")
    if (bracket := _BRACKET.search(text)) and _is_about(bracket[1], text[: bracket.start()]):
        return text[: bracket.start()].strip(), bracket[1].strip()
    return _without_relations(text)


def _without_relations(text: str) -> tuple[str, str]:
    """Take `n>0` and `n<9` from the end of `2n+1, n>0, n<9`, and `x>0` from that of `y=2x, x>0`."""
    edges = [match.start() for match in _COMMA.finditer(mask(text))]
    value, condition = text, ""
    while edges and _names_in(value[edges[-1] + 1 :]):
        cut = edges.pop()
        value, condition = text[:cut].strip(), text[cut + 1 :].strip()
    shape = shape_of(value)
    named = shape.parts[1] if shape.kind == "relation" and shape.marks == ("=",) else value
    is_about = value != text and all(_is_about(part, named) for part in _COMMA.split(condition))
    return (value, condition) if is_about else (text, "")


def _is_one(condition: str) -> bool:
    """No further value behind a comma: `k = 0, 1, 2` and `x>0, x<1` are conditions."""
    _, *others = _COMMA.split(condition)
    return all(_NUMBERS.fullmatch(other) or _SIGN.search(other) for other in others)


def _is_about(condition: str, value: str) -> bool:
    """Is the condition in signs, and on a variable of a value that has none?"""
    shown = re.sub(r"\\[A-Za-z]+", " ", value)
    return not _SIGN.search(mask(value)) and any(name in shown for name in _names_in(condition))


def _names_in(condition: str) -> set[str]:
    """The variables that an inequality, an inequation or a membership bounds."""
    shape = shape_of(condition)
    if shape.kind != "relation" or "=" in shape.marks:
        return set()
    return {part.strip() for part in shape.parts if re.fullmatch(r"\s*[A-Za-z]\s*", part)}


def _bare(condition: str) -> str:
    return " ".join(re.sub(r"\\text\s*\{([^{}]*)\}|[{}()]", r"\1", condition).split()).strip(" .,;")

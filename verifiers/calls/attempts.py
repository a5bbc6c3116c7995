"""Whether a text tries to call a tool in a form that its format does not have.

Such a text is neither a call nor an answer without one. What counts is a form of a call: marks of other formats, JSON
that names a tool and gives arguments, a call with its values in Python. Naming a tool in a sentence is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from openqwq.verifiers.calls.json_form import is_call_like
from openqwq.verifiers.calls.strict_json import read_json

_MARKS = re.compile(
    r"</?(?:\w+:)?(?:tool|function)_calls?>|<\|/?tool_calls?\|>|</?(?:\w+:)?invoke\b|<\|python_tag\|>|<\|channel\|>|\bto=functions\."
    r"|<function=|<parameter=|\[TOOL_CALLS\]|\[ARGS\]|<arg_key>|<\uff5ctool\u2581|<\|tool_call|\uff5cDSML\uff5c"
    r'|"tool_calls"\s*:\s*\[|"function_call"\s*:\s*\{'
)
_JSON_PLACES = re.compile(r"(?:^|(?<=[:`>]))[ \t]*[\[{]", re.MULTILINE)
_MAX_PLACES = 20
_MAX_CHARACTERS = 4_000
"""Of the values of a call in Python, and of JSON that is no whole line: they are looked at and not judged."""
_QUOTED = re.compile(r"(?<!`)`([^`\n]{1,400})`(?!`)")
_SENTENCE_WORD = re.compile(r"[^\W\d_]{2,}")


def attempted_call(text: str, tools: Iterable[str]) -> str:
    """What in the text looks like a call, at most 80 characters of it, or "". `tools`: names that are offered."""
    if found := _MARKS.search(text):
        return found[0]
    names = tuple(sorted({name for name in tools if name and name in text}))
    if names and (found := _of_names(names).search(_without_mentions(text))):
        return found[0].strip()[:80]
    return _json_call(text) or _python_list(text)


@lru_cache(maxsize=256)
def _of_names(names: tuple[str, ...]) -> re.Pattern[str]:
    """An offered tool that is named by JSON's keys, called with values, or written before its arguments."""
    name = "(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + ")"
    value = r"(?:[A-Za-z_]\w*\s*=(?!=)|[\"'\d\[{\-])"
    alone = r"(?:(?<![\w.])|(?<=functions\.)|(?<=tools\.))"
    return re.compile(
        rf"[\"'](?:function|tool|tool_name|function_name|action)[\"']\s*:\s*[\"']{name}[\"']"
        rf"|[\"']name[\"']\s*:\s*[\"']{name}[\"']\s*,\s*[\"'](?:arguments|parameters|args|kwargs|input)[\"']"
        rf"|{alone}{name}\(\s*{value}"
        rf"|^[ \t`>\[]*{name}\(\s*\)[ \t`\];]*$"
        rf"|{alone}[\"']?{name}[\"']?\s*[:=]?\s*\{{\s*[\"']\w+[\"']\s*:"
        rf"|^[ \t]*Action:\s*{name}\b"
        rf"|<{name}>\s*[{{<]",
        re.MULTILINE,
    )


def _without_mentions(text: str) -> str:
    """The text without what a sentence quotes in backticks; a line that is a quotation alone is kept."""

    def kept(line: str) -> str:
        if "`" not in line or "```" in line:
            return line
        rest = _QUOTED.sub("", line)
        is_sentence = len(_SENTENCE_WORD.findall(rest)) > 3 and not rest.rstrip().endswith(":")
        return rest if is_sentence else line

    return "\n".join(map(kept, text.split("\n"))) if "`" in text else text


def _json_call(text: str) -> str:
    """JSON with a name and arguments, whatever tool it names, that begins a line or follows a colon."""
    if '"arguments"' not in text and '"parameters"' not in text:
        return ""
    for number, place in enumerate(_JSON_PLACES.finditer(text)):
        if number >= _MAX_PLACES:
            break
        start = place.end() - 1
        try:
            value, _ = read_json(text[start : start + _MAX_CHARACTERS], 0)
        except ValueError:
            continue
        if any(map(is_call_like, value if isinstance(value, list) else [value])):
            return text[start : start + 80]
    return ""


_PYTHON_LIST = re.compile(r"\s*(?:```\w*\s*)?\[\s*[A-Za-z_][\w.]*\(\s*(?:[A-Za-z_]\w*\s*=(?!=)|\))")


def _python_list(text: str) -> str:
    """An answer that is a list of calls in Python."""
    found = _PYTHON_LIST.match(text)
    return found[0].strip()[:80] if found and text.rstrip(" `\n").endswith("]") else ""

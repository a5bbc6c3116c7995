"""Values of Java and JavaScript, which BFCL's calls give as texts, as Python values.

By the rules of the official converters, which read single literals and simple collections; any other text stays a
text, to be compared with a reference that is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

JAVA_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), int),
    **dict.fromkeys(("float", "double"), float),
    **dict.fromkeys(("char", "String", "any"), str),
    **dict.fromkeys(("Array", "ArrayList", "Queue", "Stack"), list),
    **dict.fromkeys(("HashMap", "Hashtable"), dict),
    "boolean": bool,
    "Set": set,
}
JAVASCRIPT_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("String", "any"), str),
    **dict.fromkeys(("integer", "Bigint"), int),
    "float": float,
    "Boolean": bool,
    "dict": dict,
    "array": list,
}
_WHOLE = r"-?\d+"
_REAL = rf"{_WHOLE}(?:\.\d+)?"
_SCIENTIFIC = rf"{_REAL}(?:[eE][+-]?\d+)?"
_JAVA_NUMBERS = {
    **dict.fromkeys(("byte", "short", "integer"), re.compile(rf"({_WHOLE})$")),
    "long": re.compile(rf"({_WHOLE})[lL]$"),
    "float": re.compile(rf"({_SCIENTIFIC})[fF]$"),
    "double": re.compile(rf"({_SCIENTIFIC})$"),
}
_JAVASCRIPT_NUMBERS = {
    "integer": re.compile(rf"({_WHOLE})$"),
    "float": re.compile(rf"({_REAL})$"),
    "Bigint": re.compile(rf"({_WHOLE})n$"),
}
_NEW_LIST = r"new\s+ArrayList<\w*>\("
_LIST_OF = re.compile(_NEW_LIST + r"Arrays\.asList\((.+?)\)\)")
_LIST_WITH = re.compile(_NEW_LIST + r"\)\s*\{\{\s*(.+?)\s*\}\}", re.DOTALL)
_EMPTY_LIST = re.compile(_NEW_LIST + r"\)")
_ADDED = re.compile(r"add\((.+?)\)")
_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_NEW_MAP = r"new\s+HashMap<.*?>\s*\(\)"
_MAP_WITH = re.compile(_NEW_MAP + r"\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}", re.DOTALL)
_EMPTY_MAP = re.compile(_NEW_MAP)
_PUT = re.compile(r'put\("(.*?)",\s*(.*?)\)')
_ROWS = re.compile(r"\[\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\]|\bnew\s+Array\(\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\)")
_ROW = re.compile(r"\[(.*?)\]")
_LIST = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_OBJECT = re.compile(r"\{(.*?)\}")
_PAIR = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")
_TRUTH = {"true": True, "false": False}


def java_value(text: str, kind: str, inner: str | None = None) -> Any:
    """The value of a Java literal of this kind, or the text itself where it is none.

    Raises:
        NotImplementedError: of a kind that the official converter refuses.
    """
    if kind in _JAVA_NUMBERS:
        return _number(text, _JAVA_NUMBERS[kind], JAVA_TYPES[kind])
    if kind == "boolean":
        return _TRUTH.get(text, text)
    if kind in ("char", "String", "any"):
        return text
    if kind == "Array":
        found = _ARRAY.search(text)
        return [_java_item(item.strip(), inner) for item in found[1].split(",") if item.strip()] if found else text
    if kind == "ArrayList":
        return _java_list(text, inner)
    if kind == "HashMap":
        if found := _MAP_WITH.search(text):
            return {key: _java_guess(item.strip()) for key, item in _PUT.findall(found[1])}
        return {} if _EMPTY_MAP.search(text) else text
    raise NotImplementedError(kind)


def _java_list(text: str, inner: str | None) -> Any:
    if found := _LIST_OF.search(text):
        items = found[1].split(",")
    elif found := _LIST_WITH.search(text):
        items = _ADDED.findall(found[1])
    else:
        return [] if _EMPTY_LIST.search(text) else text
    is_quoted = inner in ("char", "String")
    return [item.strip()[1:-1] if is_quoted else _java_item(item.strip(), inner) for item in items]


def _java_item(text: str, inner: str | None) -> Any:
    return java_value(text, inner) if inner else _java_guess(text)


def _java_guess(text: str) -> Any:
    """A value whose kind is not told."""
    if text in _TRUTH:
        return _TRUTH[text]
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    for kind in ("long", "float"):
        if _JAVA_NUMBERS[kind].match(text):
            return java_value(text, kind)
    return _python_number(text)


def javascript_value(text: str, kind: str, inner: str | None = None) -> Any:
    """The value of a JavaScript literal of this kind, or the text itself where it is none.

    Raises:
        NotImplementedError: of an unknown kind.
    """
    if kind in _JAVASCRIPT_NUMBERS:
        return _number(text, _JAVASCRIPT_NUMBERS[kind], JAVASCRIPT_TYPES[kind])
    if kind == "Boolean":
        return _TRUTH.get(text, text)
    if kind == "any":
        return text
    if kind == "String":
        return text[1:-1] if _is_quoted(text) else text
    if kind == "array":
        return _javascript_list(text.strip(), inner)
    if kind == "dict":
        return _javascript_object(text.strip())
    raise NotImplementedError(kind)


def _javascript_list(text: str, inner: str | None) -> Any:
    if found := _ROWS.match(text):
        rows = [
            row.strip().removeprefix("[") if number == 0 else row for number, row in enumerate(_ROW.findall(found[0]))
        ]
        return [[_javascript_guess(item) for item in row.split(",")] for row in rows]
    if not (found := _LIST.match(text)):
        return text
    listed = (found[2] if found[1] is None else found[1]).strip()
    items = [item.strip() for item in listed.split(",")] if listed else []
    try:
        return [javascript_value(item, inner) if inner else _javascript_guess(item) for item in items]
    except NotImplementedError:
        return text


def _javascript_object(text: str) -> Any:
    if not (found := _OBJECT.match(text)):
        return text
    return {key.strip().strip("'\""): _javascript_member(item.strip()) for key, item in _PAIR.findall(found[1])}


def _javascript_member(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return _javascript_list(text, None)
    if text.startswith("{") and text.endswith("}"):
        return _javascript_object(text)
    return _javascript_guess(text.strip("'\""))


def _javascript_guess(text: str) -> Any:
    text = text.strip()
    if text in _TRUTH:
        return _TRUTH[text]
    return text[1:-1] if _is_quoted(text) else _python_number(text)


def _is_quoted(text: str) -> bool:
    return any(text.startswith(mark) and text.endswith(mark) for mark in ('"', "'"))


def _number(text: str, pattern: re.Pattern[str], kind: type) -> Any:
    found = pattern.match(text)
    return kind(found[1]) if found else text


def _python_number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

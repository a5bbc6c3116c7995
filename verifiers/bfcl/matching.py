"""Whether one turn's calls are those of a BFCL reference: types by the function's description, values by lists of
allowed ones, as the official AST checker decides, its odd corners included.

A stricter matcher without those corners is `tool_matching`. Where the official checker would raise, a call is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from openqwq.verifiers.bfcl.foreign_values import JAVA_TYPES, JAVASCRIPT_TYPES, java_value, javascript_value
from openqwq.verifiers.tool_calls import ParsedCall

Language = Literal["python", "java", "javascript"]
PYTHON_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
LISTS = frozenset({"array", "tuple", "Array", "ArrayList"})
"""Kinds whose items have a kind of their own. `tuple` is one in Python only."""
_FOREIGN: Mapping[Language, tuple[Mapping[str, type], Callable[[str, str, str | None], Any]]] = {
    "java": (JAVA_TYPES, java_value),
    "javascript": (JAVASCRIPT_TYPES, javascript_value),
}
_UNSEEN = str.maketrans("'", '"', " ,./-_*^")
_OFFICIAL_RAISES = (TypeError, KeyError, AttributeError, IndexError, ValueError, NotImplementedError, OverflowError)
Gold = Mapping[str, Mapping[str, Sequence[Any]]]
"""One reference call: {function: {argument: [allowed values]}}; "" among them lets the argument be missing."""


def language_of(category: str) -> Language:
    """The language whose values the arguments of a category are."""
    return "javascript" if "javascript" in category else "java" if "java" in category else "python"


def mismatch(
    functions: Sequence[Mapping[str, Any]],
    calls: Sequence[ParsedCall],
    golds: Sequence[Gold],
    category: str,
    dots_as_underscores: bool = False,
) -> str:
    """Why the calls are not those of the reference, or "".

    In `parallel` categories each reference call takes the first call that fits it, and no choice is revised.
    `dots_as_underscores`: the model was offered `a_b` for a function named `a.b`, as interfaces without dots need it.
    """
    language = language_of(category)
    needed = len(golds) if "parallel" in category or "multiple" in category else 1
    if len(calls) != needed:
        return f"{len(calls)} calls, {needed} are wanted"
    if needed == 1 and "multiple" not in category and "parallel" not in category:
        return call_mismatch(functions[0], calls[0], golds[0], language, dots_as_underscores)
    free = list(calls)
    for gold in golds:
        function = described(functions, next(iter(gold)))
        problems = []
        for index, call in enumerate(free):
            problem = call_mismatch(function, call, gold, language, dots_as_underscores)
            if not problem:
                del free[index]
                break
            problems.append(problem)
        else:
            return problems[0]
    return ""


def described(functions: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The description of a function.

    Raises:
        KeyError: it is not offered.
    """
    for function in functions:
        if function["name"] == name:
            return function
    raise KeyError(name)


def call_mismatch(
    function: Mapping[str, Any],
    call: ParsedCall,
    gold: Gold,
    language: Language,
    dots_as_underscores: bool = False,
) -> str:
    """Why a call is not this reference call, or ""."""
    name = str(function["name"])
    name = name.replace(".", "_") if dots_as_underscores else name
    if call.name != name:
        return f"a call of {call.name[:80]!r}, {name!r} is wanted"
    allowed = next(iter(gold.values()))
    parameters = function["parameters"]
    for argument in parameters["required"]:
        if argument not in call.arguments:
            return f"{name}: {argument!r} is missing"
    for argument, value in call.arguments.items():
        if argument not in parameters["properties"] or argument not in allowed:
            return f"{name}: {str(argument)[:80]!r} is not described, or not in the reference"
        try:
            is_allowed = _is_allowed(value, parameters["properties"][argument], allowed[argument], language)
        except _OFFICIAL_RAISES:
            is_allowed = False
        if not is_allowed:
            return f"{name}: {argument}={value!r} has another type or value than the reference"[:200]
    for argument, values in allowed.items():
        if argument not in call.arguments and "" not in values:
            return f"{name}: {argument!r} is missing and not optional"
    return ""


def types_of(schema: Mapping[str, Any], language: Language) -> tuple[type, type | None]:
    """The Python types of a described value and, of a list, of its items.

    Raises:
        KeyError: it is of a kind that the language does not have, or a list that does not say of what.
    """
    types = PYTHON_TYPES if language == "python" else _FOREIGN[language][0]
    kind = schema["type"]
    return types[kind], types[schema["items"]["type"]] if kind in LISTS else None


def _is_allowed(value: Any, schema: Mapping[str, Any], options: Sequence[Any], language: Language) -> bool:
    outer, inner = types_of(schema, language)
    if language != "python":
        if type(value) is not str:
            return False
        value = _FOREIGN[language][1](value, schema["type"], schema["items"]["type"] if inner else None)
    elif schema["type"] == "tuple" and type(value) is tuple:
        value = list(value)
    elif schema["type"] == "float" and type(value) is int:
        value = float(value)
    is_variable = _is_variable(value, options, outer, inner)
    if is_variable is None:
        return False
    if is_variable or outer not in (dict, list, str):
        return value in options
    if outer is dict:
        return any(_same_object(value, option) for option in options if option != "")
    if outer is str:
        return _plain(value) in [_plain(option) for option in options if type(option) is str]
    if inner is dict:
        return any(_same_objects(value, option) for option in options)
    return [_plain(item) for item in value] in [[_plain(item) for item in _items(option)] for option in options]


def _is_variable(value: Any, options: Sequence[Any], outer: type, inner: type | None) -> bool | None:
    """Whether the value is compared as written, like the name of a variable, because the reference's values are of
    another type than the description's; None when its type is neither of the two."""
    written = next((type(option) for option in options if option != ""), None)
    given: type = type(value)
    if given is outer:
        fits = inner is None or any(_items_fit(value, option, inner) for option in options)
        return (written is not None and written is not outer) if fits else None
    return True if written is given else None


def _items_fit(value: Sequence[Any], option: Any, inner: type) -> bool:
    """True also beside an option that is no list, as the mark of an optional argument: values decide there."""
    return type(option) is not list or all(_is_variable(item, option, inner, None) is not None for item in value)


def _same_object(value: Mapping[str, Any], option: Mapping[str, Any]) -> bool:
    """Known keys with allowed values, and no key missing that is not optional."""
    for key, item in value.items():
        if key not in option or _plain(item) not in [_plain(each) for each in _items(option[key])]:
            return False
    return all(key in value or "" in allowed for key, allowed in option.items())


def _same_objects(value: Sequence[Any], option: Sequence[Any]) -> bool:
    return len(value) == len(option) and all(
        wanted != "" and _same_object(item, wanted) for item, wanted in zip(value, option, strict=True)
    )


def _items(values: Any) -> list[Any]:
    """By their positions: what has none, such as a number or an object, raises."""
    return [values[position] for position in range(len(values))]


def _plain(value: Any) -> Any:
    """A text without case, blanks and most punctuation; other values as they are."""
    return value.translate(_UNSEEN).lower() if type(value) is str else value

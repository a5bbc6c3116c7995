"""A typed function as a tool: the JSON schema of its signature, and its call with values of the declared types.

The types are pydantic's to read: str, int, float, bool, Literal, Enum, list, dict, Optional, TypedDict, dataclasses,
and `Annotated[int, Field(ge=1)]`.
"""

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired

from openqwq.training.environments.docstrings import described
from openqwq.training.environments.typed_dicts import readable
from openqwq.training.errors import RecipeError
from openqwq.verifiers.tool_calls import check_tools

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class UnfitArguments(ValueError):
    """The arguments of a call are not such as the function takes; the message is one line for the model."""


@dataclass(frozen=True)
class ToolFunction:
    """A function that a model may call. Example: `tool_function(search).schema`"""

    name: str
    schema: Mapping[str, Any]
    """In OpenAI's form: `{"type": "function", "function": {"name", "description", "parameters"}}`."""
    function: Callable[..., Any]
    read: Callable[[Any], dict[str, Any]]
    """The declared types' values of JSON arguments; raises pydantic's ValidationError."""

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the function is called with.

        Raises:
            UnfitArguments: a value is none of its declared type.
        """
        from pydantic import ValidationError

        try:
            return self.read(dict(given))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = "".join(f"[{part!r}]" for part in first["loc"])
            raise UnfitArguments(f"{self.name}{place}: {first['msg']}") from error


def tool_function(function: Callable[..., Any], name: str = "", hidden: Sequence[str] = ()) -> ToolFunction:
    """The tool that a typed function is, by its own name or by `name`; `hidden` are parameters that are no argument of
    the model.

    Raises:
        RecipeError: it has no name, takes `*args`, or has a parameter without a type that JSON can carry.
    """
    from pydantic import PydanticUserError, TypeAdapter

    name = name or getattr(function, "__name__", "")
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise RecipeError(f"{function!r:.80} has no name that a model could call; define it with `def`")
    parameters = {key: value for key, value in _parameters(name, function).items() if key not in hidden}
    types = _types(name, function)
    text, said = described(function)
    for key, parameter in parameters.items():
        _check_parameter(name, key, parameter, types)
        try:
            TypeAdapter(types[key]).json_schema()
        except (PydanticUserError, TypeError, ValueError, RecursionError) as error:
            raise RecipeError(_unfit_type(name, key, types[key], error)) from error
    adapter = TypeAdapter(_record_of(name, parameters, types, said))
    schema = adapter.json_schema()
    about = {"name": name, "description": text} if text else {"name": name}
    record = {"type": "function", "function": {**about, "parameters": _plain(schema, parameters)}}
    if problem := check_tools([record]):
        raise RecipeError(f"the tool {name} cannot be offered: {problem}")

    def read(given: Any) -> dict[str, Any]:
        return dict(adapter.validate_python(given))

    return ToolFunction(name, record, function, read)


def _parameters(name: str, function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        problem = f"the function {name} does not say what it takes; wrap it in one with typed parameters"
        raise RecipeError(problem) from error


def _types(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(inspect.unwrap(getattr(function, "__func__", function)), include_extras=True)
        return {key: readable(kind) for key, kind in hints.items()}
    except (NameError, TypeError, AttributeError, SyntaxError, RecursionError) as error:
        raise RecipeError(f"the function {name} has an annotation that cannot be read: {error}") from error


def _check_parameter(name: str, key: str, parameter: inspect.Parameter, types: Mapping[str, Any]) -> None:
    if parameter.kind not in _BY_NAME:
        stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
        written = stars.get(parameter.kind, "") + key
        raise RecipeError(f"the function {name} takes {written}; a tool has arguments with names, such as {key}: str")
    if key not in types:
        raise RecipeError(f"the parameter {key} of {name} has no type; annotate it, such as {key}: str")


def _unfit_type(name: str, key: str, kind: object, error: Exception) -> str:
    written = getattr(kind, "__name__", None) or str(kind)
    reason = str(error).splitlines()[0].partition(". Set ")[0][:120] if str(error) else type(error).__name__
    return f"the parameter {key} of {name} has a type that JSON cannot carry, {written:.60}: {reason}"


def _record_of(
    name: str, parameters: Mapping[str, inspect.Parameter], types: Mapping[str, Any], said: Mapping[str, str]
) -> Any:
    """A TypedDict of the parameters, closed to others; those with a default are not required."""
    from pydantic import ConfigDict, Field
    from typing_extensions import TypedDict

    fields: dict[str, Any] = {}
    for key, parameter in parameters.items():
        kind = types[key]
        if key in said and not _has_description(kind):
            kind = typing.Annotated[kind, Field(description=said[key])]
        fields[key] = kind if parameter.default is parameter.empty else NotRequired[kind]
    make: Any = TypedDict  # mypy knows no computed one
    record = make(f"arguments_of_{name}", fields)
    record.__pydantic_config__ = ConfigDict(extra="forbid", ser_json_inf_nan="constants")
    return record


def _has_description(kind: Any) -> bool:
    return any(getattr(part, "description", None) for part in getattr(kind, "__metadata__", ()))


def _plain(schema: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Pydantic's schema as a model should read it: without titles, shared definitions in their places unless they are
    recursive, and with the defaults that JSON can carry."""
    definitions = dict(schema.get("$defs", {}))
    recursive = {name for name in definitions if _reaches(name, name, definitions)}
    properties = {key: _inlined(part, definitions, recursive) for key, part in schema.get("properties", {}).items()}
    plain: dict[str, Any] = {"type": "object", "properties": properties}
    for key, parameter in parameters.items():
        if parameter.default is not parameter.empty and (default := _json_default(parameter.default)) is not None:
            properties[key] = {**properties[key], "default": default}
    if schema.get("required"):
        plain["required"] = schema["required"]
    if recursive:
        plain["$defs"] = {name: _inlined(definitions[name], definitions, recursive) for name in sorted(recursive)}
    return plain


def _json_default(value: Any) -> Any:
    """A default in JSON; None for one that has no such form."""
    from pydantic_core import to_jsonable_python

    try:
        plain = to_jsonable_python(value)
        json.dumps(plain, allow_nan=False)
        return plain
    except (TypeError, ValueError, RecursionError):
        return None


_NAMED = ("properties", "$defs", "patternProperties", "dependentSchemas")
"""Keywords whose value has names of the user's for keys."""
_VALUES = ("enum", "const", "default", "examples")


def _inlined(schema: Any, definitions: Mapping[str, Any], recursive: set[str]) -> Any:
    if isinstance(schema, list):
        return [_inlined(part, definitions, recursive) for part in schema]
    if not isinstance(schema, dict):
        return schema
    reference = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if reference and reference not in recursive:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined({**definitions[reference], **beside}, definitions, recursive)
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _VALUES:
            plain[key] = value
        elif key in _NAMED:
            plain[key] = {name: _inlined(part, definitions, recursive) for name, part in value.items()}
        elif key != "title":
            plain[key] = _inlined(value, definitions, recursive)
    return plain


def _reaches(start: str, wanted: str, definitions: Mapping[str, Any]) -> bool:
    """Whether the definition `wanted` is used, at any depth, within `start`."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for found in re.findall(r"'\$ref': '#/\$defs/([^']+)'", repr(definitions[waiting.pop()])):
            if found == wanted:
                return True
            if found not in seen and found in definitions:
                seen.add(found)
                waiting.append(found)
    return False

"""The offered tools of a row: their schemas, and whether a call fits one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from openqwq.verifiers.calls.plain_schemas import Place, unsettled_places
from openqwq.verifiers.calls.records import ParsedCall

_BFCL_TYPES = {"dict": "object", "float": "number", "double": "number", "long": "integer", "int": "integer",
               "tuple": "array", "list": "array", "str": "string", "bool": "boolean"}  # fmt: skip
_OF_ONE_OBJECT = ("allOf", "not", "if", "then", "else", "dependentSchemas")
"""Keywords whose schemas describe a part of an object that others describe as well."""


def tool_functions(tools: object) -> dict[str, Mapping[str, Any]]:
    """Offered tools by name, from plain function records or OpenAI's {"type": "function", "function":
    {...}}."""
    found: dict[str, Mapping[str, Any]] = {}
    for tool in tools if isinstance(tools, Sequence) and not isinstance(tools, str) else ():
        function = tool.get("function", tool) if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            found[function["name"]] = function
    return found


def check_arguments(call: ParsedCall, tools: object) -> str:
    """Why the call does not fit an offered tool's schema, or "". Strict: no unknown argument, 1.0 and true
    are no int."""
    functions = tool_functions(tools)
    if call.name not in functions:
        return f"no tool is named {call.name!r}"
    parameters = functions[call.name].get("parameters") or {}
    return _misfit(call.name, _text_of(parameters), call.arguments)


def _misfit(name: str, parameters: str, arguments: Mapping[str, Any]) -> str:
    from referencing.exceptions import Unresolvable

    try:
        validator = _validator(parameters)
        places: list[Place] = [((), validator.schema, arguments)]
        if '"$ref"' not in parameters:
            places = unsettled_places(validator.schema, arguments)
        path, error = _first_error(validator, places)
    except (Unresolvable, RecursionError, re.error) as problem:
        return f"the schema of {name} cannot be applied: {type(problem).__name__}: {problem}"[:200]
    if error is None:
        return ""
    place = "".join(f"[{part!r}]" for part in (*path, *error.absolute_path))
    return f"{name}{place}: {error.message}"[:200]


def _first_error(validator: Any, places: Sequence[Place]) -> tuple[tuple[str | int, ...], Any]:
    """The path of the first part that breaks its schema, and jsonschema's error of it; None for no error."""
    for path, schema, value in places:
        error = next(iter(validator.evolve(schema=schema).iter_errors(value)), None)
        if error is not None:
            return path, error
    return (), None


def check_tools(tools: object) -> str | None:
    """None when every offered tool has a name and a valid schema, else what is wrong."""
    if not isinstance(tools, Sequence) or isinstance(tools, str) or not tools:
        return "the row offers no tools"
    functions = tool_functions(tools)
    if len(functions) != len(tools):
        return "a tool has no name, or two have the same"
    for name, function in functions.items():
        if problem := _schema_problem(function.get("parameters") or {}):
            return f"the schema of tool {name!r} is not valid: {problem}"
    return None


def _schema_problem(parameters: Any) -> str:
    from jsonschema.exceptions import SchemaError

    try:
        text = _text_of(parameters)
        _validator(text)
    except (SchemaError, TypeError, ValueError, RecursionError, re.error) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    foreign = [found for found in _references(json.loads(text)) if not found.startswith("#")]
    return f"it refers to {foreign[0]!r}, and nothing is fetched" if foreign else ""


def _references(schema: Any) -> Iterator[str]:
    """Where the `$ref` of a schema and of its parts lead."""
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for key, value in schema.items():
            if key not in ("enum", "const", "default", "examples"):
                yield from _references(value)


def _text_of(parameters: Any) -> str:
    return json.dumps(parameters, sort_keys=True)


@lru_cache(maxsize=1024)
def _validator(parameters: str) -> Any:  # jsonschema's own validator type, compiled once for each schema
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry

    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: Any = validators.extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]  # jsonschema leaves extend without types
    schema = json_schema(json.loads(parameters))
    strict.check_schema(schema)
    return strict(schema, registry=Registry())  # an empty registry: no reference is ever fetched


def json_schema(parameters: Any, is_closed: bool = True) -> Any:
    """BFCL's type names in JSON Schema's words; objects with properties allow no others unless the schema does.

    Objects that several schemas describe together stay open (`is_closed` is false): each knows some of the properties.
    """
    if isinstance(parameters, list):
        return [json_schema(item, is_closed) for item in parameters]
    if not isinstance(parameters, dict):
        return parameters
    shared = _sharing(parameters)
    schema = {key: json_schema(value, key not in shared) for key, value in parameters.items()}
    schema |= {key: parameters[key] for key in ("enum", "const", "default") if key in parameters}
    if "properties" in parameters:
        inner = parameters["properties"]
        is_mapping = isinstance(inner, dict)  # anything else stays as it is, for the check of the schema to refuse
        schema["properties"] = {name: json_schema(value) for name, value in inner.items()} if is_mapping else inner
    kind = schema.get("type")
    if kind == "any":
        del schema["type"]
    elif isinstance(kind, str):
        schema["type"] = _BFCL_TYPES.get(kind, kind)
    if "properties" in schema and is_closed and not shared and "$ref" not in schema:
        schema.setdefault("additionalProperties", False)
    return _with_null(schema) if schema.get("nullable") is True else schema


def _with_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAPI's `nullable`, which transformers writes for an optional argument, in JSON Schema's words."""
    wider = dict(schema)
    if "type" in wider:
        kinds = wider["type"] if isinstance(wider["type"], list) else [wider["type"]]
        wider["type"] = [*kinds, *([] if "null" in kinds else ["null"])]
    if isinstance(wider.get("enum"), list) and None not in wider["enum"]:
        wider["enum"] = [*wider["enum"], None]
    if isinstance(wider.get("anyOf"), list):
        wider["anyOf"] = [*wider["anyOf"], {"type": "null"}]
    return wider


def _sharing(schema: Mapping[str, Any]) -> list[str]:
    """The keywords whose schemas describe properties of the same object as the schema itself."""
    options = [key for key in ("anyOf", "oneOf") if isinstance(schema.get(key), list) and "properties" in schema]
    describing = [key for key in options if any(isinstance(o, dict) and "properties" in o for o in schema[key])]
    return [key for key in _OF_ONE_OBJECT if key in schema] + describing

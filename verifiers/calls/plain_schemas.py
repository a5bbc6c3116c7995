"""Which parts of a value need a full schema validator: most parts of most calls are of plain types, and a long list has
many of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Place = tuple[tuple[str | int, ...], Any, Any]
"""Path, schema and value of a part."""
_PLAIN_KEYS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "description", "title", "default"}
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def unsettled_places(schema: Any, value: Any) -> list[Place]:
    """The parts of a value that do not plainly fit; empty where all of it does. A part may still fit.

    `schema`: as `json_schema` gives it, without references.
    """
    found: list[Place] = []
    _collect(schema, value, (), found)
    return found


def _collect(schema: Any, value: Any, path: tuple[str | int, ...], found: list[Place]) -> None:
    if not isinstance(schema, dict) or not _PLAIN_KEYS.issuperset(schema) or not _is_plain(schema, value):
        found.append((path, schema, value))
    elif type(value) is list and isinstance(schema.get("items"), dict):
        items = schema["items"]
        kinds = _TYPES.get(items["type"], ()) if isinstance(items.get("type"), str) and len(items) == 1 else ()
        for number, item in enumerate(value):
            if type(item) not in kinds or type(item) in (list, dict):
                _collect(items, item, (*path, number), found)
    elif type(value) is dict:
        properties = schema.get("properties", {})
        for key, item in value.items():
            if key in properties:
                _collect(properties[key], item, (*path, key), found)


def _is_plain(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value fits a schema of plain keys, its parts aside."""
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else None
    if kinds is not None and not any(type(value) in _TYPES.get(each, ()) for each in kinds):
        return False
    if "enum" in schema and not any(type(value) is type(each) and value == each for each in schema["enum"]):
        return False
    if "items" in schema and not isinstance(schema["items"], dict):
        return False
    if type(value) is not dict:
        return True
    properties, is_open = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not set(schema.get("required", ())) <= set(value):
        return False
    return is_open is True or (is_open is False and set(value) <= set(properties))

"""JSON schemas of recipes and of other files made of sections, in the form that editors of YAML read. Pure.

A recipe that `extends` another one only says what changes, so its schema is a second one: no key is required, null
drops a key, and stages may be given by name. Entries of lists are whole in both, because a list replaces a list.
"""

from collections.abc import Mapping
from typing import Any

from openqwq.training.config import Recipe, Section

Node = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
CHANGE = "Change"
"""End of the names of definitions in which nothing is required."""
EXTENDS = {
    "description": "Recipe over which this one is laid: a path from this file's folder, or the name of a shipped one. "
    "Mappings merge by key, stages by name, null drops a key.",
    "type": "string",
}


def recipe_schema() -> Node:
    """The schema of a recipe's file. Example: `recipe_schema()["else"] == {"$ref": "#/$defs/Recipe"}`"""
    definitions = _definitions(Recipe)
    changes = {name + CHANGE: _change(node) for name, node in definitions.items()}
    change = changes["Recipe" + CHANGE]
    stage_names = [member["$ref"] for member in definitions["Recipe"]["properties"]["stages"]["items"]["oneOf"]]
    by_name = {
        "description": "Stage name -> keys of that stage that change.",
        "type": "object",
        "additionalProperties": {"anyOf": [*({"$ref": name + CHANGE} for name in stage_names), {"type": "null"}]},
    }
    change["properties"]["stages"]["anyOf"].append(by_name)
    change["properties"] = {"extends": EXTENDS} | change["properties"]
    return {
        "$schema": DIALECT,
        "description": "Recipe of openqwq.",
        "type": "object",
        "properties": {"extends": EXTENDS},
        "if": {"required": ["extends"]},
        "then": {"$ref": f"#/$defs/Recipe{CHANGE}"},
        "else": {"$ref": "#/$defs/Recipe"},
        "$defs": definitions | changes,
    }


def section_schema(section: type[Section]) -> Node:
    """The schema of a file that is one section and extends nothing. Example: `section_schema(Ablation)["required"]`"""
    definitions = _definitions(section)
    return {"$schema": DIALECT} | definitions.pop(section.__name__) | {"$defs": definitions}


def _definitions(section: type[Section]) -> dict[str, Node]:
    """Class name -> schema, the section itself included."""
    schema = _plain(section.model_json_schema())
    definitions: dict[str, Node] = schema.pop("$defs")
    return definitions | {section.__name__: schema}


def _plain(node: Any) -> Any:
    """Without what only pydantic and OpenAPI read: titles, discriminators, defaults of whole sections."""
    if isinstance(node, list):
        return [_plain(entry) for entry in node]
    if not isinstance(node, Mapping):
        return node
    return {key: _described(value) if key == "description" else _plain(value)
            for key, value in node.items() if not _is_noise(key, value)}  # fmt: skip


def _is_noise(key: str, value: Any) -> bool:
    if key == "title":
        return isinstance(value, str)  # a property of this name would be a schema
    return isinstance(value, dict) and (key == "default" or (key == "discriminator" and "propertyName" in value))


def _described(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else _plain(value)


def _change(node: Node) -> Node:
    """The schema of what changes a value that `node` allows."""
    changed = {key: value for key, value in node.items() if key not in ("required", "default")}
    if "$ref" in node:
        changed["$ref"] = node["$ref"] + CHANGE
    if "properties" in node:
        changed["properties"] = {name: _or_null(value) for name, value in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), dict):
        changed["additionalProperties"] = _or_null(node["additionalProperties"])
    if "anyOf" in node:
        changed["anyOf"] = [_change(member) for member in node["anyOf"]]
    return changed


def _or_null(node: Node) -> Node:
    changed = _change(node)
    described = {"description": changed.pop("description")} if "description" in changed else {}
    members = changed["anyOf"] if set(changed) == {"anyOf"} else [changed]
    null = {"type": "null"}
    return described | {"anyOf": [*members, *([] if null in members else [null])]}

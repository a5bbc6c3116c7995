"""Explains a recipe's keys as plain text: type, default, bounds, meaning, all read from the schema. Pure."""

import re
import textwrap
import types
import typing
import warnings
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from openqwq.training.config import Recipe, Section
from openqwq.training.config.keys import Place, find, is_section, options, sections
from openqwq.training.config.renamed import RenamedKey, current_override

WIDTH = 80
TYPES = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "any value"}
PLURALS = {"integer": "integers", "number": "numbers", "section": "sections"}
BOUNDS = {"gt": "> {}", "ge": ">= {}", "lt": "< {}", "le": "<= {}", "min_length": "at least {} entries"}
HINT = "More about a key: `openqwq explain KEY`, e.g. `openqwq explain stages.stage1.schedule`."


def explain(key: str | None = None) -> str:
    """The text for a key, or without one the top-level keys with a line each.

    `key` is a dotted path as in an override. Names of stages, tasks and suites and numbers of entries may be any word.

    Raises:
        RecipeError: no such key.
    """
    if key is None:
        return "\n".join(
            ["Keys of a recipe:", "", *_table(["key", "meaning"], _top_level()), "", *textwrap.wrap(HINT, WIDTH)]
        )
    present = _present_name(key)
    first = [present] if present == key else [f"{key} is the old name of {present}.", "", present]
    kinds_of: dict[str, list[str]] = {}
    for place in find(present):
        kinds_of.setdefault("\n".join(_description(place)), []).extend([place.kind] if place.kind else [])
    blocks = [_headed(text, kinds) for text, kinds in kinds_of.items()]
    return "\n".join(first) + "\n" + "\n\n".join(blocks)


def meaning(place: Place) -> str:
    """What the docstring of the key says, on one line."""
    return _one_line(place.field.description or "") if place.field else _doc(Recipe)


def _present_name(key: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RenamedKey)
        return current_override(key, None)[0]


def _top_level() -> list[list[str]]:
    return [[name, _first_sentence(_one_line(f.description or ""))] for name, f in Recipe.model_fields.items()]


def _headed(text: str, kinds: Sequence[str]) -> str:
    return f"  Stages:   of kind {', '.join(kinds)}\n{text}" if kinds else text


def _description(place: Place) -> list[str]:
    inside = sections(place.annotation)
    lines = _facts(place)
    said = meaning(place)
    if place.is_entry:
        said = "" if inside else f"An entry of: {said}"
    elif is_section(place.annotation):
        said = ""  # the section's own docstring follows
    if said:
        lines += ["", *_wrapped(said)]
    for section in inside:
        lines += ["", *_wrapped(_doc(section))]
        rows = [
            [name, _default(field), _first_sentence(_one_line(field.description or ""))]
            for name, field in section.model_fields.items()
        ]
        lines += ["", *_table(["key", "default", "meaning"], rows)]
    return lines


def _facts(place: Place) -> list[str]:
    facts = [("Type", type_name(place.annotation)), ("Allowed", ", ".join(_allowed(place.annotation)))]
    if place.field is not None and not place.is_entry:
        facts += [("Bounds", ", ".join(_bounds(place.field))), ("Default", _default(place.field))]
    lines = []
    for name, value in facts:
        lines += textwrap.wrap(value, WIDTH, initial_indent=f"  {name + ':':<10}", subsequent_indent=" " * 12)
    return lines


def type_name(annotation: Any) -> str:
    """A type in words. Example: `type_name(tuple[str, ...] | None) == "list of text, or null"`"""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        names = list(dict.fromkeys(type_name(argument) for argument in arguments))
        return ", or ".join(names)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return type_name(type(arguments[0]))
    if origin is tuple:
        count = "" if arguments[-1] is ... else f"{len(arguments)} "
        return f"list of {count}{_plural(arguments[0])}"
    if origin is dict:
        return f"mapping of names to {_plural(arguments[1])}"
    return "section" if is_section(annotation) else TYPES[annotation]


def _plural(annotation: Any) -> str:
    name = type_name(annotation)
    return PLURALS.get(name, name)


def _allowed(annotation: Any) -> list[str]:
    values = [v for option in options(annotation) if typing.get_origin(option) is Literal for v in option.__args__]
    return [_yaml(value) for value in values]


def _bounds(field: FieldInfo) -> list[str]:
    bounds = [text.format(_yaml(value)) for item in field.metadata for name, text in BOUNDS.items()
              if (value := getattr(item, name, None)) is not None]  # fmt: skip
    patterns = [f"pattern {item.pattern}" for item in field.metadata if getattr(item, "pattern", None)]
    return bounds + patterns


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "(section)" if isinstance(field.default, BaseModel) else _yaml(field.default)


def _yaml(value: Any) -> str:
    """A default as it would stand in a recipe."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value) or '""'


def _doc(section: type[Section]) -> str:
    return _one_line(section.__doc__ or "")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", text, maxsplit=1)[0]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns; the last one is wrapped."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head) - 1)]
    lines = []
    for row in (head, *rows):
        start = "  " + "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        lines += textwrap.wrap(
            row[-1], WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return lines

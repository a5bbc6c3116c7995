"""The keys of a recipe as the schema has them: finding one by its dotted path, and walking over all of them. Pure."""

import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic.fields import FieldInfo

from openqwq.training.config import Recipe, Section, StageBase
from openqwq.training.config.files import suggest
from openqwq.training.errors import RecipeError


@dataclass(frozen=True)
class Place:
    """Where a key leads. Example: `find("stages.*.group_size")[0].kind == "rl"`"""

    annotation: Any
    """Type of what stands there."""
    field: FieldInfo | None = None
    """The field itself; of an entry of a list or a mapping, the field that holds the list."""
    is_entry: bool = False
    kind: str | None = None
    """Kind of stage in which the key stands; None outside `stages`."""


def find(key: str) -> list[Place]:
    """The places to which a key leads: one, or one for each kind of stage that has it.

    Raises:
        RecipeError: no such key; names the nearest one.
    """
    places = [Place(Recipe)]
    parts = key.split(".")
    for depth, part in enumerate(parts):
        below = [child for place in places for child in _children(place, part)]
        if not below:
            raise RecipeError(f"no recipe key {key!r}{_nearest(parts, depth, places)}")
        places = below
    return places


def all_keys(place: Place | None = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Place]]:
    """Every key of a recipe with its place, outer keys first; `*` stands for any name or number."""
    for option in options(place.annotation if place else Recipe):
        names = list(option.model_fields) if is_section(option) else ["*"] if _entry_type(option) else []
        for name in names:
            for child in _children(replace(place or Place(Recipe), annotation=option), name):
                if not child.is_entry:
                    yield ".".join((*path, name)), child
                yield from all_keys(child, (*path, name))


def _children(place: Place, part: str) -> list[Place]:
    found = []
    for option in options(place.annotation):
        if is_section(option):
            kind = typing.get_args(option.model_fields["kind"].annotation)[0] if _is_stage(option) else place.kind
            if part in option.model_fields:
                field = option.model_fields[part]
                found.append(Place(field.annotation, field, kind=kind))
        elif option is Any:
            found.append(replace(place, is_entry=True))
        elif (entry := _entry_type(option)) is not None:
            if _is_list_without_names(option, entry) and not (part.isdigit() or part == "*"):
                found += _children(replace(place, annotation=entry), part)  # a key of every entry
                continue
            found.append(replace(place, annotation=entry, is_entry=True))
    return found


def _is_list_without_names(annotation: Any, entry: Any) -> bool:
    """Whether it is a list whose entries are known by their number alone."""
    held = sections(entry)
    return typing.get_origin(annotation) is tuple and bool(held) and not any("name" in one.model_fields for one in held)


def _nearest(parts: Sequence[str], depth: int, places: Sequence[Place]) -> str:
    """The end of the error about `parts[depth]`: a key of this section, or the same word elsewhere."""
    word = parts[depth]
    known = sorted(
        {name for place in places for section in sections(place.annotation) for name in section.model_fields}
    )
    elsewhere = [key for key, _ in all_keys() if key.rpartition(".")[2] == word]
    where = ".".join(parts[:depth])
    if word not in known and elsewhere:
        return f"; did you mean {elsewhere[0]!r}?"
    if not known:
        return f"; {where} is a value, it has no key {word!r}"
    return suggest(word, known, before=f"{where}." if where else "")


def options(annotation: Any) -> list[Any]:
    """The members of a union without null; else the type itself."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return options(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [option for argument in arguments if argument is not type(None) for option in options(argument)]
    return [annotation]


def _entry_type(annotation: Any) -> Any:
    """What a list or a mapping holds; None for other types."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    return arguments[0] if origin is tuple else arguments[1] if origin is dict else None


def sections(annotation: Any) -> list[type[Section]]:
    """The sections in a type, also as entries of a list or a mapping."""
    found: list[type[Section]] = []
    for option in options(annotation):
        entry = _entry_type(option)
        found += [option] if is_section(option) else sections(entry) if entry is not None else []
    return found


def is_section(annotation: Any) -> bool:
    """True for a section class itself, not for a list or a union of some."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _is_stage(annotation: Any) -> bool:
    return is_section(annotation) and issubclass(annotation, StageBase)

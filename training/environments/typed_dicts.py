"""`typing.TypedDict` in a form that pydantic reads on Python 3.11 too, where it takes none but `typing_extensions`'."""

import functools
import operator
import types
import typing
from typing import Any, NotRequired, Required


def readable(kind: Any) -> Any:
    """The type with every `typing.TypedDict` in it, at any depth, as one of `typing_extensions`. What stands within
    classes of other kinds is left as it is."""
    if isinstance(kind, type) and typing.is_typeddict(kind):
        return _rebuilt(kind)
    parts = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if not parts or origin is typing.Literal:
        return kind
    if origin is typing.Annotated:
        inner = readable(parts[0])
        return kind if inner is parts[0] else typing.Annotated[(inner, *parts[1:])]
    changed = tuple(readable(part) for part in parts)
    if all(new is old for new, old in zip(changed, parts, strict=True)):
        return kind
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, changed[1:], typing.Union[changed[0], changed[0]])  # noqa: UP007
    return kind.copy_with(changed) if hasattr(kind, "copy_with") else origin[changed]


@functools.lru_cache(maxsize=256)
def _rebuilt(kind: Any) -> Any:
    from typing_extensions import TypedDict

    fields: dict[str, Any] = {}
    for name, field in typing.get_type_hints(kind, include_extras=True).items():
        origin = typing.get_origin(field)
        if origin in (NotRequired, Required):  # also where the annotations are texts, which `typing` does not look into
            is_required, field = origin is Required, typing.get_args(field)[0]
        else:
            is_required = name in kind.__required_keys__
        fields[name] = readable(field) if is_required else NotRequired[readable(field)]
    make: Any = TypedDict  # mypy knows no computed one
    return make(kind.__name__, fields)

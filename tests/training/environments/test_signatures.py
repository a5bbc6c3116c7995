"""Typed functions as tools: whatever a schema accepts reaches the function as it is, and odd signatures are refused."""

import dataclasses
import datetime
import enum
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from pydantic_core import to_jsonable_python

from openqwq.training.environments.signatures import tool_function
from openqwq.training.errors import RecipeError
from openqwq.verifiers.tool_calls import ParsedCall, check_arguments


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: int
    title: str = "here"


class Trip(TypedDict):
    to: str
    stops: NotRequired[list[Point]]


@dataclasses.dataclass
class Branch:
    name: str
    below: list["Branch"] = dataclasses.field(default_factory=list)


TYPES = [
    str, int, float, bool, Colour, Level, Point, Trip, Branch, Any, object, None,
    Literal["a", 1, None], list[int], list[Point], dict[str, float], tuple[int, str], str | None, int | str,
    int | float | list[bool], dict[str, list[Trip]], Annotated[int, Field(ge=1, le=5)], list[Colour | None],
]  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a", "red", "blue", "x", "to", "1"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["x", "title", "to", "stops", "name", "below", "k"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
GOOD_VALUES = {
    Colour: st.sampled_from(["red", "blue"]),
    Point: st.fixed_dictionaries({"x": st.integers()}, optional={"title": st.text("ab", max_size=2)}),
    Branch: st.just({"name": "a", "below": [{"name": "b", "below": []}]}),
}


def tool_of(kind: Any, received: list[Any]) -> Any:
    def take(value: Any) -> None:
        received.append(value)

    take.__annotations__["value"] = kind
    return tool_function(take)


def as_sent(value: Any, sent: Any) -> bool:
    """Whether a value is what was sent, where it is an object with the defaults of what was left out."""
    if isinstance(sent, dict) and isinstance(value, dict):
        return all(key in value and as_sent(value[key], sent[key]) for key in sent)
    if isinstance(sent, list) and isinstance(value, list):
        return len(sent) == len(value) and all(map(as_sent, value, sent))
    return bool(value == sent) and (isinstance(value, bool) == isinstance(sent, bool))


@given(st.data())
def test_a_value_that_the_schema_accepts_reaches_the_function_equal(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(TYPES))
    received: list[Any] = []
    tool = tool_of(kind, received)
    value = data.draw(JSON_VALUES | GOOD_VALUES.get(kind, st.nothing()))
    if not check_arguments(ParsedCall("take", {"value": value}), [tool.schema]):
        tool.function(**tool.arguments({"value": value}))
        assert as_sent(to_jsonable_python(received[0]), value)


def test_values_have_their_declared_types() -> None:
    def f(colour: Colour, point: Point, trip: Trip, branch: Branch, day: datetime.date) -> None: ...

    found = tool_function(f).arguments({
        "colour": "red", "point": {"x": 1}, "trip": {"to": "a", "stops": [{"x": 2}]},
        "branch": {"name": "a", "below": [{"name": "b"}]}, "day": "2026-01-31",
    })  # fmt: skip
    assert found["colour"] is Colour.RED and found["point"] == Point(1) and found["trip"]["stops"] == [Point(2)]
    assert found["branch"].below == [Branch("b")] and found["day"] == datetime.date(2026, 1, 31)


def test_the_schema_says_what_signature_and_docstring_say() -> None:
    def book(place: str, guests: Annotated[int, Field(ge=1)] = 2, title: str | None = None) -> str:
        """Book a table
        for one evening.

        Nothing is paid.

        Args:
            place: where, the name
                as people say it
            guests (int): how many

        Returns:
            place: no argument of this name is meant here
        """
        return place

    assert tool_function(book).schema == {
        "type": "function",
        "function": {
            "name": "book",
            "description": "Book a table for one evening.",
            "parameters": {
                "type": "object",
                "properties": {
                    "place": {"type": "string", "description": "where, the name as people say it"},
                    "guests": {"type": "integer", "minimum": 1, "description": "how many", "default": 2},
                    "title": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["place"],
            },
        },
    }


@pytest.mark.parametrize(
    "docstring",
    [
        "Find.\n\nArgs:\n    query: the words\n    top: how many\n      at most",
        "Find.\n\nArguments:\n  query (str): the words\n  top (int, optional): how many at most\n\nRaises:\n  top: x",
        "Find.\n\n:param query: the words\n:param int top: how many\n    at most\n:return: top: x",
        "Find.\n:param str query: the words\n:param top: how many at most\n:type top: int",
        "Find.\n\nParameters\n----------\nquery : str\n    the words\ntop : int, optional\n    how many\n    at most\n"
        "\nReturns\n-------\nlist\n    top",
    ],
)
def test_arguments_are_described_in_each_of_the_usual_styles(docstring: str) -> None:
    def find(query: str, top: int = 3) -> None: ...

    find.__doc__ = docstring
    function = tool_function(find).schema["function"]
    assert function["description"] == "Find."
    assert [part["description"] for part in function["parameters"]["properties"].values()] == [
        "the words",
        "how many at most",
    ]


def test_a_function_without_words_has_a_schema_without_words() -> None:
    def now() -> str:
        return "12:00"

    assert tool_function(now).schema["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}


def star(*words: str) -> None: ...
def named_star(**words: str) -> None: ...
def untyped(word) -> None: ...  # type: ignore[no-untyped-def]  # what is tested
def by_place(word: str, /) -> None: ...
def foreign(word: Callable[[int], int]) -> None: ...
def unknown(word: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821  # what is tested
def opaque(word: typing.IO[str]) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (star, r"star takes \*words;"),
        (named_star, r"takes \*\*words;"),
        (untyped, "parameter word of untyped has no type; annotate it"),
        (by_place, "by_place takes word; a tool has arguments with names"),
        (foreign, "parameter word of foreign has a type that JSON cannot carry"),
        (opaque, "parameter word of opaque has a type that JSON cannot carry"),
        (unknown, "unknown has an annotation that cannot be read: name 'Nowhere'"),
        (lambda word: word, "has no name that a model could call"),
        (max, "max does not say what it takes"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_in_one_line(function: Any, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as refusal:
        tool_function(function)
    assert "\n" not in str(refusal.value)

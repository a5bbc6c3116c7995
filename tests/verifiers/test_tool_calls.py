"""Tool calls: reading a turn, and checking arguments against schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openqwq.verifiers.tool_calls import (
    MAX_CALLS,
    ParsedCall,
    check_arguments,
    check_tools,
    json_schema,
    parse_tool_calls,
    tool_functions,
)
from tests.sandbox.remote_server import Remote, Reply


def written(name: str, arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


ONE = written("f", {"x": 1})


@pytest.mark.parametrize(
    ("turn", "calls", "text", "errors"),
    [
        (f"Look. {ONE} Then {ONE}", 2, "Look.  Then", []),
        ("Nothing to call.", 0, "Nothing to call.", []),
        (f"<think>{ONE}</think>Hello", 0, "Hello", []),
        (f"<think>a</think>{ONE}", 1, "", []),
        (f"<think>{ONE}", 0, "", []),
        (ONE * MAX_CALLS, MAX_CALLS, "", []),
        (ONE * (MAX_CALLS + 1), MAX_CALLS, "", ["more than 64 calls"]),
        (ONE + "<tool_call>", 1, "", ["do not pair up"]),
        (ONE + "</tool_call>", 1, "", ["do not pair up"]),
        ("<tool_call>" + ONE, 1, "", ["do not pair up"]),
        ("<tool_call>" + ONE + "</tool_call>", 1, "", ["do not pair up", "do not pair up"]),
        ("<tool_call>{}</tool_call>" + ONE, 1, "", ['not a tool call: a call is an object with a "name"']),
        (ONE + "<tool_response>", 1, "<tool_response>", ["the assistant wrote <tool_response> itself"]),
        (ONE + "</tool_response>", 1, "</tool_response>", ["the assistant wrote </tool_response> itself"]),
        (ONE + "<|im_start|>", 1, "<|im_start|>", ["the assistant wrote <|im_start|> itself"]),
        (
            "<tool_response>a</tool_response>", 0, "<tool_response>a</tool_response>",
            ["wrote <tool_response> itself", "wrote </tool_response> itself"],
        ),
    ],
)  # fmt: skip
def test_a_turn_is_read_into_calls_text_and_violations(turn: str, calls: int, text: str, errors: list[str]) -> None:
    parsed = parse_tool_calls(turn)
    assert parsed.calls == (ParsedCall("f", {"x": 1}),) * calls
    assert parsed.text == text
    assert len(parsed.errors) == len(errors)
    assert all(words in error for words, error in zip(errors, parsed.errors, strict=True))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[]", 'a call is an object with a "name"'),
        ('{"arguments": {}}', 'a call is an object with a "name"'),
        ('{"name": 5, "arguments": {}}', 'a call is an object with a "name"'),
        ('{"name": "f"}', '"arguments" must be an object'),
        ('{"name": "f", "arguments": []}', '"arguments" must be an object'),
        ('{"name": "f", "arguments": "{}"}', '"arguments" must be an object'),
        ('{"name": "f", "arguments": {}, "id": 1}', "unknown keys ['id']"),
        ('{"name": "f", "arguments": {"x": Infinity}}', "Infinity is not JSON"),
        ('{"name": "f", "name": "g", "arguments": {}}', "a key is given twice"),
        ('{"name": "f", "arguments": {"x": {"a": 1, "a": 1}}}', "a key is given twice"),
        ("{'name': 'f', 'arguments': {}}", "Expecting property name"),
        ("", "Expecting value"),
        ('{"name": "f", "arguments": {}, "' + "k" * 300 + '": 1}', "unknown keys"),
    ],
)
def test_a_call_is_plain_json_of_a_name_and_arguments(body: str, words: str) -> None:
    parsed = parse_tool_calls(f"<tool_call>{body}</tool_call>")
    assert parsed.calls == ()
    (error,) = parsed.errors
    assert error.startswith("not a tool call: ") and words in error and len(error) <= 200


PLAIN = {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}
WRAPPED = {"type": "function", "function": {"name": "g", "parameters": {}}}


def test_offered_tools_are_plain_records_or_wrapped_ones() -> None:
    assert tool_functions([PLAIN, WRAPPED]) == {"f": PLAIN, "g": WRAPPED["function"]}
    assert tool_functions((PLAIN,)) == {"f": PLAIN}
    for nothing in (None, "f", 5, {}, [5, "f", {}, {"name": 5}, {"function": "f"}]):
        assert tool_functions(nothing) == {}


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ([PLAIN, WRAPPED], None),
        ([{"name": "f"}], None),
        ([{"name": "f", "parameters": None}], None),
        ([], "the row offers no tools"),
        (None, "the row offers no tools"),
        ("f", "the row offers no tools"),
        ({"name": "f"}, "the row offers no tools"),
        ([PLAIN, {"parameters": {}}], "a tool has no name, or two have the same"),
        ([PLAIN, PLAIN], "a tool has no name, or two have the same"),
        ([PLAIN, {"name": "g", "parameters": {"type": "x"}}], "the schema of tool 'g' is not valid: "),
        ([{"name": "g", "parameters": {"properties": 5}}], "the schema of tool 'g' is not valid: "),
        ([{"name": "g", "parameters": {"x": object()}}], "the schema of tool 'g' is not valid: "),
    ],
)
def test_offered_tools_need_names_of_their_own_and_valid_schemas(tools: object, problem: str | None) -> None:
    found = check_tools(tools)
    assert found is None if problem is None else str(found).startswith(problem)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", [0, -3, 10**30], [1.0, True, "1", None, [1]]),
        ("int", [0], [1.0, True]),
        ("long", [0], [1.5]),
        ("number", [0, 1.5], [True, "1", None]),
        ("float", [0, 1.5], ["1"]),
        ("double", [0, 1.5], ["1"]),
        ("string", ["", "a"], [1, None, ["a"]]),
        ("boolean", [True, False], [0, 1, "true"]),
        ("bool", [True], [1]),
        ("array", [[], [1, "a"]], ["a", {}]),
        ("list", [[1]], ["a"]),
        ("tuple", [[1]], [1]),
        ("object", [{}, {"a": 1}], [[], "a"]),
        ("dict", [{}], [[]]),
        ("any", [1, "a", None, []], []),
    ],
)
def test_a_value_must_have_the_type_of_its_schema_in_either_spelling(kind: str, good: Any, bad: Any) -> None:
    tools = [{"name": "f", "parameters": {"type": "dict", "properties": {"x": {"type": kind}}}}]
    assert check_tools(tools) is None
    assert [check_arguments(ParsedCall("f", {"x": value}), tools) for value in good] == [""] * len(good)
    for value in bad:
        assert check_arguments(ParsedCall("f", {"x": value}), tools).startswith("f['x']: ")


NESTED = {
    "name": "f",
    "parameters": {
        "type": "dict",
        "properties": {
            "place": {"type": "dict", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "days": {"type": "array", "items": {"type": "dict", "properties": {"n": {"type": "long"}}}},
            "unit": {"type": "string", "enum": ["dict", "F"], "default": "dict"},
            "open": {"type": "object", "properties": {}, "additionalProperties": True},
            "properties": {"type": "string"},
        },
        "required": ["place"],
    },
}
ROME = {"place": {"city": "Rome"}}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (ROME, ""),
        ({**ROME, "days": [], "unit": "dict", "open": {"any": 1}, "properties": "x"}, ""),
        ({}, "f: 'place' is a required property"),
        ({"place": {}}, "f['place']: 'city' is a required property"),
        ({"place": {"city": 5}}, "f['place']['city']: 5 is not of type 'string'"),
        ({"place": {"city": "a", "x": 1}}, "f['place']: Additional properties are not allowed"),
        ({**ROME, "x": 1}, "f: Additional properties are not allowed ('x' was unexpected)"),
        ({**ROME, "days": [{"n": 1}, {"n": 1.5}]}, "f['days'][1]['n']: 1.5 is not of type 'integer'"),
        ({**ROME, "unit": "C"}, "f['unit']: 'C' is not one of ['dict', 'F']"),
        ({**ROME, "unit": "object"}, "f['unit']: 'object' is not one of ['dict', 'F']"),
    ],
)
def test_arguments_are_checked_to_any_depth_and_the_place_is_named(arguments: Any, problem: str) -> None:
    assert check_tools([NESTED]) is None
    found = check_arguments(ParsedCall("f", arguments), [PLAIN, NESTED])
    assert found.startswith(problem) and bool(found) is bool(problem)


def test_a_long_complaint_is_cut_and_an_unknown_tool_is_named() -> None:
    assert len(check_arguments(ParsedCall("f", {"x": "a" * 500}), [PLAIN])) == 200
    assert check_arguments(ParsedCall("h", {}), [PLAIN]) == "no tool is named 'h'"
    assert check_arguments(ParsedCall("f", {}), None) == "no tool is named 'f'"
    for schema in ({}, None):
        assert check_arguments(ParsedCall("f", {"x": 1}), [{"name": "f", "parameters": schema}]) == ""


def test_a_schema_that_refers_elsewhere_is_refused_and_fetches_nothing() -> None:
    with Remote(lambda request: Reply(200, b"{}")) as remote:
        tools = [{"name": "f", "parameters": {"properties": {"x": {"$ref": f"{remote.url}/x"}}}}]
        assert "nothing is fetched" in str(check_tools(tools))
        assert check_arguments(ParsedCall("f", {"x": 1}), tools).startswith("the schema of f cannot be applied")
    assert remote.requests == []
    own = {"properties": {"x": {"$ref": "#/$defs/small"}}, "$defs": {"small": {"type": "integer", "maximum": 3}}}
    assert check_tools([{"name": "f", "parameters": own}]) is None
    assert check_arguments(ParsedCall("f", {"x": 4}), [{"name": "f", "parameters": own}]).startswith("f['x']: 4 is")


def test_objects_that_several_schemas_describe_stay_open() -> None:
    parts = [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"type": "integer"}}}]
    for schema in ({"allOf": parts}, {"properties": {}, "anyOf": parts}):
        tools = [{"name": "f", "parameters": {"type": "object", **schema}}]
        assert check_arguments(ParsedCall("f", {"a": 1, "b": 2}), tools) == ""
    choice = [{"name": "f", "parameters": {"properties": {"x": {"anyOf": parts}}}}]
    assert check_arguments(ParsedCall("f", {"x": {"a": 1}}), choice) == ""
    assert check_arguments(ParsedCall("f", {"x": {"a": 1, "b": 2}}), choice) != ""


def test_only_types_and_closed_objects_change_in_a_schema() -> None:
    given_schema = {
        "type": "dict",
        "properties": {"type": {"type": "any", "enum": ["dict"]}},
        "anyOf": [{"type": "float"}],
    }
    assert json_schema(given_schema) == {
        "type": "object",
        "properties": {"type": {"enum": ["dict"]}},
        "anyOf": [{"type": "number"}],
        "additionalProperties": False,
    }
    assert json_schema({"type": ["string", "null"]}) == {"type": ["string", "null"]}
    assert json_schema({"properties": {}, "additionalProperties": {"type": "int"}})["additionalProperties"] == {
        "type": "integer"
    }
    assert json_schema({"const": {"type": "dict"}, "default": {"type": "dict"}}) == {
        "const": {"type": "dict"}, "default": {"type": "dict"},
    }  # fmt: skip


def test_a_sample_that_repeats_the_opening_tag_is_read_in_linear_time() -> None:
    repeated = parse_tool_calls(ONE + "<tool_call>" * 200_000)  # minutes, were the rest searched from every tag
    assert len(repeated.calls) == 1
    assert repeated.errors == ("<tool_call> and </tool_call> do not pair up", "more than 64 calls")

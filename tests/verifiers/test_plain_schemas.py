"""The quick look at arguments says what the full validator says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.calls.plain_schemas import unsettled_places
from openqwq.verifiers.calls.schemas import _validator, json_schema
from openqwq.verifiers.tool_calls import ParsedCall, check_arguments

VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 2.5, "", "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "any", "dict", "float"])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(st.sampled_from(["string", "null", "integer"]), min_size=1, unique=True),
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
            "additionalProperties": st.booleans(),
            "items": inner,
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "minItems": st.integers(0, 2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.builds(lambda kind: {"type": kind}, KINDS), _schemas, max_leaves=6), VALUES)
def test_the_quick_look_and_the_validator_agree(parameters: dict[str, Any], value: Any) -> None:
    arguments = {"a": value}
    full = _validator(json.dumps(parameters, sort_keys=True))
    found = check_arguments(ParsedCall("f", arguments), [{"name": "f", "parameters": parameters}])
    if parameters:
        assert (found == "") is full.is_valid(arguments), found
    if not unsettled_places(json_schema(parameters), arguments):
        assert full.is_valid(arguments)

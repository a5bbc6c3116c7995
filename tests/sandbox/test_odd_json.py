"""Whatever a request holds, it gets a refusal that names the field, or a verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.sandbox import ServerHandle
from tests.sandbox.requests_of_jobs import DOUBLE, is_well, post


def changed(**change: Any) -> str:
    return json.dumps({**DOUBLE, **change})


REFUSED = [
    (changed(code="x" * ((1 << 20) + 1)), "code"),
    (changed(code="é" * (1 << 19) + "x"), "code"),
    (changed(code=["print(1)"]), "code"),
    (changed(limits={"time_s": float("nan")}), "limits.time_s"),
    (changed(limits={"time_s": float("inf")}), "limits.time_s"),
    (changed(limits={"time_s": -1}), "limits.time_s"),
    (changed(limits={"time_s": 1e300}), "limits.time_s"),
    (changed(limits={"time_s": 10**400}), "limits.time_s"),
    (changed(limits={"time_s": True}), "limits.time_s"),
    (changed(limits={"time_s": "2"}), "limits.time_s"),
    (changed(limits={"memory_mb": 100.5}), "limits.memory_mb"),
    (changed(limits={"memory_mb": 1024.25}), "limits.memory_mb"),
    (changed(limits={"memory_mb": -1}), "limits.memory_mb"),
    (changed(limits={"memory_mb": 10**400}), "limits.memory_mb"),
    (changed(limits={"memory_mb": [512]}), "limits.memory_mb"),
    (changed(limits={"output_bytes": 0}), "limits.output_bytes"),
    (changed(limits={"output_bytes": 1e300}), "limits.output_bytes"),
    (changed(limits={"output_bytes": 2e8 + 0.5}), "limits.output_bytes"),
    (changed(limits=[1]), "limits"),
    (changed(tests={}), "tests"),
    (changed(tests="4"), "tests"),
    (changed(tests=[]), "tests"),
    (changed(tests=[4]), "tests[0]"),
    (changed(tests=[{"input": "4"}]), "tests[0]"),
    (changed(tests=[{"input": "4", "output": 8}]), "tests[0].output"),
    (changed(tests=[{"input": None, "output": "8"}]), "tests[0].input"),
    (changed(tests=[{"input": "4", "output": "8"}] * 1001), "tests"),
    (changed(tests=[{"input": {}, "output": 8}], mode="call", entry_point="f"), "tests[0].input"),
    (changed(mode="call", entry_point="f()"), "entry_point"),
    (changed(mode="call", entry_point=5), "entry_point"),
    (changed(mode="asserts", asserts=[5]), "asserts[0]"),
    (changed(mode="asserts", asserts=[]), "asserts"),
    (changed(compare={"float_tol": float("nan")}), "compare.float_tol"),
    (changed(compare={"float_tol": True}), "compare.float_tol"),
    (changed(compare={"rel": 1}), "compare.rel"),
    (changed(compare="exact"), "compare"),
    (changed(stop_on_first_failure="no"), "stop_on_first_failure"),
    (changed(language=5), "language"),
    (changed(language="PYTHON2"), "language"),
    ("[]", "job"),
    ("null", "job"),
    ('"print(1)"', "job"),
    ("1e999", "job"),
]
NOT_JSON = [
    b"",
    b"{",
    b"\xff\xfe\xfd",
    b'{"code": "\xff"}',
    b'{"code": "\xc3\x28"}',
    b"\x00",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b'{"code": "print(1)", "tests": [' + b"9" * 5001 + b"]}",
    json.dumps(DOUBLE).encode("utf-16")[:-1],
]


@pytest.mark.parametrize(("body", "field"), REFUSED, ids=[f"{n}-{field}" for n, (_, field) in enumerate(REFUSED)])
def test_a_request_that_cannot_be_run_is_refused_by_field_value_and_what_is_allowed(
    lonely: ServerHandle, body: str, field: str
) -> None:
    answer = post(lonely, body)
    assert answer.status_code == 422, answer.text
    refusal = answer.json()
    assert refusal["field"] == field
    assert refusal["allowed"] and 0 < len(refusal["value"]) <= 120
    in_batch = post(lonely, f"[{json.dumps(DOUBLE)}, {body}]", "/v1/batch")
    assert (in_batch.status_code, in_batch.json()["field"]) == (422, f"jobs[1].{field}")


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_a_body_that_is_no_json_is_refused_on_every_route(lonely: ServerHandle, body: bytes) -> None:
    for path in ("/v1/run", "/v1/batch", "/run_code"):
        answer = post(lonely, body, path)
        assert answer.status_code == 422, (path, answer.text)
        assert answer.json()["field"] in ("body", "jobs") and answer.json()["allowed"]
    assert is_well(lonely)


def test_a_field_of_broken_text_is_refused_in_text_that_can_be_sent(lonely: ServerHandle) -> None:
    body = '{"languag\\ud800": "python", "code": "print(8)", "tests": [{"input": "", "output": "8"}]}'
    answer = post(lonely, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["allowed"].endswith("did you mean language?")


def call(argument: str, wanted: str, code: str = "def f(x): return x") -> str:
    tests = f'[{{"input": [{argument}], "output": {wanted}}}]'
    return f'{{"code": {json.dumps(code)}, "mode": "call", "entry_point": "f", "tests": {tests}}}'


@pytest.mark.parametrize(
    ("body", "verdicts"),
    [
        (call("1e999", "1e999"), ("pass", "fail")),
        (call("-Infinity", "Infinity"), ("fail",)),
        (call("NaN", "NaN"), ("pass", "fail")),
        (call("9" * 4000, "9" * 4000), ("pass",)),
        (call("9" * 4000, "9" * 3999 + "8"), ("fail",)),
        (call("-0.0", "0"), ("pass", "fail")),
        (call("[" * 300 + "]" * 300, "[" * 300 + "]" * 300), ("pass",)),
        (call("[" * 900 + "]" * 900, "1"), ("error", "fail")),
        (call("1", "[" * 900 + "]" * 900), ("error", "fail")),
        (call('"\\ud800"', '"\\ud800"'), ("pass",)),
        (call('{"a": 1, "a": 2}', '{"a": 2}'), ("pass",)),
        (call("1", "10", "def f(x): return int('9' * 4000 + str(x))"), ("fail",)),
        (call("1", "10", "import sys\nsys.set_int_max_str_digits(0)\ndef f(x): return 10 ** 100000"), ("fail",)),
        (changed(tests=[{"input": "\ud800", "output": "\udfff"}]), ("fail",)),
        (changed(code="print('\ud800')"), ("fail",)),
        (changed(code="import sys; sys.stdout.buffer.write(b'\\xff')"), ("fail",)),
        (changed(code="raise ValueError(chr(0xdfff) + chr(0))"), ("fail",)),
        (changed(code="print(8)\0"), ("fail",)),
        (changed()[:-1] + ', "code": "print(7)"}', ("fail",)),
        (changed(compare={"float_tol": 0, "rel": None}), ("pass",)),
        (changed(comment="an unknown word", difficulty=5), ("pass",)),
    ],
    ids=range(21),
)
def test_odd_values_are_judged_and_leave_the_server_well(
    lonely: ServerHandle, body: str, verdicts: tuple[str, ...]
) -> None:
    answer = post(lonely, body)
    if answer.status_code == 422 and "pass" not in verdicts:
        assert answer.json()["field"] and answer.json()["allowed"]
    else:
        assert answer.status_code == 200, answer.text
        assert answer.json()["verdict"] in verdicts, answer.json()
        assert not answer.json()["is_retryable"]  # it is no trouble of the server's
    assert is_well(lonely)


@pytest.mark.parametrize("place", ["compare", "limits"])
def test_an_unknown_key_inside_changes_nothing_or_is_refused(lonely: ServerHandle, place: str) -> None:
    answer = post(lonely, changed(**{place: {"tolerance": 100, "seconds": -1}}))
    if answer.status_code == 200:
        assert answer.json()["verdict"] == "pass"
    else:
        assert answer.status_code == 422 and answer.json()["field"].startswith(place)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [(name,) for name in DOUBLE]
    + [("limits", name) for name in DOUBLE["limits"]]
    + [("compare", name) for name in DOUBLE["compare"]]
    + [("tests", 0, name) for name in ("input", "output")]
)


@settings(max_examples=60)
@given(place=PLACES, value=JSON_VALUES)
def test_any_value_anywhere_gets_a_refusal_or_a_verdict(
    lonely: ServerHandle, place: tuple[str | int, ...], value: object
) -> None:
    body = json.loads(json.dumps(DOUBLE))
    target = body
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    answer = post(lonely, json.dumps(body))
    assert answer.status_code in (200, 422), (body, answer.text)
    if answer.status_code == 200:
        assert answer.json()["verdict"] in ("pass", "fail"), (body, answer.json())
    else:
        assert answer.json()["field"] and answer.json()["allowed"], answer.json()

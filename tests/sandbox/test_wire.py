"""Jobs and outcomes as JSON: what is read, what is refused, and what comes back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox.jobs import Compare, InvalidJob, Job, Limits, Outcome, TestCase, TestResult
from openqwq.sandbox.wire import job_from_json, job_to_json, outcome_from_json, outcome_to_json

TESTS = [{"input": "4", "output": "8"}]
FULL = Job(
    "code",
    language="cpp",
    entry_point="f",
    tests=(TestCase("1", "2"), TestCase("3", "4")),
    asserts=("assert f(1)",),
    compare=Compare(0.25, True),
    limits=Limits(3.5, 64, 1000),
    stop_on_first_failure=False,
)


def read(**fields: Any) -> Job:
    return job_from_json({"code": "x", "tests": TESTS, **fields})


def test_a_job_comes_back_from_json_as_it_was_in_every_field() -> None:
    for job in (
        FULL,
        Job("x", tests=FULL.tests),
        Job("x", mode="call", entry_point="f", tests=(TestCase([1, {"a": [None, True]}], [1.5]),)),
        Job("x", mode="asserts", asserts=("assert True", "f()"), entry_point="f"),
        Job("x", mode="asserts", asserts=("assert f() == pi",), setup="from math import pi"),
    ):
        assert job_from_json(json.loads(json.dumps(job_to_json(job)))) == job


def test_a_job_of_code_and_tests_alone_has_the_defaults() -> None:
    assert read() == Job("x", tests=(TestCase("4", "8"),))
    assert read(limits=None, compare=None, language=None, mode=None, asserts=None) == read()
    assert read(limits={"time_s": None}, compare={"rel": None, "float_tol": None}) == read()
    assert read(limits={"memory_mb": 64}).limits == replace(Limits(), memory_mb=64)
    assert read(stop_on_first_failure=False).stop_on_first_failure is False
    assert read(compare={"float_tol": 0.5}).compare == Compare(0.5, False)
    assert read(compare={"float_tol": 0.5, "rel": True}).compare == Compare(0.5, True)


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({"tests": TESTS}, "stdin"),
        ({"tests": [{"input": [4], "output": 8}], "entry_point": "f"}, "call"),
        ({"tests": TESTS, "entry_point": "f", "mode": "stdin"}, "stdin"),
        ({"asserts": ["f()"]}, "asserts"),
        ({"asserts": ["f()"], "entry_point": "f"}, "asserts"),
        ({"asserts": ["f()"], "mode": "stdin"}, "asserts"),
        ({"asserts": ["f()"], "tests": TESTS}, "stdin"),
        ({"asserts": ["f()"], "tests": TESTS, "mode": "asserts"}, "asserts"),
    ],
)
def test_the_mode_follows_from_what_the_job_holds(fields: dict[str, Any], mode: str) -> None:
    assert job_from_json({"code": "x", **fields}).mode == mode


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *((name, "python") for name in ("python", "python3", "py", "PY", "Python3")),
        *((name, "cpp") for name in ("cpp", "c++", "C++")),
        *((name, "javascript") for name in ("javascript", "js", "nodejs", "node", "JS")),
    ],
)
def test_a_language_is_known_by_its_usual_names(name: str, language: str) -> None:
    assert read(language=name).language == language


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"code": None}, "code", "a string holding the program"),
        ({"code": ["x"]}, "code", "a string holding the program"),
        ({"mode": "xy"}, "mode", "one of stdin"),
        ({"mode": "xy", "asserts": ["f()"], "tests": []}, "mode", "one of stdin"),
        ({"mode": 5}, "mode", "a string"),
        ({"entry_point": 5}, "entry_point", "a string"),
        ({"stop_on_first_failure": 1}, "stop_on_first_failure", "true or false"),
        ({"stop_on_first_failure": "no"}, "stop_on_first_failure", "true or false"),
        ({"tests": {}}, "tests", "a list"),
        ({"asserts": "f()"}, "asserts", "a list"),
        ({"asserts": ["f()"], "setup": ["import math"]}, "setup", "a string"),
        ({"asserts": ["f()", 5]}, "asserts[1]", "a string"),
        ({"limits": []}, "limits", "an object"),
        ({"compare": "exact"}, "compare", "an object"),
        ({"compare": {"rel": 1}}, "compare.rel", "true or false"),
        ({"tests": [*TESTS, {"input": "4"}]}, "tests[1]", "an object with input and output"),
        ({"tests": [*TESTS, {"output": "4"}]}, "tests[1]", "an object with input and output"),
        ({"tests": [*TESTS, ["4", "8"]]}, "tests[1]", "an object with input and output"),
        ({"limits": {"time_s": 0}}, "limits.time_s", "a number"),
        ({"limits": {"output_bytes": 0}}, "limits.output_bytes", "a number"),
        ({"limits": {"times": 2}}, "limits.times", "no such field; did you mean time_s?"),
        ({"limits": {"time_seconds": 2}}, "limits.time_seconds", "no such field; did you mean time_s?"),
        ({"limits": {"memory": 99}}, "limits.memory", "no such field; did you mean memory_mb?"),
        ({"compare": {"tol": 0.1}}, "compare.tol", "no such field; did you mean float_tol?"),
        ({"compare": {"real": True}}, "compare.real", "no such field; did you mean rel?"),
        ({"langage": "cpp"}, "langage", "no such field; did you mean language?"),
        ({"limit": {}}, "limit", "no such field; did you mean limits?"),
        ({"assert": []}, "assert", "no such field; did you mean asserts?"),
        ({"stop_on_first_fail": True}, "stop_on_first_fail", "no such field; did you mean stop_on_first_failure?"),
    ],
)
def test_what_is_no_job_is_refused_with_its_field_and_what_is_allowed(
    fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        read(**fields)
    assert caught.value.field == field
    assert caught.value.allowed.startswith(words)


def test_what_is_no_object_is_no_job() -> None:
    for data in (None, [], "x", 5, [TESTS]):
        with pytest.raises(InvalidJob, match=r"job is .*; allowed: a JSON object"):
            job_from_json(data)


def test_a_key_that_resembles_nothing_or_a_field_that_is_given_is_ignored() -> None:
    assert read(difficulty=5, comment="x", limits={"seats": 4}, compare={"flavour": 1}) == read()
    assert read(langage="cpp", language="python") == read()
    assert read(text=1) == read()  # 0.67 like tests


def test_a_name_that_is_no_ascii_is_shown_in_ascii() -> None:
    with pytest.raises(InvalidJob, match=r"langu\\xe4ge is 'cpp'"):
        read(**{"languäge": "cpp"})
    with pytest.raises(InvalidJob, match=r"limits.time_\\xdf is 2"):
        read(limits={"time_ß": 2})


@pytest.mark.parametrize(
    ("test", "field"),
    [
        (TestCase([(1, 2)], 3), "tests[0].input"),
        (TestCase([{1: 2}], 3), "tests[0].input"),
        (TestCase([{"a": (1,)}], 3), "tests[0].input"),
        (TestCase([b"x"], 3), "tests[0].input"),
        (TestCase([[{1}]], 3), "tests[0].input"),
        (TestCase([1], {1: 2}), "tests[0].output"),
        (TestCase([1], {1, 2}), "tests[0].output"),
        (TestCase([1], [b"x"]), "tests[0].output"),
    ],
)
def test_a_value_that_json_would_change_is_refused_before_it_is_sent(test: TestCase, field: str) -> None:
    job = Job("x", mode="call", entry_point="f", tests=(test,))
    with pytest.raises(InvalidJob) as caught:
        job_to_json(job)
    assert caught.value.field == field
    assert "what JSON can carry" in caught.value.allowed


def test_a_wanted_tuple_is_sent_as_the_list_that_it_equals() -> None:
    job = Job("x", mode="call", entry_point="f", tests=(TestCase((1, "a", None, 2.5, True), (1, [(2,)], {"a": (3,)})),))
    sent = json.loads(json.dumps(job_to_json(job)))["tests"]
    assert sent == [{"input": [1, "a", None, 2.5, True], "output": [1, [[2]], {"a": [3]}]}]


RESULTS = st.builds(
    TestResult,
    st.sampled_from(["pass", "wrong_output", "time_limit", "not_run"]),
    st.text(max_size=5),
    *[st.integers(0, 999).map(lambda n: n / 8)] * 3,
)


@given(
    st.builds(
        Outcome,
        st.sampled_from(["pass", "fail", "error"]),
        st.lists(RESULTS, max_size=3).map(tuple),
        st.sampled_from(["L1", "L2"]),
        st.text(max_size=5),
        st.integers(0, 999).map(lambda n: n / 8),
        st.booleans(),
    )
)
def test_an_outcome_comes_back_from_json_as_it_was(outcome: Outcome) -> None:
    again = outcome_from_json(json.loads(json.dumps(outcome_to_json(outcome))))
    assert again == replace(
        outcome, tests=tuple(replace(test, memory_mb=round(test.memory_mb, 2)) for test in outcome.tests)
    )


def test_times_are_sent_in_microseconds() -> None:
    sent = outcome_to_json(
        Outcome("pass", (TestResult("pass", "", 1.23456789, 2.3456789, 3.456789),), seconds=4.56789123)
    )
    assert sent["seconds"] == 4.567891
    assert [sent["tests"][0][name] for name in ("seconds", "wall_seconds", "memory_mb")] == [1.234568, 2.345679, 3.46]


def test_an_outcome_that_says_little_has_the_defaults() -> None:
    assert outcome_from_json({"verdict": "pass"}) == Outcome("pass")
    assert outcome_from_json({"verdict": "fail", "tests": [{"status": "time_limit"}]}).tests == (
        TestResult("time_limit"),
    )
    assert outcome_from_json({"verdict": "error", "is_retryable": "yes"}).is_retryable is False
    assert outcome_from_json({"verdict": "error", "is_retryable": True}).is_retryable is True


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"verdict": "maybe"}, r"verdict is 'maybe'; allowed: one of pass, fail, error"),
        ({"verdict": None}, "verdict is None"),
        ({"verdict": "pass", "tests": [{"status": "pass"}, {"status": "ok"}]}, r"tests\[1\].status is 'ok'"),
    ],
)
def test_an_outcome_with_an_unknown_word_is_no_outcome(data: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidJob, match=words):
        outcome_from_json(data)

"""What a job may ask for: every bound from both sides, the defaults, and the names in a refusal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from openqwq.sandbox.jobs import (
    Compare,
    InvalidJob,
    Job,
    Limits,
    Outcome,
    TestCase,
    TestResult,
    error_outcome,
    validate_job,
)

STDIN = Job("print(input())", tests=(TestCase("a", "a"),))
CALL = Job("def f(x): return x", mode="call", entry_point="f", tests=(TestCase([1], 1),))
ASSERTS = Job("def f(x): return x", mode="asserts", asserts=("assert f(1) == 1",))
JOBS = {"stdin": STDIN, "call": CALL, "asserts": ASSERTS}


def refusal(job: Job) -> InvalidJob:
    with pytest.raises(InvalidJob) as caught:
        validate_job(job)
    return caught.value


@pytest.mark.parametrize(
    ("time_seconds", "wall_seconds"),
    [(0.01, 1.01), (0.25, 1.25), (0.75, 1.75), (1.0, 2.0), (1.5, 3.0), (4.0, 8.0), (300.0, 600.0)],
)
def test_wall_time_may_reach_twice_the_time_limit_and_a_second_more_than_it(
    time_seconds: float, wall_seconds: float
) -> None:
    assert Limits(time_seconds).wall_seconds == wall_seconds


def test_the_defaults_are_exact_comparison_two_seconds_and_half_a_gigabyte() -> None:
    assert Limits() == Limits(2.0, 512, 16 * 1024 * 1024)
    assert Compare() == Compare(None, False)
    job = Job("code")
    assert (job.language, job.mode, job.entry_point, job.tests, job.asserts) == ("python", "stdin", None, (), ())
    assert (job.compare, job.limits, job.stop_on_first_failure) == (Compare(), Limits(), True)
    assert TestResult("pass") == TestResult("pass", "", 0.0, 0.0, 0.0)
    assert Outcome("pass") == Outcome("pass", (), "none", "", 0.0, False)


def test_an_error_of_the_infrastructure_may_pass_and_one_of_the_job_may_not() -> None:
    assert error_outcome("lost") == Outcome("error", (), "none", "lost", 0.0, True)
    assert error_outcome("lost", "L2").isolation == "L2"
    assert not Outcome("error", reason="not Python").is_retryable


@pytest.mark.parametrize("mode", JOBS)
def test_a_sound_job_of_each_mode_comes_back_as_it_is(mode: str) -> None:
    assert validate_job(JOBS[mode]) is JOBS[mode]


WITHOUT_ASSERTS = replace(ASSERTS, asserts=())


@pytest.mark.parametrize(
    ("job", "field", "value"),
    [
        (replace(STDIN, language="go"), "language", "'go'"),
        (replace(STDIN, mode="calls"), "mode", "'calls'"),  # type: ignore[arg-type]
        (replace(CALL, language="cpp"), "mode", "'call'"),
        (replace(ASSERTS, language="javascript"), "mode", "'asserts'"),
        (replace(CALL, entry_point=None), "entry_point", "None"),
        (replace(CALL, entry_point=""), "entry_point", "''"),
        (replace(CALL, entry_point="f()"), "entry_point", "'f()'"),
        (replace(STDIN, tests=()), "tests", "'0 entries'"),
        (replace(CALL, tests=()), "tests", "'0 entries'"),
        (WITHOUT_ASSERTS, "asserts", "'0 entries'"),
        (replace(WITHOUT_ASSERTS, tests=STDIN.tests), "asserts", "'0 entries'"),
        (replace(STDIN, asserts=ASSERTS.asserts, tests=()), "tests", "'0 entries'"),
        (replace(STDIN, tests=STDIN.tests * 1001), "tests", "'1001 entries'"),
        (replace(ASSERTS, asserts=ASSERTS.asserts * 1001), "asserts", "'1001 entries'"),
        (replace(STDIN, tests=(*STDIN.tests, TestCase(4, "4"))), "tests[1].input", "4"),
        (replace(STDIN, tests=(*STDIN.tests, TestCase("4", 4))), "tests[1].output", "4"),
        (replace(STDIN, tests=(TestCase(["4"], "4"),)), "tests[0].input", "['4']"),
        (replace(STDIN, mode="run"), "tests[0].output", repr(STDIN.tests[0].output)),
        (replace(STDIN, mode="run", tests=(TestCase(4, None),)), "tests[0].input", "4"),
        (replace(CALL, tests=(*CALL.tests, TestCase("ab", 4))), "tests[1].input", "'ab'"),
        (replace(CALL, tests=(TestCase({"a": 1}, 4),)), "tests[0].input", "{'a': 1}"),
        (replace(CALL, tests=(TestCase(5, 4),)), "tests[0].input", "5"),
        (replace(STDIN, code="x" * ((1 << 20) + 1)), "code", "'1048577 characters'"),
        (replace(STDIN, code="é" * (1 << 19) + "x"), "code", "'524289 characters'"),
        (replace(STDIN, code="\ud800" * 349526), "code", "'349526 characters'"),
    ],
)
def test_a_job_that_cannot_be_run_is_refused_by_its_field_and_value(job: Job, field: str, value: str) -> None:
    problem = refusal(job)
    assert (problem.field, problem.value) == (field, value)
    assert str(problem) == f"{field} is {problem.value}; allowed: {problem.allowed}"


@pytest.mark.parametrize(
    "job",
    [
        replace(STDIN, language="cpp"),
        replace(STDIN, language="javascript"),
        replace(STDIN, entry_point="f()"),
        replace(ASSERTS, entry_point="f()"),
        replace(ASSERTS, entry_point=None),
        replace(STDIN, tests=STDIN.tests * 1000),
        replace(ASSERTS, asserts=ASSERTS.asserts * 1000),
        replace(ASSERTS, tests=(TestCase(1, 1),)),
        replace(STDIN, asserts=ASSERTS.asserts * 1001),
        replace(CALL, tests=(TestCase((1,), {(1, b"x"): {2.5}}),)),
        replace(STDIN, tests=(TestCase("", ""),)),
        replace(STDIN, code=""),
        replace(STDIN, code="x" * (1 << 20)),
        replace(STDIN, code="é" * (1 << 19)),
        replace(STDIN, code="\ud800" * 349525),
    ],
    ids=range(15),
)
def test_a_job_on_the_allowed_side_of_a_bound_is_taken(job: Job) -> None:
    assert validate_job(job) is job


BELOW, ABOVE = -math.inf, math.inf


@pytest.mark.parametrize(
    ("name", "allowed", "refused", "words"),
    [
        ("limits.time_s", [0.01, 1, 300, 300.0], [0.0099, 0, -1, 300.1, math.nan, "2", True, None], "0.01 to 300"),
        ("limits.memory_mb", [32, 65536], [31, 0, 65537, -32, True, "512", None, math.inf], "32 to 65536"),
        ("limits.output_bytes", [1, 1 << 28], [0, -1, (1 << 28) + 1, True, "9", None], "1 to 2.68435e+08"),
        ("compare.float_tol", [None, 0, 0.0, 1e-9, 1, 1.0], [-1e-9, 1.0001, math.nan, True, "1"], "0 to 1"),
    ],
)
def test_a_number_is_taken_within_its_bounds_and_refused_outside(
    name: str, allowed: list[Any], refused: list[Any], words: str
) -> None:
    def with_value(value: Any) -> Job:
        if name == "compare.float_tol":
            return replace(STDIN, compare=Compare(value))
        return replace(
            STDIN, limits=replace(Limits(), **{name.removeprefix("limits.").replace("_s", "_seconds"): value})
        )

    for value in allowed:
        validate_job(with_value(value))
    for value in refused:
        problem = refusal(with_value(value))
        assert (problem.field, problem.value) == (name, repr(value))
        assert words in problem.allowed or problem.allowed == "a whole number"


@pytest.mark.parametrize("name", ["memory_mb", "output_bytes"])
def test_a_number_of_bytes_is_a_whole_one(name: str) -> None:
    problem = refusal(replace(STDIN, limits=replace(Limits(), **{name: 64.0})))  # type: ignore[arg-type]
    assert (problem.field, problem.value, problem.allowed) == (f"limits.{name}", "64.0", "a whole number")


@pytest.mark.parametrize(("length", "shown"), [(118, 120), (119, 120)])
def test_a_long_value_is_shortened_in_a_refusal(length: int, shown: int) -> None:
    problem = InvalidJob("code", "x" * length, "less")
    assert len(problem.value) == shown
    assert problem.value.endswith("..." if length > 118 else "x'")


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (replace(STDIN, language="go"), "one of python, cpp, javascript"),
        (replace(STDIN, mode="x"), "one of stdin, call, asserts, run"),  # type: ignore[arg-type]
        (replace(CALL, language="cpp"), "run or stdin, for a program in cpp"),
        (replace(STDIN, tests=()), "1 to 1000 entries"),
        (replace(STDIN, code="x" * ((1 << 20) + 1)), "at most 1048576 bytes"),
        (replace(STDIN, tests=(TestCase(1, ""),)), "a string (stdin mode)"),
        (replace(CALL, tests=(TestCase(1, ""),)), "a list of arguments (call mode)"),
    ],
)
def test_a_refusal_says_what_is_allowed(job: Job, words: str) -> None:
    assert refusal(job).allowed == words

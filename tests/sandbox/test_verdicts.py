"""Verdicts beyond pass and fail: what cannot be judged is an error, and records say how each test ended."""

from __future__ import annotations

from openqwq.sandbox import Job, Limits, LocalSandbox, TestCase


def test_a_test_text_that_is_not_python_is_an_error(sandbox: LocalSandbox) -> None:
    outcome = sandbox.run(Job("def f(): return 1", mode="asserts", entry_point="f", asserts=("assert f( == 1",)))
    assert outcome.verdict == "error"
    assert "asserts[0] is not valid Python" in outcome.reason


def test_handing_a_function_to_the_program_is_an_error_not_a_failure(sandbox: LocalSandbox) -> None:
    job = Job("def f(g): return g(1)", mode="asserts", entry_point="f", asserts=("assert f(lambda x: x) == 1",))
    outcome = sandbox.run(job)
    assert outcome.verdict == "error"
    assert "only plain data" in outcome.reason


def test_tests_after_the_first_failure_are_not_run(sandbox: LocalSandbox) -> None:
    tests = (TestCase("1", "1"), TestCase("2", "0"), TestCase("3", "3"))
    outcome = sandbox.run(Job("print(input())", tests=tests))
    assert [test.status for test in outcome.tests] == ["pass", "wrong_output", "not_run"]


def test_all_tests_run_when_asked(sandbox: LocalSandbox) -> None:
    tests = (TestCase("1", "1"), TestCase("2", "0"), TestCase("3", "3"))
    outcome = sandbox.run(Job("print(input())", tests=tests, stop_on_first_failure=False))
    assert [test.status for test in outcome.tests] == ["pass", "wrong_output", "pass"]


def test_the_end_of_a_traceback_is_in_the_detail(sandbox: LocalSandbox) -> None:
    outcome = sandbox.run(Job("raise KeyError('lost')", tests=(TestCase("", ""),)))
    assert outcome.tests[0].status == "runtime_error"
    assert "KeyError: 'lost'" in outcome.tests[0].detail
    assert "openqwq" not in outcome.tests[0].detail


def test_limits_are_named_when_passed(sandbox: LocalSandbox) -> None:
    loop = Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(0.2))
    memory = Job("x = [b'x' * (8 << 20) for _ in range(64)]", tests=(TestCase("", ""),), limits=Limits(2.0, 128))
    output = Job("print('x' * 10**6)", tests=(TestCase("", ""),), limits=Limits(2.0, 128, 1000))
    statuses = [outcome.tests[0].status for outcome in sandbox.run_many([loop, memory, output])]
    assert statuses == ["time_limit", "memory_limit", "output_limit"]


def test_asserts_of_one_job_share_the_programs_state(sandbox: LocalSandbox) -> None:
    job = Job(
        "seen = []\ndef f(n): seen.append(n); return len(seen)",
        mode="asserts",
        entry_point="f",
        asserts=("assert f(1) == 1", "assert f(1) == 2"),
    )
    assert sandbox.run(job).verdict == "pass"

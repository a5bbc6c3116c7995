"""The jails of one job: what each is given, when a job is tried once more, and what ends an attempt."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, cast

import pytest

from openqwq.sandbox import verdict
from openqwq.sandbox.codec import decode, encode
from openqwq.sandbox.execution import CompileFailed, Compiler
from openqwq.sandbox.jobs import Job, Limits, Outcome, TestCase
from openqwq.sandbox.verdict import form_verdict
from openqwq.sandbox.worker import Answer, WorkerLost
from tests.sandbox.scripted_workers import ScriptedSlot, ScriptedWorker, answer, exits, killed

TESTS = (TestCase("1", "11"), TestCase("2", "22"), TestCase("3", "33"))
RIGHT = [exits(0, b"11"), exits(0, b"22"), exits(0, b"33")]
WRONG = exits(0, b"44")
LIMITS = Limits(3.0, 128, 4096)
ASSERTS = Job("def f(): pass", mode="asserts", entry_point="f", asserts=("assert f()", "f()", "f"), limits=LIMITS)


def judge(job: Job, slot: ScriptedSlot, compiler: Any = None) -> Outcome:
    return asyncio.run(form_verdict(job, slot.as_slot(), compiler or Compiler(), "L2"))


def statuses(outcome: Outcome) -> list[str]:
    return [test.status for test in outcome.tests]


def lines(*texts: str) -> bytes:
    return b"".join(json.dumps({"status": text, "detail": ""}).encode() + b"\n" for text in texts)


@pytest.mark.parametrize(
    ("answers", "stops", "ended"),
    [
        (RIGHT, True, ["pass"] * 3),
        ([RIGHT[0], WRONG], True, ["pass", "wrong_output", "not_run"]),
        ([WRONG], True, ["wrong_output", "not_run", "not_run"]),
        ([RIGHT[0], exits(1)], True, ["pass", "runtime_error", "not_run"]),
        ([RIGHT[0], WRONG, RIGHT[2]], False, ["pass", "wrong_output", "pass"]),
        ([answer(ending="time_limit"), RIGHT[1], exits(1)], False, ["time_limit", "pass", "runtime_error"]),
        ([RIGHT[0], RIGHT[1], exits(0, b"3 3")], True, ["pass", "pass", "wrong_output"]),
    ],
)
def test_each_answer_is_compared_with_the_output_of_its_own_test(
    answers: list[Answer], stops: bool, ended: list[str]
) -> None:
    worker = ScriptedWorker([answers])
    outcome = judge(Job("", tests=TESTS, stop_on_first_failure=stops), ScriptedSlot(worker))
    assert statuses(outcome) == ended
    assert outcome.verdict == ("pass" if set(ended) == {"pass"} else "fail")
    assert (outcome.isolation, outcome.is_retryable) == ("L2", False)
    assert 0.0 < outcome.seconds < 60.0
    assert len(worker.orders) == 1


def test_the_jail_of_a_program_gets_its_code_inputs_and_limits_and_no_wanted_output() -> None:
    worker = ScriptedWorker([RIGHT])
    judge(Job("pass # é", tests=TESTS, limits=LIMITS), ScriptedSlot(worker))
    (order,) = worker.orders
    assert (order.role, order.entry_point) == ("stdin", "")
    assert (order.time_seconds, order.wall_seconds, order.memory_mb, order.output_bytes) == (3.0, 6.0, 128, 4096)
    assert worker.parts == [["pass # é".encode(), b"1", b"2", b"3"]]


def test_the_jail_of_a_called_function_gets_its_arguments_as_a_list() -> None:
    worker = ScriptedWorker([[exits(0, encode(3)), exits(0, encode("x"))]])
    tests = (TestCase((1, [2]), 3), TestCase([{"a": None}], "x"))
    outcome = judge(Job("code", mode="call", entry_point="f", tests=tests), ScriptedSlot(worker))
    assert outcome.verdict == "pass"
    assert (worker.orders[0].role, worker.orders[0].entry_point) == ("call", "f")
    assert [decode(part) for part in worker.parts[0][1:]] == [[1, [2]], [{"a": None}]]


def test_an_argument_that_cannot_cross_the_border_is_an_error_that_no_try_can_mend() -> None:
    job = Job("", mode="call", entry_point="f", tests=(TestCase([object()], 1),))
    outcome = judge(job, ScriptedSlot())
    assert (outcome.verdict, outcome.reason) == ("error", "object is not plain data")
    assert (outcome.isolation, outcome.is_retryable, outcome.tests) == ("L2", False, ())


@pytest.mark.parametrize(
    ("jails", "verdict", "used"),
    [
        ([RIGHT, RIGHT], "pass", 1),
        ([[killed()], RIGHT], "pass", 2),
        ([[RIGHT[0], killed()], RIGHT], "pass", 2),
        ([[killed()], [WRONG]], "fail", 2),
        ([[killed()], [killed()], RIGHT], "fail", 2),
        ([[exits(137)], RIGHT], "fail", 1),
        ([[answer(wait_status=11)], RIGHT], "fail", 1),
        ([[answer(ending="memory_limit", wait_status=9)], RIGHT], "fail", 1),
    ],
)
def test_a_program_that_is_killed_without_a_limit_is_run_once_more_and_the_second_time_counts(
    jails: list[list[Answer]], verdict: str, used: int
) -> None:
    worker = ScriptedWorker(list(jails))
    outcome = judge(Job("", tests=TESTS), ScriptedSlot(worker))
    assert (outcome.verdict, len(worker.orders)) == (verdict, used)


def test_a_kill_that_the_kernel_explains_with_memory_is_a_memory_limit_and_not_tried_again() -> None:
    worker = ScriptedWorker([[RIGHT[0], killed()], RIGHT], num_kills=[2, 3])
    outcome = judge(Job("", tests=TESTS), ScriptedSlot(worker))
    assert statuses(outcome) == ["pass", "memory_limit", "not_run"]
    assert outcome.reason == "test 1: memory_limit killed by SIGKILL"


def test_a_kill_of_an_earlier_job_explains_nothing() -> None:
    worker = ScriptedWorker([[killed()], RIGHT], num_kills=[2])
    assert judge(Job("", tests=TESTS), ScriptedSlot(worker)).verdict == "pass"


def test_a_killed_test_that_is_not_the_last_still_has_its_program_run_once_more() -> None:
    worker = ScriptedWorker([[killed(), RIGHT[1], RIGHT[2]], RIGHT])
    outcome = judge(Job("", tests=TESTS, stop_on_first_failure=False), ScriptedSlot(worker))
    assert (outcome.verdict, len(worker.orders)) == ("pass", 2)


class Refusing:
    """A compiler that refuses every program."""

    async def compile(self, code: str, slot: Any) -> Any:
        raise CompileFailed("a" * 300 + "b" * 500, exits(1))


def test_a_program_that_does_not_compile_fails_its_first_test_and_runs_none() -> None:
    outcome = judge(Job("", language="cpp", tests=TESTS), ScriptedSlot(), Refusing())
    assert statuses(outcome) == ["compile_error", "not_run", "not_run"]
    assert outcome.verdict == "fail"
    assert outcome.tests[0].detail == "b" * 500
    assert outcome.reason == f"test 0: compile_error {'b' * 500}"


@pytest.mark.parametrize("jails", [[[]], [[RIGHT[0]]], [[answer(ending="broken")]]])
def test_a_jail_without_an_answer_is_a_lost_worker_for_the_queue_to_replace(jails: list[list[Answer]]) -> None:
    with pytest.raises(WorkerLost):
        judge(Job("", tests=TESTS), ScriptedSlot(ScriptedWorker(jails)))


def test_a_worker_that_says_nothing_is_stuck_after_the_wall_limit_and_the_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdict, "GRACE_SECONDS", -1.0)  # the wall limit of 0.01 s of CPU time is 1.01 s
    brief = Limits(0.01)
    with pytest.raises(TimeoutError):
        judge(Job("", tests=TESTS, limits=brief), ScriptedSlot(ScriptedWorker([RIGHT[:2]], is_stuck=True)))
    asserts = ScriptedWorker([[]], is_stuck=True)
    slot = ScriptedSlot(ScriptedWorker([[]], is_stuck=True), asserts=asserts)
    monkeypatch.setattr(verdict, "GRACE_SECONDS", -4.0)
    with pytest.raises(TimeoutError):
        judge(Job("", mode="asserts", asserts=("f()",) * 3, limits=brief), slot)


def test_grace_is_added_to_the_wall_limits_of_all_tests_that_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    timeout = asyncio.timeout
    monkeypatch.setattr(verdict.asyncio, "timeout", lambda delay: waits.append(delay) or timeout(delay))
    judge(Job("", tests=TESTS, limits=LIMITS), ScriptedSlot(ScriptedWorker([RIGHT])))
    asserts = ScriptedWorker([[exits(0, lines("pass", "pass", "pass"))]])
    judge(ASSERTS, ScriptedSlot(ScriptedWorker([[]], is_stuck=True), asserts=asserts))
    assert waits == [11.0, 11.0, 11.0, 29.0]


@pytest.mark.parametrize("stops", [True, False])
def test_assert_texts_and_program_get_a_jail_each_that_one_socket_joins(stops: bool) -> None:
    program = ScriptedWorker([[]], is_stuck=True)
    asserts = ScriptedWorker([[exits(0, lines("pass", "pass", "pass"))]])
    job = replace(ASSERTS, entry_point=None, setup="import math", limits=LIMITS, stop_on_first_failure=stops)
    outcome = judge(job, ScriptedSlot(program, asserts=asserts))
    assert (outcome.verdict, statuses(outcome)) == ("pass", ["pass"] * 3)
    (texts,), (code,) = asserts.orders, program.orders
    assert (texts.role, code.role, texts.entry_point, code.entry_point) == ("asserts", "solution", "", "")
    assert (texts.time_seconds, texts.wall_seconds, texts.memory_mb, texts.output_bytes) == (12.0, 24.0, 1024, 4096)
    assert (code.time_seconds, code.wall_seconds, code.memory_mb, code.output_bytes) == (9.0, 18.0, 128, 4096)
    order = {"asserts": list(ASSERTS.asserts), "setup": "import math", "stop": stops, "wall_seconds": 6.0}
    assert json.loads(asserts.parts[0][0]) == order
    assert (asserts.parts[0][1:], program.parts) == ([b""], [[b"def f(): pass", b""]])
    assert None not in asserts.peers + program.peers and asserts.peers != program.peers


def test_the_entry_point_goes_to_both_jails_of_assert_texts() -> None:
    program, asserts = ScriptedWorker([[]], is_stuck=True), ScriptedWorker([[exits(0, lines("pass", "pass", "pass"))]])
    judge(ASSERTS, ScriptedSlot(program, asserts=asserts))
    assert (program.orders[0].entry_point, asserts.orders[0].entry_point) == ("f", "f")


@pytest.mark.parametrize(
    ("texts", "programs", "ended"),
    [
        (["pass", "wrong_output"], [], ["pass", "wrong_output", "not_run"]),
        (["pass", "gone"], [exits(1)], ["pass", "runtime_error", "not_run"]),
        (["gone"], [exits(0)], ["no_result", "not_run", "not_run"]),
        (["pass", "pass", "gone"], [answer(ending="time_limit")], ["pass", "pass", "time_limit"]),
    ],
)
def test_a_program_that_is_gone_fails_the_text_that_asked_it(
    texts: list[str], programs: list[Answer], ended: list[str]
) -> None:
    program, asserts = ScriptedWorker([programs]), ScriptedWorker([[exits(0, lines(*texts))]])
    outcome = judge(ASSERTS, ScriptedSlot(program, asserts=asserts))
    assert (outcome.verdict, statuses(outcome)) == ("fail", ended)


def test_a_program_that_is_killed_under_assert_texts_is_run_once_more() -> None:
    gone, passed = [exits(0, lines("pass", "gone"))], [exits(0, lines("pass", "pass", "pass"))]
    program, asserts = ScriptedWorker([[killed()], []]), ScriptedWorker([gone, passed])
    assert judge(ASSERTS, ScriptedSlot(program, asserts=asserts)).verdict == "pass"
    program, asserts = ScriptedWorker([[exits(1)]]), ScriptedWorker([gone])
    assert judge(ASSERTS, ScriptedSlot(program, asserts=asserts)).verdict == "fail"


def test_a_tests_process_that_dies_early_is_an_error_that_no_try_can_mend() -> None:
    asserts = ScriptedWorker([[exits(1, lines("pass"), b"MemoryError")]])
    outcome = judge(ASSERTS, ScriptedSlot(ScriptedWorker([[exits(0)]]), asserts=asserts))
    assert (outcome.verdict, outcome.tests, outcome.is_retryable) == ("error", (), False)
    assert outcome.reason == "the tests' process ended early: exit status 1 MemoryError"
    assert cast(float, outcome.seconds) > 0.0

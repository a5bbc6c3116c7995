"""From the way a test ended to its result, and from results to the verdict, without a jail."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from openqwq.sandbox.codec import encode
from openqwq.sandbox.execution import CannotJudge
from openqwq.sandbox.jobs import Compare, Job, TestResult
from openqwq.sandbox.protocol import Ending
from openqwq.sandbox.verdict import _compared, _ended, _is_killed, _outcome, _results_of_asserts, _why_gone
from openqwq.sandbox.worker import Answer, WorkerLost
from tests.sandbox.scripted_workers import answer, exits, killed

NUMBERS = (0.25, 0.75, 12.5)
LIMITS: list[Ending] = ["time_limit", "memory_limit", "process_limit", "output_limit"]


def of(*statuses: str) -> list[TestResult]:
    return [TestResult(status, f"detail {index}") for index, status in enumerate(statuses)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "verdict", "reason"),
    [
        (["pass"], "pass", ""),
        (["pass", "pass"], "pass", ""),
        (["wrong_output", "pass"], "fail", "test 0: wrong_output detail 0"),
        (["pass", "time_limit"], "fail", "test 1: time_limit detail 1"),
        (["pass", "runtime_error", "not_run"], "fail", "test 1: runtime_error detail 1"),
        (["pass", "not_run"], "fail", "test 1: not_run detail 1"),
    ],
)
def test_a_job_passes_when_every_test_passes_and_its_reason_names_the_first_that_does_not(
    statuses: list[str], verdict: str, reason: str
) -> None:
    outcome = _outcome(of(*statuses))
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert list(outcome.tests) == of(*statuses)
    assert not outcome.is_retryable


def test_a_reason_without_a_detail_ends_with_the_status() -> None:
    assert _outcome([TestResult("time_limit")]).reason == "test 0: time_limit"


@pytest.mark.parametrize(
    ("ended", "status", "detail"),
    [
        (exits(0, b"9"), "pass", ""),
        (exits(0, stderr=b"a warning"), "pass", ""),
        (exits(1, stderr=b"Traceback\nKeyError: 'x'\n"), "runtime_error", "exit status 1 Traceback\nKeyError: 'x'"),
        (exits(3), "runtime_error", "exit status 3"),
        (exits(1, stderr=b"a" + b"b" * 300), "runtime_error", "exit status 1 " + "b" * 300),
        (exits(1, stderr=b"\xff"), "runtime_error", "exit status 1 \N{REPLACEMENT CHARACTER}"),
        (killed(), "runtime_error", "killed by SIGKILL"),
        (answer(wait_status=11), "runtime_error", "killed by SIGSEGV"),
        (answer(wait_status=1), "runtime_error", "killed by SIGHUP"),
        (answer(wait_status=33), "runtime_error", "killed by signal 33"),
        *((answer(ending=ending, wait_status=9, stderr=b"words"), ending, "") for ending in LIMITS),
    ],
)
def test_how_a_program_ended_is_the_result_until_its_output_is_compared(
    ended: Answer, status: str, detail: str
) -> None:
    result = _ended(ended)
    assert (result.status, result.detail) == (status, detail)
    assert (result.seconds, result.wall_seconds, result.memory_mb) == NUMBERS


def test_a_jail_that_could_not_be_built_is_a_lost_worker_and_no_result() -> None:
    with pytest.raises(WorkerLost, match="no jail could be built: no room"):
        _ended(answer(ending="broken", stderr=b"no room"))


@pytest.mark.parametrize(
    ("ended", "is_killed"),
    [
        (killed(), True),
        (killed(b"9"), True),
        (answer(wait_status=11), False),
        (exits(9), False),
        (exits(137), False),
        (exits(0), False),
        *((answer(ending=ending, wait_status=9), False) for ending in LIMITS),
    ],
)
def test_only_a_sigkill_that_no_limit_explains_counts_as_killed(ended: Answer, is_killed: bool) -> None:
    assert _is_killed(ended.record) is is_killed


STDIN = Job("")
CALL = Job("", mode="call", entry_point="f", compare=Compare(0.5))


@pytest.mark.parametrize(
    ("job", "wanted", "output", "status", "detail"),
    [
        (STDIN, "9\n", b"9", "pass", ""),
        (STDIN, "9\n", b"8", "wrong_output", "line 1 is '8', wanted '9'"),
        (STDIN, "", b"", "pass", ""),
        (STDIN, "9", b"", "wrong_output", "the output ends before line 1, wanted '9'"),
        (Job("", compare=Compare(0.5)), "9.0", b"9.5", "pass", ""),
        (CALL, 9.0, encode(9.5), "pass", ""),
        (CALL, 9.0, encode(9.75), "wrong_output", "returned 9.75, wanted 9.0"),
        (CALL, "9", encode("9"), "pass", ""),
        (CALL, "9", b"9", "wrong_output", "the returned value is not plain data: damaged data: unknown tag b'9'"),
        (CALL, None, b"", "no_result", "the program ended before f returned"),
        (CALL, "", b"", "no_result", "the program ended before f returned"),
    ],
)
def test_output_is_compared_by_the_mode_and_the_comparison_of_its_job(
    job: Job, wanted: object, output: bytes, status: str, detail: str
) -> None:
    result = asyncio.run(_compared(job, wanted, output, TestResult("pass", "", *NUMBERS)))
    assert result == TestResult(status, detail, *NUMBERS)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "is_aside"), [((1 << 18) - 1, False), (1 << 18, True)])
def test_a_large_output_is_compared_beside_the_event_loop(size: int, is_aside: bool) -> None:
    threads: list[threading.Thread] = []

    class Wanted(str):
        def __str__(self) -> str:
            threads.append(threading.current_thread())
            return "x"

    result = asyncio.run(_compared(STDIN, Wanted(), b"x" * size, TestResult("pass")))
    assert result.status == "wrong_output"
    assert [thread is not threading.main_thread() for thread in threads] == [is_aside]


def lines(*statuses: str) -> bytes:
    return b"".join(
        json.dumps({"status": status, "detail": f"detail {index}"}).encode() + b"\n"
        for index, status in enumerate(statuses)
    )


@pytest.mark.parametrize(
    ("statuses", "count", "read", "is_gone"),
    [
        (["pass", "pass"], 2, ["pass", "pass"], False),
        (["pass", "wrong_output"], 2, ["pass", "wrong_output"], False),
        (["runtime_error"], 3, ["runtime_error"], False),
        (["pass", "time_limit"], 3, ["pass", "time_limit"], False),
        (["wrong_output", "pass"], 2, ["wrong_output", "pass"], False),
        (["pass", "gone"], 3, ["pass"], True),
        (["gone"], 1, [], True),
        (["gone", "pass"], 2, [], True),
    ],
)
def test_the_lines_of_the_tests_process_are_the_results_of_assert_texts(
    statuses: list[str], count: int, read: list[str], is_gone: bool
) -> None:
    results, was_gone = _results_of_asserts(exits(0, lines(*statuses)), count)
    assert ([result.status for result in results], was_gone) == (read, is_gone)
    assert all(result.detail == f"detail {index}" for index, result in enumerate(results))
    assert all(result.wall_seconds == 0.75 for result in results)


@pytest.mark.parametrize("statuses", [["unsupported"], ["pass", "broken_test"], ["wrong_output", "unsupported"]])
def test_a_text_that_allows_no_verdict_makes_the_job_one_that_cannot_be_judged(statuses: list[str]) -> None:
    with pytest.raises(CannotJudge, match=f"detail {len(statuses) - 1}"):
        _results_of_asserts(exits(0, lines(*statuses)), 3)


@pytest.mark.parametrize(
    "ended",
    [
        exits(0),
        exits(1, stderr=b"Traceback"),
        killed(),
        answer(ending="process_limit"),
        exits(0, lines("pass")),
        exits(1, lines("pass")),
        answer(lines("pass"), ending="process_limit"),
    ],
)
def test_the_early_death_of_the_tests_process_is_an_error_and_never_a_fail(ended: Answer) -> None:
    with pytest.raises(CannotJudge, match="the tests' process ended early"):
        _results_of_asserts(ended, 2)


def test_the_words_of_a_tests_process_that_ended_early_are_kept() -> None:
    with pytest.raises(CannotJudge, match="ended early: exit status 1 Traceback"):
        _results_of_asserts(exits(1, stderr=b"Traceback"), 2)


@pytest.mark.parametrize("ending", ["time_limit", "memory_limit", "output_limit"])
def test_an_answer_that_is_too_expensive_to_read_fails_the_text_that_asked_for_it(ending: Ending) -> None:
    results, is_gone = _results_of_asserts(answer(lines("pass"), ending=ending), 3)
    assert [result.status for result in results] == ["pass", ending]
    assert results[1] == TestResult(ending, "while reading the program's answer", *NUMBERS)
    assert not is_gone


def test_a_limit_passed_after_all_texts_changes_nothing() -> None:
    results, _ = _results_of_asserts(answer(lines("pass", "pass"), ending="time_limit"), 2)
    assert [result.status for result in results] == ["pass", "pass"]


def test_a_tests_process_whose_jail_could_not_be_built_is_a_lost_worker() -> None:
    with pytest.raises(WorkerLost, match="no room"):
        _results_of_asserts(answer(ending="broken", stderr=b"no room"), 1)


@pytest.mark.parametrize(
    ("ended", "status", "detail"),
    [
        (exits(0, b"9"), "no_result", "the program ended before it answered"),
        (exits(2), "runtime_error", "exit status 2"),
        (killed(), "runtime_error", "killed by SIGKILL"),
        (answer(ending="memory_limit"), "memory_limit", ""),
    ],
)
def test_a_program_that_is_gone_gets_no_result_or_the_reason_of_its_end(
    ended: Answer, status: str, detail: str
) -> None:
    result = _why_gone(ended)
    assert result == TestResult(status, detail, *NUMBERS)  # type: ignore[arg-type]

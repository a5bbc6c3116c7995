"""Levels from attacks, words for hosts that are too weak, the server's arguments, and bodies of requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openqwq.sandbox import http_api
from openqwq.sandbox.attacks import ATTACKS, Attack
from openqwq.sandbox.http_api import MAX_BATCH_JOBS, _batch_jobs, _deadline, _job_at
from openqwq.sandbox.jobs import InvalidJob, Job, Outcome, TestCase, TestResult
from openqwq.sandbox.languages import Language, check_language
from openqwq.sandbox.probe import HostCheck, ProbeResult, _result, _too_weak, level_of
from openqwq.sandbox.server import parse_arguments


def broken(*levels: str) -> list[ProbeResult]:
    held = [ProbeResult("held", level, True) for level in ("L0", "L1", "L2", "L3")]
    return held + [ProbeResult(f"attack at {level}", level, False, "it worked") for level in levels]


@pytest.mark.parametrize(
    ("levels", "level"),
    [((), "L3"), (("L3",), "L2"), (("L2",), "L1"), (("L1", "L3"), "L0"), (("L0",), ""), (("L0", "L3"), "")],
)
def test_the_level_is_the_highest_below_which_nothing_is_broken(levels: tuple[str, ...], level: str) -> None:
    assert level_of(broken(*levels)) == level
    assert [result.level for result in HostCheck("process", level, tuple(broken(*levels))).broken] == list(levels)


@pytest.mark.parametrize(
    ("verdict", "statuses", "may_be_stopped", "is_held"),
    [
        ("pass", ["pass"], False, True),
        ("fail", ["wrong_output"], False, False),
        ("fail", ["wrong_output"], True, False),
        ("fail", ["memory_limit"], True, True),
        ("fail", ["memory_limit"], False, False),
        ("fail", ["pass", "time_limit"], True, True),
        ("fail", ["process_limit"], True, True),
        ("fail", ["runtime_error"], True, False),
        ("fail", ["output_limit"], True, False),
        ("error", [], True, False),
    ],
)
def test_an_attack_is_held_by_its_output_or_by_a_limit_where_that_counts(
    verdict: Any, statuses: list[Any], may_be_stopped: bool, is_held: bool
) -> None:
    one = Attack("name", "L1", "", may_be_stopped=may_be_stopped)
    result = _result(one, Outcome(verdict, tuple(map(TestResult, statuses)), reason="why"))
    assert result == ProbeResult("name", "L1", is_held, "" if is_held else "why")


def test_a_host_that_is_too_weak_hears_which_attacks_worked() -> None:
    checks = [
        HostCheck("namespaces", "", (ProbeResult("build a jail", "L0", False, "no right"),)),
        HostCheck("process", "L1", tuple(broken("L2", "L3"))),
    ]
    words = _too_weak("L2", checks)
    assert words.startswith("isolation L2 (namespaces and system call filter, memory total looked at) is required, ")
    assert "this host reaches L1. with namespaces: build a jail (no right) " in words
    assert "with process, the jail did not hold: attack at L2 (it worked). `openqwq" in words
    assert "this host reaches none." in _too_weak("L1", checks[:1])


def test_attacks_name_the_lowest_level_that_holds_them() -> None:
    assert {one.level for one in ATTACKS} == {"L0", "L1", "L2", "L3"}
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)
    assert all(compile(one.code, one.name, "exec") for one in ATTACKS)
    assert all(one.limits.time_seconds <= 4 and one.limits.memory_mb <= 512 for one in ATTACKS)


def test_the_servers_arguments_have_safe_defaults() -> None:
    usual = parse_arguments([])
    assert (usual.host, usual.port, usual.workers, usual.queue_limit) == ("127.0.0.1", 8080, None, 1024)
    assert (usual.require_isolation, usual.backend, usual.port_file) == ("L2", "auto", None)
    assert usual.die_with_parent is False
    own = parse_arguments(["--port", "0", "--workers", "1", "--backend", "process", "--die-with-parent"])
    assert (own.port, own.workers, own.backend, own.die_with_parent) == (0, 1, "process", True)


@pytest.mark.parametrize("words", [["--workers", "0"], ["--workers", "-1"], ["--backend", "paper"], ["--port", "x"]])
def test_an_argument_that_cannot_be_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(words)
    assert caught.value.code == 2 and words[0] in capsys.readouterr().err


def test_the_old_name_of_the_backend_is_taken_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_arguments(["--walls", "process"]).backend == "process"
    assert "--walls is now --backend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "jobs", "deadline"),
    [
        ([1, 2], [1, 2], None),
        ({"jobs": [1]}, [1], None),
        ({"jobs": [1], "deadline_s": 5}, [1], 5.0),
        ({"code": "x"}, [{"code": "x"}], None),
        ('{"a": 1}\n\n[2]\n', [{"a": 1}, [2]], None),
        ([0] * MAX_BATCH_JOBS, [0] * MAX_BATCH_JOBS, None),
    ],
)
def test_a_batch_is_a_list_an_object_with_jobs_or_lines(body: Any, jobs: list[Any], deadline: float | None) -> None:
    assert _batch_jobs((body if isinstance(body, str) else json.dumps(body)).encode()) == (jobs, deadline)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", "jobs"), ('{"jobs": []}', "jobs"), ('{"jobs": 5}', "jobs"), ("5", "jobs"), ("", "jobs"),
        (json.dumps([0] * (MAX_BATCH_JOBS + 1)), "jobs"), ("{", "body"), ("{}\n{", "body"), ("[" * 100_000, "body"),
        ('{"jobs": [1], "deadline_s": 0}', "deadline_s"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_batch_is_refused(body: str, field: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        _batch_jobs(body.encode())
    assert caught.value.field == field


@pytest.mark.parametrize("value", [0.001, 1, 86_400])
def test_a_deadline_is_taken_up_to_a_day(value: float) -> None:
    assert _deadline({"deadline_s": value}) == value
    assert type(_deadline({"deadline_s": value})) is float


@pytest.mark.parametrize("value", [0, -1, 86_400.5, True, "5", [5], float("nan")])
def test_a_deadline_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidJob, match=r"deadline_s is .*seconds, above 0 and up to 86400"):
        _deadline({"deadline_s": value})


def test_no_deadline_is_none() -> None:
    assert [_deadline(data) for data in ({}, {"deadline_s": None}, [], None, "x")] == [None] * 5


def test_a_job_of_a_batch_is_named_by_its_place() -> None:
    data = {"code": "x", "tests": [{"input": "", "output": ""}]}
    assert _job_at(3, data) == Job("x", tests=(TestCase("", ""),))
    with pytest.raises(InvalidJob) as caught:
        _job_at(3, {**data, "limits": {"time_s": 0}})
    assert (caught.value.field, caught.value.value) == ("jobs[3].limits.time_s", "'0'")


def test_sizes_of_requests_are_bounded() -> None:
    assert http_api.MAX_BODY_BYTES == 64 * 1024 * 1024 and MAX_BATCH_JOBS == 10_000


def test_a_language_without_its_toolchain_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Language("python", "3"), Language("cpp", "", "g++ is not installed"), Language("javascript", "20"))
    monkeypatch.setattr("openqwq.sandbox.languages.languages", lambda: found)
    job = Job("x", tests=(TestCase("", ""),))
    assert check_language(job) is job
    with pytest.raises(InvalidJob) as caught:
        check_language(Job("x", language="cpp"))
    assert caught.value.field == "language"
    assert caught.value.allowed == "one of python, javascript (g++ is not installed)"

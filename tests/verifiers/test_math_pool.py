"""The pool and the verifier above it, with small processes that keep the worker's protocol and start at once."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.math_answer import pool as pool_module
from openqwq.verifiers.math_answer import verifier as verifier_module
from openqwq.verifiers.math_answer.pool import WorkerPool, WorkerTimeout, WorkerUnavailable, close_pools, shared_pool
from openqwq.verifiers.math_answer.verifier import MAX_ANSWER_CHARS, TIERS, MathVerifier

PROGRAM = """#!/bin/sh
echo "$* [$CUDA_VISIBLE_DEVICES]" >> {folder}/starts
echo noise >&2
test -e {folder}/broken && {{ echo '{{"sad": 1}}'; exec sleep 60; }}
test -e {folder}/silent && exec sleep 60
echo '{{"ready": 1}}'
while read -r line; do
  printf '%s\\n' "$line" >> {folder}/requests
  case "$line" in
    *hang*) exec sleep 60;;
    *slow*) sleep 0.2; echo '{{"equal": true}}';;
    *leave*) exit 3;;
    *once*) test -e {folder}/left && echo '{{"equal": true}}' || {{ touch {folder}/left; exit 3; }};;
    *memory*) echo '{{"limit": "memory"}}';;
    *unread*) echo '{{"problem": "SyntaxError"}}';;
    *double*) echo '{{"equal": true}}'; echo '{{"equal": false}}';;
    *pieces*) printf '{{"equ'; sleep 0.05; echo 'al": true}}';;
    *true*) echo '{{"equal": true}}';;
    *) echo '{{"equal": false}}';;
  esac
done
"""
LONG = 30.0  # seconds that no check here needs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the processes note their starts and requests."""
    program = tmp_path / "worker"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    yield tmp_path
    close_pools()
    pool_module._pools._held.clear()


@pytest.fixture
def workers(folder: Path) -> Iterator[WorkerPool]:
    pool = WorkerPool(1, 12345)
    yield pool
    pool.close()


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text().splitlines())


def requests(folder: Path) -> list[dict[str, Any]]:
    path = folder / "requests"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_worker_is_started_by_the_first_check_and_asked_again(folder: Path, workers: WorkerPool) -> None:
    assert not (folder / "starts").exists()
    assert workers.check("true", "x", LONG) is True
    assert workers.check("x", "y", LONG) is False
    assert workers.check("unread", "y", LONG) is False
    assert starts(folder) == 1
    assert (folder / "starts").read_text() == "-m openqwq.verifiers.math_answer.worker 12345 []\n"
    assert requests(folder) == [
        {"gold": "true", "answer": "x", "seconds": LONG},
        {"gold": "x", "answer": "y", "seconds": LONG},
        {"gold": "unread", "answer": "y", "seconds": LONG},
    ]
    assert len(workers.idle) == len(workers.all) == 1


def test_a_worker_is_quiet_and_out_of_reach_of_the_terminal(
    workers: WorkerPool, capfd: pytest.CaptureFixture[str]
) -> None:
    assert workers.check("true", "x", LONG)
    (worker,) = workers.all
    assert os.getsid(worker.process.pid) == worker.process.pid
    assert capfd.readouterr() == ("", "")


def test_a_reply_may_come_in_pieces_or_with_the_next_one(workers: WorkerPool) -> None:
    assert workers.check("pieces", "x", LONG) is True
    assert workers.check("double", "x", LONG) is True
    assert workers.check("true", "x", LONG) is False  # the second reply of the check before


def test_the_seconds_of_a_check_leave_out_the_start(workers: WorkerPool) -> None:
    equal, seconds = workers.timed_check("slow", "x", LONG)
    assert equal
    assert 0.2 <= seconds < LONG


def test_a_check_past_its_deadline_ends_its_worker_and_starts_a_spare(folder: Path, workers: WorkerPool) -> None:
    assert workers.check("true", "x", LONG)
    (worker,) = workers.all
    with pytest.raises(WorkerTimeout, match="timeout"):
        workers.check("hang", "x", 0.1)
    assert worker.process.has_ended()
    assert worker not in workers.all
    assert len(workers.idle) == len(workers.all) == 1
    assert workers.check("true", "x", LONG)
    assert starts(folder) == 2


def test_a_check_out_of_memory_is_a_timeout_of_its_own_name(workers: WorkerPool) -> None:
    with pytest.raises(WorkerTimeout, match="memory"):
        workers.check("memory", "x", LONG)
    assert len(workers.idle) == 1
    assert workers.check("true", "x", LONG)


def test_a_check_that_ends_two_processes_is_a_crash_and_one_that_ends_one_is_asked_again(
    folder: Path, workers: WorkerPool
) -> None:
    with pytest.raises(WorkerTimeout, match="crash"):
        workers.check("leave", "x", LONG)
    assert starts(folder) == 2
    assert not workers.all
    assert workers.check("once", "x", LONG) is True
    assert starts(folder) == 4
    assert len(workers.all) == 1


def test_a_worker_that_ended_while_it_was_idle_is_replaced(folder: Path, workers: WorkerPool) -> None:
    assert workers.check("true", "x", LONG)
    (worker,) = workers.all
    worker.process.kill()
    assert workers.check("true", "x", LONG)
    assert starts(folder) == 2
    assert worker not in workers.all


@pytest.mark.parametrize("fault", ["broken", "silent"])
def test_a_worker_that_gets_not_ready_is_unavailable_and_ended(
    folder: Path, workers: WorkerPool, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "START_SECONDS", 5.0 if fault == "broken" else 0.1)
    (folder / fault).touch()
    with pytest.raises(WorkerUnavailable, match="did not start"):
        workers.check("true", "x", LONG)
    assert not workers.all
    assert starts(folder) == 1
    (folder / fault).unlink()
    assert workers.check("true", "x", LONG)


def test_a_worker_that_cannot_be_started_is_unavailable(workers: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(WorkerUnavailable, match="cannot start"):
        workers.check("true", "x", LONG)
    assert not workers.all


def test_a_worker_is_replaced_after_its_share_of_checks(
    folder: Path, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pool_module.CHECKS_PER_WORKER == 2_000
    monkeypatch.setattr(pool_module, "CHECKS_PER_WORKER", 3)
    for _ in range(2):
        assert workers.check("true", "x", LONG)
    (worker,) = workers.all
    assert workers.idle == [worker]
    assert workers.check("true", "x", LONG)
    assert worker.process.has_ended()
    assert workers.all == set(workers.idle)
    assert len(workers.idle) == 1
    assert workers.check("true", "x", LONG)
    assert starts(folder) == 2


def test_no_more_checks_run_at_once_than_the_pool_has_slots(folder: Path) -> None:
    for slots in (1, 2):
        pool = WorkerPool(slots, 1)
        threads = [threading.Thread(target=pool.check, args=("slow", str(n), LONG)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(pool.all) == len(pool.idle) == slots
        pool.close()


def test_the_worker_that_worked_last_is_asked_first_and_a_spare_last(workers: WorkerPool) -> None:
    assert workers.check("true", "x", LONG)
    (first,) = workers.all
    workers._add_spare()
    assert workers.idle == [first]  # one is idle already
    fresh = workers._start()
    workers.idle.insert(0, fresh)
    assert workers.check("true", "x", LONG)
    assert first.checks == 2
    assert workers.idle == [fresh, first]


def test_a_closed_pool_ends_its_workers_and_may_be_used_again(folder: Path, workers: WorkerPool) -> None:
    assert workers.check("true", "x", LONG)
    (worker,) = workers.all
    workers.close()
    assert worker.process.has_ended()
    assert not workers.all
    assert not workers.idle
    workers._put_back(worker)  # as by a check that ran while the pool was closed
    assert not workers.idle
    fresh = pool_module._Worker(1)
    workers._put_back(fresh)
    assert fresh.process.has_ended()
    assert workers.check("true", "x", LONG)


def test_pools_are_shared_by_their_settings(folder: Path) -> None:
    assert shared_pool(1, 5) is shared_pool(1, 5)
    assert shared_pool(1, 5) is not shared_pool(2, 5)
    assert shared_pool(1, 5) is not shared_pool(1, 6)
    assert shared_pool(1, 5).memory_bytes == 5
    assert shared_pool(1, 5).check("true", "x", LONG)
    (worker,) = shared_pool(1, 5).all
    close_pools()
    assert worker.process.has_ended()


# the verifier above it


def test_the_settings_of_a_verifier_have_defaults_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = MathVerifier()
    assert (verifier.answer_format, verifier.timeout_seconds, verifier.memory_bytes) == ("any", 1.0, 2 << 30)
    for cores, workers in [(None, 1), (1, 1), (2, 2), (64, 2)]:
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert MathVerifier().num_workers == workers
    assert MathVerifier(num_workers=3, memory_mb=5).num_workers == 3
    assert MathVerifier(memory_mb=5).memory_bytes == 5 << 20
    assert list(TIERS) == ["extraction", "normalisation", "exact", "structure", "numeric", "guard", "symbolic"]
    assert list(TIERS.values()) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    with pytest.raises(VerifierError, match="answer_format"):
        MathVerifier(answer_format="box")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "reference", "score", "tier", "reason"),
    [
        ("<think>4", "4", 0.0, "extraction", "unclosed thinking"),
        (" ", "4", 0.0, "extraction", "empty answer"),
        ("no", "4", 0.0, "extraction", "no final answer found"),
        (r"\boxed{4}", "4", 1.0, "normalisation", "equal (normalisation)"),
        (r"\boxed{8/2}", "4", 1.0, "exact", "equal (exact)"),
        (r"\boxed{5}", "4", 0.0, "exact", "different from '4' (exact)"),
        (r"\boxed{9^{9^{9^9}}}", "4", 0.0, "guard", "different from '4' (guard: a power of more than 100 000 digits)"),
        (r"\boxed{true+}", r"\int y", 1.0, "symbolic", "equal (symbolic)"),
        (r"\boxed{hang+}", r"\int y", 0.0, "symbolic", "timeout"),
        (rf"\boxed{{{'1' * MAX_ANSWER_CHARS}}}", "4", 0.0, "structure", "different from '4'"),
        (rf"\boxed{{{'1' * (MAX_ANSWER_CHARS + 1)}}}", "4", 0.0, "guard", "answer longer than 4000 characters"),
    ],
)
def test_a_verdict_names_its_reason_and_its_tier(
    folder: Path, response: str, reference: str, score: float, tier: str, reason: str
) -> None:
    verifier = MathVerifier(num_workers=1, memory_mb=1, timeout_seconds=0.5)
    verdict = verifier.verify(response, {"reference": reference, "prompt": "Question"})
    assert (verdict.status, verdict.score) == ("scored", score)
    if "1" * 99 not in response or tier == "guard":
        assert verdict.parts == {"tier": TIERS[tier]}
    assert reason in verdict.reason


def test_a_missing_reference_and_a_missing_worker_are_errors(folder: Path) -> None:
    verifier = MathVerifier(num_workers=1, memory_mb=1)
    assert verifier.verify(r"\boxed{4}", {"reference": None}).status == "verifier_error"
    (folder / "worker").unlink()
    row = {"reference": r"\int x"}
    verdict = verifier.verify(r"\boxed{true+}", row)
    assert (verdict.status, verdict.score) == ("verifier_error", None)
    with pytest.raises(VerifierError, match="cannot start"):
        verifier.check_reference({"reference": "true+"})


def test_the_prompt_says_whether_thinking_is_open_and_what_is_copied(folder: Path) -> None:
    verifier = MathVerifier(num_workers=1)
    assert verifier.verify("4", {"reference": "4", "prompt": "2+2=<think>"}).reason == "unclosed thinking"
    assert verifier.verify("It is 4\nAdd 5", {"reference": "4", "prompt": "Add 5"}).score == 1.0
    assert verifier.verify("It is 4\nAdd 5", {"reference": "4", "prompt": "Add 6"}).score == 0.0


def test_all_checks_of_one_answer_share_its_time(folder: Path) -> None:
    verifier = MathVerifier(num_workers=1, memory_mb=1, timeout_seconds=0.35)
    gold, answer = (", ".join(f"{word}({n}+" for n in range(4)) for word in (r"\int", "slow"))
    verdict = verifier.compare(rf"\{{{gold}\}}".replace("(", ""), rf"\{{{answer}\}}".replace("(", ""))
    assert (verdict.score, verdict.reason) == (0.0, "timeout")
    first, second = (request["seconds"] for request in requests(folder)[:2])
    assert first == pytest.approx(0.97 * 0.35)  # the rest is for what stands around the checks
    assert 0 < second <= 0.15
    assert len(requests(folder)) == 2
    verifier = MathVerifier(num_workers=1, memory_mb=1, timeout_seconds=0.0)
    assert verifier.compare(r"\int x", "true+").reason == "timeout"
    assert len(requests(folder)) == 2  # without time nothing is asked
    assert (folder / "starts").read_text().splitlines()[0].split()[2] == str(1 << 20)


def test_an_answer_gets_twenty_checks(folder: Path) -> None:
    assert verifier_module.MAX_SYMBOLIC_CHECKS == 20
    verifier = MathVerifier(num_workers=1, memory_mb=1, timeout_seconds=60.0)
    for count, reason in [(20, "equal (symbolic)"), (21, "timeout")]:
        gold, answer = ("(" + ",".join(f"{word}{n}+" for n in range(count)) + ")" for word in (r"\int ", "true"))
        assert verifier.compare(gold, answer).reason == reason


def test_a_reference_is_refused_with_its_reason(folder: Path) -> None:
    verifier = MathVerifier(num_workers=1, memory_mb=1, timeout_seconds=0.2)
    for reference, reason in [
        (None, "a math reference is an answer"),
        ("}{", "cannot be written in a box"),
        ("1," * (MAX_ANSWER_CHARS // 2) + "1", "cannot be written in a box"),
        ("x+", "only its own spelling would equal the answer 'x+'"),
        ("hang+", "only its own spelling would equal the answer 'hang+': timeout"),
        (r"\int x", r"unknown '\\int'"),
    ]:
        assert reason in (verifier.check_reference({"reference": reference}) or "")
    for reference in ("4", "1," * (MAX_ANSWER_CHARS // 2), "true+", r"x\equiv3\pmod7"):
        assert verifier.check_reference({"reference": reference}) is None
    row = {"reference": "4"}
    verifier.verify(r"\boxed{true+}", {"reference": r"\int x"})
    verifier.close()
    assert not shared_pool(1, 1 << 20).all
    assert verifier.verify(r"\boxed{4}", row).score == 1.0

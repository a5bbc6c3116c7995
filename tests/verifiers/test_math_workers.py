"""The processes of the math verifier's last tier: killed, replaced, shared and left alone by forked children."""

import asyncio
import multiprocessing
import threading

import pytest

from openqwq.verifiers.math_answer.pool import WorkerPool, WorkerTimeout, close_pools
from openqwq.verifiers.math_answer.verifier import MathVerifier

MEMORY = 2 << 30
CASES = [  # (answer, reference): every tier, and the last one twice
    (r"\boxed{4}", "4"),
    (r"\boxed{0.25}", r"\frac14"),
    (r"\boxed{(2,1)}", "(1,2)"),
    (r"\boxed{\sqrt{12}}", r"2\sqrt3"),
    (r"\boxed{9^{9^{9^9}}}", "3"),
    (r"\boxed{7}", r"\lim_{x \to 7} x"),
    (r"\boxed{8}", r"\lim_{x \to 7} x"),
]


def verdicts() -> list[float | None]:
    verifier = MathVerifier(num_workers=1)
    return [verifier.verify(answer, {"reference": reference}).score for answer, reference in CASES]


EXPECTED = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]


def test_a_check_past_its_deadline_is_killed_and_the_next_one_is_answered() -> None:
    pool = WorkerPool(1, MEMORY)
    try:
        assert pool.check("x", "x+0", 30.0)
        with pytest.raises(WorkerTimeout):
            pool.check("x", r"\prod_{k=1}^{5000000} (x+k)", 0.3)
        assert pool.check(r"\sqrt{8}", r"2\sqrt{2}", 30.0)
    finally:
        pool.close()


def test_threads_share_the_workers() -> None:
    verifier = MathVerifier(num_workers=2)
    scores: list[float | None] = []

    def grade(number: int) -> None:
        reference = rf"\lim_{{x \to {number}}} x"
        scores.append(verifier.verify(rf"\boxed{{{number}}}", {"reference": reference}).score)

    threads = [threading.Thread(target=grade, args=(number,)) for number in range(2, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scores == [1.0] * 12


def test_asyncio_gets_the_verdicts_of_a_serial_caller() -> None:
    async def many() -> list[list[float | None]]:
        return await asyncio.gather(*(asyncio.to_thread(verdicts) for _ in range(4)))

    assert asyncio.run(many()) == [EXPECTED] * 4


def _send_verdicts(connection: "multiprocessing.connection.Connection") -> None:
    connection.send(verdicts())
    close_pools()


def test_a_forked_child_starts_workers_of_its_own() -> None:
    assert verdicts() == EXPECTED  # the parent has workers
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_send_verdicts, args=(theirs,))
    child.start()
    assert ours.poll(60.0)
    assert ours.recv() == EXPECTED
    child.join(10.0)
    assert verdicts() == EXPECTED  # and still has them

"""Judges an output by a row's own checker, in a jail of its own with the input and both outputs as files.

A checker speaks as those of Codeforces' data sets do: it prints the score and nothing else, 1 (or 100) for a right
answer; one that prints nothing speaks by its exit status, 0 for a right answer. More words could be the program's.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Literal

from openqwq.sandbox.execution import CannotJudge, encoded, run_once
from openqwq.sandbox.jobs import Job, Limits, TestCase, TestResult
from openqwq.sandbox.languages import runtime_of
from openqwq.sandbox.protocol import Payload
from openqwq.sandbox.worker import Answer
from openqwq.sandbox.worker_slot import WorkerSlot

LIMITS = Limits(time_seconds=10.0, memory_mb=1024, output_bytes=1 << 20)
_FILES = ("input.txt", "correct_output.txt", "solution_output.txt")
_ARGUMENTS = f"import sys\nsys.argv = ['checker.py', {', '.join(map(repr, _FILES))}]\n".encode()
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,9})?")
Said = Literal["right", "wrong", "nothing"]


async def checked(job: Job, test: TestCase, output: bytes, result: TestResult, slot: WorkerSlot) -> TestResult:
    """The result of a test that ended well, by the job's checker.

    A checker that fails on an output is tried on the wanted output: where it fails there too it is broken, and no
    program can be judged; where it does not, the output was what it could not read, which is wrong.

    Raises:
        CannotJudge: the checker is broken.
    """
    said, words = _said(await _run(job, test, output, slot))
    if said == "right":
        return result
    if said == "nothing":
        control, problem = _said(await _run(job, test, encoded(str(test.output)), slot))
        if control == "nothing":
            raise CannotJudge(f"the row's checker does not work: {problem}")
    return replace(result, status="wrong_output", detail=f"the checker says {words}"[:300])


async def _run(job: Job, test: TestCase, output: bytes, slot: WorkerSlot) -> Answer:
    texts = (encoded(test.input), encoded(str(test.output)), output)
    payload = Payload(
        "stdin", _ARGUMENTS + encoded(job.harness.checker), [b""], LIMITS, files=dict(zip(_FILES, texts, strict=True))
    )
    payload = payload._replace(prompt_bytes=len(_ARGUMENTS))
    runtime = runtime_of(Job(job.harness.checker))
    # A worker of its own: that of the program is busy with the next test.
    return await run_once(await slot.worker(replace(runtime, name=f"{runtime.name} checker")), payload)


def _said(answer: Answer) -> tuple[Said, str]:
    """What the checker decided, and its words. One that ended badly, or printed other than a number, says nothing."""
    printed = answer.output.decode(errors="replace").strip()
    errors = answer.stderr.decode(errors="replace").strip()
    if answer.record.ending != "exited":
        return "nothing", answer.record.ending
    status = os.waitstatus_to_exitcode(answer.record.wait_status)
    if _NUMBER.fullmatch(printed) and status == 0:
        return ("right" if float(printed) in (1, 100) else "wrong"), printed
    if not printed and status in (0, 1, 2) and "Traceback" not in errors and "SyntaxError" not in errors:
        return ("wrong" if status else "right"), f"exit status {status}"
    return "nothing", f"{printed[-100:]!r}, exit status {status} {errors[-200:]}".strip()

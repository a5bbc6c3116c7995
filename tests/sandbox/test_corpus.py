"""Every program of the corpus gets its verdict, and nothing of it stays on the host."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.corpus import PROGRAMS, Program


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name.replace(" ", "_"))
def test_program_gets_its_verdict(sandbox: LocalSandbox, program: Program) -> None:
    outcome = sandbox.run(program.job)
    assert outcome.verdict == program.verdict, outcome
    assert outcome.isolation == "L2"
    assert len(outcome.tests) == len(program.job.tests or program.job.asserts)


def test_correct_programs_pass_also_under_load(sandbox: LocalSandbox) -> None:
    programs = [program for program in PROGRAMS if program.job.limits.time_seconds >= 2 and program.job.mode != "stdin"]
    outcomes = sandbox.run_many([program.job for program in programs] * 3)
    assert [outcome.verdict for outcome in outcomes] == [program.verdict for program in programs] * 3

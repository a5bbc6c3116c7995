"""How the programs for one row are judged: its jobs without their program, and how their outcomes become a score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from openqwq.sandbox.jobs import Job
    from openqwq.verifiers.code_answer.program import Program

Score = Literal["all", "share"]


@dataclass(frozen=True)
class Plan:
    """Example: Plan((Job("", tests=(TestCase("2", "4"),)),))."""

    jobs: tuple[Job, ...]
    """One for all tests with the same function, without the program."""
    language: str = ""
    """Of the row; empty where it names none."""
    score: Score = "all"
    sampled: str = ""
    """Which part of the row's tests is used, in words; empty when all are."""
    solution: str = ""

    @property
    def may_be_other_languages(self) -> bool:
        """True when the program may be in any language: the row names none, and only input and output count."""
        return not self.language and all(job.mode == "stdin" for job in self.jobs)

    @property
    def function(self) -> str:
        """What the tests call by its name; empty where they call nothing, or where the row does not say."""
        return next((job.entry_point for job in self.jobs if job.entry_point), "")

    def jobs_for(self, program: Program) -> tuple[Job, ...]:
        """The jobs of this program. Raises InvalidJob for one that is too long."""
        from openqwq.sandbox.jobs import validate_program

        return tuple(validate_program(_with_program(job, program)) for job in self.jobs)


def _with_program(job: Job, program: Program) -> Job:
    if program.language == "python":
        return replace(job, code=program.code)
    harness = replace(job.harness, prompt="", usual_imports=False)  # both are Python
    return replace(job, code=program.code, language=program.language, harness=harness)

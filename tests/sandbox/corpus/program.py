"""One program with the verdict it must get, and short ways to write one down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openqwq.sandbox import Compare, Job, Limits, Outcome, TestCase

SQUARES = (TestCase("3\n", "9\n"), TestCase("12\n", "144\n"))
SQUARE_CALLS = (TestCase([3], 9), TestCase([12], 144))
SQUARE_ASSERTS = ("assert square(3) == 9", "assert square(12) == 144")
OUT = (TestCase("", "out\n"),)
SHORT = Limits(time_seconds=1.0, memory_mb=256)
ROOMY = Limits(time_seconds=6.0)
"""For correct programs: a machine that is loaded, by bombs beside them too, must not fail them."""


@dataclass(frozen=True)
class Program:
    name: str
    job: Job
    verdict: str


def stdin(name: str, code: str, verdict: str, tests: tuple[TestCase, ...] = SQUARES, **options: Any) -> Program:
    """Reads a number and prints its square, unless other tests are given."""
    return Program(name, Job(code, tests=tests, **options), verdict)


def call(
    name: str,
    code: str,
    verdict: str,
    tests: tuple[TestCase, ...] = SQUARE_CALLS,
    entry_point: str = "square",
    **options: Any,
) -> Program:
    return Program(name, Job(code, mode="call", entry_point=entry_point, tests=tests, **options), verdict)


def asserts(
    name: str,
    code: str,
    verdict: str,
    texts: tuple[str, ...] = SQUARE_ASSERTS,
    entry_point: str | None = "square",
    **options: Any,
) -> Program:
    return Program(name, Job(code, mode="asserts", entry_point=entry_point, asserts=texts, **options), verdict)


def prints(name: str, text: str | bytes, wanted: str, verdict: str, compare: Compare | None = None) -> Program:
    """Prints one text, whatever the input."""
    data = text.encode() if isinstance(text, str) else text
    code = f"import sys\nsys.stdout.buffer.write({data!r})\n"
    return stdin(name, code, verdict, (TestCase("", wanted),), compare=compare or Compare())


def returns(name: str, expression: str, wanted: Any, verdict: str, head: str = "", **options: Any) -> Program:
    """Returns one value, whatever the argument."""
    code = f"{head}\ndef square(n):\n    return {expression}\n"
    return call(name, code, verdict, (TestCase([3], wanted),), **options)


def attempt(name: str, code: str, limits: Limits = SHORT) -> Program:
    """Prints `out` only when it did what a jail must prevent."""
    return Program(name, Job(code, tests=OUT, limits=limits), "fail")


def assert_verdict(program: Program, outcome: Outcome) -> None:
    assert outcome.verdict == program.verdict, outcome
    assert outcome.isolation.startswith("L")
    assert len(outcome.tests) == len(program.job.tests or program.job.asserts)

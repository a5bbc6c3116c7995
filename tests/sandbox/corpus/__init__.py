"""Programs with the verdict that each must get: hacks, escapes, bounded exhaustion, and correct programs.

An escape prints `out` only when it worked. Every exhaustion is bounded, so that a weak jail harms nobody.
"""

from __future__ import annotations

from tests.sandbox.corpus import (
    correct_asserts,
    correct_call,
    correct_library,
    correct_stdin,
    escapes,
    exhaustion,
    hacks_asserts,
    hacks_call,
    hacks_state,
    hacks_stdin,
)
from tests.sandbox.corpus.program import Program

HACKS = hacks_stdin.PROGRAMS + hacks_state.PROGRAMS + hacks_call.PROGRAMS + hacks_asserts.PROGRAMS
ESCAPES = escapes.PROGRAMS
EXHAUSTION = exhaustion.PROGRAMS
CORRECT = correct_stdin.PROGRAMS + correct_library.PROGRAMS + correct_call.PROGRAMS + correct_asserts.PROGRAMS
PROGRAMS = HACKS + ESCAPES + EXHAUSTION + CORRECT
JUDGED = tuple(program for program in HACKS + CORRECT if program.job.limits.time_seconds > 0.1)
"""What guards judgement and waits for no limit: seconds in all."""

__all__ = ["CORRECT", "ESCAPES", "EXHAUSTION", "HACKS", "JUDGED", "PROGRAMS", "Program"]

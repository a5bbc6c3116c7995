"""The `math` verifier: is the final answer equal to the reference?"""

from __future__ import annotations

import os

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.math_answer.compare import Comparison, SymbolicFallback
from openqwq.verifiers.math_answer.extract import AnswerFormat, extract_answer, reference_answer
from openqwq.verifiers.math_answer.gold import unreadable_part
from openqwq.verifiers.math_answer.pool import WorkerTimeout, WorkerUnavailable, close_pools, shared_pool

MAX_ANSWER_CHARS = 4_000
MAX_SYMBOLIC_CHECKS = 20  # for one answer
_SHARE_FOR_CHECKS = 0.97  # of the deadline; the rest is for ending a process and for all that stands around it
TIERS = {
    "extraction": 0.0,
    "normalisation": 1.0,
    "exact": 2.0,
    "structure": 3.0,
    "numeric": 4.0,
    "guard": 5.0,
    "symbolic": 6.0,
}


class MathVerifier(VerifierBase):
    """Score 1 when the last boxed answer after the thinking equals the reference exactly, else 0.

    Tiers in this process decide nearly everything, most answers in 30 microseconds and formulas in a millisecond;
    what is left goes to sympy in a process that is killed at the deadline, which scores 0 with the reason "timeout".
    The reason names the deepest tier that was needed, and parts["tier"] holds its number (see TIERS).

    answer_format: "boxed" grades boxes only; "any" also reads `<answer>` tags, `#### N`, `the answer is N` and a
    last sentence that gives one value, for models that do not box (ADR 28). timeout_seconds bounds one answer,
    num_workers and memory_mb the sympy processes.
    """

    name = "math"

    def __init__(
        self,
        answer_format: AnswerFormat = "any",
        timeout_seconds: float = 1.0,
        num_workers: int | None = None,
        memory_mb: int = 2_048,
    ) -> None:
        if answer_format not in ("boxed", "any"):
            raise VerifierError(f"answer_format is 'boxed' or 'any', got {answer_format!r}")
        self.answer_format = answer_format
        self.timeout_seconds = timeout_seconds
        self.num_workers = num_workers or min(2, os.cpu_count() or 1)
        self.memory_bytes = memory_mb * 2**20

    def grade(self, response: str, row: Row) -> Verdict:
        gold = reference_answer(row.get("reference"))
        if gold is None:
            return Verdict.error(f"unusable math reference: {row.get('reference')!r}")
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem, {"tier": TIERS["extraction"]})
        answer = extract_answer(graded.text, self.answer_format, row.get("prompt"))
        if answer is None:
            return Verdict.scored(0.0, "no final answer found", {"tier": TIERS["extraction"]})
        return self.compare(gold, answer)

    def compare(self, gold: str, answer: str) -> Verdict:
        """The verdict on an extracted answer against a gold, both LaTeX or plain text."""
        if len(answer) > MAX_ANSWER_CHARS:
            return Verdict.scored(0.0, f"answer longer than {MAX_ANSWER_CHARS} characters", {"tier": TIERS["guard"]})
        if gold == answer and not answer.isspace():  # half of all answers: nothing below would say more
            return Verdict("scored", 1.0, {"tier": TIERS["normalisation"]}, "equal (normalisation)")
        comparison = Comparison(self._symbolic_fallback())
        try:
            equal = comparison.equal(gold, answer)
        except WorkerTimeout as error:
            return Verdict.scored(0.0, str(error), {"tier": TIERS["symbolic"]})
        except WorkerUnavailable as error:
            return Verdict.error(str(error))
        word = "equal" if equal else f"different from {gold[:60]!r}"
        note = f": {comparison.note}" if comparison.note else ""
        return Verdict.scored(equal, f"{word} ({comparison.tier}{note})", {"tier": TIERS[comparison.tier]})

    def _symbolic_fallback(self) -> SymbolicFallback:
        """The last tier for one answer: all its checks together get timeout_seconds."""
        allowed, spent, num_checks = _SHARE_FOR_CHECKS * self.timeout_seconds, 0.0, 0

        def fallback(left: str, right: str) -> bool:
            nonlocal spent, num_checks
            num_checks += 1
            if spent >= allowed or num_checks > MAX_SYMBOLIC_CHECKS:
                raise WorkerTimeout("timeout")
            pool = shared_pool(self.num_workers, self.memory_bytes)
            equal, seconds = pool.timed_check(left, right, allowed - spent)
            spent += seconds  # without the wait for a free or a starting process, which the answer does not cause
            return equal

        return fallback

    def check_reference(self, row: Row) -> str | None:
        """None when the gold can be read and verifies against itself (written as a boxed answer)."""
        gold = reference_answer(row.get("reference"))
        if gold is None:
            return f"a math reference is an answer or {{'answer': ...}}, got {row.get('reference')!r}"
        if len(gold) > MAX_ANSWER_CHARS or extract_answer(f"\\boxed{{{gold}}}", "boxed") != gold:
            return f"the answer cannot be written in a box: {gold[:80]!r}"
        try:
            problem = unreadable_part(gold, self._symbolic_fallback())
        except WorkerTimeout as error:
            problem = str(error)
        except WorkerUnavailable as error:
            raise VerifierError(str(error)) from error
        if problem:
            return f"only its own spelling would equal the answer {gold[:80]!r}: {problem}"
        verdict = self.compare(gold, gold)
        return None if verdict.score == 1.0 else f"the answer does not verify against itself: {verdict.reason}"

    def close(self) -> None:
        close_pools()

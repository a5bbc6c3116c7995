"""The `livebench` verifier: the official score of an answer to a question of LiveBench."""

from __future__ import annotations

from typing import get_args

from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.livebench.instructions import instructions_followed, instructions_problem
from openqwq.verifiers.livebench.marks import NoAnswer, Thinking, answer_of
from openqwq.verifiers.livebench.questions import INSTRUCTION_FOLLOWING, question_of
from openqwq.verifiers.livebench.tasks import FORMULAS, task_of
from openqwq.verifiers.math_answer.verifier import MathVerifier


class LivebenchVerifier(VerifierBase):
    """Score in [0, 1] as LiveBench's own code gives it, with its partial credit.

    `reference` holds the question's columns: task, ground_truth, where given subtask, category, turns,
    livebench_release_date, and for instructions instruction_id_list and kwargs; else the row itself does.

    thinking: strict (thinking that never closes has no answer), or whole (as QwQ's evaluation: what follows the first
    "\\n</think>\\n\\n", the whole text where that is missing). timeout_seconds bounds one comparison of formulas.
    """

    name = "livebench"

    def __init__(self, thinking: Thinking = "strict", timeout_seconds: float = 1.0) -> None:
        if thinking not in get_args(Thinking):
            raise VerifierError(f"thinking is one of {', '.join(get_args(Thinking))}, got {thinking!r}")
        self.thinking = thinking
        self.math = MathVerifier(timeout_seconds=timeout_seconds)

    def grade(self, response: str, row: Row) -> Verdict:
        try:
            question = question_of(row)
            text = answer_of(response, row.get("prompt"), self.thinking)
            if question.task == INSTRUCTION_FOLLOWING:
                return instructions_followed(question, text)
            task = task_of(question)
            gold = task.read(question)
        except VerifierError as error:
            return Verdict.error(f"unusable question: {error}")
        if not text.strip():
            return Verdict.scored(0.0, "no answer")
        try:
            score = task.judge(gold, text, question, self._is_same)
        except NoAnswer as error:
            return Verdict.scored(0.0, str(error))
        except _CannotTell as error:
            return Verdict.error(str(error))
        return Verdict.scored(score, f"{question.task}: {score:.4g}")

    def check_reference(self, row: Row) -> str | None:
        try:
            question = question_of(row)
            if question.task == INSTRUCTION_FOLLOWING:
                return instructions_problem(question)
            gold = task_of(question).read(question)
        except VerifierError as error:
            return str(error)
        return self.math.check_reference({"reference": gold}) if question.task in FORMULAS else None

    def close(self) -> None:
        self.math.close()

    def _is_same(self, gold: str, answer: str) -> bool:
        verdict = self.math.compare(gold, answer)
        if verdict.is_error:
            raise _CannotTell(verdict.reason)
        return verdict.score == 1.0


class _CannotTell(Exception):
    """The part that compares formulas failed, which says nothing about the answer."""

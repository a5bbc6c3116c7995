"""Length: the `length` verifier, and the shaping terms of DAPO and Kimi k1.5 as pure functions for the trainer."""

from __future__ import annotations

from collections.abc import Sequence

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.rules.text import words


def soft_overlong(length: int, max_length: int, cache: int) -> float:
    """DAPO, equation 13: 0 up to max_length - cache, falling linearly to -1 at max_length, and -1 beyond."""
    if length <= max_length - cache:
        return 0.0
    if length > max_length:
        return -1.0
    return (max_length - cache - length) / cache


def kimi_length(lengths: Sequence[int], correct: Sequence[bool]) -> list[float]:
    """Kimi k1.5 (arXiv 2501.12599, section 2.3.3): lambda = 0.5 - (len - min) / (max - min) over one group.

    A correct answer gets lambda, a wrong one min(0, lambda); all 0 when the lengths are equal.
    """
    if not lengths or min(lengths) == max(lengths):
        return [0.0] * len(lengths)
    low, spread = min(lengths), max(lengths) - min(lengths)
    shares = [0.5 - (length - low) / spread for length in lengths]
    return [share if is_right else min(0.0, share) for share, is_right in zip(shares, correct, strict=True)]


class LengthVerifier(VerifierBase):
    """Score 1 for an answer of min_words to max_words words, falling linearly to 0 over `slack` words beyond
    them.

    scope: "answer" counts after the thinking, "all" the whole response.
    """

    name = "length"

    def __init__(self, min_words: int = 1, max_words: int = 1000, slack: int = 0, scope: str = "answer") -> None:
        if not 0 <= min_words <= max_words or slack < 0:
            raise VerifierError(f"need 0 <= min_words <= max_words, got {min_words}, {max_words} and slack {slack}")
        if scope not in ("all", "answer"):
            raise VerifierError(f"scope is 'all' or 'answer', got {scope!r}")
        self.min_words = min_words
        self.max_words = max_words
        self.slack = slack
        self.scope = scope

    def grade(self, response: str, row: Row) -> Verdict:
        graded = graded_text(response, row.get("prompt"))
        if self.scope == "answer" and graded.problem:
            return Verdict.scored(0.0, graded.problem)
        count = len(words(response if self.scope == "all" else graded.text))
        excess = max(self.min_words - count, count - self.max_words, 0)
        score = 1.0 if excess == 0 else max(0.0, 1.0 - excess / (self.slack + 1))
        return Verdict.scored(score, f"{count} words", {"words": float(count)})

"""Verifiers that pay for short answers: the worked example of docs/writing_a_verifier.md, simplest first."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.verifiers import Row, Verdict, VerifierBase
from openqwq.verifiers.answers import graded_text


def brief(response: str, row: Row) -> bool:
    """True for an answer of at most 20 words."""
    return len(response.split()) <= 20


def word_limit(response: str, row: Row, limit: int = 20, slack: int = 10) -> Verdict:
    """Score 1 up to `limit` words, then falling to 0 at `limit + slack`; a row's own limit goes first."""
    reference = row.get("reference")
    if isinstance(reference, Mapping) and "limit" in reference:
        limit = int(reference["limit"])
    graded = graded_text(response, row.get("prompt"))
    if graded.problem:
        return Verdict.scored(0.0, graded.problem)
    words = len(graded.text.split())
    score = max(0.0, 1.0 - max(0, words - limit) / slack)
    return Verdict.scored(score, f"{words} words, limit {limit}", {"words": words})


def shorter_than_the_others(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
    """TRL's signature: the whole batch at once, so that answers can be compared. 1 for the shorter half."""
    texts = [text if isinstance(text, str) else text[-1]["content"] for text in completions]
    lengths = [len(text.split()) for text in texts]
    middle = sorted(lengths)[len(lengths) // 2]
    return [float(length <= middle) if length else None for length in lengths]


class WordLimit(VerifierBase):
    """`word_limit` as a class: it checks its arguments and its references, and counts what it judged."""

    name = "word_limit"

    def __init__(self, limit: int = 20, slack: int = 10) -> None:
        if limit < 1 or slack < 1:
            raise ValueError(f"limit and slack are at least 1, got limit={limit}, slack={slack}")
        self.limit, self.slack = limit, slack
        self.judged: Counter[str] = Counter()
        self._lock = threading.Lock()

    def grade(self, response: str, row: Row) -> Verdict:
        verdict = word_limit(response, row, self.limit, self.slack)
        with self._lock:  # verifiers are called from several threads
            self.judged["within" if verdict.score == 1.0 else "over"] += 1
        return verdict

    def check_reference(self, row: Row) -> str | None:
        reference = row.get("reference")
        limit = reference.get("limit", self.limit) if isinstance(reference, Mapping) else self.limit
        return None if isinstance(limit, int) and limit > 0 else f"limit is a number of words, got {limit!r}"

    def __getstate__(self) -> dict[str, Any]:  # a lock stays behind when a verifier travels to a worker
        return {key: value for key, value in self.__dict__.items() if key != "_lock"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def close(self) -> None:
        """End processes and connections here; a later call may open them again. This one holds none."""

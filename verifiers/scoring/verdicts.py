"""The base of verifiers whose score comes from a `Scorer`: what is asked, and what becomes of an outcome."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase
from openqwq.verifiers.prompts import asked_messages
from openqwq.verifiers.scoring.item import Item, Outcome, Scorer


class ScoredVerifier(VerifierBase):
    """Only the answer is scored, its thinking is not shown. An answer that is empty or never ends its thinking scores 0
    without asking. A sample that could not be scored is a `service_error`, which masks it and no other. Equal samples
    of one call are asked once, so they get equal scores."""

    scorer: Scorer

    def item(self, row: Row, answer: str) -> Item:
        """What is asked about an answer."""
        return Item(tuple(asked_messages(row.get("prompt"))), answer)

    def bounded(self, value: float) -> float:
        """The score in [0, 1] of a value of the scorer. Raises ValueError for one that has none."""
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"a score of {value:g}, which is not in [0, 1]")
        return value

    def verify(self, response: str, row: Row) -> Verdict:
        return self.verify_many([response], [row])[0]

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        start = time.perf_counter()
        graded = [graded_text(response, row.get("prompt")) for response, row in zip(responses, rows, strict=True)]
        verdicts = [Verdict.scored(0.0, item.problem) for item in graded]
        places: dict[str, list[int]] = {}
        items: dict[str, Item] = {}
        for place, (one, row) in enumerate(zip(graded, rows, strict=True)):
            if not one.problem:
                item = self.item(row, one.text)
                key = json.dumps([item.prompt, item.response, item.reference, item.rubric], default=repr)
                places.setdefault(key, []).append(place)
                items.setdefault(key, item)
        for key, verdict in zip(places, self._judged(list(items.values())), strict=True):
            for place in places[key]:
                verdicts[place] = verdict
        seconds = (time.perf_counter() - start) / max(1, len(verdicts))
        return [replace(verdict, seconds=seconds) for verdict in verdicts]

    def _judged(self, items: Sequence[Item]) -> list[Verdict]:
        if not items:
            return []
        try:
            outcomes = self.scorer.outcomes_now(items)
            if len(outcomes) != len(items):
                raise ValueError(f"{len(outcomes)} outcomes for {len(items)} items")
        except Exception as error:  # a failure holds no information about the answers
            return [self._error(f"{type(error).__name__}: {error}")] * len(items)
        return [self._verdict(outcome) for outcome in outcomes]

    def _verdict(self, outcome: Outcome) -> Verdict:
        if outcome.value is None or not math.isfinite(outcome.value):
            return self._error(outcome.problem or f"a score of {outcome.value}")
        try:
            score = self.bounded(outcome.value)
        except ValueError as problem:
            return self._error(str(problem))
        return Verdict.scored(score, self.name.replace("_", " "), {"raw": outcome.value, **outcome.parts})

    def _error(self, words: str) -> Verdict:
        return Verdict.error(f"{self.name.replace('_', ' ')}: {words}", "service_error")

    def close(self) -> None:
        self.scorer.close()

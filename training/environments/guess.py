"""The environment `guess`: find a secret number by guesses that are answered with higher or lower."""

import random
from collections.abc import Mapping
from typing import Any

from openqwq.training.environments.rows import given_part, row_fault


class GuessTools:
    """The secret is `reference.secret` of the row, else drawn by the sample's seed from 1 to `highest`.

    Reward: 1 for a secret found within the guesses that halving needs, `fewest / guesses` for more, 0 without it.
    """

    def __init__(self, highest: int = 100) -> None:
        self._highest = highest
        self._guesses: list[int] = []
        self._secret = 0

    def reset(self, task: Mapping[str, Any], seed: int) -> str | None:
        """Draw the secret. A row without a prompt of its own gets the rules."""
        self._highest = given_part(task, "extra", "highest", int, self._highest)
        self._secret = given_part(task, "reference", "secret", int, 0) or random.Random(seed).randint(1, self._highest)
        if not 1 <= self._secret <= self._highest:
            raise row_fault(task, f"its secret {self._secret} is not between 1 and {self._highest}")
        self._guesses = []
        return None if task.get("prompt") else f"Find a whole number from 1 to {self._highest} with few guesses."

    def guess(self, number: int) -> str:
        """Guess the secret number; the answer is higher, lower or correct.

        Args:
            number: the guess
        """
        if self._secret not in self._guesses:  # what is found is found
            self._guesses.append(number)
        if number == self._secret:
            return "correct"
        return "higher" if self._secret > number else "lower"

    def reward(self) -> float:
        """How few guesses it took."""
        if self._secret not in self._guesses:
            return 0.0
        return min(1.0, self._highest.bit_length() / len(self._guesses))

    def save(self) -> list[int]:
        """The guesses; the secret comes from row and seed again."""
        return list(self._guesses)

    def restore(self, task: Mapping[str, Any], seed: int, state: list[int]) -> str | None:
        """Go on after these guesses."""
        opening = self.reset(task, seed)
        self._guesses = list(state)
        return opening

    @staticmethod
    def example(seed: int) -> dict[str, Any]:
        """A row to try it with."""
        return {"id": f"guess-{seed}", "task": "guess", "prompt": "Find a whole number from 1 to 100 with few guesses."}

"""The verifier `environment`: what the environment of a sample says that its final state is worth.

It asks nothing itself: the environment was asked when the conversation ended, and its number is in the row
(`environment_reward`), also of kept answers.
"""

from __future__ import annotations

from openqwq.verifiers.base import Row, Verdict, VerifierBase

COLUMN = "environment_reward"


class EnvironmentVerifier(VerifierBase):
    """Pays the environment's reward. A sample whose environment gave none is an error and no 0: nothing says that it
    is wrong."""

    name = "environment"

    def grade(self, response: str, row: Row) -> Verdict:
        """The reward of the row's environment."""
        if COLUMN not in row:
            return Verdict.not_applicable("no environment played this row")
        reward = row[COLUMN]
        if reward is None:
            return Verdict.error("the environment gave no reward, neither by its method `reward` nor in a StepResult")
        if isinstance(reward, bool) or not isinstance(reward, int | float) or not 0.0 <= reward <= 1.0:
            return Verdict.error(f"{COLUMN} is {reward!r:.60}, not a number in [0, 1]")
        return Verdict.scored(float(reward), f"the environment gave {reward:g}")

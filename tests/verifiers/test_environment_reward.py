"""The verifier `environment`: pays what is in the row, and nothing else is a 0."""

from __future__ import annotations

import math
from typing import Any

import pytest

from openqwq.verifiers import get_verifier


@pytest.mark.parametrize(
    ("row", "status", "score"),
    [
        ({"environment_reward": 0.25}, "scored", 0.25),
        ({"environment_reward": 0}, "scored", 0.0),
        ({"environment_reward": None}, "verifier_error", None),
        ({"environment_reward": math.nan}, "verifier_error", None),
        ({"environment_reward": 2}, "verifier_error", None),
        ({"environment_reward": "1"}, "verifier_error", None),
        ({"environment_reward": True}, "verifier_error", None),
        ({}, "not_applicable", None),
    ],
)
def test_the_number_of_the_environment_is_the_score(row: dict[str, Any], status: str, score: float | None) -> None:
    verdict = get_verifier("environment").verify("whatever was said", {"id": "1", **row})
    assert (verdict.status, verdict.score) == (status, score)

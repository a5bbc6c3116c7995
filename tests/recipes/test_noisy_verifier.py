"""The verifier of `recipes/ablations/reward_noise.yaml` errs as often as it says, and always in the same places."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openqwq.verifiers import Verifier, get_verifier

NAME = f"{Path(__file__).parents[2] / 'recipes/ablations/noisy.py'}:NoisyMath"
ROWS = [{"id": f"r{i}", "prompt": "?", "reference": str(i)} for i in range(300)]


@pytest.fixture(scope="module")
def noisy() -> Iterator[Verifier]:
    verifier = get_verifier(NAME, false_accepts=0.2, false_rejects=0.1)
    yield verifier
    verifier.close()


def test_it_errs_at_its_rates_by_the_row_and_the_answer_alone(noisy: Verifier) -> None:
    right = [noisy.verify(f"\\boxed{{{i}}}", row).score for i, row in enumerate(ROWS)]
    wrong = [noisy.verify(f"\\boxed{{{i + 1}}}", row).score for i, row in enumerate(ROWS)]
    assert right.count(0.0) == pytest.approx(30, abs=15) and wrong.count(1.0) == pytest.approx(60, abs=20)
    assert [noisy.verify(f"\\boxed{{{i + 1}}}", row).score for i, row in enumerate(ROWS[:40])] == wrong[:40]


def test_rates_outside_of_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match="rates lie in"):
        get_verifier(NAME, false_accepts=2)

"""Arms over seeds: an interval that covers what other seeds and other problems would have shown."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from openqwq.training.estimation.over_seeds import Pair, difference_over_seeds
from openqwq.training.estimation.paired import paired_difference
from openqwq.training.estimation.samples import ProblemScores

REPEATS = 200


def side(right: np.ndarray, num_problems_of_a_cluster: int = 1) -> list[ProblemScores]:
    return [
        ProblemScores(str(i), (float(x),), cluster=str(i // num_problems_of_a_cluster)) for i, x in enumerate(right)
    ]


def drawn(rng: np.random.Generator, effect: float, num_seeds: int, num_problems: int = 400) -> list[Pair]:
    """Problems of different difficulty; seeds that move all of them by 0.02 (sd), and each problem of theirs by 0.1."""
    base = rng.uniform(0.1, 0.8, num_problems)
    pairs = []
    for _ in range(num_seeds):
        before, after = (
            base + shift + rng.normal(0, 0.02) + rng.normal(0, 0.1, num_problems) for shift in (0.0, effect)
        )
        pairs.append(tuple(side(rng.random(num_problems) < np.clip(p, 0, 1), 2) for p in (before, after)))
    return pairs


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_equal_arms_are_called_different_at_most_as_often_as_stated(num_seeds: int) -> None:
    rng = np.random.default_rng(num_seeds)
    found = [difference_over_seeds(drawn(rng, 0.0, num_seeds)) for _ in range(REPEATS)]
    assert sum(d.verdict != "cannot tell" for d in found) <= binom.ppf(0.99, REPEATS, 0.05)


def test_a_gain_of_the_size_called_visible_is_seen_in_four_of_five_ablations() -> None:
    rng = np.random.default_rng(0)
    visible = np.mean([difference_over_seeds(drawn(rng, 0.05, 5)).smallest_visible for _ in range(20)])
    found = [difference_over_seeds(drawn(rng, float(visible), 5)) for _ in range(REPEATS)]
    assert sum(d.verdict == "better" for d in found) / REPEATS >= 0.8


def test_seeds_that_disagree_hide_what_their_problems_would_show() -> None:
    one, rest = np.zeros(200), np.ones(200)
    rest[:150] = 0
    gains = [(side(one), side(rest)), (side(one), side(one))]
    assert difference_over_seeds(gains[:1]).verdict == "better"
    assert difference_over_seeds(gains).verdict == "cannot tell"


def test_one_seed_is_the_paired_difference_of_its_problems() -> None:
    [pair] = drawn(np.random.default_rng(1), 0.1, 1)
    assert difference_over_seeds([pair]) == paired_difference(*pair)


def test_the_interval_leaves_zero_out_exactly_when_p_is_below_a_twentieth() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        d = difference_over_seeds(drawn(rng, 0.04, 3, 120))
        assert (d.p < 0.05) == (d.verdict != "cannot tell")


def test_equal_answers_of_all_seeds_say_no_more_than_those_of_one() -> None:
    same = side(np.ones(20))
    d = difference_over_seeds([(same, same)] * 3)
    assert (d.value, d.verdict) == (0.0, "cannot tell") and d.high > 0.1


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(ValueError, match="no seed was measured"):
        difference_over_seeds([])
    with pytest.raises(ValueError, match="problems"):
        difference_over_seeds([(side(np.ones(3)), [ProblemScores("other", (1.0,))])])

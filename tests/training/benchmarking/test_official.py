"""Official numbers are means of means; without all kinds there is none."""

from __future__ import annotations

import pytest

from openqwq.training.benchmarking.official import with_official_score
from openqwq.training.run_folder.entry import Estimate, SuiteEntry
from openqwq.verifiers.bfcl.scores import LIVE, MULTI_TURN, NON_LIVE, SIMPLE


def facts(summary: str, **kinds: float | None) -> dict[str, float]:
    return dict(with_official_score(SuiteEntry(Estimate(0.5), kinds=kinds), summary).facts)


def test_livebench_averages_tasks_and_then_categories() -> None:
    found = facts("livebench", **{"math/olympiad": 0.2, "math/AMPS_Hard": 0.6, "language/typos": 1.0})
    assert found["official/mean of 2 categories"] == pytest.approx((0.4 + 1.0) / 2)
    assert found["official/math"] == pytest.approx(0.4)
    assert facts("livebench") == {} and facts("mean", **{"math/olympiad": 0.2}) == {}


def test_bfcl_needs_every_category() -> None:
    names = (*SIMPLE, *NON_LIVE, "irrelevance", *LIVE, "live_irrelevance", "live_relevance", *MULTI_TURN)
    kinds: dict[str, float | None] = {name: 0.5 for name in names} | dict.fromkeys(MULTI_TURN, 0.2)
    assert facts("bfcl_v3", **kinds)["official/BFCL v3"] == pytest.approx((0.5 + 0.5 + 0.2) / 3)
    assert facts("bfcl_v3", **{**kinds, "live_simple": None}) == {}

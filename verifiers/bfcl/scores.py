"""BFCL's summary numbers from accuracies by category. A number is BFCL's only with its version and its categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openqwq.verifiers.base import VerifierError

ROWS: Mapping[str, int] = {
    "live_simple": 258,
    "live_multiple": 1053,
    "live_parallel": 16,
    "live_parallel_multiple": 24,
    "live_irrelevance": 884,
    "live_relevance": 16,
}
"""Numbers of rows of bfcl-eval 2026.3.23; where live categories are weighted by them, as in all versions since v2."""
SIMPLE = ("simple_python", "simple_java", "simple_javascript")
NON_LIVE = ("multiple", "parallel", "parallel_multiple")
LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
MULTI_TURN = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")
V4_WEIGHTS: Mapping[str, float] = {"non_live": 0.1, "live": 0.1, "irrelevance": 0.1, "multi_turn": 0.3}
"""The other 40 % are agentic: web search and memory."""


@dataclass(frozen=True)
class BfclScore:
    """Example: bfcl_v3(accuracies).overall."""

    version: str
    """`v3`, or `v4 without agentic`."""
    categories: tuple[str, ...]
    """The categories that the number is made of."""
    parts: Mapping[str, float]
    """The means of the groups."""
    overall: float | None
    """The leaderboard's number, or None where groups are missing for it."""


def bfcl_v3(accuracies: Mapping[str, float], rows: Mapping[str, int] = ROWS) -> BfclScore:
    """v3: the mean of non-live, live and multi-turn, without the executable categories, as since spring 2025.

    Non-live is the mean of simple (itself the mean of its three languages), multiple, parallel, parallel_multiple and
    irrelevance; live is weighted by `rows`, irrelevance and relevance included; multi-turn is the mean of its four.
    Source: gorilla's `eval_runner_helper.py` of that time.

    Raises:
        VerifierError: an accuracy is missing or not in [0, 1].
    """
    live = (*LIVE, "live_irrelevance", "live_relevance")
    found = _checked(accuracies, (*SIMPLE, *NON_LIVE, "irrelevance", *live, *MULTI_TURN))
    parts = {
        "non_live": _mean(
            [_mean([found[name] for name in SIMPLE]), *(found[name] for name in (*NON_LIVE, "irrelevance"))]
        ),
        "live": _weighted(found, live, rows),
        "multi_turn": _mean([found[name] for name in MULTI_TURN]),
    }
    return BfclScore("v3", tuple(found), parts, _mean(list(parts.values())))


def bfcl_v4_without_agentic(accuracies: Mapping[str, float], rows: Mapping[str, int] = ROWS) -> BfclScore:
    """The groups of v4 that need no network and no embedding model. Without the agentic 40 % there is no overall.

    Non-live and live are AST categories alone, live weighted by `rows`; irrelevance is the mean of its two.

    Raises:
        VerifierError: as `bfcl_v3`.
    """
    found = _checked(accuracies, (*SIMPLE, *NON_LIVE, "irrelevance", *LIVE, "live_irrelevance", *MULTI_TURN))
    parts = {
        "non_live": _mean([_mean([found[name] for name in SIMPLE]), *(found[name] for name in NON_LIVE)]),
        "live": _weighted(found, LIVE, rows),
        "irrelevance": _mean([found["irrelevance"], found["live_irrelevance"]]),
        "multi_turn": _mean([found[name] for name in MULTI_TURN]),
    }
    return BfclScore("v4 without agentic", tuple(found), parts, None)


def _checked(accuracies: Mapping[str, float], needed: Sequence[str]) -> dict[str, float]:
    if missing := [name for name in needed if name not in accuracies]:
        raise VerifierError(f"BFCL's number needs the accuracies of all its categories; missing: {', '.join(missing)}")
    if wrong := {name: accuracies[name] for name in needed if not 0 <= accuracies[name] <= 1}:
        raise VerifierError(f"an accuracy is in [0, 1], got {wrong}")
    return {name: float(accuracies[name]) for name in needed}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _weighted(accuracies: Mapping[str, float], names: Sequence[str], rows: Mapping[str, int]) -> float:
    return sum(accuracies[name] * rows[name] for name in names) / sum(rows[name] for name in names)

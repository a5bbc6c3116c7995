"""The number that the publishers of a benchmark quote, where it is not the mean over its problems. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from openqwq.training.run_folder.entry import SuiteEntry
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.scores import bfcl_v3
from openqwq.verifiers.livebench.aggregate import Judged, averages

OFFICIAL = "official/"
"""Prefix of such a number among the facts of a result."""


def with_official_score(entry: SuiteEntry, summary: str) -> SuiteEntry:
    """The entry with the official numbers of its benchmark, from its means by kind of problem; without them where
    kinds are missing."""
    if summary not in SUMMARIES:
        return entry
    found = SUMMARIES[summary]({kind: value for kind, value in entry.kinds.items() if value is not None})
    return replace(entry, facts={**entry.facts, **{OFFICIAL + name: value for name, value in found.items()}})


def _livebench(kinds: Mapping[str, float]) -> dict[str, float]:
    parted = [(*kind.partition("/"), score) for kind, score in kinds.items()]
    judged = [Judged(category, task, score) for category, slash, task, score in parted if slash]
    if not judged:
        return {}
    found = averages(judged)
    return {f"mean of {len(found.categories)} categories": found.overall, **found.categories}


def _bfcl(kinds: Mapping[str, float]) -> dict[str, float]:
    try:
        found = bfcl_v3(kinds)
    except VerifierError:
        return {}
    return {"BFCL v3": found.overall or 0.0, **found.parts}


SUMMARIES: Mapping[str, Callable[[Mapping[str, float]], dict[str, float]]] = {"livebench": _livebench, "bfcl_v3": _bfcl}
"""Summary of a suite -> its numbers from the means by kind."""

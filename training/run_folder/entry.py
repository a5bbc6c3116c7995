"""The record of a finished stage, and its form in `state.json` and `summary.json`.

Reading is lenient, because reports are also made of damaged run folders: unusable values become None or are left out.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from openqwq.training.run_folder.lenient import Row, mapping, number, rows_of


@dataclass(frozen=True)
class Estimate:
    """A mean over n items with its 95 % interval; None is unknown. Example: `Estimate(0.55, 0.49, 0.61, 300)`"""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class SuiteEntry:
    """The results of one suite at one point of the run."""

    accuracy: Estimate
    """Mean score, avg@k, with the interval on problems like these."""
    errors: int = 0
    """Number of items without a verdict."""
    on_this_benchmark: Estimate = Estimate(None)
    """The same mean with the interval over new samples of the same problems."""
    samples: int | None = None
    """Samples of each problem, k."""
    name: str = "accuracy"
    """What the mean may be called: `accuracy`, or `mean score` where answers got partial credit."""
    pass_at: Mapping[int, float] = field(default_factory=dict)
    """k -> unbiased pass@k."""
    consensus: Mapping[int, float] = field(default_factory=dict)
    """k -> score of the most frequent of k answers."""
    unstable: float | None = None
    """Share of problems whose samples differ in score."""
    mean_tokens: float | None = None
    kinds: Mapping[str, float | None] = field(default_factory=dict)
    """Kind of item -> accuracy, where there are several."""
    columns: Mapping[str, Estimate] = field(default_factory=dict)
    """Further ways of judging."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Shares of flagged answers, mean lengths of thinking."""

    def to_json(self) -> dict[str, Any]:
        """The form in `summary.json`."""
        accuracy = self.accuracy
        entry: dict[str, Any] = {
            "accuracy": accuracy.value,
            "n": accuracy.n,
            "low": accuracy.low,
            "high": accuracy.high,
        }
        if self.errors:
            entry["errors"] = self.errors
        if self.name != "accuracy":
            entry["name"] = self.name
        if self.on_this_benchmark.value is not None:
            entry["on_this_benchmark"] = {"low": self.on_this_benchmark.low, "high": self.on_this_benchmark.high}
        for key, value in (("samples", self.samples), ("unstable", self.unstable), ("mean_tokens", self.mean_tokens)):
            if value is not None:
                entry[key] = value
        for key, values in (("pass_at", self.pass_at), ("consensus", self.consensus)):
            if values:
                entry[key] = {str(k): value for k, value in values.items()}
        if self.kinds:
            entry["kinds"] = dict(self.kinds)
        if self.columns:
            entry["columns"] = {
                name: {"accuracy": e.value, "n": e.n, "low": e.low, "high": e.high} for name, e in self.columns.items()
            }
        if self.facts:
            entry["facts"] = dict(self.facts)
        return without_nan(entry)

    @classmethod
    def from_json(cls, tree: Any) -> "SuiteEntry":
        """The inverse of `to_json`."""
        row = mapping(tree)
        accuracy, errors, samples = _estimate(row, "accuracy"), number(row.get("errors")), number(row.get("samples"))
        here = mapping(row.get("on_this_benchmark"))
        return cls(
            accuracy,
            int(errors or 0),
            on_this_benchmark=Estimate(accuracy.value, number(here.get("low")), number(here.get("high")), accuracy.n)
            if here
            else Estimate(None),
            samples=None if samples is None else int(samples),
            name=str(row.get("name", "accuracy")),
            pass_at=_by_k(row.get("pass_at")),
            consensus=_by_k(row.get("consensus")),
            unstable=number(row.get("unstable")),
            mean_tokens=number(row.get("mean_tokens")),
            kinds={str(kind): number(value) for kind, value in mapping(row.get("kinds")).items()},
            columns={str(name): _estimate(mapping(e), "accuracy") for name, e in mapping(row.get("columns")).items()},
            facts=_classes(row.get("facts")) or {},
        )


@dataclass(frozen=True)
class Check:
    """One condition of a gate. Example: `Check("math.gain_low", 0.31, 0.15, True)`"""

    name: str
    value: float | None
    limit: float | None
    passed: bool
    is_at_most: bool = False
    """Whether the limit is the largest allowed value, and not the smallest."""

    def bound(self, limit: str) -> str:
        """The limit in words: `at least 0.15`."""
        return f"at {'most' if self.is_at_most else 'least'} {limit}"

    def to_json(self) -> dict[str, Any]:
        """`is_at_most` only where it is so."""
        tree = {"name": self.name, "value": self.value, "limit": self.limit, "passed": self.passed}
        return {**tree, "is_at_most": True} if self.is_at_most else tree


@dataclass(frozen=True)
class GateDecision:
    """All conditions of one gate, and whether it passed."""

    checks: tuple[Check, ...]
    passed: bool

    @classmethod
    def of(cls, checks: Iterable[Check]) -> "GateDecision":
        """The decision that passes if every check does."""
        found = tuple(checks)
        return cls(found, all(check.passed for check in found))


@dataclass(frozen=True)
class StageEntry:
    """One finished stage. Example: `StageEntry("stage1", "rl", seconds=90.0, steps=40, model="checkpoints/...")`"""

    name: str
    kind: str
    seconds: float = 0.0
    steps: int | None = None
    model: str = ""
    """Folder of the trained model, relative to the run folder; in `state.json` only."""
    algorithm: str | None = None
    before: Mapping[str, SuiteEntry] = field(default_factory=dict)
    after: Mapping[str, SuiteEntry] = field(default_factory=dict)
    paired: Mapping[str, Estimate] = field(default_factory=dict)
    """Suite -> paired gain of the stage."""
    gate: GateDecision | None = None
    accuracy: Mapping[str, float] | None = None
    """A reward model's accuracy by class of pairs, and over `all`."""
    quality: Mapping[str, float] | None = None
    """A reward model's other measures: bounds of the accuracies, length, calibration, probes."""
    reused_from: str | None = None
    """Run folder from which the stage was copied; None if this run trained it."""

    @property
    def has_passed(self) -> bool:
        """Whether the stage has no gate or its gate passed."""
        return self.gate is None or self.gate.passed

    def timed(self, seconds: float) -> "StageEntry":
        """The entry with the seconds that the stage took."""
        return replace(self, seconds=round(seconds, 2))

    def to_json(self) -> dict[str, Any]:
        """The form in `state.json`; `summary.json` leaves `model` out."""
        entry: dict[str, Any] = {} if self.reused_from is None else {"reused_from": self.reused_from}
        entry |= {"name": self.name, "kind": self.kind, "seconds": self.seconds}
        if self.algorithm is not None:
            entry["algorithm"] = self.algorithm
        if self.accuracy is not None:
            entry["accuracy"] = dict(self.accuracy)
        if self.quality is not None:
            entry["quality"] = dict(self.quality)
        entry["steps"] = self.steps
        if self.after or self.kind == "rl":
            sides = {"before": self.before, "after": self.after}
            entry["eval"] = {side: {name: e.to_json() for name, e in suites.items()} for side, suites in sides.items()}
            entry["paired"] = {
                suite: {"gain": gain.value, "low": gain.low, "high": gain.high, "n": gain.n}
                for suite, gain in self.paired.items()
            }
        if self.gate is not None:
            checks = [check.to_json() for check in self.gate.checks]
            entry["gate"] = {"passed": self.gate.passed, "checks": checks}
        return without_nan({**entry, "model": self.model})

    @classmethod
    def from_json(cls, tree: Any) -> "StageEntry":
        """The inverse of `to_json`."""
        row = mapping(tree)
        sides = mapping(row.get("eval"))
        steps, seconds = number(row.get("steps")), number(row.get("seconds"))
        return cls(
            name=str(row.get("name", "")),
            kind=str(row.get("kind", "")),
            seconds=seconds or 0.0,
            steps=None if steps is None else int(steps),
            model=str(row.get("model", "")),
            algorithm=str(row["algorithm"]) if isinstance(row.get("algorithm"), str) else None,
            before={str(suite): SuiteEntry.from_json(e) for suite, e in mapping(sides.get("before")).items()},
            after={str(suite): SuiteEntry.from_json(e) for suite, e in mapping(sides.get("after")).items()},
            paired={str(suite): _estimate(mapping(e), "gain") for suite, e in mapping(row.get("paired")).items()},
            gate=_gate(row["gate"]) if "gate" in row else None,
            accuracy=_classes(row.get("accuracy")),
            quality=_classes(row.get("quality")),
            reused_from=str(row["reused_from"]) if row.get("reused_from") else None,
        )


def without_nan(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with None in place of NaN, which JSON does not have."""
    return {key: _without_nan(value) for key, value in tree.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nan(value)
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _estimate(row: Row, key: str) -> Estimate:
    n = number(row.get("n"))
    return Estimate(
        number(row.get(key)), number(row.get("low")), number(row.get("high")), None if n is None else int(n)
    )


def _by_k(tree: Any) -> dict[int, float]:
    known = {str(k): number(value) for k, value in mapping(tree).items()}
    return {int(k): value for k, value in known.items() if k.isdecimal() and value is not None}


def _gate(tree: Any) -> GateDecision:
    row = mapping(tree)
    checks = [
        Check(
            str(c.get("name", "")),
            number(c.get("value")),
            number(c.get("limit")),
            bool(c.get("passed")),
            bool(c.get("is_at_most")),
        )
        for c in rows_of(row.get("checks"))
    ]
    return GateDecision(tuple(checks), bool(row.get("passed", True)))


def _classes(tree: Any) -> dict[str, float] | None:
    if not isinstance(tree, Mapping):
        return None
    return {str(name): value for name, value in ((k, number(v)) for k, v in tree.items()) if value is not None}

"""The outcome of a run as people read it: `summary.json`, and the lines after a stage. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from openqwq.training.config import Recipe
from openqwq.training.console import aligned
from openqwq.training.run_folder.entry import Estimate, StageEntry


def summary(
    recipe: Recipe, status: str, entries: Sequence[StageEntry], final_model: str, peak_memory_bytes: int
) -> dict[str, Any]:
    """`summary.json`."""
    stages = [entry.to_json() for entry in entries]
    return {
        "schema": 1,
        "recipe": recipe.name,
        "status": status,
        "seed": recipe.seed,
        "seconds": round(sum(entry.seconds for entry in entries), 2),
        "final_model": final_model,
        "stages": [{key: value for key, value in stage.items() if key != "model"} for stage in stages],
        "peak_memory_bytes": peak_memory_bytes,
    }


def result_lines(entry: StageEntry) -> Iterator[str]:
    """What the console says after a stage."""
    yield f"{entry.name}: {entry.seconds:.0f} s"
    yield from aligned(
        [
            (
                suite,
                f"{_text(entry.before[suite].accuracy.value)} -> {_text(now.accuracy.value)}",
                _interval(entry, suite),
            )
            for suite, now in entry.after.items()
            if suite in entry.before
        ]
    )
    for check in entry.gate.checks if entry.gate else ():
        verdict = "passed" if check.passed else "FAILED"
        yield f"  gate {check.name}: {_text(check.value)} ({check.bound(_text(check.limit))}) {verdict}"


def _interval(entry: StageEntry, suite: str) -> str:
    gain = entry.paired.get(suite, Estimate(None))
    return f"paired {_text(gain.value, '+.3f')} [{_text(gain.low, '+.3f')}, {_text(gain.high, '+.3f')}]"


def _text(value: float | None, form: str = ".3f") -> str:
    return "unknown" if value is None else format(value, form)

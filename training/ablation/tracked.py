"""Sends what an ablation found to the trackers of its recipe."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.comparison.paired_runs import Comparison
from openqwq.training.config import Logging
from openqwq.training.errors import RecipeError
from openqwq.training.tracking.software import versions
from openqwq.training.tracking.trackers import start_named

STAGE = "ablation"


def send_to_trackers(
    name: str,
    folder: Path,
    logging: Logging,
    ablation: Mapping[str, Any],
    comparisons: Sequence[Comparison],
    means: Sequence[Mapping[str, Any]],
    num_finished: int,
    warn: Callable[[str], None],
) -> None:
    """Send the comparisons of the arms and their means as tables, and each difference as a number. Nothing where the
    recipe names no tracker, or where as many runs were finished when it was last sent. `means`: rows of `table.means`.

    The step is the number of finished runs. A tracker that cannot be used costs a warning: the ablation is done.
    """
    config = {"ablation": dict(ablation), "versions": versions()}
    try:
        trackers = start_named(logging, name, folder, (STAGE,), config, warn)
    except RecipeError as error:
        warn(f"the ablation's summary goes to no tracker: {error}")
        return
    trackers.log(STAGE, num_finished, numbers(comparisons))
    trackers.table(STAGE, num_finished, "comparisons", [row(comparison) for comparison in comparisons])
    trackers.table(STAGE, num_finished, "means", means)
    trackers.close()


def numbers(comparisons: Sequence[Comparison]) -> dict[str, float]:
    """`difference/<suite>/<arm>` and its interval."""
    found: dict[str, float] = {}
    for c in comparisons:
        bounds = {"difference": c.difference.value, "low": c.difference.low, "high": c.difference.high}
        found |= {f"{bound}/{c.suite}/{c.arm}": value for bound, value in bounds.items()}
    return found


def row(c: Comparison) -> dict[str, Any]:
    """A comparison as a row of a table."""
    d = c.difference
    named = {"arm": c.arm, "suite": c.suite, "after": c.stage, "beside": c.beside, "seeds": c.seeds}
    found = {"problems": d.num_problems, "difference": d.value, "low": d.low, "high": d.high, "p_holm": d.p}
    return named | found | {"would_have_seen": d.smallest_visible, "verdict": c.verdict}

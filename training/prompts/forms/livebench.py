"""LiveBench's questions, each with all that its verifier `livebench` needs."""

from collections.abc import Callable
from typing import Any

from openqwq.training.prompts.forms.form import Form, Row, Unusable

RELEASE = "2024-11-25"
"""The last release of which every question is public."""
_OPTIONAL = ("ground_truth", "subtask", "instruction_id_list", "kwargs")
COLUMNS = ("question_id", "category", "task", "turns", "livebench_release_date")


def is_in_release(row: Row, release: str) -> bool:
    """Does a release hold the question: did it come with it or before, and does it leave later or never?"""
    came, leaves = (str(row.get(name) or "")[:10] for name in ("livebench_release_date", "livebench_removal_date"))
    return came <= release and (not leaves or leaves > release)


def _of(release: str | None) -> Callable[[Row], dict[str, Any]]:
    def read(row: Row) -> dict[str, Any]:
        if release is not None and not is_in_release(row, release):
            raise Unusable(f"the release {release} does not hold it")
        if row["category"] in ("coding", "agentic_coding", "agentic_coding_v2"):
            raise Unusable(f"its category {row['category']} is not judged by the verifier livebench")
        turns = row["turns"]
        if not isinstance(turns, list) or len(turns) != 1:
            raise Unusable(f"it has {len(turns) if isinstance(turns, list) else 'no'} turns; LiveBench asks in one")
        held = {name: row[name] for name in COLUMNS} | {
            name: row[name] for name in _OPTIONAL if row.get(name) is not None
        }
        kind = f"{row['category']}/{row['task']}"
        return {
            "id": row["question_id"],
            "prompt": turns[0],
            "reference": held,
            "turns": None,
            "extra": {"kind": kind},
        }

    return read


FORMS = {
    "livebench": Form("livebench/reasoning", COLUMNS, _of(RELEASE)),
    "livebench_all": Form("livebench/reasoning, of every release", COLUMNS, _of(None)),
}

"""A question of LiveBench as a row holds it, and which judge it needs.

The official code chooses by `subtask` where there is one, else by `task`, and by the release date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.verifiers.base import Row, VerifierError

INSTRUCTION_FOLLOWING = "instruction_following"
IFBENCH = "2025-11-25"
"""From this release on instructions are those of IFBench."""
_CODING = frozenset({"lcb_generation", "coding_completion", "code_generation", "code_completion"})
_CONTESTS = frozenset({"amc", "smc"})
_PROOFS = frozenset({"imo", "usamo"})


@dataclass(frozen=True)
class Question:
    """Example: Question("cta", "price", "Pick the column's class ...", "2024-06-24")."""

    task: str
    """The name of its judge: a key of TASKS, or instruction_following."""
    gold: Any = None  # depends on the task
    """`ground_truth` as the row holds it."""
    asked: str = ""
    """The text of the question."""
    release: str = ""
    """Of the question, as 2024-11-25."""
    instruction_ids: Sequence[Any] = ()
    kwargs: Sequence[Any] | None = None


def question_of(row: Row) -> Question:
    """The question of a row: of its `reference` where that names a task, else of its own columns.

    Raises:
        VerifierError: it is none of LiveBench, is judged elsewhere, or asks in several turns.
    """
    reference = row.get("reference")
    held: Mapping[str, Any] = reference if isinstance(reference, Mapping) and "task" in reference else row
    release = str(held.get("livebench_release_date") or "")[:10]
    asked = _asked(held.get("turns"))
    name = judge_name(held)
    if name == INSTRUCTION_FOLLOWING:
        if release >= IFBENCH:
            raise VerifierError(
                f"a question of {release}: from {IFBENCH} on instructions are IFBench's, which are not built in"
            )
        ids = held.get("instruction_id_list")
        if not isinstance(ids, Sequence) or isinstance(ids, str) or not ids:
            raise VerifierError(f"instruction_id_list is a list of ids, got {ids!r:.80}")
        return Question(name, None, asked, release, ids, held.get("kwargs"))
    if "ground_truth" not in held:
        raise VerifierError(f"a question of {held.get('task')!r:.80} needs ground_truth")
    return Question(name, held["ground_truth"], asked, release)


def judge_name(held: Mapping[str, Any]) -> str:
    """The judge of a question, by the names that the official code looks at.

    Raises:
        VerifierError: no judge here is right for it.
    """
    category, task, subtask = (str(held.get(name) or "").lower() for name in ("category", "task", "subtask"))
    name = subtask or task
    if not task and category != INSTRUCTION_FOLLOWING:
        raise VerifierError("no question of LiveBench: neither `reference` nor the row has its columns (`task`, ...)")
    first, second = [*name.split("_"), ""][:2]
    if category == INSTRUCTION_FOLLOWING:
        return INSTRUCTION_FOLLOWING
    if category.startswith("agentic_coding") or task.startswith("agentic_coding"):
        raise VerifierError("agentic_coding is not judged here: it needs Docker and 150 GB of images")
    if category == "coding" or name in _CODING:
        raise VerifierError(
            f"{held.get('task')!r:.80} is a coding task: judge it by the verifier `code`, with its tests as the form "
            "`livecodebench` reads them"
        )
    if first in _CONTESTS or second == "amc":
        return "contest"
    if first == "aime":
        return "aime"
    if first in _PROOFS or name == "olympiad":
        return "olympiad"
    if name == "math_comp":
        return "aime" if str(held.get("ground_truth")).isdecimal() else "contest"
    if "amps_hard" in name or "amps_hard" in task:
        return "amps_hard"
    if name == "house_traversal":
        raise VerifierError("house_traversal is in no release: LiveBench withdrew it as its answers are ambiguous")
    return "zebra_puzzle" if "zebra_puzzle" in name else name


def _asked(turns: object) -> str:
    if isinstance(turns, Sequence) and not isinstance(turns, str) and len(turns) > 1:
        raise VerifierError(f"a question of {len(turns)} turns; LiveBench judges one")
    return str(turns[0]) if isinstance(turns, Sequence) and turns and not isinstance(turns, str) else str(turns or "")

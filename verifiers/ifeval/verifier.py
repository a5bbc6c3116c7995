"""The `ifeval` verifier: the official verdicts on the instructions of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.ifeval.instructions import UnusableInstruction, read_arguments
from openqwq.verifiers.ifeval.packages import MissingPackage
from openqwq.verifiers.ifeval.readings import Followed, Thinking, answer_of, judge

Reading = Literal["strict", "loose"]
Level = Literal["prompt", "instruction"]


class IfevalVerifier(VerifierBase):
    """Score 1 when the answer follows all instructions of its row as IFEval's official checkers read them.

    Args:
        reading: strict, or loose (any of eight variants of the answer).
        level: prompt (0 or 1), or instruction (the share that is followed).
        thinking: strict (unclosed thinking is no answer), or whole (as QwQ's evaluation).

    `parts` holds prompt_strict, prompt_loose, instruction_strict, instruction_loose and num_instructions, by which
    shares are weighted in a mean over all instructions of a data set.
    """

    name = "ifeval"

    def __init__(self, reading: Reading = "strict", level: Level = "prompt", thinking: Thinking = "strict") -> None:
        for option, value, known in (
            ("reading", reading, get_args(Reading)),
            ("level", level, get_args(Level)),
            ("thinking", thinking, get_args(Thinking)),
        ):
            if value not in known:
                raise VerifierError(f"{option} is one of {', '.join(known)}, got {value!r}")
        self.reading = reading
        self.level = level
        self.thinking = thinking

    def grade(self, response: str, row: Row) -> Verdict:
        try:
            asked = _instructions(row)
        except UnusableInstruction as error:
            return Verdict.error(f"unusable instructions: {error}")
        answer = answer_of(response, row.get("prompt"), self.thinking)
        try:
            followed = [judge(name, answer.text, arguments) for name, arguments in asked]
        except MissingPackage as error:
            return Verdict.error(str(error))
        parts = _parts(followed)
        missed = [name for (name, _), done in zip(asked, followed, strict=True) if not getattr(done, self.reading)]
        reason = f"not followed: {', '.join(missed)}" if missed else "all followed"
        return Verdict.scored(parts[f"{self.level}_{self.reading}"], answer.problem or reason, parts)

    def check_reference(self, row: Row) -> str | None:
        try:
            _instructions(row)
        except UnusableInstruction as error:
            return str(error)
        return None


def _parts(followed: Sequence[Followed]) -> dict[str, float]:
    strict, loose = [done.strict for done in followed], [done.loose for done in followed]
    return {
        "prompt_strict": float(all(strict)),
        "prompt_loose": float(all(loose)),
        "instruction_strict": sum(strict) / len(strict),
        "instruction_loose": sum(loose) / len(loose),
        "num_instructions": float(len(followed)),
    }


def _instructions(row: Row) -> list[tuple[str, dict[str, Any]]]:
    """The instructions of a row by their places; a row may hold an id twice.

    Raises:
        UnusableInstruction: the reference is no list of IFEval's instructions with their arguments.
    """
    reference = row.get("reference")
    if not isinstance(reference, Mapping):
        raise UnusableInstruction(f"a reference is {{'instruction_id_list', 'kwargs'}}, got {type(reference).__name__}")
    ids, kwargs = reference.get("instruction_id_list"), reference.get("kwargs")
    if not isinstance(ids, Sequence) or isinstance(ids, str) or not ids:
        raise UnusableInstruction(f"instruction_id_list is a list of ids, got {ids!r}")
    kwargs = [{}] * len(ids) if kwargs is None else kwargs
    if not isinstance(kwargs, Sequence) or isinstance(kwargs, str) or len(kwargs) != len(ids):
        raise UnusableInstruction(f"kwargs holds one mapping for each of {len(ids)} instructions, got {kwargs!r:.80}")
    return [(name, read_arguments(name, given)) for name, given in zip(ids, kwargs, strict=True)]

"""instruction_following: IFEval's checkers, and LiveBench's mean of "all are followed" and the share that is."""

from __future__ import annotations

from typing import Any

from openqwq.verifiers.base import UnknownVerifier, Verdict, Verifier, VerifierError
from openqwq.verifiers.livebench.questions import Question


def instructions_followed(question: Question, text: str) -> Verdict:
    """The verdict on a text without its thinking; blanks around it do not count.

    Raises:
        VerifierError: IFEval's checkers are not installed.
    """
    verdict = _checkers().verify(text.strip(), _row(question))
    if not verdict.is_scored:
        return verdict
    score = (verdict.parts["prompt_strict"] + verdict.parts["instruction_strict"]) / 2
    return Verdict.scored(score, verdict.reason, verdict.parts)


def instructions_problem(question: Question) -> str | None:
    """Why the instructions of a question cannot be judged, or None.

    Raises:
        VerifierError: as instructions_followed.
    """
    return _checkers().check_reference(_row(question))


def _row(question: Question) -> dict[str, Any]:
    return {"reference": {"instruction_id_list": question.instruction_ids, "kwargs": question.kwargs}}


def _checkers() -> Verifier:
    """IFEval's own (openqwq.verifiers.ifeval), on whole texts: what is judged here has lost its thinking before."""
    from openqwq.verifiers.registry import get_verifier

    try:
        return get_verifier("ifeval", thinking="whole")
    except UnknownVerifier:
        raise VerifierError("instruction_following needs the verifier `ifeval`, which this version lacks") from None

"""What people ask first, answered in words: did it learn, did it keep, is it sound, what to look at next."""

from collections.abc import Sequence

from openqwq.training.diagnosis.finding import Diagnosis, Finding
from openqwq.training.reporting.markup import tag, text

FAILURES, GROUPS = "?outcome=wrong&sort=newest+first", "?view=by+prompt"
"""Choices of rollouts that are worth reading in every run (LOOKS in rows.mjs)."""


def answers(diagnosis: Diagnosis, has_rollouts: bool) -> str:
    """The answers, each with a link to its evidence; empty before an RL stage has begun."""
    if not diagnosis.num_checked:
        return ""
    none = f"None of {diagnosis.num_checked} signs of illness that were looked for."
    curves = next((f.evidence for f in reversed(diagnosis.learned)), "")
    rows = {
        "Did it learn?": _sentences(diagnosis.learned),
        "Did it keep?": _sentences(diagnosis.kept),
        "Is it sound?": _sentences(diagnosis.signs) or tag("p", text(none), _link(curves), css="good"),
        "What next?": _next(diagnosis, has_rollouts),
    }
    return tag("dl", *(tag("dt", name) + tag("dd", said) for name, said in rows.items() if said), css="asked")


def _sentences(findings: Sequence[Finding]) -> str:
    return "".join(tag("p", text(f.words), _link(f.evidence), css=f.mood) for f in findings)


def _next(diagnosis: Diagnosis, has_rollouts: bool) -> str:
    """What to do about the gravest sign; without any, what to read."""
    if diagnosis.next_look:
        gravest = next(sign for sign in diagnosis.signs if sign.advice)
        return tag("p", text(gravest.advice), _link(gravest.evidence))
    if not has_rollouts:
        return ""
    return tag(
        "p",
        "Read",
        _link(FAILURES, "the newest failures"),
        " and",
        _link(GROUPS, "prompts whose samples differ most"),
        ".",
    )


def _link(evidence: str, words: str = "see it") -> str:
    return f' <a href="#{text(evidence)}">{words}</a>' if evidence else ""

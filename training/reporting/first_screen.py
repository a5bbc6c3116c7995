"""What people ask first, answered in words: did it learn, did it keep, is it sound, what to look at next."""

from collections.abc import Sequence

from openqwq.training.diagnosis.finding import Diagnosis, Finding
from openqwq.training.reporting.markup import tag, text


def answers(diagnosis: Diagnosis) -> str:
    """The answers, each with a link to its evidence; empty before an RL stage has begun."""
    if not diagnosis.num_checked:
        return ""
    none = f"None of {diagnosis.num_checked} signs of illness that were looked for."
    rows = {
        "Did it learn?": _sentences(diagnosis.learned),
        "Did it keep?": _sentences(diagnosis.kept),
        "Is it sound?": _sentences(diagnosis.signs) or tag("p", text(none), css="good"),
        "What next?": tag("p", text(diagnosis.next_look)) if diagnosis.next_look else "",
    }
    return tag("dl", *(tag("dt", name) + tag("dd", said) for name, said in rows.items() if said), css="asked")


def _sentences(findings: Sequence[Finding]) -> str:
    return "".join(tag("p", text(f.words), _evidence(f), css=f.mood) for f in findings)


def _evidence(finding: Finding) -> str:
    return f' <a href="#{text(finding.evidence)}">see it</a>' if finding.evidence else ""

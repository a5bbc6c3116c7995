"""The diagnosis of a run."""

from openqwq.training.diagnosis.finding import Diagnosis, Finding
from openqwq.training.diagnosis.progress import kept, learned
from openqwq.training.diagnosis.signs import SIGNS
from openqwq.training.diagnosis.stage_view import StageView, policy_stages
from openqwq.training.run_folder.record import RunRecord

IMPLIED = {"no_signal": {"reward_rejects_all", "reward_accepts_all", "entropy_collapses"}}
"""Sign -> signs of the same stage that explain it, beside which it says nothing new."""


def diagnose(record: RunRecord) -> Diagnosis:
    """What there is to say of a run, finished or not, from its folder alone."""
    stages = policy_stages(record)
    signs = [sign for stage in stages for sign in signs_of(stage)]
    signs.sort(key=lambda sign: sign.mood != "bad")
    return Diagnosis(list(learned(stages)), list(kept(stages)), signs, len(SIGNS) if stages else 0)


def signs_of(stage: StageView) -> list[Finding]:
    """The signs of one stage, the gravest first, without those that others explain."""
    found = [sign for look in SIGNS if (sign := look(stage)) is not None]
    names = {sign.name for sign in found}
    return [sign for sign in found if not IMPLIED.get(sign.name, set()) & names]

"""All signs of illness in an RL stage, the gravest first: functions of a stage that return a finding or None."""

from collections.abc import Callable, Sequence

from openqwq.training.diagnosis.answer_signs import cut_short, grows_into_limit, repeats_itself
from openqwq.training.diagnosis.finding import Finding
from openqwq.training.diagnosis.policy_signs import (
    engine_differs,
    entropy_collapses,
    groups_are_equal,
    policy_breaks,
    samples_are_too_old,
    steps_left_out,
    weights_stand_still,
)
from openqwq.training.diagnosis.reward_signs import (
    length_pays,
    pays_contradictions,
    pays_everything,
    pays_nothing,
    reward_is_hacked,
    unjudged,
)
from openqwq.training.diagnosis.stage_view import StageView

Sign = Callable[[StageView], Finding | None]

SIGNS: Sequence[Sign] = (
    unjudged,
    cut_short,
    pays_nothing,
    pays_everything,
    weights_stand_still,
    engine_differs,
    samples_are_too_old,
    entropy_collapses,
    policy_breaks,
    length_pays,
    pays_contradictions,
    reward_is_hacked,
    steps_left_out,
    grows_into_limit,
    repeats_itself,
    groups_are_equal,
)

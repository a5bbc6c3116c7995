"""What verdicts come to, as properties: it rises with each score, stays in its range, and errs only on errors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from openqwq.training.config import Composition, Penalty, Rewards, TaskReward, VerifierUse
from openqwq.training.config.rewards import MainReward, TieBreak
from openqwq.training.records import Judgement
from openqwq.training.rewards.composing import main_reward, tie_break_factor
from openqwq.training.rewards.pending import PendingSample
from openqwq.training.rewards.routing import gates_of
from openqwq.verifiers import Verdict
from tests.training.small_records import make_rollout

COMBINES = ("mean", "product", "minimum", "veto")
SCORES = st.sampled_from([0.0, 1.0, 0.5, 1e-300]) | st.floats(0, 1)
VERDICTS = (
    SCORES.map(Verdict.scored)
    | st.just(Verdict.not_applicable("nothing here"))
    | st.sampled_from([Verdict.error("gone"), Verdict.error("away", "service_error")])
)
WEIGHTS = st.sampled_from([1.0, 0.25, 3.0])
A, B, RM, STYLE = (VerifierUse(name=name) for name in ("math", "code", "reward_model", "language"))


def scored(*scores: float) -> list[tuple[float, Verdict]]:
    return [(1.0, Verdict.scored(score)) for score in scores]


def test_the_ways_to_combine_by_hand() -> None:
    assert main_reward("mean", [(3.0, Verdict.scored(1.0)), (1.0, Verdict.scored(0.2))]) == pytest.approx(0.8)
    assert main_reward("product", scored(0.5, 0.5, 1.0)) == 0.25
    assert main_reward("minimum", scored(0.5, 0.25, 1.0)) == 0.25
    assert main_reward("veto", scored(1.0, 0.5)) == 0.75
    assert main_reward("veto", scored(0.999, 1.0)) == 0.0


@pytest.mark.parametrize("combine", COMBINES)
@given(weighted=st.lists(st.tuples(WEIGHTS, VERDICTS), max_size=5), place=st.integers(0, 4), better=SCORES)
def test_the_main_reward_rises_with_each_score_and_is_none_only_for_an_error_or_where_none_applies(
    combine: Any, weighted: list[tuple[float, Verdict]], place: int, better: float
) -> None:
    found = main_reward(combine, weighted)
    has_error = any(verdict.is_error for _, verdict in weighted)
    applies = any(verdict.is_scored for _, verdict in weighted)
    if found is None:
        assert has_error or not applies
        return
    assert 0.0 <= found <= 1.0 and applies
    index = place % len(weighted)
    weight, verdict = weighted[index]
    if verdict.score is not None and better >= verdict.score:
        raised = main_reward(combine, [*weighted[:index], (weight, Verdict.scored(better)), *weighted[index + 1 :]])
        assert raised is None or raised >= found - 1e-12  # None: what failed matters now
    if has_error:  # decided all the same: whatever the failed ones would have said
        for score in (0.0, 0.5, 1.0):
            filled = [(w, Verdict.scored(score) if v.is_error else v) for w, v in weighted]
            assert main_reward(combine, filled) == found


@given(share=st.floats(0.001, 0.5), rule=SCORES, model=SCORES)
def test_a_tie_break_never_lifts_a_low_answer_above_a_full_one_by_the_rule(
    share: float, rule: float, model: float
) -> None:
    factor = tie_break_factor(share, Verdict.scored(model))
    assert factor is not None and 1.0 - share <= factor <= 1.0
    assert 0.0 <= rule * factor <= rule
    if rule <= 0.5:
        assert rule * factor <= 1.0 - share  # the worst of the right ones
    assert tie_break_factor(share, Verdict.not_applicable("no text")) == 1.0
    assert tie_break_factor(share, Verdict.error("away", "service_error")) is None


def settled(
    gates: Sequence[Verdict],
    main: Sequence[Verdict],
    tie: Verdict,
    style: Verdict,
    num_tokens: int,
    combine: Any = "mean",
    truncated: str = "zero",
) -> Judgement:
    """A sample through all rounds in the order of the router, with a tie-break of 0.3 and two penalties of 0.2."""
    penalties = (
        Penalty(name="language", weight=0.2),
        Penalty(name="overlong", weight=0.2, arguments={"max_tokens": 100, "buffer_tokens": 50}),
    )
    parts = Composition(
        main=MainReward(verifiers=(A,) * len(main), combine=combine),
        tie_break=TieBreak(verifier=RM, share=0.3),
        penalties=penalties,
    )
    sample = PendingSample(make_rollout(tokens=[1] * num_tokens), {}, (), (), parts)
    sample.apply_gates([(B, verdict) for verdict in gates])
    if not sample.is_settled:
        sample.apply_main([(A, verdict) for verdict in main])
    if not sample.is_settled:
        sample.apply_tie_break([(use, tie) for use in sample.tie_breaks])
    if not sample.is_settled:
        sample.apply_penalties([(use, style) for use in sample.judged_penalties])
    return sample.judgement(truncated)


@given(
    gates=st.lists(VERDICTS, max_size=3),
    main=st.lists(VERDICTS, min_size=1, max_size=3),
    tie=VERDICTS,
    style=VERDICTS,
    num_tokens=st.integers(1, 200),
    combine=st.sampled_from(COMBINES),
)
def test_a_reward_stays_in_its_bounds_a_closed_gate_is_zero_and_none_means_an_error(
    gates: list[Verdict], main: list[Verdict], tie: Verdict, style: Verdict, num_tokens: int, combine: str
) -> None:
    judgement = settled(gates, main, tie, style, num_tokens, combine)
    is_closed = any(gate.score is not None and gate.score < 1.0 for gate in gates)
    everything = (*gates, *main, tie, style)
    if is_closed:
        assert (judgement.reward, judgement.error, judgement.penalties) == (0.0, None, {})
    elif any(gate.is_error for gate in gates):
        assert judgement.reward is None and judgement.error is not None
    if judgement.reward is None:
        assert any(verdict.is_error for verdict in everything) or not any(verdict.is_scored for verdict in main)
    else:
        assert -0.4 <= judgement.reward <= 1.0 and judgement.error is None
        assert judgement.outcome is not None and 0.0 <= judgement.outcome <= 1.0
        assert judgement.reward == pytest.approx(judgement.outcome + sum(judgement.penalties.values()))


@given(tie=SCORES, style=SCORES, length=st.integers(1, 300), others=st.tuples(SCORES, SCORES, st.integers(1, 300)))
def test_no_wrong_answer_is_paid_as_much_as_a_right_one(
    tie: float, style: float, length: int, others: tuple[float, float, int]
) -> None:
    right = settled([], scored_verdicts(1.0), Verdict.scored(tie), Verdict.scored(style), length).reward
    other_tie, other_style, other_length = others
    wrong = settled([], scored_verdicts(0.0), Verdict.scored(other_tie), Verdict.scored(other_style), other_length)
    closed = settled(scored_verdicts(0.0), scored_verdicts(1.0), Verdict.scored(1.0), Verdict.scored(1.0), 1)
    assert right is not None and wrong.reward is not None and closed.reward == 0.0
    assert right > wrong.reward and right > closed.reward


def scored_verdicts(*scores: float) -> list[Verdict]:
    return [Verdict.scored(score) for score in scores]


def test_a_reward_model_is_not_asked_where_the_rule_gives_zero_and_decides_among_right_ones() -> None:
    failed = Verdict.error("away", "service_error")
    wrong = settled([], scored_verdicts(0.0), failed, Verdict.scored(1.0), 1)
    assert (wrong.reward, wrong.error, "reward_model" in wrong.statuses) == (0.0, None, False)
    right = settled([], scored_verdicts(1.0), failed, Verdict.scored(1.0), 1)
    assert (right.reward, right.error) == (None, "service_error")
    paid = [
        settled([], scored_verdicts(1.0), Verdict.scored(s), Verdict.scored(1.0), 1).reward for s in (0.0, 0.5, 1.0)
    ]
    assert paid == pytest.approx([0.7, 0.85, 1.0])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"main": {"verifiers": [{"name": "math"}]}, "tie_break": {"verifier": {"name": "code"}, "share": 0.6}}, "0.5"),
    ({"main": {"verifiers": [{"name": "math", "weight": 2}], "combine": "product"}}, "no weights"),
    ({"main": {"verifiers": [{"name": "math", "is_shaping": True}], "combine": "veto"}}, "penalties"),
    ({"penalties": [{"name": "language"}]}, "weight"),
    ({"penalties": [{"name": "language", "weight": 1.0}]}, "less than 1"),
    ({"penalties": [{"name": "a", "weight": 0.4}, {"name": "b", "weight": 0.6}]}, "less than 1"),
    ({"penalties": [{"name": "a", "weight": 0.5}], "tie_break": {"verifier": {"name": "x"}, "share": 0.5}}, "0.5 lies"),
    ({"penalties": [{"name": "a", "weight": 0.1}, {"name": "a", "weight": 0.2}]}, "label"),
    ({"penalties": [{"name": "overlong", "weight": 0.1}]}, "buffer_tokens"),
    ({"penalties": [{"name": "overlong", "weight": 0.1, "arguments": {"max_tokens": 5, "buffer_tokens": 6}}]}, "<="),
    ({"penalties": [{"name": "over_thinking", "weight": 0.1, "arguments": {"a": 1}}]}, "arguments"),
    ({"penalties": [{"name": "over_thinking", "weight": 0.1, "scope": "thinking"}]}, "no scope"),
    ({"penalties": [{"name": "a", "weight": 0.1, "is_shaping": True}]}, "is_shaping"),
]


@pytest.mark.parametrize(("parts", "words"), REFUSED)
def test_a_composition_that_could_pay_a_wrong_answer_is_refused_at_load(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Composition.model_validate({"main": {"verifiers": [{"name": "math"}]}} | parts)


def test_a_task_has_one_form_of_reward_and_both_come_to_the_same_parts() -> None:
    heavy = STYLE.model_copy(update={"weight": 3.0})
    plain = TaskReward(verifiers=(A, heavy), gates=(B,))
    parts = TaskReward.model_validate(
        {
            "reward": {
                "gates": [{"name": "code"}],
                "main": {"verifiers": [{"name": "math"}, {"name": "language", "weight": 3}]},
            }
        }
    )
    assert plain.composition == parts.composition and plain.uses == parts.uses == (B, A, heavy)
    for wrong in ({}, {"verifiers": [], "reward": {"main": {"verifiers": []}}}):
        with pytest.raises(ValidationError, match="either `verifiers` or `reward`"):
            TaskReward.model_validate(wrong)
    with pytest.raises(ValidationError, match=r"reward\.gates"):
        TaskReward.model_validate({"reward": {"main": {"verifiers": []}}, "gates": [{"name": "code"}]})


def test_bounds_are_what_a_reward_can_reach() -> None:
    parts = Composition(
        main=MainReward(verifiers=(A,)),
        penalties=(Penalty(name="language", weight=0.25), Penalty(name="over_thinking", weight=0.5)),
    )
    assert parts.bounds == (-0.5, 1.25)
    assert Composition(main=MainReward(verifiers=(A,))).bounds == (0.0, 1.0)


def test_every_use_of_a_composition_is_changed_and_penalties_of_samples_are_left() -> None:
    tree = {
        "reward": {
            "gates": [{"name": "g"}],
            "main": {"verifiers": [{"name": "m"}]},
            "tie_break": {"verifier": {"name": "t"}},
            "penalties": [{"name": "p", "weight": 0.1}, {"name": "over_thinking", "weight": 0.2}],
        }
    }
    task = TaskReward.model_validate(tree)
    marked = task.with_uses(lambda use: use.model_copy(update={"arguments": {"seen": use.name}}))
    assert [use.arguments for use in marked.uses] == [{"seen": name} for name in "gmtp"]
    assert isinstance(marked.composition.penalties[0], Penalty) and marked.composition.penalties[1].arguments == {}
    assert task.measured().uses == tuple(itertools.chain(task.composition.gates, task.composition.main.verifiers))
    assert TaskReward.model_validate(task.model_dump(mode="json")) == task


def test_the_recipe_on_the_page_is_a_recipe() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "rewards.md").read_text()
    shown = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    rewards = Rewards.model_validate(shown["rewards"])
    assert rewards.tasks["chat"].composition.bounds == pytest.approx((-0.45, 1.05))
    assert [use.name for use in gates_of(rewards, "chat")] == ["think_format", "repetition"]
    assert gates_of(rewards, "translation") == ()


ROUNDS = [("not asked", "product", 0.0), ("not asked", "minimum", 0.0), ("not asked", "veto", 0.0)]


@pytest.mark.parametrize(("word", "combine", "reward"), ROUNDS)
def test_what_decides_the_main_reward_is_no_error_of_its_sample(word: str, combine: str, reward: float) -> None:
    away = Verdict.error("away", "service_error")
    decided = settled([], [Verdict.scored(0.0, word), away], away, Verdict.scored(1.0), 1, combine)
    assert (decided.reward, decided.error, decided.reason) == (reward, None, word)
    open_ = settled([], [Verdict.scored(1.0), away], away, Verdict.scored(1.0), 1, combine)
    assert (open_.reward, open_.error) == (None, "service_error")

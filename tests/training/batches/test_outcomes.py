"""What dynamic sampling looks at: the outcome of a group, and neither its lengths, its format nor its KL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from openqwq.training.algorithms.catalogue import CATALOGUE, AlgorithmSpec, resolve
from openqwq.training.batches.collate import has_signal, make_batch, outcome_rewards, shaped_rewards
from openqwq.training.config import Algorithm, Critic, Kl, RlStage
from openqwq.training.errors import RecipeError
from openqwq.training.pipeline.preflight import check_algorithm
from openqwq.training.records import Group, Judgement
from tests.training.small_records import make_group, make_rollout

LIMIT = 20


def of_lengths(rewards: Sequence[float | None], lengths: Sequence[int]) -> Group:
    """A group whose answers have these numbers of tokens; at 16 of 20 the punished fifth begins."""
    rollouts = [make_rollout(index=i, tokens=range(10, 10 + n)) for i, n in enumerate(lengths)]
    return replace(make_group(rewards), rollouts=rollouts)


def judged(*scores: tuple[float, float], shaping: tuple[str, ...] = ("short",)) -> Group:
    """A group whose answers have these scores of `math`, which counts 3/4, and of `short`."""
    judgements = [
        Judgement(0.75 * a + 0.25 * b, {"math": a, "short": b}, {}, weights={"math": 0.75, "short": 0.25},
                  shaping=shaping)
        for a, b in scores
    ]  # fmt: skip
    return replace(make_group([0.0] * len(scores)), judgements=judgements)


def dynamic(name: str, **changes: object) -> AlgorithmSpec:
    return resolve(Algorithm.model_validate({"name": name, "dynamic_sampling": True, **changes}))


EVERY = [dynamic(name, overlong_fraction=0.2) for name in CATALOGUE]


@pytest.mark.parametrize("spec", EVERY, ids=list(CATALOGUE))
@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_lengths_do_not_make_a_group_of_equal_outcomes_useful(spec: AlgorithmSpec, outcome: float) -> None:
    group = of_lengths([outcome] * 3, [17, 19, 3])
    assert len(set(shaped_rewards(group, spec, LIMIT).rewards)) == 3
    assert not has_signal(group, spec, LIMIT) and len(make_batch([group], spec, LIMIT)) == 0
    assert has_signal(of_lengths([1.0, 0.0, 0.0], [17, 19, 3]), spec, LIMIT)


def test_lengths_that_make_up_for_the_outcome_do_not_hide_it() -> None:
    group = of_lengths([0.5, 0.0], [18, 3])  # shaped: 0 and 0
    assert shaped_rewards(group, EVERY[0], LIMIT).rewards == [0.0, 0.0]
    assert has_signal(group, dynamic("dapo"), LIMIT)
    assert not has_signal(group, resolve(Algorithm(name="grpo", overlong_fraction=0.2)), LIMIT)


@pytest.mark.parametrize("spec", EVERY, ids=list(CATALOGUE))
def test_a_format_that_shapes_does_not_make_a_group_of_equal_outcomes_useful(spec: AlgorithmSpec) -> None:
    assert not has_signal(judged((1.0, 0.0), (1.0, 1.0)), spec, LIMIT)
    assert has_signal(judged((1.0, 0.0), (0.0, 1.0)), spec, LIMIT)
    assert has_signal(judged((1.0, 0.0), (1.0, 1.0), shaping=()), spec, LIMIT)


def test_a_kl_or_a_critic_does_not_make_a_group_of_equal_outcomes_useful() -> None:
    kl = Kl(coefficient=0.1, place="reward")
    for spec in (dynamic("grpo", kl=kl), dynamic("reinforce_pp", kl=kl), dynamic("ppo", critic=Critic(gamma=0.9))):
        assert not has_signal(make_group([1.0, 1.0, None]), spec, LIMIT)
        assert has_signal(make_group([1.0, 0.0, None]), spec, LIMIT)
        assert has_signal(make_group([1.0, 1.0]), replace(spec, dynamic_sampling=False), LIMIT)


def test_dynamic_sampling_of_single_samples_is_refused() -> None:
    stage = RlStage.model_validate({
        "kind": "rl", "name": "one", "steps": 1, "prompts": [], "group_size": 1, "sampling": {"temperature": 1.1},
        "optimizer": {"warmup_steps": 1, "weight_decay": 0.1}, "algorithm": {"name": "ppo", "dynamic_sampling": True},
    })  # fmt: skip
    with pytest.raises(RecipeError, match="dynamic_sampling keeps groups whose outcomes differ, group_size is 1"):
        check_algorithm(stage, lambda words: None)
    check_algorithm(stage.model_copy(update={"group_size": 2}), lambda words: None)


def test_components_with_equal_sums_are_outcomes_that_differ_for_gdpo_alone() -> None:
    weights = {"a": 0.25, "b": 0.75}
    judgements = [
        Judgement(0.25, {"a": 1.0, "b": 0.0}, {}, weights=weights),
        Judgement(0.25, {"a": 0.0, "b": 1 / 3}, {}, weights=weights),
        Judgement(None, {}, {}),
    ]
    group = replace(make_group([0.0] * 3), judgements=judgements)
    assert has_signal(group, dynamic("gdpo"), LIMIT) and not has_signal(group, dynamic("grpo"), LIMIT)


def test_the_outcome_is_the_mean_of_what_does_not_shape() -> None:
    found = Judgement(0.6, {"a": 1.0, "b": 0.5, "c": 0.0}, {}, weights={"a": 0.4, "b": 0.4, "c": 0.2}, shaping=("b",))
    assert found.outcome == pytest.approx(0.4 / 0.6)
    assert replace(found, shaping=("a", "b", "c")).outcome == replace(found, shaping=()).outcome == 0.6
    assert replace(found, weights={}).outcome == 0.6  # a gate decided
    assert replace(found, reward=None).outcome is None
    assert outcome_rewards(judged((1.0, 0.5))).components == {"math": (0.75, [1.0])}


def test_gdpo_normalises_the_length_penalty_as_one_more_reward() -> None:
    """Math 1, 0, 0 and a penalty of 0, -1/2, -1/4: each is compared in the group on its own, then both are summed."""
    spec = resolve(Algorithm(name="gdpo", overlong_fraction=0.2))
    parts = [Judgement(x, {"math": x}, {}, weights={"math": 1.0}) for x in (1.0, 0.0, 0.0)]
    group = of_lengths([0.0] * 3, [3, 18, 17])
    of_math = [math.sqrt(2), -math.sqrt(0.5), -math.sqrt(0.5)]  # mean 1/3, std sqrt(2)/3
    of_length = [math.sqrt(1.5), -math.sqrt(1.5), 0.0]  # mean -1/4, std sqrt(1/24)
    sums = [a + b for a, b in zip(of_math, of_length, strict=True)]
    spread = math.sqrt(sum(x * x for x in sums) / 3)
    for made in (replace(group, judgements=parts), of_lengths([1.0, 0.0, 0.0], [3, 18, 17])):  # with or without parts
        batch = make_batch([made], spec, LIMIT)
        assert batch.rewards_N.tolist() == pytest.approx([1.0, -0.5, -0.25])
        assert batch.advantages_N.tolist() == pytest.approx([x / spread for x in sums], abs=1e-6)


def test_gdpo_sees_lengths_where_nothing_else_differs() -> None:
    spec = resolve(Algorithm(name="gdpo", overlong_fraction=0.2))
    parts = [Judgement(1.0, {"math": 1.0}, {}, weights={"math": 1.0}) for _ in range(2)]
    batch = make_batch([replace(of_lengths([0.0] * 2, [3, 18]), judgements=parts)], spec, LIMIT)
    assert batch.advantages_N.tolist() == pytest.approx([1.0, -1.0])


def test_a_sample_without_a_verdict_pays_no_penalty_and_moves_no_mean() -> None:
    spec = resolve(Algorithm(name="gdpo", overlong_fraction=0.2))
    batch = make_batch([of_lengths([1.0, None, 0.0], [3, 20, 18])], spec, LIMIT)
    assert batch.rewards_N.tolist() == [1.0, -0.5] and batch.advantages_N.tolist() == pytest.approx([1.0, -1.0])

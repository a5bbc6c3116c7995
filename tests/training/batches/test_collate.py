"""From judged groups to one batch: who is in it, whose token is whose, and how it is divided into minibatches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.batches.collate import Batch, Sample, collate, has_signal, make_batch, shaped_rewards
from openqwq.training.config import Algorithm, Kl
from openqwq.training.records import Judgement
from tests.training.small_records import make_group, make_rollout

GRPO, DAPO, PPO = CATALOGUE["grpo"], CATALOGUE["dapo"], CATALOGUE["ppo"]
PUNISHED = resolve(Algorithm(name="grpo", overlong_fraction=0.2))


def small_batch() -> Batch:
    """Four samples of the groups 6, 2, 6 and 3, whose tokens, log-probabilities and numbers all differ."""
    one = make_rollout(prompt_tokens=(1, 2, 3), tokens=(4, 5, 6, 7), mask=(1, 0, 0, 1), logprobs=(-1, 0, 0, -2))
    two = make_rollout(prompt_tokens=(9,), tokens=(8, 18), logprobs=(-3, -4))
    three = make_rollout(prompt_tokens=(1, 2, 3), tokens=(11,), logprobs=(-5,))
    four = make_rollout(prompt_tokens=(21, 22), tokens=(31, 32, 33), mask=(0, 1, 1), logprobs=(0, -6, -7))
    samples = zip((one, two, three, four), (6, 2, 6, 3), (0.5, -1.5, 2.0, 1.0), (0.1, 0.2, 0.3, 0.4), strict=True)
    return collate([Sample(*sample) for sample in samples], num_groups=5)


def test_a_batch_lays_its_samples_end_to_end() -> None:
    batch = small_batch()
    assert batch.tokens_S.tolist() == [1, 2, 3, 4, 5, 6, 7, 9, 8, 18, 1, 2, 3, 11, 21, 22, 31, 32, 33]
    assert batch.lengths_N.tolist() == [7, 3, 4, 5] and batch.prompt_lengths_N.tolist() == [3, 1, 3, 2]
    assert batch.starts_N.tolist() == [0, 7, 10, 14]
    assert batch.groups_N.tolist() == [6, 2, 6, 3] and batch.num_groups == 5
    assert batch.advantages_N.tolist() == [0.5, -1.5, 2.0, 1.0]
    assert batch.rewards_N.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_the_mask_of_a_batch_counts_sampled_tokens_only() -> None:
    batch = small_batch()
    mask = [0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1]
    assert batch.loss_mask_S.tolist() == [m == 1 for m in mask]
    assert batch.sampled_logprobs_K.tolist() == [-1, -2, -3, -4, -5, -6, -7]
    assert batch.sequence_K.tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert batch.num_loss_tokens_N.tolist() == [2, 2, 1, 2]
    assert (batch.num_loss_tokens, len(batch)) == (7, 4)


def test_numbers_of_a_batch_have_the_types_that_updates_expect() -> None:
    batch = collate([Sample(make_rollout(logprobs=(-1, -2, -3)), 0, 1, 1)], num_groups=1)  # all of them integers
    assert {x.dtype for x in (batch.sampled_logprobs_K, batch.advantages_N, batch.rewards_N)} == {torch.float32}
    empty = collate([], num_groups=0)
    integers = (empty.tokens_S, empty.lengths_N, empty.prompt_lengths_N, empty.groups_N, empty.num_loss_tokens_N)
    assert {x.dtype for x in integers} == {torch.long} and empty.loss_mask_S.dtype == torch.bool
    assert {x.dtype for x in (empty.sampled_logprobs_K, empty.advantages_N, empty.rewards_N)} == {torch.float32}


def test_a_rollout_whose_log_probabilities_and_mask_differ_in_length_is_an_error() -> None:
    broken = replace(make_rollout(), logprobs=(-1.0, -1.0))
    with pytest.raises(IndexError, match="boolean index did not match"):
        collate([Sample(broken, 0, 1.0, 1.0)], num_groups=1)


def test_some_sequences_of_a_batch_keep_what_belongs_to_them() -> None:
    batch = small_batch()
    part, indices = batch.select(torch.tensor([3, 1]))  # in the order of the batch
    assert indices.tolist() == [2, 3, 5, 6]
    assert part.tokens_S.tolist() == [9, 8, 18, 21, 22, 31, 32, 33]
    assert part.lengths_N.tolist() == [3, 5] and part.prompt_lengths_N.tolist() == [1, 2]
    assert part.loss_mask_S.long().tolist() == [0, 1, 1, 0, 0, 0, 1, 1]
    assert part.sampled_logprobs_K.tolist() == [-3, -4, -6, -7]
    assert part.groups_N.tolist() == [2, 3] and part.num_groups == 5
    assert part.advantages_N.tolist() == [-1.5, 1.0] and part.rewards_N.tolist() == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize(("count", "groups"), [(1, [[2, 3, 6]]), (2, [[2, 6], [3]]), (3, [[2], [3], [6]]),
                                               (9, [[2], [3], [6]])])  # fmt: skip
def test_minibatches_hold_whole_groups_dealt_in_turn(count: int, groups: list[list[int]]) -> None:
    batch = small_batch()
    parts = batch.minibatches(count)
    assert [part.groups_N.unique().tolist() for part, _ in parts] == groups
    assert sorted(torch.cat([indices for _, indices in parts]).tolist()) == list(range(7))
    for part, indices in parts:
        assert torch.equal(part.sampled_logprobs_K, batch.sampled_logprobs_K[indices])


def test_a_batch_without_samples_has_no_minibatches() -> None:
    batch = make_batch([make_group([0.0, 0.0])], GRPO, 32)
    assert (len(batch), batch.num_loss_tokens, batch.num_groups, batch.minibatches(3)) == (0, 0, 0, [])


def test_groups_without_a_signal_and_samples_without_a_verdict_are_left_out() -> None:
    groups = [make_group([1.0, 1.0], 0), make_group([1.0, None, 0.0], 1), make_group([None, None], 2),
              make_group([0.5, 0.0, 0.1], 3)]  # fmt: skip
    batch = make_batch(groups, CATALOGUE["dr_grpo"], 32)
    assert (len(batch), batch.num_groups) == (5, 2)
    assert batch.advantages_N.tolist() == pytest.approx([0.5, -0.5, 0.3, -0.2, -0.1])
    assert batch.rewards_N.tolist() == pytest.approx([1.0, 0.0, 0.5, 0.0, 0.1])
    assert batch.groups_N.tolist() == [0, 0, 1, 1, 1]  # numbers in the batch, not of the prompts


def test_a_sample_without_a_sampled_token_takes_part_in_the_comparison_and_not_in_the_loss() -> None:
    group = make_group([1.0, 0.0, 0.5])
    silent = replace(group.rollouts[1], loss_mask=(0, 0, 0))
    mixed = replace(group, rollouts=[group.rollouts[0], silent, replace(group.rollouts[2], loss_mask=(0, 1, 0))])
    batch = make_batch([mixed], CATALOGUE["dr_grpo"], 32)
    assert batch.advantages_N.tolist() == pytest.approx([0.5, 0.0]) and batch.num_loss_tokens_N.tolist() == [3, 1]


@pytest.mark.parametrize("name", ["reinforce_pp", "ppo"])
def test_algorithms_without_groups_keep_groups_of_equal_rewards(name: str) -> None:
    groups = [make_group([1.0, 1.0], 0), make_group([0.0, None], 1), make_group([None, None], 2)]
    batch = make_batch(groups, CATALOGUE[name], 32)
    assert batch.rewards_N.tolist() == [1.0, 1.0, 0.0] and batch.num_groups == 2


def test_each_reason_to_keep_a_group_of_equal_rewards_is_enough() -> None:
    equal, unjudged = make_group([1.0, 1.0, 1.0]), make_group([None, None])
    reasons = {
        "KL in the reward": resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.1, place="reward"))),
        "no comparison within groups": replace(GRPO, compares_within_group=False),
        "critic": replace(PPO, compares_within_group=True),
    }
    assert {name for name, spec in reasons.items() if has_signal(equal, spec, 32)} == set(reasons)
    assert not any(has_signal(unjudged, spec, 32) for spec in [*reasons.values(), GRPO])
    assert not has_signal(equal, resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.1))), 32)


def test_components_have_the_weights_that_their_judgements_name() -> None:
    judged = [
        Judgement(0.7, {"math": 1.0, "style": 0.4}, {}, weights={"math": 0.5, "style": 0.5}),
        Judgement(0.0, {"math": 1.0, "think": 0.0}, {}),  # a gate decided
        Judgement(0.5, {"math": 1.0}, {}, weights={"math": 0.5, "style": 0.5}),
        Judgement(None, {}, {}),
    ]
    group = replace(make_group([0.0] * 4), judgements=judged)
    found = shaped_rewards(group, GRPO, 32)
    assert found.rewards == [0.7, 0.0, 0.5, None]
    assert found.components == {"math": (0.5, [1.0, 0.0, 1.0, 0.0]), "style": (0.5, [0.4, 0.0, 0.0, 0.0])}
    assert list(found.components) == ["math", "style"]


def test_a_group_with_fewer_judgements_than_samples_is_an_error() -> None:
    group = make_group([1.0, 0.0])
    with pytest.raises(ValueError, match="zip"):
        shaped_rewards(replace(group, judgements=group.judgements[:1]), GRPO, 32)


def test_fewer_advantages_than_groups_or_samples_are_an_error() -> None:
    groups = [make_group([1.0, 0.0, 0.5]), make_group([1.0, 0.0])]
    whole = CATALOGUE["ppo"]
    for cut in (lambda groups: whole.advantage(groups)[:1], lambda groups: [x[:1] for x in whole.advantage(groups)]):
        with pytest.raises(ValueError, match="zip"):
            make_batch(groups, replace(whole, advantage=cut), 32)


def test_a_long_answer_is_punished_before_it_is_compared() -> None:
    group = make_group([1.0, 1.0], tokens=range(10, 28))
    assert len(make_batch([group], PUNISHED, 20)) == 0  # both pay the same
    short = make_rollout(index=1, tokens=(5,))
    mixed = replace(group, rollouts=[group.rollouts[0], short])
    batch = make_batch([mixed], PUNISHED, 20)
    assert batch.rewards_N.tolist() == [0.5, 1.0]  # 18 of 20 tokens: half way through the last fifth
    assert batch.advantages_N.tolist() == pytest.approx([-1.0, 1.0])
    unequal = replace(mixed, judgements=make_group([1.0, 0.25]).judgements)
    batch = make_batch([unequal], DAPO, 20)
    assert batch.rewards_N.tolist() == [0.5, 0.25] and batch.advantages_N.tolist() == pytest.approx([1.0, -1.0])


@pytest.mark.parametrize(
    ("roles", "sampled", "expected"),
    [
        # limits 20 and 40 tokens, the last fifth of which is punished
        (["assistant"], 18, -0.5),
        (["assistant", "tool", "assistant"], 18, 0.0),
        (["assistant", "tool", "assistant"], 38, -0.75),
        ([], 18, -0.5),
    ],
)
def test_the_limit_of_several_turns_is_their_sum_and_only_sampled_tokens_count(
    roles: list[str], sampled: int, expected: float
) -> None:
    tokens, mask = range(10, 15 + sampled), [0] * 5 + [1] * sampled
    rollout = replace(make_rollout(tokens=tokens, mask=mask), turns=[{"role": r, "content": ""} for r in roles])
    group = replace(make_group([1.0]), rollouts=[rollout])
    assert shaped_rewards(group, DAPO, 20).rewards == [pytest.approx(1.0 + expected)]

"""Every metric of a step against a value counted by hand from samples of unequal lengths, scores and seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.batches.collate import make_batch
from openqwq.training.records import EpisodeNotes, FinishReason, Group, Judgement, Rollout, UpdateReport
from openqwq.training.rl.schedule import StepBatch
from openqwq.training.rl.step_numbers import step_metrics
from tests.training.small_records import make_group, make_prompt, make_rollout


def sample(
    group: int, index: int, tokens: Sequence[int], mask: Sequence[int] | None = None, finish: FinishReason = "stop"
) -> Rollout:
    return make_rollout(group, index, tokens=tokens, mask=mask, finish=finish, prompt_tokens=[1] * (2 + group))


def scored(reward: float, seconds: float, **parts: float) -> Judgement:
    return Judgement(reward, parts, dict.fromkeys(parts, "scored"), seconds=seconds)


def failed(status: str, seconds: float, **parts: float) -> Judgement:
    return Judgement(None, parts, {**dict.fromkeys(parts, "scored"), "code": status}, seconds=seconds)


MASKED = Judgement(None, {"length": 0.25}, {"length": "scored"}, seconds=0.5)
"""A sample that was cut under `truncated: mask`: no reward, and no error either."""


def groups() -> list[Group]:
    """Two groups of math, of which the second carries no signal, and one of code that replays an earlier stage."""
    math = [sample(4, 0, range(5), (1, 0, 0, 1, 1)), sample(4, 1, (7,)), sample(4, 2, (1, 2) * 4, finish="length")]
    equal = [sample(2, 0, (3,) * 6), sample(2, 1, (3, 4), finish="turns")]
    code = [sample(9, 0, range(12)), sample(9, 1, range(4), (1, 1, 0, 0), finish="error"), sample(9, 2, range(20, 29))]
    return [
        Group(make_prompt(4), math, [scored(1.0, 0.25, math=1.0), scored(0.5, 0.75, math=0.5), MASKED]),
        Group(make_prompt(2), equal, [scored(0.25, 1.0, math=0.25), scored(0.25, 3.0, math=0.25)]),
        Group(
            make_prompt(9, "code", is_replay=True),
            [replace(rollout, task="code") for rollout in code],
            [
                scored(1.0, 2.0, code=1.0, think_format=1.0),
                failed("sandbox_error", 0.0, think_format=0.5),
                failed("service_error", 8.0),
            ],
        ),
    ]


def metrics_of(
    taken: Sequence[Group],
    discarded: Sequence[Group] = (),
    update: UpdateReport | None = None,
    numbers: dict[str, float] | None = None,
    workers: int = 2,
) -> dict[str, float]:
    batch = make_batch(taken, CATALOGUE["grpo"], 64)
    clock = {"time/step_seconds": 8.0, "time/update_exposed_seconds": 3.0}
    return step_metrics(StepBatch(taken, discarded, numbers or {}), batch, update, -2.5, clock, workers)


def test_the_metrics_of_a_step_are_the_hand_counted_ones() -> None:
    math, equal, code = groups()
    update = UpdateReport({"loss": 0.125, "tokens_computed": 30.0}, seconds=2.0)
    schedule = {"tokens/consumed": 24.0, "time/rollout_busy_seconds": 12.0, "staleness/max": 1.0}
    numbers = metrics_of([math, equal], [code], update, schedule)
    digest = numbers.pop("samples/digest")
    assert digest == int(digest) and 0 < digest < 2**48
    assert numbers == {
        "samples": 8.0,
        "samples/masked": 3.0,
        # the group left out counts as well: 1, .5, .25, .25 of math and 1 of code
        "reward/mean": pytest.approx(3.0 / 5),
        "reward/math": pytest.approx(2.0 / 4),
        "reward/code": 1.0,
        "verifier/math": pytest.approx(2.0 / 4),
        "verifier/length": 0.25,
        "verifier/code": 1.0,
        "verifier/think_format": 0.75,
        "verifier/math/math": pytest.approx(2.0 / 4),
        "verifier/math/length": 0.25,
        "verifier/code/code": 1.0,
        "verifier/code/think_format": 0.75,
        "errors/sandbox_error": 1.0,
        "errors/service_error": 1.0,
        "errors/fraction": 0.25,
        "completions/tokens_mean": pytest.approx((3 + 1 + 8 + 6 + 2 + 12 + 2 + 9) / 8),
        "completions/tokens_p99": 12.0,
        "completions/tokens_max": 12.0,
        "completions/tail_ratio": pytest.approx(12 / (43 / 8)),
        "completions/truncated_fraction": 0.25,  # by its length and by its turns; an error is no truncation
        # (1, 2) x 4 has 2 different ones of 5, (3,) x 6 has 1 of 3
        "completions/repetition": pytest.approx((3 / 5 + 2 / 3) / 8),
        "groups/with_signal": 1.0,
        "groups/zero_signal_fraction": pytest.approx(2 / 3),
        "groups/discarded": 1.0,
        "prompts/replay_fraction": pytest.approx(1 / 3),
        "tokens/consumed": 24.0,
        "staleness/max": 1.0,
        "weight_sync/check_logprob": -2.5,
        "update/loss": 0.125,
        "update/tokens_computed": 30.0,
        "packing/computed_per_token": pytest.approx(30 / (6 + 5 + 6 + 1)),  # two sequences with their prompts
        "time/verifier_seconds": 15.5,
        "time/verifier_p50_seconds": 1.0,  # of 0, .25, .5, .75, 1, 2, 3, 8 the one above the middle
        "time/verifier_p99_seconds": 8.0,
        "time/step_seconds": 8.0,
        "time/update_exposed_seconds": 3.0,
        "time/update_seconds": 2.0,
        "time/rollout_busy_seconds": 12.0,
        "time/tokens_per_second": 3.0,
        "time/rollout_idle_fraction": 0.25,  # 12 of 2 x 8 seconds
        "time/trainer_idle_fraction": 0.75,
    }


def test_calls_of_tools_are_counted_over_the_samples_that_were_offered_some() -> None:
    math, equal, code = groups()
    notes = [
        EpisodeNotes("shops/corner.py:Shop", num_calls=4, num_invalid_calls=1, seconds=0.5, tools=({"name": "buy"},)),
        EpisodeNotes("shops/corner.py:Shop", num_calls=1, seconds=0.25, tools=({"name": "buy"},)),
        EpisodeNotes("guess", seconds=2.0),  # speaks, and offers no tool
    ]
    played = [replace(rollout, episode=own) for rollout, own in zip(code.rollouts, notes, strict=True)]
    numbers = metrics_of([math, equal, Group(code.prompt, played, code.judgements)])
    assert {name: value for name, value in numbers.items() if "tool" in name} == {
        "tools/failures/corner.py:Shop": 1.0,  # the second of the group ended as an error
        "tools/calls_mean": 2.5,
        "tools/invalid_calls_mean": 0.5,
        "time/tool_seconds": 2.75,
    }
    assert not [name for name in metrics_of([math, equal]) if "tool" in name]


def test_a_step_without_an_update_has_no_metrics_of_one() -> None:
    numbers = metrics_of([groups()[1]])
    assert not [name for name in numbers if name.startswith(("update/", "packing/"))]
    assert "time/update_seconds" not in numbers and numbers["time/trainer_idle_fraction"] == 1.0
    assert (numbers["time/tokens_per_second"], numbers["time/rollout_idle_fraction"]) == (0.0, 1.0)
    assert (numbers["groups/with_signal"], numbers["groups/zero_signal_fraction"]) == (0.0, 1.0)


def test_groups_refused_for_their_age_say_nothing_about_signals() -> None:
    math, equal, code = groups()
    numbers = metrics_of([math, equal], [code], numbers={"staleness/refused_groups": 1.0})
    assert (numbers["groups/zero_signal_fraction"], numbers["groups/discarded"]) == (0.5, 1.0)
    numbers = metrics_of([], [code], numbers={"staleness/refused_groups": 1.0})
    assert "groups/zero_signal_fraction" not in numbers and numbers["groups/discarded"] == 1.0


def test_idle_fractions_are_never_negative() -> None:
    numbers = metrics_of([groups()[0]], (), UpdateReport({}, 9.0), {"time/rollout_busy_seconds": 9.0}, workers=1)
    assert (numbers["time/rollout_idle_fraction"], numbers["time/trainer_idle_fraction"]) == (0.0, 0.0)
    assert numbers["packing/computed_per_token"] == 0.0  # a trainer that does not count them


def test_a_step_that_took_no_measurable_time_has_no_rates() -> None:
    batch = make_batch([], CATALOGUE["grpo"], 64)
    for clock in ({"time/step_seconds": 0.0}, {}):
        numbers = step_metrics(StepBatch([], [], {}), batch, None, -2.5, clock, 1)
        assert not [name for name in numbers if "idle" in name or "per_second" in name]


def test_a_step_without_groups_has_no_means() -> None:
    numbers = metrics_of([])
    assert {name: value for name, value in numbers.items() if not name.startswith("time/")} == {
        "samples": 0.0,
        "samples/masked": 0.0,
        "errors/fraction": 0.0,
        "groups/with_signal": 0.0,
        "weight_sync/check_logprob": -2.5,
    }


def test_a_step_in_which_nothing_could_be_judged_has_no_reward() -> None:
    numbers = metrics_of([make_group([None, None])])
    assert "reward/mean" not in numbers and numbers["samples/masked"] == 2.0
    assert (numbers["errors/fraction"], numbers["groups/zero_signal_fraction"]) == (0.0, 1.0)


def test_percentiles_are_values_at_their_rank() -> None:
    rollouts = [sample(0, i, (5,) * (300 - i)) for i in range(300)]
    group = Group(make_prompt(0), rollouts, [scored(0.5, float(i)) for i in range(300)])
    numbers = metrics_of([group])
    assert numbers["completions/tokens_p99"] == 298.0  # 297 of 300 are shorter
    assert (numbers["time/verifier_p50_seconds"], numbers["time/verifier_p99_seconds"]) == (150.0, 297.0)
    alone = metrics_of([Group(make_prompt(0), [sample(0, 0, range(3))], [failed("verifier_error", 2.0)])])
    assert (alone["errors/fraction"], alone["time/verifier_p50_seconds"]) == (1.0, 2.0)
    assert alone["completions/tokens_p99"] == alone["completions/tokens_max"] == 3.0


def test_samples_without_a_token_have_no_tail() -> None:
    numbers = metrics_of([make_group([0.0, 0.0], tokens=())])
    assert (numbers["completions/tail_ratio"], numbers["completions/tokens_mean"]) == (0.0, 0.0)
    assert numbers["completions/repetition"] == 0.0


@pytest.mark.parametrize(
    ("tokens", "repetition"),
    [(range(9), 0.0), ((1, 2) * 4, 3 / 5), ((1,) * 4, 0.0), ((1,) * 5, 0.5), ((1,) * 3, 0.0), ((1, 2, 3) * 2, 0.0),
     ((1, 2, 3) * 3, 0.5)],
)  # fmt: skip
def test_repetition_is_the_fraction_of_four_grams_seen_before(tokens: Sequence[int], repetition: float) -> None:
    assert metrics_of([make_group([1.0], tokens=tokens)])["completions/repetition"] == pytest.approx(repetition)


def digest_of(*rollouts: Rollout) -> float:
    return metrics_of([Group(make_prompt(0), rollouts, [scored(1.0, 0.0) for _ in rollouts])])["samples/digest"]


def test_the_digest_is_that_of_group_index_and_tokens_in_whatever_order() -> None:
    first, second = sample(3, 1, (7, 8, 9)), sample(3, 0, (7, 8))
    wanted = hashlib.sha256(b"[(3, 0, (7, 8)), (3, 1, (7, 8, 9))]").hexdigest()[:12]
    assert digest_of(first, second) == digest_of(second, first) == int(wanted, 16)
    others = [replace(first, tokens=(7, 8, 10)), replace(first, group=4), replace(first, index=2)]
    assert len({digest_of(other, second) for other in others} | {digest_of(first, second)}) == 4
    same = replace(first, logprobs=(0.0,) * 3, finish_reason="length")
    assert digest_of(same, second) == digest_of(first, second)


def test_penalties_are_averaged_over_the_samples_that_have_one_and_by_task() -> None:
    def paid(**penalties: float) -> Judgement:
        return Judgement(0.5, {}, {}, penalties=penalties)

    groups = [
        Group(make_prompt(1), [sample(1, i, (1,)) for i in range(2)], [paid(overlong=-0.5), paid(overlong=0.0)]),
        Group(make_prompt(2, "code"), [sample(2, i, (1,)) for i in range(2)], [paid(overlong=-0.125), paid()]),
    ]
    numbers = metrics_of(groups)
    assert {name: value for name, value in numbers.items() if name.startswith("penalty/")} == {
        "penalty/overlong": pytest.approx(-0.625 / 3),
        "penalty/math/overlong": -0.25,
        "penalty/code/overlong": -0.125,
    }

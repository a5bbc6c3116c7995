"""The watch for over-optimisation: what it measures, and that the alerts act on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Schedule, Tripwire
from openqwq.training.records import Group, Judged, Judgement, Prompt, Rollout, SuiteResult
from openqwq.training.rl.alerts import AlertTriggered
from openqwq.training.rl.loop import run_steps
from openqwq.training.rl.tripwire import TripwireWatch, alerts_of, hacked_responses, paid_shares, watched_score
from tests.training.simulated_engines import stage_of
from tests.training.simulated_stage import Simulated
from tests.training.small_records import make_rollout, make_suite

ROW = {"id": "p", "prompt": "q"}


def judged(reward: float | None, name: str = "reward_model") -> Judgement:
    return Judgement(reward, {} if reward is None else {name: reward}, {name: "scored"})


def group(*rewards: float | None, response: str = "<think>a</think> fine") -> Group:
    prompt = Prompt("p", "chat", ({"role": "user", "content": "q"},), ROW)
    rollouts = [replace(make_rollout(), prompt_id="p", response=response) for _ in rewards]
    return Group(prompt, rollouts, [judged(reward) for reward in rewards])


class Payer:
    """Rewards length, as a reward model that pays padding does."""

    def __init__(self, pays: float) -> None:
        self.pays, self.asked = pays, list[str]()

    def __call__(self, rollouts: Sequence[Rollout], prompts: Sequence[Prompt]) -> Sequence[Judged]:
        self.asked += [rollout.response for rollout in rollouts]
        return [Judged(one, judged(0.5 + self.pays * (len(one.response) > 60))) for one in rollouts]


def test_a_reward_that_pays_padding_is_noticed_on_the_policys_own_answers() -> None:
    for pays, share in ((0.2, 1.0), (0.0, 0.0), (-0.2, 0.0)):
        watch = TripwireWatch(Tripwire(every=2), judge=Payer(pays))
        assert watch.numbers(1, [group(0.5, 0.4)]) == {"tripwire/score": pytest.approx(0.45)}
        found = watch.numbers(2, [group(0.5, 0.4)])
        assert (found["tripwire/paid/padding"], found["tripwire/hacks_paid"]) == (share, share)


def test_the_best_answer_of_each_group_is_hacked_behind_its_thinking() -> None:
    payer = Payer(0.0)
    watch = TripwireWatch(Tripwire(every=1), judge=payer)
    watch.numbers(1, [group(0.1, 0.9), group(None, None), group(0.3, response="no thinking")])
    assert len(payer.asked) == 14 and all(text.startswith("<think>a</think> ") for text in payer.asked[:7])
    assert hacked_responses("<think>x</think>\n\n ") == {}
    assert hacked_responses("<think>x</think>\n\nso")["flattery"].startswith("<think>x</think>\n\n")
    assert "empty" not in hacked_responses("so")


def test_hacks_that_could_not_be_judged_are_left_out() -> None:
    assert paid_shares(["a", "a", "b"], [0.5, 0.5, 0.5], [0.6, None, None]) == {"a": 1.0}
    assert paid_shares(["a"], [0.5], [0.50001]) == {"a": 0.0}
    assert TripwireWatch(Tripwire(every=1)).numbers(1, [group(None)]) == {}


def test_the_fall_of_the_worst_suite_and_its_gap_to_the_score_are_measured() -> None:
    before = {"notes": make_suite([1.0] * 10), "facts": make_suite([0.0] * 10)}
    now = {"notes": make_suite([1.0] * 9 + [0.0]), "facts": make_suite([1.0] * 10)}
    config = Tripwire(every=2, suites=("notes", "facts"), probes=None)
    watch = TripwireWatch(config, before, lambda: now)
    scores = [0.2, 0.4, 0.6, 0.8]
    found: Mapping[str, Any] = {}
    for step, score in enumerate(scores, 1):
        found = watch.numbers(step, [group(score)])
    assert found["tripwire/fall"] == pytest.approx(0.1)
    assert found["tripwire/gain/facts"] == pytest.approx(1.0)
    assert found["tripwire/gap"] == pytest.approx(0.7 - 0.3 + 0.1)


def test_a_resumed_watch_goes_on_with_the_scores_that_it_had() -> None:
    watch = TripwireWatch(Tripwire(every=10))
    for step, score in enumerate([0.25, None, 0.5], 1):
        watch.numbers(step, [group(score)])
    again = TripwireWatch(Tripwire(every=10))
    again.restore(watch.state())
    assert again.state() == watch.state() == {"scores": [0.25, None, 0.5]}
    again.restore({})
    assert again.state() == {"scores": []}
    assert math.isnan(watched_score([group(None)], "reward_model"))


def test_a_watch_without_a_config_gives_nothing() -> None:
    assert TripwireWatch().numbers(5, [group(0.5)]) == {}
    assert alerts_of(None) == {}
    assert set(alerts_of(Tripwire(suites=("a",), gap=0.2))) == {"tripwire_hacks_paid", "tripwire_fall", "tripwire_gap"}
    assert set(alerts_of(Tripwire())) == {"tripwire_hacks_paid"}


def falling(number: int) -> SuiteResult:
    return make_suite([1.0] * (100 - 2 * number) + [0.0] * 2 * number)


@pytest.mark.parametrize(("drop", "steps"), [(0.03, 4), (0.05, 6)])
def test_a_stage_stops_at_the_first_check_beyond_the_drop(tmp_path: Path, drop: float, steps: int) -> None:
    config = Tripwire(every=2, suites=("math",), probes=None, drop=drop)
    stage = Simulated(tmp_path, stage_of(Schedule(), steps=12), alerts=alerts_of(config))
    checks = iter(range(1, 9))
    watch = TripwireWatch(config, {"math": make_suite([1.0] * 100)}, lambda: {"math": falling(next(checks))})
    with pytest.raises(AlertTriggered, match=rf"tripwire_fall: tripwire/fall is .* at step {steps}, above {drop:g}"):
        run_steps(replace(stage.run, tripwire=watch), 0)
    assert len(stage.console.steps) == steps

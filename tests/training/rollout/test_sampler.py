"""The sampler on a real engine: what it asks the engine, which samples it aborts, and whose environment failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from openqwq.training.config import Sampling
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.seeds import derive_seed
from tests.training.rollout.small_decoders import make_model
from tests.training.rollout.small_talks import ANSWER, CONTEXT, NotingEngine, make_sampler, sampled, write_diary
from tests.training.small_records import make_prompt

STOPS = [1, 6]
SAMPLING = Sampling(temperature=1.3, top_p=0.95, top_k=9, max_new_tokens=30, max_turns=3)


def requests_of(
    groups: Sequence[int], size: int = 3, task: str = "math", kept: Sequence[int] = ()
) -> list[SampleRequest]:
    """Samples of these groups; those of the groups `kept` may not be aborted."""
    return [
        SampleRequest(make_prompt(g, task), g, k, derive_seed("sampler", g, k), may_be_aborted=g not in kept)
        for g in groups
        for k in range(size)
    ]


def test_a_request_asks_the_engine_for_what_the_sampling_says(tmp_path: Path) -> None:
    name, _ = write_diary(tmp_path)
    engine = NotingEngine(make_model("llama"), STOPS)
    requests = requests_of([31, 7], 2, "talk")
    finished, _ = sampled(make_sampler(engine, name), requests, SAMPLING)
    first = [
        GenerationRequest(i, (*CONTEXT, *map(int, str(r.group))), derive_seed(r.seed, "turn", 0), 30, 1.3, 0.95, 9, 0)
        for i, r in enumerate(requests)
    ]
    assert engine.asked[0] == first
    for number, asked in enumerate(engine.asked):
        assert [request.key for request in asked] == list(range(len(asked)))
        for request in asked:
            [rollout] = [
                r for r in finished.values()
                if (*r.prompt_tokens, *r.tokens)[: len(request.tokens)] == request.tokens
                and derive_seed(r.seed, "turn", number) == request.seed
            ]  # fmt: skip
            assert (request.max_new_tokens, request.num_sampled) == (30, 0)
            if number:
                assert request.tokens[-len(ANSWER) :] == ANSWER and rollout.loss_mask.count(0) >= number * len(ANSWER)
    assert len(engine.asked) == 3 and len(engine.asked[1]) > 1


@pytest.mark.parametrize("enough", [1, 2, 4, None])
def test_once_enough_groups_are_complete_the_others_are_aborted(enough: int | None) -> None:
    requests = requests_of([8, 2, 5, 0])
    whole, _ = sampled(make_sampler(HFEngine(make_model("llama"), STOPS)), requests, SAMPLING)
    engine = NotingEngine(make_model("llama"), STOPS)
    finished, unfinished = sampled(make_sampler(engine), requests, SAMPLING, enough)
    ends = sorted(max(len(r.tokens) for r in whole.values() if r.group == g) for g in (8, 2, 5, 0))
    end = ends[(enough or 4) - 1]
    assert finished == {key: rollout for key, rollout in whole.items() if len(rollout.tokens) <= end}
    cut = {(r.group, r.index): r.partial.tokens for r in unfinished if r.partial}
    assert cut == {key: rollout.tokens[:end] for key, rollout in whole.items() if len(rollout.tokens) > end}
    assert engine.kept == ([] if enough is None else [set()])
    assert bool(cut) == (enough in (1, 2))


def test_samples_that_may_not_be_aborted_are_sampled_to_their_end(tmp_path: Path) -> None:
    name, _ = write_diary(tmp_path)
    requests = [*requests_of([8], 2), *requests_of([2, 5, 0], 2, "talk", kept=[5])]
    whole, _ = sampled(make_sampler(HFEngine(make_model("llama"), STOPS), name), requests, SAMPLING)
    engine = NotingEngine(make_model("llama"), STOPS)
    finished, unfinished = sampled(make_sampler(engine, name), requests, SAMPLING, 1)
    for key in ((5, 0), (5, 1)):
        assert (finished[key].tokens, finished[key].turns) == (whole[key].tokens, whole[key].turns)
    assert {len(whole[5, k].turns) for k in (0, 1)} - {1}  # it went on for turns after the abort
    assert unfinished and all(request.group != 5 for request in unfinished)
    [kept] = engine.kept  # the engine is told once, by the keys of the call in progress
    [asked] = [batch for batch in engine.asked if kept <= {request.key for request in batch}][:1]
    assert {request.seed for request in asked if request.key in kept} <= {
        derive_seed(request.seed, "turn", turn) for request in requests if request.group == 5 for turn in range(3)
    }


def test_the_engine_is_told_whose_samples_it_may_not_abort() -> None:
    groups = [8, 2, 5, 0]
    whole, _ = sampled(make_sampler(HFEngine(make_model("llama"), STOPS)), requests_of(groups), SAMPLING)
    ends = {g: max(len(r.tokens) for r in whole.values() if r.group == g) for g in groups}
    slowest = max(groups, key=ends.__getitem__)
    engine = NotingEngine(make_model("llama"), STOPS)
    finished, unfinished = sampled(make_sampler(engine), requests_of(groups, kept=[slowest]), SAMPLING, 1)
    assert engine.kept == [{3 * groups.index(slowest) + k for k in range(3)}]
    assert [finished[slowest, k].tokens for k in range(3)] == [whole[slowest, k].tokens for k in range(3)]
    assert unfinished and slowest not in {request.group for request in unfinished}


def test_groups_of_different_size_are_complete_with_their_last_sample() -> None:
    requests = [*requests_of([4], 5), *requests_of([6], 1), *requests_of([1], 2)]
    whole, _ = sampled(make_sampler(HFEngine(make_model("llama"), STOPS)), requests, SAMPLING)
    finished, _ = sampled(make_sampler(HFEngine(make_model("llama"), STOPS)), requests, SAMPLING, 1)
    complete = {g for g in (4, 6, 1) if sum(key[0] == g for key in finished) == sum(key[0] == g for key in whole)}
    assert len(complete) == 1 and len(finished) < len(whole)


FAILING = '''
from openqwq.training.environments.contract import StepResult


class Failing:
    """Fails where the row says so, in the second turn of a step."""

    async def reset(self, task, seed):
        self.where, self.turns = task["where"], 0
        self.fail("reset")
        return [7] if self.where == "opening" else [{"role": "user", "content": "go 6"}]

    async def step(self, turn):
        self.turns += 1
        if self.turns == 2:
            self.fail("step")
        if self.where == "message":
            return StepResult([{"role": "tool", "content": object()}], done=False)
        return StepResult([{"role": "tool", "content": "on"}], done=self.turns == 2)

    async def save(self):
        return self.turns

    async def restore(self, task, seed, state):
        self.where, self.turns = task["where"], state
        self.fail("reset")

    async def close(self):
        print("closed", self.where)
        self.fail("close")

    def fail(self, where):
        if self.where == where:
            raise ConnectionError(f"{where} is down")
'''
PLACES = {
    "reset": "reset: ConnectionError: reset is down", "step": "step: ConnectionError: step is down",
    "close": "close: ConnectionError: close is down",
    "message": "step: message 1 has the content object", "opening": "reset: message 1 is int 7",
}  # fmt: skip


def failing_requests() -> list[SampleRequest]:
    return [
        SampleRequest(make_prompt(n, "talk", where=where), n, 0, derive_seed("failing", n))
        for n, where in enumerate([*PLACES, "nowhere"])
    ]


@pytest.fixture
def environment(tmp_path: Path) -> str:
    (tmp_path / "failing.py").write_text(FAILING)
    return f"{tmp_path / 'failing.py'}:Failing"


def test_an_environment_that_fails_anywhere_costs_its_own_sample_only(
    environment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = HFEngine(make_model("llama"), range(12))
    engine.weights_version = 6
    finished, unfinished = sampled(make_sampler(engine, environment), failing_requests(), SAMPLING)
    assert unfinished == []
    by_place = dict(zip([*PLACES, "nowhere"], [finished[n, 0] for n in range(6)], strict=True))
    assert by_place.pop("nowhere").finish_reason == "stop"
    for place, rollout in by_place.items():
        assert rollout.finish_reason == "error"
        assert rollout.response.startswith(f"environment failing.py:Failing, {PLACES[place]}"), rollout.response
        assert (rollout.weights_version, rollout.oldest_version) == (6, 6)  # else it would look too old
        assert len(rollout.tokens) == len(rollout.logprobs) == len(rollout.loss_mask)
        assert rollout.prompt_tokens[: len(CONTEXT)] == CONTEXT
    assert {place: sum(rollout.loss_mask) for place, rollout in by_place.items()} == {
        "reset": 0, "step": 2, "close": 2, "message": 1, "opening": 0,
    }  # fmt: skip
    assert Counter(capsys.readouterr().out.split("\n")[:-1]) == Counter(f"closed {p}" for p in [*PLACES, "nowhere"])


def test_a_group_whose_samples_failed_at_the_beginning_is_complete(environment: str) -> None:
    requests = [
        SampleRequest(make_prompt(n, "talk", where=where), n, 0, n)
        for n, where in enumerate(["reset", "nowhere", "nowhere"])
    ]
    engine = NotingEngine(make_model("llama"), range(12))
    finished, unfinished = sampled(make_sampler(engine, environment), requests, SAMPLING, enough_groups=2)
    assert {rollout.group for rollout in finished.values()} >= {0}
    assert len(finished) + len(unfinished) == 3
    assert engine.kept == [set()]


def test_a_group_with_one_sample_that_failed_at_the_beginning_waits_for_its_others(environment: str) -> None:
    places = [(0, 0, "reset"), (0, 1, "nowhere"), (1, 0, "nowhere")]
    requests = [SampleRequest(make_prompt(g, "talk", where=where), g, k, g + k) for g, k, where in places]
    engine = HFEngine(make_model("llama"), range(12))
    finished, unfinished = sampled(make_sampler(engine, environment), requests, SAMPLING, enough_groups=1)
    assert unfinished == []  # both groups end with the second turn
    assert {key: r.finish_reason for key, r in finished.items()} == {(0, 0): "error", (0, 1): "stop", (1, 0): "stop"}


def test_an_environment_that_fails_while_it_is_restored_costs_its_own_sample_only(environment: str) -> None:
    engine = HFEngine(make_model("llama"), range(12))
    aborted = [
        SampleRequest(make_prompt(n, "talk", where="nowhere"), n, 0, derive_seed("restore", n)) for n in range(3)
    ]
    finished, waiting = sampled(make_sampler(engine, environment), aborted, SAMPLING, enough_groups=0)
    assert not finished and all(request.partial is not None for request in waiting)
    engine.weights_version = 4
    broken = [
        SampleRequest(
            make_prompt(r.group, "talk", where="reset" if r.group == 1 else "nowhere"), r.group, 0, r.seed, r.partial
        )
        for r in waiting
    ]
    finished, _ = sampled(make_sampler(engine, environment), broken, SAMPLING)
    assert {g: finished[g, 0].finish_reason for g in range(3)} == {0: "stop", 1: "error", 2: "stop"}
    lost, partial = finished[1, 0], next(r.partial for r in waiting if r.group == 1)
    assert partial is not None
    assert (lost.tokens, lost.loss_mask, lost.turns) == (partial.tokens, partial.loss_mask, partial.turns)
    assert (lost.oldest_version, lost.weights_version) == (0, 4)


def test_an_aborted_sample_whose_environment_cannot_be_closed_is_an_error(environment: str) -> None:
    engine = HFEngine(make_model("llama"), range(12))
    requests = [
        SampleRequest(make_prompt(n, "talk", where=where), n, 0, n) for n, where in enumerate(["close", "nowhere"])
    ]
    items = list(make_sampler(engine, environment).sample(requests, SAMPLING, enough_groups=0))
    [error] = [item for item in items if isinstance(item, Rollout)]
    assert (error.group, error.finish_reason) == (
        0,
        "error",
    ) and "close: ConnectionError: close is do" in error.response
    assert [item.group for item in items if isinstance(item, SampleRequest)] == [1]

"""The workers of an evaluation: chunks as answers come, judging meanwhile, limits, and an end at any time."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from openqwq.training.config import Rewards, Sampling, TaskReward, VerifierUse
from openqwq.training.endpoint.workers import EndpointWorkers
from openqwq.training.errors import EndpointError, RecipeError
from openqwq.training.evaluation.evaluate import evaluate_suite
from openqwq.training.evaluation.examination import Examination
from openqwq.training.evaluation.kept import KeptAnswers
from openqwq.training.records import PartialRollout
from openqwq.training.rewards.judging import Judging
from openqwq.training.rollout.build import EngineSettings
from tests.training.endpoint.endpoint_cases import SAMPLING, quick, requests_for, sampled
from tests.training.endpoint.scripted_server import MODEL, Asked, ChatServer, Reply, refuses, says, then
from tests.training.small_records import make_prompt, write_verifier

ENGINE = EngineSettings(MODEL, "float32", {}, 8)


def test_each_answer_is_read_as_it_comes() -> None:
    is_read = threading.Event()

    def behave(asked: Asked) -> Reply:
        if asked.question == "question 0":
            is_read.wait(20)
        return says(asked.question)

    with ChatServer(behave) as server:
        workers = EndpointWorkers(quick(server.url), print)
        workers.start_engines(ENGINE)
        chunks = workers.sample(requests_for([make_prompt(n) for n in range(3)]), SAMPLING)
        early = {next(chunks).rollouts[0].group, next(chunks).rollouts[0].group}
        is_read.set()
        assert early == {1, 2} and [c.rollouts[0].group for c in chunks] == [0]
        workers.close()


def test_sampling_begins_with_the_call_and_goes_on_unread() -> None:
    with ChatServer(then(says())) as server:
        workers = EndpointWorkers(quick(server.url), print)
        workers.start_engines(ENGINE)
        chunks = workers.sample(requests_for([make_prompt()], 40), SAMPLING)
        deadline = time.monotonic() + 20
        while len(server.chats) < 40 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(server.chats) == 40 and len(list(chunks)) == 40
        workers.close()


def test_no_more_requests_than_allowed_are_under_way() -> None:
    with ChatServer(then(Reply(seconds=0.02, body=says().body))) as server:
        workers = EndpointWorkers(quick(server.url, concurrency=3), print)
        workers.start_engines(ENGINE)
        calls = [workers.sample(requests_for([make_prompt()], 12), SAMPLING) for _ in range(2)]
        assert [len(list(call)) for call in calls] == [12, 12]
        assert server.most_at_once == 3
        workers.close()


def test_requests_keep_to_the_limit_per_minute() -> None:
    seen = sampled(then(says()), requests_for([make_prompt()], 6), requests_per_minute=1200)
    times = sorted(asked.at for asked in seen.chats)
    assert times[-1] - times[0] > 5 * 0.05 - 0.04
    seen = sampled(then(says(tokens=95)), requests_for([make_prompt()], 4), tokens_per_minute=60_000, concurrency=1)
    times = sorted(asked.at for asked in seen.chats)
    assert times[-1] - times[0] > 3 * 0.1 - 0.04


def test_a_server_that_does_not_sample_is_warned_of() -> None:
    prompts = [make_prompt(n) for n in range(4)]
    same = sampled(lambda asked: says(asked.question), requests_for(prompts, 5))
    assert len(same.warnings) == 1 and "equal answers" in same.warnings[0] and "temperature=0.6" in same.warnings[0]
    others = [
        sampled(lambda asked: says(asked.question), requests_for(prompts, 4)),  # 12 repeats may be chance
        sampled(lambda asked: says(asked.question), requests_for(prompts, 5), Sampling(temperature=0.0)),
        sampled(lambda asked: says(str(asked.body["seed"])), requests_for(prompts, 5)),
        sampled(lambda asked: says(""), requests_for(prompts, 5)),
    ]
    assert [seen.warnings for seen in others] == [[]] * 4


def test_a_suite_is_measured_as_with_an_engine(tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "return float(row['wanted'] in response.split('</think>')[1])")
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(VerifierUse(name=verifier),))}, truncated="zero")
    prompts = [make_prompt(n, wanted=str(n)) for n in range(4)]

    def behave(asked: Asked) -> Reply:
        number = asked.question.split()[1]
        return says("9", "length", tokens=30) if number == "3" else says(number.replace("2", "?"), reasoning="so")

    with ChatServer(behave) as server:
        workers = EndpointWorkers(quick(server.url), print)
        workers.start_engines(ENGINE)
        judging = Judging(workers, print, lambda: None)
        asked = Examination("suite", prompts, 2, rewards, SAMPLING, 7)
        result = evaluate_suite(workers, judging, asked, KeptAnswers(), None)
        workers.close()
    assert result.scores == {"p0": 1.0, "p1": 1.0, "p2": 0.0, "p3": 0.0} and result.errors == 0
    assert len(server.chats) == 8 and len({asked.body["seed"] for asked in server.chats}) == 8


def test_what_came_before_the_server_went_is_read_before_the_error() -> None:
    behave = then(says("1"), says("2"), refuses(401, "key revoked"))
    with ChatServer(behave) as server:
        workers = EndpointWorkers(quick(server.url, concurrency=1), print)
        workers.start_engines(ENGINE)
        found = []
        with pytest.raises(EndpointError, match="key revoked"):
            for chunk in workers.sample(requests_for([make_prompt()], 5), SAMPLING):
                found += [rollout.response for rollout in chunk.rollouts]
        assert found == ["1", "2"] and len(server.chats) == 3
        workers.close()


def test_reading_no_further_ends_the_requests() -> None:
    with ChatServer(lambda asked: says() if asked.question == "question 0" else Reply(seconds=60)) as server:
        workers = EndpointWorkers(quick(server.url, concurrency=2), print)
        workers.start_engines(ENGINE)
        chunks = workers.sample(requests_for([make_prompt(n) for n in range(9)]), SAMPLING)
        assert next(chunks).rollouts[0].group == 0
        chunks.close()  # type: ignore[attr-defined]
        began = time.monotonic()
        workers.close()
        assert time.monotonic() - began < 5 and len(server.chats) <= 3


def test_closing_ends_what_is_being_sampled_and_may_be_done_twice() -> None:
    with ChatServer(then(Reply(seconds=60))) as server:
        workers = EndpointWorkers(quick(server.url), print)
        workers.start_engines(ENGINE)
        chunks = workers.sample(requests_for([make_prompt()], 3), SAMPLING)
        workers.close()
        workers.close()
        with pytest.raises(EndpointError, match="closed while samples were being asked for"):
            next(chunks)
        assert not any(thread.name == "endpoint" for thread in threading.enumerate())


def test_what_only_an_engine_can_do_is_refused_in_one_line() -> None:
    with ChatServer(then(says())) as server:
        workers = EndpointWorkers(quick(server.url), print)
        requests = requests_for([make_prompt()], 2)
        with pytest.raises(EndpointError, match="start_engines has to name the model"):
            workers.sample(requests, SAMPLING)
        workers.start_engines(ENGINE)
        with pytest.raises(EndpointError, match=r"for evaluations only.*enough_groups=1.*cluster.rollout.engine"):
            workers.sample(requests, SAMPLING, 1)
        partial = PartialRollout((7,), (-1.0,), (1,), (), 1, 0)
        with pytest.raises(EndpointError, match="nor continue them"):
            workers.sample([replace(requests[0], partial=partial)], SAMPLING)
        assert list(workers.sample([], SAMPLING)) == [] and server.chats == []
        workers.close()


def test_another_model_of_the_same_server_can_follow() -> None:
    with ChatServer(lambda asked: says(asked.body["model"]), ("a", "b")) as server:
        workers = EndpointWorkers(quick(server.url), print)
        for name in ("a", "b"):
            workers.start_engines(replace(ENGINE, model=name))
            [chunk] = workers.sample(requests_for([make_prompt()]), SAMPLING)
            assert chunk.rollouts[0].response == name
        with pytest.raises(RecipeError, match="has no model 'c'; it has a, b"):
            workers.start_engines(replace(ENGINE, model="c"))
        with pytest.raises(RecipeError, match="no environment 'nothing'"):
            workers.start_engines(replace(ENGINE, environments={"tool": "nothing"}))
        workers.close()

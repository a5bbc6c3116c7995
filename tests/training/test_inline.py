"""The worker group in one process, on the real tiny model: what it samples, judges and syncs, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import make_batch
from openqwq.training.config import Optimizer, Rewards, Sampling, TaskReward, VerifierUse
from openqwq.training.errors import EngineError
from openqwq.training.inline import InlineWorkerGroup, _Stream
from openqwq.training.records import Chunk, Group, Judgement, Rollout, SampleRequest
from openqwq.training.rollout.build import EngineSettings
from tests.training.small_records import make_prompt, make_rollout, write_verifier

SAMPLING = Sampling(max_new_tokens=5)


def requests_of(group: int) -> list[SampleRequest]:
    return [SampleRequest(make_prompt(group), group, i, 100 * group + i) for i in range(3)]


@pytest.fixture(scope="module")
def workers(base: str) -> Iterator[InlineWorkerGroup]:
    group = InlineWorkerGroup()
    group.start_engines(EngineSettings(base, "float32", {}, 8))
    settings = TrainerSettings(
        model=base, dtype="float32", algorithm=CATALOGUE["grpo"], optimizer=Optimizer(learning_rate=1e-2),
        temperature=0.7, max_new_tokens=5, micro_batch_tokens=1000, minibatches=1, seed=0, threads=1,
    )  # fmt: skip
    group.start_trainer(settings, None)
    group.sync_weights(0)
    yield group
    group.close()


def samples(chunks: Iterator[Chunk]) -> list[Rollout]:
    found = list(chunks)
    assert all(len(chunk.rollouts) == 1 and not chunk.unfinished and chunk.busy_seconds > 0 for chunk in found)
    return sorted((chunk.rollouts[0] for chunk in found), key=lambda r: (r.group, r.index))


def test_a_call_that_is_not_read_is_sampled_before_the_weights_change(
    workers: InlineWorkerGroup, tmp_path: Path
) -> None:
    alone = samples(workers.sample(requests_of(4), SAMPLING))
    assert [(r.group, r.index, r.prompt_id) for r in alone] == [(4, i, "p4") for i in range(3)]
    first = workers.sample(requests_of(4), SAMPLING)
    second = workers.sample(requests_of(5), SAMPLING)  # the first call is sampled to its end now
    before = workers.sync_weights(0)
    batch = make_batch([Group(make_prompt(4), alone, [Judgement(r, {}, {}) for r in (1.0, 0.0, 0.5)])],
                       CATALOGUE["grpo"], 5)  # fmt: skip
    assert workers.update(batch).metrics["tokens_computed"] > 0
    after = workers.sync_weights(7)
    assert after != before
    assert samples(first) == alone
    assert {r.weights_version for r in samples(second)} == {0}
    assert {r.weights_version for r in samples(workers.sample(requests_of(5), SAMPLING))} == {7}
    workers.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "model" / "config.json").exists()


def test_a_sync_returns_the_mean_log_probability_of_the_check_tokens(workers: InlineWorkerGroup) -> None:
    tokens = [(7919 * (i + 1)) % workers._trainer.vocabulary for i in range(16)]
    expected = workers._trainer.logprobs(tokens)
    assert workers.sync_weights(8) == pytest.approx(sum(expected) / len(expected), abs=1e-9)
    assert workers._sampler.engine.weights_version == 8


def test_a_sync_that_did_not_arrive_stops_the_run(workers: InlineWorkerGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = workers._sampler.engine
    logprobs = engine.logprobs
    monkeypatch.setattr(engine, "logprobs", lambda tokens: [logprob + 0.01 for logprob in logprobs(tokens)])
    with pytest.raises(EngineError, match="the engine disagrees with the trainer after the sync of version 9"):
        workers.sync_weights(9)


def test_enough_groups_end_a_call_and_the_others_come_back_unfinished(workers: InlineWorkerGroup) -> None:
    requests = [r for group in range(6) for r in requests_of(group)]
    chunks = list(workers.sample(requests, Sampling(max_new_tokens=40), 1))
    done = [(r.group, r.index) for chunk in chunks for r in chunk.rollouts]
    unfinished = [(r.group, r.index) for chunk in chunks for r in chunk.unfinished]
    assert sorted(done + unfinished) == [(r.group, r.index) for r in requests]
    assert unfinished and all(len(chunk.rollouts) + len(chunk.unfinished) == 1 for chunk in chunks)


def test_each_sample_is_judged_by_its_row_in_the_order_of_the_chunks(tmp_path: Path) -> None:
    group = InlineWorkerGroup()
    use = VerifierUse(name=write_verifier(tmp_path, "return row['id'] == response"))
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(use,))})
    chunks = [[make_rollout(2, 0, response="p2"), make_rollout(1, 1, response="p2")], [], [make_rollout(1, 0, "p1")]]
    rows = {f"p{n}": make_prompt(n).row for n in (1, 2)}
    for _ in range(2):
        judged = group.judge(iter(chunks), rows, rewards)
        assert [(e.rollout.group, e.rollout.index, e.judgement.reward) for e in judged] == [
            (2, 0, 1.0), (1, 1, 0.0), (1, 0, 1.0),
        ]  # fmt: skip
    group.close()


def test_a_stream_is_sampled_as_it_is_read_and_whole_on_demand() -> None:
    sampled = 0

    def items() -> Iterator[Rollout | SampleRequest]:
        nonlocal sampled
        for item in (make_rollout(0, 0), SampleRequest(make_prompt(), 0, 1, 5), make_rollout(0, 2)):
            sampled += 1
            yield item

    stream = _Stream(items())
    reader = iter(stream)
    assert sampled == 0
    assert next(reader).rollouts[0].index == 0 and sampled == 1
    stream.read_to_end()
    assert sampled == 3
    stream.read_to_end()
    rest = list(reader)
    assert [(len(c.rollouts), [r.index for r in c.unfinished]) for c in rest] == [(0, [1]), (1, [])]
    assert list(reader) == []


def test_two_threads_read_every_sample_once() -> None:
    stream = _Stream(make_rollout(0, i) for i in range(200))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(c.rollouts[0].index for c in stream)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(200))

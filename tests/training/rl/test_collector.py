"""A rollout batch: sampling begins with the call, each chunk is judged as it comes, the result is in a fixed order."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from openqwq.training.config import Rewards, Sampling, TaskReward, VerifierUse
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import Chunk, Judged, Rollout, SampleRequest
from openqwq.training.rewards.judging import Judging
from openqwq.training.rl.collector import Collected, RolloutCollector
from tests.training.small_records import make_prompt, make_rollout, write_verifier

PROMPTS = [make_prompt(4), make_prompt(2)]
REQUESTS = [SampleRequest(prompt, group, i, 7) for prompt, group in zip(PROMPTS, (4, 2), strict=True) for i in range(3)]


class Workers(InlineWorkerGroup):
    """Real judging of samples that are made up: chunks out of order, two samples left unfinished."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, ...]] = []
        self.chunks_read = 0
        self.judged_chunks: list[int] = []
        self.ended_at = 0.0

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        self.asked.append((list(requests), sampling, enough_groups))
        return self._chunks(list(requests))

    def _chunks(self, requests: list[SampleRequest]) -> Iterator[Chunk]:
        rollouts = [make_rollout(r.group, r.index, response=f"0.{r.group}{r.index}") for r in requests]
        for chunk in (
            Chunk([rollouts[5], rollouts[1]], busy_seconds=0.5),
            Chunk([], [requests[2]], busy_seconds=1.0),
            Chunk([rollouts[4]], [requests[3]], busy_seconds=2.0),
            Chunk([rollouts[0]], busy_seconds=4.0),
        ):
            self.chunks_read += 1
            yield chunk
        self.ended_at = perf_counter()

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        def counted() -> Iterator[Sequence[Rollout]]:
            for chunk in chunks:
                self.judged_chunks.append(len(chunk))
                yield chunk

        return super().judge(counted(), rows, rewards)


@pytest.fixture
def workers() -> Iterator[Workers]:
    group = Workers()
    yield group
    group.close()


def collector_of(workers: Workers, folder: Path, sampling: Sampling) -> RolloutCollector:
    body = "return float(response) if row['id'] == f'p{response[2]}' else 1.0"
    use = VerifierUse(name=write_verifier(folder, body))
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(use,))})
    return RolloutCollector(workers, Judging(workers, pytest.fail, lambda: None), rewards, sampling)


def test_a_batch_holds_every_sample_with_its_judgement_in_order(workers: Workers, tmp_path: Path) -> None:
    sampling = Sampling(max_new_tokens=17)
    before = perf_counter()
    batch = collector_of(workers, tmp_path, sampling)(PROMPTS, REQUESTS, 5, in_background=False).result()
    assert [(e.rollout.group, e.rollout.index) for e in batch.judged] == [(2, 1), (2, 2), (4, 0), (4, 1)]
    assert [e.judgement.reward for e in batch.judged] == [0.21, 0.22, 0.40, 0.41]  # by the row of its own prompt
    assert [(r.group, r.index) for r in batch.unfinished] == [(2, 0), (4, 2)]
    assert batch.busy_seconds == 7.5
    assert before < workers.ended_at <= batch.sampled_at < perf_counter()
    assert workers.asked == [(REQUESTS, sampling, 5)]
    assert workers.judged_chunks == [2, 1, 1]  # each chunk that holds samples, as it comes


def test_sampling_begins_with_the_call_and_is_collected_once_when_it_is_asked_for(
    workers: Workers, tmp_path: Path
) -> None:
    pending = collector_of(workers, tmp_path, Sampling())(PROMPTS, REQUESTS, None, in_background=False)
    assert (len(workers.asked), workers.asked[0][2], workers.chunks_read) == (1, None, 0)
    batch = pending.result()
    assert pending.result() is batch
    assert (len(workers.asked), workers.chunks_read) == (1, 4)


def test_in_the_background_a_batch_is_collected_before_anybody_asks(workers: Workers, tmp_path: Path) -> None:
    read, names = threading.Event(), []
    release = workers._chunks

    def chunks(requests: list[SampleRequest]) -> Iterator[Chunk]:
        yield from release(requests)
        names.append(threading.current_thread().name)
        read.set()

    workers._chunks = chunks  # type: ignore[method-assign]
    pending = collector_of(workers, tmp_path, Sampling())(PROMPTS, REQUESTS, None, in_background=True)
    assert read.wait(timeout=60)
    assert names[0].startswith("rollouts")  # so that the stacks of an expired wait can be read
    batch = pending.result()
    assert pending.result() is batch and len(batch.judged) == 4


def test_a_finished_batch_is_its_own_result(workers: Workers, tmp_path: Path) -> None:
    batch = collector_of(workers, tmp_path, Sampling())(PROMPTS, REQUESTS, None, in_background=False).result()
    assert Collected(batch).result() is batch

"""Reward workers as threads of this process, for the worker groups without Ray."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openqwq.training.config import Rewards
from openqwq.training.records import Judged, Rollout
from openqwq.training.rewards.router import JUDGE_THREADS, RewardRouter


class RewardThreads:
    """Implements RewardWorkers. Threads are enough, because verifiers wait for other processes."""

    def __init__(self) -> None:
        self._routers: dict[str, RewardRouter] = {}
        self._judges = ThreadPoolExecutor(JUDGE_THREADS, thread_name_prefix="judge")

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge each chunk while later chunks are still being sampled."""
        router = self._routers.setdefault(rewards.model_dump_json(), RewardRouter(rewards))
        pending = [
            (chunk, self._judges.submit(router.judge, chunk, [rows[rollout.prompt_id] for rollout in chunk]))
            for chunk in chunks
        ]
        return [
            Judged(rollout, judgement)
            for chunk, judging in pending
            for rollout, judgement in zip(chunk, judging.result(), strict=True)
        ]

    def close(self) -> None:
        """End the threads and the verifiers' processes."""
        self._judges.shutdown()
        for router in self._routers.values():
            router.close()

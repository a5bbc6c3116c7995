"""Rollout and reward workers of an evaluation whose model is behind a chat server: samples in one thread's event loop,
judging in others."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from openqwq.training.config import Rewards, Sampling
from openqwq.training.endpoint.client import ChatClient
from openqwq.training.endpoint.dialogue import Dialogue
from openqwq.training.endpoint.settings import EndpointSettings, base_url, is_loopback, read_key, shown
from openqwq.training.environments.episode import EpisodeMaker, episode_makers
from openqwq.training.errors import EndpointError
from openqwq.training.records import Chunk, Judged, Rollout, SampleRequest
from openqwq.training.rewards.threads import RewardThreads
from openqwq.training.rollout.build import EngineSettings

END_SECONDS = 10.0
ENOUGH_REPEATS = 16
"""Short right answers may be equal by chance."""


class EndpointWorkers:
    """Implements RolloutWorkers and RewardWorkers for evaluations. `warn` is called from another thread."""

    num_rollout_workers = 1

    def __init__(self, settings: EndpointSettings, warn: Callable[[str], None]) -> None:
        self._settings, self._warn = settings, warn
        url, key = base_url(settings.url), read_key(settings.key_variable)
        if key is not None and url.scheme == "http" and not is_loopback(url):
            warn(
                f"the key in ${settings.key_variable} is sent to {shown(url)} unencrypted; use https where there is one"
            )
        self._rewards = RewardThreads()
        self._client: ChatClient | None = None
        self._makers: dict[str, EpisodeMaker] = {}
        self._samplings: set[Future[None]] = set()
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="environment")
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(self._threads)
        self._thread = threading.Thread(target=self._loop.run_forever, name="endpoint", daemon=True)
        self._thread.start()

    def start_engines(self, settings: EngineSettings) -> None:
        """Check that the server answers and has `settings.model`, a name of the server's.

        Raises:
            RecipeError: it has other models, or refuses the key.
            EndpointError: it does not answer.
        """
        self._makers = episode_makers(settings.environments, settings.sandbox_urls)
        self._run(self._connect(settings.model))

    async def _connect(self, model: str) -> None:
        if self._client is not None:
            await self._client.close()
        self._client = ChatClient(self._settings, model, self._warn)
        await self._client.check()

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        """Ask for every sample; each is a chunk of its own, as it comes. A server cannot abort a sample and go on with
        it, so `enough_groups` and partial rollouts are refused.

        Raises:
            EndpointError: while the chunks are read, when the server has no answers any more.
        """
        if enough_groups is not None or any(request.partial is not None for request in requests):
            raise EndpointError(
                f"an endpoint samples for evaluations only: it can neither abort samples (enough_groups="
                f"{enough_groups}) nor continue them; train with an engine of `cluster.rollout.engine`"
            )
        if self._client is None:
            raise EndpointError("start_engines has to name the model before anything is sampled")
        chunks: SimpleQueue[Chunk | None] = SimpleQueue()
        sampled = asyncio.run_coroutine_threadsafe(
            self._sample(self._client, requests, sampling, chunks.put), self._loop
        )
        self._samplings.add(sampled)
        sampled.add_done_callback(self._samplings.discard)
        sampled.add_done_callback(lambda _: chunks.put(None))
        return _chunks(chunks, sampled)

    async def _sample(
        self, client: ChatClient, requests: Sequence[SampleRequest], sampling: Sampling, put: Callable[[Chunk], None]
    ) -> None:
        waiting, copies = iter(requests), Copies()

        async def work() -> None:
            for request in waiting:
                start = time.perf_counter()
                maker = self._makers.get(request.prompt.task)
                episode = None if maker is None else maker.episode(request.prompt.tools)
                rollout = await Dialogue(request, client, episode, sampling).run()
                copies.add(rollout)
                put(Chunk([rollout], (), time.perf_counter() - start))

        tasks = [asyncio.create_task(work()) for _ in range(min(self._settings.concurrency, len(requests)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if sampling.temperature > 0 and copies.are_all:
            self._warn(
                f"{shown(base_url(self._settings.url))} gave equal answers to every prompt that was asked repeatedly, "
                f"although temperature={sampling.temperature:g}: it seems to decode greedily, or to keep answers"
            )

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge each chunk while later samples are still being asked for."""
        return self._rewards.judge(chunks, rows, rewards)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End what is being sampled, the connections, the verifiers and the threads. Safe to call twice."""
        if not self._thread.is_alive():
            return
        self._run(self._end(list(self._samplings)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._rewards.close()

    async def _end(self, samplings: Sequence[Future[None]]) -> None:
        for sampled in samplings:
            sampled.cancel()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=END_SECONDS)
        if self._client is not None:
            await self._client.close()


class Copies:
    """Notices a server whose samples of a prompt are always the same text."""

    def __init__(self) -> None:
        self._texts: dict[int, set[int]] = {}
        self._num_repeats = 0

    def add(self, rollout: Rollout) -> None:
        """Count a sample that was answered."""
        if rollout.finish_reason != "error" and rollout.response:
            known = self._texts.setdefault(rollout.group, set())
            self._num_repeats += bool(known)
            known.add(hash(str(rollout.turns)))

    @property
    def are_all(self) -> bool:
        """Whether there were enough repeats, and all of them equal."""
        return self._num_repeats >= ENOUGH_REPEATS and all(len(texts) == 1 for texts in self._texts.values())


def _chunks(chunks: "SimpleQueue[Chunk | None]", sampled: Future[None]) -> Iterator[Chunk]:
    try:
        while (chunk := chunks.get()) is not None:
            yield chunk
        sampled.result()
    except CancelledError:
        raise EndpointError("the workers were closed while samples were being asked for") from None
    finally:
        sampled.cancel()

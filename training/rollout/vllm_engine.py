"""The engine for GPUs: vLLM's AsyncLLM behind the blocking contract of a rollout engine.

One engine is one AsyncLLM with `gpus` tensor-parallel workers on one machine; the workers are child processes of the
engine's process. vLLM batches all running requests, so the last digits of a sample's numbers depend on the other
requests: a run with this engine is repeatable in distribution, not bit by bit as with `hf`.
"""

import asyncio
import queue
import tempfile
import threading
import time
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from openqwq.training.config import RolloutRole
from openqwq.training.errors import EngineError, WorkerLost
from openqwq.training.models import locate
from openqwq.training.rollout.engine import Arrivals, EndReason, Generated, GenerationRequest
from openqwq.training.rollout.vllm_start import can_sleep, prepare_environment, shared_memory_folder, start
from openqwq.training.rollout.vllm_version import check_version
from openqwq.training.seeds import derive_seed
from openqwq.training.weight_sync.broadcast import Rendezvous
from openqwq.training.weight_sync.buckets import Bucket, fill
from openqwq.training.weight_sync.push import PushProgress, load_whole

ANSWER_SECONDS = 600.0
"""Deadline of every call but sampling: a bucket, a pause, the check of a weight sync."""
POLL_SECONDS = 0.01
"""Longest time for which requests that arrive wait while others are sampled: less than a decoding step of 32B."""
REPEAT_SECONDS = 1.0
"""Time after which an abort is sent again while requests run: vLLM ignores one that comes before its request does."""
END_REASONS: dict[str, EndReason] = {"stop": "stop", "length": "length", "abort": "abort"}
REFUSAL = "VLLMValidationError"
"""Name of the error for a request that vLLM cannot serve; a ValueError until vLLM 0.32."""
T = TypeVar("T")


class VLLMEngine:
    """Implements RolloutEngine. With top_p or top_k the log-probabilities are those of the truncated distribution."""

    def __init__(
        self, model: str, dtype: str, stop_tokens: Sequence[int], role: RolloutRole, max_context: int | None = None
    ) -> None:
        check_version()
        prepare_environment(role)
        self.weights_version = 0
        self._push = PushProgress()
        self._stop_tokens = sorted(stop_tokens)
        self._calls = count()
        self._running: dict[str, int] = {}
        self._kept: frozenset[int] | None = None
        """The keys that the last abort of this call spares; None without an abort."""
        self._aborted_at = 0.0
        self._asleep: Literal["no", "with weights", "without weights"] = "no"
        self._memory: np.ndarray | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="openqwq-weights-", dir=shared_memory_folder())
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True).start()
        self._can_sleep = can_sleep(role)
        try:
            self._llm: Any = self._do(start(locate(model), dtype, role, max_context))
        except WorkerLost as error:  # a new worker would fail in the same way
            raise EngineError(f"{error}; vLLM's own message is above, or in the rollout worker's log") from error
        self.max_context: int | None = int(self._llm.model_config.max_model_len)

    def _do(self, work: Coroutine[Any, Any, T], seconds: float = ANSWER_SECONDS) -> T:
        """Run `work` on the engine's event loop and wait for its result.

        Raises:
            WorkerLost: the engine is dead, or did not answer in time; it cannot be used any more.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError as error:
            raise WorkerLost(f"the vllm engine did not answer in {seconds:g} s") from error
        except Exception as error:
            raise WorkerLost(f"the vllm engine failed: {type(error).__name__}: {error}") from error

    def generate(self, requests: Sequence[GenerationRequest], arrivals: Arrivals | None = None) -> Iterator[Generated]:
        """Yield each completion as soon as it ends.

        Raises:
            EngineError: a request cannot be served, for example a context longer than the model's.
            WorkerLost: the engine is dead.
        """
        self._push.require_whole()
        if self._asleep == "without weights":
            raise EngineError("the vllm engine sleeps without weights: sync some before it generates")
        self._wake()
        results: queue.SimpleQueue[Generated | Exception] = queue.SimpleQueue()
        self._running, self._kept = {}, None
        try:
            self._begin(requests, results)
            num_open = len(requests)
            while num_open or arrivals is not None:
                if arrivals is not None:
                    items = arrivals(num_open == 0)
                    if items is None:
                        arrivals = None
                        continue
                    yield from (item for item in items if isinstance(item, Generated))
                    arrived = [item for item in items if not isinstance(item, Generated)]
                    self._begin(arrived, results)
                    num_open += len(arrived)
                result = self._next_result(results, arrivals is not None) if num_open else None
                if result is not None:
                    num_open -= 1
                    yield result
        finally:
            self.abort()  # ends the requests that still run when the caller stops reading early

    def _next_result(self, results: queue.SimpleQueue[Generated | Exception], may_arrive: bool) -> Generated | None:
        """The next completion; None where none ends before it is time to ask for arrivals, or to repeat an abort."""
        if self._kept is not None and time.monotonic() > self._aborted_at + REPEAT_SECONDS:
            self.abort(self._kept)
        seconds = POLL_SECONDS if may_arrive else None if self._kept is None else REPEAT_SECONDS
        try:
            result = results.get(timeout=seconds)
        except queue.Empty:
            return None
        if not isinstance(result, Exception):
            return result
        if isinstance(result, ValueError) or type(result).__name__ == REFUSAL:
            raise EngineError(f"vLLM refuses a request: {result}") from result
        raise WorkerLost(f"the vllm engine failed: {type(result).__name__}: {result}") from result

    def _begin(self, requests: Sequence[GenerationRequest], results: queue.SimpleQueue[Generated | Exception]) -> None:
        if requests:
            call = next(self._calls)
            self._running |= {f"{call}-{request.key}": request.key for request in requests}
            asyncio.run_coroutine_threadsafe(self._sample_all(call, requests, results), self._loop)

    def _is_cut(self, key: int) -> bool:
        return self._kept is not None and key not in self._kept

    async def _sample_all(
        self, call: int, requests: Sequence[GenerationRequest], results: queue.SimpleQueue[Generated | Exception]
    ) -> None:
        async def sample(request: GenerationRequest) -> None:
            request_id = f"{call}-{request.key}"
            result: Generated | Exception
            try:
                is_late = request_id not in self._running or self._is_cut(request.key)
                result = Generated(request.key, (), (), "abort") if is_late else await self._sample(request_id, request)
            except Exception as error:
                result = error
            self._running.pop(request_id, None)
            results.put(result)

        await asyncio.gather(*(sample(request) for request in requests))

    async def _sample(self, request_id: str, request: GenerationRequest) -> Generated:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        parameters = SamplingParams(
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            max_tokens=request.max_new_tokens - request.num_sampled,
            # vLLM's generator starts anew after an abort; the number of tokens in the seed keeps it from repeating
            # itself
            seed=derive_seed(request.seed, "drawn", request.num_sampled),
            stop_token_ids=self._stop_tokens,
            ignore_eos=True,  # else vLLM would add the end tokens of the checkpoint's configuration to ours
            logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        final = await self._final(request.tokens, parameters, request_id)
        output = final.outputs[0] if final is not None else None
        if output is None or output.finish_reason not in END_REASONS:
            raise EngineError(f"request {request_id} ended with {output and output.finish_reason}")
        logprobs = tuple(output.logprobs.logprobs) if output.logprobs else ()
        tokens = tuple(output.token_ids)
        if len(tokens) != len(logprobs):
            raise EngineError(f"request {request_id}: {len(tokens)} tokens and {len(logprobs)} log-probabilities")
        return Generated(request.key, tokens, logprobs, END_REASONS[output.finish_reason])

    async def _final(self, tokens: Sequence[int], parameters: Any, request_id: str) -> Any:
        from vllm import TokensPrompt

        last = None
        async for output in self._llm.generate(TokensPrompt(prompt_token_ids=list(tokens)), parameters, request_id):
            last = output
        return last

    def abort(self, keep: Collection[int] = ()) -> None:
        """Make `generate` yield the unfinished completions as `abort`, except for the keys in `keep`."""
        self._kept, self._aborted_at = frozenset(keep), time.monotonic()
        unfinished = [request_id for request_id, key in list(self._running.items()) if key not in keep]
        if unfinished:
            self._do(self._llm.abort(unfinished))

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place, bucket by bucket, through memory that the workers share.

        Raises:
            WorkerLost: a bucket failed or missed its deadline; the engine's weights are then unusable. So does every
                push after one that was cut.
        """
        load_whole(self, version, arrays)

    def begin_load(self, version: int, buckets: Sequence[Bucket]) -> None:
        """A push through shared memory begins."""
        self._shared_memory(max(bucket.size for bucket in buckets))
        self._begin_load(version, buckets)

    def load_bucket(self, index: int, arrays: Sequence[np.ndarray]) -> None:
        """Replace the weights of a bucket."""
        bucket = self._push.buckets[index]
        fill(bucket, arrays, self._shared_memory(bucket.size))
        self._load_buckets([bucket], is_broadcast=False)
        self._push.arrived(index)

    def end_load(self) -> None:
        """The engine has the whole version: the workers finish it, and requests go on."""
        self._push.require_whole()
        self._do(self._llm.finish_weight_update(weight_version=str(self._push.version)))
        self._wake(["kv_cache"])
        self._do(self._llm.resume_generation())
        self.weights_version = self._push.version

    def join_broadcast(self, rendezvous: Rendezvous, first_rank: int) -> None:
        """Join the group that receives the trainer's broadcasts; this engine's workers are `first_rank` and up."""
        from vllm.distributed.weight_transfer.base import WeightTransferInitRequest

        info = {"rendezvous": asdict(rendezvous), "first_rank": first_rank}
        self._do(self._llm.init_weight_transfer_engine(WeightTransferInitRequest(init_info=info)))

    def receive_weights(self, version: int, buckets: Sequence[Bucket]) -> None:
        """Replace the weights by those that the trainer broadcasts at the same time, bucket by bucket.

        Raises:
            WorkerLost: as in `load_weights`.
        """
        self._begin_load(version, buckets)
        self._load_buckets(buckets, is_broadcast=True)
        for index in range(len(buckets)):
            self._push.arrived(index)
        self.end_load()

    def _begin_load(self, version: int, buckets: Sequence[Bucket]) -> None:
        if self._push.is_cut:  # vLLM's reload of layers cannot begin twice
            raise WorkerLost(f"the push of version {self._push.version} was cut, the vllm engine cannot take another")
        self._push.begin(version, buckets)
        if self._asleep != "no":
            self._do(self._llm.wake_up(["weights"]))  # memory of the KV cache is allocated after the sync
        # the cache is cleared, because paused requests and cached prefixes hold keys and values of the old weights
        self._do(self._llm.pause_generation(mode="keep", clear_cache=True))
        self._do(self._llm.start_weight_update())

    def _load_buckets(self, buckets: Sequence[Bucket], is_broadcast: bool) -> None:
        from vllm.distributed.weight_transfer.base import WeightTransferUpdateRequest

        info = {"buckets": [asdict(bucket) for bucket in buckets], "is_broadcast": is_broadcast}
        self._do(self._llm.update_weights(WeightTransferUpdateRequest(update_info=info)))

    def _shared_memory(self, size: int) -> np.ndarray:
        """A file that this process and every worker map into memory. The first sync creates it; later ones have the
        same sizes."""
        from vllm.distributed.weight_transfer.base import WeightTransferInitRequest

        if self._memory is None or self._memory.size < size:
            path = Path(self._folder.name) / f"weights-{size}"
            self._memory = np.memmap(path, mode="w+", shape=(size,))  # bytes
            self._do(self._llm.init_weight_transfer_engine(WeightTransferInitRequest(init_info={"path": str(path)})))
            path.unlink()
        return self._memory

    def sleep(self, keeps_weights: bool) -> None:
        """Free the GPU: weights are moved to host memory (level 1) or dropped (level 2), the KV cache is dropped."""
        if self._asleep == "no" and self._can_sleep:
            self._do(self._llm.sleep(level=1 if keeps_weights else 2))
            self._asleep = "with weights" if keeps_weights else "without weights"

    def _wake(self, tags: list[str] | None = None) -> None:
        if self._asleep != "no":
            self._do(self._llm.wake_up(tags))
            self._asleep = "no"

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] at temperature 1."""
        self._push.require_whole()
        return self._do(self._prompt_logprobs(list(tokens)))

    async def _prompt_logprobs(self, tokens: list[int]) -> list[float]:
        from vllm import SamplingParams

        parameters = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        final = await self._final(tokens, parameters, f"check-{next(self._calls)}")
        return [float(final.prompt_logprobs[i][tokens[i]].logprob) for i in range(1, len(tokens))]

    def close(self) -> None:
        """End the engine's processes."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._folder.cleanup()

    async def _end(self) -> None:
        self._llm.shutdown()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

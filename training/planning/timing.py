"""Seconds of decoding and of passes over a batch: a roofline with the fractions of `Constants`."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.shapes import ModelShape


@dataclass(frozen=True)
class Engine:
    """One engine: a model on `tensor_parallel` GPUs that decodes at most `slots` samples at once."""

    shape: ModelShape
    gpu: Gpu
    tensor_parallel: int
    slots: int
    constants: Constants = field(default_factory=Constants)

    def iteration(self, batch: float, context: float) -> float:
        """Seconds to sample one token for each of `batch` samples, whose contexts are `context` tokens long on average.

        max(bytes of weights and KV / bandwidth, work / flops) + two all-reduces per layer + a constant.
        """
        shape, c, ranks = self.shape, self.constants, self.tensor_parallel
        read = 2 * shape.matrix_parameters + batch * context * shape.kv_bytes
        memory = read / (ranks * self.gpu.bandwidth * c.decode_bandwidth)
        work = 2 * shape.matrix_parameters * batch / (ranks * self.gpu.flops * c.decode_flops)
        reduces = 2 * shape.layers * (c.allreduce_seconds + batch * shape.hidden * 2 / self.gpu.link)
        return max(memory, work) + (reduces if ranks > 1 else 0.0) + c.iteration_seconds

    def prefill(self, tokens: float) -> float:
        """Seconds to prefill `tokens` tokens of prompts."""
        work = 2 * self.shape.matrix_parameters * tokens
        return work / (self.tensor_parallel * self.gpu.flops * self.constants.decode_flops)

    def seconds_to_sample(self, lengths: Sequence[float], prompt: float) -> float:
        """Seconds to sample responses of these lengths with continuous batching, in the given order.

        Each end of a response is an event; between two events `batch` samples grow at the same rate.
        """
        waiting = list(reversed(lengths))
        alive: list[tuple[float, float]] = []  # (iteration at which the response ends, at which it began)
        begun = 0.0  # sum over `alive` of the iterations at which the responses began
        now, seconds = 0.0, 0.0
        while waiting or alive:
            while waiting and len(alive) < self.slots:
                heapq.heappush(alive, (now + waiting.pop(), now))
                begun += now
            end = alive[0][0]
            steps, batch = end - now, len(alive)
            context = prompt + (now + end) / 2 - begun / batch  # the mean over the interval
            seconds += steps * self.iteration(batch, context)
            now = end
            while alive and alive[0][0] <= now:
                begun -= heapq.heappop(alive)[1]
        return seconds + self.prefill(prompt * len(lengths))


def pass_seconds(flops: float, gpus: int, gpu: Gpu, constants: Constants) -> float:
    """Seconds of `flops` in forward and backward passes on `gpus` GPUs."""
    return flops / (gpus * gpu.flops * constants.training_mfu)

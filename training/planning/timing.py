"""Seconds of decoding, of passes over a batch, and of a whole step. A roofline with the shares of `Constants`."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.shapes import ModelShape


@dataclass(frozen=True)
class Engine:
    """One engine: a model over `tensor_parallel` GPUs, `slots` samples at a time."""

    shape: ModelShape
    gpu: Gpu
    tensor_parallel: int
    slots: int
    constants: Constants = field(default_factory=Constants)

    def iteration(self, batch: float, context: float) -> float:
        """Seconds to draw one token for each of `batch` samples whose contexts are `context` long on average.

        max(bytes of weights and KV / bandwidth, work / flops) + two all-reduces a layer + a constant.
        """
        shape, c, ranks = self.shape, self.constants, self.tensor_parallel
        read = 2 * shape.matrix_parameters + batch * context * shape.kv_bytes
        memory = read / (ranks * self.gpu.bandwidth * c.decode_bandwidth)
        work = 2 * shape.matrix_parameters * batch / (ranks * self.gpu.flops * c.decode_flops)
        reduces = 2 * shape.layers * (c.allreduce_seconds + batch * shape.hidden * 2 / self.gpu.link)
        return max(memory, work) + (reduces if ranks > 1 else 0.0) + c.iteration_seconds

    def prefill(self, tokens: float) -> float:
        """Seconds to read `tokens` of new prompts."""
        work = 2 * self.shape.matrix_parameters * tokens
        return work / (self.tensor_parallel * self.gpu.flops * self.constants.decode_flops)

    def draw_all(self, lengths: Sequence[float], prompt: float) -> float:
        """Seconds until the last of these responses has ended: continuous batching, in the given order.

        One event per response that ends; between two events `batch` samples grow together.
        """
        waiting = list(reversed(lengths))
        alive: list[tuple[float, float]] = []  # (iteration at which it ends, at which it began)
        begun = 0.0  # sum of the iterations at which those alive began
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

    def draw_equal(self, count: int, length: float, prompt: float) -> float:
        """`draw_all` of `count` equal responses in closed form: whole waves of `slots`, and a last smaller one."""
        full, rest = divmod(count, self.slots)
        context = prompt + length / 2
        waves = full * self.iteration(self.slots, context) + (self.iteration(rest, context) if rest else 0.0)
        return length * waves + self.prefill(prompt * count)


def pass_seconds(flops: float, gpus: int, gpu: Gpu, constants: Constants) -> float:
    """One forward pass, or any multiple of it, over `gpus`."""
    return flops / (gpus * gpu.flops * constants.training_mfu)


def imbalance(loads: Sequence[float], ranks: int) -> float:
    """Largest over mean load of `ranks` trainers when sequences are dealt longest first to the least loaded."""
    totals = [0.0] * ranks
    for load in sorted(loads, reverse=True):
        heapq.heapreplace(totals, totals[0] + load)
    mean = math.fsum(totals) / ranks
    return max(totals) / mean if mean > 0 else 1.0

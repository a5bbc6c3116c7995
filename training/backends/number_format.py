"""Which number format a run computes in, where its recipe leaves it open: the one that a timed product says."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from openqwq.training.config import Recipe

SIZE = 512
ROUNDS = 5
LEAST_GAIN = 1.3
"""bfloat16 rounds, so it has to be faster by this factor to be chosen."""


def with_dtype(recipe: Recipe, say: Callable[[str], None], begun_in: str | None = None) -> Recipe:
    """The recipe with a number format in place of `dtype: auto`. `begun_in`: that of the run which goes on."""
    if recipe.dtype != "auto":
        return recipe
    import torch

    if begun_in is not None:
        dtype, why = begun_in, "the run began in it"
    elif torch.cuda.is_available() or recipe.cluster.rollout.gpus or recipe.cluster.trainer.gpus:
        dtype, why = "bfloat16", "GPUs multiply it"
    else:
        dtype = "bfloat16" if bfloat16_gain() >= LEAST_GAIN else "float32"
        why = f"a product in bfloat16 is {bfloat16_gain():.2g} times as fast as one in float32 here"
    say(f"dtype: {dtype}, as {why}")
    return recipe.model_copy(update={"dtype": dtype})


def computes_in_bfloat16(dtype: str) -> bool:
    """Whether passes of a model of this format should compute in bfloat16 here: not on processors that only imitate
    it."""
    import torch

    return dtype == "bfloat16" and (torch.cuda.is_available() or bfloat16_gain() >= LEAST_GAIN)


@cache
def bfloat16_gain() -> float:
    """Speed of a product of [512, 512] in bfloat16 / its speed in float32, the best of five on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _seconds(torch.float32) / _seconds(torch.bfloat16)
    finally:
        torch.set_num_threads(threads)


def _seconds(dtype: Any) -> float:
    import torch

    left, right = (torch.ones(SIZE, SIZE, dtype=dtype) for _ in range(2))
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        left @ right
        taken.append(time.perf_counter() - start)
    return min(taken)

"""A sample of a row's tests where they are too many: the same one each time, by a seed of the row's own content."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
MAX_BYTES = 32 << 20
"""Of the inputs and outputs of one row together; a server takes requests of 64 MiB."""


def sampled(tests: Sequence[T], sizes: Sequence[int], max_tests: int, seed: str) -> list[T]:
    """At most `max_tests` of the tests, of at most MAX_BYTES in all, in their order; at least one.

    Example: sampled("abcd", [1, 1, 1, 1], 2, "row") has two letters, and the same two in every process.
    """
    if len(tests) <= max_tests and sum(sizes) <= MAX_BYTES:
        return list(tests)
    order = list(range(len(tests)))
    random.Random(seed).shuffle(order)
    chosen: list[int] = []
    num_bytes = 0
    for index in order:
        if len(chosen) < max_tests and (not chosen or num_bytes + sizes[index] <= MAX_BYTES):
            chosen.append(index)
            num_bytes += sizes[index]
    return [tests[index] for index in sorted(chosen)]

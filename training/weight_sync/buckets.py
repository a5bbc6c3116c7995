"""A weight sync divided into buckets: which arrays travel together, and where each lies. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BUCKET_BYTES = 256 * 2**20
"""A larger array is a bucket of its own."""
ALIGNMENT = 64
ITEM_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class ArraySpec:
    """One array. Example: `ArraySpec("model.norm.weight", "bfloat16", (5120,))`"""

    name: str
    dtype: str
    """As torch names it."""
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return ITEM_BYTES[self.dtype] * math.prod(self.shape)


@dataclass(frozen=True)
class Bucket:
    """Arrays that travel together, and where each begins, in bytes."""

    arrays: list[ArraySpec]
    offsets: list[int]
    size: int


def plan_buckets(arrays: Iterable[ArraySpec], limit: int = BUCKET_BYTES, alignment: int = ALIGNMENT) -> list[Bucket]:
    """Arrays in their order, as many a bucket as `limit` bytes hold."""
    buckets: list[Bucket] = []
    for array in arrays:
        size = -(-array.nbytes // alignment) * alignment
        last = buckets[-1] if buckets else None
        if last is None or last.size + array.nbytes > limit:
            buckets.append(Bucket([array], [0], size))
        else:
            buckets[-1] = Bucket([*last.arrays, array], [*last.offsets, last.size], last.size + size)
    return buckets


def specs_of(arrays: Mapping[str, np.ndarray]) -> list[ArraySpec]:
    """Of numpy arrays; bfloat16 comes as its bits, uint16."""
    dtypes = {name: "bfloat16" if array.dtype == np.uint16 else str(array.dtype) for name, array in arrays.items()}
    return [ArraySpec(name, dtypes[name], array.shape) for name, array in arrays.items()]


def fill(bucket: Bucket, arrays: Mapping[str, np.ndarray], memory: np.ndarray) -> None:
    """Copy the bucket's arrays to their places in `memory`, uint8 of at least `bucket.size`."""
    for spec, offset in zip(bucket.arrays, bucket.offsets, strict=True):
        array = np.ascontiguousarray(arrays[spec.name])
        memory[offset : offset + array.nbytes] = array.reshape(-1).view(np.uint8)


def bucket_of(returns: Mapping[str, Any]) -> Bucket:
    """The inverse of `dataclasses.asdict`."""
    arrays = [ArraySpec(a["name"], a["dtype"], tuple(a["shape"])) for a in returns["arrays"]]
    return Bucket(arrays, list(returns["offsets"]), returns["size"])

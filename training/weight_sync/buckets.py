"""Divides the arrays of a weight sync into buckets, which are sent one at a time. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BUCKET_BYTES = 256 * 2**20
"""Largest size of a bucket; a larger array gets a bucket of its own."""
ALIGNMENT = 64
"""Each array of a bucket begins at a multiple of so many bytes."""
ITEM_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class ArraySpec:
    """Name, type and shape of an array. Example: `ArraySpec("model.norm.weight", "bfloat16", (5120,))`"""

    name: str
    dtype: str
    """Torch's name of the type."""
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return ITEM_BYTES[self.dtype] * math.prod(self.shape)


@dataclass(frozen=True)
class Bucket:
    """Arrays that are sent together."""

    arrays: list[ArraySpec]
    offsets: list[int]
    """First byte of each array."""
    size: int
    """Bytes of the whole bucket."""


def plan_buckets(arrays: Iterable[ArraySpec], limit: int = BUCKET_BYTES, alignment: int = ALIGNMENT) -> list[Bucket]:
    """Fill buckets with the arrays in their order, up to `limit` bytes each."""
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
    """The specs of numpy arrays; uint16 arrays hold the bits of bfloat16."""
    dtypes = {name: "bfloat16" if array.dtype == np.uint16 else str(array.dtype) for name, array in arrays.items()}
    return [ArraySpec(name, dtypes[name], array.shape) for name, array in arrays.items()]


def fill(bucket: Bucket, arrays: Mapping[str, np.ndarray], memory: np.ndarray) -> None:
    """Copy the bucket's arrays to their offsets in `memory`, uint8 of at least `bucket.size` bytes."""
    for spec, offset in zip(bucket.arrays, bucket.offsets, strict=True):
        array = np.ascontiguousarray(arrays[spec.name])
        memory[offset : offset + array.nbytes] = array.reshape(-1).view(np.uint8)


def bucket_of(fields: Mapping[str, Any]) -> Bucket:
    """The inverse of `dataclasses.asdict`."""
    arrays = [ArraySpec(a["name"], a["dtype"], tuple(a["shape"])) for a in fields["arrays"]]
    return Bucket(arrays, list(fields["offsets"]), fields["size"])

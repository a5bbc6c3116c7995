"""A push of weights cut into buckets: which arrays travel together, and where each lies. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

BUCKET_BYTES = 256 * 2**20
"""A larger array is a bucket of its own."""
ALIGNMENT = 64


@dataclass(frozen=True)
class Bucket:
    """Arrays that travel together. The four lists run in parallel."""

    names: list[str]
    dtypes: list[str]
    """As torch names them."""
    shapes: list[list[int]]
    offsets: list[int]
    """Bytes from the start of the bucket."""
    size: int


def plan_buckets(
    arrays: Mapping[str, np.ndarray], limit: int = BUCKET_BYTES, alignment: int = ALIGNMENT
) -> Iterator[Bucket]:
    """Arrays in their order, as many a bucket as `limit` bytes hold. bfloat16 comes as its bits, uint16."""
    names: list[str] = []
    offsets: list[int] = []
    size = 0
    for name, array in arrays.items():
        if names and size + array.nbytes > limit:
            yield _bucket(arrays, names, offsets, size)
            names, offsets, size = [], [], 0
        names.append(name)
        offsets.append(size)
        size += -(-array.nbytes // alignment) * alignment
    if names:
        yield _bucket(arrays, names, offsets, size)


def fill(bucket: Bucket, arrays: Mapping[str, np.ndarray], memory: np.ndarray) -> None:
    """Copy the bucket's arrays to their places in `memory`, uint8 of at least `bucket.size`."""
    for name, offset in zip(bucket.names, bucket.offsets, strict=True):
        array = np.ascontiguousarray(arrays[name])
        memory[offset : offset + array.nbytes] = array.reshape(-1).view(np.uint8)


def _bucket(arrays: Mapping[str, np.ndarray], names: list[str], offsets: list[int], size: int) -> Bucket:
    chosen = [arrays[name] for name in names]
    dtypes = ["bfloat16" if array.dtype == np.uint16 else str(array.dtype) for array in chosen]
    return Bucket(names, dtypes, [list(array.shape) for array in chosen], offsets, size)

"""Divides the arrays of a weight sync into buckets, which are gathered and sent one at a time. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

BUCKET_BYTES = 256 * 2**20
"""Largest size of a bucket, unless the recipe says otherwise (`cluster.rollout.bucket_mb`)."""
ALIGNMENT = 64
"""Each array of a bucket begins at a multiple of so many bytes."""
ITEM_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class ArraySpec:
    """Name, type and shape of an array, or of rows of one. Example: `ArraySpec("norm.weight", "bfloat16", (5120,))`"""

    name: str
    dtype: str
    """Torch's name of the type."""
    shape: tuple[int, ...]
    first_row: int = 0
    """Of a part: where its rows begin along the first dimension."""
    num_rows: int | None = None
    """Of a part: rows of the whole array; None is a whole array."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return ITEM_BYTES[self.dtype] * math.prod(self.shape)

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """Shape of the array that this is a part of."""
        return self.shape if self.num_rows is None else (self.num_rows, *self.shape[1:])

    @property
    def rows(self) -> slice:
        """The rows of the whole array."""
        return slice(self.first_row, self.first_row + self.shape[0]) if self.num_rows is not None else slice(None)

    @property
    def elements(self) -> tuple[int, int]:
        """First element, and the one after the last, in the flattened whole array."""
        start = self.first_row * math.prod(self.shape[1:]) if self.num_rows is not None else 0
        return start, start + math.prod(self.shape)


@dataclass(frozen=True)
class Bucket:
    """Arrays that are sent together."""

    arrays: list[ArraySpec]
    offsets: list[int]
    """First byte of each array."""
    size: int
    """Bytes of the whole bucket."""


def plan_buckets(arrays: Iterable[ArraySpec], limit: int = BUCKET_BYTES, alignment: int = ALIGNMENT) -> list[Bucket]:
    """Fill buckets with the arrays in their order, up to `limit` bytes each. A larger array is divided by its rows;
    only a single row that is larger than `limit` makes a bucket larger."""
    buckets: list[Bucket] = []
    for array in (part for whole in arrays for part in _parts(whole, limit, alignment)):
        size = -(-array.nbytes // alignment) * alignment
        last = buckets[-1] if buckets else None
        if last is None or last.size + size > limit:
            buckets.append(Bucket([array], [0], size))
        else:
            buckets[-1] = Bucket([*last.arrays, array], [*last.offsets, last.size], last.size + size)
    return buckets


def _parts(array: ArraySpec, limit: int, alignment: int) -> Iterator[ArraySpec]:
    """The array, or its rows in parts of at most `limit` bytes with what alignment adds."""
    most = max(limit // alignment * alignment, 1)
    if not array.shape or array.nbytes <= most:
        yield array
        return
    rows, row_bytes = array.shape[0], array.nbytes // array.shape[0]
    step = max(most // row_bytes, 1)
    for first in range(0, rows, step):
        shape = (min(step, rows - first), *array.shape[1:])
        yield replace(array, shape=shape, first_row=first, num_rows=rows)


def specs_of(arrays: Mapping[str, np.ndarray]) -> list[ArraySpec]:
    """The specs of numpy arrays; uint16 arrays hold the bits of bfloat16."""
    dtypes = {name: "bfloat16" if array.dtype == np.uint16 else str(array.dtype) for name, array in arrays.items()}
    return [ArraySpec(name, dtypes[name], array.shape) for name, array in arrays.items()]


def arrays_of(bucket: Bucket, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The arrays of a bucket, and rows of those that it holds a part of, out of whole ones."""
    return [arrays[spec.name][spec.rows] if spec.shape else arrays[spec.name] for spec in bucket.arrays]


def fill(bucket: Bucket, arrays: Sequence[np.ndarray], memory: np.ndarray) -> None:
    """Copy the bucket's arrays to their offsets in `memory`, uint8 of at least `bucket.size` bytes."""
    for spec, offset, given in zip(bucket.arrays, bucket.offsets, arrays, strict=True):
        array = np.ascontiguousarray(given)
        memory[offset : offset + spec.nbytes] = array.reshape(-1).view(np.uint8)


def bucket_of(fields: Mapping[str, Any]) -> Bucket:
    """The inverse of `dataclasses.asdict`."""
    arrays = [ArraySpec(**{**a, "shape": tuple(a["shape"])}) for a in fields["arrays"]]
    return Bucket(arrays, list(fields["offsets"]), fields["size"])

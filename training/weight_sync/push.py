"""A push: the buckets of one version, one after another, into an engine, which samples again when it has all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from openqwq.training.errors import EngineError
from openqwq.training.weight_sync.buckets import Bucket, arrays_of, plan_buckets, specs_of


class BucketReceiver(Protocol):
    """The part of an engine that takes buckets."""

    def begin_load(self, version: int, buckets: Sequence[Bucket]) -> None:
        """A push begins. Until its end the engine holds weights of two versions and refuses to sample.

        Raises:
            EngineError: the arrays do not fit the engine's model; it keeps the weights that it has.
        """

    def load_bucket(self, index: int, arrays: Sequence[np.ndarray]) -> None:
        """Replace the weights of a bucket by `arrays`, in the order of its specs (weight_sync/arrays.py)."""

    def end_load(self) -> None:
        """The engine has the whole version, and samples again.

        Raises:
            EngineError: a bucket is missing.
        """


class PushProgress:
    """Which buckets of a push have arrived at an engine."""

    def __init__(self) -> None:
        self.version = 0
        """Of the last push that began."""
        self.buckets: Sequence[Bucket] = ()
        self._missing: set[int] = set()

    def begin(self, version: int, buckets: Sequence[Bucket]) -> None:
        """A push begins; an earlier one that was cut is forgotten."""
        self.version, self.buckets, self._missing = version, buckets, set(range(len(buckets)))

    def arrived(self, index: int) -> None:
        """A bucket is in the model as a whole."""
        self._missing.discard(index)

    @property
    def is_cut(self) -> bool:
        """Whether a push has begun and not ended."""
        return bool(self._missing)

    def require_whole(self) -> None:
        """Raises EngineError where a push was cut: a part of the weights is of another version."""
        if self._missing:
            have, total = len(self.buckets) - len(self._missing), len(self.buckets)
            raise EngineError(
                f"the engine holds {have} of {total} buckets of weights version {self.version}, the push was cut; "
                f"push a version whole before it samples"
            )


def load_in_buckets(
    engine: BucketReceiver, version: int, buckets: Sequence[Bucket], arrays: Iterable[Sequence[np.ndarray]]
) -> None:
    """A whole push: `arrays` yields those of each bucket."""
    engine.begin_load(version, buckets)
    for index, of_bucket in enumerate(arrays):
        engine.load_bucket(index, of_bucket)
    engine.end_load()


def load_whole(engine: BucketReceiver, version: int, arrays: Mapping[str, np.ndarray]) -> None:
    """A whole push of arrays that are all in this process."""
    buckets = plan_buckets(specs_of(arrays))
    load_in_buckets(engine, version, buckets, (arrays_of(bucket, arrays) for bucket in buckets))

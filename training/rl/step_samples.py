"""The samples of a step that is cut short, kept in a file until the step is done after all.

A run that goes on from the checkpoint of the step before makes the same requests again. What is kept of them is taken
instead of being sampled, where that changes nothing: batches that were complete, with their judgements; of one that was
not, the shards of which all samples had come. An engine that decodes the samples of a shard together has to sample a
shard whole, since its last bits depend on which samples share a batch; one that decodes continuously samples what is
missing. What comes twice is counted once.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from openqwq.training.records import Chunk, Rollout, RolloutBatch, SampleRequest
from openqwq.training.run_folder.folder import write_bytes

Key = tuple[int, int, int, int]
"""Group, index, seed and number of tokens that were sampled before."""


@dataclass
class BatchSamples:
    """What came of one rollout batch."""

    keys: list[Key]
    """Of its requests."""
    chunks: list[list[Rollout]] = field(default_factory=list)
    """As they came, since a verifier judges a chunk at a time."""
    batch: RolloutBatch | None = None
    """All of it, once it is complete and judged."""

    def complete(self, batch: RolloutBatch) -> RolloutBatch:
        """Note that it is."""
        self.batch, self.chunks = batch, []
        return batch

    @property
    def num_samples(self) -> int:
        """Finished samples that came."""
        return len(self.batch.judged) if self.batch is not None else sum(map(len, self.chunks))


@dataclass(frozen=True)
class KeptStep:
    """What the file holds."""

    step: int
    batches: list[BatchSamples]


_KEPT = TypeAdapter(KeptStep)


class StepSamples:
    """The batches of the step in progress. `path`: of the file; None keeps nothing. `num_shards`: into how many parts
    the workers deal a batch; None where samples do not depend on which others are sampled."""

    def __init__(self, path: Path | None, num_shards: int | None = None) -> None:
        self._path, self._num_shards = path, num_shards
        self._batches: list[BatchSamples] = []
        self._kept: list[BatchSamples] = []
        self._loaded: KeptStep | None = None

    def begin(self, step: int) -> None:
        """A step begins; what is kept of it is used, and of others no more."""
        self._batches = []
        self._kept = self._loaded.batches if self._loaded is not None and self._loaded.step == step else []

    def load(self, warn: Callable[[str], None]) -> None:
        """Read the file of an earlier session, where there is one."""
        if self._path is None or not self._path.exists():
            return
        try:
            self._loaded = _KEPT.validate_python(json.loads(gzip.decompress(self._path.read_bytes())))
        except (OSError, EOFError, zlib.error, ValueError, ValidationError) as error:
            warn(f"{self._path} cannot be read ({type(error).__name__}); its samples are sampled again")

    def save(self, step: int) -> int:
        """Write what came so far; returns the number of samples."""
        if self._path is None:
            return 0
        tree = _KEPT.dump_python(KeptStep(step, self._batches))
        write_bytes(self._path, gzip.compress(json.dumps(tree).encode(), 1))
        return sum(batch.num_samples for batch in self._batches)

    def open(self, requests: Sequence[SampleRequest]) -> BatchSamples:
        """The next batch of the step, with what is kept of the same requests."""
        keys = [_key(request) for request in requests]
        batch = BatchSamples(keys)
        if self._path is None:
            return batch
        place = len(self._batches)
        if place < len(self._kept) and self._kept[place].keys == keys:
            kept = self._kept[place]
            batch = BatchSamples(keys, [list(chunk) for chunk in kept.chunks], kept.batch)
        else:  # what followed it is of other batches
            self._kept = []
        self._batches.append(batch)
        return batch

    def missing(self, batch: BatchSamples, requests: Sequence[SampleRequest], is_cut: bool) -> list[SampleRequest]:
        """The requests that have to be made. `is_cut`: the batch ends when enough is complete, which depends on all of
        its requests."""
        have = {(rollout.group, rollout.index) for chunk in batch.chunks for rollout in chunk}
        if is_cut or not have:
            return list(requests)
        lacking = [request for request in requests if (request.group, request.index) not in have]
        if self._num_shards is None:
            return lacking
        shards = {request.group % self._num_shards for request in lacking}
        return [request for request in requests if request.group % self._num_shards in shards]


def noted(batch: BatchSamples, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """What is kept of a batch, then what comes and is new; each chunk is noted before it is handed on."""
    have = set[tuple[int, int]]()
    for kept in list(batch.chunks):
        have.update((rollout.group, rollout.index) for rollout in kept)
        yield Chunk(kept)
    for chunk in chunks:
        fresh = [rollout for rollout in chunk.rollouts if (rollout.group, rollout.index) not in have]
        # an engine that is not the same to the bit may cut what it had finished before
        unfinished = [request for request in chunk.unfinished if (request.group, request.index) not in have]
        if fresh:
            batch.chunks.append(fresh)
        yield replace(chunk, rollouts=fresh, unfinished=unfinished)


def _key(request: SampleRequest) -> Key:
    return request.group, request.index, request.seed, len(request.partial.tokens) if request.partial else 0

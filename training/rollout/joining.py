"""Decodes a batch that further requests join while it is decoded, for the `hf` engine.

Those that join are prefilled apart, in groups: a prefill and a copy of the KV cache for each of them would cost more
than the steps for which they wait.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

import torch

from openqwq.training.rollout.decoding_batch import DecodingBatch
from openqwq.training.rollout.engine import Arrivals, Generated, GenerationRequest

JOIN_FRACTION = 0.125
"""Requests join at once when they are this fraction of the rows that are decoded..."""
JOIN_STEPS = 8
"""... else after so many steps."""


class Admission:
    """The requests that wait, in the order in which they came."""

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch
        self.waiting: list[GenerationRequest] = []
        self._steps_waited = 0

    def add(self, requests: Sequence[GenerationRequest]) -> None:
        """Those that come together have contexts of similar length when they join together."""
        self.waiting += sorted(requests, key=lambda r: (len(r.tokens), r.key))

    def next_group(self, num_alive: int) -> list[GenerationRequest]:
        """Called once a step: those that join now, and wait no longer."""
        group = self.waiting[: max(0, self.max_batch - num_alive)]
        if not group:
            return []
        self._steps_waited += 1
        if len(group) < JOIN_FRACTION * num_alive and self._steps_waited <= JOIN_STEPS:
            return []
        self.waiting, self._steps_waited = self.waiting[len(group) :], 0
        return group

    def release(self, keep: Collection[int]) -> Iterator[Generated]:
        """Yield those whose keys are not in `keep` as aborted."""
        cut = [request for request in self.waiting if request.key not in keep]
        self.waiting = [request for request in self.waiting if request.key in keep]
        yield from (Generated(request.key, (), (), "abort") for request in cut)


@torch.inference_mode()
def decode_open_batch(
    requests: Sequence[GenerationRequest],
    arrivals: Arrivals,
    admission: Admission,
    make_batch: Callable[[Sequence[GenerationRequest]], DecodingBatch],
    kept: Callable[[], Collection[int] | None],
) -> Iterator[Generated]:
    """Yield each completion as it ends, of `requests` and of those that arrive, until nothing more will come.

    make_batch: an open batch of such requests. kept: the keys that the last abort spares; None without an abort.
    """
    admission.add(requests)
    batch: DecodingBatch | None = None
    obeyed: Collection[int] | None = None
    may_arrive = True
    while True:
        num_alive = 0 if batch is None else batch.num_alive
        if may_arrive:
            items = arrivals(not num_alive and not admission.waiting)
            may_arrive = items is not None
            yield from (item for item in items or () if isinstance(item, Generated))
            admission.add([item for item in items or () if not isinstance(item, Generated)])
        keep = kept()
        if keep is not None:
            yield from admission.release(keep)
            if batch is not None and keep is not obeyed:
                yield from batch.release(keep)
            obeyed = keep
        num_alive = 0 if batch is None else batch.num_alive
        group = admission.next_group(num_alive)
        if group:
            joining = make_batch(group)
            yield from joining.sample(joining.prefill())
            if batch is None or not batch.num_alive:
                batch = joining
            elif joining.num_alive:
                batch.join(joining)
            if kept() is not obeyed:  # the reader of the yielded completions has aborted
                continue
        if batch is not None and batch.num_alive:
            yield from batch.sample(batch.forward_one())
        elif not may_arrive and not admission.waiting:
            return

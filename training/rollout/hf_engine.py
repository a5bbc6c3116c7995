"""The default engine: a transformers model with a decoding loop of our own, which needs no GPU and no further package.

Samples of one prompt share its prefill, and finished rows leave the batch. Each row has its own stream of uniform
random numbers, so a sample depends on its seed and not on the other rows of its batch (up to floating point).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from openqwq.training.errors import EngineError, RecipeError
from openqwq.training.models import context_held_by
from openqwq.training.rollout.decoding_batch import DecodingBatch
from openqwq.training.rollout.engine import Arrivals, Generated, GenerationRequest
from openqwq.training.rollout.joining import Admission, decode_open_batch
from openqwq.training.weight_sync.arrays import check_fit, copy_arrays, copy_rows
from openqwq.training.weight_sync.broadcast import Rendezvous, broadcast, join, parts
from openqwq.training.weight_sync.buckets import Bucket
from openqwq.training.weight_sync.push import PushProgress, load_whole


def check_layers(config: Any) -> None:
    """Can this engine decode a model of this configuration?

    Raises:
        RecipeError: it has layers that do not see everything before a token.
    """
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if kinds - {"full_attention"} or (not kinds and window is not None):
        found = ", ".join(sorted(kinds)) or f"a sliding window of {window}"
        raise RecipeError(f"the hf engine decodes full attention only, the model has {found}; use rollout.engine=vllm")


class HFEngine:
    """Decodes with `model` on its own device. Implements RolloutEngine."""

    def __init__(self, model: PreTrainedModel, stop_tokens: Sequence[int], max_batch: int = 256) -> None:
        check_layers(model.config)
        self.model = model.eval()
        self.stop_tokens = torch.tensor(sorted(stop_tokens), device=model.device)
        self.max_batch = max_batch
        self.max_context = context_held_by(model.config)
        self.weights_version = 0
        self._push = PushProgress()
        self._kept: set[int] = set()
        """The keys that the last abort spares; every abort makes another object."""

    def generate(self, requests: Sequence[GenerationRequest], arrivals: Arrivals | None = None) -> Iterator[Generated]:
        """Yield each completion as soon as it ends. Batches hold at most `max_batch` requests, with contexts of similar
        length; with `arrivals` there is one batch, and requests join it when others have left.

        Raises:
            EngineError: a context leaves no room for a token, or a push was cut.
        """
        self._push.require_whole()
        self._check_room(requests)
        if arrivals is None:
            yield from self._decode_all(requests)
        else:
            yield from self._decode_open(requests, arrivals)

    def _check_room(self, requests: Sequence[GenerationRequest]) -> None:
        longest = max((len(request.tokens) for request in requests), default=0)
        if self.max_context is not None and longest >= self.max_context:
            raise EngineError(
                f"a context has {longest} tokens and no room for another, the model holds {self.max_context}"
            )

    def _decode_open(self, requests: Sequence[GenerationRequest], arrivals: Arrivals) -> Iterator[Generated]:
        kept_before = self._kept

        def make_batch(group: Sequence[GenerationRequest]) -> DecodingBatch:
            self._check_room(group)
            return DecodingBatch(self.model, self.stop_tokens, group, self.max_context, is_open=True)

        def kept() -> Collection[int] | None:
            return None if self._kept is kept_before else self._kept

        yield from decode_open_batch(requests, arrivals, Admission(self.max_batch), make_batch, kept)

    def _decode_all(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        kept_before = self._kept
        waiting = sorted(requests, key=lambda r: (len(r.tokens), r.key))
        for start in range(0, len(waiting), self.max_batch):
            batch = waiting[start : start + self.max_batch]
            if self._kept is not kept_before:
                yield from (Generated(r.key, (), (), "abort") for r in batch if r.key not in self._kept)
                batch = [request for request in batch if request.key in self._kept]
            if batch:
                yield from self._decode(batch)

    def abort(self, keep: Collection[int] = ()) -> None:
        """Make `generate` yield the unfinished completions as `abort`, except for the keys in `keep`."""
        self._kept = set(keep)

    @torch.inference_mode()
    def _decode(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        batch = DecodingBatch(self.model, self.stop_tokens, requests, self.max_context)
        logits = batch.prefill()
        kept_before = self._kept
        while True:
            yield from batch.sample(logits)
            if self._kept is not kept_before:
                kept_before = self._kept
                yield from batch.release(kept_before)
            if not batch.num_alive:
                return
            logits = batch.forward_one()

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place."""
        load_whole(self, version, arrays)

    def begin_load(self, version: int, buckets: Sequence[Bucket]) -> None:
        """A push begins."""
        check_fit(self._parameters, [spec for bucket in buckets for spec in bucket.arrays])
        self._push.begin(version, buckets)

    def load_bucket(self, index: int, arrays: Sequence[np.ndarray]) -> None:
        """Replace the weights of a bucket."""
        copy_arrays(self._parameters, self._push.buckets[index].arrays, arrays)
        self._push.arrived(index)

    def end_load(self) -> None:
        """The engine has the whole version."""
        self._push.require_whole()
        self.weights_version = self._push.version

    @property
    def _parameters(self) -> dict[str, torch.Tensor]:
        return dict(self.model.named_parameters())

    def join_broadcast(self, rendezvous: Rendezvous, first_rank: int) -> None:
        """Join the group that receives the trainer's broadcasts."""
        self._group = join(rendezvous, first_rank, self.model.device)

    def receive_weights(self, version: int, buckets: Sequence[Bucket]) -> None:
        """Replace the weights by those that the trainer broadcasts."""
        self.begin_load(version, buckets)
        parameters, largest = self._parameters, max((bucket.size for bucket in buckets), default=0)
        memory = torch.empty(largest, dtype=torch.uint8, device=self.model.device)
        for index, bucket in enumerate(buckets):
            broadcast(self._group, memory[: bucket.size])
            for spec, values in parts(bucket, memory):
                copy_rows(parameters[spec.name], spec, values)
            self._push.arrived(index)
        self.end_load()

    @torch.inference_mode()
    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] at temperature 1."""
        self._push.require_whole()
        ids = torch.tensor([list(tokens)], device=self.model.device)
        logits = self.model(input_ids=ids).logits[0, :-1].float()
        picked = torch.log_softmax(logits, 1).gather(1, ids[0, 1:, None])
        return [float(x) for x in picked[:, 0]]

    def sleep(self, keeps_weights: bool) -> None:
        """Frees nothing: the KV cache is freed at the end of each call, and the weights stay."""

    def close(self) -> None:
        """Has no processes to end."""

"""The contract of a rollout engine: tokens in, tokens out, versioned weights. Implementations: beside it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from openqwq.training.weight_sync.broadcast import Rendezvous
from openqwq.training.weight_sync.buckets import Bucket


@dataclass(frozen=True)
class GenerationRequest:
    """One completion to decode. Example: `GenerationRequest(key=0, tokens=(5, 9), seed=7, max_new_tokens=64)`"""

    key: int
    """Handed back with the result; results come in the order in which they end."""
    tokens: tuple[int, ...]
    """The context: prompt and everything after it, what was sampled of this completion before included."""
    seed: int
    """Decides the random number of every position, whoever decodes it and however often it was aborted."""
    max_new_tokens: int
    """Of the whole completion."""
    temperature: float = 1.0
    """0 decodes greedily."""
    top_p: float = 1.0
    top_k: int = 0
    num_sampled: int = 0
    """Tokens of this completion that stand at the end of `tokens` already."""


@dataclass(frozen=True)
class Generated:
    """What one request decoded, its end token included when it was sampled."""

    key: int
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """log p(token | context) at the sampling temperature (at temperature 1 when greedy), of the whole distribution."""
    finish_reason: Literal["stop", "length", "abort"]


class TokenGenerator(Protocol):
    """What the sampler needs of an engine."""

    weights_version: int

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        """Yield each completion as soon as it ends."""

    def abort(self, keep: Collection[int] = ()) -> None:
        """Called between two results of `generate`: what is unfinished is yielded as it is, with finish_reason `abort`,
        except for the keys in `keep`, which are decoded to their end."""


class WeightReceiver(Protocol):
    """What a weight sync needs of an engine."""

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place by those of `version`."""

    def join_broadcast(self, rendezvous: Rendezvous, first_rank: int) -> None:
        """Join the group that receives the trainer's broadcasts; this engine's workers are `first_rank` and up."""

    def receive_weights(self, version: int, buckets: Sequence[Bucket]) -> None:
        """Replace the weights in place by those that the trainer broadcasts at the same time."""

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] given what stands before each, at temperature 1: the check of a weight sync."""


class RolloutEngine(TokenGenerator, WeightReceiver, Protocol):
    """An engine with its whole life."""

    def sleep(self, keeps_weights: bool) -> None:
        """Give the GPU's memory to a trainer that shares it, where the engine can. The next `load_weights` wakes it;
        so does `generate` if the weights were kept."""

    def close(self) -> None:
        """End what the engine has started."""

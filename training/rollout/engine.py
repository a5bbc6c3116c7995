"""The contract of a rollout engine: tokens in, tokens out, versioned weights. `hf_engine.py` and `vllm_engine.py`
implement it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from openqwq.training.weight_sync.broadcast import Rendezvous
from openqwq.training.weight_sync.buckets import Bucket
from openqwq.training.weight_sync.push import BucketReceiver

EndReason = Literal["stop", "length", "abort"]
"""`stop`: an end token; `length`: the limit of new tokens, or of the context; `abort`: unfinished."""


@dataclass(frozen=True)
class GenerationRequest:
    """One completion to decode. Example: `GenerationRequest(key=0, tokens=(5, 9), seed=7, max_new_tokens=64)`"""

    key: int
    """Identifies the result; results come in the order in which completions end."""
    tokens: tuple[int, ...]
    """The context: the prompt and everything after it, including tokens of this completion that were sampled before."""
    seed: int
    """Determines the random number of every position, on any worker and after any number of aborts."""
    max_new_tokens: int
    """Limit of the whole completion, including tokens that were sampled before."""
    temperature: float = 1.0
    """0 decodes greedily."""
    top_p: float = 1.0
    top_k: int = 0
    num_sampled: int = 0
    """Number of tokens of this completion that were sampled before; they are the last ones of `tokens`."""


@dataclass(frozen=True)
class Generated:
    """The new tokens of one request, including the end token if it was sampled."""

    key: int
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """log p(token | context) at the sampling temperature (at temperature 1 when greedy), without top-p and top-k."""
    finish_reason: EndReason


Arrivals = Callable[[bool], Sequence[GenerationRequest | Generated] | None]
"""Gives what has arrived since it was last asked; None says that nothing more will come. Asked with True it waits until
something arrives, asked with False it answers at once. A request has a key that no unfinished request has. An item that
is `Generated` is yielded as it is: so whoever reads the results is told, while the engine decodes, of what ended
elsewhere."""


class TokenGenerator(Protocol):
    """The part of an engine that the sampler uses."""

    weights_version: int

    @property
    def max_context(self) -> int | None:
        """Tokens of context and completion together that the engine holds; None is no limit."""

    def generate(self, requests: Sequence[GenerationRequest], arrivals: Arrivals | None = None) -> Iterator[Generated]:
        """Yield each completion as soon as it ends; one that reaches `max_context` ends as `length`.

        With `arrivals` the engine asks for further requests while it decodes, in the thread that reads the results.
        They join those that are decoded. It asks with True when nothing is left to decode, and ends after None.

        Raises:
            EngineError: a context leaves no room for a token.
        """

    def abort(self, keep: Collection[int] = ()) -> None:
        """Called between two results of `generate`: it then yields the unfinished completions as they are, with
        finish_reason `abort`, except for those with keys in `keep`, which it decodes to their end. The same holds for
        requests that arrive later in that call."""


class WeightReceiver(BucketReceiver, Protocol):
    """The part of an engine that a weight sync uses. An engine whose push was cut refuses to sample (EngineError) until
    a version has arrived whole."""

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place by `arrays`, which are version `version`: a whole push."""

    def join_broadcast(self, rendezvous: Rendezvous, first_rank: int) -> None:
        """Join the group that receives the trainer's broadcasts; this engine's workers are `first_rank` and up."""

    def receive_weights(self, version: int, buckets: Sequence[Bucket]) -> None:
        """Replace the weights in place by those that the trainer broadcasts at the same time."""

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of each of tokens[1:] given the tokens before it, at temperature 1; for the check of a weight sync."""


class RolloutEngine(TokenGenerator, WeightReceiver, Protocol):
    """A rollout engine."""

    def sleep(self, keeps_weights: bool) -> None:
        """Free the GPU's memory for a trainer on the same GPU, if the engine supports it. The next `load_weights` wakes
        the engine; so does `generate` if the weights were kept."""

    def close(self) -> None:
        """End the processes and threads that the engine has started."""

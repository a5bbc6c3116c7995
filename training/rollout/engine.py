"""The contract of a rollout engine: tokens in, tokens out, versioned weights. Implementations: beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np


@dataclass(frozen=True)
class GenerationRequest:
    """One completion to decode. Example: `GenerationRequest(key=0, tokens=(5, 9), seed=7, max_new_tokens=64)`"""

    key: int
    """Handed back with the result; results come in the order in which they end."""
    tokens: tuple[int, ...]
    """The context: prompt and, in later turns, everything after it."""
    seed: int
    max_new_tokens: int
    temperature: float = 1.0
    """0 decodes greedily."""


@dataclass(frozen=True)
class Generated:
    """One decoded completion, its end token included when it was sampled."""

    key: int
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """log p(token | context) at the sampling temperature (at temperature 1 when greedy)."""
    finish_reason: Literal["stop", "length"]


class RolloutEngine(Protocol):
    """What the sampler and the weight push need of an engine."""

    weights_version: int

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        """Yield each completion as soon as it ends."""

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place by those of `version`."""

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] given what stands before each, at temperature 1: the probe of a weight push."""

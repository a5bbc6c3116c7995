"""The stream of RL prompts: a mixture of sources by weight, shuffled per epoch, whose position is saved and
restored."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.records import Prompt
from openqwq.training.seeds import derive_seed


class PromptStream:
    """Takes prompts from several sources by quota.

    Quotas are not random: after n prompts, source i has provided n * weight_i / sum of weights of them, up to one
    prompt; a step of 40 prompts with weights 6:2:2 always holds 24, 8 and 8. The order of each source is shuffled in
    each epoch by a seed of its own. `state()` is the whole position, at which `restore()` continues.
    """

    def __init__(self, sources: Sequence[tuple[Sequence[Prompt], float]], seed: int) -> None:
        self._sources = [list(prompts) for prompts, _ in sources]
        self._weights = [weight for _, weight in sources]
        self._seed = seed
        self._cursor = [0] * len(sources)
        self._owed = [0.0] * len(sources)
        self._orders: dict[tuple[int, int], list[int]] = {}

    def next(self, count: int) -> list[Prompt]:
        """The next `count` prompts, with the sources interleaved in a fixed order."""
        return [self._next_of(source) for source in self._quota(count)]

    def _quota(self, count: int) -> list[int]:
        total = sum(self._weights)
        picked = []
        for _ in range(count):
            for i, weight in enumerate(self._weights):
                self._owed[i] += weight / total
            source = max(range(len(self._owed)), key=lambda i: (round(self._owed[i], 9), -i))
            self._owed[source] -= 1.0
            picked.append(source)
        return picked

    def _next_of(self, source: int) -> Prompt:
        rows = self._sources[source]
        epoch, position = divmod(self._cursor[source], len(rows))
        self._cursor[source] += 1
        return rows[self._order(source, epoch)[position]]

    def _order(self, source: int, epoch: int) -> list[int]:
        key = (source, epoch)
        if key not in self._orders:
            order = list(range(len(self._sources[source])))
            random.Random(derive_seed(self._seed, "order", source, epoch)).shuffle(order)
            self._orders = {k: v for k, v in self._orders.items() if k[0] != source} | {key: order}
        return self._orders[key]

    def raise_replay(self, factor: float = 1.5) -> float:
        """Multiply the weight of replayed sources; returns the new fraction of replayed prompts."""
        for i, rows in enumerate(self._sources):
            if rows[0].is_replay:
                self._weights[i] *= factor
        return self.replay_fraction

    @property
    def replay_fraction(self) -> float:
        """Fraction of prompts that replay an earlier stage."""
        replayed = sum(weight for i, weight in enumerate(self._weights) if self._sources[i][0].is_replay)
        return replayed / sum(self._weights)

    def state(self) -> dict[str, Any]:
        """The position of the stream, as plain JSON values."""
        return {"cursor": list(self._cursor), "owed": list(self._owed), "weights": list(self._weights)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue at the position that `state()` returned."""
        self._cursor = list(state["cursor"])
        self._owed = list(state["owed"])
        self._weights = list(state["weights"])

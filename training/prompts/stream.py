"""The stream of RL prompts: a mixture of sources by weight, shuffled per epoch, whose position is saved and
restored."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from openqwq.training.config.data import Curriculum
from openqwq.training.prompts.curriculum import CurriculumFeed
from openqwq.training.prompts.feeds import Feed, feed_of
from openqwq.training.records import Prompt
from openqwq.training.seeds import derive_seed


class PromptStream:
    """Takes prompts from several sources by quota.

    Quotas are not random: after n prompts, source i has provided n * weight_i / sum of weights of them, up to one
    prompt; a step of 40 prompts with weights 6:2:2 always holds 24, 8 and 8. The order of each source is shuffled in
    each epoch by a seed of its own. `state()` is the whole position, at which `restore()` continues.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Sequence[Prompt], float]],
        seed: int,
        curricula: Sequence[Curriculum | None] = (),
    ) -> None:
        """`curricula`: one for each source, or none at all."""
        feeds = [feed_of(rows, partial(derive_seed, seed, "order", i)) for i, (rows, _) in enumerate(sources)]
        settings = curricula or [None] * len(feeds)
        self._feeds: list[Feed] = [
            feed if curriculum is None else CurriculumFeed(feed, curriculum)
            for feed, curriculum in zip(feeds, settings, strict=True)
        ]
        self._replays = [rows[0].is_replay for rows, _ in sources]
        self._weights = [weight for _, weight in sources]
        self._owed = [0.0] * len(sources)

    def next(self, count: int) -> list[Prompt]:
        """The next `count` prompts, with the sources interleaved in a fixed order."""
        return [self._feeds[source].next() for source in self._quota(count)]

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

    def note(self, prompt_id: str, accuracy: float) -> None:
        """Tell the sources with a curriculum what a group of a prompt achieved."""
        for feed in self._curricula:
            feed.note(prompt_id, accuracy)

    @property
    def num_paused(self) -> int | None:
        """Prompts that a curriculum passes over for now; None without one."""
        return sum(feed.num_paused for feed in self._curricula) if self._curricula else None

    @property
    def _curricula(self) -> list[CurriculumFeed]:
        return [feed for feed in self._feeds if isinstance(feed, CurriculumFeed)]

    def raise_replay(self, factor: float = 1.5) -> float:
        """Multiply the weight of replayed sources; returns the new fraction of replayed prompts."""
        for i, is_replay in enumerate(self._replays):
            if is_replay:
                self._weights[i] *= factor
        return self.replay_fraction

    @property
    def replay_fraction(self) -> float:
        """Fraction of prompts that replay an earlier stage."""
        replayed = sum(weight for weight, is_replay in zip(self._weights, self._replays, strict=True) if is_replay)
        return replayed / sum(self._weights)

    def state(self) -> dict[str, Any]:
        """The position of the stream, as plain JSON values."""
        return {
            "cursor": [feed.state() for feed in self._feeds],
            "owed": list(self._owed),
            "weights": list(self._weights),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue at the position that `state()` returned."""
        for feed, cursor in zip(self._feeds, state["cursor"], strict=True):
            feed.restore(cursor)
        self._owed = list(state["owed"])
        self._weights = list(state["weights"])

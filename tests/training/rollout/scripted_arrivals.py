"""Requests that arrive with chosen polls of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openqwq.training.rollout.engine import Generated, GenerationRequest


class Script:
    """`items` arrive with the polls of these numbers, the first of which is 0. A blocking poll skips the polls up to
    the next items. After the last items nothing more comes."""

    def __init__(self, items: Mapping[int, Sequence[GenerationRequest | Generated]]) -> None:
        self.items = dict(items)
        self.polls = -1
        self.blocked: list[int] = []
        """The numbers of the blocking polls."""
        self.is_over = False

    def __call__(self, block: bool) -> Sequence[GenerationRequest | Generated] | None:
        assert not self.is_over, "asked after it has said that nothing more will come"
        self.polls += 1
        if block:
            self.blocked.append(self.polls)
            self.polls = max(self.polls, min(self.items, default=self.polls))
        if not self.items:
            self.is_over = True
            return None
        return self.items.pop(self.polls, ())

"""Prompts that are worth asking now: those which the policy answers sometimes."""

from typing import Any

from openqwq.training.config.data import Curriculum
from openqwq.training.prompts.feeds import Feed
from openqwq.training.records import Prompt


class CurriculumFeed:
    """Passes over prompts of another feed whose running accuracy is outside a range, and asks them again after a while.

    Implements Feed. What it passes over depends on the outcomes that it was told of, and on nothing else. A prompt that
    was never asked is never passed over.
    """

    def __init__(self, feed: Feed, settings: Curriculum) -> None:
        self._feed, self._settings = feed, settings
        self._accuracy: dict[str, float] = {}
        self._pauses: dict[str, int] = {}
        """Prompt -> how often it is still passed over."""

    def next(self) -> Prompt:
        """The next prompt that is not passed over. Each pass makes a pause shorter, so it ends even where all pause."""
        while True:
            prompt = self._feed.next()
            left = self._pauses.pop(prompt.id, 0)
            if left == 0:
                return prompt
            if left > 1:
                self._pauses[prompt.id] = left - 1

    def note(self, prompt_id: str, accuracy: float) -> None:
        """Take account of a group's mean outcome, in [0, 1]. A prompt that this feed has not may be noted, too."""
        settings = self._settings
        before = self._accuracy.get(prompt_id, accuracy)
        now = before + settings.newest * (accuracy - before)
        self._accuracy[prompt_id] = now
        self._pauses.pop(prompt_id, None)
        if settings.pause and not settings.low <= now <= settings.high:
            self._pauses[prompt_id] = settings.pause

    @property
    def num_paused(self) -> int:
        """Prompts that would be passed over now."""
        return len(self._pauses)

    def state(self) -> dict[str, Any]:
        return {"feed": self._feed.state(), "accuracy": dict(self._accuracy), "pauses": dict(self._pauses)}

    def restore(self, state: Any) -> None:
        self._feed.restore(state["feed"])
        self._accuracy = dict(state["accuracy"])
        self._pauses = dict(state["pauses"])

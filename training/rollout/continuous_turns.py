"""Conversations whose next turn begins as soon as their environment has answered, while the engine decodes the others.

Which turns share a batch depends on how long environments take, so the last bits of a sample's numbers may differ
between two runs; in rounds (`sampler.py`) they do not.
"""

from collections.abc import Callable, Iterator, Sequence

from openqwq.training.environments.episode import wait_for_one
from openqwq.training.rollout.conversation import Conversation, Item
from openqwq.training.rollout.engine import Generated, GenerationRequest, TokenGenerator


class ContinuousTurns:
    """The conversations of one call of a sampler, by the keys 0, 1, ... of their requests to the engine."""

    def __init__(
        self,
        conversations: Sequence[Conversation],
        engine: TokenGenerator,
        request_of: Callable[[int, Conversation], GenerationRequest],
    ) -> None:
        self._conversations, self._engine, self._request_of = conversations, engine, request_of
        self._not_decoded = list(range(len(conversations)))
        """Keys of those that wait for their environment, or have not begun."""
        self._has_begun: set[int] = set()
        self._ended: dict[int, Item] = {}
        """What has ended with an answer of its environment and was not yielded yet."""
        self.is_aborting = False

    def items(self) -> Iterator[Item]:
        """Yield each conversation as it ends."""
        for generated in self._engine.generate((), self._arrivals):
            key = generated.key
            item = self._ended.pop(key) if key in self._ended else self._add(generated)
            if item is not None:
                yield item

    def abort(self) -> None:
        """End those that may be aborted. One whose tool works is ended when the tool has answered: its turn is not
        sampled again, and its answer is not asked for again."""
        self.is_aborting = True
        spared = enumerate(self._conversations)
        self._engine.abort(keep=[key for key, other in spared if not other.request.may_be_aborted])

    def _add(self, generated: Generated) -> Item | None:
        conversation, version = self._conversations[generated.key], self._engine.weights_version
        item = conversation.add(generated, version)
        if generated.finish_reason == "abort":
            item = conversation.abort(version)
        if item is None:
            self._not_decoded.append(generated.key)
        return item

    def _arrivals(self, block: bool) -> Sequence[GenerationRequest | Generated] | None:
        if block and not self._not_decoded:
            return None
        arrived = self._answered()
        while block and not arrived and self._not_decoded:
            awaited = (self._conversations[key].awaited for key in self._not_decoded)
            wait_for_one([pending for pending in awaited if pending is not None])
            arrived = self._answered()
        return arrived

    def _answered(self) -> list[GenerationRequest | Generated]:
        """Take in what environments have answered: turns that begin, and marks of conversations that have ended."""
        arrived: list[GenerationRequest | Generated] = []
        not_decoded, self._not_decoded = self._not_decoded, []
        for key in not_decoded:
            conversation = self._conversations[key]
            item = self._advance(key, conversation)
            if item is not None:
                self._ended[key] = item
                arrived.append(Generated(key, (), (), "stop"))
            elif conversation.is_waiting:
                self._not_decoded.append(key)
            else:
                arrived.append(self._request_of(key, conversation))
        return arrived

    def _advance(self, key: int, conversation: Conversation) -> Item | None:
        """Go on so far as nothing has to be waited for."""
        item, version = None, self._engine.weights_version
        while item is None and conversation.is_waiting and conversation.is_answered:
            item = conversation.observed()
        if item is not None or conversation.is_waiting:
            return item
        if key not in self._has_begun:
            self._has_begun.add(key)
            item = conversation.ended_at_the_start(version)
        if item is None and not conversation.is_waiting and self._is_cut(conversation):
            item = conversation.abort(version)
        return item

    def _is_cut(self, conversation: Conversation) -> bool:
        return self.is_aborting and conversation.request.may_be_aborted

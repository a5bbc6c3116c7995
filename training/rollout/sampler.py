"""Samples conversations with an engine and yields each one as soon as it ends.

All conversations go through rounds: the engine decodes a turn of each, and environments answer the turns that have
ended while others are decoded. The next round begins when all have answered, so that no result depends on how long an
environment takes.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from openqwq.training.config import EnvironmentUse, Sampling
from openqwq.training.config.context_budget import smallest
from openqwq.training.environments.episode import episode_makers
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.conversation import ChatCodec, Conversation, Item
from openqwq.training.rollout.engine import GenerationRequest, RolloutEngine
from openqwq.training.seeds import derive_seed

END_SECONDS = 10.0
"""How long a sampling that is given up waits for its environments to close."""


class Sampler:
    """Samples any mixture of tasks. `environments` maps a task to the environment that answers its tool calls."""

    def __init__(
        self,
        engine: RolloutEngine,
        codec: ChatCodec,
        environments: Mapping[str, EnvironmentUse | str],
        sandbox_urls: Sequence[str] = (),
    ) -> None:
        self.engine = engine
        self.codec = codec
        self._makers = episode_makers(environments, sandbox_urls)

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Rollout | SampleRequest]:
        """Yield a rollout as each sample ends. The seed of a turn is a hash of the sample's seed and the turn's number.
        A conversation ends as `length` at the smaller of `sampling.max_context` and what the engine holds.

        Once `enough_groups` groups are complete, the other samples are aborted and yielded as requests that hold their
        partial rollouts, except for samples that may not be aborted. Token counts alone decide which samples those are.

        Every environment is closed once, also when the iterator is closed before its end or the engine fails.
        """
        conversations: list[Conversation] = []
        try:
            conversations += [self._begin(request, sampling) for request in requests]
            yield from self._rounds(conversations, sampling, enough_groups)
        finally:
            _give_up(conversations)

    def _rounds(
        self, conversations: Sequence[Conversation], sampling: Sampling, enough_groups: int | None
    ) -> Iterator[Item]:
        groups, is_aborting = _OpenGroups(conversations), False
        yield from groups.noted(_begun(conversations, self.engine.weights_version))
        pending = [conversation for conversation in conversations if not conversation.is_over]
        while pending:
            generations = [self._generation(i, conversation, sampling) for i, conversation in enumerate(pending)]
            waiting: list[Conversation] = []
            for generated in self.engine.generate(generations):
                conversation = pending[generated.key]
                item = conversation.add(generated, self.engine.weights_version)
                if generated.finish_reason == "abort":
                    item = conversation.abort(self.engine.weights_version)
                if item is not None:
                    yield from groups.noted([item])
                elif conversation.is_waiting:
                    waiting.append(conversation)
                if enough_groups is None or is_aborting or groups.complete_with(waiting) < enough_groups:
                    continue
                yield from groups.noted(_settled(waiting))  # whether there are enough is known when these have answered
                waiting = []
                if groups.num_complete >= enough_groups:
                    is_aborting = True
                    self.engine.abort(keep=[i for i, other in enumerate(pending) if not other.request.may_be_aborted])
            yield from groups.noted(_settled(waiting))
            pending = [conversation for conversation in pending if not conversation.is_over]
            if is_aborting:
                aborted = [conversation for conversation in pending if conversation.request.may_be_aborted]
                yield from _aborted(aborted, self.engine.weights_version)
                pending = [conversation for conversation in pending if not conversation.request.may_be_aborted]

    def _begin(self, request: SampleRequest, sampling: Sampling) -> Conversation:
        maker = self._makers.get(request.prompt.task)
        call_format = getattr(self.codec, "call_format", None)  # other codecs may not say
        format = {} if call_format is None else {"call_format": call_format}
        episode = None if maker is None else maker.episode(request.prompt.tools, **format)
        budget = smallest(sampling.max_context, self.engine.max_context)
        version = self.engine.weights_version
        return Conversation(request, self.codec, episode, sampling.max_turns, budget, version)

    @staticmethod
    def _generation(key: int, conversation: Conversation, sampling: Sampling) -> GenerationRequest:
        return GenerationRequest(
            key=key,
            tokens=conversation.context,
            seed=derive_seed(conversation.request.seed, "turn", conversation.num_turns),
            max_new_tokens=conversation.turn_limit(sampling.max_new_tokens),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            num_sampled=conversation.num_turn_tokens,
        )


class _OpenGroups:
    """Counts the groups whose samples have all finished."""

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._open = Counter(conversation.request.group for conversation in conversations)

    @property
    def num_complete(self) -> int:
        return sum(count == 0 for count in self._open.values())

    def complete_with(self, waiting: Sequence[Conversation]) -> int:
        """How many there are if everything that waits for its environment finishes."""
        ending = Counter(conversation.request.group for conversation in waiting)
        return sum(count <= ending[group] for group, count in self._open.items())

    def noted(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, each counted before it is handed on."""
        for item in items:
            if isinstance(item, Rollout):
                self._open[item.group] -= 1
            yield item


def _begun(conversations: Sequence[Conversation], weights_version: int) -> Iterator[Item]:
    """What ends before its first token. Environments begin all samples at the same time."""
    yield from _settled(conversations)
    starting = [conversation for conversation in conversations if not conversation.is_over]
    for conversation in starting:
        item = conversation.ended_at_the_start(weights_version)
        if item is not None:
            yield item
    yield from _settled(starting)


def _aborted(conversations: Sequence[Conversation], weights_version: int) -> Iterator[Item]:
    for conversation in conversations:
        item = conversation.abort(weights_version)
        if item is not None:
            yield item
    yield from _settled(conversations)


def _settled(conversations: Sequence[Conversation]) -> Iterator[Item]:
    """Let every environment end what it does; yields what has ended with it."""
    waiting = [conversation for conversation in conversations if conversation.is_waiting]
    while waiting:
        for conversation in waiting:
            item = conversation.observed()
            if item is not None:
                yield item
        waiting = [conversation for conversation in waiting if conversation.is_waiting]


def _give_up(conversations: Sequence[Conversation]) -> None:
    """Close the environments of the samples that have not ended."""
    open_ones = [conversation for conversation in conversations if not conversation.is_over]
    for conversation in open_ones:
        conversation.give_up()
    deadline = time.monotonic() + END_SECONDS
    for conversation in open_ones:
        if conversation.episode is not None:
            conversation.episode.wait_until_given_up(deadline)

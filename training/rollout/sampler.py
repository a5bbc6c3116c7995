"""Samples conversations with an engine and yields each one as soon as it ends."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from openqwq.training.config import EnvironmentUse, Sampling
from openqwq.training.config.context_budget import smallest
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.conversation import ChatCodec, Conversation
from openqwq.training.rollout.engine import GenerationRequest, RolloutEngine
from openqwq.training.seeds import derive_seed


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
        self._factories = {task: environment_factory(use, sandbox_urls) for task, use in environments.items()}

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Rollout | SampleRequest]:
        """Yield a rollout as each sample ends. The seed of a turn is a hash of the sample's seed and the turn's number.
        A conversation ends as `length` at the smaller of `sampling.max_context` and what the engine holds.

        Once `enough_groups` groups are complete, the other samples are aborted and yielded as requests that hold their
        partial rollouts, except for samples that may not be aborted. Token counts alone decide which samples those are.
        """
        open_samples = Counter(request.group for request in requests)
        num_groups, is_aborting = len(open_samples), False
        pending = []
        for request in requests:
            conversation = self._begin(request, sampling)
            ended = conversation.ended_at_the_start(self.engine.weights_version)
            if ended is None:
                pending.append(conversation)
            else:
                open_samples[request.group] -= 1
                yield ended
        while pending:
            generations = [self._generation(i, conversation, sampling) for i, conversation in enumerate(pending)]
            going_on: dict[int, Conversation] = {}
            for generated in self.engine.generate(generations):
                conversation = pending[generated.key]
                rollout = conversation.add(generated, self.engine.weights_version)
                if rollout is not None:
                    open_samples[rollout.group] -= 1
                    yield rollout
                elif generated.finish_reason == "abort":
                    yield conversation.abort(self.engine.weights_version)
                else:
                    going_on[generated.key] = conversation
                complete = num_groups - sum(count > 0 for count in open_samples.values())
                if enough_groups is not None and not is_aborting and complete >= enough_groups:
                    is_aborting = True
                    self.engine.abort(keep=[i for i, other in enumerate(pending) if not other.request.may_be_aborted])
            pending = [going_on[key] for key in sorted(going_on)]
            if is_aborting:
                for conversation in pending:
                    if conversation.request.may_be_aborted:
                        yield conversation.abort(self.engine.weights_version)
                pending = [conversation for conversation in pending if not conversation.request.may_be_aborted]

    def _begin(self, request: SampleRequest, sampling: Sampling) -> Conversation:
        factory = self._factories.get(request.prompt.task)
        budget = smallest(sampling.max_context, self.engine.max_context)
        return Conversation(request, self.codec, factory() if factory else None, sampling.max_turns, budget)

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

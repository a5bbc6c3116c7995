"""Draws samples with an engine: one conversation per sample, each handed over as soon as it ends."""

from collections.abc import Iterator, Mapping, Sequence

from openqwq.training.config import Sampling
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.conversation import ChatCodec, Conversation
from openqwq.training.rollout.engine import GenerationRequest, RolloutEngine
from openqwq.training.rollout.environments import environment_factory
from openqwq.training.seeds import derive_seed


class Sampler:
    """Samples of any mixture of tasks. `environments` maps a task to the environment that answers its tool calls."""

    def __init__(self, engine: RolloutEngine, codec: ChatCodec, environments: Mapping[str, str]) -> None:
        self.engine = engine
        self.codec = codec
        self._factories = {task: environment_factory(name) for task, name in environments.items()}

    def sample(self, requests: Sequence[SampleRequest], sampling: Sampling) -> Iterator[Rollout]:
        """Yield a rollout as each sample ends. Turn t of a sample draws from a seed of (sample, t)."""
        pending = [self._begin(request, sampling) for request in requests]
        turn = 0
        while pending:
            generations = [
                GenerationRequest(
                    key=i,
                    tokens=conversation.context,
                    seed=derive_seed(conversation.request.seed, "turn", turn),
                    max_new_tokens=sampling.max_new_tokens,
                    temperature=sampling.temperature,
                )
                for i, conversation in enumerate(pending)
            ]
            going_on: dict[int, Conversation] = {}
            for generated in self.engine.generate(generations):
                conversation = pending[generated.key]
                rollout = conversation.add(generated, self.engine.weights_version)
                if rollout is None:
                    going_on[generated.key] = conversation
                else:
                    yield rollout
            pending = [going_on[key] for key in sorted(going_on)]
            turn += 1

    def _begin(self, request: SampleRequest, sampling: Sampling) -> Conversation:
        factory = self._factories.get(request.prompt.task)
        return Conversation(request, self.codec, factory() if factory else None, sampling.max_turns)

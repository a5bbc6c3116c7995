"""Samples from a scripted server, as an evaluation asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openqwq.training.config import Sampling
from openqwq.training.endpoint.settings import EndpointSettings
from openqwq.training.endpoint.workers import EndpointWorkers
from openqwq.training.records import Prompt, Rollout, SampleRequest
from openqwq.training.rollout.build import EngineSettings
from tests.training.endpoint.scripted_server import MODEL, Asked, ChatServer, Reply
from tests.training.small_records import make_prompt

SAMPLING = Sampling(temperature=0.6, top_p=0.95, top_k=40, max_new_tokens=100)


@dataclass
class Seen:
    """What came of a call."""

    rollouts: list[Rollout]
    chats: list[Asked]
    warnings: list[str] = field(default_factory=list)

    @property
    def only(self) -> Rollout:
        """The rollout of a call for one sample."""
        [rollout] = self.rollouts
        return rollout


def requests_for(prompts: Sequence[Prompt], samples: int = 1) -> list[SampleRequest]:
    """Requests with a seed each."""
    return [SampleRequest(p, g, k, 1000 * g + k + 2**40) for g, p in enumerate(prompts) for k in range(samples)]


def quick(url: str, **changes: Any) -> EndpointSettings:
    """Settings whose pauses take no time."""
    return EndpointSettings(url, **{"pause_seconds": 0.001, "key_variable": "NO_SUCH_KEY", **changes})


def sampled(
    behave: Callable[[Asked], Reply],
    requests: Sequence[SampleRequest] | None = None,
    sampling: Sampling = SAMPLING,
    environments: Mapping[str, str] | None = None,
    **changes: Any,
) -> Seen:
    """The rollouts that a server with this behaviour gives, in the order of the requests."""
    warnings: list[str] = []
    with ChatServer(behave) as server:
        workers = EndpointWorkers(quick(server.url, **changes), warnings.append)
        try:
            workers.start_engines(EngineSettings(MODEL, "float32", environments or {}, 8))
            chunks = list(workers.sample(requests or requests_for([make_prompt()]), sampling))
        finally:
            workers.close()
    assert all(len(c.rollouts) == 1 and not c.unfinished and c.busy_seconds > 0 for c in chunks)
    rollouts = sorted((r for c in chunks for r in c.rollouts), key=lambda r: (r.group, r.index))
    return Seen(rollouts, server.chats, warnings)

"""Simulated rollout workers for the schedule and the loop: one token per sample and iteration, lengths by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from openqwq.training.config import PromptSource, RlStage, Sampling, Schedule
from openqwq.training.config.data import Curriculum
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Group, Judged, Judgement, PartialRollout, Prompt, RolloutBatch, SampleRequest
from openqwq.training.rl.collector import Collected
from openqwq.training.rl.schedule import RolloutSchedule
from tests.training.small_records import make_prompt, make_rollout

OVER_AGES = pytest.mark.parametrize(
    "schedule",
    [
        Schedule(kind="partial", oversample=3.0, max_staleness=1),
        Schedule(kind="partial", oversample=3.0, max_staleness=3),
        Schedule(kind="async", oversample=3.0, async_depth=1, max_staleness=3),
        Schedule(kind="async", oversample=3.0, async_depth=2, max_staleness=5),
    ],
    ids=["partial 1", "partial 3", "async 1 of 3", "async 2 of 5"],
)
"""Schedules that carry samples over as many steps as their bound allows."""


@dataclass(frozen=True)
class Call:
    """The arguments of one call of the rollout workers, and the version of the weights at that time."""

    prompts: list[str]
    requests: list[SampleRequest]
    enough: int | None
    in_background: bool
    version: int


class Engines:
    """Samples one token per sample and iteration; a sample's length is a function of its seed. Implements
    BeginRollouts and records its calls."""

    def __init__(self, longest: int = 30) -> None:
        self.version = 0
        self.longest = longest
        self.calls: list[Call] = []

    def length(self, request: SampleRequest) -> int:
        return 1 + request.seed % self.longest

    def __call__(
        self, prompts: Sequence[Prompt], requests: Sequence[SampleRequest], enough: int | None, in_background: bool
    ) -> Collected:
        self.calls.append(Call([p.id for p in prompts], list(requests), enough, in_background, self.version))
        sampled = {id(r): len(r.partial.tokens) if r.partial else 0 for r in requests}
        left = Counter(r.group for r in requests)
        judged, unfinished, alive = [], [], list(requests)
        while alive:
            for request in alive:
                sampled[id(request)] += 1
            ended = [r for r in alive if sampled[id(r)] >= self.length(r)]
            alive = [r for r in alive if sampled[id(r)] < self.length(r)]
            judged += [self.finished(r) for r in ended]
            left.subtract(r.group for r in ended)
            if enough is not None and sum(count == 0 for count in left.values()) >= enough:
                unfinished += [self.aborted(r, sampled[id(r)]) for r in alive if r.may_be_aborted]
                alive = [r for r in alive if not r.may_be_aborted]
        return Collected(RolloutBatch(judged, unfinished, busy_seconds=len(requests) / 4))

    def finished(self, request: SampleRequest) -> Judged:
        oldest = request.partial.oldest_version if request.partial else self.version
        rollout = make_rollout(request.group, request.index, tokens=(5,) * self.length(request))
        rollout = replace(rollout, prompt_id=request.prompt.id, seed=request.seed, oldest_version=oldest,
                          weights_version=self.version)  # fmt: skip
        return Judged(rollout, Judgement(self.reward(request), {}, {}))

    def reward(self, request: SampleRequest) -> float:
        return float(request.seed % 2)

    def aborted(self, request: SampleRequest, count: int) -> SampleRequest:
        oldest = request.partial.oldest_version if request.partial else self.version
        return replace(request, partial=PartialRollout((5,) * count, (-1.0,) * count, (1,) * count, (), count, oldest))


def stage_of(schedule: Schedule, steps: int = 8, **changes: object) -> RlStage:
    """A stage of 4 groups of 3 samples per step."""
    return RlStage(name="stage1", kind="rl", prompts=(PromptSource(source="rows.jsonl"),), steps=steps,
                   prompts_per_step=4, group_size=3, sampling=Sampling(), schedule=schedule, **changes)  # type: ignore[arg-type]  # fmt: skip


def schedule_of(
    stage: RlStage,
    engines: Callable[..., Collected],
    extra_rounds: int = 0,
    has_signal: Callable[[Group], bool] = lambda group: len(set(group.rewards)) > 1,
    curriculum: Curriculum | None = None,
    num_prompts: int = 50,
) -> RolloutSchedule:
    """The schedule of a stage on simulated engines."""
    stream = PromptStream([([make_prompt(n) for n in range(num_prompts)], 1.0)], 1, [curriculum])
    return RolloutSchedule(stage, 7, stream, engines, has_signal, extra_rounds)

"""The rollout buffer of a stage: groups that are still being sampled, and complete groups that wait for a step."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from openqwq.training.config import RlStage
from openqwq.training.records import Group, Judged, OpenGroup, Prompt, RolloutBatch, SampleRequest
from openqwq.training.rewards.penalties import with_group_penalties
from openqwq.training.seeds import derive_seed

HasSignal = Callable[[Group], bool]

_GROUPS = TypeAdapter(list[Group])
_OPEN_GROUPS = TypeAdapter(list[OpenGroup])


@dataclass(frozen=True)
class Selection:
    """The complete groups that a step gets. Example: `Selection(taken=[...], discarded=[], num_too_old=0)`"""

    taken: Sequence[Group]
    """Groups to train on."""
    discarded: Sequence[Group]
    """Groups that are left out: too old, or without a signal under dynamic sampling."""
    num_too_old: int
    """Number of discarded groups that are older than the staleness bound."""


class RolloutBuffer:
    """Holds groups from their first sample to the step that consumes them. Decisions depend on counts and weights
    versions, never on a clock."""

    def __init__(self, stage: RlStage, seed: int, has_signal: HasSignal, drops_without_signal: bool) -> None:
        self._stage, self._seed, self._has_signal = stage, seed, has_signal
        self._drops_without_signal = drops_without_signal
        self._open: dict[int, OpenGroup] = {}
        self._ready: list[Group] = []
        self._num_started = 0

    @property
    def open(self) -> Sequence[OpenGroup]:
        """Groups that still have unfinished samples."""
        return list(self._open.values())

    @property
    def num_ready(self) -> int:
        """Number of complete groups that wait for a step."""
        return len(self._ready)

    def start(self, step: int, prompts: Sequence[Prompt], round_: int) -> list[OpenGroup]:
        """Open a group for each prompt. `round_`: the step's round of sampling, 0 for the first.

        A sample's seed is a hash of run, stage, step, round, position, prompt and index.
        """
        started = []
        for position, prompt in enumerate(prompts):
            # seeds hash the label of an extra round, so changing it would change every sample of such a round
            where = (step, position) if round_ == 0 else (step, f"refill{round_}", position)
            number = self._num_started
            requests = [
                SampleRequest(prompt, number, i, derive_seed(self._seed, self._stage.name, *where, prompt.id, i))
                for i in range(self._stage.group_size)
            ]
            self._open[number] = OpenGroup(number, prompt, [], requests)
            started.append(self._open[number])
            self._num_started += 1
        return started

    def add(self, numbers: Sequence[int], batch: RolloutBatch) -> list[Group]:
        """Add the results of the groups `numbers`. Complete groups become ready and are returned; the others stay open
        with their partial rollouts."""
        complete: list[Group] = []
        judged_of, waiting_of = defaultdict[int, list[Judged]](list), defaultdict[int, list[SampleRequest]](list)
        for entry in batch.judged:
            judged_of[entry.rollout.group].append(entry)
        for request in batch.unfinished:
            waiting_of[request.group].append(request)
        for number in numbers:
            group = self._open.pop(number)
            judged = [*group.judged, *judged_of[number]]
            if waiting := waiting_of[number]:
                self._open[number] = OpenGroup(number, group.prompt, judged, waiting)
            else:
                complete.append(_complete(group, judged))
        self._ready += complete
        return complete

    def take(self, step: int, wanted: int) -> Selection:
        """Select at most `wanted` ready groups for this step, the oldest first. A group that would be too old for the
        next step is taken even beyond `wanted`; a group that is too old already is discarded."""
        bound = self._stage.schedule.bound
        taken: list[Group] = []
        discarded: list[Group] = []
        kept: list[Group] = []
        num_too_old = 0
        for group in sorted(self._ready, key=lambda g: (g.oldest_version, g.number)):
            staleness = step - 1 - group.oldest_version
            if staleness > bound:
                discarded.append(group)
                num_too_old += 1
            elif self._drops_without_signal and not self._has_signal(group):
                discarded.append(group)
            elif len(taken) < wanted or staleness + 1 > bound:
                taken.append(group)
            else:
                kept.append(group)
        self._ready = kept
        return Selection(sorted(taken, key=lambda g: g.number), discarded, num_too_old)

    def numbers(self, step: int, groups: Sequence[Group], discarded: Sequence[Group]) -> dict[str, float]:
        """Metrics (docs/metrics.md): the staleness and lengths of the consumed samples, and for comparison the lengths
        of all samples in the buffer."""
        consumed = [rollout for group in groups for rollout in group.rollouts]
        left_out = [rollout for group in discarded for rollout in group.rollouts]
        elsewhere = [rollout for group in self._ready for rollout in group.rollouts]
        elsewhere += [entry.rollout for group in self._open.values() for entry in group.judged]
        partial = [sum(r.partial.loss_mask) for g in self._open.values() for r in g.waiting if r.partial is not None]
        lengths = [sum(rollout.loss_mask) for rollout in consumed]
        others = [sum(rollout.loss_mask) for rollout in [*left_out, *elsewhere]] + partial
        ages = [step - 1 - rollout.oldest_version for rollout in consumed]
        spans = [rollout.weights_version - rollout.oldest_version for rollout in consumed]
        return {
            "staleness/mean": _mean(ages),
            "staleness/max": float(max(ages, default=0)),
            "partial/fraction": _mean([span > 0 for span in spans]),
            "partial/max_span": float(max(spans, default=0)),
            "partial/in_flight": float(len(partial)),
            "lengths/consumed_mean": _mean(lengths),
            "lengths/started_mean": _mean(lengths + others),
            "tokens/consumed": float(sum(lengths)),
            "tokens/dropped": float(sum(sum(rollout.loss_mask) for rollout in left_out)),
        }

    def clear(self) -> None:
        """Drop every sample, for they come from weights that were rolled back."""
        self._open.clear()
        self._ready.clear()

    def state(self) -> dict[str, Any]:
        """The groups and their count, as plain JSON values."""
        return {
            "num_started": self._num_started,
            "open": _OPEN_GROUPS.dump_python(list(self._open.values())),
            "ready": _GROUPS.dump_python(self._ready),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self._num_started = int(state["num_started"])
        self._open = {group.number: group for group in _OPEN_GROUPS.validate_python(state["open"])}
        self._ready = _GROUPS.validate_python(state["ready"])


def _complete(group: OpenGroup, judged: Sequence[Judged]) -> Group:
    entries = sorted(judged, key=lambda entry: entry.rollout.index)
    rollouts = [entry.rollout for entry in entries]
    return Group(group.prompt, rollouts, with_group_penalties(rollouts, [entry.judgement for entry in entries]))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0

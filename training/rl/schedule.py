"""Which rollouts a step consumes, and the weights they were sampled with: sync, partial and async rollouts.

A rollout batch is the result of one call of the rollout workers. Step s consumes the groups that batch s completed;
with async depth d, batch s + d begins before step s trains, so its samples are d updates old when they are consumed:

    sync       sample 1 | train 1 | sample 2 | train 2 | ...
    partial    the same, but a batch holds more groups than a step needs and ends when enough are complete;
               the rest go on in the next batch as partial rollouts
    async, 1   sample 1 | train 1             | train 2  | ...
                        | sample 2 (weights 0) | sample 3 (weights 1) | ...

Decisions depend on counts, never on a clock. `buffer.py` holds the groups; `collector.py` runs a batch.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from openqwq.training.batches.collate import outcome_rewards
from openqwq.training.config import RlStage
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Group, OpenGroup, RolloutBatch, SampleRequest
from openqwq.training.rl.buffer import HasSignal, RolloutBuffer
from openqwq.training.rl.collector import BeginRollouts, Collected, PendingBatch
from openqwq.training.rl.oversampling import SignalFraction, groups_needed

_BATCH = TypeAdapter(RolloutBatch)

CLOCKS = ("time/rollout_seconds", "time/judge_exposed_seconds", "time/rollout_busy_seconds")


@dataclass(frozen=True)
class StepBatch:
    """The groups of one step. Example: `StepBatch(groups=[...], discarded=[], numbers={"staleness/max": 0.0})`"""

    groups: Sequence[Group]
    """Groups to train on."""
    discarded: Sequence[Group]
    """Groups that were judged and left out: too old, or without a signal under dynamic sampling."""
    numbers: Mapping[str, float]
    """Metrics of the schedule (docs/metrics.md), including the seconds of sampling and judging."""


@dataclass
class InFlight:
    """A rollout batch that has begun: the numbers of its groups, and its result, which may not be finished yet."""

    groups: list[int]
    pending: PendingBatch


class RolloutSchedule:
    """The schedule of one stage's rollouts. `take(step)` is called once per step, `state()` between steps."""

    def __init__(
        self,
        stage: RlStage,
        seed: int,
        prompts: PromptStream,
        begin: BeginRollouts,
        has_signal: HasSignal,
        extra_rounds: int,
    ) -> None:
        """`extra_rounds`: largest number of sampling rounds after a step's first one, 0 without dynamic sampling."""
        self.stage, self.prompts = stage, prompts
        self._begin_rollouts, self._has_signal, self._extra_rounds = begin, has_signal, extra_rounds
        self._buffer = RolloutBuffer(stage, seed, has_signal, drops_without_signal=extra_rounds > 0)
        self._in_flight: deque[InFlight] = deque()
        self._signal = SignalFraction()
        self._numbers: dict[str, float] = {}

    def take(self, step: int) -> StepBatch:
        """The groups that step `step` trains on; begins the batches that are due, and samples missing groups.

        Raises:
            VerifierFailures: too many samples could not be judged.
        """
        self._numbers = dict.fromkeys(CLOCKS, 0.0)
        wanted = self.stage.prompts_per_step
        while len(self._in_flight) <= self.stage.schedule.depth and step + len(self._in_flight) <= self.stage.steps:
            self._begin(step + len(self._in_flight), step)
        self._finish(self._in_flight.popleft())
        groups, discarded = self._select(step, wanted)
        for round_ in range(1, self._extra_rounds + 1):
            missing = wanted - len(groups)
            if missing <= 0:
                break
            self._begin_round(step, round_, self._needed(missing))
            self._finish(self._in_flight.pop())
            more, useless = self._select(step, missing)
            groups, discarded = [*groups, *more], [*discarded, *useless]
        if (num_paused := self.prompts.num_paused) is not None:
            self._numbers["curriculum/paused"] = float(num_paused)
        return StepBatch(groups, discarded, self._numbers | self._buffer.numbers(step, groups, discarded))

    def _begin(self, batch_step: int, step: int) -> None:
        """Begin the batch that `batch_step` will consume, before the trainer runs step `step`.

        The batch goes on with the open groups of earlier batches and is filled up with new ones.
        """
        schedule, wanted = self.stage.schedule, self._needed(self.stage.prompts_per_step)
        carried = [group for group in self._buffer.open if not self._is_in_flight(group.number)]
        spare = self._buffer.num_ready if schedule.depth == 0 else 0  # at a depth, earlier steps may consume them
        fresh = max(0, math.ceil(schedule.surplus * wanted) - len(carried) - spare)
        groups = [*carried, *self._buffer.start(batch_step, self.prompts.next(fresh), 0)]
        # A sample that this batch aborts goes on in batch batch_step + depth + 1, the first that begins after this one
        # is read. The step of that batch updates weights of version batch_step + depth, so a sample may be aborted only
        # if its oldest token is at most `bound` versions older than that.
        oldest_allowed = batch_step + schedule.depth - schedule.bound
        requests = [
            # one that would begin anew again and again would never end
            replace(
                request,
                may_be_aborted=group.oldest_version(step - 1) >= oldest_allowed and not request.num_restarts,
            )
            for group in groups
            for request in group.waiting
        ]
        enough = max(1, wanted - spare) if schedule.surplus > 1 else None
        self._launch(groups, requests, enough, in_background=schedule.depth > 0)

    def _begin_round(self, step: int, round_: int, count: int) -> None:
        """Begin an extra round of this step: complete groups of new prompts, sampled with the current weights."""
        groups = self._buffer.start(step, self.prompts.next(count), round_)
        self._launch(groups, [request for group in groups for request in group.waiting], None, in_background=False)

    def _needed(self, wanted: int) -> int:
        """Number of groups to sample in order to train on `wanted`. Under dynamic sampling it depends on the fraction
        of groups with a signal in the last steps."""
        return groups_needed(wanted, self._signal.value) if self._extra_rounds else wanted

    def _launch(
        self, groups: Sequence[OpenGroup], requests: list[SampleRequest], enough: int | None, in_background: bool
    ) -> None:
        pending = self._begin_rollouts([group.prompt for group in groups], requests, enough, in_background)
        self._in_flight.append(InFlight([group.number for group in groups], pending))

    def _is_in_flight(self, number: int) -> bool:
        return any(number in batch.groups for batch in self._in_flight)

    def _finish(self, batch: InFlight) -> None:
        """Wait for a batch and put its groups into the buffer."""
        waited = time.perf_counter()
        result = batch.pending.result()
        now = time.perf_counter()
        sampled = min(max(result.sampled_at, waited), now)
        self._numbers["time/rollout_seconds"] += sampled - waited
        self._numbers["time/judge_exposed_seconds"] += now - sampled
        self._numbers["time/rollout_busy_seconds"] += result.busy_seconds
        complete = self._buffer.add(batch.groups, result)
        for group in complete:
            outcomes = [reward for reward in outcome_rewards(group).rewards if reward is not None]
            if outcomes:
                self.prompts.note(group.prompt.id, math.fsum(outcomes) / len(outcomes))
        if self._extra_rounds:
            self._signal.note(sum(map(self._has_signal, complete)), len(complete))

    def _select(self, step: int, wanted: int) -> tuple[Sequence[Group], Sequence[Group]]:
        selection = self._buffer.take(step, wanted)
        if selection.num_too_old:
            name = "staleness/refused_groups"
            self._numbers[name] = self._numbers.get(name, 0.0) + selection.num_too_old
        return selection.taken, selection.discarded

    @property
    def is_settled(self) -> bool:
        """Whether no batch is in flight."""
        return not self._in_flight

    def discard(self) -> None:
        """Drop every unconsumed sample, for they come from weights that were rolled back; waits for the batches in
        flight."""
        while self._in_flight:
            self._in_flight.popleft().pending.result()
        self._buffer.clear()

    def state(self) -> dict[str, Any]:
        """All groups that were started and not consumed, as plain JSON values; waits for the batches in flight, whose
        samples weights and seeds determine, so waiting changes nothing."""
        return {
            **self._buffer.state(),
            "signal": self._signal.state(),
            "in_flight": [[batch.groups, _BATCH.dump_python(batch.pending.result())] for batch in self._in_flight],
        }

    def snapshot(self) -> Callable[[], dict[str, Any] | None]:
        """`state()` as it is now, for later and without waiting. The function returns None while a batch that is in
        flight now is not finished, or where it failed."""
        buffer, signal, batches = self._buffer.state(), self._signal.state(), list(self._in_flight)

        def later() -> dict[str, Any] | None:
            if not all(batch.pending.done() for batch in batches):
                return None
            try:
                in_flight = [[batch.groups, _BATCH.dump_python(batch.pending.result())] for batch in batches]
            except Exception:  # whatever ended it; without it there is nothing to save
                return None
            return {**buffer, "signal": signal, "in_flight": in_flight}

        return later

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the point where `state()` was called."""
        self._buffer.restore(state)
        self._signal = SignalFraction(state.get("signal", ()))
        batches = ((list(groups), Collected(_BATCH.validate_python(tree))) for groups, tree in state["in_flight"])
        self._in_flight = deque(InFlight(groups, collected) for groups, collected in batches)

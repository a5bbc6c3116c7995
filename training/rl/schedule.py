"""Which samples a step consumes, and with which weights they were drawn: sync, partial and async rollouts.

A *wave* is one call of the rollout workers. Step s consumes what wave s completed; with depth d, wave s + d is begun
before step s trains, so its samples are d updates old when they are consumed. In a partial schedule a wave holds more
groups than a step needs and stops when enough are complete; the unfinished samples go on in the next wave, with what
they have drawn. Nothing here looks at a clock.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from openqwq.training.config import RlStage
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Group, Judged, OpenGroup, SampleRequest, WaveResult
from openqwq.training.rl.oversampling import SignalShare, groups_needed
from openqwq.training.rl.waves import Drawn, DrawWave, Pending
from openqwq.training.seeds import derive_seed

HasSignal = Callable[[Group], bool]

_GROUPS = TypeAdapter(list[Group])
_OPEN_GROUPS = TypeAdapter(list[OpenGroup])
_RESULT = TypeAdapter(WaveResult)


CLOCKS = ("time/rollout_seconds", "time/judge_exposed_seconds", "time/rollout_busy_seconds")


@dataclass(frozen=True)
class Consumed:
    """What one step gets. Example: `Consumed(groups=[...], discarded=[], numbers={"staleness/max": 0.0})`"""

    groups: Sequence[Group]
    """To train on."""
    discarded: Sequence[Group]
    """Judged and left out: without signal under dynamic sampling, or too old."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the schedule (docs/metrics.md)."""


@dataclass
class Wave:
    """A call of the rollout workers on its way. `result` may still be running."""

    groups: list[int]
    pending: Pending


class RolloutSchedule:
    """The rollouts of one stage. `take(step)` is called once a step, `state()` between steps."""

    def __init__(
        self, stage: RlStage, seed: int, prompts: PromptStream, draw: DrawWave, has_signal: HasSignal, refills: int
    ) -> None:
        """`refills`: rounds of dynamic sampling, 0 for none."""
        self.stage, self.seed, self.prompts = stage, seed, prompts
        self._draw, self._has_signal, self._refills = draw, has_signal, refills
        self._open: dict[int, OpenGroup] = {}
        self._ready: list[Group] = []
        self._waves: deque[Wave] = deque()
        self._share = SignalShare()
        self._num_started = 0
        self._numbers: dict[str, float] = {}

    def take(self, step: int) -> Consumed:
        """The groups that step `step` trains on; draws what is missing.

        Raises:
            VerifierFailures: too many samples could not be judged.
        """
        self._numbers = dict.fromkeys(CLOCKS, 0.0)
        while len(self._waves) <= self.stage.schedule.depth and step + len(self._waves) <= self.stage.steps:
            self._begin(step + len(self._waves), step)
        self._finish(self._waves.popleft())
        groups, discarded = self._consume(step)
        for round_ in range(self._refills):
            missing = self.stage.prompts_per_step - len(groups)
            if missing <= 0:
                break
            self._begin_refill(step, round_, self._needed(missing))
            self._finish(self._waves.pop())
            more, useless = self._consume(step, limit=missing)
            groups, discarded = groups + more, discarded + useless
        return Consumed(groups, discarded, self._numbers | self._lengths(step, groups, discarded))

    def _begin(self, wave_step: int, step: int) -> None:
        """Start the wave that `wave_step` consumes, while the trainer is about to do step `step`."""
        schedule, wanted = self.stage.schedule, self._needed(self.stage.prompts_per_step)
        carried = [group for group in self._open.values() if not self._is_in_flight(group.number)]
        spare = len(self._ready) if schedule.depth == 0 else 0  # waves before this one may consume what is ready now
        fresh = max(0, math.ceil(schedule.surplus * wanted) - len(carried) - spare)
        started = self._start(wave_step, fresh, 0)
        # What this wave cuts goes on in the wave that is begun after it is read, and is consumed, at the earliest,
        # `depth` steps after that by weights of version wave_step + depth.
        oldest_allowed = wave_step + schedule.depth - schedule.bound
        may_be_cut = {group.number: group.oldest_version(step - 1) >= oldest_allowed for group in [*carried, *started]}
        requests = [
            replace(request, may_be_cut=may_be_cut[group.number])
            for group in [*carried, *started]
            for request in group.waiting
        ]
        enough = max(1, wanted - spare) if schedule.surplus > 1 else None
        self._launch([*carried, *started], requests, enough, is_ahead=schedule.depth > 0)

    def _needed(self, wanted: int) -> int:
        """Groups to draw for `wanted` that are trained on; more under dynamic sampling, by what the last steps gave."""
        return groups_needed(wanted, self._share.value) if self._refills else wanted

    def _begin_refill(self, step: int, round_: int, count: int) -> None:
        """Whole groups of further prompts, for this step, by the weights of now."""
        started = self._start(step, count, round_ + 1)
        self._launch(started, [request for group in started for request in group.waiting], None, is_ahead=False)

    def _start(self, step: int, count: int, round_: int) -> list[OpenGroup]:
        """New groups; a sample's seed is a hash of run, stage, step, place, prompt and index."""
        started = []
        for place, prompt in enumerate(self.prompts.next(count)):
            where = (step, place) if round_ == 0 else (step, f"refill{round_}", place)
            number = self._num_started
            requests = [
                SampleRequest(prompt, number, i, derive_seed(self.seed, self.stage.name, *where, prompt.id, i))
                for i in range(self.stage.group_size)
            ]
            self._open[number] = OpenGroup(number, prompt, [], requests)
            started.append(self._open[number])
            self._num_started += 1
        return started

    def _launch(
        self, groups: Sequence[OpenGroup], requests: list[SampleRequest], enough: int | None, is_ahead: bool
    ) -> None:
        pending = self._draw([group.prompt for group in groups], requests, enough, is_ahead)
        self._waves.append(Wave([group.number for group in groups], pending))

    def _is_in_flight(self, number: int) -> bool:
        return any(number in wave.groups for wave in self._waves)

    def _finish(self, wave: Wave) -> None:
        """Wait for a wave; complete groups become ready, the others keep their fragments."""
        waited = time.perf_counter()
        result = wave.pending.result()
        now = time.perf_counter()
        sampled = min(max(result.sampled_at, waited), now)
        self._numbers["time/rollout_seconds"] += sampled - waited
        self._numbers["time/judge_exposed_seconds"] += now - sampled
        self._numbers["time/rollout_busy_seconds"] += result.busy_seconds
        complete: list[Group] = []
        for number in wave.groups:
            group = self._open.pop(number)
            judged = [*group.judged, *(entry for entry in result.judged if entry.rollout.group == number)]
            waiting = [request for request in result.unfinished if request.group == number]
            if waiting:
                self._open[number] = OpenGroup(number, group.prompt, judged, waiting)
            else:
                complete.append(_complete(group, judged))
        self._ready += complete
        if self._refills:
            self._share.note(sum(map(self._has_signal, complete)), len(complete))

    def _consume(self, step: int, limit: int | None = None) -> tuple[list[Group], list[Group]]:
        """Ready groups for this step, the oldest first, and those left out. A group that would be too old for the next
        step is taken in any case; one that is too old already is never trained on."""
        bound, wanted = self.stage.schedule.bound, limit or self.stage.prompts_per_step
        taken: list[Group] = []
        discarded: list[Group] = []
        kept: list[Group] = []
        for group in sorted(self._ready, key=lambda g: (g.oldest_version, g.number)):
            staleness = step - 1 - group.oldest_version
            if staleness > bound:
                discarded.append(group)
                self._add("staleness/refused_groups", 1)
            elif self._refills and not self._has_signal(group):
                discarded.append(group)
            elif len(taken) < wanted or staleness + 1 > bound:
                taken.append(group)
            else:
                kept.append(group)
        self._ready = kept
        return sorted(taken, key=lambda g: g.number), discarded

    def _add(self, name: str, value: float) -> None:
        self._numbers[name] = self._numbers.get(name, 0.0) + value

    def _lengths(self, step: int, groups: Sequence[Group], discarded: Sequence[Group]) -> dict[str, float]:
        """Staleness of what is consumed, and its lengths beside those of everything that was under way."""
        consumed = [rollout for group in groups for rollout in group.rollouts]
        left_out = [rollout for group in discarded for rollout in group.rollouts]
        elsewhere = [rollout for group in self._ready for rollout in group.rollouts]
        elsewhere += [entry.rollout for group in self._open.values() for entry in group.judged]
        cut = [sum(r.fragment.loss_mask) for g in self._open.values() for r in g.waiting if r.fragment is not None]
        lengths = [sum(rollout.loss_mask) for rollout in consumed]
        others = [sum(rollout.loss_mask) for rollout in [*left_out, *elsewhere]] + cut
        ages = [step - 1 - rollout.oldest_version for rollout in consumed]
        spans = [rollout.weights_version - rollout.oldest_version for rollout in consumed]
        return {
            "staleness/mean": _mean(ages),
            "staleness/max": float(max(ages, default=0)),
            "partial/share": _mean([span > 0 for span in spans]),
            "partial/max_span": float(max(spans, default=0)),
            "partial/in_flight": float(len(cut)),
            "lengths/consumed_mean": _mean(lengths),
            "lengths/started_mean": _mean(lengths + others),
            "tokens/consumed": float(sum(lengths)),
            "tokens/dropped": float(sum(sum(rollout.loss_mask) for rollout in left_out)),
        }

    def settle(self) -> None:
        """Wait for everything that is being drawn: its content is decided already, so waiting changes nothing."""
        for wave in self._waves:
            wave.pending.result()

    @property
    def is_settled(self) -> bool:
        """Nothing is being drawn."""
        return not self._waves

    def discard(self) -> None:
        """Forget every sample under way: they come from weights that were rolled back."""
        self.settle()
        self._waves.clear()
        self._open.clear()
        self._ready.clear()

    def state(self) -> dict[str, Any]:
        """Everything that has been started and not consumed, JSON-safe; waits for what is being drawn."""
        self.settle()
        return {
            "num_started": self._num_started,
            "signal": self._share.state(),
            "open": _OPEN_GROUPS.dump_python(list(self._open.values())),
            "ready": _GROUPS.dump_python(self._ready),
            "waves": [[wave.groups, _RESULT.dump_python(wave.pending.result())] for wave in self._waves],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken."""
        self._num_started = int(state["num_started"])
        self._share = SignalShare(state.get("signal", ()))
        self._open = {group.number: group for group in _OPEN_GROUPS.validate_python(state["open"])}
        self._ready = _GROUPS.validate_python(state["ready"])
        waves = ((list(groups), Drawn(_RESULT.validate_python(tree))) for groups, tree in state["waves"])
        self._waves = deque(Wave(groups, drawn) for groups, drawn in waves)


def _complete(group: OpenGroup, judged: Sequence[Judged]) -> Group:
    entries = sorted(judged, key=lambda entry: entry.rollout.index)
    return Group(group.prompt, [e.rollout for e in entries], [e.judgement for e in entries])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0

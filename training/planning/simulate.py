"""Discrete-event simulation of the rollout schedules sync, partial and async (training/rl/schedule.py).

Each end of a response is an event. An engine works on its batches one after another, like a rollout actor. The groups
of a rollout batch are dealt to the engines; lengths are drawn independently from the distribution.
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from openqwq.training.planning.step import Layout, Workload, data_imbalance, sync_seconds, training_phases
from openqwq.training.planning.timing import Engine
from openqwq.training.rl.oversampling import groups_needed

WARM_UP = 2
"""Number of first steps that are not counted, because a partial schedule begins without partial rollouts."""


@dataclass(frozen=True)
class SchedulePolicy:
    """A schedule. `surplus`: groups in a rollout batch per group that a step needs; `async_depth`: batches that are
    sampled ahead of the step in training."""

    name: str
    surplus: float = 1.0
    async_depth: int = 0


@dataclass(frozen=True)
class Simulated:
    """Results of a simulation: means over the counted steps."""

    policy: str
    step_seconds: float
    tokens_per_gpu_second: float
    """Consumed tokens only."""
    occupancy: float
    """Fraction of an engine's slots that hold a sample while it works."""
    staleness_mean: float
    staleness_max: int
    consumed_mean: float
    """Mean length of consumed responses; if it is below `started_mean`, the schedule prefers short responses."""
    started_mean: float
    rollout_gpus: int


@dataclass
class _Sample:
    group: int
    length: float
    begun_at: int
    """Step whose batch started it."""
    sampled: float = 0.0
    """Tokens so far."""


@dataclass(frozen=True)
class _EngineBatch:
    """The result of one engine's part of a rollout batch."""

    seconds: float
    finished: list[_Sample]
    aborted: list[_Sample]
    slot_seconds: float


def simulate(
    policy: SchedulePolicy, work: Workload, layout: Layout, group_size: int, steps: int = 6, seed: int = 0
) -> Simulated:
    """Simulate `WARM_UP + steps` steps of a schedule."""
    return _Run(policy, work, layout, group_size, seed).run(WARM_UP + steps)


def best_split(
    policy: SchedulePolicy, work: Workload, layout: Layout, group_size: int, steps: int = 6, seed: int = 0
) -> Simulated:
    """Simulate an asynchronous schedule on the GPUs of `layout`, with the fastest of several splits between engines and
    trainers."""
    total, unit = layout.num_gpus, math.lcm(layout.tensor_parallel, layout.sequence_parallel)
    found: list[Simulated] = []
    for fraction in (0.3, 0.4, 0.5, 0.6, 0.7):
        rollout = round(total * fraction / unit) * unit
        if 0 < rollout < total:
            engines = rollout // layout.tensor_parallel
            split = replace(layout, engines=engines, trainer_gpus=total - rollout, is_colocated=False)
            found.append(simulate(policy, work, split, group_size, steps, seed))
    return max(found, key=lambda s: s.tokens_per_gpu_second) if found else simulate(policy, work, layout, group_size)


class _Run:
    def __init__(self, policy: SchedulePolicy, work: Workload, layout: Layout, group_size: int, seed: int) -> None:
        self.policy, self.work, self.layout, self.group_size = policy, work, layout, group_size
        self.random = random.Random(seed)
        self.per_step = max(1, work.samples // group_size)
        self.needed = groups_needed(self.per_step, work.signal_fraction) if work.extra_rounds else self.per_step
        self.useless: set[int] = set()
        """Groups whose rewards are all equal, which is decided when they are started."""
        self.num_groups = 0
        self.open: list[deque[_Sample]] = [deque() for _ in range(layout.engines)]
        self.started: list[float] = []
        # seconds to train on a whole step without imbalance over ranks; `run` scales them by the consumed tokens
        self.trained = math.fsum(training_phases(work, layout).values()) / data_imbalance(work, layout)

    def run(self, steps: int) -> Simulated:
        free_at = [0.0] * self.layout.engines
        ready: dict[int, float] = {}
        step_batch: dict[int, list[_Sample]] = {}
        slot_seconds, busy = 0.0, 0.0
        begun, ended_at = 0, [0.0]
        leftover: list[_Sample] = []
        for step in range(1, steps + 1):
            while begun < min(step + self.policy.async_depth, steps):
                begun += 1
                batches = [self._sample(queue) for queue in self._deal(begun, len(leftover))]
                for engine, batch in enumerate(batches):
                    free_at[engine] = max(free_at[engine], ended_at[-1]) + batch.seconds
                    slot_seconds += batch.slot_seconds
                    busy += batch.seconds
                    self.open[engine].extend(batch.aborted)
                ready[begun] = max(free_at)
                step_batch[begun] = [sample for batch in batches for sample in batch.finished]
            complete, leftover = self._take(self._with_signal([*leftover, *step_batch[step]]))
            start = max(ended_at[-1], ready[step] + self.work.exposed_verifier_seconds)
            for _ in range(self.work.extra_rounds):
                missing = self.per_step - len({sample.group for sample in complete})
                if missing <= 0:
                    break
                count = groups_needed(missing, self.work.signal_fraction)
                batches = [self._sample(queue, may_abort=False) for queue in self._start(count, step)]
                free_at = [max(free, start) + batch.seconds for free, batch in zip(free_at, batches, strict=True)]
                slot_seconds += sum(batch.slot_seconds for batch in batches)
                busy += sum(batch.seconds for batch in batches)
                complete += self._with_signal([sample for batch in batches for sample in batch.finished])
                start = max(free_at) + self.work.exposed_verifier_seconds
            step_batch[step] = complete
            fraction = sum(s.length for s in complete) / (self.work.samples * self.work.lengths.mean)
            unevenness = data_imbalance(self.work, self.layout)
            ended_at.append(start + self.trained * fraction * unevenness + sync_seconds(self.layout))
        return self._summary(steps, ended_at, step_batch, slot_seconds / (busy * self.layout.slots))

    def _deal(self, step: int, num_ready: int) -> list[list[_Sample]]:
        """New groups and aborted samples, per engine. An aborted sample stays on its engine."""
        queues = [list(queue) for queue in self.open]
        for queue in self.open:
            queue.clear()
        carried = {sample.group for queue in queues for sample in queue}
        spare = num_ready // self.group_size
        fresh = max(0, math.ceil(self.policy.surplus * self.needed) - len(carried) - spare)
        return [old + new for old, new in zip(queues, self._start(fresh, step), strict=True)]

    def _start(self, count: int, step: int) -> list[list[_Sample]]:
        """New groups, per engine."""
        queues: list[list[_Sample]] = [[] for _ in self.open]
        for _ in range(count):
            if self.work.extra_rounds and self.random.random() >= self.work.signal_fraction:
                self.useless.add(self.num_groups)
            for _ in range(self.group_size):
                length = self.random.choice(self.work.lengths.values)
                self.started.append(length)
                queues[self.num_groups % len(queues)].append(_Sample(self.num_groups, length, step))
            self.num_groups += 1
        return queues

    def _with_signal(self, samples: Sequence[_Sample]) -> list[_Sample]:
        """The samples without groups whose rewards are all equal, which only dynamic sampling has."""
        return [sample for sample in samples if sample.group not in self.useless]

    def _sample(self, samples: Sequence[_Sample], may_abort: bool = True) -> _EngineBatch:
        """Sample until all samples have ended, or in a partial schedule until the engine's part of a step is
        complete."""
        open_samples = Counter(sample.group for sample in samples)
        enough = len(open_samples)
        if self.policy.surplus > 1 and may_abort:
            enough = min(enough, math.ceil(self.needed / self.layout.engines))
        return sample_until(self.layout.engine, samples, open_samples, enough, self.work.prompt)

    def _take(self, samples: list[_Sample]) -> tuple[list[_Sample], list[_Sample]]:
        """The samples of the oldest complete groups, as many as a step needs; and the other samples."""
        if self.policy.surplus == 1:
            return samples, []
        waiting = {sample.group for queue in self.open for sample in queue}
        complete = sorted({s.group for s in samples} - waiting)[: self.per_step]
        chosen = set(complete)
        return [s for s in samples if s.group in chosen], [s for s in samples if s.group not in chosen]

    def _summary(
        self, steps: int, ended_at: list[float], step_batch: dict[int, list[_Sample]], occupancy: float
    ) -> Simulated:
        counted = range(WARM_UP + 1, steps + 1)
        taken = [(step, sample) for step in counted for sample in step_batch[step]]
        seconds = ended_at[steps] - ended_at[WARM_UP]
        tokens = math.fsum(sample.length for _, sample in taken)
        ages = [min(step - sample.begun_at + self.policy.async_depth, step - 1) for step, sample in taken]
        return Simulated(
            policy=self.policy.name,
            step_seconds=seconds / len(counted),
            tokens_per_gpu_second=tokens / seconds / self.layout.num_gpus,
            occupancy=occupancy,
            staleness_mean=sum(ages) / len(ages) if ages else 0.0,
            staleness_max=max(ages, default=0),
            consumed_mean=tokens / len(taken) if taken else 0.0,
            started_mean=math.fsum(self.started) / len(self.started),
            rollout_gpus=self.layout.engines * self.layout.tensor_parallel,
        )


def sample_until(
    engine: Engine, samples: Sequence[_Sample], open_samples: Counter[int], enough: int, prompt: float
) -> _EngineBatch:
    """Continuous batching on one engine until `enough` groups are complete. The tokens of a sample that was aborted
    earlier are prefilled again."""
    waiting = deque(samples)
    alive: list[tuple[float, int, _Sample]] = []  # (iteration at which it ends, order, sample)
    seconds = engine.prefill(sum(prompt + sample.sampled for sample in samples))
    finished: list[_Sample] = []
    now, slot_seconds, complete, order = 0.0, 0.0, 0, 0
    context = 0.0  # sum of prompt and sampled tokens over `alive`, minus `now` for each
    while (waiting or alive) and complete < enough:
        while waiting and len(alive) < engine.slots:
            sample = waiting.popleft()
            heapq.heappush(alive, (now + sample.length - sample.sampled, order, sample))
            context += prompt + sample.sampled - now
            order += 1
        steps, batch = alive[0][0] - now, len(alive)
        spent = steps * engine.iteration(batch, context / batch + now + steps / 2)
        seconds += spent
        slot_seconds += spent * batch
        now = alive[0][0]
        while alive and alive[0][0] <= now and complete < enough:
            sample = heapq.heappop(alive)[2]
            context -= prompt + sample.length - now
            finished.append(sample)
            open_samples[sample.group] -= 1
            complete += open_samples[sample.group] == 0
    for end, _, sample in alive:
        sample.sampled = sample.length - (end - now)
    return _EngineBatch(seconds, finished, [sample for _, _, sample in sorted(alive)] + list(waiting), slot_seconds)

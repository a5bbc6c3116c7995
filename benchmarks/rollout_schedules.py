"""Seconds per step of partial and async rollouts against sync, and the staleness of what they consume. Prints JSON.

The real schedule over workers that wait instead of computing (simulated_crew.py): lognormal answer lengths, a token per
tick for all samples of a worker, an update of fixed length. The three schedules train on equally many groups per step;
rounds are interleaved, a round is `--steps` steps after `--warm-up`. With a recorded verdict time the same run shows
how much of it is exposed, that is, waited for after the last sample has come.

`python -m benchmarks.rollout_schedules [--rounds 5] [--steps 6]`
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from benchmarks.measuring import interleave, machine, print_report, summary
from benchmarks.simulated_workers import Pace, SimulatedWorkers
from openqwq.training.config import PromptSource, Rewards, RlStage, Sampling, Schedule
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Prompt
from openqwq.training.rewards.judging import Judging
from openqwq.training.rl.collector import RolloutCollector
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.worker_group import RolloutWorkers

SCHEDULES = {
    "sync": Schedule(kind="sync"),
    "partial": Schedule(kind="partial", oversample=1.5, max_staleness=3),
    "async": Schedule(kind="async", async_depth=1, oversample=1.5, max_staleness=4),
}
NUM_WORKERS = 4
PROMPTS_PER_STEP, GROUP_SIZE = 16, 4


@dataclass
class Figures:
    """What a round of one schedule showed."""

    step_seconds: float
    exposed: float
    verifier: float
    staleness: float
    consumed: float
    started: float


def run_round(schedule: Schedule, pace: Pace, steps: int, warm_up: int, seed: int) -> Figures:
    """`steps` steps; the first `warm_up` are not counted."""
    stage = RlStage(
        name="stage1",
        kind="rl",
        prompts=(PromptSource(source="none"),),
        steps=10_000,
        prompts_per_step=PROMPTS_PER_STEP,
        group_size=GROUP_SIZE,
        schedule=schedule,
    )
    workers = SimulatedWorkers(pace, NUM_WORKERS)
    judging = Judging(workers, lambda _: None, lambda: None)
    rows = [Prompt(str(n), "math", ({"role": "user", "content": "?"},), {"id": str(n)}) for n in range(500)]
    stream = PromptStream([(rows, 1.0)], seed)
    collector = RolloutCollector(cast(RolloutWorkers, workers), judging, Rewards(), Sampling())
    rollouts = RolloutSchedule(stage, seed, stream, collector, lambda _: True, 0)
    numbers: list[dict[str, float]] = []
    started = verifier = 0.0
    for step in range(1, warm_up + steps + 1):
        if step == warm_up + 1:
            started = time.perf_counter()
        step_batch = rollouts.take(step)
        workers.update()
        workers.sync_weights(step)
        numbers.append(dict(step_batch.numbers))
        if step > warm_up:
            verifier += sum(j.seconds for group in step_batch.groups for j in group.judgements)
    seconds = (time.perf_counter() - started) / steps
    counted = numbers[warm_up:]
    return Figures(
        step_seconds=seconds,
        exposed=sum(entry["time/judge_exposed_seconds"] for entry in counted),
        verifier=verifier,
        staleness=max(entry["staleness/max"] for entry in numbers),
        consumed=sum(entry["lengths/consumed_mean"] for entry in counted) / steps,
        started=sum(entry["lengths/started_mean"] for entry in counted) / steps,
    )


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--token-seconds", type=float, default=0.002)
    parser.add_argument("--verdict-token-seconds", type=float, default=0.02, help="pace of the run with verdicts")
    parser.add_argument("--update-seconds", type=float, default=0.4)
    arguments = parser.parse_args(words)
    pace = Pace(arguments.token_seconds, arguments.update_seconds)
    slow = Pace(arguments.verdict_token_seconds, arguments.update_seconds, verdict=(0.2, 2.0))
    seen: dict[str, list[Figures]] = {name: [] for name in [*SCHEDULES, "verdicts"]}
    number = 0

    def measure(name: str, schedule: Schedule, at: Pace, steps: int, warm_up: int) -> float:
        nonlocal number
        number += 1
        figures = run_round(schedule, at, steps, warm_up, seed=number)
        seen[name].append(figures)
        return figures.step_seconds

    measures: dict[str, Any] = {
        name: lambda name=name, schedule=schedule: measure(name, schedule, pace, arguments.steps, arguments.warm_up)
        for name, schedule in SCHEDULES.items()
    }
    measures["verdicts"] = lambda: measure("verdicts", SCHEDULES["sync"], slow, 1, 0)
    rounds = interleave(measures, arguments.rounds)
    ratios = {
        name: summary([a / b for a, b in zip(rounds[name], rounds["sync"], strict=True)], 3)
        for name in ("partial", "async")
    }
    exposed = summary([figures.exposed / figures.verifier for figures in seen["verdicts"]], 4)
    report: dict[str, Any] = {
        "benchmark": "rollout_schedules",
        **machine(),
        "workers": NUM_WORKERS,
        "samples_per_step": PROMPTS_PER_STEP * GROUP_SIZE,
        "seconds_per_step": {name: summary(values, 3) for name, values in rounds.items()},
        "step_time_over_sync": ratios,
        "largest_staleness": {name: max(f.staleness for f in seen[name]) for name in SCHEDULES},
        "staleness_bound": {name: schedule.bound for name, schedule in SCHEDULES.items()},
        "mean_length": {
            name: {
                "consumed": round(statistics.median([f.consumed for f in seen[name]]), 1),
                "started": round(statistics.median([f.started for f in seen[name]]), 1),
            }
            for name in SCHEDULES
        },
        "verdicts_of_0.2_to_2_s": {
            "verifier_seconds": summary([f.verifier for f in seen["verdicts"]], 1),
            "exposed_share": exposed,
        },
    }
    violations = [
        f"{name}: more than 0.7 of a synchronous step" for name, ratio in ratios.items() if ratio["median"] > 0.7
    ]
    for name, schedule in SCHEDULES.items():
        if report["largest_staleness"][name] > schedule.bound:
            violations.append(f"{name}: staleness above its bound")
    if exposed["median"] > 0.2:
        violations.append("more than 0.2 of the verifier time is exposed")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

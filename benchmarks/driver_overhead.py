"""What the driver and a rank spend on a step of 100,000 samples, beside the planned seconds of that step on 64 nodes.

The real schedule (partial, half as many groups again), judging, advantages, batch, metrics, log and planner of
micro-batches, over engines that make samples up at once: lognormal lengths, samples pickled by the engine and unpickled
by the driver, as Ray does. The engines' own seconds are taken out. Two parts, each in a process of its own: `--samples`
short answers for a few steps (what a sample costs, and whether memory stays), and fewer samples of long answers (what a
token costs); seconds of a step of real length follow from both. The planned step is that of recipe `--recipe` with as
many samples. Targets: at most 3 % of the planned step; memory after the last step at most 5 % above that after the
second. Prints JSON.

`python -m benchmarks.driver_overhead [--samples 100000] [--steps 4] [--recipe qwq_32b/nodes_64]`
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from benchmarks.measuring import machine, print_report
from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.batches.collate import make_batch
from openqwq.training.batches.packing import lay_out, plan_micro_batches
from openqwq.training.cluster.shards import enough_per_worker
from openqwq.training.config import Logging, PromptSource, Rewards, RlStage, Sampling, Schedule
from openqwq.training.config.files import load_recipe
from openqwq.training.planning.plan import make_plan
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import Chunk, Judged, Judgement, PartialRollout, Prompt, Rollout, SampleRequest
from openqwq.training.rewards.judging import Judging
from openqwq.training.rl.collector import RolloutCollector
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.rl.step_clock import StepClock
from openqwq.training.rl.step_numbers import step_metrics
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.worker_group import RolloutWorkers

GROUP_SIZE, ENGINES, RANKS, CHUNK, PROMPT = 16, 64, 256, 64, 24
SHARE, GROWTH = 0.03, 1.05
LONGEST = 32768


class FakeEngines:
    """Rollout and reward workers that make everything up; `seconds` is what that took."""

    num_rollout_workers = ENGINES

    def __init__(self, mean_tokens: float) -> None:
        self.mean, self.seconds, self.version = mean_tokens, 0.0, 0

    def sample(self, requests: Sequence[SampleRequest], sampling: Any, enough: int | None = None) -> Iterator[Chunk]:
        shares: list[list[SampleRequest]] = [[] for _ in range(ENGINES)]
        for request in requests:
            shares[request.group % ENGINES].append(request)
        for share, count in zip(shares, enough_per_worker(shares, enough), strict=True):
            groups: defaultdict[int, list[SampleRequest]] = defaultdict(list)
            for request in share:
                groups[request.group].append(request)
            done = list(groups)[:count]
            ended = [request for group in done for request in groups[group]]
            for start in range(0, len(ended), CHUNK):
                yield self._sent([self._rollout(r) for r in ended[start : start + CHUNK]], [])
            cut = [self._cut(request) for group in list(groups)[len(done) :] for request in groups[group]]
            yield self._sent([], cut)

    def _sent(self, rollouts: list[Rollout], unfinished: list[SampleRequest]) -> Chunk:
        begun = time.process_time()
        data = pickle.dumps(Chunk(rollouts, unfinished), protocol=5)
        self.seconds += time.process_time() - begun
        chunk: Chunk = pickle.loads(data)
        return chunk

    def _tokens(self, request: SampleRequest, share: float) -> tuple[int, ...]:
        chance = random.Random(request.seed)
        length = round(chance.lognormvariate(math.log(self.mean) - 0.32, 0.8) * share)
        first = chance.randrange(1000, 100_000)
        return tuple(range(first, first + max(1, min(length, LONGEST))))

    def _rollout(self, request: SampleRequest) -> Rollout:
        begun = time.process_time()
        tokens = self._tokens(request, 1.0)
        count = len(tokens)
        oldest = request.partial.oldest_version if request.partial else self.version
        rollout = Rollout(
            group=request.group, index=request.index, prompt_id=request.prompt.id, task=request.prompt.task,
            prompt_tokens=tuple(range(PROMPT)), tokens=tokens, logprobs=tuple(-1.0 / t for t in tokens),
            loss_mask=(1,) * count, turns=({"role": "assistant", "content": "x" * (4 * count)},), response="x" * 64,
            finish_reason="stop", weights_version=self.version, seed=request.seed, oldest_version=oldest,
        )  # fmt: skip
        self.seconds += time.process_time() - begun
        return rollout

    def _cut(self, request: SampleRequest) -> SampleRequest:
        begun = time.process_time()
        tokens = self._tokens(request, 0.5)
        count = len(tokens)
        partial = PartialRollout(tokens, tuple(-1.0 / t for t in tokens), (1,) * count, (), count, self.version)
        self.seconds += time.process_time() - begun
        return replace(request, partial=partial)

    def judge(self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Any], rewards: Any) -> list[Judged]:
        return [Judged(r, Judgement(float(r.seed % 2), {}, {})) for chunk in chunks for r in chunk]


def measure(samples: int, mean_tokens: float, steps: int) -> dict[str, Any]:
    """Processor seconds by part and memory after each step, in this process."""
    import torch

    torch.set_num_threads(1)
    stage = RlStage(
        name="stage1", kind="rl", prompts=(PromptSource(source="none"),), steps=steps,
        prompts_per_step=samples // GROUP_SIZE, group_size=GROUP_SIZE,
        schedule=Schedule(kind="partial", oversample=1.5, max_staleness=2),
    )  # fmt: skip
    algorithm, workers = CATALOGUE["grpo"], FakeEngines(mean_tokens)
    rows = [Prompt(f"p{n}", "math", ({"role": "user", "content": "?"},), {"id": f"p{n}"}) for n in range(20_000)]
    judging = Judging(workers, lambda _: None, lambda: None)
    collector = RolloutCollector(cast(RolloutWorkers, workers), judging, Rewards(), Sampling())
    schedule = RolloutSchedule(stage, 0, PromptStream([(rows, 1.0)], 0), collector, lambda _: True, 0)
    spent: defaultdict[str, float] = defaultdict(float)
    memories, tokens, counted = list[int](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        log = MetricsLog(Path(folder), Logging(rollouts_per_step=32))
        for step in range(1, steps + 1):
            clock, at, faked = StepClock(), time.process_time(), workers.seconds

            def passed(part: str, since: float) -> float:
                spent[part] += time.process_time() - since
                return time.process_time()

            step_batch = schedule.take(step)
            at = passed("schedule and judging", at + workers.seconds - faked)
            batch = make_batch(step_batch.groups, algorithm, LONGEST)
            at = passed("advantages and batch", at)
            plan = plan_micro_batches(batch, 33_280, ranks=RANKS, pair_work=3e-5)
            at = passed("planning of a rank", at)
            mine = [lay_out(batch, rows) for rows in plan[0]]
            at = passed("rows of a rank", at)
            numbers = step_metrics(step_batch, batch, None, 0.0, clock.stop(), ENGINES)
            log.write(stage.name, step, numbers)
            log.rollouts(stage.name, step, step_batch.groups, batch.advantage_of_rollout)
            at = passed("metrics and log", at)
            tokens, counted, workers.version = len(batch.tokens_S), len(batch), step
            del step_batch, batch, plan, mine
            gc.collect()
            memories.append(memory("VmRSS"))
    each = {part: round(seconds / steps, 3) for part, seconds in spent.items()}
    return {
        "samples": counted,
        "tokens": tokens,
        "seconds_a_step": round(sum(each.values()), 3),
        "parts": each,
        "memory_mb": [round(one / 1e6) for one in memories],
        "peak_mb": round(memory("VmHWM") / 1e6),
    }


def memory(name: str) -> int:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


def apart(samples: int, mean_tokens: float, steps: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.driver_overhead", "--inside", "--samples", str(samples)]
    words += ["--mean-tokens", str(mean_tokens), "--steps", str(steps)]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    print(found, file=sys.stderr, flush=True)
    return found


def planned(recipe: str, samples: int) -> tuple[float, float]:
    """Seconds of a step of the first RL stage with so many samples, and its mean tokens, prompts included."""
    name = next(stage.name for stage in load_recipe(recipe).stages if isinstance(stage, RlStage))
    plan = make_plan(load_recipe(recipe, [f"stages.{name}.prompts_per_step={samples // GROUP_SIZE}"]))
    stage = next(one for one in plan.stages if one.name == name)
    assert stage.work is not None
    return stage.step_seconds, stage.work.lengths.mean + stage.work.prompt


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--mean-tokens", type=float, default=24.0)
    parser.add_argument("--long-samples", type=int, default=1600)
    parser.add_argument("--long-tokens", type=float, default=1500.0)
    parser.add_argument("--recipe", default="qwq_32b/nodes_64")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.inside:
        print(json.dumps(measure(arguments.samples, arguments.mean_tokens, arguments.steps)))
        return 0
    many = apart(arguments.samples, arguments.mean_tokens, arguments.steps)
    long = apart(arguments.long_samples, arguments.long_tokens, 2)
    # seconds = a samples + b tokens, from both
    (n, t, y), (m, u, z) = ((one["samples"], one["tokens"], one["seconds_a_step"]) for one in (many, long))
    by_token = (z - y * m / n) / (u - t * m / n)
    by_sample = (y - by_token * t) / n
    seconds, mean = planned(arguments.recipe, arguments.samples)
    driver = arguments.samples * (by_sample + by_token * mean)
    report = {
        "benchmark": "driver_overhead",
        **machine(),
        "many_short_samples": many,
        "few_long_samples": long,
        "microseconds": {"a sample": round(1e6 * by_sample, 1), "a token": round(1e6 * by_token, 3)},
        "planned_step_seconds": round(seconds),
        "planned_tokens_a_sample": round(mean),
        "driver_seconds": round(driver, 1),
        "share": round(driver / seconds, 4),
    }
    violations = []
    if driver > SHARE * seconds:
        violations.append(f"the driver takes {driver / seconds:.1%} of the planned step, at most {SHARE:.0%} is wanted")
    memories = many["memory_mb"]
    if len(memories) > 2 and memories[-1] > GROWTH * memories[1]:
        violations.append(f"memory grows from {memories[1]} to {memories[-1]} MB over {len(memories) - 1} steps")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())

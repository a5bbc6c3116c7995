"""Held-out accuracy with intervals: samples and judges as training does, on fixed rows with fixed seeds."""

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from openqwq.training.config import Evaluation, Recipe, Rewards, Sampling
from openqwq.training.errors import VerifierFailures
from openqwq.training.records import EvalReport, Judged, Prompt, SampleRequest, SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.rewards.router import fill_in
from openqwq.training.run_folder.entry import Estimate, SuiteEntry
from openqwq.training.seeds import derive_seed
from openqwq.training.worker_group import RolloutWorkers

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
EXAMPLES = 6
"""Number of answers per suite that are kept for the report."""


@dataclass(frozen=True)
class Interval:
    """A mean over items with its 95 % interval. Example: `Interval(0.55, 300, 0.49, 0.61)`"""

    value: float
    n: int
    low: float
    high: float


def accuracy(scores: Sequence[float]) -> Interval:
    """Mean score of independent items, with Wilson's interval if all scores are 0 or 1, else with the normal one."""
    n = len(scores)
    if n == 0:
        return Interval(math.nan, 0, math.nan, math.nan)
    mean = math.fsum(scores) / n
    if set(scores) <= {0.0, 1.0}:
        centre = (mean + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * math.sqrt(mean * (1 - mean) / n + Z95**2 / (4 * n * n))
        return Interval(mean, n, max(0.0, centre - half), min(1.0, centre + half))
    return _normal(scores, mean)


def paired_gain(before: SuiteResult, after: SuiteResult) -> Interval:
    """Mean difference after - before over the items that were judged both times, with the interval of paired
    differences."""
    shared = before.scores.keys() & after.scores.keys()
    differences = [after.scores[item] - before.scores[item] for item in sorted(shared)]
    if not differences:
        return Interval(math.nan, 0, math.nan, math.nan)
    return _normal(differences, math.fsum(differences) / len(differences))


def _normal(values: Sequence[float], mean: float) -> Interval:
    half = Z95 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Interval(mean, len(values), mean - half, mean + half)


def pass_at_k(right: int, sampled: int, k: int) -> float:
    """Unbiased estimate of the probability that at least one of k samples is right, 1 - C(n-c, k) / C(n, k), with c
    right ones of n samples (arXiv 2107.03374, eq. 1)."""
    return 1.0 - math.comb(sampled - right, k) / math.comb(sampled, k)


def suite_rewards(rewards: Rewards, evaluation: Evaluation, suite: str) -> Rewards:
    """The recipe's rewards, in which the suite's own task rewards replace those of the same tasks. An unfinished answer
    is a wrong one here, also where updates leave it out."""
    tasks = {**rewards.tasks, **evaluation.suites[suite].rewards}
    return rewards.model_copy(update={"tasks": tasks, "truncated": "zero"})


def evaluate_suite(
    workers: RolloutWorkers,
    judging: Judging,
    prompts: Sequence[Prompt],
    samples: int,
    rewards: Rewards,
    sampling: Sampling,
    seed: int,
    suite: str,
) -> SuiteResult:
    """Sample every prompt `samples` times and judge the answers. The seeds depend on the suite and the item only.

    Raises:
        VerifierFailures: more than `rewards.max_error_fraction` of the answers, or of the items, could not be judged.
    """
    requests = [
        SampleRequest(prompt=prompt, group=i, index=k, seed=derive_seed(seed, "eval", suite, prompt.id, k))
        for i, prompt in enumerate(prompts)
        for k in range(samples)
    ]
    judged = judging.judged(prompts, (c.rollouts for c in workers.sample(requests, sampling)), rewards)
    return _summarise(prompts, judged, samples, rewards.max_error_fraction, suite)


def measure_suites(
    workers: RolloutWorkers,
    judging: Judging,
    recipe: Recipe,
    prompts: Mapping[str, Sequence[Prompt]],
    stage_models: Mapping[str, str],
    sandbox_urls: Sequence[str],
) -> dict[str, SuiteResult]:
    """Accuracy of the engines' current weights on each suite of `prompts`."""
    evaluation = recipe.evaluation
    return {
        suite: evaluate_suite(
            workers,
            judging,
            items,
            evaluation.suites[suite].samples_per_prompt,
            fill_in(suite_rewards(recipe.rewards, evaluation, suite), stage_models, sandbox_urls),
            evaluation.sampling,
            recipe.seed,
            suite,
        )
        for suite, items in prompts.items()
    }


def _summarise(
    prompts: Sequence[Prompt], judged: Sequence[Judged], samples: int, max_error_fraction: float, suite: str
) -> SuiteResult:
    by_item: dict[str, list[Judged]] = {prompt.id: [] for prompt in prompts}
    for entry in sorted(judged, key=lambda e: (e.rollout.group, e.rollout.index)):
        by_item[entry.rollout.prompt_id].append(entry)
    rewards = {
        item: [e.judgement.reward for e in entries if e.judgement.reward is not None]
        for item, entries in by_item.items()
    }
    scores = {item: math.fsum(known) / samples for item, known in rewards.items() if len(known) == samples}
    errors = len(by_item) - len(scores)
    if errors > max_error_fraction * len(by_item):
        reason = next(e.judgement.reason for e in judged if e.judgement.reward is None)
        raise VerifierFailures(f"evaluation of {suite}: {errors} of {len(by_item)} items could not be judged: {reason}")
    rights = [rewards[item].count(1.0) for item in scores]
    at_k = statistics.fmean(pass_at_k(r, samples, samples) for r in rights) if samples > 1 and rights else None
    kinds = {prompt.id: str((prompt.row.get("extra") or {}).get("kind", prompt.task)) for prompt in prompts}
    shown = [by_item[prompt.id][0] for prompt in prompts[:: len(prompts) // EXAMPLES or 1][:EXAMPLES]]
    questions = {prompt.id: prompt.messages[-1]["content"] for prompt in prompts}
    examples = [
        {
            "prompt": questions[e.rollout.prompt_id],
            "turns": [dict(turn) for turn in e.rollout.turns],
            "reward": e.judgement.reward,
            "reason": e.judgement.reason,
        }
        for e in shown
    ]
    lengths = [sum(e.rollout.loss_mask) for e in judged]
    return SuiteResult(scores, kinds, errors, at_k, statistics.fmean(lengths), examples)


def report_to_json(report: EvalReport) -> dict[str, Any]:
    """The report as `evals/<label>.json` holds it."""
    return asdict(report)


def report_from_json(tree: Mapping[str, Any]) -> EvalReport:
    """The inverse of `report_to_json`."""
    suites = {name: SuiteResult(**suite) for name, suite in tree["suites"].items()}
    return EvalReport(label=tree["label"], suites=suites, seconds=tree["seconds"])


def suite_entry(result: SuiteResult) -> SuiteEntry:
    """The result of a suite as a run records it: accuracy with interval, and accuracy by kind."""
    interval = accuracy(list(result.scores.values()))
    kinds = sorted({result.kinds[item] for item in result.scores})
    by_kind = {
        kind: statistics.fmean(s for item, s in result.scores.items() if result.kinds[item] == kind) for kind in kinds
    }
    return SuiteEntry(
        Estimate(interval.value, interval.low, interval.high, interval.n),
        errors=result.errors,
        pass_at_k=result.pass_at_k,
        mean_tokens=round(result.mean_tokens, 2),
        kinds=by_kind if len(kinds) > 1 else {},
    )


def paired_entries(before: Mapping[str, SuiteResult], after: Mapping[str, SuiteResult]) -> dict[str, Estimate]:
    """The paired gain of every suite that was measured both times."""
    gains = {suite: paired_gain(before[suite], after[suite]) for suite in after if suite in before}
    return {suite: Estimate(gain.value, gain.low, gain.high, gain.n) for suite, gain in gains.items()}


def timed_report(label: str, suites: Mapping[str, SuiteResult], start: float) -> EvalReport:
    """An EvalReport with the seconds since `start` (time.perf_counter)."""
    return EvalReport(label=label, suites=suites, seconds=time.perf_counter() - start)

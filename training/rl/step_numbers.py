"""The metrics of one step; docs/metrics.md defines each of them in words.

Metrics whose names begin with `time/` are clocks and differ from run to run; all others are equal in a repeated run.
"""

import hashlib
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from openqwq.training.batches.collate import Batch
from openqwq.training.environments.episode import label_of
from openqwq.training.records import Group, Judgement, Rollout, UpdateReport
from openqwq.training.rl.schedule import StepBatch

NGRAM = 4
"""Length, in tokens, of the sequences whose repetition is counted."""


def step_metrics(
    step_batch: StepBatch,
    batch: Batch,
    update: UpdateReport | None,
    check_logprob: float,
    clock: Mapping[str, float],
    num_workers: int,
) -> dict[str, float]:
    """All metrics of one step. Rewards and completions cover every group that was judged for the step, including the
    groups that were left out of the update."""
    groups = [*step_batch.groups, *step_batch.discarded]
    numbers = {**_rewards(groups), **_completions([rollout for group in groups for rollout in group.rollouts])}
    numbers |= _tools(groups)
    numbers |= dict(step_batch.numbers) | {
        "groups/with_signal": float(batch.num_groups),
        "weight_sync/check_logprob": check_logprob,
    }
    if groups:
        of_age = len(groups) - step_batch.numbers.get("staleness/refused_groups", 0.0)
        if of_age:  # whether a group that was refused for its age carries a signal is not known
            numbers["groups/zero_signal_fraction"] = 1.0 - batch.num_groups / of_age
        numbers["groups/discarded"] = float(len(step_batch.discarded))
        numbers["prompts/replay_fraction"] = statistics.fmean(group.prompt.is_replay for group in groups)
    numbers |= clock
    if update is not None:
        numbers |= {f"update/{name}": value for name, value in update.metrics.items()}
        numbers["time/update_seconds"] = update.seconds
        computed = update.metrics.get("tokens_computed", 0.0)
        numbers["packing/computed_per_token"] = computed / int(batch.lengths_N.sum())
    return numbers | _rates(numbers, num_workers)


def pace_of(numbers: Mapping[str, float]) -> dict[str, str]:
    """What the progress line says of a step's speed."""
    tokens = numbers.get("time/tokens_per_second", 0.0)
    return {"s/step": f"{numbers['time/step_seconds']:.2f}", "tokens/s": f"{tokens:.0f}"}


def _rewards(groups: Sequence[Group]) -> dict[str, float]:
    judgements = [judgement for group in groups for judgement in group.judgements]
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for group in groups:
        for reward in group.rewards:
            if reward is not None:
                rewards["mean"].append(reward)
                rewards[group.prompt.task].append(reward)
    parts: defaultdict[str, list[float]] = defaultdict(list)
    errors: defaultdict[str, float] = defaultdict(float)
    penalties: defaultdict[str, list[float]] = defaultdict(list)
    for task, judgement in ((group.prompt.task, judgement) for group in groups for judgement in group.judgements):
        for name, score in judgement.parts.items():
            parts[name].append(score)
            parts[f"{task}/{name}"].append(score)
        for name, term in judgement.penalties.items():
            penalties[name].append(term)
            penalties[f"{task}/{name}"].append(term)
        if judgement.error is not None:
            errors[judgement.error] += 1.0
    numbers = {f"reward/{name}": statistics.fmean(values) for name, values in rewards.items()}
    numbers |= {f"verifier/{name}": statistics.fmean(values) for name, values in parts.items()}
    numbers |= {f"penalty/{name}": statistics.fmean(values) for name, values in penalties.items()}
    numbers |= {f"errors/{status}": count for status, count in errors.items()}
    numbers["errors/fraction"] = sum(errors.values()) / max(len(judgements), 1)
    numbers["samples/masked"] = float(sum(judgement.reward is None for judgement in judgements))
    return numbers | _verifier_seconds(judgements)


def _verifier_seconds(judgements: Sequence[Judgement]) -> dict[str, float]:
    seconds = sorted(judgement.seconds for judgement in judgements)
    if not seconds:
        return {}
    return {
        "time/verifier_seconds": math.fsum(seconds),
        "time/verifier_p50_seconds": seconds[len(seconds) // 2],
        "time/verifier_p99_seconds": seconds[len(seconds) * 99 // 100],
    }


def _completions(rollouts: Sequence[Rollout]) -> dict[str, float]:
    if not rollouts:
        return {"samples": 0.0}
    lengths = sorted(sum(rollout.loss_mask) for rollout in rollouts)
    mean = statistics.fmean(lengths)
    return {
        "samples": float(len(rollouts)),
        "samples/digest": float(_digest(rollouts)),
        "completions/tokens_mean": mean,
        "completions/tokens_p99": float(lengths[len(lengths) * 99 // 100]),
        "completions/tokens_max": float(lengths[-1]),
        "completions/tail_ratio": lengths[-1] / mean if mean else 0.0,
        "completions/truncated_fraction": statistics.fmean(r.finish_reason in ("length", "turns") for r in rollouts),
        "completions/repetition": statistics.fmean(map(_repetition, rollouts)),
    }


def _tools(groups: Sequence[Group]) -> dict[str, float]:
    """Calls of tools, where some were offered; samples whose environment failed, by environment."""
    played = [(group.prompt, r, r.episode) for group in groups for r in group.rollouts if r.episode is not None]
    failed = Counter(label_of(notes.environment) for _, rollout, notes in played if rollout.finish_reason == "error")
    numbers = {f"tools/failures/{name}": float(count) for name, count in sorted(failed.items())}
    if played:
        numbers["time/tool_seconds"] = math.fsum(notes.seconds for _, _, notes in played)
    offered = [notes for prompt, _, notes in played if prompt.tools or notes.tools]
    if offered:
        numbers["tools/calls_mean"] = statistics.fmean(notes.num_calls for notes in offered)
        numbers["tools/invalid_calls_mean"] = statistics.fmean(notes.num_invalid_calls for notes in offered)
    return numbers


def _digest(rollouts: Sequence[Rollout]) -> int:
    """48 bits of a hash over all tokens: two runs with equal digests sampled the same tokens."""
    text = repr(sorted((rollout.group, rollout.index, rollout.tokens) for rollout in rollouts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _repetition(rollout: Rollout) -> float:
    """Fraction of the rollout's token 4-grams that occurred in it before; 0 for answers shorter than 4 tokens."""
    tokens = rollout.tokens
    grams = [tokens[i : i + NGRAM] for i in range(len(tokens) - NGRAM + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def _rates(numbers: Mapping[str, float], num_workers: int) -> dict[str, float]:
    step = numbers.get("time/step_seconds", 0.0)
    if step <= 0:
        return {}
    return {
        "time/tokens_per_second": numbers.get("tokens/consumed", 0.0) / step,
        "time/rollout_idle_fraction": max(
            0.0, 1.0 - numbers.get("time/rollout_busy_seconds", 0.0) / (num_workers * step)
        ),
        "time/trainer_idle_fraction": max(0.0, 1.0 - numbers.get("time/update_seconds", 0.0) / step),
    }

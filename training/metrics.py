"""The run's log: `metrics.jsonl` always, wandb when asked, and one definition for each number of a step."""

import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.collate import Batch
from openqwq.training.config import Logging
from openqwq.training.records import Group, UpdateReport
from openqwq.training.run_folder import write_text


class MetricsLog:
    """Appends one JSON object a line: `{"stage": ..., "step": ..., <name>: <number>, ...}`."""

    def __init__(self, folder: Path, logging: Logging, run_name: str) -> None:
        self.folder = folder
        self._rollouts_per_step = logging.rollouts_per_step
        self._wandb: Any = None
        _drop_cut_line(folder / "metrics.jsonl")
        if logging.wandb != "off":
            import wandb

            self._wandb = wandb.init(
                project=logging.wandb_project, name=run_name, dir=str(folder), mode=logging.wandb, resume="allow"
            )

    def write(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """One line, and the same to wandb under `<stage>/<name>`."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": stage, "step": step, **numbers}) + "\n")
        if self._wandb is not None:
            self._wandb.log({f"{stage}/{name}": value for name, value in numbers.items()})

    def forget_after(self, stage: str, step: int) -> None:
        """Drop lines of `stage` later than `step`: a resumed run writes them again."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return
        kept = []
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line a kill cut short
            if entry.get("stage") != stage or entry.get("step", 0) <= step:
                kept.append(line)
        write_text(path, "".join(line + "\n" for line in kept))

    def rollouts(self, stage: str, step: int, groups: Sequence[Group]) -> None:
        """`rollouts/<stage>/step_N.jsonl`: the first rollouts of the step with their verdicts."""
        folder = self.folder / "rollouts" / stage
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for group in groups for line in _rollout_lines(group)][: self._rollouts_per_step]
        (folder / f"step_{step}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def close(self) -> None:
        """Finish wandb."""
        if self._wandb is not None:
            self._wandb.finish()


def _drop_cut_line(path: Path) -> None:
    """Remove the line that a kill cut short, so that the next one does not join it."""
    if path.exists() and not (data := path.read_bytes()).endswith(b"\n"):
        write_text(path, data[: data.rfind(b"\n") + 1].decode())


def _rollout_lines(group: Group) -> list[dict[str, Any]]:
    return [
        {
            "id": group.prompt.id,
            "task": group.prompt.task,
            "sample": rollout.index,
            "prompt": group.prompt.messages[-1]["content"],
            "turns": [dict(turn) for turn in rollout.turns],
            "finish_reason": rollout.finish_reason,
            "weights_version": rollout.weights_version,
            "reward": judgement.reward,
            "parts": dict(judgement.parts),
            "statuses": dict(judgement.statuses),
            "reason": judgement.reason,
        }
        for rollout, judgement in zip(group.rollouts, group.judgements, strict=True)
    ]


def step_metrics(groups: Sequence[Group], batch: Batch, update: UpdateReport | None) -> dict[str, float]:
    """What is logged of one step.

    reward/mean: over judged samples. reward/<task>: the same per task. verifier/<name>: mean score where it scored.
    groups/zero_signal_share: groups whose rewards are all equal. completions/tokens_*: sampled tokens per sample.
    errors/<status>: samples left out because a part failed. update/*: from the trainer.
    """
    judgements = [j for group in groups for j in group.judgements]
    rollouts = [r for group in groups for r in group.rollouts]
    numbers: dict[str, float] = {"samples": float(len(rollouts)), "groups/with_signal": float(batch.num_groups)}
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for group in groups:
        for judgement in group.judgements:
            if judgement.reward is not None:
                rewards["mean"].append(judgement.reward)
                rewards[group.prompt.task].append(judgement.reward)
            if judgement.error is not None:
                numbers[f"errors/{judgement.error}"] = numbers.get(f"errors/{judgement.error}", 0.0) + 1.0
            for name, score in judgement.parts.items():
                parts[name].append(score)
    numbers |= {f"reward/{name}": statistics.fmean(values) for name, values in rewards.items()}
    numbers |= {f"verifier/{name}": statistics.fmean(values) for name, values in parts.items()}
    lengths = [sum(r.loss_mask) for r in rollouts]
    numbers["groups/zero_signal_share"] = 1.0 - batch.num_groups / len(groups)
    numbers["completions/tokens_mean"] = statistics.fmean(lengths)
    numbers["completions/tokens_max"] = float(max(lengths))
    numbers["completions/truncated_share"] = statistics.fmean(r.finish_reason != "stop" for r in rollouts)
    numbers["samples/masked"] = float(sum(j.reward is None for j in judgements))
    numbers["prompts/replay_share"] = statistics.fmean(g.prompt.is_replay for g in groups)
    numbers["time/verifier_seconds"] = sum(j.seconds for j in judgements)
    if update is not None:
        numbers |= {f"update/{name}": value for name, value in update.metrics.items()}
        numbers["time/update_seconds"] = update.seconds
    return numbers

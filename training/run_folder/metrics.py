"""The run's log: `metrics.jsonl`, and wandb if the recipe asks for it. rl/step_numbers.py computes the metrics."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.config import Logging
from openqwq.training.records import Group
from openqwq.training.run_folder.folder import write_text


class MetricsLog:
    """Appends one JSON object per line: `{"stage": ..., "step": ..., <name>: <number>, ...}`."""

    def __init__(self, folder: Path, logging: Logging, run_name: str) -> None:
        self.folder = folder
        self._rollouts_per_step = logging.rollouts_per_step
        self._wandb: Any = None
        _drop_incomplete_line(folder / "metrics.jsonl")
        if logging.wandb != "off":
            import wandb

            self._wandb = wandb.init(
                project=logging.wandb_project, name=run_name, dir=str(folder), mode=logging.wandb, resume="allow"
            )

    def write(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Append one line, and send the same numbers to wandb as `<stage>/<name>`."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": stage, "step": step, **numbers}) + "\n")
        if self._wandb is not None:
            self._wandb.log({f"{stage}/{name}": value for name, value in numbers.items()})

    def forget_after(self, stage: str, step: int) -> None:
        """Drop lines of `stage` after `step`, which a resumed run writes again."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return
        kept = []
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # a line that is incomplete because the run was killed
            if entry.get("stage") != stage or entry.get("step", 0) <= step:
                kept.append(line)
        write_text(path, "".join(line + "\n" for line in kept))

    def rollouts(self, stage: str, step: int, groups: Sequence[Group]) -> None:
        """Write `rollouts/<stage>/step_N.jsonl`: the first rollouts of the step with their judgements."""
        folder = self.folder / "rollouts" / stage
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for group in groups for line in _rollout_lines(group)][: self._rollouts_per_step]
        (folder / f"step_{step}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def close(self) -> None:
        """Finish wandb."""
        if self._wandb is not None:
            self._wandb.finish()


def _drop_incomplete_line(path: Path) -> None:
    """Remove an incomplete last line, left by a killed run, so that the next line is not appended to it."""
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
            "num_tokens": sum(rollout.loss_mask),
            "finish_reason": rollout.finish_reason,
            "weights_version": rollout.weights_version,
            "reward": judgement.reward,
            "parts": dict(judgement.parts),
            "statuses": dict(judgement.statuses),
            "reason": judgement.reason,
        }
        for rollout, judgement in zip(group.rollouts, group.judgements, strict=True)
    ]

"""The run's log: `metrics.jsonl`, rollouts, and the trackers that the recipe asks for. rl/step_numbers.py computes the
metrics."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from openqwq.training.answers.files import member_of
from openqwq.training.answers.record import Answer, answer_of
from openqwq.training.config import Logging
from openqwq.training.records import Group
from openqwq.training.run_folder.entry import SuiteEntry
from openqwq.training.run_folder.folder import write_bytes, write_text
from openqwq.training.tracking.trackers import EVALUATION, Trackers


class MetricsLog:
    """Appends one JSON object per line: `{"stage": ..., "step": ..., <name>: <number>, ...}`."""

    def __init__(self, folder: Path, logging: Logging, trackers: Trackers | None = None) -> None:
        self.folder = folder
        self._logging, self._trackers = logging, trackers
        self._has_caught_up = trackers is None
        _drop_incomplete_line(folder / "metrics.jsonl")

    def write(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Append one line, and send the same numbers to the trackers."""
        self._catch_up()
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": stage, "step": step, **numbers}) + "\n")
        if self._trackers is not None:
            self._trackers.log(stage, step, numbers)

    def _catch_up(self) -> None:
        """Send what earlier sessions have logged and may not have sent, because they were killed. Only once, and as
        late as the first number of this session: by then the lines are gone that it writes again."""
        if self._has_caught_up or self._trackers is None:
            return
        self._has_caught_up = True
        for entry in self._lines():
            numbers = {key: value for key, value in entry.items() if key not in ("stage", "step")}
            if {"stage", "step"} <= entry.keys():
                self._trackers.log(entry["stage"], entry["step"], numbers)

    def _lines(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "metrics.jsonl"
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # a line that is incomplete because the run was killed
            if isinstance(entry, dict):
                yield entry

    def evaluation(self, policy: str, number: int, suites: Mapping[str, SuiteEntry]) -> None:
        """Send the accuracies of a policy to the trackers; `number`: of stages that trained it. The run folder has them
        in `evals/`."""
        if self._trackers is None:
            return
        known = {suite: entry.accuracy for suite, entry in suites.items()}
        values = {suite: accuracy.value for suite, accuracy in known.items() if accuracy.value is not None}
        self._trackers.log(EVALUATION, number, values)
        rows = [
            {"policy": policy, "suite": suite, "accuracy": a.value, "low": a.low, "high": a.high, "n": a.n}
            for suite, a in known.items()
        ]
        self._trackers.table(EVALUATION, number, "accuracy", rows)

    def forget_after(self, stage: str, step: int) -> None:
        """Drop lines of `stage` after `step`, which a resumed run writes again."""
        kept = [line for line in self._lines() if line.get("stage") != stage or line.get("step", 0) <= step]
        if (path := self.folder / "metrics.jsonl").exists():
            write_text(path, "".join(json.dumps(line) + "\n" for line in kept))

    def rollouts(
        self,
        stage: str,
        step: int,
        groups: Sequence[Group],
        advantages: Mapping[tuple[int, int], float],
        per_token: Mapping[tuple[int, int], Mapping[str, Sequence[float]]] = MappingProxyType({}),
    ) -> None:
        """Write `rollouts/<stage>/step_N.jsonl.gz`: the rollouts of the step with their judgements. `advantages` and
        `per_token`: (group number, index) -> advantage, values of its trained tokens, for those of the update."""
        folder = self.folder / "rollouts" / stage
        folder.mkdir(parents=True, exist_ok=True)
        most = self._logging.rollouts_per_step if self._trackers is None else None  # a tracker looks at every group
        judged = (
            (group.prompt, rollout, judgement)
            for group in groups
            for rollout, judgement in zip(group.rollouts, group.judgements, strict=True)
        )
        answers = [
            answer_of(
                prompt,
                rollout,
                judgement,
                advantages.get((rollout.group, rollout.index)),
                self._logging.logprobs,
                per_token.get((rollout.group, rollout.index), {}),
            )
            for prompt, rollout, judgement in islice(judged, most)
        ]
        write_bytes(folder / f"step_{step}.jsonl.gz", member_of(answers[: self._logging.rollouts_per_step]))
        if self._trackers is not None:
            shown = [_tracked_row(answer) for answer in answers[: self._logging.tracked_rollouts]]
            self._trackers.table(stage, step, "rollouts", shown)
            self._trackers.table(stage, step, "groups", group_rows(answers, self._logging.tracked_rollouts))

    def close(self) -> None:
        """End the sessions of the trackers."""
        if self._trackers is not None:
            self._trackers.close()


def _drop_incomplete_line(path: Path) -> None:
    """Remove an incomplete last line, left by a killed run, so that the next line is not appended to it."""
    if path.exists() and not (data := path.read_bytes()).endswith(b"\n"):
        write_text(path, data[: data.rfind(b"\n") + 1].decode())


def group_rows(answers: Sequence[Answer], most: int) -> list[dict[str, Any]]:
    """Groups of a step as rows of a table, those whose rewards differ most first; at most `most` answers in all, but
    one group where any are wanted. A sample that could not be judged is counted, and has no part in mean and
    variance."""
    groups: dict[int, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.group, []).append(answer)
    rows: list[dict[str, Any]] = []
    num_left = most
    for row, size in sorted(map(_group_row, groups.values()), key=lambda found: -found[0]["variance"]):
        if num_left < size and (rows or most == 0):
            break
        rows, num_left = [*rows, row], num_left - size
    return rows


def _group_row(group: Sequence[Answer]) -> tuple[dict[str, Any], int]:
    """The row of a group, and its size."""
    ranked = sorted(group, key=lambda answer: -1.0 if answer.reward is None else answer.reward)
    known = [answer.reward for answer in ranked if answer.reward is not None]
    best, worst = _tracked_row(ranked[-1]), _tracked_row(ranked[-len(known)] if known else ranked[0])
    row = {name: best[name] for name in ("id", "task", "prompt")}
    row |= {"samples": len(group), "judged": len(known), "mean": statistics.fmean(known) if known else None}
    row |= {"variance": statistics.pvariance(known) if known else 0.0}
    row |= {"best": best["response"], "best_reward": best["reward"], "best_reason": best["reason"]}
    row |= {"worst": worst["response"], "worst_reward": worst["reward"], "worst_reason": worst["reason"]}
    return row, len(group)


def _tracked_row(answer: Answer) -> dict[str, Any]:
    """A rollout as a row of a table: texts and numbers."""
    names = ("id", "task", "sample", "reward", "num_tokens", "finish_reason", "reason")
    return {
        **{name: getattr(answer, name) for name in names},
        "prompt": answer.messages[-1]["content"],
        "response": "\n".join(str(turn.get("content") or "") for turn in answer.turns),
    }

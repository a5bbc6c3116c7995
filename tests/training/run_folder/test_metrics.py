"""The run's own log: whole lines, and a resumed stage writes no step twice."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.answers.record import answer_of
from openqwq.training.config import Logging
from openqwq.training.records import Group, Judgement
from openqwq.training.run_folder.entry import Estimate, SuiteEntry
from openqwq.training.run_folder.metrics import MetricsLog, group_rows
from openqwq.training.tracking.tracker import TrackedRun
from openqwq.training.tracking.trackers import Trackers
from tests.training.small_records import make_group, make_prompt, make_rollout


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_stage_drops_its_later_steps_and_an_incomplete_line(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging())
    log.write("cold_start", 7, {"x": -1.5})
    for step in (1, 2, 3, 4):
        log.write("stage1", step, {"x": step})
    log.write("stage0", 9, {"x": 0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "stage1", "st')
    log.forget_after("stage1", 2)
    log.write("stage1", 3, {"x": 33})
    assert [(line["stage"], line["step"], line["x"]) for line in lines(tmp_path)] == [
        ("cold_start", 7, -1.5), ("stage1", 1, 1), ("stage1", 2, 2), ("stage0", 9, 0), ("stage1", 3, 33),
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_line_without_a_step_belongs_to_the_start_of_its_stage(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"stage": "stage1", "x": 5}\n')
    MetricsLog(tmp_path, Logging()).forget_after("stage1", 0)
    assert lines(tmp_path) == [{"stage": "stage1", "x": 5}]


def test_a_stage_that_logged_nothing_has_nothing_to_forget(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging())
    log.forget_after("stage1", 0)
    assert list(tmp_path.iterdir()) == []
    log.write("stage1", 1, {"reward/mean": 0.5})
    log.close()
    assert (tmp_path / "metrics.jsonl").read_text() == '{"stage": "stage1", "step": 1, "reward/mean": 0.5}\n'


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"stage": "cold_start", "st', ""),
        ('{"a": 1}\n{"b": 2}\n{"c', '{"a": 1}\n{"b": 2}\n'),
        ('{"a": 1}\n{"b": 2}\n', '{"a": 1}\n{"b": 2}\n'),
        ("", ""),
    ],
)
def test_a_line_after_an_incomplete_one_is_not_lost(tmp_path: Path, text: str, kept: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(text)
    MetricsLog(tmp_path, Logging()).write("cold_start", 1, {"x": 1})
    assert (tmp_path / "metrics.jsonl").read_text() == kept + '{"stage": "cold_start", "step": 1, "x": 1}\n'


def test_a_log_that_is_whole_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"a": 1}\n')
    before = path.stat().st_ino
    MetricsLog(tmp_path, Logging())
    assert path.stat().st_ino == before


def test_every_rollout_is_logged_with_a_judgement(tmp_path: Path) -> None:
    group = replace(make_group([1.0, 0.0]), judgements=[Judgement(1.0, {}, {})])
    with pytest.raises(ValueError, match="shorter"):
        MetricsLog(tmp_path, Logging()).rollouts("stage1", 1, [group], {})


def test_rollouts_that_are_not_kept_are_not_read(tmp_path: Path) -> None:
    unreadable = replace(make_rollout(1, 0), turns=None)  # type: ignore[arg-type]
    groups = [make_group([1.0, 0.0]), Group(make_prompt(1), [unreadable], [Judgement(1.0, {}, {})])]
    MetricsLog(tmp_path, Logging(rollouts_per_step=2)).rollouts("stage1", 5, groups, {})
    assert len(logged(tmp_path, 5)) == 2
    with pytest.raises(TypeError):
        MetricsLog(tmp_path, Logging()).rollouts("stage1", 6, groups, {})


def test_the_first_rollouts_of_a_step_are_kept_with_their_verdicts(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging(rollouts_per_step=3))
    judgement = Judgement(None, {"math": 0.5}, {"math": "scored", "code": "sandbox_error"}, "gone",
                          reasons={"code": "down"})  # fmt: skip
    rollout = replace(make_rollout(4, 1, response="no", tokens=(1, 2, 3, 4), mask=(1, 0, 1, 1), finish="length"),
                      weights_version=6)  # fmt: skip
    groups = [Group(make_prompt(4), [rollout], [judgement]), make_group([1.0, 0.0, 0.5])]
    log.rollouts("stage1", 5, groups, {(4, 1): 0.75, (0, 0): -0.5})
    kept = logged(tmp_path, 5)
    assert [entry.get("reward") for entry in kept] == [None, 1.0, 0.0]
    assert [entry.get("advantage") for entry in kept] == [0.75, -0.5, None]
    assert kept[0] == {
        "id": "p4",
        "task": "math",
        "kind": "math",
        "sample": 1,
        "group": 4,
        "seed": 401,
        "messages": [{"role": "user", "content": "question 4"}],
        "turns": [{"role": "assistant", "content": "no"}],
        "finish_reason": "length",
        "num_tokens": 3,
        "weights_version": 6,
        "oldest_version": 0,
        "reference": {},
        "verdicts": {"math": {"status": "scored", "score": 0.5}, "code": {"status": "sandbox_error", "reason": "down"}},
        "advantage": 0.75,
        "reason": "gone",
        "flags": ["truncated"],
        "tokens": [1, 2, 3, 4],
        "loss_mask": [[1, 1], [0, 1], [1, 2]],
    }
    log.rollouts("stage1", 5, [make_group([0.25])], {})  # a resumed run writes the step again
    assert len(logged(tmp_path, 5)) == 1


def logged(folder: Path, step: int) -> list[dict[str, Any]]:
    text = gzip.decompress((folder / "rollouts" / "stage1" / f"step_{step}.jsonl.gz").read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def test_all_messages_of_a_prompt_are_kept_and_log_probabilities_where_they_are_asked_for(tmp_path: Path) -> None:
    system = {"role": "system", "content": "be brief"}
    group = make_group([1.0])
    group = replace(group, prompt=replace(group.prompt, messages=(system, *group.prompt.messages)))
    MetricsLog(tmp_path, Logging()).rollouts("stage1", 1, [group], {})
    [kept] = logged(tmp_path, 1)
    assert [message["content"] for message in kept["messages"]] == ["be brief", "question 0"]
    assert "logprobs" not in kept
    MetricsLog(tmp_path, Logging(logprobs=True)).rollouts("stage1", 1, [group], {})
    assert logged(tmp_path, 1)[0]["logprobs"] == [-1.0] * 3
    assert "per_token" not in logged(tmp_path, 1)[0]
    MetricsLog(tmp_path, Logging()).rollouts("stage1", 1, [group], {}, {(0, 0): {"gap": [0.5, -0.123456, -1e-7]}})
    assert str(logged(tmp_path, 1)[0]["per_token"]) == "{'gap': [0.5, -0.1235, 0.0]}"


class Kept:
    """A tracker that keeps what it gets."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def start(self, run: Any) -> None:
        self.calls.append("start")

    def log(self, *sent: Any) -> None:
        self.calls.append(sent)

    def table(self, *sent: Any) -> None:
        self.calls.append(sent)

    def close(self) -> None:
        self.calls.append("close")


def test_trackers_get_the_numbers_rollouts_and_accuracies_of_the_log(tmp_path: Path) -> None:
    kept = Kept()
    run = TrackedRun("id", "run", tmp_path, ("stage1",), {})
    log = MetricsLog(tmp_path, Logging(tracked_rollouts=1), Trackers({"kept": kept}, run, pytest.fail))
    log.write("stage1", 3, {"x": 0.5, "y": 2.0})
    log.rollouts("stage1", 3, [make_group([0.25, 1.0])], {})
    log.evaluation("stage1", 1, {"math": SuiteEntry(Estimate(0.5, 0.4, 0.6, 30)), "code": SuiteEntry(Estimate(None))})
    log.close()
    row = {
        "id": "p0",
        "task": "math",
        "sample": 0,
        "prompt": "question 0",
        "reward": 0.25,
        "num_tokens": 3,
        "finish_reason": "stop",
        "reason": "",
        "response": "yes",
    }
    of_group = {
        "id": "p0", "task": "math", "prompt": "question 0", "samples": 2, "judged": 2, "mean": 0.625,
        "variance": 0.375**2, "best": "yes", "best_reward": 1.0, "best_reason": "", "worst": "yes",
        "worst_reward": 0.25, "worst_reason": "",
    }  # fmt: skip
    unknown = {"policy": "stage1", "suite": "code", "accuracy": None, "low": None, "high": None, "n": None}
    assert kept.calls == [
        "start",
        ("stage1", 3, {"x": 0.5, "y": 2.0}),
        ("stage1", 3, "rollouts", [row]),
        ("stage1", 3, "groups", [of_group]),
        ("evaluation", 1, {"math": 0.5}),
        ("evaluation", 1, "accuracy",
         [{"policy": "stage1", "suite": "math", "accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 30}, unknown]),
        "close",
    ]  # fmt: skip
    assert lines(tmp_path) == [{"stage": "stage1", "step": 3, "x": 0.5, "y": 2.0}]
    assert len(logged(tmp_path, 3)) == 2


def test_groups_whose_rewards_differ_most_come_first_as_far_as_rollouts_are_tracked() -> None:
    rewards = {0: [0.0, 0.0], 1: [1.0, None, 0.0], 2: [None, None], 3: [0.5, 0.25]}
    groups = [make_group(values, number) for number, values in rewards.items()]
    answers = [
        answer_of(group.prompt, rollout, judgement)
        for group in groups
        for rollout, judgement in zip(group.rollouts, group.judgements, strict=True)
    ]
    rows = group_rows(answers, 100)
    assert [(row["id"], row["samples"], row["judged"], row["mean"]) for row in rows] == [
        ("p1", 3, 2, 0.5), ("p3", 2, 2, 0.375), ("p0", 2, 2, 0.0), ("p2", 2, 0, None)
    ]  # fmt: skip
    assert [(row["best_reward"], row["worst_reward"]) for row in rows] == [(1, 0), (0.5, 0.25), (0, 0), (None, None)]
    assert len({tuple(row) for row in rows}) == 1  # the columns of a table
    assert [len(group_rows(answers, most)) for most in (0, 1, 4, 5, 7, 8, 9)] == [0, 1, 1, 2, 3, 3, 4]


def test_what_a_killed_session_may_not_have_sent_is_sent_by_the_next_one(tmp_path: Path) -> None:
    run = TrackedRun("id", "run", tmp_path, ("stage1",), {})
    (tmp_path / "tracking.json").write_text(json.dumps({"id": "id", "sent": {"stage1": 1}}))
    written = [
        {"stage": "cold", "step": 7, "x": 1.0},
        *({"stage": "stage1", "step": n, "x": float(n)} for n in (1, 2, 3)),
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in written) + '{"cut')
    kept = Kept()
    log = MetricsLog(tmp_path, Logging(), Trackers({"kept": kept}, run, pytest.fail))
    log.forget_after("stage1", 2)  # the newest checkpoint is that of step 2
    log.write("stage1", 3, {"x": 3.0})
    log.write("stage1", 4, {"x": 4.0})
    assert kept.calls[1:] == [("cold", 7, {"x": 1.0}), *(("stage1", n, {"x": float(n)}) for n in (2, 3, 4))]

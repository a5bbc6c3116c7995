"""Did it learn and did it keep: what is said of stages after each other."""

import json
from pathlib import Path
from typing import Any

from openqwq.training.diagnosis.diagnose import diagnose
from openqwq.training.diagnosis.finding import Diagnosis
from openqwq.training.run_folder.record import read_run

Gain = tuple[float, float, float]


def run(folder: Path, *stages: dict[str, Gain], keep: float | None = None, finished: int | None = None) -> Diagnosis:
    """The diagnosis of a run with these gains (low, value, high) by suite, one mapping a stage."""
    entries: list[dict[str, Any]] = []
    for i, gains in enumerate(stages):
        paired = {suite: {"gain": v, "low": low, "high": high, "n": 100} for suite, (low, v, high) in gains.items()}
        entries.append({"name": f"stage{i + 1}", "kind": "rl", "steps": 9, "seconds": 1.0, "paired": paired})
        entries[-1]["eval"] = {"before": {}, "after": {}}
    rows = [
        {"stage": entry["name"], "step": step, "reward/mean": step / 10} for entry in entries for step in range(1, 7)
    ]
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    gates = {} if keep is None else {"gate": {"keep": {"math": keep}}}
    planned = [{"name": entry["name"], "kind": "rl", "steps": 9, **gates} for entry in entries]
    (folder / "recipe.yaml").write_text(json.dumps({"name": "x", "stages": planned}))
    (folder / "summary.json").write_text(json.dumps({"status": "completed", "stages": entries[:finished]}))
    return diagnose(read_run(folder))


def test_each_stage_is_asked_about_suites_that_no_earlier_one_raised(tmp_path: Path) -> None:
    found = run(tmp_path, {"math": (0.1, 0.2, 0.3)}, {"math": (-0.03, 0.0, 0.03), "chat": (0.2, 0.3, 0.4)})
    assert [f.words for f in found.learned] == [
        "stage1 raised math (+0.200 [0.100, 0.300]).",
        "stage2 raised chat (+0.300 [0.200, 0.400]).",
    ]
    assert [(f.name, f.words) for f in found.kept] == [("kept", "stage2 kept math (+0.000 [−0.030, 0.030]).")]


def test_a_skill_is_lost_kept_or_perhaps_lost_by_the_margin_of_the_gate(tmp_path: Path) -> None:
    def fate(low: float, high: float, keep: float | None = None) -> str:
        second = {"math": (low, (low + high) / 2, high)}
        return run(tmp_path, {"math": (0.1, 0.2, 0.3)}, second, keep=keep).kept[0].name

    assert fate(-0.2, -0.1) == "lost"
    assert fate(-0.2, 0.1) == "perhaps_lost" and fate(-0.2, 0.1, keep=0.25) == "kept"
    assert fate(-0.04, -0.01) == "kept" and fate(-0.04, -0.01, keep=0.02) == "lost"


def test_what_cannot_be_told_says_what_would_have_shown(tmp_path: Path) -> None:
    [found] = run(tmp_path, {"math": (-0.1, 0.0, 0.1)}).learned
    assert (found.name, found.mood) == ("cannot_tell", "wait")
    assert found.words == "stage1 of math (+0.000 [−0.100, 0.100]) one cannot tell; a change of 0.14 would show."


def test_a_stage_under_way_is_judged_by_its_reward_alone(tmp_path: Path) -> None:
    [found] = run(tmp_path, {"math": (0.1, 0.2, 0.3)}, finished=0).learned
    assert found.name == "under_way"
    assert "stage1 is at step 6 of 9; the reward on training prompts rose from 0.20 to 0.50" in found.words


def test_a_stage_without_suites_says_that_nobody_can_say(tmp_path: Path) -> None:
    [found] = run(tmp_path, {}).learned
    assert found.name == "not_measured" and found.advice


def test_a_run_that_has_not_begun_says_nothing(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert not found.learned and not found.kept and not found.signs and not found.num_checked

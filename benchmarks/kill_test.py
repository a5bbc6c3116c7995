"""`kill -9` at random moments of a two-stage run, again and again; every run must end as if nothing had happened.

A run of cold start, Stage 1 (partial rollouts, code and math), reward model and Stage 2 (async rollouts, tools, replay,
a guard) is done once undisturbed. Then runs of the same recipe are killed several times each, at a random moment of a
phase: sampling, judging, update, weight sync, writing a checkpoint, supervised training, evaluation, between stages.
Each is started again by the same command until it ends. Metrics (all but clocks), rollouts, evaluations and the bytes
of the final weights must equal those of the undisturbed run. Prints JSON.

`python -m benchmarks.kill_test [--kills 30] [--kills-per-run 3] [--ray] [--seed 0]`
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measuring import machine, print_report

ROOT = Path(__file__).absolute().parents[1]
DEADLINE_SECONDS = 600
PHASES = ("sampling", "judging", "update", "weight_sync", "checkpoint", "supervised", "evaluation", "between_stages")

RECIPE: dict[str, Any] = {
    "extends": "smoke",
    "name": "kill_test",
    "description": "Two short RL stages with samples under way at every checkpoint",
    "evaluation": {
        "suites": {
            name: {"sources": [{"source": f"data/tiny/{file}", "rows": [start, start + 8]}]}
            for name, file, start in [
                ("math", "math_heldout.jsonl", 0),
                ("math_hard", "math_hard_heldout.jsonl", 0),
                ("code", "code_heldout.jsonl", 0),
                ("skills", "skills_heldout.jsonl", 0),
                ("math_watch", "math_train.jsonl", 1850),
                ("code_watch", "code_train.jsonl", 1100),
            ]
        }
    },
    "stages": {
        "cold_start": {"steps": 6, "checkpoint_every": 2},
        "stage1": {
            "steps": 5,
            "checkpoint_every": 2,
            "schedule": {"kind": "partial", "oversample": 1.5, "max_staleness": 2},
            "algorithm": {"name": "reinforce_pp"},
        },
        "reward_model": {"steps": 4},
        "stage2": {
            "steps": 5,
            "checkpoint_every": 2,
            "schedule": {"kind": "async", "async_depth": 2, "max_staleness": 2},
            "algorithm": {"name": "ppo", "critic": {"warmup_updates": 1}},
        },
    },
}
"""Algorithms that learn from every sample: after so short a cold start no group would carry a signal."""


def arm(phase: str, count: int, delay: float) -> None:
    """From the `count`-th entry into `phase` on, this process has `delay` seconds to live."""
    from openqwq.training.cluster.ray_worker_group import RayWorkerGroup
    from openqwq.training.evaluation.policy import PolicyEvaluator
    from openqwq.training.inline import InlineWorkerGroup
    from openqwq.training.pipeline import stages
    from openqwq.training.run_folder.checkpoint import CheckpointStore
    from openqwq.training.run_folder.folder import RunFolder

    entered = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*words: Any, **named: Any) -> Any:
            nonlocal entered
            entered += 1
            if entered == count:
                threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
            return function(*words, **named)

        return wrapped

    worker_groups: list[Any] = [InlineWorkerGroup, RayWorkerGroup]
    places: dict[str, list[tuple[Any, str]]] = {
        "sampling": [(kind, "sample") for kind in worker_groups],
        "judging": [(kind, "judge") for kind in worker_groups],
        "update": [(kind, "update") for kind in worker_groups],
        "weight_sync": [(kind, "sync_weights") for kind in worker_groups],
        "checkpoint": [(CheckpointStore, "_write")],
        "supervised": [(kind, name) for kind in worker_groups for name in ("train_sft", "train_reward_model")],
        "evaluation": [(PolicyEvaluator, "measure")],
        "between_stages": [(RunFolder, "mark_finished"), (stages, "_prepare")],
    }
    for owner, name in places[phase]:
        setattr(owner, name, deadly(getattr(owner, name)))


def run_child(words: list[str]) -> int:
    """In the child: arm, then do what `openqwq run` does."""
    phase, count, delay, recipe, run_dir, mode = words
    from openqwq.training.cli import main

    if phase != "never":
        arm(phase, int(count), float(delay))
    return main(["run", recipe, "--run-dir", run_dir, *(["--inline"] if mode == "inline" else [])])


def start(recipe: Path, run: Path, mode: str, kill: tuple[str, int, float] | None) -> int:
    """One start of the command; its exit status, -9 when it was killed."""
    phase, count, delay = kill or ("never", 0, 0.0)
    words = [sys.executable, "-m", "benchmarks.kill_test", "--child", phase, str(count), str(delay)]
    log = run.with_suffix(".log")
    with log.open("a") as output:
        process = subprocess.Popen(
            [*words, str(recipe), str(run), mode], cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
        return process.wait(DEADLINE_SECONDS)


def content(run: Path) -> dict[str, str]:
    """What must be the same: name -> digest."""
    metrics = []
    for line in (run / "metrics.jsonl").read_text().splitlines():
        entry = json.loads(line)
        numbers = {name: value for name, value in entry.items() if not name.startswith("time/")}
        if numbers.keys() - {
            "stage",
            "step",
        }:  # a line of clocks alone may stand twice: a stage that ended was ended again
            metrics.append(json.dumps(numbers, sort_keys=True))
    found = {"metrics": digest("\n".join(metrics).encode())}
    for path in sorted((run / "evals").glob("*.json")):
        tree = json.loads(path.read_text())
        found[f"evals/{path.name}"] = digest(json.dumps(tree["suites"], sort_keys=True).encode())
    for path in [*run.glob("checkpoints/*/step_*/model/model.safetensors"), *run.glob("rollouts/*/*.jsonl*")]:
        found[str(path.relative_to(run))] = digest(path.read_bytes())
    return found


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["--child"]:
        return run_child(words[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--kills-per-run", type=int, default=3)
    parser.add_argument("--ray", action="store_true", help="with Ray's workers instead of one process")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    mode, chance = ("ray" if arguments.ray else "inline"), random.Random(arguments.seed)
    landed: Counter[str] = Counter()
    differences: list[str] = []
    num_runs, started = 0, time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="kill-test-") as name:
        folder = Path(name)
        recipe = folder / "kill_test.yaml"
        recipe.write_text(yaml.safe_dump(RECIPE))
        status = start(recipe, folder / "undisturbed", mode, None)
        if status != 0:
            print((folder / "undisturbed.log").read_text()[-2000:], file=sys.stderr)
            return print_report({"benchmark": "kill_test"}, [f"the undisturbed run ended with {status}"])
        expected = content(folder / "undisturbed")
        order = list(PHASES)
        while landed.total() < arguments.kills:
            run = folder / f"run{num_runs}"
            num_runs += 1
            for _ in range(min(arguments.kills_per_run, arguments.kills - landed.total())):
                if not order:
                    order = list(PHASES)
                    chance.shuffle(order)
                phase = order.pop()
                kill = (phase, chance.randint(1, 4), chance.random() * 0.4)
                status = start(recipe, run, mode, kill)
                if status == -signal.SIGKILL:
                    landed[phase] += 1
                elif status != 0:
                    differences.append(f"{run.name}: ended with {status} when it was to be killed in {phase}")
                print(f"{landed.total()} kills: {kill} -> {status}", file=sys.stderr, flush=True)
                if status == 0:
                    break  # it was over before the moment came
            status = start(recipe, run, mode, None)
            if status != 0:
                differences.append(f"{run.name}: ended with {status}")
                print(run.with_suffix(".log").read_text()[-1500:], file=sys.stderr)
                continue
            found = content(run)
            wrong = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
            differences += [f"{run.name}: {key}" for key in wrong]
    report = {
        "benchmark": "kill_test",
        **machine(),
        "workers": mode,
        "kills": landed.total(),
        "kills_by_phase": dict(landed),
        "runs": num_runs,
        "compared_files": len(expected),
        "seconds": round(time.perf_counter() - started),
    }
    return print_report(report, differences)


if __name__ == "__main__":
    sys.exit(main())

"""A run on a Ray of its own whose processes are killed one kind after the other, and one that is told to stop in the
middle of a step: seconds until the next finished step, seconds until the end, and whether the final weights are those
of a run that nothing happened to. With --kinds: what each error of Ray is taken for.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from ray import exceptions

from openqwq.training.cluster.ray_errors import DISTURBED, LOST

VERIFIER = "def even(response, row):\n    return len(response) % 2 == 0\n"
"""What every model is paid for often enough to change with it."""
RECIPE = """
name: losses
model: data/tiny/base
cluster: {{trainer: {{cpus: 1}}, stop_within: {within}}}
rewards: {{tasks: {{math: {{verifiers: [{{name: "{verifier}:even"}}]}}}}}}
stages:
  - name: stage1
    kind: rl
    steps: {steps}
    prompts_per_step: {prompts}
    group_size: 8
    checkpoint_every: {every}
    sampling: {{temperature: 1.2, max_new_tokens: 64}}
    prompts: [{{source: data/tiny/math_train.jsonl, rows: [0, 200]}}]
"""
KINDS = ("RolloutActor", "RewardActor", "TrainerActor")
"""Actors that are killed, each after a step of its own."""


def meanings() -> dict[str, list[str]]:
    """Meaning -> kinds of errors."""
    found: dict[str, list[str]] = {"lost": [], "Ray is disturbed": [], "missed deadline": [], "fault of the work": []}
    for name, kind in sorted(vars(exceptions).items()):
        if isinstance(kind, type) and issubclass(kind, exceptions.RayError):
            of = "lost" if issubclass(kind, LOST) else "Ray is disturbed" if issubclass(kind, DISTURBED) else None
            is_late = issubclass(kind, exceptions.GetTimeoutError)
            found[of or ("missed deadline" if is_late else "fault of the work")].append(name)
    return found


class Run:
    """`openqwq run` of the recipe as a process."""

    def __init__(self, root: Path, name: str, recipe: Path) -> None:
        self.folder, self._recipe = root / name, recipe

    def start(self) -> None:
        """Begin, or go on."""
        words = [sys.executable, "-m", "openqwq.training.cli", "run", str(self._recipe), "--run-dir", str(self.folder)]
        self._log = (self.folder.parent / f"{self.folder.name}.log").open("a")
        self.process = subprocess.Popen(words, stdout=self._log, stderr=self._log)

    def steps(self) -> int:
        """Finished steps."""
        path = self.folder / "metrics.jsonl"
        rows = (
            [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []
        )
        return max((row["step"] for row in rows if row["stage"] == "stage1" and "samples" in row), default=0)

    def reach(self, step: int) -> float:
        """Wait for a finished step, or for the end; returns the seconds."""
        begun = time.monotonic()
        while self.steps() < step and self.process.poll() is None:
            time.sleep(0.02)
        return time.monotonic() - begun

    def kill(self, kind: str) -> None:
        """SIGKILL for an actor."""
        alive = [] if self.process.poll() is not None else psutil.Process(self.process.pid).children(recursive=True)
        for process in alive:
            try:
                if f"ray::{kind}" in " ".join(process.cmdline()):
                    return os.kill(process.pid, signal.SIGKILL)
            except psutil.Error:
                continue
        raise SystemExit(f"no process of {kind}; the run said\n{Path(self._log.name).read_text()[-2000:]}")

    def end(self) -> tuple[int, float]:
        """Exit status, and the seconds until then."""
        begun = time.monotonic()
        status = self.process.wait()
        self._log.close()
        return status, time.monotonic() - begun

    @property
    def status(self) -> str:
        """As the summary says it."""
        return str(json.loads((self.folder / "summary.json").read_text())["status"])

    def weights(self) -> str:
        """A digest of the final model."""
        model = self.folder / json.loads((self.folder / "summary.json").read_text())["final_model"]
        return hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()


def killed(run: Run) -> tuple[dict[str, Any], int]:
    """Kill an actor of each kind in the middle of a step of its own."""
    seconds: dict[str, Any] = {}
    run.start()
    for number, kind in enumerate(KINDS, 1):
        run.reach(2 * number - 1)
        time.sleep(0.3)  # into the step
        done = run.steps()
        run.kill(kind)
        seconds[kind] = round(run.reach(done + 1), 1)
    return seconds, run.end()[0]


def stopped(run: Run, into: float) -> tuple[dict[str, Any], int]:
    """TERM in the middle of the third step, then the same command again."""
    run.start()
    run.reach(2)
    time.sleep(into)
    run.process.send_signal(signal.SIGTERM)
    status, seconds = run.end()
    kept = (run.folder / "work/stage1/step_samples.json.gz").exists()
    said = {"seconds to the end": round(seconds, 1), "exit status": status, "summary": run.status, "steps": run.steps(),
            "samples kept": kept}  # fmt: skip
    run.start()
    return said, run.end()[0]


def main() -> int:
    """Print JSON; 1 where weights differ or a run did not end well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", action="store_true", help="print what each error of Ray is taken for, and end")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--prompts", type=int, default=24, help="of a step")
    parser.add_argument("--within", default="1s", help="cluster.stop_within of the run that is told to stop")
    parser.add_argument("--into", type=float, default=0.3, help="seconds into the third step at which it is told")
    options = parser.parse_args()
    if options.kinds:
        print(json.dumps(meanings(), indent=2))
        return 0
    with tempfile.TemporaryDirectory() as name:
        root, recipes = Path(name), {}
        (root / "verifier.py").write_text(VERIFIER)
        sizes = {"within": options.within, "steps": options.steps, "prompts": options.prompts}
        for every in ("2", "100"):
            recipes[every] = root / f"every_{every}.yaml"
            recipes[every].write_text(RECIPE.format(every=every, verifier=root / "verifier.py", **sizes))
        calm = Run(root, "calm", recipes["100"])
        calm.start()
        statuses = [calm.end()[0]]
        struck = Run(root, "struck", recipes["2"])
        seconds, status = killed(struck)
        statuses.append(status)
        told = Run(root, "told", recipes["100"])
        said, status = stopped(told, options.into)
        statuses.append(status)
        equal = statuses == [0, 0, 0] and calm.weights() == struck.weights() == told.weights()
        result = {
            "exit statuses": statuses,
            "final weights equal": equal,
            "seconds from a killed actor to the next finished step": seconds,
            "told to stop": said,
        }
        print(json.dumps(result, indent=2))
        if not equal:
            for log in sorted(root.glob("*.log")):
                print(f"===== {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())

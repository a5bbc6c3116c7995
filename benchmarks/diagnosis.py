"""Is the diagnosis of a run right? Three healthy runs and seven that are ill on purpose; prints JSON, exits with 1
when one is named wrongly.

The runs are those of `recipes/ablations/illnesses.yaml`, Stage 1 of the quickstart with one thing wrong in each, and
one whose engine never loads the weights that are trained.

`python -m benchmarks.diagnosis [--run-dir DIR] [--seed 0]`: about 25 minutes on two cores; runs that are finished in
DIR are read again.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from benchmarks.measuring import print_report
from openqwq.training.ablation.run import load_ablation, run_ablation, run_folder
from openqwq.training.ablation.starting import RunProcesses
from openqwq.training.cli import StopRequest
from openqwq.training.config.files import load_recipe
from openqwq.training.diagnosis.diagnose import diagnose
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline import launch
from openqwq.training.run_folder.record import read_run
from openqwq.training.weight_sync.check import check_tokens

ROOT = Path(__file__).absolute().parents[1]
ABLATION = ROOT / "recipes" / "ablations" / "illnesses.yaml"
STALE = "stale_weights"
WANTED = {
    "dead_verifier": "reward_rejects_all",
    "always_one": "reward_accepts_all",
    "hacked_length": "length_pays",
    "collapsed_entropy": "entropy_collapses",
    "high_learning_rate": "policy_breaks",
    "cut_short": "cut_short",
    STALE: "engine_differs",
}
"""Arm -> the sign that must come first; other arms are healthy and must have no grave one."""


class StaleWorkerGroup(InlineWorkerGroup):
    """Its engine keeps the weights of the first update, under the names of later ones."""

    _first: Mapping[str, np.ndarray] = {}

    def sync_weights(self, version: int) -> float:
        if not self._first:
            self._first = {name: array.copy() for name, array in self._trainer.weights().items()}
        self._read_to_end()
        self._sampler.engine.load_weights(version, self._first)
        return statistics.fmean(self._trainer.logprobs(check_tokens(self._trainer.vocabulary)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stale", nargs=2, metavar=("RECIPE", "RUN"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stale:
        return run_stale(*map(Path, options.stale))
    if options.run_dir is None:
        with tempfile.TemporaryDirectory() as folder:
            return check(Path(folder), options.seed)
    return check(options.run_dir, options.seed)


def check(folder: Path, seed: int) -> int:
    """Run what is not finished in the folder, and compare what the diagnosis says with what was done."""
    plan = folder / ABLATION.name
    folder.mkdir(parents=True, exist_ok=True)
    tree = yaml.safe_load(ABLATION.read_text())
    tree["arms"][STALE] = {"reuse": {"arm": "healthy", "through": "cold_start"}}
    plan.write_text(yaml.safe_dump(tree, sort_keys=False))
    run_ablation(str(plan), [], folder, None, start, seeds=[seed])
    ablation, _ = load_ablation(str(plan))
    rows, wrong = [], []
    for arm in ablation.arms:
        found = diagnose(read_run(run_folder(folder, arm, seed)))
        wanted = WANTED.get(arm)
        hints = [sign.name for sign in found.signs if sign.mood != "bad"]
        rows.append({"arm": arm, "wanted": wanted, "illnesses": found.illnesses, "hints": hints})
        if found.illnesses[:1] != ([wanted] if wanted else []):
            wrong.append(f"{arm}: {found.illnesses or 'nothing'} in place of {wanted or 'nothing'}")
    return print_report({"seed": seed, "right": len(rows) - len(wrong), "of": len(rows), "runs": rows}, wrong)


def start(recipe: Path, target: Path) -> int:
    """Run a recipe in a process of its own, the stale one with an engine that keeps its weights."""
    if not target.name.startswith(STALE):
        return RunProcesses(["--inline"])(recipe, target)
    return subprocess.call(
        [sys.executable, "-m", "benchmarks.diagnosis", "--stale", str(recipe), str(target)], cwd=ROOT
    )


def run_stale(recipe: Path, target: Path) -> int:
    """The run whose engine is never given new weights."""
    vars(launch)["InlineWorkerGroup"] = StaleWorkerGroup
    return launch.launch(load_recipe(str(recipe), []), target, "auto", StopRequest(), is_inline=True)


if __name__ == "__main__":
    sys.exit(main())

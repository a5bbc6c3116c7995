"""The golden runs: their recipes, and five steps of one as numbers. scripts/golden.py writes and compares them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.pipeline import Pipeline
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.records import UpdateReport
from openqwq.training.rollout.drawing import Drawing
from openqwq.training.run_folder.folder import RunFolder

ROOT = Path(__file__).absolute().parents[2]
BASE = ROOT / "data" / "tiny" / "base"
PLUG_INS = ROOT / "tests" / "golden" / "golden_plug_ins.py"
STEPS = 5
TIE = 5e-5
"""A uniform number this close to the border between two tokens may fall on either side on another CPU."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One golden run: an algorithm of the catalogue, and what it changes in the schedule and the sampling."""

    algorithm: str
    schedule: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {
    **{name: Case(name) for name in CATALOGUE},
    "partial": Case("grpo", {"kind": "partial", "oversample": 2.0, "max_staleness": 2}, {"max_batch": 7}),
    "partial_dynamic": Case("dapo", {"kind": "partial", "max_staleness": 1}),
    "async": Case("grpo", {"kind": "async", "async_depth": 1, "max_staleness": 1}),
    "async_oversampled": Case("ppo", {"kind": "async", "async_depth": 2, "oversample": 1.5, "max_staleness": 3}),
    "top_p_top_k": Case("grpo", sampling={"top_p": 0.95, "top_k": 40}),
}


def recipe_of(case: Case, seed: int, model: Path = BASE) -> Recipe:
    """A run of one stage. No setting stands at its neutral value, so that a setting that is ignored shows."""
    spec = CATALOGUE[case.algorithm]
    algorithm = {
        "name": case.algorithm,
        "kl": {"coefficient": 0.05, "estimator": spec.kl.estimator, "place": spec.kl.place},
        "entropy_coefficient": 0.01,
        "truncated_importance": 1.5,
        "max_generation_rounds": 3,
        "allow_truncated_sampling": True,
        "critic": {"learning_rate": 3e-3, "warmup_updates": 1, "epochs": 2, "clip_value": 0.1,
                   "gamma": 0.97, "policy_lambda": 0.9, "value_lambda": 0.95},
    }  # fmt: skip
    stage = {
        "name": "stage1", "kind": "rl", "steps": STEPS, "prompts_per_step": 3, "group_size": 4,
        "algorithm": algorithm, "schedule": case.schedule,
        "sampling": {"temperature": 1.3, "max_new_tokens": 32, "max_turns": 3, **case.sampling},
        "optimizer": {"learning_rate": 1e-3, "betas": [0.8, 0.95], "weight_decay": 0.1, "warmup_steps": 3,
                      "max_grad_norm": 0.5},
        "minibatches": 2, "micro_batch_tokens": 300, "checkpoint_every": STEPS,
        "prompts": [{"source": str(ROOT / "data/tiny/math_train.jsonl"), "rows": [3, 20], "weight": 0.7},
                    {"source": str(ROOT / "data/tiny/code_train.jsonl"), "rows": [5, 9], "weight": 0.4,
                     "replay": True}],
    }  # fmt: skip
    verifiers = [{"name": f"{PLUG_INS}:brevity", "weight": 0.3}, {"name": f"{PLUG_INS}:digits", "weight": 0.9}]
    tasks = {"math": {"verifiers": verifiers},
             "code": {"verifiers": verifiers[::-1], "gates": [{"name": f"{PLUG_INS}:uneven", "scope": "last_turn"}],
                      "environment": f"{PLUG_INS}:AsksOnce"}}  # fmt: skip
    return Recipe.model_validate({
        "name": "golden", "model": str(model), "seed": seed, "cluster": {"trainer": {"cpus": 1}},
        "rewards": {"tasks": tasks}, "stages": [stage],
    })  # fmt: skip


class RecordingWorkers(InlineWorkerGroup):
    """The worker group of a run in one process; notes what enters each update, and the weights before the first."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[Record] = []

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        super().start_trainer(settings, resume_from)
        self.before = self.weights()

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: torch.tensor(array).double() for name, array in self._trainer.weights().items()}

    def update(self, batch: Batch) -> UpdateReport:
        report = super().update(batch)
        self.updates.append({
            "batch/samples": len(batch),
            "batch/positions": int(batch.lengths_N.sum()),
            "batch/rewards": projection(batch.rewards_N),
            "batch/advantages_std": float(batch.advantages_N.double().std()),
            "batch/advantages": projection(batch.advantages_N),
            "batch/sampled_logprobs": projection(batch.sampled_logprobs_K),
        })  # fmt: skip
        return report


def projection(values: torch.Tensor) -> float:
    """The mean of x_i cos(i): one number that changes with scale, sign and order."""
    flat = values.double().flatten()
    return float((flat * torch.arange(1, len(flat) + 1, dtype=torch.float64).cos()).mean())


@contextmanager
def settled_ties(known: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Within it, a token whose uniform number lies at a border is the one that `known` has for that number, so that all
    CPUs sample the same. Yields the ties that come up: uniform number -> token. Every other token is the engine's."""
    draw, ties = Drawing.draw, dict[str, int]()

    def settled(
        drawing: Drawing, logits: torch.Tensor, uniforms: torch.Tensor, rows: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, logprobs = draw(drawing, logits, uniforms, rows)
        scaled = logits * drawing.scale[rows]
        cumulative = _kept(drawing, scaled, rows).cumsum(1)
        total = cumulative[:, -1:]
        is_tie = ((cumulative - uniforms[:, None] * total).abs() < TIE * total).any(-1)
        for row in is_tie.nonzero()[:, 0].tolist():
            uniform = f"{float(uniforms[row]):.9f}"
            ties[uniform] = known.get(uniform, int(tokens[row]))
            tokens[row] = ties[uniform]
            logprobs[row] = torch.log_softmax(scaled[row], 0)[tokens[row]]
        return tokens, logprobs

    Drawing.draw = settled  # type: ignore[method-assign]
    try:
        yield ties
    finally:
        Drawing.draw = draw  # type: ignore[method-assign]


def _kept(drawing: Drawing, scaled: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """The probabilities of the tokens that top-k and top-p keep, in the order of the vocabulary."""
    probs = torch.softmax(scaled.double(), 1)
    if not drawing.truncation.is_on:
        return probs
    tokens, kept, _ = drawing.truncation.kept(probs, probs.sum(1), rows, probs.shape[1])
    return torch.zeros_like(probs).scatter(1, tokens, kept)


def run(name: str, seed: int, known_ties: Mapping[str, int], model: Path = BASE) -> Record:
    """Five steps of a case. `steps`: metric -> its value in each step, null where it has none. `change`: tensor -> the
    norm of what training added to it, and the direction of that as one number. `ties`: those of `settled_ties`."""
    recipe, console = recipe_of(CASES[name], seed, model), ConsoleLogger(Console(quiet=True))
    workers = RecordingWorkers()
    with tempfile.TemporaryDirectory(prefix="openqwq-golden-") as scratch, settled_ties(known_ties) as ties:
        folder = RunFolder(Path(scratch) / "run", recipe, "never")
        data = preflight(recipe, console.warn)
        sandbox = SandboxService(recipe.sandbox, console.warn)  # never entered: no program is run
        try:
            Pipeline(recipe, data, folder, console, lambda: False, lambda: workers, sandbox).run()
        finally:
            folder.close()
        log = [json.loads(line) for line in (folder.path / "metrics.jsonl").read_text().splitlines()]
    updates = iter(workers.updates)
    steps = [{**line, **(next(updates) if "update/learning_rate" in line else {})} for line in log if "samples" in line]
    names = sorted({key for step in steps for key in step if not key.startswith("time/")} - {"stage", "step"})
    change = {key: after - workers.before[key] for key, after in workers.weights().items()}
    return {
        "seed": seed,
        "ties": dict(sorted(ties.items())),
        "steps": {key: [_shortened(step.get(key)) for step in steps] for key in names},
        "change": {key: [_shortened(float(x.norm())), _shortened(direction(x))] for key, x in change.items()},
    }


def direction(change: torch.Tensor) -> float:
    """The projection of a tensor of norm 1, on a scale where it is of the order of 1."""
    return projection(change / change.norm().clamp(min=1e-30)) * (2 * change.numel()) ** 0.5


def _shortened(value: float | None) -> float | int | None:
    if value is None or value != value:
        return None
    return int(value) if value == int(value) else float(f"{value:.7g}")

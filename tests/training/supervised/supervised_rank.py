"""One rank of a supervised training, a cold start and a reward model after it, for `forked_ranks.group`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from openqwq.training.backends.ranks import Rank
from openqwq.training.config import Optimizer
from openqwq.training.errors import Interrupted
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.jobs import STOP_FILE, RewardModelJob, SftJob
from openqwq.training.supervised.reward_model import train_reward_model

ROOT = Path(__file__).resolve().parents[3]


def rows_of(name: str, count: int) -> list[dict[str, Any]]:
    lines = (ROOT / "data" / "tiny" / name).read_text().splitlines()
    return [json.loads(line) for line in lines[:count]]


def train(case: Mapping[str, Any], rank: Rank | None, model: str = "data/tiny/base") -> dict[str, Any]:
    """Both trainings in `work`."""
    folder = Path(case["work"])
    work, output = folder / "sft", folder / "model"
    work.mkdir(parents=True, exist_ok=True)
    job = SftJob(
        model=model, dtype="float32", steps=3, batch_size=8, micro_batch_rows=2, seed=7, threads=1,
        optimizer=Optimizer(learning_rate=1e-3, warmup_steps=1), work=work, output=output,
        rows=rows_of("demonstrations.jsonl", 32), checkpoint_every=1, rank=rank,
    )  # fmt: skip
    if case.get("stop"):
        (work / STOP_FILE).touch()
    try:
        train_sft(job)
    except Interrupted as error:
        (work / STOP_FILE).unlink(missing_ok=True)
        return {"error": str(error)}
    shared = {key: value for key, value in vars(job).items() if key not in ("rows", "checkpoint_every")}
    pairs = rows_of("preferences.jsonl", 24)
    reward = RewardModelJob(**shared, rows=pairs[:16], held_out=pairs[16:])
    job = replace(reward, work=folder / "reward", output=folder / "reward_model")
    accuracy = dict(train_reward_model(job).accuracy)
    weights = load_file(output / "model.safetensors")
    return {"accuracy": accuracy, "first_weights": [float(weights[name].flatten()[3]) for name in sorted(weights)]}


def program(case: Mapping[str, Any], rank: int, world: int, port: int, folder: str) -> dict[str, Any]:
    return train(case, Rank(rank, world, "127.0.0.1", port, case["stage"]), folder)

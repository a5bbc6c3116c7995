"""Small supervised trainings of the shipped rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from openqwq.training.config import Optimizer, Source
from openqwq.training.prompts.sources import load_rows
from openqwq.training.supervised.jobs import RewardModelJob, SftJob

DEMONSTRATIONS = load_rows(Source(source="data/tiny/demonstrations.jsonl", rows=(0, 200)))
PAIRS = load_rows(Source(source="data/tiny/preferences.jsonl", rows=(0, 60)))


def sft_job(base: str, folder: Path, **changes: Any) -> SftJob:
    (folder / "work").mkdir(parents=True, exist_ok=True)
    job = SftJob(
        model=base,
        dtype="float32",
        steps=3,
        batch_size=4,
        optimizer=Optimizer(learning_rate=1e-3, warmup_steps=1),
        seed=7,
        threads=1,
        work=folder / "work",
        output=folder / "model",
        rows=DEMONSTRATIONS,
        checkpoint_every=1,
    )
    return replace(job, **changes)


def reward_job(base: str, folder: Path, **changes: Any) -> RewardModelJob:
    """Of 40 pairs, with 20 held out."""
    shared = {k: v for k, v in vars(sft_job(base, folder)).items() if k not in ("rows", "checkpoint_every")}
    return RewardModelJob(**(shared | {"rows": PAIRS[:40], "held_out": PAIRS[40:]} | changes))

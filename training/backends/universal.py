"""Loads a ZeRO checkpoint into another number of ranks, through DeepSpeed's universal checkpoints (a file per
parameter)."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from openqwq.training.errors import CheckpointError

FOLDER = "universal"
EXACT_ZERO_1 = "BF16_Optimizer"


def check_same_family(folder: Path, saved_stage: int, stage: int) -> None:
    """Raises CheckpointError when `folder` was saved under ZeRO-3 and is loaded under ZeRO-1 or 2, or the reverse."""
    if (saved_stage == 3) != (stage == 3):
        raise CheckpointError(
            f"{folder} was saved with zero_stage {saved_stage}, this run has {stage}; go on with "
            f"cluster.trainer.zero_stage={saved_stage}, or start a new run from its weights (model={folder}/model)"
        )


def check_same_optimizer(folder: Path, saved: str, own: str) -> None:
    """Raises CheckpointError when `folder` was saved by ZeRO-1 in bfloat16, of which DeepSpeed has a class of its own
    where gradients are summed in float32, and is loaded otherwise, or the reverse."""
    if saved != own and EXACT_ZERO_1 in (saved, own):
        raise CheckpointError(
            f"{folder} was saved by DeepSpeed's {saved}, this run has {own}; go on with the zero_stage and the "
            f"cluster.trainer.gradient_dtype of then, or start a new run from its weights (model={folder}/model)"
        )


def load_from_other_ranks(engine: Any, folder: Path, tag: str) -> None:
    """Load into `engine` the checkpoint `folder`/`tag` of another number of ranks. A collective; all ranks see
    `folder`.

    Raises:
        CheckpointError: the checkpoint cannot be converted.
    """
    is_first = torch.distributed.get_rank() == 0
    problem = [_convert(folder / tag, folder / FOLDER / tag) if is_first else None]
    torch.distributed.broadcast_object_list(problem, src=0)
    if problem[0]:
        raise CheckpointError(f"{folder} was saved by another number of ranks and cannot be converted: {problem[0]}")
    engine._config.load_universal_checkpoint = True  # the engine reads the setting when it loads
    try:
        path, _ = engine.load_checkpoint(str(folder / FOLDER), tag=tag)
    finally:
        engine._config.load_universal_checkpoint = False
    if path is None:
        raise CheckpointError(f"{folder}/{FOLDER}/{tag} cannot be read by DeepSpeed")
    torch.distributed.barrier()
    if is_first:
        shutil.rmtree(folder / FOLDER)


def _convert(source: Path, target: Path) -> str | None:
    """Write `source` as a universal checkpoint to `target`; returns the error, or None on success."""
    shutil.rmtree(target.parent, ignore_errors=True)
    folders = ["--input_folder", str(source), "--output_folder", str(target)]
    workers = ["--num_extract_workers", "1", "--num_merge_workers", "1"]
    command = [
        sys.executable,
        "-m",
        "deepspeed.checkpoint.ds_to_universal",
        *folders,
        "--inject_missing_state",
        *workers,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else " ".join(done.stderr.split())[-400:]

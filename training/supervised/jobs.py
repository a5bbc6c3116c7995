"""The settings of a supervised training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.backends.ranks import Rank
from openqwq.training.config import Optimizer
from openqwq.training.templates.source import OWN_TEMPLATE, ChatSettings

STOP_FILE = "STOP"
"""Name of the stop file: if it exists in a job's work folder, the trainer saves a checkpoint and stops."""


@dataclass(frozen=True, kw_only=True)
class TrlJob:
    """The settings that both trainings share."""

    model: str
    """Folder or hub id to start from."""
    dtype: str
    steps: int
    batch_size: int
    optimizer: Optimizer
    seed: int
    threads: int
    work: Path
    """Folder of the training's own checkpoints, `progress.jsonl` and the stop file."""
    output: Path
    """Folder for the finished model, which transformers can load."""
    chat: ChatSettings = OWN_TEMPLATE
    """The recipe's chat template and end of a turn."""
    micro_batch_rows: int | None = None
    gradient_checkpointing: bool = False
    rank: Rank | None = None
    """This process in a group of ranks; None trains alone."""


@dataclass(frozen=True, kw_only=True)
class SftJob(TrlJob):
    """Cold start on `rows` of chat `messages`, with `tools` if they have any."""

    rows: Sequence[Mapping[str, Any]]
    checkpoint_every: int | str
    """Steps, or a duration."""


@dataclass(frozen=True, kw_only=True)
class RewardModelJob(TrlJob):
    """Preference pairs: `prompt` (text or messages), `chosen`, `rejected`, optional `class`."""

    rows: Sequence[Mapping[str, Any]]
    held_out: Sequence[Mapping[str, Any]]

"""The common part of both trainings through TRL: arguments, ranks, progress, stopping early, saving the model."""

import json
import time
from pathlib import Path
from typing import Any

from openqwq.training.backends.number_format import computes_in_bfloat16
from openqwq.training.backends.ranks import from_first_rank
from openqwq.training.backends.zero_optimizer import zero_section
from openqwq.training.errors import Interrupted, RecipeError
from openqwq.training.models import save_model
from openqwq.training.supervised.jobs import STOP_FILE, TrlJob

TRAINED_IN = "float32"
"""Precision of the weights in training, because small steps of AdamW are lost in bfloat16. They are rounded to the
run's precision when they are saved; the passes compute in bfloat16 where the machine multiplies it."""


def common_arguments(job: TrlJob) -> dict[str, Any]:
    """Arguments for TRL's configurations.

    Raises:
        RecipeError: `micro_batch_rows` does not divide a rank's rows of a batch.
    """

    optimizer = job.optimizer
    rows = job.batch_size // (job.rank.world_size if job.rank else 1)
    micro = job.micro_batch_rows or rows
    if rows % micro:
        raise RecipeError(f"micro_batch_rows={micro} must divide a rank's {rows} rows of batch_size={job.batch_size}")
    return {
        "output_dir": str(job.work),
        "bf16": computes_in_bfloat16(job.dtype),
        "gradient_checkpointing": job.gradient_checkpointing,
        **_sharding_arguments(job),
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": max(1, min(10, job.steps // 5)),
        "max_steps": job.steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": rows // micro,
        "max_length": None,
        "max_grad_norm": optimizer.max_grad_norm,
        "learning_rate": optimizer.learning_rate,
        "adam_beta1": optimizer.betas[0],
        "adam_beta2": optimizer.betas[1],
        "weight_decay": optimizer.weight_decay,
        "warmup_steps": optimizer.warmup_steps,
        "lr_scheduler_type": "linear",
        "seed": job.seed % 2**31,
    }


def _sharding_arguments(job: TrlJob) -> dict[str, Any]:
    """Arguments to train in one process, or with DeepSpeed over the ranks of the group that `join_configured`
    joined."""
    import torch

    if job.rank is None:
        return {"use_cpu": not torch.cuda.is_available()}
    config = {
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        **zero_section(job.rank),
    }
    return {"deepspeed": config, "accelerator_config": {"use_configured_state": True}}


def save(trainer: Any, tokenizer: Any, job: TrlJob, end_of_turn: int | None = None) -> None:
    """Write the whole model in the run's precision. A collective: all ranks gather it, and the first one writes."""
    import torch

    bare = trainer.accelerator.unwrap_model(trainer.model)
    whole = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.args.should_save:
        # named_parameters lists tied weights once
        state = {name: whole[name].to(getattr(torch, job.dtype)) for name, _ in bare.named_parameters()}
        save_model(bare, tokenizer, job.output, state, job.dtype, end_of_turn)


def progress_callback(job: TrlJob, save_seconds: float | None = None) -> Any:
    """A callback that appends each log to `progress.jsonl`, saves a checkpoint every `save_seconds`, and stops with one
    when the stop file appears. The first rank's clock counts."""
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            numbers = {k: v for k, v in (logs or {}).items() if isinstance(v, int | float)}
            if "train_runtime" in numbers:  # the last log: clocks, and means over the steps of this process only
                numbers = {"time/train_seconds": numbers["train_runtime"]}
            if not state.is_world_process_zero:
                return
            with (job.work / "progress.jsonl").open("a") as file:
                file.write(json.dumps({"step": state.global_step, **numbers}) + "\n")

        saved_at = time.monotonic()

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.saved_at = time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if save_seconds is not None:
                is_due = time.monotonic() - self.saved_at >= save_seconds
                control.should_save = control.should_save or from_first_rank(job.rank, is_due)
            if from_first_rank(job.rank, (job.work / STOP_FILE).exists()):
                control.should_save = control.should_training_stop = True

    return Progress()


def run(trainer: Any, job: TrlJob) -> None:
    """Train, from the last complete checkpoint if there is one.

    Raises:
        Interrupted: the stop file appeared.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=last_checkpoint(job.work))
    if from_first_rank(job.rank, (job.work / STOP_FILE).exists()) and trainer.state.global_step < job.steps:
        raise Interrupted(f"stopped at step {trainer.state.global_step} of {job.steps}")


def last_checkpoint(work: Path) -> str | None:
    """The newest complete checkpoint. The trainer writes its state last, so a checkpoint without it is incomplete."""
    for folder in sorted(work.glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]), reverse=True):
        try:
            json.loads((folder / "trainer_state.json").read_text())
        except (OSError, json.JSONDecodeError):
            continue
        return str(folder)
    return None

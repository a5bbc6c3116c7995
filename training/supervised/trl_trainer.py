"""What both trainings through TRL share: arguments, ranks, progress, a stop in the middle, the finished model."""

import json
from pathlib import Path
from typing import Any

from openqwq.training.backends.ranks import said_by_first
from openqwq.training.backends.zero_optimizer import zero_section
from openqwq.training.errors import Interrupted, RecipeError
from openqwq.training.models import save_model
from openqwq.training.supervised.jobs import STOP_FILE, TrlJob

TRAINED_IN = "float32"
"""Weights are rounded to the run's precision when saved: small steps of AdamW vanish in bfloat16. On GPUs the passes
compute in bfloat16 all the same."""


def common_arguments(job: TrlJob) -> dict[str, Any]:
    import torch

    optimizer = job.optimizer
    share = job.batch_size // (job.rank.world_size if job.rank else 1)
    micro = job.micro_batch_rows or share
    if share % micro:
        raise RecipeError(f"micro_batch_rows={micro} must divide a rank's {share} rows of batch_size={job.batch_size}")
    return {
        "output_dir": str(job.work),
        "bf16": job.dtype == "bfloat16" and torch.cuda.is_available(),
        "gradient_checkpointing": job.gradient_checkpointing,
        **_how_to_hold(job),
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": max(1, min(10, job.steps // 5)),
        "max_steps": job.steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": share // micro,
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


def _how_to_hold(job: TrlJob) -> dict[str, Any]:
    """Alone, or over ranks by DeepSpeed, in the group that `join` has made."""
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


def save(trainer: Any, tokenizer: Any, job: TrlJob) -> None:
    """The whole model in the run's precision, by the first rank; all take part in putting it together."""
    import torch

    bare = trainer.accelerator.unwrap_model(trainer.model)
    whole = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.args.should_save:
        # tied weights once, by the name of the parameter
        state = {name: whole[name].to(getattr(torch, job.dtype)) for name, _ in bare.named_parameters()}
        save_model(bare, tokenizer, job.output, state, job.dtype)


def progress_callback(job: TrlJob) -> Any:
    """Writes each log to `progress.jsonl` and stops, with a checkpoint, when the stop file appears."""
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            numbers = {k: v for k, v in (logs or {}).items() if isinstance(v, int | float)}
            if "train_runtime" in numbers:  # the closing line: clocks, and a mean over what this process has done only
                numbers = {"time/train_seconds": numbers["train_runtime"]}
            if not state.is_world_process_zero:
                return
            with (job.work / "progress.jsonl").open("a") as file:
                file.write(json.dumps({"step": state.global_step, **numbers}) + "\n")

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if said_by_first(job.rank, (job.work / STOP_FILE).exists()):
                control.should_save = control.should_training_stop = True

    return Progress()


def run(trainer: Any, job: TrlJob) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=last_checkpoint(job.work))
    if said_by_first(job.rank, (job.work / STOP_FILE).exists()) and trainer.state.global_step < job.steps:
        raise Interrupted(f"stopped at step {trainer.state.global_step} of {job.steps}")


def last_checkpoint(work: Path) -> str | None:
    """The newest checkpoint that is complete: the trainer writes its state last, a kill may come before."""
    for folder in sorted(work.glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]), reverse=True):
        try:
            json.loads((folder / "trainer_state.json").read_text())
        except (OSError, json.JSONDecodeError):
            continue
        return str(folder)
    return None

"""Supervised training through TRL's public constructors: SFTTrainer for the cold start, RewardTrainer for preferences.

Rows are tokenised here by the codec of the rollouts, so that what is taught is token by token what is sampled later.
"""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.backends.ranks import Rank, said_by_first
from openqwq.training.backends.zero_stepping import join_configured as join
from openqwq.training.backends.zero_stepping import zero_section
from openqwq.training.config import Optimizer
from openqwq.training.errors import DataError, Interrupted, RecipeError
from openqwq.training.models import load_model, load_tokenizer, locate, save_model
from openqwq.training.rollout.conversation import ChatCodec

STOP_FILE = "STOP"
"""A file of this name in a job's work folder asks the trainer to save and stop."""


TRAINED_IN = "float32"
"""Weights are rounded to the run's precision when saved: small steps of AdamW vanish in bfloat16. On GPUs the passes
compute in bfloat16 all the same."""


@dataclass(frozen=True, kw_only=True)
class TrlJob:
    """What both trainings share."""

    model: str
    """Folder or hub id to start from."""
    dtype: str
    steps: int
    batch_size: int
    optimizer: Optimizer
    seed: int
    threads: int
    work: Path
    """Checkpoints of the training itself, `progress.jsonl` and the stop file."""
    output: Path
    """Where the finished model goes: a folder that transformers loads."""
    micro_batch_rows: int | None = None
    gradient_checkpointing: bool = False
    rank: Rank | None = None
    """This process among several that train together; None trains alone."""


@dataclass(frozen=True, kw_only=True)
class SftJob(TrlJob):
    """Cold start on `rows` of chat `messages` (+ `tools`)."""

    rows: Sequence[Mapping[str, Any]]
    checkpoint_every: int


@dataclass(frozen=True, kw_only=True)
class RewardModelJob(TrlJob):
    """Preference pairs: `prompt` (text or messages), `chosen`, `rejected`, optional `class`."""

    rows: Sequence[Mapping[str, Any]]
    held_out: Sequence[Mapping[str, Any]]


def encode_demonstration(codec: ChatCodec, row: Mapping[str, Any], eos: int) -> tuple[list[int], list[int]]:
    """Tokens and labels (-100 where nothing is learned) of one demonstration.

    The prompt is everything up to the last user message; assistant turns after it are learned with their end token,
    tool messages between them are context.

    Raises:
        DataError: no assistant turn, or a message of another role after the prompt.
    """
    messages = row.get("messages") or _chat_of(row)
    start = 1 + max((i for i, m in enumerate(messages) if m["role"] == "user"), default=-1)
    tokens = list(codec.prompt(messages[:start], row.get("tools") or ())[0])
    labels = [-100] * len(tokens)
    waiting: list[Mapping[str, Any]] = []
    for message in messages[start:]:
        if message["role"] == "tool":
            waiting.append(message)
            continue
        if message["role"] != "assistant":
            raise DataError(
                f"after its last user message a demonstration holds assistant and tool, got {message['role']!r}"
            )
        if waiting:
            answer = codec.tool_answer(waiting)
            tokens += answer
            labels += [-100] * len(answer)
            waiting = []
        turn = [*codec.tokenizer(message["content"], add_special_tokens=False)["input_ids"], eos]
        tokens += turn
        labels += turn
    if all(label == -100 for label in labels):
        raise DataError("a demonstration has no assistant turn after its last user message")
    return tokens, labels


def _chat_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`prompt` and `completion` as a chat."""
    if "prompt" not in row or "completion" not in row:
        raise DataError(
            f"a demonstration needs 'messages', or 'prompt' and 'completion'; the row has {', '.join(sorted(row))}. "
            f"Map them with `columns:`"
        )
    prompt = row["prompt"]
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    return [*asked, {"role": "assistant", "content": str(row["completion"])}]


def train_sft(job: SftJob) -> None:
    """Supervised fine-tuning; goes on from the last checkpoint in `job.work`.

    Raises:
        Interrupted: the stop file appeared; a checkpoint was saved.
    """
    import torch
    from datasets import Dataset
    from trl import SFTConfig

    torch.set_num_threads(job.threads)
    join(job.rank)
    tokenizer = load_tokenizer(job.model)
    codec = ChatCodec(tokenizer)
    encoded = [encode_demonstration(codec, row, tokenizer.eos_token_id) for row in job.rows]
    order = batch_order([len(tokens) for tokens, _ in encoded], job.batch_size, job.steps, job.seed)
    rows = [{"input_ids": encoded[i][0], "labels": encoded[i][1]} for i in order]
    config = SFTConfig(
        **_common_arguments(job),
        save_strategy="steps",
        save_steps=job.checkpoint_every,
        save_total_limit=1,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer = _compact_sft_trainer()(
        model=load_model(job.model, TRAINED_IN),
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[_progress_callback(job)],
    )
    _run(trainer, job)
    _save(trainer, tokenizer, job)


def batch_order(lengths: Sequence[int], batch_size: int, steps: int, seed: int) -> list[int]:
    """Row indices of `steps` batches: shuffled epochs, cut into windows of 8 batches in which rows of like length
    stand together (little padding), the batches of a window shuffled. [steps * batch_size]"""
    draw = random.Random(seed)
    needed = steps * batch_size
    order: list[int] = []
    while len(order) < needed:
        epoch = list(range(len(lengths)))
        draw.shuffle(epoch)
        order += epoch
    batches: list[list[int]] = []
    for start in range(0, needed, 8 * batch_size):
        window = sorted(order[start : min(start + 8 * batch_size, needed)], key=lambda i: (lengths[i], i))
        cut = [window[k : k + batch_size] for k in range(0, len(window), batch_size)]
        draw.shuffle(cut)
        batches += cut
    return [i for batch in batches for i in batch]


def _common_arguments(job: TrlJob) -> dict[str, Any]:
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


def _save(trainer: Any, tokenizer: Any, job: TrlJob) -> None:
    """The whole model in the run's precision, by the first rank; all take part in putting it together."""
    import torch

    bare = trainer.accelerator.unwrap_model(trainer.model)
    whole = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.args.should_save:
        # tied weights once, by the name of the parameter
        state = {name: whole[name].to(getattr(torch, job.dtype)) for name, _ in bare.named_parameters()}
        save_model(bare, tokenizer, job.output, state, job.dtype)


def _compact_sft_trainer() -> Any:
    """SFTTrainer whose loss scores labelled positions only.

    On CPU TRL 1.16 sends every position, prompts and padding too, through the head: a third more time for the same
    loss. On a GPU, or with several processes, TRL's own path is compact already and is used.
    """
    import torch.nn.functional as functional
    from trl import SFTTrainer

    class CompactSFTTrainer(SFTTrainer):  # type: ignore[misc]
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if self.accelerator.num_processes > 1 or self.accelerator.device.type != "cpu":
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            labels = inputs["labels"][:, 1:]
            learned = labels != -100
            bare = self.accelerator.unwrap_model(model)
            hidden = bare.base_model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
            ).last_hidden_state[:, :-1]
            logits = bare.get_output_embeddings()(hidden[learned]).float()
            count = learned.sum() if num_items_in_batch is None else num_items_in_batch
            return functional.cross_entropy(logits, labels[learned], reduction="sum") / count

    return CompactSFTTrainer


def _progress_callback(job: TrlJob) -> Any:
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


def _run(trainer: Any, job: TrlJob) -> None:
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


def train_reward_model(job: RewardModelJob) -> dict[str, float]:
    """Bradley-Terry training on pairs; returns held-out pair accuracy by class and over all (`all`)."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    torch.set_num_threads(job.threads)
    join(job.rank)
    torch.manual_seed(job.seed)
    tokenizer = load_tokenizer(job.model)
    pairs = [encode_pair(tokenizer, row) for row in job.rows]
    config = RewardConfig(**_common_arguments(job), save_strategy="no", center_rewards_coefficient=0.01)
    # after the config: under ZeRO-3 the model is divided as it loads
    model = AutoModelForSequenceClassification.from_pretrained(
        locate(job.model), num_labels=1, dtype=getattr(torch, TRAINED_IN)
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    trainer = RewardTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
        callbacks=[_progress_callback(job)],
    )
    _run(trainer, job)
    _save(trainer, tokenizer, job)
    return _pair_accuracy(trainer.model_wrapped, tokenizer, job.held_out)


def encode_pair(tokenizer: Any, row: Mapping[str, Any]) -> dict[str, list[int]]:
    """Token ids of both sides, exactly the text that is scored later: the answer without its thinking."""
    from openqwq.verifiers.answers import graded_text
    from openqwq.verifiers.reward_model import reward_model_text

    for column in ("prompt", "chosen", "rejected"):
        if column not in row:
            raise DataError(f"a preference pair needs a column {column!r}, the row has {', '.join(sorted(row))}")
    prompt = row["prompt"]
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    texts = {
        side: reward_model_text(tokenizer, messages, graded_text(_answer(row[side])).text)
        for side in ("chosen", "rejected")
    }
    return {f"{side}_ids": tokenizer(t, add_special_tokens=False)["input_ids"] for side, t in texts.items()}


def _answer(side: Any) -> str:
    """Text of one side: plain, or the last message of a chat."""
    return side if isinstance(side, str) else str(side[-1]["content"])


def _pair_accuracy(model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Share of pairs whose chosen side scores higher, by `class` and over `all`."""
    import torch

    model.eval()
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(rows), 64):
        chunk = rows[start : start + 64]
        encoded = [encode_pair(tokenizer, row) for row in chunk]
        with torch.no_grad():
            chosen, rejected = (
                model(**tokenizer.pad({"input_ids": [e[key] for e in encoded]}, return_tensors="pt").to(model.device))
                .logits[:, 0]
                .float()
                for key in ("chosen_ids", "rejected_ids")
            )
        for row, is_right in zip(chunk, (chosen > rejected).tolist(), strict=True):
            hits["all"].append(is_right)
            hits[str(row.get("class", "unlabelled"))].append(is_right)
    return {name: sum(values) / len(values) for name, values in sorted(hits.items())}

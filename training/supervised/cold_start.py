"""Supervised fine-tuning through TRL's SFTTrainer."""

from typing import Any

from openqwq.training.backends.logit_transform import LogitTransform, measure
from openqwq.training.backends.zero_optimizer import join_configured
from openqwq.training.config.durations import in_seconds, in_steps
from openqwq.training.models import load_model, load_tokenizer, switch_dropout_off
from openqwq.training.supervised.encoding import batch_order, encode_demonstration
from openqwq.training.supervised.jobs import SftJob
from openqwq.training.supervised.load_check import check_at_load, loss_gap
from openqwq.training.supervised.trl_trainer import TRAINED_IN, common_arguments, progress_callback, run, save
from openqwq.training.templates.codec import ChatCodec


def train_sft(job: SftJob) -> None:
    """Run supervised fine-tuning, from the last checkpoint in `job.work` if there is one.

    Raises:
        Interrupted: the stop file appeared, and a checkpoint was saved.
        RecipeError: the loss would not be that of the model.
    """
    import torch
    from datasets import Dataset
    from trl import SFTConfig

    torch.set_num_threads(job.threads)
    join_configured(job.rank)
    tokenizer = load_tokenizer(job.model, job.chat)
    codec = ChatCodec(tokenizer, job.chat.end_of_turn)
    encoded = [encode_demonstration(codec, row) for row in job.rows]
    order = batch_order([len(tokens) for tokens, _ in encoded], job.batch_size, job.steps, job.seed)
    rows = [{"input_ids": encoded[i][0], "labels": encoded[i][1]} for i in order]
    config = SFTConfig(
        **common_arguments(job),
        save_strategy="steps",
        save_steps=in_steps(job.checkpoint_every) or job.steps,
        save_total_limit=1,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    model = load_model(job.model, TRAINED_IN)
    switch_dropout_off(model)
    trainer = _compact_sft_trainer()(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[progress_callback(job, in_seconds(job.checkpoint_every))],
    )
    check_at_load(trainer, loss_gap)
    run(trainer, job)
    save(trainer, tokenizer, job, codec.turns.end_token)


def _compact_sft_trainer() -> Any:
    """An SFTTrainer class whose loss computes logits at labelled positions only.

    On a CPU TRL 1.16 computes logits at every position, prompts and padding included, which takes a third more time for
    the same loss. On a GPU, or with several processes, TRL's own loss is as compact and is used.
    """
    import torch.nn.functional as functional
    from trl import SFTTrainer

    class CompactSFTTrainer(SFTTrainer):  # type: ignore[misc]
        transform: LogitTransform | None = None

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if self.accelerator.num_processes > 1 or self.accelerator.device.type != "cpu":
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            labels = inputs["labels"][:, 1:]
            learned = labels != -100
            bare = self.accelerator.unwrap_model(model)
            self.transform = self.transform or measure(bare)
            with self.accelerator.autocast():  # which accelerate does in the whole model's forward only
                hidden = bare.base_model(
                    input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
                ).last_hidden_state[:, :-1]
                logits = bare.get_output_embeddings()(hidden[learned])
            logits = self.transform.of(logits.float())
            count = learned.sum() if num_items_in_batch is None else num_items_in_batch
            return functional.cross_entropy(logits, labels[learned], reduction="sum") / count

    return CompactSFTTrainer
